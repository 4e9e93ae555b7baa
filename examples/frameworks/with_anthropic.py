"""The anthropic package, for an endpoint that speaks its protocol; sync and async, plain and streamed.

Unverified: no public source shows OCI serving this protocol.

python examples/frameworks/with_anthropic.py
"""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
from _common import OCI, oci
from endpoints import anthropic_messages

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

ASK: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "Say hello."}]}


def options(place: OCI) -> dict[str, Any]:
    # The client asks for /v1/messages below this; put in where your endpoint has it.
    return {"base_url": f"{place.url}/anthropic", "api_key": PLACEHOLDER_API_KEY, "default_headers": place.headers}


def synchronous(place: OCI) -> None:
    # Not httpx.Client: this package takes clients of httpx2 only, as its own defaults are.
    http = anthropic.DefaultHttpxClient(auth=place.signer, follow_redirects=False)
    with anthropic.Anthropic(http_client=http, **options(place)) as client:
        print("message:", client.messages.create(model=place.model, **ASK).content[0].text)
        with client.messages.stream(model=place.model, **ASK) as stream:
            print("message, streamed:", "".join(stream.text_stream))


async def asynchronous(place: OCI) -> None:
    http = anthropic.DefaultAsyncHttpxClient(auth=place.signer, follow_redirects=False)
    async with anthropic.AsyncAnthropic(http_client=http, **options(place)) as client:
        print("async message:", (await client.messages.create(model=place.model, **ASK)).content[0].text)
        async with client.messages.stream(model=place.model, **ASK) as stream:
            print("async message, streamed:", "".join([text async for text in stream.text_stream]))


if __name__ == "__main__":
    with oci(anthropic_messages.add_to) as place:
        synchronous(place)
        asyncio.run(asynchronous(place))
