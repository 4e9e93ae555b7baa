"""The stand-in as an in-process transport for httpx and httpx2."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from ._wire import Reply, Request, pieces_to_send


def transport_for(library: Any, handle: Callable[[Request], Reply]) -> Any:
    """A transport for the clients of `library` (the module `httpx` or `httpx2`), sync and async."""

    class Body(library.SyncByteStream, library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, reply: Reply, method: str) -> None:
            self._reply = reply
            self._pieces = pieces_to_send(reply, method)

        def _check_end(self) -> None:
            if self._reply.cut == "truncate":
                raise library.RemoteProtocolError("the stand-in cut the response short")

        def __iter__(self) -> Iterator[bytes]:
            for number, piece in enumerate(self._pieces):
                if number and self._reply.delay:
                    time.sleep(self._reply.delay)
                yield piece
            self._check_end()

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for number, piece in enumerate(self._pieces):
                if number and self._reply.delay:
                    await _asleep(self._reply.delay)
                yield piece
            self._check_end()

    class FakeOCITransport(library.BaseTransport, library.AsyncBaseTransport):  # type: ignore[misc]
        """Routes by path, for any host; https counts as secure."""

        def handle_request(self, request: Any) -> Any:
            reply = self._ask(request, b"".join(request.stream))
            if reply.wait:
                time.sleep(reply.wait)
            return self._response(request, reply)

        async def handle_async_request(self, request: Any) -> Any:
            reply = self._ask(request, b"".join([part async for part in request.stream]))
            if reply.wait:
                await _asleep(reply.wait)
            return self._response(request, reply)

        def _ask(self, request: Any, body: bytes) -> Reply:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
            target = request.url.raw_path.decode("latin-1")
            return handle(Request(request.method, target, tuple(headers), body, request.url.scheme == "https"))

        def _response(self, request: Any, reply: Reply) -> Any:
            if reply.cut == "reset":
                raise library.ReadError("the stand-in reset the connection", request=request)
            if reply.cut == "hang":
                raise library.ReadTimeout("the stand-in does not answer", request=request)
            stream = Body(reply, request.method)
            return library.Response(reply.status, headers=reply.headers, stream=stream, request=request)

    return FakeOCITransport()


async def _asleep(seconds: float) -> None:
    # httpx and httpx2 depend on anyio, which sleeps on asyncio and on trio.
    import anyio

    await anyio.sleep(seconds)
