"""What the stand-in accepts, and what it refuses and why."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime

import httpx
import pytest

from oci_httpx_auth import DelegationToken, OCISigner

from ..byhand import Draft, signature_of
from ..standin import FakeCredential, FakeOCI


def test_only_a_delegation_token_delegates(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another token of the same issuer does not."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)
    provider = DelegationToken(token=oci.subject_token())
    with httpx.Client(auth=OCISigner(provider), trust_env=False) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert "a subject token delegates nothing" in oci.records[-1].reason


def test_an_impossible_date_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """It is refused as one that cannot be read is."""
    draft = Draft(key)
    draft.set("date", "Fri, 31 Dec 99999 23:59:59 GMT")
    assert draft.sign().send(oci.url).status == 401
    assert oci.records[-1].reason == "date is not an RFC 1123 date in GMT"


EMPTY_DIGEST = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


GENERIC_WORDS = "The required information to complete authentication was not provided or was incorrect."


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
def test_the_target_is_taken_as_it_is_on_the_wire(oci: FakeOCI, key: FakeCredential, target: str) -> None:
    """Nothing is decoded, resolved or re-encoded before it is verified."""
    answer = Draft(key, "GET", target, body=b"").sign().send(oci.url)
    assert (answer.status, oci.records[-1].target) == (200, target)


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
