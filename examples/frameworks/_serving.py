"""Serves an ASGI application on loopback, and puts the stand-in's verification before one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from oci_httpx_auth.testing import FakeOCI


def verified_by(fake: FakeOCI, app: Any) -> Any:
    """The ASGI application, for requests whose signature the stand-in has verified."""

    async def verified(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        url = httpx.URL("http://stand-in", raw_path=target)
        request = httpx.Request(scope["method"], url, headers=scope["headers"], content=body)
        async with httpx.AsyncClient(transport=fake.transport(httpx)) as stand_in:
            answer = await stand_in.send(request)
        if answer.status_code != 200:
            await send({"type": "http.response.start", "status": answer.status_code, "headers": []})
            await send({"type": "http.response.body"})
            return
        unread = [{"type": "http.request", "body": body}]

        async def replay() -> Any:
            return unread.pop() if unread else await receive()

        await app(scope, replay, send)

    return verified


@contextmanager
def serve(app: Any, path: str = "") -> Iterator[str]:
    """Serve an ASGI application; yields the URL of a path of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{path}"
    finally:
        server.should_exit = True
        thread.join(20)
