"""CrewAI: an interceptor signs what its model sends; sync and async, streamed, and a crew with a tool.

python examples/frameworks/with_crewai.py
"""

from __future__ import annotations

import asyncio
import os

import httpx
from _common import OCI, oci

from oci_httpx_auth import OCISigner
from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

os.environ.setdefault("CREWAI_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")
from crewai import LLM, Agent, Crew, Task
from crewai.llms.hooks.base import BaseInterceptor


class Signing(BaseInterceptor[httpx.Request, httpx.Response]):
    """Signs each request on its way out. An interceptor cannot answer a 401 with a new attempt, as a client's auth does."""

    def __init__(self, signer: OCISigner) -> None:
        self.signer = signer

    def on_outbound(self, message: httpx.Request) -> httpx.Request:
        message.headers.update(
            self.signer.signed_headers(message.method, str(message.url), message.headers, message.read())
        )
        return message

    async def aon_outbound(self, message: httpx.Request) -> httpx.Request:
        body = await message.aread()
        message.headers.update(
            await self.signer.asigned_headers(message.method, str(message.url), message.headers, body)
        )
        return message

    def on_inbound(self, message: httpx.Response) -> httpx.Response:
        return message

    async def aon_inbound(self, message: httpx.Response) -> httpx.Response:
        return message


def model(place: OCI, *, stream: bool = False) -> LLM:
    # Not client_params={"http_client": …}: it would go to the sync and to the async client, of which one refuses it.
    return LLM(
        model=place.model,
        provider="openai",
        base_url=place.base_url,
        api_key=PLACEHOLDER_API_KEY,
        default_headers=place.headers,
        interceptor=Signing(place.signer),
        stream=stream,
    )


def main() -> None:
    with oci() as place:
        llm = model(place)
        print("call:", llm.call("Say hello."))
        print("async call:", asyncio.run(llm.acall("Say hello.")))
        streamed = model(place, stream=True).call("Say hello.")
        print(f"\ncall, streamed: {streamed}")  # CrewAI's panels, printed by a thread of its own, may end no line
        writer = Agent(role="Writer", goal="Greet", backstory="You are brief.", llm=llm)
        task = Task(description="Say hello.", expected_output="A greeting", agent=writer)
        if place.fake:
            place.fake.script("Thought: I know.\nFinal Answer: Hello!")
        answer = Crew(agents=[writer], tasks=[task]).kickoff().raw
        print(f"\ncrew: {answer}")


if __name__ == "__main__":
    main()
