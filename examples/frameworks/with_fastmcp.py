"""FastMCP: a client whose every request is signed, of a server that demands it.

python examples/frameworks/with_fastmcp.py [URL of such a server]
"""

from __future__ import annotations

import asyncio
import sys

from _common import oci
from _serving import serve, verified_by
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport

from oci_httpx_auth import OCISigner


async def main(url: str, signer: OCISigner) -> None:
    async with Client(url, auth=signer) as client:
        print("tools:", *(tool.name for tool in await client.list_tools()))
        print("called:", (await client.call_tool("temperature", {"city": "Lisbon"})).data)
    async with Client(StreamableHttpTransport(url, auth=signer)) as client:
        print("by a transport:", (await client.call_tool("temperature", {"city": "Porto"})).data)


def weather() -> FastMCP:
    server: FastMCP = FastMCP("Weather")

    @server.tool
    def temperature(city: str) -> str:
        """The present temperature in a city."""
        return f"21 degrees in {city}"

    return server


if __name__ == "__main__":
    with oci() as place:
        if place.fake:
            with serve(verified_by(place.fake, weather().http_app()), "/mcp") as url:
                asyncio.run(main(url, place.signer))
        elif len(sys.argv) > 1:
            asyncio.run(main(sys.argv[1], place.signer))
        else:
            raise SystemExit("Which server? Give its URL.")
