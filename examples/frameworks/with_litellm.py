"""litellm: completions and responses; sync and async, plain and streamed.

python examples/frameworks/with_litellm.py
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
from _common import OCI, oci

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY, create_async_openai, create_openai

# While it is imported, litellm would fetch a list of prices from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
import litellm
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler

HELLO = [{"role": "user", "content": "Say hello."}]


def responding(place: OCI) -> dict[str, Any]:
    """What `responses` needs. It ignores an OpenAI client, and would send the key: it wants litellm's own handlers."""
    return {
        "model": f"openai/{place.model}",
        "input": "Say hello.",
        "api_base": place.base_url,
        "api_key": PLACEHOLDER_API_KEY,
        "extra_headers": place.headers,
    }


async def asynchronous(place: OCI) -> None:
    model = f"openai/{place.model}"
    async with create_async_openai(**place.options) as client:
        answer = await litellm.acompletion(model=model, messages=HELLO, client=client)
        print("async completion:", answer.choices[0].message.content)
        chunks = await litellm.acompletion(model=model, messages=HELLO, client=client, stream=True)
        print("async stream:", "".join([chunk.choices[0].delta.content or "" async for chunk in chunks]))

    handler = AsyncHTTPHandler()
    await handler.client.aclose()
    handler.client = httpx.AsyncClient(auth=place.signer)
    response = await litellm.aresponses(**responding(place), client=handler)
    print("async responses:", response.output[0].content[0].text)
    await handler.close()


def main() -> None:
    litellm.telemetry = False
    with oci() as place:
        model = f"openai/{place.model}"
        with create_openai(**place.options) as client:
            answer = litellm.completion(model=model, messages=HELLO, client=client)
            print("completion:", answer.choices[0].message.content)
            chunks = litellm.completion(model=model, messages=HELLO, client=client, stream=True)
            print("stream:", "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
        with httpx.Client(auth=place.signer) as http:
            response = litellm.responses(**responding(place), client=HTTPHandler(client=http))
            print("responses:", response.output[0].content[0].text)
        asyncio.run(asynchronous(place))


if __name__ == "__main__":
    main()
