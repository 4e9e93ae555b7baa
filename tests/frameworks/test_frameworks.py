"""Each framework's example runs with all of its requests signed, and the ways that would not sign are refused."""

from __future__ import annotations

import asyncio
import copy
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import models
import pytest
from endpoints import google_content, native_chat, websockets

from oci_httpx_auth import OCISigner
from oci_httpx_auth.adapters import RequestSigner
from oci_httpx_auth.openai import PLACEHOLDER_API_KEY, create_openai

from ..examples import run_example
from ..standin import FakeOCI
from .support import EXAMPLES, HELLO, UNSIGNED, load, need, only_one_signs

pytestmark = pytest.mark.slow


TRIP = "city='city' days=1"


@pytest.mark.parametrize(
    ("name", "needs", "requests", "printed"),
    [
        (
            "openai",
            ["openai"],
            16,
            [
                f"{mode}{line}"
                for mode in ("", "async ")
                for line in (
                    f"chat: {HELLO}",
                    f"chat, streamed: {HELLO}",
                    "response: You said: Say good morning.",
                    "response, streamed: You said: Say good night.",
                    "files: ['notes.txt']",
                )
            ]
            + ["file: notes.txt b'a few notes'"],
        ),
        (
            "langchain",
            ["langchain-openai"],
            6,
            [
                *(f"{how}: {HELLO}" for how in ("invoke", "stream", "responses", "ainvoke", "astream")),
                "tool: temperature",
            ],
        ),
        (
            "pydantic_ai",
            ["pydantic-ai-slim>=2", "openai>=3"],
            7,
            [
                "agent with a tool: The tool answered: 21 degrees in city",
                "typed: Trip",
                *(f"{how}: {HELLO}" for how in ("streamed", "responses", "run_sync")),
                "responses, streamed: You said: Say good night.",
            ],
        ),
        (
            "instructor",
            ["instructor"],
            5,
            [
                f"{how}: {TRIP}"
                for how in ("trip", "trip, streamed", "trip by schema", "async trip", "async trip, streamed")
            ],
        ),
        (
            "anthropic",
            ["anthropic>=2"],
            4,
            [f"{mode}{how}: {HELLO}" for mode in ("", "async ") for how in ("message", "message, streamed")],
        ),
        (
            "google_genai",
            ["google-genai>=3"],
            4,
            [f"{mode}{how}: {HELLO}" for mode in ("", "async ") for how in ("content", "content, streamed")],
        ),
        (
            "mcp",
            ["mcp>=2", "openai-agents>=0.24"],
            7,
            [
                "tools: temperature measure",
                "called: 21 degrees in Lisbon",
                "progress, streamed: 1 of 2",
                "progress, streamed: 2 of 2",
                "measured: measured 2 times",
                "agents, tools: temperature measure",
                "agents, called: 21 degrees in Porto",
            ],
        ),
        (
            "httpx",
            ["httpx"],
            20,
            [
                "buckets: letters notes photos",
                "objects: | first | second | the third",
                "compartments: 6",
                "async regions: True",
                "async compartments: 6",
                'async namespace, streamed: "axfakenamespace"',
            ],
        ),
        (
            "websockets",
            ["websockets", "openai>=3", "openai-agents>=0.24"],
            6,
            [
                *(f"{mode}{which}: connected" for mode in ("", "async ") for which in ("responses", "realtime")),
                "agents realtime: connected",
                "agents responses: connected, but closed",
            ],
        ),
    ],
)
def test_every_request_of_an_example_is_signed(name: str, needs: list[str], requests: int, printed: list[str]) -> None:
    """It prints what it should, and the server has verified as many requests as it makes, and no others."""
    need(*needs)
    lines = run_example(f"frameworks/with_{name}.py").splitlines()
    assert lines[-1] == f"the server verified {requests} of {requests} requests"
    assert sorted(lines[:-1]) == sorted(printed)


def test_an_unsigned_request_fails_an_example(tmp_path: Path) -> None:
    """The proof at the end is one: a single request past the signer, and the process exits with an error."""
    script = tmp_path / "careless.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(EXAMPLES)!r})\nimport httpx\nfrom _common import oci\n"
        "with oci() as place:\n"
        "    httpx.get(place.url + '/x', auth=place.signer)\n"
        "    httpx.get(place.url + '/x')\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (1, "the server verified 1 of 2 requests\n")


def test_an_example_with_a_compartment_calls_the_real_service(
    oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the profile's region, with compartment and project as the environment has them."""
    monkeypatch.setenv("OCI_CLI_CONFIG_FILE", str(oci.write_config(tmp_path)))
    monkeypatch.setenv("OCI_COMPARTMENT_ID", "ocid1.compartment.oc1..mine")
    monkeypatch.setenv("OCI_PROJECT_ID", "ocid1.generativeaiproject.oc1..mine")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    with load("_common").oci() as place:
        assert place.base_url == f"https://inference.generativeai.{oci.region}.oci.oraclecloud.com/openai/v1"
        assert place.headers == {
            "opc-compartment-id": "ocid1.compartment.oc1..mine",
            "OpenAI-Project": "ocid1.generativeaiproject.oc1..mine",
        }
        assert (place.fake, place.signer.tenancy) == (None, oci.tenancy)


# The ways that do not sign.


@pytest.mark.parametrize("given", ["http_client", "http_async_client"])
def test_langchain_with_one_client_leaves_the_other_kind_unsigned(oci: FakeOCI, signer: OCISigner, given: str) -> None:
    """Which is refused, and the placeholder key says how it came there."""
    need("langchain-openai")
    import openai

    clients = {
        "http_client": openai.DefaultHttpxClient(auth=signer, follow_redirects=False),
        "http_async_client": openai.DefaultAsyncHttpxClient(auth=signer, follow_redirects=False),
    }
    llm = load("langchain_openai").ChatOpenAI(
        model="openai.gpt-oss-120b",
        base_url=oci.openai_url,
        api_key=PLACEHOLDER_API_KEY,
        default_headers={"opc-compartment-id": oci.compartment},
        **{given: clients[given]},
    )

    async def ainvoke() -> str:
        return (await llm.ainvoke("Say hello.")).text

    calls = [lambda: llm.invoke("Say hello.").text, lambda: asyncio.run(ainvoke())]
    only_one_signs(oci, *(calls if given == "http_client" else reversed(calls)))
    assert oci.records[-1].header("authorization") == f"Bearer {PLACEHOLDER_API_KEY}"


def test_google_genai_with_one_client_leaves_the_other_kind_unsigned(oci: FakeOCI, signer: OCISigner) -> None:
    """Its own async client sends the placeholder key as Google's."""
    need("google-genai>=3")
    import httpx2

    google_content.add_to(oci)

    genai = load("google.genai")
    with httpx2.Client(auth=signer) as http:
        options = {
            "base_url": f"{oci.url}/google",
            "headers": {"opc-compartment-id": oci.compartment},
            "httpx_client": http,
        }
        client = genai.Client(api_key=PLACEHOLDER_API_KEY, http_options=options)
        assert client.models.generate_content(model="google.gemini-2.5-flash", contents="Say hello.").text == HELLO

        async def generate() -> None:
            async with client.aio as asynchronous:
                await asynchronous.models.generate_content(model="google.gemini-2.5-flash", contents="Say hello.")

        with pytest.raises(load("google.genai.errors").ClientError, match="401"):
            asyncio.run(generate())
    assert "give HttpOptions both httpx_client= and httpx_async_client=" in oci.records[-1].reason


def test_anthropic_takes_no_httpx_client(signer: OCISigner) -> None:
    """It says so at once, so that nothing goes out unsigned."""
    need("anthropic>=2")
    import httpx

    with httpx.Client(auth=signer) as http, pytest.raises(TypeError, match="http_client"):
        load("anthropic").Anthropic(api_key=PLACEHOLDER_API_KEY, http_client=http)


def test_a_websocket_without_signed_headers_is_refused(oci: FakeOCI, signer: OCISigner) -> None:
    """The HTTP client's signer never sees it; and headers that were signed for another URL are no better."""
    need("websockets", "openai>=3")
    websockets.add_to(oci)
    rejected = load("websockets.exceptions").InvalidStatus
    with create_openai(signer=signer, base_url=oci.openai_url, compartment_id=oci.compartment) as client:
        with pytest.raises(rejected), client.responses.connect():
            pass
        assert oci.records[-1].reason.startswith(UNSIGNED)
        assert oci.records[-1].header("authorization") == f"Bearer {PLACEHOLDER_API_KEY}"
        signed = signer.signed_headers("GET", f"{oci.openai_url}/realtime?model=another")
        with pytest.raises(rejected), client.realtime.connect(model="this", extra_headers=signed):
            pass
        assert oci.records[-1].reason == "the signature does not fit the request and the key"


@pytest.fixture
def weather(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of the example's MCP server, before which the stand-in verifies each request."""
    need("mcp>=2", "openai-agents>=0.24")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example, serving = load("with_mcp"), load("_serving")
    with serving.serve(serving.verified_by(oci, example.weather().streamable_http_app()), "/mcp") as url:
        yield url


def test_an_mcp_client_that_makes_its_own_http_client_signs_nothing(oci: FakeOCI, weather: str) -> None:
    """And gets no further than its first request."""
    client = load("mcp").Client

    async def connect() -> None:
        async with client(weather) as connected:
            await connected.list_tools()

    with pytest.raises(Exception, match="TaskGroup"):
        asyncio.run(connect())
    assert not any(record.signed for record in oci.records)
    assert {record.status for record in oci.records} == {401}


def test_an_mcp_session_signs_its_stream_and_its_end_too(oci: FakeOCI, signer: OCISigner, weather: str) -> None:
    """Servers of the older protocol are also asked by GET, for what they have to tell, and by DELETE, to end it."""
    import httpx2

    mcp, streamable = load("mcp"), load("mcp.client.streamable_http")
    listening = threading.Event()
    oci.on_record = lambda record: listening.set() if record.method == "GET" else None

    async def talk() -> str:
        async with httpx2.AsyncClient(auth=signer) as http:
            transport = streamable.streamable_http_client(weather, http_client=http)
            async with mcp.Client(transport, mode="legacy") as client:
                assert await asyncio.to_thread(listening.wait, 30)
                result = await client.call_tool("temperature", {"city": "Lisbon"})
        return result.content[0].text

    assert asyncio.run(talk()) == "21 degrees in Lisbon"
    assert {record.method for record in oci.records} == {"POST", "GET", "DELETE"}
    assert all(record.signed for record in oci.records)


def test_copies_of_a_dspy_model_sign_as_the_model_does(
    oci: FakeOCI, signer: OCISigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DSPy copies models and programs deeply, with the client that was given to them."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    need("dspy")
    import dspy

    client = create_openai(signer=signer, base_url=oci.openai_url, compartment_id=oci.compartment)
    lm = dspy.LM("openai/openai.gpt-oss-20b", engine="litellm", cache=False, client=client)
    for each in (lm, lm.copy(temperature=0.5), copy.deepcopy(lm)):
        assert each("Say hello.")
    assert [record.signed for record in oci.records] == [True] * 3


@pytest.fixture
def chat_by_litellm(oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`litellm.completion` of OCI's own chat operation, signed by us."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    pytest.importorskip("litellm.llms.oci.common_utils")
    litellm = load("litellm")
    options = {
        "oci_signer": RequestSigner(OCISigner(config_file=oci.write_config(tmp_path))),
        "oci_compartment_id": oci.compartment,
        "api_base": oci.url,
        "messages": [{"role": "user", "content": "one two three"}],
        "max_retries": 0,
    }
    return lambda model, **others: litellm.completion(f"oci/{model}", **options, **others)


# One model for each form: its tool calls have a text only in COHERE.
NATIVE = {models.NATIVE: "", "meta.llama-3.3-70b-instruct": "", models.COHERE: "I will call add."}


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydantic")
@pytest.mark.parametrize("model", NATIVE)
def test_litellm_takes_our_signer_as_its_own(oci: FakeOCI, chat_by_litellm: Callable[..., Any], model: str) -> None:
    """Whole and streamed to the end, to a server that would send zstd, with and without a call of a tool."""
    native_chat.add_to(oci, empty_frame=False)
    assert chat_by_litellm(model).choices[0].message.content == "You said: one two three"
    streamed = [chunk.choices[0].delta.content or "" for chunk in chat_by_litellm(model, stream=True)]
    assert "".join(streamed) == "You said: one two three"
    assert len(streamed) > 3
    parameters = {"type": "object", "properties": {"a": {"type": "integer", "description": "a number"}}}
    tool = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": parameters}}
    deltas = [chunk.choices[0].delta for chunk in chat_by_litellm(model, stream=True, tools=[tool])]
    assert "".join(delta.content or "" for delta in deltas) == NATIVE[model]
    (call,) = [call for delta in deltas for call in delta.tool_calls or []]
    assert (call.function.name, call.function.arguments) == ("add", '{"a": 1}')
    assert [(record.mode, record.status) for record in oci.records] == [("api_key", 200)] * 3


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydantic")
def test_litellm_breaks_on_an_empty_frame(oci: FakeOCI, chat_by_litellm: Callable[..., Any]) -> None:
    """Which is why the stand-in can leave it out. If this passes one day, the option is no longer needed."""
    native_chat.add_to(oci)
    with pytest.raises(Exception, match="Expecting value"):
        list(chat_by_litellm(models.NATIVE, stream=True))
