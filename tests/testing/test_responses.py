"""Responses and conversations: plain and streamed, with their memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .clients import MODEL, say, tool

openai = pytest.importorskip("openai")


def test_an_item_that_says_nothing_is_skipped(ask: Callable[..., Any]) -> None:
    """Such as what a model thought before."""
    given = [{"type": "reasoning", "summary": []}, {"role": "user", "content": "Hi"}]
    response = ask("/openai/v1/responses", {"model": "openai.gpt-oss-20b", "input": given}).json()
    assert response["output"][0]["content"][0]["text"] == "You said: Hi"


def test_a_message_in_parts_is_kept_as_it_is(ask: Callable[..., Any]) -> None:
    """And one that is a text becomes one of a single part."""
    parts = [{"type": "input_text", "text": "H"}, {"type": "input_text", "text": "i"}]
    given = [{"role": "user", "content": "Hello"}, {"role": "user", "content": parts}]
    response = ask("/openai/v1/responses", {"model": "openai.gpt-oss-20b", "input": given}).json()
    assert response["output"][0]["content"][0]["text"] == "You said: Hi"
    kept = ask(f"/openai/v1/responses/{response['id']}/input_items?order=asc", method="GET").json()["data"]
    assert [item["content"] for item in kept] == [[{"type": "input_text", "text": "Hello"}], parts]


@pytest.mark.parametrize("background", [False, True])
def test_a_response_in_the_background_can_be_cancelled_and_none_put(ask: Callable[..., Any], background: bool) -> None:
    """There is nothing left of it to cancel, which is no error."""
    document = {"model": "openai.gpt-oss-20b", "input": "Hi", "background": background}
    made = ask("/openai/v1/responses", document).json()
    assert made["background"] == background
    path = f"/openai/v1/responses/{made['id']}"
    cancelled = ask(f"{path}/cancel")
    assert (cancelled.status, cancelled.json().get("status")) == ((200, "completed") if background else (400, None))
    assert ask(path, {}, "PUT").status == 405


def test_a_conversation_takes_items_and_gives_them_back(ask: Callable[..., Any]) -> None:
    """One that is not there is 404, and a list of all conversations is not to be had."""
    path = f"/openai/v1/conversations/{ask('/openai/v1/conversations', {}).json()['id']}"
    item = {"type": "message", "role": "user", "content": "Hi"}
    (added,) = ask(f"{path}/items", {"items": [item]}).json()["data"]
    assert ask(f"{path}/items/{added['id']}", method="GET").json() == added
    assert ask(f"{path}/items/msg_other", method="GET").status == 404
    assert ask("/openai/v1/conversations", method="GET").status == 405


LISTS = ["conversations/{conversation}/items", "responses/{response}/input_items"]


@pytest.fixture
def listed(ask: Callable[..., Any]) -> dict[str, str]:
    """A conversation of 25 items, and a response to 25."""
    items = [{"role": "user", "content": str(number)} for number in range(25)]
    document = {"model": "openai.gpt-oss-20b", "input": items}
    return {
        "conversation": ask("/openai/v1/conversations", {"items": items}).json()["id"],
        "response": ask("/openai/v1/responses", document).json()["id"],
    }


@pytest.mark.parametrize(
    ("query", "expected", "more"),
    [
        ("", range(24, 4, -1), True),
        ("?order=desc&limit=100", range(24, -1, -1), False),
        ("?order=asc&limit=25", range(25), False),
        ("?order=asc&limit=24", range(24), True),
        ("?order=asc&limit=1", range(1), True),
    ],
)
@pytest.mark.parametrize("path", LISTS)
def test_items_are_listed_in_pages_and_the_newest_first(
    ask: Callable[..., Any], listed: dict[str, str], path: str, query: str, expected: range, more: bool
) -> None:
    """Twenty of them, unless the query says otherwise."""
    page = ask(f"/openai/v1/{path.format(**listed)}{query}", method="GET").json()
    assert [item["content"][0]["text"] for item in page["data"]] == [str(number) for number in expected]
    assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
    assert page["has_more"] == more


@pytest.mark.parametrize(
    ("query", "status"), [("order=up", 400), ("limit=0", 400), ("limit=101", 400), ("limit=x", 400), ("after=x", 404)]
)
@pytest.mark.parametrize("path", LISTS)
def test_a_page_that_cannot_be_is_refused(
    ask: Callable[..., Any], listed: dict[str, str], path: str, query: str, status: int
) -> None:
    """An unknown order, a limit out of range, or an item that is not in the list."""
    assert ask(f"/openai/v1/{path.format(**listed)}?{query}", method="GET").status == status


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_openais_client_turns_the_pages(client: Any, limit: int) -> None:
    """Of either list, in either order."""
    items = [*say("0"), *say("1"), *say("2")]
    response = client.responses.create(model=MODEL, input=items)
    lists = [lambda **order: client.responses.input_items.list(response.id, limit=limit, **order)]
    if hasattr(client, "conversations"):
        conversation = client.conversations.create(items=items)
        lists.append(lambda **order: client.conversations.items.list(conversation.id, limit=limit, **order))
    for listing in lists:
        assert [item.content[0].text for item in listing()] == ["2", "1", "0"]
        assert [item.content[0].text for item in listing(order="asc")] == ["0", "1", "2"]


def test_a_response_is_streamed_with_every_event_in_its_place(client: Any) -> None:
    """Numbered without a gap; the pieces make the whole."""
    with client.responses.stream(model=MODEL, input="one two three") as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == final.output_text == "You said: one two three"
    assert len(deltas) > 3
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens


def test_a_response_calls_a_tool_and_goes_on_from_there(client: Any) -> None:
    """By previous_response_id, which must be known."""
    first = client.responses.create(model=MODEL, input="Weather?", tools=[tool()])
    (call,) = first.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", {"city": "city"})
    output = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
    second = client.responses.create(model=MODEL, input=output, tools=[tool()], previous_response_id=first.id)
    assert second.output_text == "The tool answered: rain"
    assert second.previous_response_id == first.id
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_unknown")


def test_a_tool_call_of_a_response_is_streamed(client: Any) -> None:
    """Its arguments in pieces."""
    with client.responses.stream(model=MODEL, input="x", tools=[tool()]) as stream:
        events = list(stream)
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert json.loads("".join(deltas)) == {"city": "city"}
    assert len(deltas) > 1


def test_a_response_is_kept_until_deleted_unless_store_is_false(client: Any) -> None:
    """Retrieve, list its input, delete; store=False."""
    kept = client.responses.create(model=MODEL, input="hello")
    assert client.responses.retrieve(kept.id).output_text == "You said: hello"
    (item,) = client.responses.input_items.list(kept.id)
    assert item.content[0].text == "hello"
    client.responses.delete(kept.id)
    unkept = client.responses.create(model=MODEL, input="hello", store=False)
    for identifier in (kept.id, unkept.id):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(identifier)


def test_a_conversation_remembers_its_items(client: Any) -> None:
    """What was put in, what was asked, and what was answered."""
    if not hasattr(client, "conversations"):
        pytest.skip("this openai has no conversations")
    conversation = client.conversations.create(items=say("earlier"), metadata={"a": "b"})
    client.responses.create(model=MODEL, input="now", conversation=conversation.id)
    items = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [(item.role, item.content[0].text) for item in items] == [
        ("user", "earlier"),
        ("user", "now"),
        ("assistant", "You said: now"),
    ]
    assert client.conversations.retrieve(conversation.id).metadata == {"a": "b"}
    assert client.conversations.items.retrieve(items[0].id, conversation_id=conversation.id).id == items[0].id
    assert client.conversations.update(conversation.id, metadata={"a": "c"}).metadata == {"a": "c"}
    client.conversations.items.delete(items[0].id, conversation_id=conversation.id)
    assert len(list(client.conversations.items.list(conversation.id))) == 2
    client.conversations.delete(conversation.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)
