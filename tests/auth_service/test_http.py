"""The blocking HTTP client of one fetch: what it trusts, and what counts as an answer."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import certifi
import pytest

from oci_httpx_auth import ConfigError, ServiceUnreachableError
from oci_httpx_auth._auth_service.http import MAX_RESPONSE, Client, _load_authorities
from oci_httpx_auth._signing.waiting import in_thread

from ..standin import FakeOCI, Fault, Record


def test_a_clusters_authority_is_verified_as_before_python_3_13(tmp_path: Path) -> None:
    """3.13 requires extensions that Kubernetes' authorities lack. Chain, dates and name are still verified."""
    with FakeOCI() as oci:
        (tmp_path / "ca.crt").write_bytes(oci.ca_pem)
    with Client(ca_file=str(tmp_path / "ca.crt")) as client:
        client.load_authorities().result(20)
        context = client._context
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


REGION = "/opc/v2/instance/region"
HEADERS = {b"authorization": b"Bearer Oracle"}


def test_without_variables_certifis_authorities_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of httpx, which depends on certifi."""
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_authorities(context, None)
    trusted = ssl.create_default_context(cafile=certifi.where())
    assert sorted(context.get_ca_certs(True)) == sorted(trusted.get_ca_certs(True)) != []


def test_an_answer_is_read_whole_and_not_shown(oci: FakeOCI) -> None:
    """It may be a token or a key, so its repr has the status alone."""
    with Client() as client:
        answer = client.send("GET", f"{oci.url}{REGION}", HEADERS, b"", 20.0)
    assert (answer.status_code, answer.content) == (200, oci.region.encode())
    assert answer.headers["content-type"] == "text/plain"
    assert repr(answer) == "<Response [200 OK]>"


def test_a_redirect_is_an_answer_like_any_other(oci: FakeOCI) -> None:
    """Whoever sends it could have a credential sent elsewhere."""
    oci.fail("metadata", Fault(status=302, headers={"location": f"{oci.url}/elsewhere"}))
    with Client() as client:
        assert client.send("GET", f"{oci.url}{REGION}", HEADERS, b"", 20.0).status_code == 302
    assert len(oci.records) == 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=200, body=b"x" * (MAX_RESPONSE + 1)), f"more than {MAX_RESPONSE} bytes"),
        (Fault(status=200, body=b"", headers={"content-encoding": "gzip"}), "an encoding that was not requested"),
        (Fault(reset=True), "could not be reached"),
        (Fault(truncate=True), "could not be reached"),
    ],
    ids=["too large", "compressed", "reset", "truncated"],
)
def test_an_incomplete_or_oversized_answer_is_no_answer(oci: FakeOCI, fault: Fault, says: str) -> None:
    """The error names the address without its query, which may hold a secret."""
    oci.fail("metadata", fault)
    with Client() as client, pytest.raises(ServiceUnreachableError, match=says) as caught:
        client.send("GET", f"{oci.url}{REGION}?code=hunter2", HEADERS, b"", 20.0)
    assert f"{oci.url}{REGION}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_service_that_hangs_is_given_up_in_time(oci: FakeOCI) -> None:
    """The caller does not wait for the thread that waits; either of them notices first."""
    oci.fail("metadata", Fault(hang=True))
    says = r"did not finish its response within 0 s\.|could not be reached: timed out"
    with Client() as client, pytest.raises(ServiceUnreachableError, match=says):
        client.send("GET", f"{oci.url}{REGION}", HEADERS, b"", 0.1)


def test_leaving_the_client_breaks_off_what_is_under_way(oci: FakeOCI) -> None:
    """No connection outlives the fetch that it was for."""
    asked = threading.Event()

    def hang(service: str, record: Record) -> Fault:
        asked.set()
        return Fault(hang=True)

    oci.fault_source = hang
    with Client() as client:
        sending = in_thread(lambda: client.send("GET", f"{oci.url}{REGION}", HEADERS, b"", 20.0), "sending")
        assert asked.wait(20)
    with pytest.raises(ServiceUnreachableError):
        sending.result(10)


def test_proxy_settings_that_cannot_be_used_are_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of a proxy may hold a password."""
    monkeypatch.setenv("HTTPS_PROXY", "foo://user:hunter2@proxy")
    with pytest.raises(ConfigError, match="proxy settings cannot be used") as caught:
        Client()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    with Client(direct=True):
        pass
