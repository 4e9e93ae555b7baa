"""The stand-in as an HTTP server, on real sockets."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import re
import socket
from email.utils import parsedate_to_datetime

import pytest
from endpoints import object_storage

from ..byhand import Draft, answers, connect, exchange
from ..standin import FakeCredential, FakeOCI, Fault, Reply


def test_blank_lines_and_trailers_are_skipped(oci: FakeOCI, key: FakeCredential) -> None:
    """Both are allowed, and mean nothing."""
    draft = Draft(key, "DELETE", body=b"")
    draft.set("Transfer-Encoding", "chunked")
    wire = b"\r\n\r\n" + draft.sign().wire() + b"1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n"
    assert exchange(oci.url, wire).status == 200
    assert oci.records[-1].body == b"a"


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("head", b"GET /x HTTP/1.1\r\nHost"),
        ("body", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab"),
        ("body", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"),
    ],
)
def test_a_request_that_breaks_off_is_answered_and_recorded(oci: FakeOCI, part: str, sent: bytes) -> None:
    """In the middle of its head, or of its body."""
    with connect(oci.url) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            assert file.readline() == b"HTTP/1.1 400 Bad Request\r\n"
    assert oci.records[-1].reason == f"the connection ended inside the {part} of a request"


def test_an_unknown_status_is_sent_anyway(oci: FakeOCI, key: FakeCredential) -> None:
    """By a name that says so."""
    oci.fail("echo", Fault(status=599))
    with connect(oci.url) as connection, connection.makefile("rb") as file:
        connection.sendall(Draft(key).sign().wire())
        assert file.readline() == b"HTTP/1.1 599 Unknown\r\n"


def test_a_hanging_service_takes_whatever_else_is_sent(oci: FakeOCI, key: FakeCredential) -> None:
    """It ends with its client, and serves the next one."""
    oci.fail("echo", Fault(hang=True))
    with connect(oci.url) as connection:
        connection.sendall(Draft(key).sign().wire())
        for _ in range(3):
            connection.sendall(b"x" * 1_000_000)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert Draft(key).sign().send(oci.url).status == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_stop_its_parents_stand_in(oci: FakeOCI, key: FakeCredential) -> None:
    """It has a copy without the thread."""
    process = multiprocessing.get_context("fork").Process(target=oci.stop)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert Draft(key).sign().send(oci.url).status == 200


def test_every_answer_has_a_date_and_a_request_id(oci: FakeOCI, key: FakeCredential) -> None:
    """Refusals and malformed requests too."""
    for data in (Draft(key).sign().wire(), Draft(key).wire(), b"rubbish\r\n\r\n"):
        answer = exchange(oci.url, data)
        assert re.fullmatch("[0-9A-F]{32}", answer.headers["opc-request-id"])
        assert parsedate_to_datetime(answer.headers["date"])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"rubbish\r\n\r\n", 400),
        (b"GET  /x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /x HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: x\rinside\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 300_000, 400),
        (
            b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", 413),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", 431),
    ],
)
def test_a_malformed_request_is_answered_and_does_no_harm(
    oci: FakeOCI, key: FakeCredential, data: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a status of its own, nothing on stderr, and service for the next one."""
    answer = exchange(oci.url, data)
    assert (answer.status, answer.json()["code"]) == (status, "CannotParseRequest")
    assert oci.records[-1].reason
    assert Draft(key).sign().send(oci.url).status == 200
    assert capfd.readouterr().err == ""


def test_a_client_that_disconnects_early_does_no_harm(
    oci: FakeOCI, key: FakeCredential, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the head, in the body, in the TLS handshake, or before the answer."""
    whole = Draft(key).sign().wire()
    for url, data in [
        (oci.url, b""),
        (oci.url, whole[:50]),
        (oci.url, whole[:-1]),
        (oci.tls_url, b"not tls"),
        (oci.url, whole),
    ]:
        connection = connect(url)
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert Draft(key).sign().send(oci.url).status == 200
    assert capfd.readouterr().err == ""


def test_a_connection_serves_many_requests_even_sent_at_once(oci: FakeOCI, key: FakeCredential) -> None:
    """Keep-alive and pipelining, until the client asks to close."""
    last = Draft(key, headers=[["Connection", "close"]]).sign()
    with connect(oci.url) as connection:
        connection.sendall(
            Draft(key, "GET", "/1", body=b"").sign().wire() + Draft(key, "PUT", "/2").sign().wire() + last.wire()
        )
        targets = [answer.json()["target"] for answer in answers(connection)]
    assert targets == ["/1", "/2", "/some/path?a=b"]


def test_head_is_answered_without_a_body(oci: FakeOCI, key: FakeCredential) -> None:
    """But with the length that GET would have, and the connection stays good."""
    head = Draft(key, "HEAD", body=b"").sign()
    with connect(oci.url) as connection:
        connection.sendall(head.wire())
        assert int(next(answers(connection, head=True)).headers["content-length"]) > 0
        connection.sendall(Draft(key).sign().wire())
        assert next(answers(connection)).status == 200


def test_an_answer_of_204_has_no_body_and_no_length(oci: FakeOCI, key: FakeCredential) -> None:
    """Deleting an object is answered so."""
    object_storage.add_to(oci)
    target = "/n/axfakenamespace/b/bucket/o/object"
    assert Draft(key, "PUT", target).sign().send(oci.url).status == 200
    answer = Draft(key, "DELETE", target, body=b"").sign().send(oci.url)
    assert answer.status == 204
    assert "content-length" not in answer.headers


def test_an_answer_of_unknown_length_ends_with_its_connection(oci: FakeOCI, key: FakeCredential) -> None:
    """One that an endpoint made without a length, and one from which a fault took it."""
    oci.add_endpoint("/made", lambda request, principal: Reply(201, [], [b"made"]), methods=["POST"])
    oci.fail("echo", Fault(headers={"content-length": ""}))
    for target, end in (("/made", b"made"), ("/x", b"}")):
        with connect(oci.url) as connection, connection.makefile("rb") as file:
            connection.settimeout(3)
            connection.sendall(Draft(key, target=target).sign().wire())
            head, _, body = file.read().partition(b"\r\n\r\n")
            assert b"connection: close" in head
            assert body.endswith(end)


def test_a_client_may_ask_before_it_sends_its_body(oci: FakeOCI, key: FakeCredential) -> None:
    """`Expect: 100-continue` is answered before the body is there."""
    draft = Draft(key, headers=[["Expect", "100-continue"]]).sign()
    head = draft.wire().removesuffix(draft.body)
    with connect(oci.url) as connection:
        connection.sendall(head)
        replies = answers(connection)
        assert next(replies).status == 100
        connection.sendall(draft.body)
        assert next(replies).status == 200


def test_a_body_of_many_megabytes_is_verified(oci: FakeOCI, key: FakeCredential) -> None:
    """Within the time that hashing it takes."""
    body = os.urandom(1 << 20) * 64
    draft = Draft(key, "PUT", body=body).sign()
    assert draft.send(oci.url).json()["length"] == len(body)
    draft.body = body[:-1] + bytes([body[-1] ^ 1])
    assert draft.send(oci.url).status == 401


def test_a_thousand_connections_at_once_are_served(oci: FakeOCI, key: FakeCredential) -> None:
    """All are open before the first one is answered."""
    wire = Draft(key, "GET", body=b"").sign().wire()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        connections = list(pool.map(lambda _: connect(oci.url), range(1000)))
        try:
            for connection in connections:
                connection.sendall(wire)
            statuses = {next(answers(connection)).status for connection in connections}
        finally:
            for connection in connections:
                connection.close()
    assert statuses == {200}
    assert len(oci.records) == 1000
