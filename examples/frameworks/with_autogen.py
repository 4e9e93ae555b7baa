"""AutoGen: a model client, streamed too, and an assistant with a tool. It has no synchronous form.

python examples/frameworks/with_autogen.py
"""

from __future__ import annotations

import asyncio

from _common import OCI, oci
from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openai import DefaultAsyncHttpxClient

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

# What AutoGen knows of OpenAI's own models, and has to be told of others.
ABILITIES = {
    "vision": False,
    "function_calling": True,
    "json_output": True,
    "structured_output": True,
    "family": "unknown",
}


async def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


async def main(place: OCI) -> None:
    client = OpenAIChatCompletionClient(
        model=place.model,
        model_info=ABILITIES,
        base_url=place.base_url,
        api_key=PLACEHOLDER_API_KEY,
        default_headers=place.headers,
        http_client=DefaultAsyncHttpxClient(auth=place.signer, follow_redirects=False),
    )
    hello = [UserMessage(content="Say hello.", source="user")]
    print("create:", (await client.create(hello)).content)
    parts = [part async for part in client.create_stream(hello)]
    print("stream:", "".join(part for part in parts if isinstance(part, str)))
    assistant = AssistantAgent("assistant", client, tools=[temperature])
    print("assistant:", (await assistant.run(task="How warm is it?")).messages[-1].to_text())
    await client.close()  # closes the HTTP client too


if __name__ == "__main__":
    with oci() as place:
        asyncio.run(main(place))
