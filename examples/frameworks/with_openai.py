"""The openai package itself: chat, responses and files; sync and async, plain and streamed.

OCI's documentation lists the path of files. Unverified: their form, which is OpenAI's here.

python examples/frameworks/with_openai.py
"""

from __future__ import annotations

import asyncio

from _common import OCI, oci
from endpoints import openai_files

from oci_httpx_auth.openai import create_async_openai, create_openai

MESSAGES = [{"role": "user", "content": "Say hello."}]


def synchronous(place: OCI) -> None:
    with create_openai(**place.options) as client:
        answer = client.chat.completions.create(model=place.model, messages=MESSAGES)
        print("chat:", answer.choices[0].message.content)
        chunks = client.chat.completions.create(model=place.model, messages=MESSAGES, stream=True)
        print("chat, streamed:", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices))

        response = client.responses.create(model=place.model, input="Say good morning.")
        print("response:", response.output_text)
        with client.responses.stream(model=place.model, input="Say good night.") as events:
            texts = [event.delta for event in events if event.type == "response.output_text.delta"]
        print("response, streamed:", "".join(texts))

        file = client.files.create(file=("notes.txt", b"a few notes"), purpose="user_data")
        print("file:", client.files.retrieve(file.id).filename, client.files.content(file.id).read())
        print("files:", [listed.filename for listed in client.files.list()])
        client.files.delete(file.id)


async def asynchronous(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        answer = await client.chat.completions.create(model=place.model, messages=MESSAGES)
        print("async chat:", answer.choices[0].message.content)
        chunks = await client.chat.completions.create(model=place.model, messages=MESSAGES, stream=True)
        texts = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
        print("async chat, streamed:", "".join(texts))

        response = await client.responses.create(model=place.model, input="Say good morning.")
        print("async response:", response.output_text)
        async with client.responses.stream(model=place.model, input="Say good night.") as events:
            texts = [event.delta async for event in events if event.type == "response.output_text.delta"]
        print("async response, streamed:", "".join(texts))

        file = await client.files.create(file=("notes.txt", b"a few notes"), purpose="user_data")
        print("async files:", [listed.filename async for listed in client.files.list()])
        await client.files.delete(file.id)


if __name__ == "__main__":
    with oci(openai_files.add_to) as place:
        synchronous(place)
        asyncio.run(asynchronous(place))
