"""`FakeOCI` as its users hold it: started and stopped, with faults to order."""

from __future__ import annotations

import pytest

import oci_httpx_auth.testing

from ..byhand import Draft, connect, exchange
from ..standin import FakeCredential, FakeOCI, Fault


def test_a_fault_leaves_unsigned_what_was_not_signed(oci: FakeOCI, key: FakeCredential) -> None:
    """The fault is the answer, and the record says both."""
    oci.fail("echo", Fault(status=503))
    assert Draft(key).send(oci.url).status == 503
    record = oci.records[-1]
    assert (record.reason, record.signed, record.principal) == ("a fault: 503", False, "")


def test_a_fault_body_without_a_type_is_bytes(oci: FakeOCI, key: FakeCredential) -> None:
    """Its other headers come along."""
    oci.fail("echo", Fault(status=502, body=b"\0\1", headers={"Retry-After": "2"}))
    answer = Draft(key).sign().send(oci.url)
    assert (answer.status, answer.body) == (502, b"\0\1")
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == ("application/octet-stream", "2")


def test_a_second_start_does_nothing(oci: FakeOCI) -> None:
    """A second start is the first one's."""
    url = oci.url
    assert oci.start().url == url


def test_settings_can_be_read_back(oci: FakeOCI) -> None:
    """While it runs."""
    oci.token_lifetime, oci.enhanced_cluster, oci.stream_delay = 7.0, False, 0.25
    assert (oci.token_lifetime, oci.enhanced_cluster, oci.stream_delay) == (7.0, False, 0.25)


def test_stopping_frees_the_port_and_keeps_the_records(key: FakeCredential, oci: FakeOCI) -> None:
    """Open connections are broken; it can be started again."""
    url = oci.url
    with connect(url) as idle:
        Draft(key).sign().send(url)
        oci.stop()
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(url)
    with pytest.raises(RuntimeError, match="not running"):
        _ = oci.url
    assert len(oci.records) == 1
    with oci:
        assert Draft(key).sign().send(oci.url).status == 200


def test_a_taken_port_is_an_error_at_once(oci: FakeOCI) -> None:
    """The ports are free ones unless they are asked for."""
    with pytest.raises(OSError, match="in use"):
        FakeOCI(workload_identity_port=oci.tls_port).start()


def test_faults_occur_in_order_and_then_service_resumes(oci: FakeOCI, key: FakeCredential) -> None:
    """One for each request. Whether the request was signed is recorded all the same."""
    oci.fail("echo", Fault(503), Fault(429, headers={"Retry-After": "2"}), Fault(500, "Custom", "own words"))
    first, second, third, fourth = (Draft(key).sign().send(oci.url) for _ in range(4))
    assert (first.status, first.json()["code"]) == (503, "ServiceUnavailable")
    assert (second.status, second.headers["retry-after"]) == (429, "2")
    assert (third.status, third.json()) == (500, {"code": "Custom", "message": "own words"})
    assert fourth.status == 200
    assert [record.reason for record in oci.records] == ["a fault: 503", "a fault: 429", "a fault: 500", ""]
    assert all(record.signed for record in oci.records)


def test_a_fault_may_have_a_body_that_is_not_json(oci: FakeOCI, key: FakeCredential) -> None:
    """As a proxy in between would answer."""
    oci.fail("*", Fault(502, body=b"<html>", headers={"Content-Type": "text/html"}))
    answer = Draft(key).sign().send(oci.url)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (502, b"<html>", "text/html")


def test_a_fault_affects_its_own_service_alone(oci: FakeOCI, key: FakeCredential) -> None:
    """And a service there is not is a mistake of the test's author."""
    oci.fail("inference", Fault(500))
    assert Draft(key).sign().send(oci.url).status == 200
    with pytest.raises(ValueError, match="no such service: 'infernce'"):
        oci.fail("infernce", Fault(500))
    with pytest.raises(ValueError, match="no such token fault"):
        Fault(token="expird")


def test_a_reset_breaks_the_connection_and_a_truncated_answer_is_cut(oci: FakeOCI, key: FakeCredential) -> None:
    """As a client's socket sees it."""
    oci.fail("echo", Fault(reset=True), Fault(truncate=True), Fault(status=503, truncate=True))
    with connect(oci.url) as connection:
        connection.sendall(Draft(key).sign().wire())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    for _ in range(2):
        answer = Draft(key).sign().send(oci.url)
        assert 0 < len(answer.body) < int(answer.headers["content-length"])


def test_a_hanging_service_never_answers(oci: FakeOCI, key: FakeCredential) -> None:
    """The connection stays open, so only the client's own timeout helps."""
    oci.fail("echo", Fault(hang=True))
    with connect(oci.url) as connection:
        connection.settimeout(0.2)
        connection.sendall(Draft(key).sign().wire())
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_slow_services_answer_late_and_do_not_hold_up_others(oci: FakeOCI, key: FakeCredential) -> None:
    """Waiting is by service; a fault of delay alone leaves the answer as it is."""
    oci.latency["echo"] = 60.0
    with connect(oci.url) as slow:
        slow.sendall(Draft(key).sign().wire())
        region = exchange(
            oci.url, b"GET /opc/v2/instance/region HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer Oracle\r\n\r\n"
        )
        assert region.body == b"us-chicago-1"
        slow.settimeout(0.1)
        with pytest.raises(TimeoutError):
            slow.recv(1)
    oci.latency.clear()
    oci.fail("echo", Fault(delay=0.05))
    assert Draft(key).sign().send(oci.url).status == 200


def test_a_function_can_say_which_requests_fail(oci: FakeOCI, key: FakeCredential) -> None:
    """It sees the service and the request, and is asked when no fault is queued."""
    seen = []

    def source(service: str, record: oci_httpx_auth.testing.Record) -> Fault | None:
        seen.append((service, record.method))
        return Fault(503) if record.method == "PUT" else None

    oci.fault_source = source
    assert [Draft(key, method).sign().send(oci.url).status for method in ("PUT", "POST")] == [503, 200]
    assert seen == [("echo", "PUT"), ("echo", "POST")]


def test_a_bug_in_a_fault_source_is_recorded(
    oci: FakeOCI, key: FakeCredential, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the record, as a 500 for the client, and not as a traceback."""
    oci.fault_source = lambda service, record: {}[service]
    response = Draft(key).sign().send(oci.url)
    assert (response.status, response.json()["message"]) == (500, "The stand-in failed. Its record says why.")
    assert oci.records[-1].reason == "the stand-in failed: KeyError('echo')"
    assert capfd.readouterr().err == ""
