"""The signature matches the OCI SDK's byte for byte, and covers what is sent."""

from __future__ import annotations

import base64
import hashlib
import string
from email.utils import formatdate

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oci_httpx_auth import APIKey, Credential, OCISigner, SigningError
from oci_httpx_auth._signing.signature import content_digest, sign

from ..conftest import TENANCY, USER, Key

NOW = 1_790_000_000.75
METHODS = ("GET", "HEAD", "DELETE", "POST", "PUT", "PATCH")

# Characters that neither library touches, and escapes that both keep as they are.
PLAIN = st.sampled_from(list(string.ascii_letters + string.digits + "-._~!$'()*+,;:@"))
ESCAPED = st.sampled_from(["%20", "%2F", "%3D", "%26", "%25", "%C3%A9", "%2B", "%3F", "%23"])
SEGMENT = st.lists(PLAIN | ESCAPED, max_size=8).map("".join)
PATHS = st.lists(SEGMENT, min_size=1, max_size=5).map(lambda segments: "/" + "/".join(segments))
PAIRS = st.tuples(SEGMENT, st.none() | SEGMENT).map(lambda pair: pair[0] + ("" if pair[1] is None else "=" + pair[1]))
QUERIES = st.none() | st.lists(PAIRS, min_size=1, max_size=4).map("&".join)
HOSTS = st.sampled_from(
    ["inference.generativeai.us-chicago-1.oci.oraclecloud.com", "h.example:8443", "[::1]:9000", "localhost:1"]
)
TYPES = st.none() | st.sampled_from(
    ["application/json", "text/plain; charset=utf-8", "multipart/form-data; boundary=abc", "application/octet-stream"]
)
EXTRA = st.dictionaries(st.sampled_from(["accept", "opc-request-id", "user-agent", "if-match"]), st.just("x"))
BODIES = st.binary(max_size=300) | st.text(max_size=80).map(str.encode)


@pytest.fixture(scope="module")
def signers(key: Key) -> tuple[object, OCISigner]:
    """The SDK's signer and ours, with the same key."""
    oci = pytest.importorskip("oci")
    theirs = oci.signer.Signer(TENANCY, USER, key.fingerprint, None, private_key_content=key.pem())
    ours = OCISigner(
        APIKey(tenancy=TENANCY, user=USER, fingerprint=key.fingerprint, private_key=key.private), clock=lambda: NOW
    )
    return theirs, ours


@pytest.mark.slow
@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(METHODS),
    host=HOSTS,
    path=PATHS,
    query=QUERIES,
    content_type=TYPES,
    extra=EXTRA,
    body=BODIES,
)
def test_the_authorization_is_the_sdks_byte_for_byte(
    signers: tuple[object, OCISigner],
    method: str,
    host: str,
    path: str,
    query: str | None,
    content_type: str | None,
    extra: dict[str, str],
    body: bytes,
) -> None:
    """Same request, same date, same key: the same `Authorization`, wherever the two libraries agree on the URL."""
    import requests

    theirs, ours = signers
    scheme = "https" if "example" in host or "oracle" in host else "http"
    url = f"{scheme}://{host}{path}" + ("" if query is None else f"?{query}")
    headers = {**extra, **({"content-type": content_type} if content_type else {})}
    if method not in ("POST", "PUT", "PATCH"):
        body = b""
    request = httpx.Request(method, url, headers=headers, content=body)
    prepared = requests.Request(
        method, url, headers={**headers, "date": formatdate(NOW, usegmt=True)}, data=body
    ).prepare()
    assume(prepared.path_url.encode() == request.url.raw_path)
    if not body and method in ("POST", "PUT", "PATCH"):
        prepared.body = b""  # an empty body is no body to `requests`, but is to the SDK's own callers
        prepared.headers["content-length"] = "0"
    theirs.do_request_sign(prepared)  # type: ignore[attr-defined]
    next(ours.sync_auth_flow(request))
    assert request.headers["authorization"] == prepared.headers["authorization"]
    assert request.headers["date"] == prepared.headers["date"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from([*METHODS, "OPTIONS", "TRACE", "PROPFIND", "QUERY"]),
    target=st.binary(min_size=1, max_size=60).filter(lambda target: b"\n" not in target),
    body=BODIES,
)
def test_what_is_signed_can_be_read_from_the_headers(key: Key, method: str, target: bytes, body: bytes) -> None:
    """The signature verifies over a string built only from the request line, the host and the returned headers."""
    credential = Credential(key_id="some/key/id", private_key=key.private)
    signed = sign(
        method, target, {b"host": b"h.example"}, credential, now=NOW, length=len(body), digest=content_digest(body)
    )
    head, _, rest = signed[b"authorization"].partition(b" ")
    assert head == b"Signature"
    parameters = dict(part.split(b"=", 1) for part in rest.split(b","))
    names = parameters[b"headers"].strip(b'"').split()
    values = {**signed, b"host": b"h.example", b"(request-target)": method.lower().encode() + b" " + target}
    string_to_sign = b"\n".join(name + b": " + values[name] for name in names)
    key.private.public_key().verify(
        base64.b64decode(parameters[b"signature"].strip(b'"')),
        string_to_sign,
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
    assert (b"x-content-sha256" in names) is (method in ("POST", "PUT", "PATCH"))
    if b"x-content-sha256" in names:
        assert signed[b"x-content-sha256"] == base64.b64encode(hashlib.sha256(body).digest())
        assert signed[b"content-length"] == b"%d" % len(body)


@pytest.mark.parametrize("size", [0, 1, 2046, 2047, 2048, 4094, 4095, 65535, 65536, 65537, 200_000])
def test_a_body_of_any_size_has_the_digest_of_all_its_bytes(size: int) -> None:
    """Small bodies are hashed in pieces, the last one included."""
    body = bytes(number % 251 for number in range(size))
    assert content_digest(body) == base64.b64encode(hashlib.sha256(body).digest())


def test_extra_headers_are_signed_after_the_generic_ones(key: Key) -> None:
    """A delegation token is signed where the SDK signs it: after `host`, before the body's headers."""
    credential = Credential(key_id="k", private_key=key.private, headers={"OPC-OBO-Token": "delegated"})
    signed = sign("POST", b"/", {b"host": b"h"}, credential, now=NOW, digest=content_digest(b""))
    assert b'headers="date (request-target) host opc-obo-token content-length' in signed[b"authorization"]
    assert signed[b"opc-obo-token"] == b"delegated"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET\nhost: evil", b"/", {b"host": b"h"}),
        ("GET", b"/\nhost: evil", {b"host": b"h"}),
        ("GET", b"/", {b"host": b"h\nx: y"}),
        ("POST", b"/", {b"host": b"h", b"content-type": b"a\nb: c"}),
    ],
)
def test_no_line_break_enters_the_signing_string(
    key: Key, method: str, target: bytes, headers: dict[bytes, bytes]
) -> None:
    """A value with a line break could pass for another header, so nothing is signed."""
    credential = Credential(key_id="k", private_key=key.private)
    with pytest.raises(SigningError, match=r"^The request's method, target or a signed header has a line break\.$"):
        sign(method, target, headers, credential, now=NOW, digest=content_digest(b""))


def test_a_body_without_its_digest_is_not_signed(key: Key) -> None:
    """A forgotten digest is an error, not a signature that leaves the body out."""
    with pytest.raises(SigningError, match="digest"):
        sign("POST", b"/", {b"host": b"h"}, Credential(key_id="k", private_key=key.private), now=NOW)


def test_a_body_of_no_given_length_is_empty(key: Key) -> None:
    """Its headers are signed all the same, with the SDK's default type."""
    signed = sign("POST", b"/", {b"host": b"h"}, Credential("k", key.private), now=NOW, digest=content_digest(b""))
    assert (signed[b"content-length"], signed[b"content-type"]) == (b"0", b"application/json")
