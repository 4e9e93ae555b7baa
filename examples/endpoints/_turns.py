"""What the forms of a chat have in common: each is turned into a chat completion, which `FakeOCI.complete` answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from oci_httpx_auth.testing import Principal, Refused, Reply, Request

Handler = Callable[[Request, Principal], Reply]


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts of which only the text counts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [])


def tool(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def calls_of(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The tools that the model wants called, with their arguments."""
    functions = [call["function"] for call in message.get("tool_calls") or []]
    return [(function["name"], json.loads(function["arguments"])) for function in functions]


def pieces(text: str) -> list[str]:
    """The text in small deltas: word by word, and a single word in halves."""
    words = re.findall(r"\s*\S+", text)
    middle = len(text) // 2
    return words if len(words) > 1 else [text[:middle], text[middle:]]


def tokens_in(*texts: str) -> int:
    """A count of tokens that is at least in proportion."""
    return sum(max(1, (len(text) + 3) // 4) for text in texts)


def event(document: dict[str, Any], kind: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {kind}\n" if kind else ""
    return f"{head}data: {json.dumps(document)}\n\n".encode()


def refuses_formless(handler: Handler) -> Handler:
    """A handler that reads documents without a schema: what does not have the expected form is a 400, not a failure."""

    def handle(request: Request, principal: Principal) -> Reply:
        try:
            return handler(request, principal)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise Refused(f"the body does not have the expected form: {error!r}", status=400) from error

    return handle


def require_scope(request: Request) -> None:
    """Generative AI wants to know where a request belongs."""
    if not (request.header("opc-compartment-id") or request.header("openai-project")):
        message = "Missing opc-compartment-id or OpenAI-Project header."
        raise Refused("neither compartment nor project is named", status=400, message=message)
