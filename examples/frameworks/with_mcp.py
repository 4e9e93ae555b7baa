"""MCP over streamable HTTP, with a server that demands OCI's signatures: mcp itself, and openai-agents on top of it.

python examples/frameworks/with_mcp.py [URL of such a server]
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from _common import oci
from agents.mcp import MCPServerStreamableHttp
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer

from oci_httpx_auth import OCISigner
from oci_httpx_auth.testing import FakeOCI


async def show(done: float, total: float | None, _message: str | None) -> None:
    print(f"progress, streamed: {done:.0f} of {total or 0:.0f}")


async def main(url: str, signer: OCISigner) -> None:
    # A client of httpx2, which mcp 2 is built on. Client(url) alone would make one of its own, and sign nothing.
    http = httpx2.AsyncClient(auth=signer, timeout=httpx2.Timeout(30, read=300))
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        print("tools:", *(tool.name for tool in (await client.list_tools()).tools))
        result = await client.call_tool("temperature", {"city": "Lisbon"})
        print("called:", result.content[0].text)

        result = await client.call_tool("measure", {"times": 2}, progress_callback=show)
        print("measured:", result.content[0].text)

    # openai-agents makes the client itself, and is given the signer.
    async with MCPServerStreamableHttp(params={"url": url, "auth": signer}) as server:
        print("agents, tools:", *(tool.name for tool in await server.list_tools()))
        called = await server.call_tool("temperature", {"city": "Porto"})
        print("agents, called:", called.content[0].text)


# What follows is the other side: a small MCP server, and before it the stand-in for OCI, which verifies each request.


def weather() -> MCPServer:
    server = MCPServer("Weather", log_level="WARNING")

    @server.tool()
    def temperature(city: str) -> str:
        """The present temperature in a city."""
        return f"21 degrees in {city}"

    @server.tool()
    async def measure(times: int, context: Context) -> str:
        """Measure several times, and tell of each."""
        for number in range(1, times + 1):
            await context.report_progress(number, times)
        return f"measured {times} times"

    return server


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
        url = httpx2.URL("http://stand-in", raw_path=target)
        request = httpx2.Request(scope["method"], url, headers=scope["headers"], content=body)
        async with httpx2.AsyncClient(transport=fake.transport(httpx2)) as stand_in:
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
def serve(app: Any) -> Iterator[str]:
    """Serve an ASGI application on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        thread.join(20)


if __name__ == "__main__":
    with oci() as place:
        if place.fake:
            with serve(verified_by(place.fake, weather().streamable_http_app())) as url:
                asyncio.run(main(url, place.signer))
        elif len(sys.argv) > 1:
            asyncio.run(main(sys.argv[1], place.signer))
        else:
            raise SystemExit("Which server? Give its URL.")
