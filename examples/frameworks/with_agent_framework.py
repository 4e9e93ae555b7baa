"""Microsoft Agent Framework: an agent with a tool on both of OpenAI's APIs, plain and streamed. It has no sync form.

python examples/frameworks/with_agent_framework.py
"""

from __future__ import annotations

import asyncio

from _common import OCI, oci
from agent_framework import Agent
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient

from oci_httpx_auth.openai import create_async_openai


def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


async def main(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        for client_class in (OpenAIChatCompletionClient, OpenAIChatClient):  # the second is the Responses API
            chat = client_class(model=place.model, async_client=client)
            agent = Agent(client=chat)
            name = client_class.__name__
            print(f"{name}:", (await agent.run("Say hello.")).text)
            stream = agent.run("Say hello.", stream=True)
            updates = [update async for update in stream]
            print(
                f"{name}, streamed:", (await stream.get_final_response()).text, "in parts" if len(updates) > 1 else ""
            )
            agent = Agent(client=chat, tools=[temperature])
            print(f"{name}, with a tool:", (await agent.run("How warm is it?")).text)


if __name__ == "__main__":
    with oci() as place:
        asyncio.run(main(place))
