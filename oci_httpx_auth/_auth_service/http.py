"""The small blocking HTTP client for metadata and auth services."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx

from .._errors import ConfigError, ServiceUnreachableError
from .._hosts import is_link_local, is_loopback

CONNECT_TIMEOUT = 10.0  # seconds, as the OCI SDK has it
MAX_ANSWER = 1 << 20  # bytes; a token is a few thousand


@dataclass(frozen=True)
class Answer:
    """What a metadata or auth service answered. Its body can be a token or a key, and is not shown."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


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

    Raises `ServiceUnreachableError`, and `ConfigError` for unusable settings of proxies and certificates.
    """
    deadline = time.monotonic() + timeout
    target = httpx.URL(url)
    local = is_loopback(target.host) or is_link_local(target.host)
    limits = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
    too_late = f"{_shown(target)} did not finish its answer within {timeout:.0f} s."
    # Asked for plainly and taken as it comes: a small compressed answer can unfold to gigabytes.
    headers = {b"accept-encoding": b"identity", **headers}
    with (
        _client(target, ca_file, limits, trust_env=not (direct or local)) as client,
        _cut_off(timeout) as (trace, late),
    ):
        try:
            with client.stream(
                method, target, headers=headers, content=content, extensions={"trace": trace}
            ) as response:
                encoding = response.headers.get("content-encoding", "").strip().lower()
                if encoding not in ("", "identity"):
                    raise ServiceUnreachableError(
                        f"{_shown(target)} answered in an encoding that it was not asked for."
                    )
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise ServiceUnreachableError(f"{_shown(target)} answered with more than {MAX_ANSWER} bytes.")
                    if time.monotonic() > deadline:
                        raise ServiceUnreachableError(too_late)
                if late.is_set():  # a body without a length ends as soon as its connection does
                    raise ServiceUnreachableError(too_late)
                return Answer(response.status_code, response.headers, bytes(body))
        # UnicodeError: a host that cannot be looked up, for it has an empty label or one that is too long.
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError) as error:
            if late.is_set():
                raise ServiceUnreachableError(too_late) from error
            reason = str(error) or type(error).__name__
            raise ServiceUnreachableError(f"{_shown(target)} could not be reached: {reason}") from error


def _client(target: httpx.URL, ca_file: str | None, limits: httpx.Timeout, *, trust_env: bool) -> httpx.Client:
    try:
        context = _no_authorities() if target.scheme == "http" else _authorities(ca_file)
    except OSError as error:
        where = ca_file or "what SSL_CERT_FILE or SSL_CERT_DIR names"
        raise ConfigError(f"No certificates can be read from {where}. Correct it, or leave it out.") from error
    try:
        return httpx.Client(verify=context, trust_env=trust_env, timeout=limits, follow_redirects=False)
    except (ValueError, TypeError, ImportError, httpx.InvalidURL):
        # Neither quoted nor chained: a proxy's address may hold a password.
        raise ConfigError(
            "The proxy settings cannot be used. Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; a SOCKS proxy needs "
            "the package socksio."
        ) from None


@contextlib.contextmanager
def _cut_off(seconds: float) -> Iterator[tuple[Callable[[str, Mapping[str, Any]], None], threading.Event]]:
    """Break the connection when time is up: a time-out of reading never comes where a byte comes now and then.

    Gives the `trace` extension by which the client tells of its connection, and an event that says that time is up.
    """
    connections: list[socket.socket] = []
    late = threading.Event()

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("connect_tcp.complete"):
            # A descriptor of our own, which stays when TLS takes the socket over.
            connections.append(info["return_value"].get_extra_info("socket").dup())
            if late.is_set():
                break_off()

    def break_off() -> None:
        late.set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, break_off)
    timer.daemon = True
    # RuntimeError: no thread is to be had. The time-outs of reading remain.
    with contextlib.suppress(RuntimeError):
        timer.start()
    try:
        yield trace, late
    finally:
        timer.cancel()
        for connection in connections:
            connection.close()


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
