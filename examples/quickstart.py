"""A signed OpenAI client, and an agent, on OCI Generative AI.

With credentials and OCI_COMPARTMENT_ID (or OCI_PROJECT_ID) in place, this talks to the real service. Otherwise it starts
a stand-in for OCI on this machine, which verifies every signature as OCI does:

    python examples/quickstart.py [--auth instance_principal] [--profile NAME] [--model NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from contextlib import ExitStack

import models
from agents import Agent, RunConfig, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from oci_httpx_auth import OCIAuthError, OCISigner
from oci_httpx_auth.agents import OCIProvider
from oci_httpx_auth.openai import create_async_openai
from oci_httpx_auth.testing import FakeOCI, ToolCall

MODES = ("api_key", "security_token", "instance_principal")


@function_tool
def temperature(city: str) -> str:
    """The current temperature in a city."""
    return f"21 degrees Celsius in {city}"


async def talk(client: AsyncOpenAI, model: str) -> None:
    """Stream a chat completion and a response, then let an agent use a tool."""
    print("\nchat completion    ", end="", flush=True)
    chunks = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Say hello to a newcomer."}], stream=True
    )
    async for chunk in chunks:
        print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)

    print("\nresponse           ", end="", flush=True)
    events = await client.responses.create(model=model, input="Wish the newcomer well.", stream=True)
    async for event in events:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)

    agent = Agent(name="Weather", tools=[temperature], model=model)
    config = RunConfig(model_provider=OCIProvider(client=client))
    result = await Runner.run(agent, "How warm is it in Lisbon?", run_config=config)
    print(f"\nagent with a tool  {result.final_output}")


def real_signer(options: argparse.Namespace) -> OCISigner | None:
    """A signer for the real service, if this machine has credentials and a compartment or project is set."""
    if not (os.environ.get("OCI_COMPARTMENT_ID") or os.environ.get("OCI_PROJECT_ID")):
        return None
    try:
        return OCISigner(auth=options.auth, profile=options.profile)
    except OCIAuthError as error:
        print(f"No OCI credentials: {error}")
        return None


def stand_in(fake: FakeOCI, directory: str, mode: str) -> OCISigner:
    """A signer for the stand-in, configured in the same way as for OCI."""
    if mode == "instance_principal":
        os.environ.update(fake.environment(mode))
        return OCISigner(auth=mode)
    return OCISigner(config_file=fake.write_config(directory, session=mode == "security_token"))


def show(signer: OCISigner, fake: FakeOCI | None) -> None:
    """Print how the signer authenticates, what was signed, and what the server verified."""
    status = signer.status()
    print(f"\nauthenticated by {status.mode}, from {status.source}")
    calls = [record for record in fake.records if record.service == "inference"] if fake else []
    for record in calls:
        kind, _, name = record.principal.partition(" ")
        verdict = f"signed by {kind} …{name[-6:]}" if record.signed else f"REFUSED: {record.reason}"
        print(f"  {record.method} {record.target:27} {record.status}  {verdict}")
    if calls:
        print(f"each signature covers {', '.join(calls[0].signed_headers)}")
        print(f"the server verified {sum(record.signed for record in calls)} of {len(calls)} requests")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--auth", choices=MODES, help="how to authenticate (default: detected)")
    parser.add_argument("--profile", help="profile of the OCI config file")
    parser.add_argument("--model", default=models.CHAT)
    options = parser.parse_args()
    set_tracing_disabled(True)  # tracing would send the run to OpenAI

    with ExitStack() as stack:
        fake, where = None, {}
        signer = real_signer(options)
        if signer is None:
            fake = stack.enter_context(FakeOCI())
            print(
                f"A stand-in for OCI at {fake.url} verifies every request; set OCI_COMPARTMENT_ID for the real service."
            )
            fake.script("Hello, and welcome!", "All the best.", ToolCall("temperature", {"city": "Lisbon"}))
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            signer = stand_in(fake, directory, options.auth or "api_key")
            where = {
                "base_url": fake.openai_url,
                "compartment_id": fake.compartment,
                "project_id": models.STAND_IN_PROJECT,
            }
        async with create_async_openai(signer=signer, **where) as client:
            await talk(client, options.model)
        show(signer, fake)


if __name__ == "__main__":
    asyncio.run(main())
