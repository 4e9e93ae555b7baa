"""Responses and conversations: the OpenAI wire form, plain and streamed, with their memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._exchange import Exchange
from ._model import Answer, Model, check_message, check_options, pieces, usage_of
from ._wire import Refused, Reply, Request

# The types in openai 3.57.
ITEMS = """
additional_tools apply_patch_call apply_patch_call_output code_interpreter_call compaction compaction_trigger
computer_call computer_call_output configuration_update custom_tool_call custom_tool_call_output file_search_call
function_call function_call_output image_generation_call item_reference local_shell_call local_shell_call_output
mcp_approval_request mcp_approval_response mcp_call mcp_list_tools message program program_output reasoning
shell_call shell_call_output tool_search_call tool_search_output web_search_call
"""
TOOLS = """
apply_patch code_interpreter computer computer_use_preview custom file_search function image_generation local_shell mcp
namespace programmatic_tool_calling shell tool_search web_search web_search_2025_08_26 web_search_preview
web_search_preview_2025_03_11
"""


@dataclass
class Kept:
    """A response with its input items, or a conversation with its items, and its project or compartment."""

    place: str
    document: dict[str, Any]
    items: list[dict[str, Any]]


def place_of(request: Request) -> str:
    """The project, or else the compartment, that a request names; "" if neither."""
    names = ("openai-project", "opc-compartment-id", "compartmentid")
    return next((value for name in names if (value := request.header(name))), "")


class Responses:
    """Finished responses and conversations. Each belongs to the project or compartment that created it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._kept: dict[str, Kept] = {}

    def create(self, exchange: Exchange) -> Reply:
        document, place = exchange.request.json(), place_of(exchange.request)
        check_options(document, TOOLS.split())
        if document.get("conversation") and document.get("previous_response_id"):
            raise Refused("conversation and previous_response_id exclude each other", status=400)
        given = document.get("input")
        if given is None:
            if not any(document.get(name) for name in ("prompt", "previous_response_id", "conversation")):
                raise Refused("there is no input, prompt, previous_response_id or conversation", status=400)
            given = []
        fresh = _items([{"role": "user", "content": given}] if isinstance(given, str) else given)
        history, conversation = [], None
        if named := document.get("conversation"):
            conversation = self._find(place, named["id"] if isinstance(named, dict) else named, "conversation")
            history = conversation.items
        if document.get("previous_response_id"):
            previous = self._find(place, document["previous_response_id"], "response")
            history = [*previous.items, *previous.document["output"]]
        _check_calls([*history, *fresh])
        chat = _chat(document, [*history, *fresh])
        answer = self._model.answer(chat)
        response = _response(document, exchange.now, answer, *usage_of(chat, answer))
        if response["store"]:
            self._kept[response["id"]] = Kept(place, response, [*history, *fresh])
        if conversation:
            conversation.items += [*fresh, *response["output"]]
        if document.get("stream"):
            return Reply.events(list(_events(response)), self._model.delay)
        return Reply.json(response)

    def create_conversation(self, exchange: Exchange) -> Reply:
        document = exchange.request.json() if exchange.request.body else {}
        identifier, metadata = f"conv_{secrets.token_hex(16)}", document.get("metadata") or {}
        about = {"id": identifier, "object": "conversation", "created_at": int(exchange.now), "metadata": metadata}
        items = _items(document.get("items") or [])
        self._kept[identifier] = Kept(place_of(exchange.request), about, items)
        return Reply.json(about)

    def retrieve(self, exchange: Exchange) -> Reply:
        return Reply.json(self._addressed(exchange).document)

    def cancel(self, exchange: Exchange) -> Reply:
        response = self._addressed(exchange).document
        if not response["background"]:
            raise Refused("only a response in the background can be cancelled", status=400)
        return Reply.json(response)

    def update_conversation(self, exchange: Exchange) -> Reply:
        about = self._addressed(exchange).document
        about["metadata"] = exchange.request.json().get("metadata") or {}
        return Reply.json(about)

    def delete(self, exchange: Exchange) -> Reply:
        about = self._addressed(exchange).document
        del self._kept[about["id"]]
        deleted = "response" if about["object"] == "response" else "conversation.deleted"
        return Reply.json({"id": about["id"], "object": deleted, "deleted": True})

    def list_items(self, exchange: Exchange) -> Reply:
        return Reply.json(_page(self._addressed(exchange).items, exchange.request.query))

    def add_items(self, exchange: Exchange) -> Reply:
        conversation = self._addressed(exchange)
        added = _items(exchange.request.json().get("items") or [])
        conversation.items += added
        return Reply.json(_list(added, has_more=False))

    def retrieve_item(self, exchange: Exchange) -> Reply:
        return Reply.json(self._item(exchange))

    def delete_item(self, exchange: Exchange) -> Reply:
        conversation = self._addressed(exchange)
        conversation.items.remove(self._item(exchange))
        return Reply.json(conversation.document)

    def _find(self, place: str, identifier: str, what: str) -> Kept:
        kept = self._kept.get(identifier)
        if kept is None or (kept.place, kept.document["object"]) != (place, what):
            raise Refused(f"there is no such {what}", status=404)
        return kept

    def _addressed(self, exchange: Exchange) -> Kept:
        """The response or conversation that the path names."""
        what = "response" if exchange.match["rest"].startswith("/responses/") else "conversation"
        return self._find(place_of(exchange.request), exchange.match["id"], what)

    def _item(self, exchange: Exchange) -> dict[str, Any]:
        for item in self._addressed(exchange).items:
            if item["id"] == exchange.match["item"]:
                return item
        raise Refused("there is no such item", status=404)


def _items(given: Any) -> list[dict[str, Any]]:
    """The items as they are kept. Raises `Refused` (400) for anything else, and for malformed messages."""
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise Refused("input is neither a text nor a list of items", status=400)
    for item in given:
        if _kind(item) not in ITEMS.split():
            raise Refused(f"no item has the type {item['type']!r}", status=400)
    return [_message(item) if _kind(item) == "message" else _with_id(item, "item") for item in given]


def _kind(item: dict[str, Any]) -> Any:
    """An item's type, which may be left out of a message and of a reference."""
    return item.get("type") or ("item_reference" if "id" in item and "role" not in item else "message")


def _check_calls(items: list[dict[str, Any]]) -> None:
    """Refuse (400) the output of a call that was not made. It may have been made in an item that is referred to."""
    calls = {item.get("call_id") for item in items if _kind(item) == "function_call"}
    for item in items:
        if _kind(item) == "item_reference":
            return
        if _kind(item) == "function_call_output" and item.get("call_id") not in calls:
            raise Refused(f"no function was called with the call_id {item.get('call_id')!r}", status=400)


def _message(item: dict[str, Any]) -> dict[str, Any]:
    """A message whose content is a list of parts."""
    check_message(item, ("user", "assistant", "system", "developer"))
    content = item.get("content")
    if isinstance(content, str):
        output = {"type": "output_text", "text": content, "annotations": []}
        content = [output if item["role"] == "assistant" else {"type": "input_text", "text": content}]
    return _with_id({"status": "completed", **item, "type": "message", "content": content}, "msg")


def _with_id(item: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {"id": f"{prefix}_{secrets.token_hex(12)}", **item}


def _page(items: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """The items that a query's `order`, `limit` and `after` ask for. Raises `Refused` if there are no such items."""
    order, limit = query.get("order", "desc"), int(query.get("limit", "20"))
    if order not in ("asc", "desc") or not 1 <= limit <= 100:
        raise Refused("order is neither asc nor desc, or limit is not between 1 and 100", status=400)
    ordered = items if order == "asc" else items[::-1]
    if after := query.get("after"):
        places = [place for place, item in enumerate(ordered, 1) if item["id"] == after]
        if not places:
            raise Refused("there is no such item", status=404)
        ordered = ordered[places[0] :]
    return _list(ordered[:limit], has_more=len(ordered) > limit)


def _list(items: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": has_more}


def _chat(document: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """The request as one for a chat completion, where functions and schemas are nested one level deeper."""
    text = document.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    tools = [tool for tool in document.get("tools") or [] if tool.get("type") == "function"]
    return {
        "model": document.get("model"),
        "messages": [message for item in items for message in _messages(item)],
        "tools": [{"type": "function", "function": tool} for tool in tools],
        "tool_choice": document.get("tool_choice"),
        "response_format": {**form, "json_schema": form} if isinstance(form, dict) else None,
    }


def _messages(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = _kind(item)
    if kind == "message":
        yield {"role": item["role"], "content": item.get("content")}
    elif kind == "function_call_output":
        yield {"role": "tool", "content": item.get("output")}
    elif kind == "function_call":
        yield {"role": "assistant", "content": f"{item.get('name')} {item.get('arguments')}"}


def _response(document: dict[str, Any], now: float, answer: Answer, prompt: int, completion: int) -> dict[str, Any]:
    return {
        "id": f"resp_{secrets.token_hex(16)}",
        "object": "response",
        "created_at": int(now),
        "status": "completed",
        "background": document.get("background") is True,
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
