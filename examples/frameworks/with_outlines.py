"""Outlines: text and typed answers; sync and async, plain and streamed.

python examples/frameworks/with_outlines.py
"""

from __future__ import annotations

import asyncio

import outlines
from _common import OCI, oci
from pydantic import BaseModel

from oci_httpx_auth.openai import create_async_openai, create_openai


class Trip(BaseModel):
    city: str
    days: int


async def asynchronous(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        model = outlines.from_openai(client, place.model)
        print("async text:", await model("Say hello."))
        print("async text, streamed:", "".join([piece async for piece in model.stream("Say hello.")]))


def main() -> None:
    with oci() as place:
        with create_openai(**place.options) as client:
            model = outlines.from_openai(client, place.model)
            print("text:", model("Say hello."))
            print("text, streamed:", "".join(model.stream("Say hello.")))
            print("typed:", Trip.model_validate_json(model("Plan a trip.", Trip)))
        asyncio.run(asynchronous(place))


if __name__ == "__main__":
    main()
