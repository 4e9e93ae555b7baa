"""A request of httpx or httpx2 as it is signed: which of its headers stay, and what the signature covers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from .._credential import Credential
from .._hosts import is_loopback
from .signature import sign

# Other services' credentials, and headers that would contradict the signed ones.
_REMOVED = frozenset({b"x-api-key", b"x-goog-api-key", b"x-date", b"transfer-encoding"})

# httpx 0.28's decoder fails at the second zstd frame, and OCI sends each server-sent event as a frame of its own.
_ENDS_WITH_FIRST_FRAME = httpx.Request if httpx.__name__ == "httpx" else ()  # not after httpx2.alias_httpx()


class Covered(NamedTuple):
    """What a signature covers, to explain a refusal: the headers before it, those that it set, and method and target."""

    before: Mapping[bytes, bytes]
    signed: Mapping[bytes, bytes]
    request_line: bytes


def sign_request(
    request: Any, length: int, digest: bytes | None, credential: Credential, now: float
) -> tuple[Any, Covered]:
    """All headers of the signed request, and what the signature covers. Raises `SigningError`.

    length, digest: of its body; no digest if the body is not signed. now: seconds since the epoch, by the server's clock.
    """
    raw = request.headers.raw
    before = {name.lower(): value for name, value in raw}
    if b"host" not in before:
        before[b"host"] = request.url.netloc
    # A client may send a target other than the URL's, such as `OPTIONS *`.
    target = request.extensions.get("target", request.url.raw_path)
    body_signed = digest is not None
    signed = sign(
        request.method, target, before, credential, now=now, length=length, digest=digest, body_signed=body_signed
    )
    if b"transfer-encoding" in before:
        signed[b"content-length"] = b"%d" % length
    accepted = before.get(b"accept-encoding", b"")
    if b"zstd" in accepted.lower() and isinstance(request, _ENDS_WITH_FIRST_FRAME):
        signed[b"accept-encoding"] = _without_zstd(accepted)
    kept = [pair for pair in raw if (name := pair[0].lower()) not in signed and name not in _REMOVED]
    # A new object: changing the present one header by header costs as much as the rest of the signature.
    headers = type(request.headers)([*signed.items(), *kept])
    return headers, Covered(before, signed, b"%s %s" % (request.method.encode(), target))


def is_streamed_upload(request: Any) -> bool:
    """Whether this is a PutObject or an UploadPart of Object Storage whose body is a stream of a known length.

    Object Storage takes only these two without the body's digest, so the body need not be read before it is sent.
    Source: the OCI SDK's Object Storage client.
    """
    if request.method != "PUT" or hasattr(request, "_content") or "content-length" not in request.headers:
        return False
    host = request.url.host
    storage = "objectstorage" in host.split(".") or is_loopback(host)
    return storage and re.match(rb"/n/[^/]+/b/[^/]+/[ou]/[^?]", request.url.raw_path) is not None


def longest_timeout(request: Any) -> float | None:
    """The longest of a request's own timeouts, in seconds; `None` if one of them is unlimited."""
    timeouts = list(request.extensions.get("timeout", {}).values())
    return None if not timeouts or None in timeouts else float(max(timeouts))


def was_redirected(response: Any) -> bool:
    """Whether a response is to a request that was sent on to another URL, where its signature is void."""
    # The history also has the 401s that were followed by another attempt.
    return any(earlier.has_redirect_location for earlier in response.history)


def _without_zstd(accepted: bytes) -> bytes:
    kept = [coding.strip() for coding in accepted.split(b",") if coding.partition(b";")[0].strip().lower() != b"zstd"]
    return b", ".join(kept) or b"identity"
