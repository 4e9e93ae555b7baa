"""The stand-in for a language model: scripted answers first, then predictable ones."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST_SCHEMA = 8
MOST_PIECES = 200


@dataclass(frozen=True)
class ToolCall:
    """A call of one of the request's function tools, for `FakeOCI.script`."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


Answer = str | list[ToolCall]


@dataclass(frozen=True)
class Turn:
    """One step of a conversation. `role` is "system", "user", "assistant" or "tool" (the output of one)."""

    role: str
    text: str


@dataclass(frozen=True)
class Tool:
    """A function tool that the request offers."""

    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What a request asks of the model, whichever of the APIs it came by.

    `choice` is "auto", "none", "required", or the name of the one tool that must be called, after "function:".
    `schema` is the JSON schema that the answer has to fit, if there is one.
    """

    turns: Sequence[Turn]
    tools: Sequence[Tool] = ()
    choice: str = "auto"
    schema: dict[str, Any] | None = None


class Model:
    """Answers questions in order: the script's answers, then answers of its own."""

    def __init__(self) -> None:
        self._script: deque[Answer] = deque()

    def script(self, replies: Iterable[str | ToolCall | list[ToolCall]]) -> None:
        for reply in replies:
            self._script.append([reply] if isinstance(reply, ToolCall) else reply)

    def answer(self, question: Question) -> Answer:
        if self._script:
            return self._script.popleft()
        tool = _tool_to_call(question)
        if tool is not None:
            arguments = example(tool.parameters)
            return [ToolCall(tool.name, arguments if isinstance(arguments, dict) else {})]
        if question.schema is not None:
            return json.dumps(example(question.schema))
        outputs = _outputs_since_user(question.turns)
        if outputs:
            return f"The tool answered: {'; '.join(outputs)}"
        said = [turn.text for turn in question.turns if turn.role == "user"]
        return f"You said: {said[-1] if said else 'nothing'}"


def _tool_to_call(question: Question) -> Tool | None:
    if question.choice.startswith("function:"):
        wanted = question.choice.removeprefix("function:")
        return next((tool for tool in question.tools if tool.name == wanted), None)
    # Handing over to another agent is never what a caller who scripted nothing expects.
    tools = [tool for tool in question.tools if not tool.name.startswith("transfer_to_")]
    if not tools or question.choice == "none":
        return None
    if question.choice == "required" or not _outputs_since_user(question.turns):
        return tools[0]
    return None


def _outputs_since_user(turns: Sequence[Turn]) -> list[str]:
    outputs: list[str] = []
    for turn in turns:
        if turn.role == "user":
            outputs = []
        elif turn.role == "tool":
            outputs.append(turn.text)
    return outputs


def tokens_in(text: str) -> int:
    """A count of tokens that is at least in proportion."""
    return max(1, (len(text) + 3) // 4)


def pieces(text: str) -> list[str]:
    """The text in small deltas: word by word, or in coarser steps when it is long."""
    words = re.findall(r"\s*\S+\s*?(?=\s|$)|\s+", text)
    if len(words) == 1 and len(text) > 1:
        middle = len(text) // 2
        return [text[:middle], text[middle:]]
    step = -(-len(words) // MOST_PIECES) or 1
    return ["".join(words[i : i + step]) for i in range(0, len(words), step)]


def example(schema: dict[str, Any]) -> Any:
    """A JSON value that fits the schema."""
    return _example(schema, schema, "value", 0)


def _example(schema: Any, root: dict[str, Any], name: str, depth: int) -> Any:
    if not isinstance(schema, dict):
        return None
    if "$ref" in schema:
        return _example(_resolve(schema["$ref"], root), root, name, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return _example(_branch(schema[union], depth), root, name, depth + 1)
    if schema.get("allOf"):
        return _example(_merged(schema, root), root, name, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if "null" in kind and depth > DEEPEST_SCHEMA else next(k for k in kind if k != "null")
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        wanted = [key for key in properties if depth <= DEEPEST_SCHEMA or key in required]
        return {key: _example(properties[key], root, key, depth + 1) for key in wanted}
    if kind == "array":
        count = int(schema.get("minItems", 0)) or (0 if depth > DEEPEST_SCHEMA else 1)
        count = min(count, int(schema.get("maxItems", count)))
        return [_example(schema.get("items", {}), root, name, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, name)


def _branch(options: list[Any], depth: int) -> Any:
    if depth > DEEPEST_SCHEMA:
        for option in options:
            if isinstance(option, dict) and option.get("type") == "null":
                return option
    return next((o for o in options if isinstance(o, dict) and o.get("type") != "null"), options[0])


def _merged(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        resolved = _resolve(part["$ref"], root) if "$ref" in part else part
        merged["properties"] = {**merged.get("properties", {}), **resolved.get("properties", {})}
        merged = {**resolved, **merged}
    if not merged["properties"]:
        del merged["properties"]
    return merged


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def _number(schema: dict[str, Any], *, whole: bool) -> float:
    step = schema.get("multipleOf", 1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    value = step if low is None else -(-low // step) * step
    if low is not None and value == schema.get("exclusiveMinimum"):
        value += step
    if high is not None and low is None and value >= high:
        value = (high // step) * step - (step if "exclusiveMaximum" in schema else 0)
    return int(value) if whole else float(value)


def _string(schema: dict[str, Any], name: str) -> str:
    formats = {
        "date": "2026-01-02",
        "date-time": "2026-01-02T03:04:05Z",
        "time": "03:04:05Z",
        "email": "someone@example.com",
        "uri": "https://example.com/",
        "uuid": "00000000-0000-4000-8000-000000000000",
        "ipv4": "192.0.2.1",
    }
    text = formats.get(schema.get("format", ""), name)
    text = text.ljust(schema.get("minLength", 0), "x")
    return text[: schema.get("maxLength", len(text))]
