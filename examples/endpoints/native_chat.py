"""OCI's own chat operation, `POST /20231130/actions/chat`: GENERIC, COHERE and COHEREV2, plain and streamed.

The fields are those of the `oci` SDK's models (`generative_ai_inference`). What streams look like is from Oracle's langchain-oci:
usage comes only if `streamOptions.isIncludeUsage` asks for it, in GENERIC by an event of its own after the last one; some models
end with `[DONE]`. A `message` may be null when the model has used up `maxTokens` before it wrote anything.
In COHERE, as litellm reads it, frames with `toolCalls` or `chatHistory` have the whole text once more: one with the calls, and the
last one.
Unverified: that frames may be empty, which langchain-oci only tolerates; how frames of COHEREV2 say why they end, and that a vendor's models refuse the form of another.
"""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from ._native_requests import DETAILS, check
from ._turns import calls_of, event, pieces, text_of, tokens_in, tool

PATH = "/20231130/actions/chat"
TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def add_to(oci: FakeOCI, *, empty_frame: bool = True) -> None:
    """Serve it. `empty_frame=False` leaves out the empty `data:` of streams, for clients such as litellm that break on it."""

    def chat(request: Request, _principal: Principal) -> Reply:
        return answer(oci, request.json(), [b"data:\n\n"] if empty_frame else [])

    oci.add_endpoint(PATH, chat, methods=["POST"], service="inference")


def answer(oci: FakeOCI, document: dict[str, Any], start: list[bytes]) -> Reply:
    """Answer one request, which names a compartment, a serving mode and a chat request. A stream begins with `start`."""
    check(document, DETAILS, "body")
    chat, mode = document["chatRequest"], document["servingMode"]
    read, whole, frames = FORMS[chat["apiFormat"]]
    name = model_of(mode)
    if not name.startswith("ocid1.") and name.startswith("cohere.") != chat["apiFormat"].startswith("COHERE"):
        raise Refused(f"{name} does not speak {chat['apiFormat']}", status=400)
    asked = read(chat)
    message = oci.complete({"model": name, **asked}, compartment=document["compartmentId"])
    if chat.get("maxTokens") == 1:
        message["content"] = None
    prompt = tokens_in(*(turn["content"] for turn in asked["messages"]))
    completion = tokens_in(message["content"] or "")
    usage = {"promptTokens": prompt, "completionTokens": completion, "totalTokens": prompt + completion}
    if chat.get("isStream"):
        wanted = (chat.get("streamOptions") or {}).get("isIncludeUsage")
        events = [event(each) for each in frames(chat, message, usage if wanted else None)]
        end = [b"data: [DONE]\n\n"] if name.startswith("meta.") else []
        return Reply.events([*start, *events, *end])
    response = {"apiFormat": chat["apiFormat"], **whole(chat, message), "usage": usage}
    return Reply.json({"modelId": name, "modelVersion": "1.0", "chatResponse": response})


def model_of(mode: dict[str, Any]) -> str:
    """The model's name, or the OCID of the dedicated endpoint that hosts it."""
    name = str(mode["modelId" if mode["servingType"] == "ON_DEMAND" else "endpointId"])
    if name.startswith("ocid1.") != (mode["servingType"] == "DEDICATED"):
        raise Refused("no model has this name", status=404, message=f"Entity with key {name} not found")
    return name


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


def cohere_v2_request(chat: dict[str, Any]) -> dict[str, Any]:
    functions = [each["function"] for each in chat.get("tools") or []]
    return {
        "messages": [
            {"role": role_of(message), "content": text_of(message.get("content"))}
            for message in chat.get("messages") or []
        ],
        "tools": [tool(each["name"], each.get("parameters") or {}) for each in functions],
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
        name: {"type": TYPES.get(str(about["type"]).lower(), "string")} for name, about in definitions.items()
    }
    return tool(described["name"], {"type": "object", "properties": properties})


def role_of(message: dict[str, Any]) -> str:
    role: str = message["role"]
    return "assistant" if role == "CHATBOT" else role.lower()


def finish(message: dict[str, Any]) -> str:
    if message.get("tool_calls"):
        return "tool_calls"
    return "stop" if message["content"] is not None else "length"


def generic_message(message: dict[str, Any]) -> dict[str, Any] | None:
    if message.get("tool_calls"):
        calls = [
            {"type": "FUNCTION", "id": new_id(), "name": name, "arguments": json.dumps(arguments)}
            for name, arguments in calls_of(message)
        ]
        return {"role": "ASSISTANT", "content": [], "toolCalls": calls}
    if message["content"] is None:
        return None
    return {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": message["content"]}]}


def generic_answer(_chat: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    created = datetime.datetime.now(datetime.timezone.utc).isoformat()
    choice = {"index": 0, "message": generic_message(message), "finishReason": finish(message)}
    return {"timeCreated": created, "choices": [choice]}


def generic_frames(
    _chat: dict[str, Any], message: dict[str, Any], usage: dict[str, int] | None
) -> Iterator[dict[str, Any]]:
    for piece in parts_of(message):
        yield {"index": 0, "message": generic_message(piece)}
    yield {"index": 0, "message": None, "finishReason": finish(message)}
    if usage:
        yield {"usage": usage}


def cohere_message(message: dict[str, Any]) -> dict[str, Any]:
    calls = [{"name": name, "parameters": arguments} for name, arguments in calls_of(message)]
    if calls:
        return {"text": f"I will call {', '.join(call['name'] for call in calls)}.", "toolCalls": calls}
    return {"text": message["content"] or ""}


def cohere_answer(chat: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """The answer, with the conversation up to it."""
    answered = cohere_message(message)
    history = [*(chat.get("chatHistory") or []), {"role": "USER", "message": chat.get("message", "")}]
    if chat.get("toolResults"):
        history.append({"role": "TOOL", "toolResults": chat["toolResults"]})
    calls = {"toolCalls": answered["toolCalls"]} if "toolCalls" in answered else {}
    history.append({"role": "CHATBOT", "message": answered["text"], **calls})
    return {**answered, "chatHistory": history, "finishReason": "COMPLETE"}


def cohere_frames(
    chat: dict[str, Any], message: dict[str, Any], usage: dict[str, int] | None
) -> Iterator[dict[str, Any]]:
    answered = cohere_message(message)
    for piece in pieces(answered["text"]):
        if piece:
            yield {"apiFormat": "COHERE", "text": piece}
    if "toolCalls" in answered:
        yield {"apiFormat": "COHERE", **answered}
    yield {"apiFormat": "COHERE", **cohere_answer(chat, message), **({"usage": usage} if usage else {})}


def cohere_v2_message(message: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {"id": new_id(), "type": "FUNCTION", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for name, arguments in calls_of(message)
    ]
    content = [{"type": "TEXT", "text": message["content"]}] if message["content"] else []
    return {"role": "ASSISTANT", "content": content, **({"toolCalls": calls} if calls else {})}


def cohere_v2_answer(_chat: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    reason = "TOOL_CALL" if message.get("tool_calls") else "COMPLETE"
    return {"id": secrets.token_hex(16), "message": cohere_v2_message(message), "finishReason": reason}


def cohere_v2_frames(
    _chat: dict[str, Any], message: dict[str, Any], usage: dict[str, int] | None
) -> Iterator[dict[str, Any]]:
    for piece in parts_of(message):
        yield {"apiFormat": "COHEREV2", "message": cohere_v2_message(piece)}
    reason = "TOOL_CALL" if message.get("tool_calls") else "COMPLETE"
    yield {"apiFormat": "COHEREV2", "finishReason": reason, **({"usage": usage} if usage else {})}


def parts_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What the frames of a stream hold before the last one."""
    if message.get("tool_calls"):
        return [message]
    return [{"content": piece} for piece in pieces(message["content"] or "") if piece]


def new_id() -> str:
    return f"call_{secrets.token_hex(12)}"


# How each form is read, answered in one piece, and answered in frames.
FORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "GENERIC": (generic_request, generic_answer, generic_frames),
    "COHERE": (cohere_request, cohere_answer, cohere_frames),
    "COHEREV2": (cohere_v2_request, cohere_v2_answer, cohere_v2_frames),
}
