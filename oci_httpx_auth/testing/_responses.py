"""Responses and conversations: the OpenAI wire form, plain and streamed, with their memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from ._chat import choice_of, text_of, usage_of
from ._model import Answer, Model, Question, Tool, Turn, pieces, tokens_in
from ._wire import Refused, Reply


class Responses:
    """What is kept between requests: finished responses and conversations."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._responses: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
        self._conversations: dict[str, dict[str, Any]] = {}
        self._items: dict[str, list[dict[str, Any]]] = {}

    def create(self, document: dict[str, Any], now: float, delay: float) -> Reply:
        """Answer `POST /responses`."""
        name, given = document.get("model"), document.get("input", [])
        if not isinstance(name, str) or not name:
            raise Refused("model is missing", status=400)
        fresh = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
        if not all(isinstance(item, dict) for item in fresh):
            raise Refused("input is neither a text nor a list of items", status=400)
        history = self._history(document)
        question = Question(
            [turn for item in history + fresh if (turn := _turn(item)) is not None],
            [
                Tool(str(tool["name"]), tool.get("parameters") or {})
                for tool in document.get("tools") or []
                if tool.get("type") == "function"
            ],
            choice_of(document.get("tool_choice")),
            _schema_of(document.get("text")),
        )
        answer = self._model.answer(question)
        prompt = sum(tokens_in(turn.text) for turn in question.turns) or 1
        response = _response(document, name, now, answer, prompt)
        self._remember(document, response, history, fresh)
        if document.get("stream"):
            return Reply.events(list(_events(response)), delay)
        return Reply.json(response)

    def one(self, method: str, identifier: str, rest: list[str]) -> Reply:
        """Answer `/responses/{id}`, and the list of its input items."""
        response, items = self._found(identifier)
        if method == "GET":
            if rest == ["input_items"]:
                return Reply.json(_page(items))
            return Reply.json(response)
        if method == "DELETE":
            del self._responses[identifier]
            return Reply.json({"id": identifier, "object": "response", "deleted": True})
        if method == "POST" and rest == ["cancel"]:
            return Reply.json(response)
        raise Refused(f"there is no {method} here", status=405)

    def conversations(self, method: str, parts: list[str], document: dict[str, Any], now: float) -> Reply:
        """Answer `/conversations` and what is below it; `parts` are the path's segments after that."""
        if not parts:
            if method != "POST":
                raise Refused(f"there is no {method} here", status=405)
            identifier = f"conv_{secrets.token_hex(16)}"
            metadata = document.get("metadata") or {}
            self._conversations[identifier] = {
                "id": identifier,
                "object": "conversation",
                "created_at": int(now),
                "metadata": metadata,
            }
            self._items[identifier] = [_stored(item) for item in document.get("items") or []]
            return Reply.json(self._conversations[identifier])
        conversation = self._conversations.get(parts[0])
        if conversation is None:
            raise Refused("there is no such conversation", status=404, code="NotFound")
        if len(parts) == 1:
            if method == "POST":
                conversation["metadata"] = document.get("metadata") or {}
            elif method == "DELETE":
                del self._conversations[parts[0]], self._items[parts[0]]
                return Reply.json({"id": parts[0], "object": "conversation.deleted", "deleted": True})
            return Reply.json(conversation)
        return self._conversation_items(method, conversation, parts[2:], document)

    def _conversation_items(
        self, method: str, conversation: dict[str, Any], parts: list[str], document: dict[str, Any]
    ) -> Reply:
        items = self._items[conversation["id"]]
        if not parts:
            if method == "POST":
                added = [_stored(item) for item in document.get("items") or []]
                items.extend(added)
                return Reply.json(_page(added))
            return Reply.json(_page(items))
        found = next((item for item in items if item["id"] == parts[0]), None)
        if found is None:
            raise Refused("there is no such item", status=404, code="NotFound")
        if method == "DELETE":
            items.remove(found)
            return Reply.json(conversation)
        return Reply.json(found)

    def _found(self, identifier: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if identifier not in self._responses:
            raise Refused("there is no such response", status=404, code="NotFound")
        return self._responses[identifier]

    def _history(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        if document.get("previous_response_id"):
            response, items = self._found(str(document["previous_response_id"]))
            return [*items, *response["output"]]
        if document.get("conversation"):
            identifier = _conversation_id(document)
            if identifier not in self._items:
                raise Refused("there is no such conversation", status=404, code="NotFound")
            return list(self._items[identifier])
        return []

    def _remember(
        self,
        document: dict[str, Any],
        response: dict[str, Any],
        history: list[dict[str, Any]],
        fresh: list[dict[str, Any]],
    ) -> None:
        if document.get("store") is not False:
            self._responses[response["id"]] = (response, [_stored(item) for item in [*history, *fresh]])
        if document.get("conversation"):
            self._items[_conversation_id(document)].extend(_stored(item) for item in [*fresh, *response["output"]])


def _conversation_id(document: dict[str, Any]) -> str:
    conversation = document["conversation"]
    return str(conversation.get("id") if isinstance(conversation, dict) else conversation)


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


def _schema_of(text: object) -> dict[str, Any] | None:
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_schema":
        schema = form.get("schema")
        return schema if isinstance(schema, dict) else {}
    if form.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    return None


def _response(document: dict[str, Any], model: str, now: float, answer: Answer, prompt: int) -> dict[str, Any]:
    usage = usage_of(prompt, answer)
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
        "model": model,
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
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
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
