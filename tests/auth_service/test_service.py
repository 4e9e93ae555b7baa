"""One fetch from an auth service: its deadline, its retries, and what an address may be."""

from __future__ import annotations

import random
from collections.abc import Callable

import httpx
import pytest

from oci_httpx_auth import ConfigError, InstancePrincipal, ResourcePrincipal, ServiceRefusedError
from oci_httpx_auth._auth_service.service import AuthService, Call, service_message

from ..platforms import PREFIX
from ..standin import FakeOCI, Fault


@pytest.mark.parametrize("address", ["auth.example.com", "ftp://auth.example.com", "https://", "http://a:b"])
def test_an_invalid_address_is_a_configuration_error(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], address: str
) -> None:
    """It is reported at once, and not retried as if a service were down."""
    become(oci.environment("resource_principal", version="2.1"))
    become({f"{PREFIX}RPT_ENDPOINT": address})
    with pytest.raises(ConfigError, match="is not the URL of a service"):
        ResourcePrincipal(_service=AuthService(sleep=lambda _: pytest.fail("it was tried again"))).fetch()
    with pytest.raises(ConfigError, match="is not the URL of a service"):
        InstancePrincipal(
            metadata_url=address, _service=AuthService(sleep=lambda _: pytest.fail("it was tried again"))
        ).fetch()


def region_of(oci: FakeOCI) -> Call:
    return Call("GET", f"{oci.url}/opc/v2/instance/region", headers={"authorization": "Bearer Oracle"})


def text_of(answer: httpx.Response, received_at: float) -> str:
    return answer.content.decode()


def test_a_call_is_repeated_after_growing_pauses(oci: FakeOCI) -> None:
    """At least as long as `Retry-After` asks. The program's own random numbers are left alone."""
    state = random.getstate()
    pauses: list[float] = []
    service = AuthService(sleep=pauses.append)
    oci.fail("metadata", Fault(503), Fault(reset=True), Fault(429, headers={"retry-after": "7"}), Fault(500))
    with service.calls() as calls:
        assert calls.send(region_of(oci), text_of) == oci.region
    assert len(pauses) == 4
    assert pauses[0] < 0.5 <= pauses[1] * 2
    assert pauses[2] >= 7
    assert random.getstate() == state


@pytest.mark.parametrize("status", [400, 401, 403, 404, 501])
def test_a_refusal_is_not_repeated(oci: FakeOCI, status: int) -> None:
    """Unless the call says that this status passes by itself."""
    service = AuthService(sleep=lambda _: None)
    oci.fail("metadata", Fault(status, "ACode", "a message"))
    with service.calls() as calls, pytest.raises(ServiceRefusedError, match=f"{status} ACode: a message") as caught:
        calls.send(region_of(oci), text_of)
    assert (caught.value.status, len(oci.records)) == (status, 1)
    oci.fail("metadata", Fault(status))
    with AuthService(sleep=lambda _: None).calls() as calls:
        assert calls.send(region_of(oci)._replace(retried=frozenset({status})), text_of) == oci.region


def test_all_calls_of_a_fetch_share_one_deadline(oci: FakeOCI) -> None:
    """The pauses of the first call leave less time for the second."""
    pauses: list[float] = []
    busy, call = Fault(503, headers={"retry-after": "30"}), region_of(oci)._replace(patience=100.0)
    service = AuthService(sleep=pauses.append, deadline=100.0)
    with service.calls() as calls:
        oci.fail("metadata", busy, busy)
        assert calls.send(call, text_of) == oci.region
        oci.fail("metadata", busy, busy)
        with pytest.raises(ServiceRefusedError):
            calls.send(call, text_of)
    assert len(pauses) == 3
    assert sum(pauses) < 100


def test_after_a_failed_fetch_each_call_is_tried_once(oci: FakeOCI) -> None:
    """Until one succeeds: the pauses between fetches take over."""
    service = AuthService(sleep=lambda _: None)
    oci.fail("metadata", *[Fault(404)], *[Fault(503)] * 2)
    for _ in range(2):
        with pytest.raises(ServiceRefusedError), service.calls() as calls:
            calls.send(region_of(oci), text_of)
    assert len(oci.records) == 2
    with pytest.raises(ServiceRefusedError), service.calls() as calls:
        calls.send(region_of(oci), text_of)
    with service.calls() as calls:
        calls.send(region_of(oci), text_of)
    oci.fail("metadata", Fault(503))
    with service.calls() as calls:
        assert calls.send(region_of(oci), text_of) == oci.region


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"code": "NotAuthenticated", "message": "no"}', " NotAuthenticated: no"),
        (b'{"error": {"type": "invalid_request", "message": "no"}}', " invalid_request: no"),
        (b'{"error": "invalid_client", "error_description": "no"}', " invalid_client: no"),
        (b'{"code": "400", "message": "{\\"error\\": {\\"message\\": \\"no\\"}}"}', " 400: no"),
        (b"<html>hunter2</html>", ""),
        (b"[]", ""),
    ],
    ids=["OCI", "OpenAI", "OAuth", "OpenAI within OCI", "a page", "a list"],
)
def test_the_reason_of_a_refusal_is_read_in_each_form(content: bytes, text: str) -> None:
    """What has none of them is not quoted."""
    assert service_message(content) == text


def test_a_call_shows_neither_payload_nor_headers() -> None:
    """Both can hold tokens."""
    call = Call("POST", "https://auth.example.com/", payload={"currentToken": "secret"}, headers={"a": "secret"})
    assert repr(call) == "<Call POST https://auth.example.com/>"
