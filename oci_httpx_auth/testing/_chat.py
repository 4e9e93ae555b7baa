"""Chat completions: the OpenAI wire form, plain and streamed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from ._model import Answer, Model, Question, Tool, Turn, pieces, tokens_in
from ._wire import Refused, Reply


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts of which only the text counts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text", "") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return ""


def question_of(document: dict[str, Any]) -> Question:
    """What a chat completion request asks of the model. `Refused` (400) without a model or messages."""
    name, messages = document.get("model"), document.get("messages")
    if not isinstance(name, str) or not name:
        raise Refused("model is missing", status=400)
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Refused("messages is missing or not a list of messages", status=400)
    return Question(
        [Turn(str(message.get("role", "")), text_of(message.get("content"))) for message in messages],
        [
            Tool(str(tool["function"]["name"]), tool["function"].get("parameters") or {})
            for tool in document.get("tools") or []
            if tool.get("type") == "function"
        ],
        choice_of(document.get("tool_choice")),
        _schema_of(document.get("response_format")),
    )


def message_of(answer: Answer) -> dict[str, Any]:
    """The model's answer as a message of a chat completion."""
    if isinstance(answer, str):
        return {"role": "assistant", "content": answer, "refusal": None}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": _tool_calls(answer)}


def chat_completion(document: dict[str, Any], model: Model, now: float, delay: float) -> Reply:
    """Answer `POST /chat/completions`."""
    question = question_of(document)
    answer = model.answer(question)
    usage = usage_of(sum(tokens_in(turn.text) for turn in question.turns), answer)
    head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(now), "model": document["model"]}
    if document.get("stream"):
        options = document.get("stream_options") or {}
        events = _events(head, answer, usage if options.get("include_usage") else None)
        return Reply.events(list(events), delay)
    choice = {"index": 0, "message": message_of(answer), "finish_reason": _finish(answer), "logprobs": None}
    return Reply.json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


def choice_of(tool_choice: object) -> str:
    """`tool_choice` of either API as `Question.choice` has it."""
    if isinstance(tool_choice, str):
        return tool_choice
    if isinstance(tool_choice, dict):
        name = tool_choice.get("name") or (tool_choice.get("function") or {}).get("name")
        if name:
            return f"function:{name}"
    return "auto"


def usage_of(prompt: int, answer: Answer) -> dict[str, int]:
    if isinstance(answer, str):
        completion = tokens_in(answer)
    else:
        completion = sum(tokens_in(call.name + json.dumps(call.arguments)) for call in answer)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _schema_of(response_format: object) -> dict[str, Any] | None:
    if not isinstance(response_format, dict):
        return None
    if response_format.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    if response_format.get("type") == "json_schema":
        schema = (response_format.get("json_schema") or {}).get("schema")
        return schema if isinstance(schema, dict) else {}
    return None


def _tool_calls(answer: Answer) -> list[dict[str, Any]]:
    assert not isinstance(answer, str)
    return [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in answer
    ]


def _finish(answer: Answer) -> str:
    return "stop" if isinstance(answer, str) else "tool_calls"


def _events(head: dict[str, Any], answer: Answer, usage: dict[str, int] | None) -> Iterator[bytes]:
    # With include_usage every chunk names usage, and all but the last give null for it.
    extra: dict[str, Any] = {} if usage is None else {"usage": None}

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data({**head, "object": "chat.completion.chunk", "choices": [choice], **extra})

    if isinstance(answer, str):
        yield event({"role": "assistant", "content": ""})
        for piece in pieces(answer):
            yield event({"content": piece})
    else:
        yield event({"role": "assistant", "content": None})
        for index, call in enumerate(_tool_calls(answer)):
            arguments = call["function"]["arguments"]
            opening = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
            yield event({"tool_calls": [opening]})
            for piece in pieces(arguments):
                yield event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield event({}, _finish(answer))
    if usage is not None:
        yield _data({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _data(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"
