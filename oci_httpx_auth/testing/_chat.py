"""Chat completions: the OpenAI wire form, plain and streamed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from ._exchange import Exchange
from ._model import Answer, Model, check_message, check_options, pieces, usage_of
from ._wire import Refused, Reply

PARTS = ("text", "image_url", "input_audio", "file", "refusal")


def check_chat(document: dict[str, Any]) -> None:
    """Refuse (400) a request without messages, or with malformed ones."""
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Refused("messages is missing or not a list of messages", status=400)
    for message in messages:
        check_message(message, ("user", "assistant", "system", "developer", "tool", "function"))


def _check_parts(message: dict[str, Any]) -> None:
    """Refuse (400) what OpenAI's API refuses of a message that `check_chat` accepts."""
    role, content = message["role"], message.get("content")
    if role == "tool" and not message.get("tool_call_id"):
        raise Refused("a tool's message has no tool_call_id", status=400)
    if content is None and not any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio")):
        raise Refused("an assistant's message has neither content nor tool_calls", status=400)
    if content == []:
        raise Refused("content is an empty list", status=400)
    for part in content if isinstance(content, list) else []:
        if part["type"] not in PARTS:
            raise Refused(f"no part has the type {part['type']!r}", status=400)


def message_of(answer: Answer) -> dict[str, Any]:
    """The model's answer as a message of a chat completion."""
    if isinstance(answer, str):
        return {"role": "assistant", "content": answer, "refusal": None}
    calls = [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in answer
    ]
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": calls}


def chat_completion(model: Model, exchange: Exchange) -> Reply:
    """Answer `POST /chat/completions`."""
    document = exchange.request.json()
    check_chat(document)
    for message in document["messages"]:
        _check_parts(message)
    check_options(document, ("function", "custom"))
    answer = model.answer(document)
    message = message_of(answer)
    finish = "stop" if isinstance(answer, str) else "tool_calls"
    prompt, completion = usage_of(document, answer)
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(exchange.now), "model": document["model"]}
    if document.get("stream"):
        options = document.get("stream_options") or {}
        events = _events(head, message, finish, usage if options.get("include_usage") else None)
        return Reply.events(list(events), model.delay)
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return Reply.json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


def _events(
    head: dict[str, Any], message: dict[str, Any], finish: str, usage: dict[str, int] | None
) -> Iterator[bytes]:
    def event(choices: list[dict[str, Any]], **further: Any) -> bytes:
        chunk = {**head, "object": "chat.completion.chunk", "choices": choices, **further}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    def step(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        # With include_usage every chunk names usage, and all but the last give null for it.
        return event([choice], **({} if usage is None else {"usage": None}))

    text = message["content"]
    yield step({"role": "assistant", "content": None if text is None else ""})
    for piece in pieces(text or ""):
        yield step({"content": piece})
    for index, call in enumerate(message.get("tool_calls", [])):
        yield step({"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]})
        for piece in pieces(call["function"]["arguments"]):
            yield step({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield step({}, finish)
    if usage is not None:
        yield event([], usage=usage)
    yield b"data: [DONE]\n\n"
