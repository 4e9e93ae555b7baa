"""The HTTP clients of signed OpenAI clients, which can be pickled, copied, and used from several event loops."""

from __future__ import annotations

import asyncio
import copy
import inspect
import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import httpx
import openai

from ._errors import OCIAuthError
from ._signer import OCISigner
from ._signing.request import without_zstd
from ._signing.waiting import trio_token

if TYPE_CHECKING:
    from typing_extensions import Self


class _Portable:
    """Pickles as its options, headers, signer and what it does about redirects; deep copies share the connections."""

    _arguments: Any = {}  # noqa: RUF012

    def __reduce__(self: Any) -> Any:
        return _rebuild, (type(self), self._arguments, self.auth, dict(self.headers), self.follow_redirects)

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class SyncClient(_Portable, openai.DefaultHttpxClient):
    """The HTTP client of `create_openai`."""


class PerLoopAsyncClient(_Portable, openai.DefaultAsyncHttpxClient):
    """An async HTTP client for any number of event loops of asyncio and trio, one after the other or at once.

    Each loop gets its own connections. They are closed when `asyncio.run` returns, or by `aclose()`, which closes those
    of the current loop and of loops that are not running. Later requests open new ones. The options are those of
    `openai.DefaultAsyncHttpxClient`: proxy, limits, event_hooks, ….
    """

    def __init__(self, **options: Any) -> None:
        # Requests go through the loop's client, so this one needs no connections.
        super().__init__(**{**options, "transport": httpx.AsyncBaseTransport()})
        self._arguments = self._options = options
        if options.keys().isdisjoint(("verify", "cert", "trust_env", "transport")):
            # One TLS context for all loops: creating one takes about 40 ms, which should not block a loop.
            library = sys.modules[openai.DefaultAsyncHttpxClient.__mro__[1].__module__]
            self._options = {**options, "verify": library.create_ssl_context()}
        self._clients: dict[Any, tuple[Any, AsyncGenerator[Any, None]]] = {}

    async def send(self, request: Any, **options: Any) -> Any:
        """Send the request through the client of the running event loop."""
        loop = trio_token() or asyncio.get_running_loop()
        client, _ = self._clients.get(loop, (None, None))
        if client is None or client.is_closed:
            for other, (old, _) in self._clients.copy().items():
                if old.is_closed or _is_closed(other):
                    self._clients.pop(other, None)
            lifetime = self._lifetime()
            client = await lifetime.__anext__()  # never suspends, so no other task of this loop runs in between
            self._clients[loop] = client, lifetime
        client.auth, client.follow_redirects = self.auth, self.follow_redirects
        return await client.send(request, **options)

    async def aclose(self) -> None:
        """Close the connections of this event loop and of loops that are not running. Later requests open new ones."""
        here = trio_token() or asyncio.get_running_loop()
        for loop in list(self._clients):
            if loop is here or (isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_running()):
                _, lifetime = self._clients.pop(loop, (None, None))
                if lifetime is not None and not _is_closed(loop):
                    await lifetime.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _lifetime(self) -> AsyncGenerator[Any, None]:
        """Yields a client. An event loop closes its open generators when it ends, and this one closes the client."""
        client = openai.DefaultAsyncHttpxClient(**self._options)
        try:
            yield client
        finally:
            await client.aclose()


def attach_signer(http_client: Any, signer: OCISigner) -> None:
    """Make the HTTP client of an OpenAI client sign its requests, and raise this library's errors unchanged."""
    http_client.auth = signer
    http_client.follow_redirects = False
    if int(openai.__version__.split(".")[0]) >= 3:
        return
    # openai 1 and 2 retry and wrap errors of sending, but not those of a response's `raise_for_status`.
    send = http_client.send

    def send_sync(request: Any, **options: Any) -> Any:
        try:
            return send(request, **options)
        except OCIAuthError as error:
            return _NotSent(error)

    async def send_async(request: Any, **options: Any) -> Any:
        try:
            return await send(request, **options)
        except OCIAuthError as error:
            return _NotSent(error)

    http_client.send = send_async if inspect.iscoroutinefunction(send) else send_sync


def send_api_key(http_client: Any) -> None:
    """Prepare the HTTP client of an OpenAI client that sends a Generative AI API key instead of signatures."""
    http_client.follow_redirects = False  # a redirect would take the key along
    accepted = http_client.headers.get("accept-encoding", "")
    if "zstd" in accepted.lower() and isinstance(http_client, (httpx.Client, httpx.AsyncClient)):
        http_client.headers["accept-encoding"] = without_zstd(accepted.encode()).decode()


class _NotSent:
    """Replaces the response to a request that could not be signed, and raises the reason."""

    status_code, reason_phrase, headers = 0, "not sent", httpx.Headers()

    def __init__(self, error: OCIAuthError) -> None:
        self._error = error

    def raise_for_status(self) -> None:
        raise self._error


def copy_client(http_client: Any) -> Any:
    """A copy of the HTTP client, for the use of a single OpenAI client."""
    kind = type(http_client)
    if kind.__module__.startswith("openai.") and hasattr(kind, "__del__"):
        # openai's unconfigured default. When a copy is garbage collected, it closes the original's connections.
        return PerLoopAsyncClient() if inspect.iscoroutinefunction(http_client.send) else SyncClient()
    copied = copy.copy(http_client)
    vars(copied).pop("send", None)  # `attach_signer` may have set it, to send through the original
    return copied


def _rebuild(
    kind: type[Any], options: dict[str, Any], auth: Any, headers: dict[str, str], follow_redirects: bool
) -> Any:
    http_client = kind(**options)
    attach_signer(http_client, auth)
    http_client.headers, http_client.follow_redirects = headers, follow_redirects
    return http_client


def _is_closed(loop: Any) -> bool:
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()
