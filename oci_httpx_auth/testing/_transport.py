"""The stand-in as an in-process transport for httpx and httpx2."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from ._wire import Reply, Request, is_bodiless, pieces_to_send


def transport_for(library: Any, handle: Callable[[Request], Reply]) -> Any:
    """A transport for the clients of `library` (the module `httpx` or `httpx2`), sync and async."""

    class FakeOCITransport(library.BaseTransport, library.AsyncBaseTransport):  # type: ignore[misc]
        """Routes by path, for any host; https counts as secure."""

        def handle_request(self, request: Any) -> Any:
            reply = self._ask(request, b"".join(request.stream))
            if reply.wait:
                time.sleep(reply.wait)

            def body() -> Iterator[bytes]:
                for number, piece in enumerate(pieces_to_send(reply, request.method)):
                    if number and reply.delay:
                        time.sleep(reply.delay)
                    yield piece
                check_end(reply)

            return self._response(request, reply, body())

        async def handle_async_request(self, request: Any) -> Any:
            reply = self._ask(request, b"".join([part async for part in request.stream]))
            if reply.wait:
                await _asleep(reply.wait)

            async def body() -> AsyncIterator[bytes]:
                for number, piece in enumerate(pieces_to_send(reply, request.method)):
                    if number and reply.delay:
                        await _asleep(reply.delay)
                    yield piece
                check_end(reply)

            return self._response(request, reply, body())

        def _ask(self, request: Any, body: bytes) -> Reply:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
            target = request.url.raw_path.decode("latin-1")
            return handle(Request(request.method, target, tuple(headers), body, request.url.scheme == "https"))

        def _response(self, request: Any, reply: Reply, body: Iterator[bytes] | AsyncIterator[bytes]) -> Any:
            if reply.cut == "reset":
                raise library.ReadError("the stand-in reset the connection", request=request)
            if reply.cut == "hang":
                raise library.ReadTimeout("the stand-in does not answer", request=request)
            response = library.Response(reply.status, headers=reply.headers, content=body, request=request)
            if is_bodiless(reply, request.method):
                # The libraries announce chunks for any body that comes from a generator.
                response.headers.pop("transfer-encoding", None)
            return response

    def check_end(reply: Reply) -> None:
        if reply.cut == "truncate":
            raise library.RemoteProtocolError("the stand-in cut the response short")

    return FakeOCITransport()


async def _asleep(seconds: float) -> None:
    # httpx and httpx2 depend on anyio, which sleeps on asyncio and on trio.
    import anyio

    await anyio.sleep(seconds)
