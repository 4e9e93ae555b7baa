"""Signing a request of httpx or httpx2: which of its headers stay, and what the signature covers."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from .._credential import Credential
from .._hosts import is_loopback
from .signature import sign

# Other services' credentials, and headers that would contradict the signed ones.
_REMOVED = frozenset({b"x-api-key", b"x-goog-api-key", b"x-date", b"transfer-encoding"})

# httpx 0.28's decoder fails at the second zstd frame, and OCI sends each server-sent event as a separate frame.
_ENDS_WITH_FIRST_FRAME = httpx.Request if httpx.__name__ == "httpx" else ()  # not after httpx2.alias_httpx()


class Covered(NamedTuple):
    """What a signature covers, to explain a refusal: the earlier headers, those set by signing, method and target."""

    before: Mapping[bytes, bytes]
    signed: Mapping[bytes, bytes]
    request_line: bytes


def sign_request(
    request: Any, length: int, digest: bytes | None, credential: Credential, now: float
) -> tuple[Any, Covered]:
    """All headers of the signed request, and what the signature covers. Raises `SigningError`.

    length, digest: the body's, without a digest if it is not signed. now: seconds since the epoch, by the server's clock.
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
        signed[b"accept-encoding"] = without_zstd(accepted)
    kept = [pair for pair in raw if (name := pair[0].lower()) not in signed and name not in _REMOVED]
    # A new object: changing the present one header by header costs as much as the rest of the signature.
    headers = type(request.headers)([*signed.items(), *kept])
    return headers, Covered(before, signed, b"%s %s" % (request.method.encode(), target))


def is_streamed_upload(request: Any) -> bool:
    """Whether this is a PutObject or an UploadPart of Object Storage whose body is a stream of known length.

    Only these two are accepted without the body's digest, so the body need not be read before it is sent.
    Source: the OCI SDK's Object Storage client.
    """
    if request.method != "PUT" or hasattr(request, "_content") or "content-length" not in request.headers:
        return False
    host = request.url.host
    storage = "objectstorage" in host.split(".") or is_loopback(host)
    return storage and re.match(rb"/n/[^/]+/b/[^/]+/[ou]/[^?]", request.url.raw_path) is not None


def longest_timeout(request: Any) -> float | None:
    """The longest of a request's own timeouts, in seconds; `None` if one is unlimited, or if it has none."""
    timeouts = list(request.extensions.get("timeout", {}).values())
    return None if not timeouts or None in timeouts else float(max(timeouts))


def was_redirected(response: Any) -> bool:
    """Whether a response is to a redirected request, for whose URL the signature is invalid."""
    # The history also contains the 401s that were followed by another attempt.
    return any(earlier.has_redirect_location for earlier in response.history)


def change_after_signing(covered: Covered, response: Any) -> str:
    """How a refused request differs from the signed one, because an event hook or a transport changed it; else empty."""
    sent, signed = response.request, {**covered.before, **covered.signed}
    method, _, target = covered.request_line.decode("latin-1").partition(" ")
    if sent.method.lower() != method.lower():
        return f"the method was {method}, but {sent.method} was sent"
    if sent.extensions.get("target", sent.url.raw_path) != target.encode("latin-1"):
        return "the URL's path or query is different"
    if rewritten := url_as_sent(response):
        return f"aiohttp sends {rewritten.raw_path.decode()} in place of the URL's {target}"

    def unchanged(name: bytes) -> bool:
        return [value for other, value in sent.headers.raw if other.lower() == name] == [signed[name]]

    names = signed[b"authorization"].partition(b'headers="')[2].partition(b'"')[0].split()
    changed = [name.decode() for name in (b"authorization", *names) if name in signed and not unchanged(name)]
    noun = "header" if len(changed) == 1 else "headers"
    return f"the signed {noun} {', '.join(changed)} changed or disappeared" if changed else ""


def url_as_sent(response: Any) -> Any:
    """The URL that aiohttp really asked for, which writes some escapes its own way; `None` if it is the request's, or if
    another transport was at work. A request is accepted once this URL is signed instead.
    """
    stream = getattr(response.stream, "_stream", response.stream)
    yarl = sys.modules.get("yarl")
    if yarl is None or not type(stream).__module__.startswith("httpx_aiohttp"):
        return None
    url = response.request.url
    path = yarl.URL(str(url)).raw_path_qs.encode()
    return None if path == url.raw_path else url.copy_with(raw_path=path)


def without_zstd(accepted: bytes) -> bytes:
    """An `Accept-Encoding` for clients of httpx 0.28, which fail at the second event of a compressed stream."""
    kept = [coding.strip() for coding in accepted.split(b",") if coding.partition(b";")[0].strip().lower() != b"zstd"]
    return b", ".join(kept) or b"identity"
