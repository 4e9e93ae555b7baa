"""google-genai on OCI's Google-compatible endpoint; sync and async, plain and streamed.

Oracle's sample code gives the base URL. Unverified: the paths below it and their form, which are Google's here.

python examples/frameworks/with_google_genai.py
"""

from __future__ import annotations

import asyncio

import httpx2
from _common import GOOGLE_MODEL, OCI, oci
from endpoints import google_content
from google import genai
from google.genai import types

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY


async def asynchronous(client: genai.Client) -> None:
    answer = await client.aio.models.generate_content(model=GOOGLE_MODEL, contents="Say hello.")
    print("async content:", answer.text)
    chunks = await client.aio.models.generate_content_stream(model=GOOGLE_MODEL, contents="Say hello.")
    print("async content, streamed:", "".join([chunk.text or "" async for chunk in chunks]))


async def main(place: OCI) -> None:
    with httpx2.Client(auth=place.signer, timeout=600) as http:
        async with httpx2.AsyncClient(auth=place.signer, timeout=600) as async_http:
            options = types.HttpOptions(
                base_url=f"{place.url}/google",
                headers=place.headers,
                # Both, and as clients: with aiohttp installed, async calls without a client of their own go through
                # aiohttp, which knows nothing of the signer.
                httpx_client=http,
                httpx_async_client=async_http,
            )
            client = genai.Client(api_key=PLACEHOLDER_API_KEY, http_options=options)
            print("content:", client.models.generate_content(model=GOOGLE_MODEL, contents="Say hello.").text)
            chunks = client.models.generate_content_stream(model=GOOGLE_MODEL, contents="Say hello.")
            print("content, streamed:", "".join(chunk.text or "" for chunk in chunks))
            await asynchronous(client)


if __name__ == "__main__":
    with oci(google_content.add_to) as place:
        asyncio.run(main(place))
