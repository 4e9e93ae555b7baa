"""A signed OpenAI client, and an agent, on OCI Generative AI.

With a profile in ~/.oci/config and OCI_COMPARTMENT_ID (or OCI_PROJECT_ID) set, this talks to the real service.
Otherwise it starts a stand-in on this machine, which verifies every signature as OCI does:

    python examples/quickstart.py [--profile NAME] [--model NAME] [--session]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from oci_httpx_auth import OCIAuthError, OCISigner
from oci_httpx_auth.openai import create_async_openai
from oci_httpx_auth.testing import FakeOCI


@function_tool
def celsius(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees Celsius in {city}"


async def talk(client: AsyncOpenAI, model: str) -> None:
    """Stream a chat completion and a response, then let an agent use a tool."""
    print("\nchat completion  ", end="", flush=True)
    chunks = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Say hello to a newcomer."}], stream=True
    )
    async for chunk in chunks:
        print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)

    print("\nresponse         ", end="", flush=True)
    events = await client.responses.create(model=model, input="Say goodbye to a newcomer.", stream=True)
    async for event in events:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)

    agent = Agent(name="Weather", tools=[celsius], model=OpenAIChatCompletionsModel(model=model, openai_client=client))
    result = await Runner.run(agent, "How warm is it in Lisbon?")
    print(f"\nagent with a tool  {result.final_output}")


def describe(signer: OCISigner) -> None:
    status = signer.status()
    print(f"\nauthenticated by {status.mode}, from {status.source}")


def show(fake: FakeOCI) -> None:
    """What the server saw, and verified."""
    print(f"the server verified {sum(record.signed for record in fake.records)} of {len(fake.records)} requests:")
    for record in fake.records:
        verdict = f"signed by {record.principal}" if record.signed else f"REFUSED: {record.reason}"
        print(f"  {record.method} {record.target}\n    {verdict}\n    over {' '.join(record.signed_headers)}")


@contextlib.contextmanager
def service(options: argparse.Namespace) -> Iterator[tuple[dict[str, str], FakeOCI | None]]:
    """How to reach the real service, or else a stand-in for it."""
    if os.environ.get("OCI_COMPARTMENT_ID") or os.environ.get("OCI_PROJECT_ID"):
        with contextlib.suppress(OCIAuthError):
            OCISigner(profile=options.profile)
            yield {} if options.profile is None else {"profile": options.profile}, None
            return
    with tempfile.TemporaryDirectory() as directory, FakeOCI() as fake:
        config = fake.write_config(directory, session=options.session)
        print(f"No OCI profile and compartment were found: a stand-in for OCI verifies the requests, at {fake.url}")
        yield {"config_file": str(config), "base_url": fake.openai_url, "compartment_id": fake.compartment}, fake


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help="profile of the OCI config file")
    parser.add_argument("--model", default="openai.gpt-oss-120b")
    parser.add_argument("--session", action="store_true", help="stand-in: use a session token instead of an API key")
    options = parser.parse_args()
    set_tracing_disabled(True)  # tracing would send the run to OpenAI

    with service(options) as (where, fake):
        signer = OCISigner(profile=where.pop("profile", None), config_file=where.pop("config_file", None))
        async with create_async_openai(signer=signer, **where) as client:
            await talk(client, options.model)
        describe(signer)
        if fake is not None:
            show(fake)


if __name__ == "__main__":
    asyncio.run(main())
