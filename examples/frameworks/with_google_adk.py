"""Google's Agent Development Kit, on LiteLLM: an agent with a tool, plain and streamed. It has no synchronous form.

python examples/frameworks/with_google_adk.py
"""

from __future__ import annotations

import asyncio
import os

from _common import OCI, oci

from oci_httpx_auth.openai import create_async_openai

# While it is imported, litellm would fetch a list of prices from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
from google.adk.agents import Agent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types


def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


async def ask(agent: Agent, question: str, mode: StreamingMode = StreamingMode.NONE) -> str:
    runner = InMemoryRunner(agent, app_name="weather")
    session = await runner.session_service.create_session(app_name="weather", user_id="ann")
    message = types.Content(role="user", parts=[types.Part(text=question)])
    events = runner.run_async(
        user_id="ann", session_id=session.id, new_message=message, run_config=RunConfig(streaming_mode=mode)
    )
    last = [event async for event in events if event.is_final_response() and not event.partial][-1]
    return "".join(part.text or "" for part in last.content.parts)


async def main(place: OCI) -> None:
    async with create_async_openai(**place.options) as client:
        model = LiteLlm(model=f"openai/{place.model}", client=client)
        greeter = Agent(name="greeter", model=model)
        print("agent:", await ask(greeter, "Say hello."))
        print("agent, streamed:", await ask(greeter, "Say hello.", StreamingMode.SSE))
        helper = Agent(name="helper", model=model, tools=[temperature])
        print("agent with a tool:", await ask(helper, "How warm is it?"))


if __name__ == "__main__":
    with oci() as place:
        asyncio.run(main(place))
