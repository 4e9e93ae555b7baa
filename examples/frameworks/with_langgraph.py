"""LangGraph: a graph of one's own, and a ready-made agent with a tool; sync and async, plain and streamed.

python examples/frameworks/with_langgraph.py
"""

from __future__ import annotations

import asyncio

import openai
from _common import OCI, oci
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

HELLO = {"messages": [("user", "Say hello.")]}
WARM = {"messages": [("user", "How warm is it?")]}


@tool
def temperature(city: str) -> str:
    """The present temperature in a city."""
    return f"21 degrees in {city}"


def chat_model(place: OCI) -> ChatOpenAI:
    return ChatOpenAI(
        model=place.model,
        base_url=place.base_url,
        api_key=PLACEHOLDER_API_KEY,
        default_headers=place.headers,
        # Both, always: a graph that is run by ainvoke or astream uses the asynchronous one.
        http_client=openai.DefaultHttpxClient(auth=place.signer, follow_redirects=False),
        http_async_client=openai.DefaultAsyncHttpxClient(auth=place.signer, follow_redirects=False),
    )


def graph_of(model: ChatOpenAI) -> StateGraph:
    async def answer(state: MessagesState) -> MessagesState:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder


async def asynchronous(model: ChatOpenAI) -> None:
    state = await graph_of(model).compile().ainvoke(HELLO)
    print("async graph:", state["messages"][-1].text)
    agent = create_agent(model, tools=[temperature])
    messages = [message async for message, _ in agent.astream(WARM, stream_mode="messages")]
    print("async agent, streamed:", "".join(message.text for message in messages if message.type == "AIMessageChunk"))


def main() -> None:
    with oci() as place:
        model = chat_model(place)
        print("agent:", create_agent(model, tools=[temperature]).invoke(WARM)["messages"][-1].text)
        asyncio.run(asynchronous(model))


if __name__ == "__main__":
    main()
