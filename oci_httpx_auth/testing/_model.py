"""A simulated language model: scripted answers first, then predictable ones."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ._wire import Refused

DEEPEST_SCHEMA = 8
MOST_VALUES = 500
MOST_TRIED = 20_000
MOST_PIECES = 200

FORMATS = {
    "date": "2026-01-02",
    "date-time": "2026-01-02T03:04:05Z",
    "time": "03:04:05Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}

# A vendor's model that is served on demand, and the endpoint of one that is hosted on a dedicated cluster.
_MODEL_NAME = re.compile(
    r"(?:cohere|google|meta|openai|xai)\.[a-z0-9][a-z0-9._-]*|ocid1\.generativeaiendpoint\.oc\d+\.[a-z0-9-]*\.\w+"
)


def check_model_name(name: object) -> None:
    """Refuse a missing name (400), and one that is neither `<vendor>.<model>` nor a dedicated endpoint's OCID (404)."""
    if not isinstance(name, str) or not name:
        raise Refused("model is missing", status=400)
    if not _MODEL_NAME.fullmatch(name):
        raise Refused("no model has this name", status=404, message=f"Entity with key {name} not found")


@dataclass(frozen=True)
class ToolCall:
    """A call of one of the request's function tools, for `FakeOCI.script`."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


Answer = str | list[ToolCall]


class Model:
    """Answers chats: first with the scripted answers, in order, then with predictable ones.

    A chat is the document of a chat completion request. Other forms are converted to it.
    """

    def __init__(self, delay: float) -> None:
        self.delay = delay  # seconds between two pieces of a streamed response
        self.script: deque[Answer] = deque()

    def answer(self, chat: dict[str, Any]) -> Answer:
        """The answer to a chat.

        Raises `Refused` (400) if the chat names no model, chooses a tool that it lacks, or has a schema nothing fits.
        """
        if not isinstance(chat.get("model"), str) or not chat["model"]:
            raise Refused("model is missing", status=400)
        functions = [tool["function"] for tool in chat.get("tools") or [] if tool.get("type") == "function"]
        tools = {str(function["name"]): function.get("parameters") or {} for function in functions}
        schema = _schema_of(chat.get("response_format"))
        chosen = _chosen_tool(chat.get("tool_choice"))
        if chosen and chosen not in tools:
            raise Refused(f"tool_choice names {chosen!r}, which is no tool of the request", status=400)
        if self.script:
            return self.script.popleft()
        prompt = "nothing"
        outputs: list[str] = []
        for message in chat["messages"]:
            text = text_of(message.get("content"))
            if message.get("role") == "user":
                prompt, outputs = text, []
            elif message.get("role") == "tool":
                outputs.append(text)
        name = chosen or _tool_to_call(list(tools), chat.get("tool_choice"), answered=bool(outputs))
        try:
            if name in tools:
                arguments = example(tools[name])
                return [ToolCall(name, arguments if isinstance(arguments, dict) else {})]
            if schema is not None:
                return json.dumps(example(schema))
        except RecursionError:  # a reference to itself, or a required property that contains its object
            raise Refused("no finite answer fits the schema", status=400) from None
        except ZeroDivisionError:  # a multiple of 0
            raise Refused("no number fits the schema", status=400) from None
        return f"The tool answered: {'; '.join(outputs)}" if outputs else f"You said: {prompt}"


def _chosen_tool(choice: object) -> str:
    """The function that has to be called, or ""."""
    if not isinstance(choice, dict) or choice.get("type", "function") != "function":
        return ""
    return str(choice.get("name") or (choice.get("function") or {}).get("name") or "")


def _tool_to_call(names: list[str], choice: object, *, answered: bool) -> str:
    # A caller who scripted nothing never expects a handoff to another agent.
    own = [name for name in names if not name.startswith("transfer_to_")]
    if not own or choice == "none" or (answered and choice != "required"):
        return ""
    return own[0]


def _schema_of(form: object) -> dict[str, Any] | None:
    """The schema that the answer has to fit, if its form has one."""
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    if not isinstance(form, dict) or kind != "json_schema":
        return None
    schema = (form.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, dict) else {}


def check_options(document: dict[str, Any], tool_types: Collection[str]) -> None:
    """Refuse (400) a `stream` that is not a boolean, and tools of an unknown type."""
    if not isinstance(document.get("stream"), (bool, type(None))):
        raise Refused("stream is not a boolean", status=400)
    for tool in document.get("tools") or []:
        if tool.get("type") not in tool_types:
            raise Refused(f"no tool has the type {tool.get('type')!r}", status=400)


def check_message(message: dict[str, Any], roles: Collection[str]) -> None:
    """Refuse (400) an unknown role, and content that is neither a text nor a list of parts with a type."""
    role, content = message.get("role"), message.get("content")
    if role not in roles:
        raise Refused(f"no message has the role {role!r}", status=400)
    if content is None and role == "assistant":
        return  # It called a tool.
    parts = content if isinstance(content, list) else []
    typed = all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts)
    if not isinstance(content, (str, list)) or not typed:
        raise Refused("content is neither a text nor a list of parts", status=400)


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts of which only the text counts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text", "") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def usage_of(chat: dict[str, Any], answer: Answer) -> tuple[int, int]:
    """How many tokens a chat and its answer have."""
    prompt = sum(tokens_in(text_of(message.get("content"))) for message in chat["messages"])
    texts = [answer] if isinstance(answer, str) else [call.name + json.dumps(call.arguments) for call in answer]
    return prompt or 1, sum(tokens_in(text) for text in texts)


def tokens_in(text: str) -> int:
    """A rough token count, proportional to the length."""
    return max(1, (len(text) + 3) // 4)


def pieces(text: str) -> list[str]:
    """The text in small deltas: word by word, or in coarser steps when it is long."""
    words = re.findall(r"\s*\S+|\s+$", text)
    if len(words) == 1 and len(text) > 1:
        middle = len(text) // 2
        return [text[:middle], text[middle:]]
    step = -(-len(words) // MOST_PIECES) or 1
    return ["".join(words[i : i + step]) for i in range(0, len(words), step)]


def example(schema: Any) -> Any:
    """A JSON value that fits the schema. Raises `RecursionError` if none comes to an end."""
    return _Examples(schema).value(schema, "value")


class _Examples:
    """Makes the values of one example; a text is its property's name. References start from `root`."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._made = 0

    def value(self, schema: Any, name: str, depth: int = 0, deepest: float = math.inf) -> Any:
        """A value that fits the schema. Raises `RecursionError` if it were nested deeper than `deepest`."""
        self._made += 1
        if self._made > MOST_TRIED:
            raise Refused("no answer of a reasonable size fits the schema", status=400)
        if depth > deepest:
            raise RecursionError
        if not isinstance(schema, dict):
            return None
        # Optional and nullable values end somewhere, since a schema may contain itself.
        brief = depth > DEEPEST_SCHEMA or self._made > MOST_VALUES
        schema = _resolve(schema, self._root)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            schema = {"anyOf": [{**schema, "type": each} for each in kind]}
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._first(options, name, depth, deepest, brief)
        if kind == "object":
            required = schema.get("required", []) if brief else schema.get("properties", {})
            members = {key: value for key, value in schema.get("properties", {}).items() if key in required}
            return {key: self.value(value, key, depth + 1, deepest) for key, value in members.items()}
        if kind == "array":
            count = int(schema.get("minItems", 0)) or (0 if brief else 1)
            count = min(count, int(schema.get("maxItems", count)))
            return [self.value(schema.get("items", {}), name, depth + 1, deepest) for _ in range(count)]
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        if kind == "string":
            text = FORMATS.get(schema.get("format", ""), name).ljust(schema.get("minLength", 0), "x")
            return text[: schema.get("maxLength")]
        return True if kind == "boolean" else None

    def _first(self, options: list[Any], name: str, depth: int, deepest: float, brief: bool) -> Any:
        """The first option that comes to an end. Null is the last choice, but of a brief value the first."""
        # Of brief values the flattest is looked for: those that contain themselves could otherwise grow at each level.
        limits = range(depth + 1, depth + DEEPEST_SCHEMA) if brief and deepest == math.inf else [deepest]
        for limit in limits:
            for option in sorted(options, key=lambda option: _is_null(option) != brief):
                with suppress(RecursionError):
                    return self.value(option, name, depth + 1, limit)
        raise RecursionError


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _resolve(schema: Any, root: Any) -> dict[str, Any]:
    """The schema that is meant by a reference, or by `allOf` with its siblings."""
    if not isinstance(schema, dict):
        return {}  # true, which anything fits
    if "$ref" in schema:
        return _resolve(_target(schema["$ref"], root), root)
    merged: dict[str, Any] = {}
    for part in (*(_resolve(part, root) for part in schema.get("allOf", ())), schema):
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        merged |= {**part, **({"properties": properties} if properties else {})}
    return merged


def _target(reference: str, root: Any) -> Any:
    """What a JSON pointer (RFC 6901) such as `#/$defs/Name` refers to. Raises `Refused` (400) if there is nothing."""
    start, *names = unquote(reference).split("/")
    target: Any = root if start == "#" else None
    try:
        for name in names:
            key = name.replace("~1", "/").replace("~0", "~")
            target = target[int(key)] if isinstance(target, list) else target[key]
    except (LookupError, TypeError, ValueError):
        target = None
    if target is None:
        raise Refused(f"the schema has nothing at {reference!r}", status=400)
    return target


def _number(schema: dict[str, Any], *, whole: bool) -> float:
    """The lowest multiple within the bounds, or without a lower bound the highest, but at most one step above zero."""
    step = schema.get("multipleOf", 1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum", step))
    steps = min(1, high // step) if low is None else -(-low // step)
    if steps * step == schema.get("exclusiveMinimum"):
        steps += 1
    if steps * step == schema.get("exclusiveMaximum"):
        steps -= 1
    return int(steps * step) if whole else float(steps * step)
