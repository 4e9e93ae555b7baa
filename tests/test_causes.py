"""The most probable cause of a refusal, or of a request without a response."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from oci_httpx_auth import CredentialsUnavailableError, InstancePrincipal, OCISigner
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth._causes import network_cause, request_cause
from oci_httpx_auth._errors import ServiceUnreachableError, error_chain

from .standin import FakeOCI, Fault


def test_a_cause_that_an_http_library_hides_is_found() -> None:
    """httpcore cuts the chain, and keeps the error as an argument of its own."""

    class Translated(Exception):
        pass

    def fail() -> Any:
        try:
            raise ConnectionResetError(104, "reset")
        except OSError as error:
            raise Translated(error) from None

    with pytest.raises(Translated) as caught:
        fail()
    caught.value.__context__ = None
    assert [type(link) for link in error_chain(caught.value)] == [Translated, ConnectionResetError]


def test_a_proxy_is_not_blamed_for_a_call_within_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workload identity goes to the cluster's own address directly, whatever `HTTPS_PROXY` says; other auth services do not."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    for path, host in (
        ("/resourcePrincipalSessionTokens", "10.96.0.1"),
        ("/v1/x509", "auth.us-chicago-1.oraclecloud.com"),
    ):
        late = httpx.ConnectTimeout("timed out", request=httpx.Request("POST", f"https://{host}{path}"))
        error = ServiceUnreachableError("not reached")
        error.__cause__ = late
        cause = network_cause(error)
        assert ("proxy.example" in cause.cause) is (path == "/v1/x509")
        assert (f"host {host} did not answer" in cause.cause) is (path != "/v1/x509")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=401, code="NotAuthenticated"), "The auth service does not accept this identity."),
        (Fault(status=429), "The auth service is throttling requests."),
        (Fault(status=503), "The auth service has a problem of its own."),
        (Fault(reset=True), "The host 127.0.0.1 closed the connection without answering."),
    ],
    ids=["refused", "throttled", "down", "reset"],
)
def test_an_error_for_the_caller_begins_with_the_most_probable_cause(oci: FakeOCI, fault: Fault, says: str) -> None:
    """Before the details, and chained to them."""
    oci.fault_source = lambda service, record: fault if service == "federation" else None
    provider = InstancePrincipal(
        metadata_url=oci.metadata_url,
        federation_endpoint=oci.federation_endpoint,
        _service=AuthService(sleep=lambda _: None),
    )
    with pytest.raises(CredentialsUnavailableError) as raised:
        OCISigner(provider).signed_headers("GET", oci.url)
    text = str(raised.value)
    assert text.startswith(f"No valid OCI credential from the instance metadata service: {says}")
    assert str(raised.value.__cause__) in text


def test_causes_of_silence() -> None:
    """Each kind of network failure has a cause of its own."""
    request = httpx.Request("GET", "https://127.0.0.1/")
    assert network_cause(httpx.ReadTimeout("", request=request)).code == "no-answer-in-time"
    assert network_cause(httpx.ProxyError("", request=request)).code == "proxy"
    assert network_cause(httpx.ReadError("", request=request)).code == "unreachable"


def test_a_failure_that_nobody_thought_of_is_raised() -> None:
    """`check` reports it as a bug, with its place. An HTTP library's failure without a request names no host."""
    with pytest.raises(KeyError):
        request_cause(KeyError("x"), "https://h.example")
    assert network_cause(httpx.ConnectTimeout("")).cause == "The host did not answer in time."


def test_a_proxy_is_not_blamed_for_a_request_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that names no request may have nothing to do with `ALL_PROXY`."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    assert network_cause(ConnectionRefusedError()).cause == "The host refuses connections."
