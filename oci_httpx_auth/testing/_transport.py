"""The stand-in as a transport inside the process, for httpx and httpx2 alike."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ._wire import Handle, Reply


def transport_for(library: Any, handle: Handle) -> Any:
    """A transport for the clients of `library` (the module `httpx` or `httpx2`), sync and async."""

    class Body(library.SyncByteStream, library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, reply: Reply) -> None:
            self._reply = reply

        def _chunks(self) -> Iterator[bytes]:
            chunks = list(self._reply.chunks)
            if self._reply.cut == "truncate":
                half = len(chunks) // 2 if len(chunks) > 1 else 1
                yield from chunks[:half]
                raise library.RemoteProtocolError("the stand-in cut the answer short")
            yield from chunks

        def __iter__(self) -> Iterator[bytes]:
            for number, chunk in enumerate(self._chunks()):
                if number and self._reply.delay:
                    time.sleep(self._reply.delay)
                yield chunk

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for number, chunk in enumerate(self._chunks()):
                if number and self._reply.delay:
                    await _asleep(self._reply.delay)
                yield chunk

    class FakeOCITransport(library.BaseTransport, library.AsyncBaseTransport):  # type: ignore[misc]
        """Routes by path, whatever the host; https counts as secure."""

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
            return handle(request.method, target, headers, body, secure=request.url.scheme == "https")

        def _response(self, request: Any, reply: Reply) -> Any:
            if reply.cut == "reset":
                raise library.ReadError("the stand-in reset the connection", request=request)
            if reply.cut == "hang":
                raise library.ReadTimeout("the stand-in does not answer", request=request)
            if request.method == "HEAD" or reply.status in (204, 304):
                reply.chunks = ()
            return library.Response(reply.status, headers=reply.headers, stream=Body(reply), request=request)

    return FakeOCITransport()


async def _asleep(seconds: float) -> None:
    # httpx and httpx2 depend on anyio, which sleeps on asyncio and on trio.
    import anyio

    await anyio.sleep(seconds)
