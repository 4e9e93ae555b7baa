"""Semantic Kernel: chat, streamed too, and an agent with a tool. It has no synchronous form.

python examples/frameworks/with_semantic_kernel.py
"""

from __future__ import annotations

import asyncio

from _common import OCI, oci
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
)
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function

from oci_httpx_auth.openai import create_async_openai


class Weather:
    @kernel_function
    def temperature(self, city: str) -> str:
        """The present temperature in a city."""
        return f"21 degrees in {city}"


async def main(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        chat = OpenAIChatCompletion(ai_model_id=place.model, async_client=client)
        history = ChatHistory()
        history.add_user_message("Say hello.")
        settings = OpenAIChatPromptExecutionSettings()
        print("chat:", await chat.get_chat_message_content(history, settings))
        pieces = [str(piece) async for piece in chat.get_streaming_chat_message_content(history, settings)]
        print("chat, streamed:", "".join(pieces))
        agent = ChatCompletionAgent(service=chat, name="Helper", plugins=[Weather()])
        print("agent with a tool:", await agent.get_response("How warm is it?"))


if __name__ == "__main__":
    with oci() as place:
        asyncio.run(main(place))
