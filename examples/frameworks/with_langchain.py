"""langchain-openai: chat and tools; sync and async, plain and streamed.

OCI serves embeddings at an operation of its own (`embedText`), which `OpenAIEmbeddings` does not speak.

python examples/frameworks/with_langchain.py
"""

from __future__ import annotations

import asyncio
from typing import Any

import openai
from _common import OCI, oci
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY


@tool
def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


def options(place: OCI) -> dict[str, Any]:
    """What every class of langchain-openai takes."""
    return {
        "base_url": place.base_url,
        "api_key": PLACEHOLDER_API_KEY,
        "default_headers": place.headers,
        # Both, always: with only one of them, the calls of the other kind go out unsigned, with the placeholder key.
        "http_client": openai.DefaultHttpxClient(auth=place.signer, follow_redirects=False),
        "http_async_client": openai.DefaultAsyncHttpxClient(auth=place.signer, follow_redirects=False),
    }


async def asynchronous(llm: ChatOpenAI) -> None:
    print("ainvoke:", (await llm.ainvoke("Say hello.")).text)
    print("astream:", "".join([chunk.text async for chunk in llm.astream("Say hello.")]))


def main() -> None:
    with oci() as place:
        llm = ChatOpenAI(model=place.model, **options(place))
        print("invoke:", llm.invoke("Say hello.").text)
        print("stream:", "".join(chunk.text for chunk in llm.stream("Say hello.")))
        print("tool:", llm.bind_tools([temperature]).invoke("How warm is it in Lisbon?").tool_calls[0]["name"])
        responses = ChatOpenAI(model=place.model, use_responses_api=True, **options(place))
        print("responses:", responses.invoke("Say hello.").text)
        asyncio.run(asynchronous(llm))


if __name__ == "__main__":
    main()
