"""FastAPI: one signer and one client for the life of the application, shared by all of its requests.

python examples/frameworks/with_fastapi.py
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
from _common import OCI, oci
from _serving import serve
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

from oci_httpx_auth.openai import create_async_openai


def client_of(request: Request) -> AsyncOpenAI:
    client: AsyncOpenAI = request.app.state.client
    return client


Client = Annotated[AsyncOpenAI, Depends(client_of)]


def application(place: OCI) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with create_async_openai(**place.options) as app.state.client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/answer")
    async def answer(question: str, client: Client) -> str | None:
        messages = [{"role": "user", "content": question}]
        completion = await client.chat.completions.create(model=place.model, messages=messages)
        return completion.choices[0].message.content

    @app.get("/stream")
    async def stream(question: str, client: Client) -> StreamingResponse:
        messages = [{"role": "user", "content": question}]
        chunks = await client.chat.completions.create(model=place.model, messages=messages, stream=True)

        async def texts() -> AsyncIterator[str]:
            async for chunk in chunks:
                yield chunk.choices[0].delta.content or "" if chunk.choices else ""

        return StreamingResponse(texts(), media_type="text/plain")

    return app


async def visit(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, params={"question": "Say hello."}) as visitor:
        answers = await asyncio.gather(*(visitor.get("/answer") for _ in range(10)))
        print("answers:", *{answer.json() for answer in answers})
        print("streamed:", (await visitor.get("/stream")).raise_for_status().text)


if __name__ == "__main__":
    with oci() as place, serve(application(place)) as url:
        asyncio.run(visit(url))
