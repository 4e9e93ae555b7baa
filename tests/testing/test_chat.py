"""Chat completions, as OpenAI's own client sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .clients import MODEL, chat_tool, say


def test_a_chat_is_answered_and_counted(client: Any) -> None:
    """By quoting what the user said last."""
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": "Be brief."}, *say("first"), *say("second")],
    )
    assert completion.choices[0].message.content == "You said: second"
    assert (completion.choices[0].finish_reason, completion.model) == ("stop", MODEL)
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_a_chat_is_streamed_in_small_pieces(client: Any) -> None:
    """Role first, finish last, usage only if it is asked for."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "one two"}, {"type": "text", "text": " three"}]}]
    for wanted in (False, True):
        options = {"stream_options": {"include_usage": True}} if wanted else {}
        chunks = list(client.chat.completions.create(model=MODEL, messages=messages, stream=True, **options))
        deltas = [
            chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
        ]
        assert "".join(deltas) == "You said: one two three"
        assert len(deltas) > 3
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [wanted]


def test_the_first_tool_is_called_and_its_output_quoted(client: Any) -> None:
    """With arguments that fit its schema."""
    messages = say("Weather?")
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[chat_tool(), chat_tool(name="other")])
    assert first.choices[0].finish_reason == "tool_calls"
    assert first.choices[0].message.content is None
    (call,) = first.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "city"})
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"},
    ]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[chat_tool()])
    assert second.choices[0].message.content == "The tool answered: 22 degrees"
    third = client.chat.completions.create(model=MODEL, messages=messages + say("And now?"), tools=[chat_tool()])
    assert third.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", None),
        ("auto", "get_weather"),
        ("required", "get_weather"),
        ({"type": "function", "function": {"name": "other"}}, "other"),
    ],
)
def test_the_choice_of_tools_is_respected(client: Any, choice: Any, called: str | None) -> None:
    """None, any, or the one that is named."""
    tools = [chat_tool(), chat_tool(name="other")]
    completion = client.chat.completions.create(model=MODEL, messages=say("x"), tools=tools, tool_choice=choice)
    calls = completion.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ([called] if called else [])
