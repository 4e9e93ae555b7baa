"""The stand-in's models, as OpenAI's own client and the agents SDK see them.

The requests are signed by an `Auth` of a dozen lines, so that nothing here depends on the signer of this library.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from endpoints import anthropic_messages, google_content, openai_files

from ..byhand import Draft, connect, exchange
from ..standin import FakeOCI, Fault, ToolCall

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")

PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.example"
MODEL = "openai.gpt-oss-120b"


def auth_for(library: Any, credential: Any) -> Any:
    """Signs with the code of these tests."""

    class ByHand(library.Auth):  # type: ignore[misc]
        requires_request_body = True

        def auth_flow(self, request: Any) -> Iterator[Any]:
            draft = Draft(credential, request.method, request.url.raw_path.decode(), request.content)
            draft.set("host", request.headers["host"])
            if request.content:
                draft.set("content-type", request.headers["content-type"])
            for name, value in draft.sign().headers:
                request.headers[name] = value
            yield request

    return ByHand()


def default_client(oci: FakeOCI, kind: str) -> Any:
    """An HTTP client of the library that this major of openai is made of."""
    base = getattr(openai, kind)
    library = next(module for module in (_imported("httpx2"), httpx) if module and issubclass(base, _bases(module)))
    # With zstandard installed httpx asks for zstd, and breaks off after the first event.
    headers = {"accept-encoding": "gzip, deflate"} if library is httpx else {}
    return base(auth=auth_for(library, oci.add_api_key()), headers=headers)


def _imported(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        return None


def _bases(library: Any) -> tuple[type, ...]:
    return (library.Client, library.AsyncClient)


@pytest.fixture
def client(oci: FakeOCI) -> Iterator[Any]:
    http_client = default_client(oci, "DefaultHttpxClient")
    with openai.OpenAI(
        base_url=oci.openai_url, api_key="unused", project=PROJECT, http_client=http_client, max_retries=0
    ) as client:
        yield client


def tool(name: str = "get_weather", parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = parameters or {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "name": name, "description": "…", "parameters": schema}


def chat_tool(**options: Any) -> dict[str, Any]:
    made = tool(**options)
    return {"type": "function", "function": {key: value for key, value in made.items() if key != "type"}}


def say(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


# Who may ask.


@pytest.mark.parametrize(
    "base",
    [
        "/openai/v1",
        "/20231130/actions/v1",
        "/20231130/openai/v1",
        "/ocid1.datasciencemodeldeployment.oc1..a/predict/v1",
    ],
)
@pytest.mark.parametrize("scope", [None, "opc-compartment-id", "CompartmentId", "OpenAI-Project"])
def test_a_compartment_or_a_project_must_be_named(oci: FakeOCI, base: str, scope: str | None) -> None:
    """On every base path but that of a model deployment, which belongs to a compartment by itself."""
    body = json.dumps({"model": MODEL, "messages": say("hi")}).encode()
    headers = [[scope, "ocid1.compartment.oc1..a"]] if scope else []
    draft = Draft(oci.add_api_key(), target=f"{base}/chat/completions", body=body, headers=headers)
    answer = draft.sign().send(oci.url)
    if scope or "deployment" in base:
        assert answer.json()["choices"][0]["message"]["content"] == "You said: hi"
    else:
        assert (answer.status, answer.json()["code"]) == (400, "400")
        assert oci.records[-1].reason == "neither compartment nor project is named"


def test_an_unsigned_request_gets_no_answer(oci: FakeOCI) -> None:
    """A placeholder key reaches the stand-in as a bearer, and is refused as OCI would."""
    bare = openai.OpenAI(base_url=oci.openai_url, api_key="unused", project=PROJECT, max_retries=0)
    with bare as client, pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model=MODEL, messages=say("hi"))
    assert oci.records[-1].reason == "the authorization scheme is 'Bearer', not Signature"


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/chat", "/responses/resp_unknown", "/files/file-x", "/models", "/models/x", "/embeddings"],
)
def test_an_unknown_path_is_404_in_ocis_form(oci: FakeOCI, path: str) -> None:
    """Code and message at the top level."""
    target = f"/openai/v1{path}"
    answer = Draft(oci.add_api_key(), "GET", target, body=b"", headers=[["OpenAI-Project", "p"]]).sign().send(oci.url)
    assert answer.status == 404
    assert set(answer.json()) == {"code", "message"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/chat/completions", b"not json", 400),
        ("/chat/completions", b"[]", 400),
        ("/chat/completions", b'{"messages": [{"role": "user", "content": "x"}]}', 400),
        ("/chat/completions", b'{"model": "openai.gpt-oss-20b", "messages": []}', 400),
        ("/chat/completions", b'{"model": "openai.gpt-oss-20b", "messages": ["x"]}', 400),
        (
            "/chat/completions",
            b'{"model": "openai.gpt-oss-20b", "messages": [{}], "tools": [{"type": "function"}]}',
            400,
        ),
        ("/chat/completions", b'{"model": "openai.gpt-oss-20b", "messages": [{}], "tools": 7}', 400),
        ("/responses", b'{"input": "x"}', 400),
        ("/responses", b'{"model": "openai.gpt-oss-20b", "input": 7}', 400),
        ("/responses", b'{"model": "openai.gpt-oss-20b", "input": [7]}', 400),
        ("/responses", b'{"model": "openai.gpt-oss-20b", "input": "x", "conversation": "conv_x"}', 404),
        ("/files", b"x", 404),
        ("/embeddings", b'{"model": "openai.gpt-oss-20b", "input": "x"}', 404),
    ],
)
def test_a_request_that_makes_no_sense_is_an_error_of_the_clients(
    oci: FakeOCI, path: str, body: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Never one of the stand-in's."""
    draft = Draft(oci.add_api_key(), target=f"/openai/v1{path}", body=body, headers=[["OpenAI-Project", "p"]])
    assert draft.sign().send(oci.url).status == status
    assert capfd.readouterr().err == ""


# Chat completions.


def test_a_chat_is_answered_and_counted(client: Any) -> None:
    """By quoting what the user said last."""
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": "Be brief."}, *say("first"), *say("second")],
    )
    assert completion.choices[0].message.content == "You said: second"
    assert (completion.choices[0].finish_reason, completion.model) == ("stop", MODEL)
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_a_chat_is_streamed_in_small_pieces(client: Any) -> None:
    """Role first, finish last, usage only if it is asked for."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "one two"}, {"type": "text", "text": " three"}]}]
    for wanted in (False, True):
        options = {"stream_options": {"include_usage": True}} if wanted else {}
        chunks = list(client.chat.completions.create(model=MODEL, messages=messages, stream=True, **options))
        deltas = [
            chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
        ]
        assert "".join(deltas) == "You said: one two three"
        assert len(deltas) > 3
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [wanted]


def test_the_first_tool_is_called_and_its_output_quoted(client: Any) -> None:
    """With arguments that fit its schema."""
    messages = say("Weather?")
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[chat_tool(), chat_tool(name="other")])
    assert first.choices[0].finish_reason == "tool_calls"
    assert first.choices[0].message.content is None
    (call,) = first.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "city"})
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"},
    ]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[chat_tool()])
    assert second.choices[0].message.content == "The tool answered: 22 degrees"
    third = client.chat.completions.create(model=MODEL, messages=messages + say("And now?"), tools=[chat_tool()])
    assert third.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", None),
        ("auto", "get_weather"),
        ("required", "get_weather"),
        ({"type": "function", "function": {"name": "other"}}, "other"),
    ],
)
def test_the_choice_of_tools_is_respected(client: Any, choice: Any, called: str | None) -> None:
    """None, any, or the one that is named."""
    tools = [chat_tool(), chat_tool(name="other")]
    completion = client.chat.completions.create(model=MODEL, messages=say("x"), tools=tools, tool_choice=choice)
    calls = completion.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ([called] if called else [])


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


# Structured answers.


class Colour(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    name: str
    red: int = pydantic.Field(ge=3, le=9)
    light: float = pydantic.Field(gt=0, lt=1)


class Palette(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    title: str = pydantic.Field(min_length=12)
    colours: list[Colour] = pydantic.Field(min_length=2)
    favourite: Colour | None
    parent: Palette | None = None


def test_a_structured_answer_fits_its_schema(client: Any) -> None:
    """Nested, recursive and bounded, through the client's own parsing."""
    completion = client.chat.completions.parse(model=MODEL, messages=say("x"), response_format=Palette)
    assert len(completion.choices[0].message.parsed.colours) == 2
    response = client.responses.parse(model=MODEL, input="x", text_format=Palette)
    assert isinstance(response.output_parsed, Palette)
    plain = client.chat.completions.create(model=MODEL, messages=say("x"), response_format={"type": "json_object"})
    assert isinstance(json.loads(plain.choices[0].message.content), dict)


# Responses.


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


def test_a_response_is_kept_until_it_is_deleted_unless_it_was_not_to_be(client: Any) -> None:
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
    items = list(client.conversations.items.list(conversation.id))
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


# Files, and what is not served.


def test_a_file_is_uploaded_byte_for_byte(client: Any, oci: FakeOCI) -> None:
    """Line ends, boundaries lookalikes and names with quotes included."""
    openai_files.add_to(oci)
    content = b"\r\n--not-the-boundary\r\n\r\n\x00\xff--\r\n"
    uploaded = client.files.create(file=("my file.bin", content), purpose="user_data")
    assert (uploaded.bytes, uploaded.filename, uploaded.purpose) == (len(content), "my file.bin", "user_data")
    assert client.files.content(uploaded.id).read() == content
    assert [file.id for file in client.files.list()] == [uploaded.id]
    assert client.files.retrieve(uploaded.id).bytes == len(content)
    client.files.delete(uploaded.id)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(uploaded.id)


def test_models_and_embeddings_are_not_there(client: Any) -> None:
    """OCI has no route for either below this path."""
    with pytest.raises(openai.NotFoundError):
        client.models.list()
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="cohere.embed-v4.0", input="x")


# Streams that go wrong, and the agents SDK.


def test_a_stream_can_break_off(client: Any, oci: FakeOCI) -> None:
    """After some of its pieces."""
    oci.fail("inference", Fault(truncate=True))
    stream = client.chat.completions.create(model=MODEL, messages=say("a b c d e f"), stream=True)
    pieces = [next(stream)]
    with pytest.raises(Exception, match=r"incomplete|closed|peer|Connection error"):
        pieces.extend(stream)


def test_an_agent_runs_with_tools_and_handoffs_streamed_or_not(oci: FakeOCI) -> None:
    """The agents SDK's Runner, over chat completions and over responses."""
    agents = pytest.importorskip("agents")
    agents.set_tracing_disabled(True)

    @agents.function_tool
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    async def main() -> None:
        http_client = default_client(oci, "DefaultAsyncHttpxClient")
        client = openai.AsyncOpenAI(base_url=oci.openai_url, api_key="unused", project=PROJECT, http_client=http_client)
        async with client:
            for kind in (agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel):
                model = kind(model=MODEL, openai_client=client)
                expert = agents.Agent(name="Expert", model=model)
                agent = agents.Agent(name="First", model=model, tools=[add], handoffs=[expert])
                result = await agents.Runner.run(agent, "1 + 1?")
                assert result.final_output == "The tool answered: 2"
                streamed = agents.Runner.run_streamed(agent, "1 + 1?")
                kinds = [event.type async for event in streamed.stream_events()]
                assert streamed.final_output == "The tool answered: 2"
                assert "raw_response_event" in kinds
                oci.script(ToolCall("transfer_to_expert"), "I am the expert.")
                handed = await agents.Runner.run(agent, "An expert, please")
                assert (handed.last_agent.name, handed.final_output) == ("Expert", "I am the expert.")
                structured = agents.Agent(name="Structured", model=model, output_type=Palette)
                assert isinstance((await agents.Runner.run(structured, "x")).final_output, Palette)

    asyncio.run(main())
    assert all(record.signed and record.status == 200 for record in oci.records)


def test_a_stream_can_be_slow(oci: FakeOCI) -> None:
    """Each piece is sent when it is there, not when all are."""
    oci.stream_delay = 30.0
    body = json.dumps({"model": MODEL, "messages": say("x"), "stream": True}).encode()
    draft = Draft(oci.add_api_key(), target="/openai/v1/chat/completions", body=body, headers=[["OpenAI-Project", "p"]])
    with connect(oci.url) as connection:
        connection.sendall(draft.sign().wire())
        received = b""
        while b"data: " not in received:
            received += connection.recv(65536)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    assert b'"role": "assistant"' in received


def test_old_clients_of_http_1_0_get_a_stream_that_ends_with_the_connection(oci: FakeOCI) -> None:
    """There are no chunks in HTTP/1.0."""
    body = json.dumps({"model": MODEL, "input": "x", "stream": True}).encode()
    draft = Draft(oci.add_api_key(), target="/openai/v1/responses", body=body, headers=[["OpenAI-Project", "p"]])
    data = draft.sign().wire().replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\n", 1)
    answer = exchange(oci.url, data)
    assert "transfer-encoding" not in answer.headers
    assert answer.headers["connection"] == "close"


# Other dialects.


def ask(oci: FakeOCI, target: str, document: dict[str, Any]) -> Any:
    headers = [["opc-compartment-id", oci.compartment]]
    body = json.dumps(document).encode()
    return Draft(oci.add_api_key(), target=target, body=body, headers=headers).sign().send(oci.url)


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_messages_are_answered_in_anthropics_form(oci: FakeOCI) -> None:
    """A text, a tool call, its result, and the same as events."""
    anthropic_messages.add_to(oci)
    document: dict[str, Any] = {"model": "openai.gpt-oss-20b", "max_tokens": 9, "messages": say("good morning")}
    assert ask(oci, "/v1/messages", document).json()["content"] == [{"type": "text", "text": "You said: good morning"}]
    events = events_of(ask(oci, "/v1/messages", {**document, "stream": True}).body)
    deltas = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(deltas) == "You said: good morning"
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    document["tools"] = [{"name": "add", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}]
    called = ask(oci, "/v1/messages", document).json()
    assert (called["stop_reason"], called["content"][0]["input"]) == ("tool_use", {"a": 1})
    result = {"type": "tool_result", "tool_use_id": called["content"][0]["id"], "content": "7"}
    document["messages"] += [
        {"role": "assistant", "content": called["content"]},
        {"role": "user", "content": [result]},
    ]
    assert ask(oci, "/v1/messages", document).json()["content"][0]["text"] == "The tool answered: 7"


def test_content_is_generated_in_googles_form(oci: FakeOCI) -> None:
    """Plain and streamed. A key in the query is a credential left behind."""
    google_content.add_to(oci)
    base = "/google/v1beta/models/google.gemini-2.5-pro"
    document: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "good morning"}]}]}
    plain = ask(oci, f"{base}:generateContent", document).json()
    assert plain["candidates"][0]["content"]["parts"] == [{"text": "You said: good morning"}]
    steps = events_of(ask(oci, f"{base}:streamGenerateContent?alt=sse", document).body)
    texts = [step["candidates"][0]["content"]["parts"][0]["text"] for step in steps]
    assert "".join(texts) == "You said: good morning"
    assert len(texts) > 1
    parameters = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
    document["tools"] = [{"functionDeclarations": [{"name": "add", "parameters": parameters}]}]
    called = ask(oci, f"{base}:generateContent", document).json()
    call = called["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert call == {"name": "add", "args": {"a": 1}}
    document["contents"].append(
        {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"sum": 7}}}]}
    )
    answered = ask(oci, f"{base}:generateContent", document).json()
    assert answered["candidates"][0]["content"]["parts"][0]["text"] == 'The tool answered: {"sum": 7}'
    assert ask(oci, f"{base}:generateContent?key=secret", document).status == 401
    assert oci.records[-1].reason.endswith("the query parameter key")
    assert ask(oci, f"{base}:somethingElse", document).status == 404
