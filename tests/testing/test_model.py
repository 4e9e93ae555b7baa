"""The stand-in for a language model: scripted answers first, then predictable ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from ..standin import FakeOCI, Refused, ToolCall
from .clients import MODEL, Palette, chat_tool, say


def deep(schema: dict[str, Any], levels: int) -> dict[str, Any]:
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


SCHEMAS: list[tuple[dict[str, Any], Any]] = [
    ({"const": 3}, 3),
    ({"enum": ["x", "y"]}, "x"),
    ({"type": ["null", "boolean"]}, True),
    ({"type": "object", "properties": {"whatever": True}}, {"whatever": None}),
    ({"allOf": [{"type": "integer"}]}, 1),
    (
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"type": "integer"}}}],
            "$defs": {"A": {"type": "object", "properties": {"a": {"type": "string"}}}},
        },
        {"a": "a", "b": 1},
    ),
    ({"allOf": [True, {"type": "integer"}]}, 1),
    ({"$ref": "#/$defs/A%3CB%3E~1C", "$defs": {"A<B>/C": {"type": "integer"}}}, 1),
    ({"$ref": "#/$defs/A", "$defs": {"A": True}}, "value"),
    (
        {"properties": {"a": {"anyOf": [{"type": "integer"}]}, "b": {"$ref": "#/properties/a/anyOf/0"}}},
        {"a": 1, "b": 1},
    ),
    ({"anyOf": [{"type": "null"}, {"type": "number"}]}, 0.5),
    ({"anyOf": [{"$ref": "#"}, {"type": "string"}]}, "value"),
    ({"type": "integer", "maximum": 0}, 0),
    ({"type": "integer", "exclusiveMaximum": 0}, -1),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["value", "value"]),
]


@pytest.mark.parametrize(("schema", "value"), SCHEMAS)
def test_a_structured_answer_fits_a_schema_of_any_kind(ask: Callable[..., Any], schema: Any, value: Any) -> None:
    """Constants, references, unions and bounds."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    document = {"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}], "response_format": form}
    answer = ask("/openai/v1/chat/completions", document).json()
    assert json.loads(answer["choices"][0]["message"]["content"]) == value


@pytest.mark.parametrize("reference", ["#/$defs/B", "#/$defs/A/enum/1", "#/$defs/A/enum/x", "#A", "A.json"])
def test_a_reference_to_nothing_in_the_schema_is_refused(oci: FakeOCI, reference: str) -> None:
    """With a reason that quotes it."""
    schema = {"properties": {"a": {"$ref": reference}}, "$defs": {"A": {"$anchor": "A", "enum": ["x"]}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    chat = {"model": MODEL, "messages": say("x"), "response_format": form}
    with pytest.raises(Refused, match=f"^the schema has nothing at {re.escape(repr(reference))}$") as caught:
        oci.complete(chat)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"properties": {"again": {"$ref": "#"}}, "required": ["again"]}], ids=["itself", "within"]
)
def test_a_schema_that_no_finite_answer_fits_is_refused(oci: FakeOCI, schema: Any) -> None:
    """It is the caller's mistake, so not an internal error."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    chat = {"model": MODEL, "messages": say("x"), "response_format": form}
    with pytest.raises(Refused, match=r"^no finite answer fits the schema$") as caught:
        oci.complete(chat)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("schema", "end"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, {}),
        (
            {"anyOf": [{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, {"type": "null"}]},
            None,
        ),
        (deep({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, 10), True),
        (deep({"type": ["boolean", "null"]}, 10), None),
        (deep({"type": "array", "items": {"type": "string"}}, 10), []),
    ],
)
def test_a_schema_that_names_itself_comes_to_an_end(ask: Callable[..., Any], schema: Any, end: Any) -> None:
    """Deep down, what may be left out or null is."""
    document = {
        "model": "openai.gpt-oss-20b",
        "input": "Hi",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}},
    }
    value = json.loads(ask("/openai/v1/responses", document).json()["output"][0]["content"][0]["text"])
    while isinstance(value, dict) and "a" in value:
        value = value["a"]
    assert value == end


def expression(name: str) -> dict[str, Any]:
    """Sums of sums, by the members' `name`, and somewhere a number."""
    sums = {"type": "object", "properties": {each: {"$ref": "#/$defs/N"} for each in name}, "required": [*name]}
    number = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return {"$ref": "#/$defs/N", "$defs": {"N": {"anyOf": [sums, number]}}}


def nullable_tree(fields: int) -> dict[str, Any]:
    """As OpenAI's strict mode wants it: each member is required, and may be null."""
    members = {f"f{i}": {"anyOf": [{"$ref": "#"}, {"type": "null"}]} for i in range(fields)}
    return {"type": "object", "properties": members, "required": [*members]}


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "object", "properties": {"a": {"$ref": "#/anyOf/0"}}, "required": ["a"]}, {"const": 1}]},
        expression("a"),
        expression("ab"),
        expression("abcdefghij"),
        nullable_tree(10),
        nullable_tree(30),
        deep({"type": "string"}, 40),
    ],
    ids=["endless option", "chain", "pairs", "tens", "tree", "wide tree", "deep"],
)
def test_an_answer_to_a_schema_that_contains_itself_is_short(ask: Callable[..., Any], schema: Any) -> None:
    """The options are tried in turn, and nothing grows with each level."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    response = ask("/openai/v1/chat/completions", {"model": MODEL, "messages": say("x"), "response_format": form})
    assert response.status == 200, response.json()
    content = response.json()["choices"][0]["message"]["content"]
    assert len(content) < 50_000
    pytest.importorskip("jsonschema").validate(json.loads(content), schema)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"anyOf": [{"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a"]}] * 10}, "no .* size"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 10**9}, "no answer of a reasonable size"),
        ({"type": "number", "multipleOf": 0}, "no number fits the schema"),
    ],
    ids=["many dead ends", "very long", "multiple of 0"],
)
def test_a_schema_that_is_too_much_is_refused(ask: Callable[..., Any], schema: Any, why: str) -> None:
    """Soon, and as a mistake of the caller's."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    response = ask("/openai/v1/chat/completions", {"model": MODEL, "messages": say("x"), "response_format": form})
    assert response.status == 400
    assert re.search(why, response.json()["message"])


@pytest.mark.parametrize(
    ("form", "expected"),
    [({"type": "json_object"}, '{"answer": "answer"}'), ({"type": "text"}, "You said: Hi"), (7, "You said: Hi")],
)
def test_the_form_of_an_answer_is_asked_for_in_either_api(ask: Callable[..., Any], form: Any, expected: str) -> None:
    """Some JSON, or a text."""
    chat = {"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}], "response_format": form}
    assert ask("/openai/v1/chat/completions", chat).json()["choices"][0]["message"]["content"] == expected
    response = ask(
        "/openai/v1/responses", {"model": "openai.gpt-oss-20b", "input": "Hi", "text": {"format": form}}
    ).json()
    assert response["output"][0]["content"][0]["text"] == expected


def test_an_empty_tool_choice_leaves_it_to_the_model(ask: Callable[..., Any]) -> None:
    """As `auto` does."""
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    document = {
        "model": "openai.gpt-oss-20b",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [tool],
        "tool_choice": {},
    }
    (call,) = ask("/openai/v1/chat/completions", document).json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "add"


def test_a_handoff_is_never_made_unasked(client: Any, oci: FakeOCI) -> None:
    """But it can be scripted."""
    tools = [chat_tool(name="transfer_to_expert", parameters={"type": "object", "properties": {}})]
    assert client.chat.completions.create(model=MODEL, messages=say("x"), tools=tools).choices[0].message.content
    oci.script(ToolCall("transfer_to_expert"))
    (call,) = client.chat.completions.create(model=MODEL, messages=say("x"), tools=tools).choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("transfer_to_expert", "{}")


def test_scripted_answers_come_first_and_in_order(client: Any, oci: FakeOCI) -> None:
    """For both APIs, streamed or not; several calls at once are one answer."""
    oci.script("first", [ToolCall("a", {"n": 1}), ToolCall("b", {"n": 2})], "third", ToolCall("c"))
    assert client.responses.create(model=MODEL, input="x").output_text == "first"
    with client.chat.completions.stream(model=MODEL, messages=say("x")) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [("a", '{"n": 1}'), ("b", '{"n": 2}')]
    assert client.chat.completions.create(model=MODEL, messages=say("x")).choices[0].message.content == "third"
    with client.responses.stream(model=MODEL, input="x") as events:
        assert events.get_final_response().output[0].name == "c"
    assert client.responses.create(model=MODEL, input="x").output_text == "You said: x"


def test_a_structured_answer_fits_its_schema(client: Any) -> None:
    """Nested, recursive and bounded, through the client's own parsing."""
    completion = client.chat.completions.parse(model=MODEL, messages=say("x"), response_format=Palette)
    assert len(completion.choices[0].message.parsed.colours) == 2
    response = client.responses.parse(model=MODEL, input="x", text_format=Palette)
    assert isinstance(response.output_parsed, Palette)
    plain = client.chat.completions.create(model=MODEL, messages=say("x"), response_format={"type": "json_object"})
    assert isinstance(json.loads(plain.choices[0].message.content), dict)
