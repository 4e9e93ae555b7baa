"""Google's generateContent: texts and tool calls, plain and streamed, below `/google`.

Oracle's sample code gives `/google` as the base URL for Google's package. Unverified: everything below it; the form is that of
Google's own API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Refused, Reply, Request

from ._turns import calls_of, event, pieces, serve, text_of, tokens_in, tool

# The versions of Google's own API, as releases of google-genai ask for them, and that of Vertex AI.
PATH = "/google/(?:v1|v1beta|v1beta1/publishers/google)/models/{model}"


def add_to(oci: FakeOCI) -> None:
    serve(oci, "POST", f"{PATH}:generateContent", partial(answer, oci, streamed=False))
    serve(oci, "POST", f"{PATH}:streamGenerateContent", partial(answer, oci, streamed=True))


def answer(oci: FakeOCI, request: Request, model: str, *, streamed: bool) -> Reply:
    if "key" in request.query:
        raise Refused("another credential was left on the request: the query parameter key")
    if not model.startswith("google."):
        raise Refused("the model is not one of Google's", status=404, message=f"Entity with key {model} not found")
    document = request.json()
    turns = [turn for content in document["contents"] for turn in turns_of(content)]
    tools = [
        tool(each["name"], each.get("parametersJsonSchema") or plain(each.get("parameters") or {}))
        for group in document.get("tools") or []
        for each in group.get("functionDeclarations") or []
    ]
    message = oci.complete({"model": model, "messages": turns, "tools": tools})
    text = message["content"] or ""
    calls = [{"functionCall": {"name": name, "args": arguments}} for name, arguments in calls_of(message)]
    prompt, completion = tokens_in(*(turn["content"] for turn in turns)), tokens_in(text)
    usage = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": completion,
        "totalTokenCount": prompt + completion,
    }

    def part(parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        if not last:
            return {"candidates": [candidate], "modelVersion": model}
        return {"candidates": [{**candidate, "finishReason": "STOP"}], "modelVersion": model, "usageMetadata": usage}

    if not streamed:
        return Reply.json(part(calls or [{"text": text}], last=True))
    steps = [calls] if calls else [[{"text": piece}] for piece in pieces(text)]
    documents = [part(step, last=number == len(steps)) for number, step in enumerate(steps, 1)]
    if request.query.get("alt") != "sse":
        return Reply.json(documents)
    return Reply.events([event(step) for step in documents])


def turns_of(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One content as messages of a chat completion: each output of a tool is one of its own there."""
    parts = content.get("parts") or []
    outputs = [part["functionResponse"] for part in parts if "functionResponse" in part]
    text = text_of(parts)
    if text or not outputs:
        yield {"role": "assistant" if content.get("role") == "model" else "user", "content": text}
    for output in outputs:
        yield {"role": "tool", "content": json.dumps(output.get("response"))}


def plain(schema: Any) -> Any:
    """Google's schema with its type names in lower case, as JSON schema has them."""
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    lowered = {key: plain(value) for key, value in schema.items()}
    if isinstance(schema.get("type"), str):
        lowered["type"] = schema["type"].lower()
    return lowered
