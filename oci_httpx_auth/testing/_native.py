"""OCI's own chat operation (`POST /20231130/actions/chat`): the GENERIC and COHERE forms, plain and streamed."""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Iterator
from typing import Any

from ._chat import text_of, usage_of
from ._model import Answer, Model, Question, Tool, Turn, pieces, tokens_in
from ._wire import Refused, Reply, events_reply, json_reply

_ROLES = {"CHATBOT": "assistant", "ASSISTANT": "assistant", "TOOL": "tool", "USER": "user"}


def native_chat(document: dict[str, Any], model: Model, now: float, delay: float) -> Reply:
    """Answer one chat request, which names a compartment, a serving mode and a chat request."""
    chat, mode = document.get("chatRequest"), document.get("servingMode")
    if not document.get("compartmentId") or not isinstance(chat, dict) or not isinstance(mode, dict):
        raise Refused("compartmentId, servingMode or chatRequest is missing", status=400)
    form = chat.get("apiFormat")
    if form not in ("GENERIC", "COHERE"):
        raise Refused("apiFormat is neither GENERIC nor COHERE", status=400)
    question = _generic_question(chat) if form == "GENERIC" else _cohere_question(chat)
    answer = model.answer(question)
    counts = usage_of(sum(tokens_in(turn.text) for turn in question.turns), answer)
    usage = {
        "promptTokens": counts["prompt_tokens"],
        "completionTokens": counts["completion_tokens"],
        "totalTokens": counts["total_tokens"],
    }
    if chat.get("isStream"):
        events = _generic_events(answer, usage) if form == "GENERIC" else _cohere_events(answer, usage)
        return events_reply([b"data: " + json.dumps(event).encode() + b"\n\n" for event in events], delay)
    if form == "GENERIC":
        choice = {"index": 0, "message": _generic_message(answer), "finishReason": _finish(answer)}
        created = datetime.datetime.fromtimestamp(int(now), datetime.timezone.utc).isoformat()
        response: dict[str, Any] = {
            "apiFormat": form,
            "timeCreated": created,
            "choices": [choice],
            "usage": usage,
        }
    else:
        response = {**_cohere_answer(answer), "finishReason": "COMPLETE", "usage": usage}
    name = mode.get("modelId") or mode.get("endpointId")
    return json_reply({"modelId": name, "modelVersion": "1.0", "chatResponse": response})


def _generic_question(chat: dict[str, Any]) -> Question:
    messages = chat.get("messages") or []
    tools = chat.get("tools") or []
    choice = chat.get("toolChoice") or {}
    name = choice.get("name")
    return Question(
        [Turn(_role(message), text_of(message.get("content"))) for message in messages],
        [Tool(str(tool["name"]), tool.get("parameters") or {}) for tool in tools],
        f"function:{name}" if name else str(choice.get("type", "auto")).lower(),
    )


def _cohere_question(chat: dict[str, Any]) -> Question:
    turns = [Turn(_role(entry), str(entry.get("message", ""))) for entry in chat.get("chatHistory") or []]
    turns.append(Turn("user", str(chat.get("message", ""))))
    turns += [Turn("tool", json.dumps(result.get("outputs"))) for result in chat.get("toolResults") or []]
    return Question(turns, [_cohere_tool(tool) for tool in chat.get("tools") or []])


def _cohere_tool(tool: dict[str, Any]) -> Tool:
    kinds = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
    definitions = tool.get("parameterDefinitions") or {}
    properties = {
        name: {"type": kinds.get(str(about.get("type", "str")).lower(), "string")}
        for name, about in definitions.items()
    }
    return Tool(str(tool["name"]), {"type": "object", "properties": properties})


def _role(message: dict[str, Any]) -> str:
    role = str(message.get("role", "USER"))
    return _ROLES.get(role, role.lower())


def _finish(answer: Answer) -> str:
    return "stop" if isinstance(answer, str) else "tool_calls"


def _generic_message(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": answer}]}
    calls = [
        {
            "type": "FUNCTION",
            "id": f"call_{secrets.token_hex(12)}",
            "name": call.name,
            "arguments": json.dumps(call.arguments),
        }
        for call in answer
    ]
    return {"role": "ASSISTANT", "content": [], "toolCalls": calls}


def _cohere_answer(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"apiFormat": "COHERE", "text": answer}
    calls = [{"name": call.name, "parameters": call.arguments} for call in answer]
    return {"apiFormat": "COHERE", "text": "", "toolCalls": calls}


def _generic_events(answer: Answer, usage: dict[str, int]) -> Iterator[dict[str, Any]]:
    if isinstance(answer, str):
        for piece in pieces(answer):
            yield {"index": 0, "message": _generic_message(piece)}
    else:
        yield {"index": 0, "message": _generic_message(answer)}
    yield {"index": 0, "message": {"role": "ASSISTANT"}, "finishReason": _finish(answer), "usage": usage}


def _cohere_events(answer: Answer, usage: dict[str, int]) -> Iterator[dict[str, Any]]:
    if isinstance(answer, str):
        for piece in pieces(answer):
            yield _cohere_answer(piece)
    yield {**_cohere_answer(answer), "finishReason": "COMPLETE", "usage": usage}
