"""The blocking HTTP client of one fetch: every response arrives by its deadline or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

import httpx

from .._errors import ConfigError, ServiceUnreachableError
from .._signing.waiting import in_thread, wait

CONNECT_TIMEOUT = 10.0  # seconds, as in the OCI SDK
MAX_RESPONSE = 1 << 20  # bytes; a token is a few thousand

# Requests to these never use a proxy: plain http is only for loopback and link-local addresses.
_DIRECT = ("http://", "all://localhost", "all://127.0.0.1", "all://[::1]")


class Client:
    """One HTTP client. Its certificate authorities can be loaded ahead, on another thread.

    ca_file: the only authorities to trust; otherwise those of SSL_CERT_FILE or SSL_CERT_DIR, or certifi's.
    direct: ignore all proxy settings. direct_to: a URL whose host is reached without a proxy.

    Raises `ConfigError` for unusable proxy settings. Use it as a context manager: leaving it aborts requests in progress.
    """

    def __init__(self, *, ca_file: str | None = None, direct: bool = False, direct_to: str = "") -> None:
        self._ca_file = ca_file
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._loading: Future[None] | None = None
        self._sockets: set[socket.socket] = set()
        self._closed = False
        mounts: dict[str, None] = dict.fromkeys(_DIRECT)
        with contextlib.suppress(httpx.InvalidURL):  # reported once a request is sent there
            if host := httpx.URL(direct_to).netloc.decode():
                mounts[f"all://{host}"] = None
        try:
            self._client = httpx.Client(
                verify=self._context, trust_env=not direct, mounts=mounts, follow_redirects=False
            )
        except (ValueError, TypeError, ImportError, httpx.InvalidURL):
            # Neither quoted nor chained: a proxy's address may hold a password.
            raise ConfigError(
                "The proxy settings cannot be used. Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; a SOCKS proxy "
                "needs the package socksio."
            ) from None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        # Closing the client doesn't wake a blocked read; shutting its connection down does.
        for connection in list(self._sockets):
            _abort(connection)
            connection.close()
        self._client.close()

    def load_authorities(self) -> Future[None]:
        """Start loading the authorities. Every https request waits for them."""
        if self._loading is None:
            self._loading = in_thread(partial(_load_authorities, self._context, self._ca_file), "oci-authorities")
        return self._loading

    def send(
        self, method: str, url: str, headers: dict[bytes, bytes], content: bytes, seconds: float
    ) -> httpx.Response:
        """Send one request and read the whole response within `seconds`. Redirects are not followed.

        The work is done on another thread, so the limit also covers a slow DNS lookup, a list of dead addresses, and a
        response that trickles in byte by byte.

        Raises `ServiceUnreachableError`, and `ConfigError` for certificates that cannot be loaded.
        """
        target = httpx.URL(url)
        work = partial(self._send, method, target, headers, content, time.monotonic() + seconds)
        sending = in_thread(work, "oci-auth-service")
        if not wait(sending, seconds):
            late = httpx.ReadTimeout("no complete response", request=httpx.Request(method, target))
            raise ServiceUnreachableError(
                f"{show_url(target)} did not finish its response within {seconds:.0f} s."
            ) from late
        try:
            return sending.result()
        finally:
            del sending  # it holds the error, whose traceback holds this frame

    def _send(
        self, method: str, target: httpx.URL, headers: dict[bytes, bytes], content: bytes, deadline: float
    ) -> httpx.Response:
        if target.scheme == "https":
            self.load_authorities().result()

        def trace(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("connect_tcp.complete"):
                # A separate descriptor, which stays valid when TLS wraps the socket.
                connection = info["return_value"].get_extra_info("socket").dup()
                self._sockets.add(connection)
                if self._closed or time.monotonic() > deadline:  # nobody is waiting any more
                    _abort(connection)
                    connection.close()

        left = max(deadline - time.monotonic(), 0.1)
        try:
            with self._client.stream(
                method,
                target,
                # Not compressed, because a small compressed response can expand to gigabytes.
                headers={b"accept-encoding": b"identity", **headers},
                content=content,
                timeout=httpx.Timeout(left, connect=min(left, CONNECT_TIMEOUT)),
                extensions={"trace": trace},
            ) as response:
                return _read(response, target)
        # UnicodeError: a host name with an empty label or one that is too long. OSError: no file descriptors left, or no
        # address of that family.
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError, OSError) as error:
            if isinstance(error, httpx.HTTPError):
                error.request = httpx.Request(method, target)  # without headers: Dask and Ray pickle causes, too
            reason = str(error) or type(error).__name__
            raise ServiceUnreachableError(f"{show_url(target)} could not be reached: {reason}") from error


def show_url(url: httpx.URL) -> str:
    """A URL for an error message: without user info and query, which may hold secrets."""
    return f"{url.scheme}://{url.netloc.decode(errors='replace')}{url.path}"[:300]


def _read(response: httpx.Response, target: httpx.URL) -> httpx.Response:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise ServiceUnreachableError(f"{show_url(target)} answered in an encoding that was not requested.")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_RESPONSE:
            raise ServiceUnreachableError(f"{show_url(target)} answered with more than {MAX_RESPONSE} bytes.")
    return httpx.Response(response.status_code, headers=response.headers, content=bytes(body))


def _abort(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _load_authorities(context: ssl.SSLContext, ca_file: str | None) -> None:
    directory, where = None, ca_file
    if ca_file is None:
        ca_file = os.environ.get("SSL_CERT_FILE")
        directory = None if ca_file else os.environ.get("SSL_CERT_DIR")
        if not ca_file and not directory:
            import certifi  # a dependency of httpx

            ca_file = certifi.where()
        where = f"{ca_file or directory}, the value of SSL_CERT_FILE or SSL_CERT_DIR"
        # As Python's default context since 3.13. Not for ca_file: Kubernetes' own authorities don't comply.
        if sys.version_info >= (3, 13):
            context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(ca_file or None, directory or None)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise ServiceUnreachableError(f"No certificates can be read from {where}: {error.strerror}.") from error
        raise ConfigError(f"No certificates can be read from {where}. Correct it, or unset it.") from error
