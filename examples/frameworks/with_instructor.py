"""instructor: answers as pydantic models; sync and async, whole and in parts as they come.

python examples/frameworks/with_instructor.py
"""

from __future__ import annotations

import asyncio

import instructor
from _common import OCI, oci
from pydantic import BaseModel

from oci_httpx_auth.openai import create_async_openai, create_openai


class Trip(BaseModel):
    city: str
    days: int


MESSAGES = [{"role": "user", "content": "Plan a short trip."}]


def synchronous(place: OCI) -> None:
    with create_openai(**place.options) as client:
        typed = instructor.from_openai(client)
        print("trip:", typed.chat.completions.create(model=place.model, messages=MESSAGES, response_model=Trip))
        parts = typed.chat.completions.create_partial(model=place.model, messages=MESSAGES, response_model=Trip)
        print("trip, streamed:", list(parts)[-1])
        in_json = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)
        print(
            "trip by schema:",
            in_json.chat.completions.create(model=place.model, messages=MESSAGES, response_model=Trip),
        )


async def asynchronous(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        typed = instructor.from_openai(client)
        trip = await typed.chat.completions.create(model=place.model, messages=MESSAGES, response_model=Trip)
        print("async trip:", trip)
        parts = typed.chat.completions.create_partial(model=place.model, messages=MESSAGES, response_model=Trip)
        print("async trip, streamed:", [part async for part in parts][-1])


if __name__ == "__main__":
    with oci() as place:
        synchronous(place)
        asyncio.run(asynchronous(place))
