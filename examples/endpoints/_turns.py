"""What these endpoints have in common. Each form of a chat is turned into a chat completion, which `FakeOCI.complete` answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Request


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


def serve(oci: FakeOCI, method: str, path: str, act: Callable[..., object], *, place: str = "any") -> None:
    """Serve a path as Generative AI does. `act` gets the request, and by name what stands for each `{name}` in the path.

    path: a regular expression, in which `{name}` is a part without a slash.
    place: what a request has to name: a "compartment", a compartment or a project ("any"), or "" for neither.
    """
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)

    def handle(request: Request, _principal: Principal) -> object:
        match = re.fullmatch(pattern, request.path)
        if place:
            check_place(request, place)
        return act(request, **(match.groupdict() if match else {}))

    oci.add_endpoint(pattern, handle, methods=[method], service="inference")


def check_place(request: Request, place: str) -> None:
    """Refuse a request that does not say where it belongs."""
    named = request.header("opc-compartment-id") or request.header("compartmentid")
    if not named and (place == "compartment" or not request.header("openai-project")):
        header = "opc-compartment-id" if place == "compartment" else "opc-compartment-id or OpenAI-Project"
        raise Refused("neither compartment nor project is named", status=400, message=f"Missing {header} header.")


def text_in(document: dict[str, Any], *names: str) -> str:
    """The first of these members; each has to be a text."""
    for name in names:
        if not isinstance(document.get(name), str) or not document[name]:
            raise Refused(f"{name} is missing", status=400)
    return str(document[names[0]])
