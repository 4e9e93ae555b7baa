"""Agno: an agent on both of OpenAI's APIs, with a tool; sync and async, plain and streamed.

python examples/frameworks/with_agno.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from _common import oci
from agno.agent import Agent
from agno.models.openai import OpenAIChat, OpenAIResponses

from oci_httpx_auth.openai import create_async_openai, create_openai


def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


def agent(model_class: Any, options: dict[str, Any], **extra: Any) -> Agent:
    return Agent(model=model_class(**options), telemetry=False, **extra)


def synchronous(options: dict[str, Any]) -> None:
    for model_class in (OpenAIChat, OpenAIResponses):
        name = model_class.__name__
        print(f"{name}:", agent(model_class, options).run("Say hello.").content)
        parts = agent(model_class, options).run("Say hello.", stream=True)
        print(f"{name}, streamed:", "".join(part.content or "" for part in parts))
    print("with a tool:", agent(OpenAIChat, options, tools=[temperature]).run("How warm is it?").content)


async def asynchronous(options: dict[str, Any]) -> None:
    async with options["async_client"]:
        for model_class in (OpenAIChat, OpenAIResponses):
            name = model_class.__name__
            print(f"async {name}:", (await agent(model_class, options).arun("Say hello.")).content)
            parts = agent(model_class, options).arun("Say hello.", stream=True)
            print(f"async {name}, streamed:", "".join([part.content or "" async for part in parts]))


def main() -> None:
    with oci() as place, create_openai(**place.options) as client:
        # Both, and ready-made: with one client only, the calls of the other kind go out unsigned; and an http_client
        # that is not httpx's own (openai 3 uses httpx2) is ignored with no more than a line in the log.
        options = {"id": place.model, "client": client, "async_client": create_async_openai(**place.options)}
        synchronous(options)
        asyncio.run(asynchronous(options))


if __name__ == "__main__":
    main()
