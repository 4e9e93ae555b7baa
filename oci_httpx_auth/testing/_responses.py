"""Responses and conversations: the OpenAI wire form, plain and streamed, with their memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._exchange import Exchange
from ._model import Answer, Model, Turn, pieces, question_of, text_of, tokens_of
from ._wire import Refused, Reply


@dataclass
class Kept:
    """A response with the items it answers, or a conversation with those it consists of."""

    document: dict[str, Any]
    items: list[dict[str, Any]]


class Responses:
    """What is kept between requests: finished responses and conversations."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._responses: dict[str, Kept] = {}
        self._conversations: dict[str, Kept] = {}

    def create(self, exchange: Exchange) -> Reply:
        """Answer `POST /responses`."""
        document = exchange.request.json()
        given = document.get("input", [])
        fresh = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
        if not all(isinstance(item, dict) for item in fresh):
            raise Refused("input is neither a text nor a list of items", status=400)
        history, conversation = [], document.get("conversation")
        if conversation:
            identifier = conversation.get("id") if isinstance(conversation, dict) else conversation
            conversation = _find(self._conversations, str(identifier), "conversation")
            history = list(conversation.items)
        if document.get("previous_response_id"):
            previous = _find(self._responses, str(document["previous_response_id"]), "response")
            history = [*previous.items, *previous.document["output"]]
        turns = [turn for item in history + fresh if (turn := _turn(item)) is not None]
        text = document.get("text")
        question = question_of(document, turns, text.get("format") if isinstance(text, dict) else None, nested=False)
        answer = self._model.answer(question)
        response = _response(document, exchange.now, answer, question.tokens)
        if response["store"]:
            self._responses[response["id"]] = Kept(response, [_stored(item) for item in [*history, *fresh]])
        if conversation:
            conversation.items.extend(_stored(item) for item in [*fresh, *response["output"]])
        if document.get("stream"):
            return Reply.events(list(_events(response)), self._model.delay)
        return Reply.json(response)

    def serve_response(self, exchange: Exchange) -> Reply:
        """Answer `/responses/{id}`, and the list of its input items."""
        method, identifier, below = exchange.request.method, exchange.match["id"], exchange.match["below"]
        kept = _find(self._responses, identifier, "response")
        if method == "DELETE":
            del self._responses[identifier]
            return Reply.json({"id": identifier, "object": "response", "deleted": True})
        if method == "POST" and below != "/cancel":
            raise Refused(f"there is no {method} here", status=405)
        return Reply.json(_page(kept.items) if (method, below) == ("GET", "/input_items") else kept.document)

    def serve_conversation(self, exchange: Exchange) -> Reply:
        """Answer `POST /conversations`, `/conversations/{id}`, and its items."""
        request, match = exchange.request, exchange.match
        method, identifier = request.method, match["id"]
        document = request.json() if method == "POST" and request.body else {}
        metadata, items = document.get("metadata") or {}, [_stored(item) for item in document.get("items") or []]
        if not identifier:
            if method != "POST":
                raise Refused(f"there is no {method} here", status=405)
            identifier = f"conv_{secrets.token_hex(16)}"
            about = {"id": identifier, "object": "conversation", "created_at": int(exchange.now), "metadata": metadata}
            self._conversations[identifier] = Kept(about, items)
            return Reply.json(about)
        conversation = _find(self._conversations, identifier, "conversation")
        if not match["items"]:
            if method == "DELETE":
                del self._conversations[identifier]
                return Reply.json({"id": identifier, "object": "conversation.deleted", "deleted": True})
            if method == "POST":
                conversation.document["metadata"] = metadata
            return Reply.json(conversation.document)
        if not match["item"]:
            conversation.items += items
            return Reply.json(_page(items if method == "POST" else conversation.items))
        found = next((item for item in conversation.items if item["id"] == match["item"]), None)
        if found is None:
            raise Refused("there is no such item", status=404, code="NotFound")
        if method == "DELETE":
            conversation.items.remove(found)
        return Reply.json(conversation.document if method == "DELETE" else found)


def _find(kept: dict[str, Kept], identifier: str, what: str) -> Kept:
    if identifier not in kept:
        raise Refused(f"there is no such {what}", status=404, code="NotFound")
    return kept[identifier]


def _stored(item: dict[str, Any]) -> dict[str, Any]:
    kind = item.get("type", "message")
    stored = {"id": f"{'msg' if kind == 'message' else 'item'}_{secrets.token_hex(12)}", **item, "type": kind}
    if kind == "message":
        content = item.get("content")
        output = item.get("role") == "assistant"
        if isinstance(content, str):
            part: dict[str, Any] = {"type": "output_text" if output else "input_text", "text": content}
            stored["content"] = [part | ({"annotations": []} if output else {})]
        stored.setdefault("status", "completed")
    return stored


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False}


def _turn(item: dict[str, Any]) -> Turn | None:
    kind = item.get("type", "message")
    if kind == "message":
        return Turn(str(item.get("role", "user")), text_of(item.get("content")))
    if kind == "function_call_output":
        output = item.get("output")
        return Turn("tool", output if isinstance(output, str) else text_of(output))
    if kind == "function_call":
        return Turn("assistant", f"{item.get('name')} {item.get('arguments')}")
    return None


def _response(document: dict[str, Any], now: float, answer: Answer, prompt: int) -> dict[str, Any]:
    completion = tokens_of(answer)
    return {
        "id": f"resp_{secrets.token_hex(16)}",
        "object": "response",
        "created_at": int(now),
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": document.get("instructions"),
        "max_output_tokens": document.get("max_output_tokens"),
        "metadata": document.get("metadata") or {},
        "model": document["model"],
        "output": _output(answer),
        "parallel_tool_calls": document.get("parallel_tool_calls", True),
        "previous_response_id": document.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "store": document.get("store") is not False,
        "temperature": document.get("temperature", 1.0),
        "text": document.get("text") or {"format": {"type": "text"}},
        "tool_choice": document.get("tool_choice") or "auto",
        "tools": document.get("tools") or [],
        "top_p": document.get("top_p", 1.0),
        "truncation": document.get("truncation", "disabled"),
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + completion,
        },
        "user": document.get("user"),
    }


def _output(answer: Answer) -> list[dict[str, Any]]:
    if isinstance(answer, str):
        part = {"type": "output_text", "text": answer, "annotations": [], "logprobs": []}
        identifier = f"msg_{secrets.token_hex(12)}"
        message = {"id": identifier, "type": "message", "role": "assistant", "status": "completed"}
        return [{**message, "content": [part]}]
    return [
        {
            "id": f"fc_{secrets.token_hex(12)}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{secrets.token_hex(12)}",
            "name": call.name,
            "arguments": json.dumps(call.arguments),
        }
        for call in answer
    ]


def _events(response: dict[str, Any]) -> Iterator[bytes]:
    number = 0

    def event(kind: str, **members: Any) -> bytes:
        nonlocal number
        data = json.dumps({"type": kind, "sequence_number": number, **members})
        number += 1
        return f"event: {kind}\ndata: {data}\n\n".encode()

    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, item in enumerate(response["output"]):
        where = {"item_id": item["id"], "output_index": index}
        opening = {**item, "status": "in_progress"}
        if item["type"] == "message":
            part = item["content"][0]
            inside = {**where, "content_index": 0}
            yield event("response.output_item.added", output_index=index, item={**opening, "content": []})
            yield event("response.content_part.added", **inside, part={**part, "text": ""})
            for piece in pieces(part["text"]):
                yield event("response.output_text.delta", **inside, delta=piece, logprobs=[])
            yield event("response.output_text.done", **inside, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **inside, part=part)
        else:
            arguments = item["arguments"]
            yield event("response.output_item.added", output_index=index, item={**opening, "arguments": ""})
            for piece in pieces(arguments):
                yield event("response.function_call_arguments.delta", **where, delta=piece)
            yield event("response.function_call_arguments.done", **where, name=item["name"], arguments=arguments)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=response)
