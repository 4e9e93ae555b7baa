"""Strands Agents: an agent with a tool, several calls with one client; sync and async, streamed.

python examples/frameworks/with_strands.py
"""

from __future__ import annotations

import asyncio

from _common import OCI, oci
from strands import Agent, tool
from strands.models.openai import OpenAIModel

from oci_httpx_auth.openai import create_async_openai


@tool
def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


async def main(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        # Not client_args={"http_client": …}: Strands makes a client for each call and closes it, and yours with it.
        model = OpenAIModel(client=client, model_id=place.model)
        for number in ("first", "second"):
            agent = Agent(model=model, callback_handler=None)
            print(f"{number} call:", str(await agent.invoke_async("Say hello.")).strip())
        events = Agent(model=model, callback_handler=None).stream_async("Say hello.")
        print("streamed:", "".join([event["data"] async for event in events if "data" in event]))
        agent = Agent(model=model, tools=[temperature], callback_handler=None)
        print("with a tool:", str(await agent.invoke_async("How warm is it?")).strip())


if __name__ == "__main__":
    with oci() as place:
        asyncio.run(main(place))
