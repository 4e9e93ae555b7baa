"""Anthropic's messages: texts and tool calls, plain and streamed, at `/anthropic/v1/messages`.

Unverified: no public source shows OCI serving this form. The form itself is that of Anthropic's own API.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Refused, Reply

from ._turns import calls_of, event, pieces, serve, text_of, tokens_in, tool

CHOICES = {"any": "required", "none": "none"}


def add_to(oci: FakeOCI) -> None:
    serve(oci, "POST", "/anthropic/v1/messages", lambda request: answer(oci, request.json()))


def answer(oci: FakeOCI, document: dict[str, Any]) -> Reply:
    if not document.get("model") or not document.get("messages"):
        raise Refused("model or messages is missing", status=400)
    turns = [turn for message in document["messages"] for turn in turns_of(message)]
    choice = document.get("tool_choice") or {}
    message = oci.complete(
        {
            "model": document["model"],
            "messages": turns,
            "tools": [tool(each["name"], each.get("input_schema") or {}) for each in document.get("tools") or []],
            "tool_choice": {"name": choice["name"]}
            if choice.get("type") == "tool"
            else CHOICES.get(choice.get("type")),
        }
    )
    text = message["content"] or ""
    usage = {"input_tokens": tokens_in(*(turn["content"] for turn in turns)), "output_tokens": tokens_in(text)}
    head = {"id": f"msg_{secrets.token_hex(12)}", "type": "message", "role": "assistant", "model": document["model"]}
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": name, "input": arguments}
        for name, arguments in calls_of(message)
    ]
    stop = {"stop_reason": "end_turn" if text else "tool_use", "stop_sequence": None}
    if not document.get("stream"):
        return Reply.json({**head, "content": content, **stop, "usage": usage})
    opening = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events = [
        {"type": "message_start", "message": opening},
        *block_events(content),
        {"type": "message_delta", "delta": stop, "usage": usage},
        {"type": "message_stop"},
    ]
    return Reply.events([event(each, each["type"]) for each in events])


def turns_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One message as messages of a chat completion: each result of a tool is one of its own there."""
    content = message.get("content")
    results = [part for part in content if part.get("type") == "tool_result"] if isinstance(content, list) else []
    text = text_of(content)
    if text or not results:
        yield {"role": message.get("role", "user"), "content": text}
    for result in results:
        yield {"role": "tool", "content": text_of(result.get("content"))}


def block_events(content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
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
