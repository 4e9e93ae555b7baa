"""Which HTTP libraries are here, and the small blocking client for metadata and auth services."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx

from ._clock import is_link_local, is_loopback
from ._errors import OCIAuthError

# The classes of `Auth` that clients will look for, each once: after `httpx2.alias_httpx()` they are the same.
AUTH_CLASSES: tuple[type, ...] = (httpx.Auth,)
try:
    import httpx2
except ImportError:
    pass  # it is used where it is installed, and never required
else:
    # httpx2 first: libraries that look for the first base they know then choose what the newer ones prefer.
    AUTH_CLASSES = tuple(dict.fromkeys((httpx2.Auth, httpx.Auth)))

CONNECT_TIMEOUT = 10.0  # seconds, as the OCI SDK has it
MAX_ANSWER = 1 << 20  # bytes; a token is a few thousand


@dataclass(frozen=True)
class Answer:
    """What a metadata or auth service answered. Its body can be a token or a key, and is not shown."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class ServiceUnreachable(OCIAuthError):
    """There was no complete answer: refused, reset, timed out, too slow, too large."""


def exchange(
    method: str,
    url: str,
    *,
    headers: dict[bytes, bytes],
    content: bytes = b"",
    timeout: float,
    direct: bool = False,
    ca_file: str | None = None,
) -> Answer:
    """Send one request and read the whole answer. Redirects are not followed.

    timeout: seconds for everything together.
    direct: never use a proxy, whatever the environment says. Loopback and link-local addresses never do.
    ca_file: verify the server's certificate against these authorities alone.

    Raises `ServiceUnreachable`.
    """
    deadline = time.monotonic() + timeout
    target = httpx.URL(url)
    local = is_loopback(target.host) or is_link_local(target.host)
    limits = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
    context = _no_authorities() if target.scheme == "http" else _authorities(ca_file)
    try:
        with (
            httpx.Client(
                verify=context, trust_env=not (direct or local), timeout=limits, follow_redirects=False
            ) as client,
            client.stream(method, target, headers=headers, content=content) as response,
        ):
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise ServiceUnreachable(f"{_shown(target)} answered with more than {MAX_ANSWER} bytes.")
                if time.monotonic() > deadline:
                    raise ServiceUnreachable(f"{_shown(target)} did not finish its answer within {timeout:.0f} s.")
            return Answer(response.status_code, response.headers, bytes(body))
    except (httpx.HTTPError, httpx.StreamError) as error:
        reason = str(error) or type(error).__name__
        raise ServiceUnreachable(f"{_shown(target)} could not be reached: {reason}") from error


def _shown(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"


@lru_cache(maxsize=1)
def _no_authorities() -> ssl.SSLContext:
    # For plain http. Trusts nobody, and spares the loading of a bundle that is not needed.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _authorities(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context()
    context = ssl.create_default_context(cafile=ca_file)
    # Kubernetes' own authorities lack extensions that Python 3.13 has begun to ask for, and no signature's strength.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
