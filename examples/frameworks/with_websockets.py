"""Websockets, which go past the HTTP client: sign their opening handshake with `signed_headers`.

Shown for openai's Responses and realtime sockets, sync and async, and for the realtime model of openai-agents. Unverified:
no public source shows OCI serving websockets. The stand-in accepts the handshake and closes politely.

    python examples/frameworks/with_websockets.py
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from _common import OCI, REALTIME_MODEL, oci
from agents import Agent, ModelSettings, OpenAIResponsesWSModel, Runner, set_tracing_disabled
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel
from endpoints import websockets as websocket_endpoints
from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosedOK

from oci_httpx_auth.openai import create_async_openai, create_openai


def synchronous(place: OCI) -> None:
    # The very URL that the client will ask for, with its query. Without these headers the placeholder key goes out.
    url = f"{place.base_url}/responses"
    with create_openai(**place.options) as client:
        # Sign right before connecting: the headers hold for five minutes. A reconnection wants new ones.
        signed = place.signer.signed_headers("GET", url)
        with client.responses.connect(extra_headers=signed):
            print("responses: connected")

        signed = place.signer.signed_headers("GET", f"{place.base_url}/realtime?model={REALTIME_MODEL}")
        with client.realtime.connect(model=REALTIME_MODEL, extra_headers=signed):
            print("realtime: connected")


async def asynchronous(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        signed = await place.signer.asigned_headers("GET", f"{place.base_url}/responses")
        async with client.responses.connect(extra_headers=signed):
            print("async responses: connected")

        url = f"{place.base_url}/realtime?model={REALTIME_MODEL}"
        signed = await place.signer.asigned_headers("GET", url)
        async with client.realtime.connect(model=REALTIME_MODEL, extra_headers=signed):
            print("async realtime: connected")

        await agents_sdk(place, client, url)


async def agents_sdk(place: OCI, client: AsyncOpenAI, url: str) -> None:
    # With headers given, the realtime model adds no bearer of its own. RealtimeRunner takes this as model_config.
    address = url.replace("http", "ws", 1)
    config = {"url": address, "headers": await place.signer.asigned_headers("GET", address, place.headers)}
    realtime = OpenAIRealtimeWebSocketModel()
    with suppress(ConnectionClosedOK):  # the stand-in's farewell may come before the model's first message
        await realtime.connect(config)
    await realtime.close()
    print("agents realtime: connected")

    signed = await place.signer.asigned_headers("GET", f"{place.base_url}/responses")
    model = OpenAIResponsesWSModel(place.model, client)
    agent = Agent(name="Greeter", model=model, model_settings=ModelSettings(extra_headers=signed))
    try:
        print("agents responses:", (await Runner.run(agent, "Say hello.")).final_output)
    except RuntimeError as error:
        if place.fake is None:
            raise
        print("agents responses: connected,", "but closed" if "closed" in str(error) else error)
    await model.close()


if __name__ == "__main__":
    set_tracing_disabled(True)
    with oci(websocket_endpoints.add_to) as place:
        synchronous(place)
        asyncio.run(asynchronous(place))
