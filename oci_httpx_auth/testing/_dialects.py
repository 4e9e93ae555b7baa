"""The forms of Anthropic's messages and of Google's generateContent: texts and tool calls, plain and streamed."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

from ._chat import text_of, usage_of
from ._model import Answer, Model, Question, Tool, Turn, pieces, tokens_in
from ._wire import Refused, Reply, events_reply, json_reply

MESSAGES_PATH = re.compile(r"(?:/anthropic)?/v1/messages")
GOOGLE_PATH = re.compile(
    r"/google/[^/]+/(?:.*/)?models/(?P<model>[^/:]+):(?P<verb>generateContent|streamGenerateContent)"
)


def messages(document: dict[str, Any], model: Model, delay: float) -> Reply:
    """Answer `POST /v1/messages`."""
    if not document.get("model") or not document.get("messages"):
        raise Refused("model or messages is missing", status=400)
    turns = [turn for message in document["messages"] for turn in _message_turns(message)]
    tools = [Tool(tool["name"], tool.get("input_schema") or {}) for tool in document.get("tools") or []]
    choice = document.get("tool_choice") or {}
    wanted = {"any": "required", "none": "none", "tool": f"function:{choice.get('name')}"}
    answer = model.answer(Question(turns, tools, wanted.get(str(choice.get("type")), "auto")))
    counts = usage_of(sum(tokens_in(turn.text) for turn in turns), answer)
    usage = {"input_tokens": counts["prompt_tokens"], "output_tokens": counts["completion_tokens"]}
    head = {"id": f"msg_{secrets.token_hex(12)}", "type": "message", "role": "assistant", "model": document["model"]}
    stop = {"stop_reason": "end_turn" if isinstance(answer, str) else "tool_use", "stop_sequence": None}
    content = _blocks(answer)
    if not document.get("stream"):
        return json_reply({**head, "content": content, **stop, "usage": usage})
    opening = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events = [
        {"type": "message_start", "message": opening},
        *_block_events(content),
        {"type": "message_delta", "delta": stop, "usage": usage},
        {"type": "message_stop"},
    ]
    return events_reply([f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events], delay)


def generate_content(
    name: str, document: dict[str, Any], model: Model, delay: float, *, streamed: bool, events: bool
) -> Reply:
    """Answer `POST …/models/{name}:generateContent`, or its streamed twin (`events`: as server-sent events)."""
    turns = [turn for content in document["contents"] for turn in _content_turns(content)]
    tools = [
        Tool(
            declaration["name"], declaration.get("parametersJsonSchema") or _plain(declaration.get("parameters") or {})
        )
        for tool in document.get("tools") or []
        for declaration in tool.get("functionDeclarations") or []
    ]
    answer = model.answer(Question(turns, tools))
    counts = usage_of(sum(tokens_in(turn.text) for turn in turns), answer)
    usage = {
        "promptTokenCount": counts["prompt_tokens"],
        "candidatesTokenCount": counts["completion_tokens"],
        "totalTokenCount": counts["total_tokens"],
    }

    def part(parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        if not last:
            return {"candidates": [candidate], "modelVersion": name}
        return {"candidates": [{**candidate, "finishReason": "STOP"}], "modelVersion": name, "usageMetadata": usage}

    if not streamed:
        return json_reply(part(_parts(answer), last=True))
    steps = [_parts(piece) for piece in pieces(answer)] if isinstance(answer, str) else [_parts(answer)]
    documents = [part(step, last=number == len(steps)) for number, step in enumerate(steps, 1)]
    if not events:
        return json_reply(documents)
    return events_reply([b"data: " + json.dumps(step).encode() + b"\n\n" for step in documents], delay)


def _message_turns(message: dict[str, Any]) -> Iterator[Turn]:
    content = message.get("content")
    results = [p for p in content if p.get("type") == "tool_result"] if isinstance(content, list) else []
    text = text_of(content)
    if text or not results:
        yield Turn(str(message.get("role", "user")), text)
    for result in results:
        yield Turn("tool", text_of(result.get("content")))


def _content_turns(content: dict[str, Any]) -> Iterator[Turn]:
    parts = content.get("parts") or []
    outputs = [part["functionResponse"] for part in parts if "functionResponse" in part]
    text = text_of(parts)
    if text or not outputs:
        yield Turn("assistant" if content.get("role") == "model" else "user", text)
    for output in outputs:
        yield Turn("tool", json.dumps(output.get("response")))


def _plain(schema: Any) -> Any:
    """Google's schema with its type names in lower case, as JSON schema has them."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    lowered = {key: _plain(value) for key, value in schema.items()}
    if isinstance(schema.get("type"), str):
        lowered["type"] = schema["type"].lower()
    return lowered


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    if isinstance(answer, str):
        return [{"type": "text", "text": answer}]
    return [
        {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": call.name, "input": call.arguments}
        for call in answer
    ]


def _block_events(content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for index, block in enumerate(content):
        if block["type"] == "text":
            opening: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        else:
            opening = {**block, "input": {}}
            arguments = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments)]
        yield {"type": "content_block_start", "index": index, "content_block": opening}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}


def _parts(answer: Answer) -> list[dict[str, Any]]:
    if isinstance(answer, str):
        return [{"text": answer}]
    return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in answer]
