"""The stand-in itself: what it accepts, what it refuses and why, and how it behaves as a server."""

from __future__ import annotations

import ast
import base64
import concurrent.futures
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from endpoints import object_storage, websockets

import oci_httpx_auth.testing

from ..byhand import Draft, answers, connect, exchange, signature_of
from ..standin import FakeCredential, FakeOCI, Fault

EMPTY_DIGEST = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
GENERIC_WORDS = "The required information to complete authentication was not provided or was incorrect."


@pytest.fixture
def key(oci: FakeOCI) -> FakeCredential:
    return oci.add_api_key()


# What is accepted.


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"])
def test_a_request_signed_by_the_rules_is_accepted(oci: FakeOCI, key: FakeCredential, method: str) -> None:
    """The control for all refusals below: the same request without a defect."""
    body = b'{"a": 1}' if method in ("POST", "PUT", "PATCH") else b""
    answer = Draft(key, method, body=body).sign().send(oci.url)
    record = oci.records[-1]
    assert (answer.status, record.reason, record.signed) == (200, "", True)
    assert (record.service, record.mode, record.principal) == ("echo", "api_key", f"user {oci.user}")
    assert (record.method, record.target, record.body) == (method, "/some/path?a=b", body)
    assert record.key_id == f"{oci.tenancy}/{oci.user}/{key.fingerprint}"
    if method != "HEAD":
        assert answer.json()["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_x_date_may_be_signed_in_place_of_date(oci: FakeOCI, key: FakeCredential) -> None:
    """Browsers cannot set Date, so Oracle's TypeScript SDK signs x-date."""
    draft = Draft(key, "GET", body=b"")
    draft.set("x-date", draft.get("date"))
    draft.set("date", "whatever")
    draft.names[0] = "x-date"
    assert draft.sign().send(oci.url).status == 200


def test_the_order_of_headers_and_parameters_is_free(oci: FakeOCI, key: FakeCredential) -> None:
    """Only the signing string has to follow the listed order. Spaces after commas do no harm."""
    draft = Draft(key)
    draft.names.reverse()
    draft.sign()
    parameters = ", ".join(f'{name}="{value}"' for name, value in reversed(draft.parameters.items()))
    draft.set("authorization", f"Signature {parameters}")
    assert draft.send(oci.url).status == 200


def test_further_headers_may_be_signed(oci: FakeOCI, key: FakeCredential) -> None:
    """Whatever else a caller wants covered."""
    draft = Draft(key, "GET", body=b"", headers=[["x-extra", "whatever"]])
    draft.names.append("x-extra")
    assert draft.sign().send(oci.url).status == 200
    assert oci.records[-1].signed_headers[-1] == "x-extra"


@pytest.mark.parametrize(
    "target",
    ["//a//b", "/a%2Fb;c=d", "/a?", "/?x=%7e&y=[z]|{}", "/%e4/../b/./c", "/a?b=c?d", "/ä".encode().decode("latin-1")],
)
def test_the_target_is_taken_as_it_stands_on_the_wire(oci: FakeOCI, key: FakeCredential, target: str) -> None:
    """Nothing is decoded, resolved or re-encoded before it is verified."""
    answer = Draft(key, "GET", target, body=b"").sign().send(oci.url)
    assert (answer.status, oci.records[-1].target) == (200, target)


def test_header_names_are_recorded_in_the_case_they_came_in(oci: FakeOCI, key: FakeCredential) -> None:
    """And found in whatever case they are asked for."""
    Draft(key, "GET", body=b"", headers=[["X-CuStOm", "1"]]).sign().send(oci.url)
    assert ("X-CuStOm", "1") in oci.records[-1].headers
    assert oci.records[-1].header("x-custom") == "1"
    assert oci.records[-1].header("x-other") is None


def test_a_custom_public_key_can_be_registered(oci: FakeOCI) -> None:
    """The private half never leaves its owner."""
    with FakeOCI() as elsewhere:
        private_key = elsewhere.add_api_key().private_key
    assert private_key is not None
    key = oci.add_api_key(private_key.public_key())
    with pytest.raises(ValueError, match="public half"):
        key.private_key_pem()
    draft = Draft(key)
    draft.credential = type("Credential", (), {"key_id": key.key_id, "private_key": private_key})
    assert draft.sign().send(oci.url).status == 200


# What is refused: each defect by itself, and the reason that the record gives for it.


def unsigned(name: str) -> Callable[[Draft], None]:
    return lambda draft: draft.names.remove(name)


def dropped_after(name: str) -> Callable[[Draft], None]:
    def spoil(draft: Draft) -> None:
        draft.sign()
        draft.drop(name)

    return spoil


def changed_after(name: str, value: str) -> Callable[[Draft], None]:
    def spoil(draft: Draft) -> None:
        draft.sign()
        draft.set(name, value)

    return spoil


def added_after(name: str, value: str) -> Callable[[Draft], None]:
    def spoil(draft: Draft) -> None:
        draft.sign()
        draft.extra.append([name, value])

    return spoil


def parameter(name: str, value: str | None) -> Callable[[Draft], None]:
    def spoil(draft: Draft) -> None:
        draft.sign()
        draft.parameters[name] = value or ""
        if value is None:
            del draft.parameters[name]
        joined = ",".join(f'{name}="{value}"' for name, value in draft.parameters.items())
        draft.set("authorization", f"Signature {joined}")

    return spoil


def authorization(change: Callable[[str], str]) -> Callable[[Draft], None]:
    def spoil(draft: Draft) -> None:
        draft.sign()
        draft.set("authorization", change(draft.get("authorization")))

    return spoil


def other_body(draft: Draft) -> None:
    draft.sign()
    draft.body = b'{"a": 2}'


def other_target(draft: Draft) -> None:
    draft.sign()
    draft.target = "/some/path?a=c"


def other_method(draft: Draft) -> None:
    draft.sign()
    draft.method = "PUT"


def wrong_digest(draft: Draft) -> None:
    draft.set("x-content-sha256", EMPTY_DIGEST)


def bad_date(text: str) -> Callable[[Draft], None]:
    return lambda draft: draft.set("date", text)


def listed_twice(draft: Draft) -> None:
    draft.names.append("host")


def listed_in_capitals(draft: Draft) -> None:
    draft.names[0] = "Date"


def chunked(draft: Draft) -> None:
    draft.sign()
    draft.drop("content-length")
    draft.set("transfer-encoding", "chunked")
    draft.body = b"8\r\n" + draft.body + b"\r\n0\r\n\r\n"


def lf_at_the_end(draft: Draft) -> None:
    lines = []
    for name in draft.names:
        target = f"(request-target): {draft.method.lower()} {draft.target}"
        lines.append(target if name == "(request-target)" else f"{name}: {draft.get(name)}")
    draft.parameters["signature"] = signature_of(draft.credential.private_key, "\n".join(lines) + "\n")


REFUSALS: dict[str, tuple[Callable[[Draft], None], str]] = {
    "nothing is signed": (dropped_after("authorization"), "there is no authorization header"),
    "another scheme": (authorization(lambda s: s.replace("Signature ", "Basic ")), "scheme is 'Basic', not Signature"),
    "a bearer": (authorization(lambda s: "Bearer sk-placeholder"), "scheme is 'Bearer', not Signature"),
    "authorization twice": (added_after("Authorization", "Bearer x"), "authorization is sent more than once"),
    "x-api-key is left": (added_after("X-Api-Key", "secret"), "another credential was left on the request: x-api-key"),
    "x-goog-api-key is left": (added_after("x-goog-api-key", "s"), "another credential was left on the request"),
    "no quotes": (authorization(lambda s: s.replace('"', "")), "the authorization header is malformed"),
    "a comma at the end": (authorization(lambda s: s + ","), "the authorization header is malformed"),
    "rubbish at the end": (authorization(lambda s: s + " and more"), "the authorization header is malformed"),
    "a parameter twice": (
        authorization(lambda s: s + ',version="1"'),
        "the authorization parameter version is given twice",
    ),
    "no version": (parameter("version", None), "the authorization parameter version is missing"),
    "version 2": (parameter("version", "2"), "the signature version is '2', not 1"),
    "no algorithm": (parameter("algorithm", None), "the authorization parameter algorithm is missing"),
    "another algorithm": (parameter("algorithm", "rsa-sha1"), "the algorithm is 'rsa-sha1', not rsa-sha256"),
    "no key id": (parameter("keyId", None), "the authorization parameter keyId is missing"),
    "an unknown key": (parameter("keyId", "ocid1.tenancy.oc1..a/ocid1.user.oc1..b/00:11"), "no API key is registered"),
    "a key id of one part": (parameter("keyId", "nobody"), "no API key is registered under the key id (of 1 parts)"),
    "a resource's key id": (parameter("keyId", "resource/v2.1/ocid1.r"), "no API key is registered"),
    "a token that is none": (parameter("keyId", "ST$abc"), "the token is not a JWT"),
    "no headers": (parameter("headers", None), "the authorization parameter headers is missing"),
    "a double space in headers": (parameter("headers", "date  host"), "'' in the signature's headers is not"),
    "no signature": (parameter("signature", ""), "the authorization parameter signature is missing"),
    "no base64": (parameter("signature", "%%%"), "the signature is not base64"),
    "another signature": (parameter("signature", "AAAA"), "the signature does not fit"),
    "a line feed at the end of the signing string": (lf_at_the_end, "the signature does not fit"),
    "date is not signed": (unsigned("date"), "neither date nor x-date is signed"),
    "target is not signed": (unsigned("(request-target)"), "(request-target) is not signed"),
    "host is not signed": (unsigned("host"), "host is not signed"),
    "length is not signed": (unsigned("content-length"), "content-length is not signed"),
    "type is not signed": (unsigned("content-type"), "content-type is not signed"),
    "digest is not signed": (unsigned("x-content-sha256"), "x-content-sha256 is not signed"),
    "a header listed twice": (listed_twice, "a header is listed twice"),
    "a header listed in capitals": (
        listed_in_capitals,
        "'Date' in the signature's headers is not a lower-case header name",
    ),
    "date is not sent": (dropped_after("date"), "date is signed but was not sent"),
    "type is not sent": (dropped_after("content-type"), "content-type is signed but was not sent"),
    "a signed header is sent twice": (added_after("date", "x"), "date is signed but was sent 2 times"),
    "another type": (changed_after("content-type", "text/plain"), "the signature does not fit"),
    "another host": (changed_after("host", "elsewhere.example"), "the signature does not fit"),
    "a port more in host": (changed_after("host", "127.0.0.1:80"), "the signature does not fit"),
    "another target": (other_target, "the signature does not fit"),
    "another method": (other_method, "the signature does not fit"),
    "another body": (other_body, "x-content-sha256 is not the digest of the body"),
    "the digest of another body": (wrong_digest, "x-content-sha256 is not the digest of the body"),
    "a date in ISO form": (bad_date("2026-03-02T09:30:00Z"), "date is not an RFC 1123 date in GMT"),
    "a date with an offset": (bad_date(formatdate(usegmt=False)), "date is not an RFC 1123 date in GMT"),
    "an empty date": (bad_date(""), "date is not an RFC 1123 date in GMT"),
    "a chunked body": (chunked, "the body is chunked"),
}


@pytest.mark.parametrize("defect", REFUSALS)
def test_each_defect_is_refused_for_its_own_reason(oci: FakeOCI, key: FakeCredential, defect: str) -> None:
    """The client is told what OCI tells everybody; the record says what is wrong."""
    spoil, reason = REFUSALS[defect]
    draft = Draft(key)
    spoil(draft)
    if not any(name.lower() == "authorization" for name, _ in draft.headers) and "no authorization" not in reason:
        draft.sign()

    answer = draft.send(oci.url)

    assert reason in oci.records[-1].reason
    assert not oci.records[-1].signed
    assert answer.status == oci.records[-1].status == 401
    assert answer.json() == {"code": "NotAuthenticated", "message": GENERIC_WORDS}


def test_another_key_does_not_sign_for_this_one(oci: FakeOCI, key: FakeCredential) -> None:
    """A key id alone is no credential."""
    draft = Draft(key)
    draft.credential = oci.add_api_key()
    draft.sign().send(oci.url)
    assert "does not fit" in oci.records[-1].reason


def test_a_deleted_key_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """From one request to the next."""
    assert Draft(key).sign().send(oci.url).status == 200
    oci.remove_api_key(key)
    assert Draft(key).sign().send(oci.url).status == 401


@pytest.mark.parametrize(("offset", "status"), [(-310, 401), (-290, 200), (290, 200), (310, 401)])
def test_a_date_may_be_five_minutes_off(key: FakeCredential, oci: FakeOCI, offset: float, status: int) -> None:
    """Either way; beyond that the answer has OCI's words for it, which name both times."""
    oci.clock = lambda: 1_800_000_000.0
    answer = Draft(key, now=1_800_000_000 + offset).sign().send(oci.url)
    assert answer.status == status
    if status == 401:
        assert answer.json()["code"] == "NotAuthenticated"
        assert re.fullmatch(
            r"Date '.+ UTC' is not within allowed clock skew. Current 'Fri, 15 Jan 2027 08:00:00 UTC', "
            r"valid datetime range: \['.+ UTC', '.+ UTC'\]",
            answer.json()["message"],
        )
        assert "behind the server's time" in oci.records[-1].reason


def test_the_servers_clock_can_be_wrong(oci: FakeOCI, key: FakeCredential) -> None:
    """Its Date header tells, and a date that follows it is accepted."""
    oci.clock_offset = 3600
    answer = Draft(key).sign().send(oci.url)
    assert answer.status == 401
    theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert abs(theirs - oci.clock() - 3600) < 30
    assert Draft(key, now=theirs).sign().send(oci.url).status == 200
    assert oci.records[-1].date == formatdate(theirs, usegmt=True)


def test_every_answer_has_a_date_and_a_request_id(oci: FakeOCI, key: FakeCredential) -> None:
    """Refusals and malformed requests too."""
    for data in (Draft(key).sign().wire(), Draft(key).wire(), b"rubbish\r\n\r\n"):
        answer = exchange(oci.url, data)
        assert re.fullmatch("[0-9A-F]{32}", answer.headers["opc-request-id"])
        assert parsedate_to_datetime(answer.headers["date"])


# Tokens.


def test_a_session_signs_with_its_token(oci: FakeOCI) -> None:
    """The token's jwk is the key that must verify."""
    session = oci.add_session()
    assert Draft(session).sign().send(oci.url).status == 200
    assert (oci.records[-1].mode, oci.records[-1].principal) == ("security_token", f"session of user {oci.user}")


@pytest.mark.parametrize("kind", ["session", "instance", "resource", "workload"])
def test_a_token_carries_the_claims_of_its_kind(oci: FakeOCI, key: FakeCredential, kind: str) -> None:
    """Three parts, RS256, and a jwk that is a JSON text."""
    assert key.private_key is not None
    token = oci.issue_token(key.private_key.public_key(), kind=kind, lifetime=60, colour="green")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header["alg"] == "RS256"
    assert claims["exp"] == claims["iat"] + 60
    assert claims["tenant"] == oci.tenancy
    assert claims["colour"] == "green"
    assert set(json.loads(claims["jwk"])) == {"kid", "n", "e", "kty", "alg", "use"}
    if kind != "session":  # what a published token of an instance has
        names = "sub opc-certtype iss fprint ptype aud opc-tag ttype exp opc-compartment iat jti tenant jwk opc-tenant"
        assert set(names.split()) - {"sub"} <= set(claims)
        assert 1500 < len(token) < 3000
    if kind in ("resource", "workload"):
        assert (claims["res_tenant"], claims["res_compartment"]) == (oci.tenancy, oci.compartment)


class Bearer:
    """A token with a key, which need not belong together."""

    def __init__(self, token: str, key: FakeCredential) -> None:
        self.key_id = f"ST${token}"
        self.private_key = key.private_key


@pytest.mark.parametrize("age", ["still valid", "expired"])
def test_a_token_is_valid_until_its_exp(oci: FakeOCI, age: str) -> None:
    """To the second, by the stand-in's own clock."""
    session = oci.add_session(lifetime=100)
    assert session.expires_at == pytest.approx(oci.now() + 100, abs=30)
    now = session.expires_at + (0 if age == "expired" else -1)
    oci.clock = lambda: now
    answer = Draft(session, now=now).sign().send(oci.url)
    assert answer.status == (401 if age == "expired" else 200)
    assert oci.records[-1].reason == ("the token expired 0 s ago" if age == "expired" else "")


def test_a_token_bound_to_another_key_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """Who steals a token cannot use it."""
    Draft(Bearer(oci.add_session().token, key)).sign().send(oci.url)
    assert "does not fit" in oci.records[-1].reason


def test_a_token_without_a_key_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """Without a jwk there is nothing to verify with."""
    Draft(Bearer(oci.issue_token(None), key)).sign().send(oci.url)
    assert oci.records[-1].reason == "the token has no usable jwk"


def test_a_token_without_an_end_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """A claim of None is left out."""
    assert key.private_key is not None
    Draft(Bearer(oci.issue_token(key.private_key.public_key(), exp=None), key)).sign().send(oci.url)
    assert oci.records[-1].reason == "the token has no exp"


def test_a_changed_token_is_refused(oci: FakeOCI) -> None:
    """The token's own signature is verified."""
    session = oci.add_session()
    header, claims, signature = session.token.split(".")
    loaded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    longer = base64.urlsafe_b64encode(json.dumps({**loaded, "exp": loaded["exp"] + 1}).encode()).decode().rstrip("=")
    draft = Draft(session)
    draft.parameters["keyId"] = f"ST${header}.{longer}.{signature}"
    draft.sign().send(oci.url)
    assert oci.records[-1].reason == "the token's own signature is wrong"


def test_a_token_of_another_stand_in_is_refused(oci: FakeOCI) -> None:
    """Each issues its own."""
    Draft(FakeOCI().add_session()).sign().send(oci.url)
    assert oci.records[-1].reason == "the token was issued by somebody else"


def test_a_service_accounts_token_does_not_sign(oci: FakeOCI, key: FakeCredential) -> None:
    """It is a bearer token, for one service."""
    Draft(Bearer(oci.service_account_token(), key)).sign().send(oci.url)
    assert oci.records[-1].reason == "a service_account token does not sign requests"


def test_a_revoked_token_is_refused_and_others_are_not(oci: FakeOCI) -> None:
    """By its text, or all that there are so far."""
    first, second = oci.add_session(), oci.add_session()
    oci.revoke(first.token)
    assert [Draft(s).sign().send(oci.url).status for s in (first, second)] == [401, 200]
    assert oci.records[-2].reason == "the token was revoked"
    oci.revoke_tokens()
    third = oci.add_session()
    assert [Draft(s).sign().send(oci.url).status for s in (second, third)] == [401, 200]


# The server.


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
def test_what_is_no_proper_request_is_answered_and_does_no_harm(
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


def test_tls_is_certified_by_the_stand_ins_own_authority(oci: FakeOCI, key: FakeCredential) -> None:
    """For the address and for the name; nobody else's trust is enough."""
    context = ssl.create_default_context(cadata=oci.ca_pem.decode())
    assert oci.tls_url == f"https://127.0.0.1:{oci.tls_port}"
    for host in ("127.0.0.1", "localhost"):
        with (
            connect(f"http://{host}:{oci.tls_port}") as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(Draft(key).sign().wire())
            assert next(answers(secure)).status == 200
    with connect(f"http://127.0.0.1:{oci.tls_port}") as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


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


def test_a_websocket_handshake_is_verified_accepted_and_closed(oci: FakeOCI, key: FakeCredential) -> None:
    """The accept value is that of RFC 6455's example; the first frame is a close frame."""
    websockets.add_to(oci)
    headers = [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
        ["OpenAI-Project", "ocid1.generativeaiproject.oc1..a"],
    ]
    draft = Draft(key, "GET", "/openai/v1/realtime?model=m", body=b"", headers=headers)
    assert draft.send(oci.url).status == 401
    with connect(oci.url) as connection:
        connection.sendall(draft.sign().wire())
        with connection.makefile("rb") as file:
            head = b"".join(iter(file.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            assert file.read(4) == b"\x88\x02\x03\xe8"
            connection.sendall(b"\x88\x80\0\0\0\0")
            assert file.read() == b""


# Faults.


def test_faults_are_met_in_order_and_then_service_goes_on(oci: FakeOCI, key: FakeCredential) -> None:
    """One for each request. Whether the request was signed is recorded all the same."""
    oci.fail("echo", Fault(503), Fault(429, headers={"Retry-After": "2"}), Fault(500, "Custom", "own words"))
    first, second, third, fourth = (Draft(key).sign().send(oci.url) for _ in range(4))
    assert (first.status, first.json()["code"]) == (503, "ServiceUnavailable")
    assert (second.status, second.headers["retry-after"]) == (429, "2")
    assert (third.status, third.json()) == (500, {"code": "Custom", "message": "own words"})
    assert fourth.status == 200
    assert [record.reason for record in oci.records] == ["a fault: 503", "a fault: 429", "a fault: 500", ""]
    assert all(record.signed for record in oci.records)


def test_a_fault_may_have_a_body_that_is_no_json(oci: FakeOCI, key: FakeCredential) -> None:
    """As a proxy in between would answer."""
    oci.fail("*", Fault(502, body=b"<html>", headers={"Content-Type": "text/html"}))
    answer = Draft(key).sign().send(oci.url)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (502, b"<html>", "text/html")


def test_a_fault_of_another_service_is_not_met(oci: FakeOCI, key: FakeCredential) -> None:
    """And a service there is not is a mistake of the test's author."""
    oci.fail("inference", Fault(500))
    assert Draft(key).sign().send(oci.url).status == 200
    with pytest.raises(ValueError, match="no such service: 'infernce'"):
        oci.fail("infernce", Fault(500))
    with pytest.raises(ValueError, match="no such token fault"):
        Fault(token="expird")


def test_a_reset_is_a_reset_and_a_truncated_answer_is_cut(oci: FakeOCI, key: FakeCredential) -> None:
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


def test_a_mistake_in_that_function_is_seen(
    oci: FakeOCI, key: FakeCredential, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the record, as a 500 for the client, and not as a traceback."""
    oci.fault_source = lambda service, record: {}[service]
    assert Draft(key).sign().send(oci.url).status == 500
    assert oci.records[-1].reason == "the stand-in failed: KeyError('echo')"
    assert capfd.readouterr().err == ""


# Inside the process.


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_the_transport_serves_the_clients_of_both_libraries(run: Callable[..., object], name: str) -> None:
    """Without a server, routed by path whatever the host, sync and async."""
    library = pytest.importorskip(name)
    oci = FakeOCI()
    transport = oci.httpx_transport() if name == "httpx" else oci.httpx2_transport()
    draft = Draft(oci.add_api_key(), host="inference.example", target="/x//y%2Fz?").sign()
    headers = [(name, value) for name, value in draft.headers if name.lower() != "content-length"]
    url = "https://inference.example/x//y%2Fz?"
    with library.Client(transport=transport) as client:
        assert client.post(url, headers=headers, content=draft.body).json()["principal"] == f"user {oci.user}"

    async def post() -> int:
        async with library.AsyncClient(transport=transport) as client:
            return (await client.post(url, headers=headers, content=draft.body)).status_code

    oci.latency["*"] = 0.01
    assert run(post) == 200
    assert [record.target for record in oci.records] == ["/x//y%2Fz?"] * 2


def test_the_transport_has_the_faults_of_a_network() -> None:
    """As the exceptions that the library has for them, and at once."""
    oci = FakeOCI()
    oci.fail("metadata", Fault(reset=True), Fault(hang=True), Fault(truncate=True))
    with httpx.Client(transport=oci.httpx_transport(), headers={"Authorization": "Bearer Oracle"}) as client:
        for error in (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError):
            with pytest.raises(error):
                client.get("http://169.254.169.254/opc/v2/instance/region")
        assert client.get("http://169.254.169.254/opc/v2/instance/region").text == oci.region


# What a machine of the user's looks like.


def test_a_config_file_is_written_as_the_cli_writes_it(oci: FakeOCI, tmp_path: Path) -> None:
    """Profiles side by side, files for their owner alone, keys with the CLI's label at the end."""
    path = oci.write_config(tmp_path / "new")
    oci.write_config(tmp_path / "new", profile="SESSION", session=True, lifetime=60)
    oci.write_config(tmp_path / "new", profile="LOCKED", passphrase="very secret")
    text = path.read_text()
    assert path == (tmp_path / "new" / "config").resolve()
    assert [line for line in text.splitlines() if line.startswith("[")] == ["[DEFAULT]", "[SESSION]", "[LOCKED]"]
    assert text.count("security_token_file") == text.count("pass_phrase") == 1
    files = [file for file in (tmp_path / "new").rglob("*") if file.is_file()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "new" / "sessions").rglob("*") if file.is_dir()} == {
        0o700
    }
    key_file = tmp_path / "new" / "sessions" / "SESSION" / "oci_api_key.pem"
    assert key_file.read_bytes().endswith(b"-----END PRIVATE KEY-----\nOCI_API_KEY")
    assert b"ENCRYPTED" in (tmp_path / "new" / "LOCKED_oci_api_key.pem").read_bytes()


def test_keys_come_in_the_forms_that_key_files_have(oci: FakeOCI, key: FakeCredential) -> None:
    """PKCS#8 and PKCS#1, plain and encrypted."""
    assert key.private_key_pem().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert key.private_key_pem(pkcs1=True).startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert key.private_key_pem("secret").startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert oci.add_session().private_key_pem().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_nothing_secret_is_in_any_repr(oci: FakeOCI, key: FakeCredential) -> None:
    """Of identities and of records, which tests print when they fail."""
    session = oci.add_session()
    Draft(session).sign().send(oci.url)
    for thing in (key, session, oci.records[-1], oci):
        assert session.token not in repr(thing)
        assert "PrivateKey" not in repr(thing)


def test_a_nonexistent_environment_is_an_error(oci: FakeOCI, tmp_path: Path) -> None:
    """And so is a pod without a place for its files."""
    with pytest.raises(ValueError, match="no environment for the mode 'api_key'"):
        oci.environment("api_key")
    with pytest.raises(ValueError, match="no such version of resource principals: '4'"):
        oci.environment("resource_principal", version="4")
    with pytest.raises(ValueError, match="needs a directory"):
        oci.environment("oke_workload_identity")


# The command, and the module.


def test_the_command_serves_and_says_what_it_thinks_of_each_request(tmp_path: Path) -> None:
    """The config file it writes works; what it prints holds no secret; Ctrl-C ends it quietly."""
    process = subprocess.Popen(
        [sys.executable, "-m", "oci_httpx_auth.testing", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(oci_httpx_auth.testing.__file__).parents[2],
    )
    assert process.stdout is not None
    exported = {}
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            exported[name] = value
        if line.startswith("Stop with"):
            break
    assert Path(exported["OCI_CLI_CONFIG_FILE"]) == (tmp_path / "config").resolve()
    url = exported["OCI_GENAI_BASE_URL"].removesuffix("/openai/v1")
    answer = exchange(
        url,
        b"GET /opc/v2/instance/id?token=hidden HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hidden\r\n\r\n",
    )
    assert answer.status == 401
    answer = exchange(url, b"GET /opc/v2/instance/id HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer Oracle\r\n\r\n")
    assert answer.body.startswith(b"ocid1.instance.")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    refused, served = rest.splitlines()
    assert refused.startswith("401 GET /opc/v2/instance/id")
    assert "refused: the header Authorization" in refused
    assert served == "200 GET /opc/v2/instance/id  nobody known  accepted unsigned"
    assert "hidden" not in rest


def test_it_imports_nothing_of_the_library_that_it_verifies() -> None:
    """A mistake in the signer cannot be in the verifier too."""
    directory = Path(oci_httpx_auth.testing.__file__).parent
    allowed = {*sys.stdlib_module_names, "cryptography", "httpx", "httpx2", "anyio"}
    for path in directory.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, f"{path.name} imports from outside its package"
                assert (directory / f"{node.module}.py").exists()
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert {str(name).split(".")[0] for name in names} <= allowed, path.name
