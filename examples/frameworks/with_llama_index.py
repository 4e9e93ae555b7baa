"""llama-index: chat, plain and streamed; sync and async.

python examples/frameworks/with_llama_index.py
"""

from __future__ import annotations

import asyncio
from typing import Any

import openai
from _common import OCI, oci
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

HELLO = [ChatMessage(role="user", content="Say hello.")]


def options(place: OCI) -> dict[str, Any]:
    """What its classes for OpenAI take. Keep `reuse_client` on: without it, the clients are closed after one call."""
    return {
        "api_base": place.base_url,
        "api_key": PLACEHOLDER_API_KEY,
        "default_headers": place.headers,
        # Both, always: with only one of them, the calls of the other kind go out unsigned, with the placeholder key.
        "http_client": openai.DefaultHttpxClient(auth=place.signer, follow_redirects=False),
        "async_http_client": openai.DefaultAsyncHttpxClient(auth=place.signer, follow_redirects=False),
    }


async def asynchronous(llm: OpenAILike) -> None:
    print("async chat:", (await llm.achat(HELLO)).message.content)
    print("async stream:", "".join([chunk.delta or "" async for chunk in await llm.astream_chat(HELLO)]))


def main() -> None:
    with oci() as place:
        # OpenAILike, since llama-index's own OpenAI class takes only models whose names it knows.
        llm = OpenAILike(model=place.model, is_chat_model=True, **options(place))
        print("chat:", llm.chat(HELLO).message.content)
        print("stream:", "".join(chunk.delta or "" for chunk in llm.stream_chat(HELLO)))
        asyncio.run(asynchronous(llm))


if __name__ == "__main__":
    main()
