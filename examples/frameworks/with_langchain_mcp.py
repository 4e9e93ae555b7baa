"""langchain-mcp-adapters: the tools of a server that demands signatures, as LangChain's.

python examples/frameworks/with_langchain_mcp.py [URL of such a server]
"""

from __future__ import annotations

import asyncio
import sys

from _common import oci
from _serving import serve, verified_by
from langchain_mcp_adapters.client import MultiServerMCPClient
from mcp.server.fastmcp import FastMCP

from oci_httpx_auth import OCISigner


async def main(url: str, signer: OCISigner) -> None:
    client = MultiServerMCPClient({"weather": {"transport": "streamable_http", "url": url, "auth": signer}})
    tools = await client.get_tools()
    print("tools:", *(tool.name for tool in tools))
    answer = await tools[0].ainvoke({"city": "Lisbon"})
    print("called:", answer if isinstance(answer, str) else answer[0]["text"])


def weather() -> FastMCP:
    server = FastMCP("Weather", log_level="CRITICAL")

    @server.tool()
    def temperature(city: str) -> str:
        """The present temperature in a city."""
        return f"21 degrees in {city}"

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
