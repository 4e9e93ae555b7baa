"""smolagents: a model, streamed too, and an agent with a tool. It has no asynchronous form.

python examples/frameworks/with_smolagents.py
"""

from __future__ import annotations

import openai
from _common import oci
from smolagents import ChatMessage, MessageRole, OpenAIModel, ToolCallingAgent, tool

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY
from oci_httpx_auth.testing import ToolCall

HELLO = [ChatMessage(role=MessageRole.USER, content=[{"type": "text", "text": "Say hello."}])]


@tool
def temperature(city: str) -> str:
    """The present temperature in a city.

    Args:
        city: Its name.
    """
    return f"21 degrees in {city}"


def main() -> None:
    with oci() as place:
        model = OpenAIModel(
            place.model,
            api_base=place.base_url,
            api_key=PLACEHOLDER_API_KEY,
            client_kwargs={
                "http_client": openai.DefaultHttpxClient(auth=place.signer, follow_redirects=False),
                "default_headers": place.headers,
            },
        )
        print("model:", model(HELLO).content)
        print("stream:", "".join(delta.content or "" for delta in model.generate_stream(HELLO)))
        if place.fake:  # which otherwise knows no final_answer, smolagents' own way to end a run
            place.fake.script(
                ToolCall("temperature", {"city": "Lisbon"}), ToolCall("final_answer", {"answer": "21 degrees"})
            )
        agent = ToolCallingAgent(tools=[temperature], model=model, verbosity_level=0)
        print("agent:", agent.run("How warm is it in Lisbon?"))


if __name__ == "__main__":
    main()
