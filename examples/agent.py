"""Agents on OCI Generative AI: tools, a handoff and a structured answer, on one signed client.

With credentials and OCI_COMPARTMENT_ID (or OCI_PROJECT_ID) in place, this talks to the real service. Otherwise it starts
a stand-in for OCI on this machine, which verifies every signature as OCI does:

    python examples/agent.py
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import ExitStack

import models
from agents import Agent, RunConfig, Runner, function_tool, set_tracing_disabled
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

from oci_httpx_auth.agents import OCIProvider
from oci_httpx_auth.testing import FakeOCI, ToolCall


class Trip(BaseModel):
    city: str
    days: int


@function_tool
def temperature(city: str) -> str:
    """The current temperature in a city."""
    return f"21 degrees Celsius in {city}"


# The planner uses the Responses API; the guide, which names no model, uses the default one with chat completions.
planner = Agent(
    name="Planner",
    instructions="Plan a short trip.",
    model=f"responses:{models.CHAT}",
    output_type=Trip,
)
guide = Agent(
    name="Guide",
    instructions="Answer in one sentence. Hand over to the planner when a trip is wanted.",
    tools=[temperature],
    handoffs=[planner],
)


async def talk(provider: OCIProvider) -> None:
    """Stream an answer that needs a tool, then ask for one that another agent gives."""
    config = RunConfig(model_provider=provider)
    try:
        print("streamed    ", end="", flush=True)
        result = Runner.run_streamed(guide, "How warm is it in Lisbon?", run_config=config)
        async for event in result.stream_events():
            if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
                print(event.data.delta, end="", flush=True)
        answer = await Runner.run(guide, "Plan a trip for me.", run_config=config)
        print(f"\nhanded over {answer.last_agent.name}: {answer.final_output!r}")
    finally:
        await provider.aclose()


def main() -> None:
    set_tracing_disabled(True)  # tracing would send the runs to OpenAI
    with ExitStack() as stack:
        if os.environ.get("OCI_COMPARTMENT_ID") or os.environ.get("OCI_PROJECT_ID"):
            asyncio.run(talk(OCIProvider()))
            return
        fake = stack.enter_context(FakeOCI())
        print("A stand-in for OCI verifies every request; set OCI_COMPARTMENT_ID for the real service.")
        fake.script(
            ToolCall("temperature", {"city": "Lisbon"}),
            "It is 21 degrees in Lisbon.",
            ToolCall("transfer_to_planner"),
            '{"city": "Lisbon", "days": 3}',
        )
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        config_file = fake.write_config(directory)
        where = {"base_url": fake.openai_url, "compartment_id": fake.compartment, "project_id": models.STAND_IN_PROJECT}
        asyncio.run(talk(OCIProvider(config_file=config_file, **where)))
        for record in fake.records:
            print(f"  {record.target:27} {record.status} {'signed' if record.signed else record.reason}")
        print(f"the server verified {sum(record.signed for record in fake.records)} of {len(fake.records)} requests")


if __name__ == "__main__":
    main()
