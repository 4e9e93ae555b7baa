"""OCI's own chat operation, `POST /20231130/actions/chat`: the GENERIC and COHERE forms, plain and streamed.

The fields are those of the `oci` SDK's models (`generative_ai_inference`).
"""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Iterator
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from ._turns import calls_of, event, pieces, refuses_formless, text_of, tokens_in, tool

PATH = "/20231130/actions/chat"
ROLES = {"CHATBOT": "assistant", "ASSISTANT": "assistant", "TOOL": "tool", "USER": "user"}
TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def add_to(oci: FakeOCI) -> None:
    def chat(request: Request, _principal: Principal) -> Reply:
        return answer(oci, request.json())

    oci.add_endpoint(PATH, refuses_formless(chat), methods=["POST"], service="inference")


def answer(oci: FakeOCI, document: dict[str, Any]) -> Reply:
    """Answer one request, which names a compartment, a serving mode and a chat request."""
    chat, mode = document.get("chatRequest"), document.get("servingMode")
    if not document.get("compartmentId") or not isinstance(chat, dict) or not isinstance(mode, dict):
        raise Refused("compartmentId, servingMode or chatRequest is missing", status=400)
    form = chat.get("apiFormat")
    if form not in ("GENERIC", "COHERE"):
        raise Refused("apiFormat is neither GENERIC nor COHERE", status=400)
    name = mode.get("modelId") or mode.get("endpointId")
    asked = generic_request(chat) if form == "GENERIC" else cohere_request(chat)
    message = oci.complete({"model": name, **asked})
    prompt = tokens_in(*(turn["content"] for turn in asked["messages"]))
    completion = tokens_in(message["content"] or "")
    usage = {"promptTokens": prompt, "completionTokens": completion, "totalTokens": prompt + completion}
    if chat.get("isStream"):
        events = generic_events(message, usage) if form == "GENERIC" else cohere_events(message, usage)
        return Reply.events([event(each) for each in events])
    if form == "GENERIC":
        choice = {"index": 0, "message": generic_message(message), "finishReason": finish(message)}
        created = datetime.datetime.now(datetime.timezone.utc).isoformat()
        response: dict[str, Any] = {"apiFormat": form, "timeCreated": created, "choices": [choice], "usage": usage}
    else:
        response = {**cohere_answer(message), "finishReason": "COMPLETE", "usage": usage}
    return Reply.json({"modelId": name, "modelVersion": "1.0", "chatResponse": response})


def generic_request(chat: dict[str, Any]) -> dict[str, Any]:
    choice = chat.get("toolChoice") or {}
    name = choice.get("name")
    return {
        "messages": [
            {"role": role_of(message), "content": text_of(message.get("content"))}
            for message in chat.get("messages") or []
        ],
        "tools": [tool(each["name"], each.get("parameters") or {}) for each in chat.get("tools") or []],
        "tool_choice": {"name": name} if name else str(choice.get("type", "auto")).lower(),
    }


def cohere_request(chat: dict[str, Any]) -> dict[str, Any]:
    turns = [{"role": role_of(entry), "content": entry.get("message", "")} for entry in chat.get("chatHistory") or []]
    turns.append({"role": "user", "content": chat.get("message", "")})
    turns += [{"role": "tool", "content": json.dumps(each.get("outputs"))} for each in chat.get("toolResults") or []]
    return {"messages": turns, "tools": [cohere_tool(each) for each in chat.get("tools") or []]}


def cohere_tool(described: dict[str, Any]) -> dict[str, Any]:
    """A tool, whose types are Python's in this form."""
    definitions = described.get("parameterDefinitions") or {}
    properties = {
        name: {"type": TYPES.get(str(about.get("type", "str")).lower(), "string")}
        for name, about in definitions.items()
    }
    return tool(described["name"], {"type": "object", "properties": properties})


def role_of(message: dict[str, Any]) -> str:
    role = str(message.get("role", "USER"))
    return ROLES.get(role, role.lower())


def finish(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def generic_message(message: dict[str, Any]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": message["content"]}]}
    calls = [
        {
            "type": "FUNCTION",
            "id": f"call_{secrets.token_hex(12)}",
            "name": name,
            "arguments": json.dumps(arguments),
        }
        for name, arguments in calls_of(message)
    ]
    return {"role": "ASSISTANT", "content": [], "toolCalls": calls}


def cohere_answer(message: dict[str, Any]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return {"apiFormat": "COHERE", "text": message["content"]}
    calls = [{"name": name, "parameters": arguments} for name, arguments in calls_of(message)]
    return {"apiFormat": "COHERE", "text": "", "toolCalls": calls}


def generic_events(message: dict[str, Any], usage: dict[str, int]) -> Iterator[dict[str, Any]]:
    if message.get("tool_calls"):
        yield {"index": 0, "message": generic_message(message)}
    else:
        for piece in pieces(message["content"]):
            yield {"index": 0, "message": generic_message({"content": piece})}
    yield {"index": 0, "message": {"role": "ASSISTANT"}, "finishReason": finish(message), "usage": usage}


def cohere_events(message: dict[str, Any], usage: dict[str, int]) -> Iterator[dict[str, Any]]:
    if not message.get("tool_calls"):
        for piece in pieces(message["content"]):
            yield cohere_answer({"content": piece})
    yield {**cohere_answer(message), "finishReason": "COMPLETE", "usage": usage}
