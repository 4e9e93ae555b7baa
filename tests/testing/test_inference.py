"""The stand-in's models, as OpenAI's own client and the agents SDK see them.

The requests are signed by an `Auth` of a dozen lines, so that nothing here depends on the signer of this library.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ..byhand import Draft, connect, exchange
from ..standin import FakeOCI, Fault, ToolCall
from .clients import MODEL, PROJECT, Palette, default_client, say

openai = pytest.importorskip("openai")


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
        ("/chat/completions", b"[" * 100_000, 400),
        ("/chat/completions", b'{"messages": [{"role": "user", "content": "x"}]}', 400),
        ("/chat/completions", b'{"model": "openai.gpt-oss-20b", "messages": []}', 400),
        ("/chat/completions", b'{"model": "openai.gpt-oss-20b", "messages": ["x"]}', 400),
        (
            "/chat/completions",
            b'{"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}',
            400,
        ),
        (
            "/chat/completions",
            b'{"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "x"}], "tools": 7}',
            400,
        ),
        ("/responses", b'{"input": "x"}', 400),
        ("/responses", b'{"model": "openai.gpt-oss-20b", "input": 7}', 400),
        ("/responses", b'{"model": "openai.gpt-oss-20b", "input": [7]}', 400),
        ("/responses", b'{"model": "openai.gpt-oss-20b", "input": "x", "conversation": "conv_x"}', 404),
        ("/files", b"x", 404),
        ("/embeddings", b'{"model": "openai.gpt-oss-20b", "input": "x"}', 404),
    ],
)
def test_a_nonsensical_request_is_a_client_error(
    oci: FakeOCI, path: str, body: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Never one of the stand-in's."""
    draft = Draft(oci.add_api_key(), target=f"/openai/v1{path}", body=body, headers=[["OpenAI-Project", "p"]])
    assert draft.sign().send(oci.url).status == status
    assert capfd.readouterr().err == ""


# What is not served.


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
