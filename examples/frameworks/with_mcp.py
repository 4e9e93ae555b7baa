"""MCP over streamable HTTP, with a server that demands OCI's signatures: mcp itself, and openai-agents on top of it.

python examples/frameworks/with_mcp.py [URL of such a server]
"""

from __future__ import annotations

import asyncio
import sys

import httpx2
from _common import oci
from _serving import serve, verified_by
from agents.mcp import MCPServerStreamableHttp
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer

from oci_httpx_auth import OCISigner


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


# What follows is the other side: a small MCP server, to which only requests that the stand-in has verified get.


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


if __name__ == "__main__":
    with oci() as place:
        if place.fake:
            with serve(verified_by(place.fake, weather().streamable_http_app()), "/mcp") as url:
                asyncio.run(main(url, place.signer))
        elif len(sys.argv) > 1:
            asyncio.run(main(sys.argv[1], place.signer))
        else:
            raise SystemExit("Which server? Give its URL.")
