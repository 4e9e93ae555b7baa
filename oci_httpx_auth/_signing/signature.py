"""OCI's signature version 1: a pure function from a request to the headers that authenticate it.

Source: "Request Signatures" in Oracle's documentation, a profile of draft-cavage-http-signatures-08.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from .._credential import Credential
from .._errors import SigningError

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})

_SMALL_BODY = 1 << 16  # bytes; takes about 50 microseconds to hash
_PIECE = 2047  # bytes; hashlib releases the GIL for more than this

_NOTHING_HASHED = hashlib.sha256()
_PADDING = PKCS1v15()
_SHA256 = SHA256()


def content_digest(body: bytes) -> bytes:
    """The value of `x-content-sha256`. For a large body, the only slow part of a signature besides RSA."""
    if len(body) > _SMALL_BODY:
        digest = hashlib.sha256(body)
    else:  # with many threads, reacquiring the GIL would take longer than hashing
        digest = _NOTHING_HASHED.copy()  # quicker than a new one
        for start in range(0, len(body), _PIECE):
            digest.update(body[start : start + _PIECE])
    return base64.b64encode(digest.digest())


@lru_cache(maxsize=4)
def http_date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def sign(
    method: str,
    target: bytes,
    headers: Mapping[bytes, bytes],
    credential: Credential,
    *,
    now: float,
    length: int = 0,
    digest: bytes | None = None,
    sign_host: bool = True,
    body_signed: bool = True,
) -> dict[bytes, bytes]:
    """The headers to set on a request, including `authorization`. Each replaces an existing one.

    method, target: as they appear in the request line; the target's bytes are signed unchanged.
    headers: the request's own, by lower-case name; `host` is required, `content-type` is used if present.
    length, digest: the body's number of bytes, and its `content_digest` if the method is in `BODY_METHODS`.
    now: seconds since the epoch, by the server's clock.
    sign_host: false only for the federation endpoint, where `host` is not signed.
    body_signed: false only for streamed uploads to Object Storage, whose body is not covered.

    Raises `SigningError` if they cannot give a valid signature.
    """
    signed = {b"date": http_date(int(now)), b"(request-target)": method.lower().encode() + b" " + target}
    if sign_host:
        signed[b"host"] = headers[b"host"]
    for name, value in credential.headers.items():
        signed[name.encode()] = value.encode()
    if method in BODY_METHODS and body_signed:
        if digest is None:
            raise SigningError(f"A {method} request is signed with the digest of its body, which is missing.")
        signed[b"content-length"] = b"%d" % length
        # The OCI SDK's default type.
        signed[b"content-type"] = headers.get(b"content-type") or b"application/json"
        signed[b"x-content-sha256"] = digest
    signing_string = b"\n".join(map(b": ".join, signed.items()))
    if signing_string.count(b"\n") != len(signed) - 1:
        raise SigningError("The request's method, target or a signed header has a line break.")
    signature = base64.b64encode(credential.private_key.sign(signing_string, _PADDING, _SHA256))
    authorization = b'Signature algorithm="rsa-sha256",headers="%b",keyId="%b",signature="%b",version="1"' % (
        b" ".join(signed),
        credential.key_id.encode(),
        signature,
    )
    del signed[b"(request-target)"]
    signed[b"authorization"] = authorization
    return signed
