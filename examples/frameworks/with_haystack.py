"""Haystack: a generator, plain and streamed, and a pipeline; sync and async.

python examples/frameworks/with_haystack.py
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from _common import OCI, oci

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
from haystack import Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.utils import Secret

HELLO = [ChatMessage.from_user("Say hello.")]


def options(place: OCI) -> dict[str, Any]:
    """What every OpenAI component of Haystack takes. One setting serves its sync and its async client."""
    return {
        "api_base_url": place.base_url,
        "api_key": Secret.from_token(PLACEHOLDER_API_KEY),
        "http_client_kwargs": {"auth": place.signer, "headers": place.headers, "follow_redirects": False},
    }


async def asynchronous(generator: OpenAIChatGenerator) -> None:
    print("async run:", (await generator.run_async(HELLO))["replies"][0].text)
    pieces: list[str] = []

    async def collect(chunk: StreamingChunk) -> None:
        pieces.append(chunk.content)

    await generator.run_async(HELLO, streaming_callback=collect)
    print("async stream:", "".join(pieces))


def main() -> None:
    with oci() as place:
        generator = OpenAIChatGenerator(model=place.model, **options(place))
        print("run:", generator.run(HELLO)["replies"][0].text)
        pieces: list[str] = []
        generator.run(HELLO, streaming_callback=lambda chunk: pieces.append(chunk.content))
        print("stream:", "".join(pieces))
        asyncio.run(asynchronous(generator))

        pipeline = Pipeline()
        pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user("Say {{word}}.")]))
        pipeline.add_component("model", OpenAIChatGenerator(model=place.model, **options(place)))
        pipeline.connect("prompt.prompt", "model.messages")
        print("pipeline:", pipeline.run({"prompt": {"word": "hello"}})["model"]["replies"][0].text)


if __name__ == "__main__":
    main()
