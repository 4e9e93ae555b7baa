"""pydantic-ai: an agent with a tool and a typed answer; sync and async, plain and streamed, on both of OpenAI's APIs.

python examples/frameworks/with_pydantic_ai.py
"""

from __future__ import annotations

import asyncio

from _common import OCI, oci
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from oci_httpx_auth.openai import create_async_openai


class Trip(BaseModel):
    city: str
    days: int


def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


async def main(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        # A ready client: what only gets an http_client has to be httpx2's in pydantic-ai 3, which drops httpx.
        provider = OpenAIProvider(openai_client=client)
        model = OpenAIChatModel(place.model, provider=provider)

        result = await Agent(model, tools=[temperature]).run("How warm is it?")
        print("agent with a tool:", result.output)
        print("typed:", type((await Agent(model, output_type=Trip).run("Plan a trip.")).output).__name__)
        async with Agent(model).run_stream("Say hello.") as stream:
            print("streamed:", "".join([text async for text in stream.stream_text(delta=True)]))
        responses = OpenAIResponsesModel(place.model, provider=provider)
        print("responses:", (await Agent(responses).run("Say hello.")).output)
        async with Agent(responses).run_stream("Say good night.") as stream:
            print("responses, streamed:", "".join([text async for text in stream.stream_text(delta=True)]))


def synchronous(place: OCI) -> None:
    client = create_async_openai(**place.options)
    model = OpenAIChatModel(place.model, provider=OpenAIProvider(openai_client=client))
    print("run_sync:", Agent(model).run_sync("Say hello.").output)


if __name__ == "__main__":
    with oci() as place:
        asyncio.run(main(place))
        synchronous(place)
