"""Agents on the SDK's real Runner, whose models are the stand-in's: nothing reaches it unsigned."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import json
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from oci_httpx_auth import ConfigError, OCISigner

from .conftest import all_signed, settle
from .providers import Sessions
from .standin import FakeOCI

pytest.importorskip("agents")

import agents
from agents import Agent, MultiProvider, RunConfig, Runner, function_tool
from agents.models import _openai_shared
from agents.models.multi_provider import MultiProviderMap
from agents.tracing import processors
from openai import AsyncOpenAI
from pydantic import BaseModel

from oci_httpx_auth import SecurityToken
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.agents import DEFAULT_MODEL, OCIChatCompletionsModel, OCIProvider, OCIResponsesModel
from oci_httpx_auth.openai import (
    PLACEHOLDER_API_KEY,
    ClientOptions,
    PerLoopAsyncClient,
    create_async_openai,
    create_openai,
)

from .conftest import Clock
from .standin import Record, ToolCall

# `Runner.run_sync` leaves its loop, and with it the connections, to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("quick_collections"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

T = TypeVar("T")

GROK = "xai.grok-4-1-fast-reasoning"
PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.example"
CHAT, RESPONSES = "/openai/v1/chat/completions", "/openai/v1/responses"

apis = pytest.mark.parametrize(("prefix", "path"), [("", CHAT), ("responses:", RESPONSES)], ids=["chat", "responses"])
ways = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def tracing_is_off() -> Iterator[None]:
    """The SDK would send traces to OpenAI."""
    agents.set_tracing_disabled(True)
    yield
    agents.set_tracing_disabled(True)
    gc.collect()  # what a loop has left behind is this test's, and not a later one's


@pytest.fixture
def options(oci: FakeOCI, tmp_path: Path) -> dict[str, Any]:
    """What leads a provider or a model to the stand-in, besides its identity."""
    return {"base_url": oci.openai_url, "compartment_id": oci.compartment, "project_id": PROJECT}


@pytest.fixture
def provider(oci: FakeOCI, tmp_path: Path, options: dict[str, Any]) -> OCIProvider:
    return OCIProvider(config_file=oci.write_config(tmp_path), **options)


def run(owner: Any, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run on an event loop of its own, and have the provider or model close what it made."""

    async def closing() -> T:
        try:
            return await main()
        finally:
            await (owner.aclose if isinstance(owner, OCIProvider) else owner.close)()

    return asyncio.run(closing())


async def ask(agent: Agent[Any], text: str, *, streamed: bool = False, **options: Any) -> Any:
    """The result of one run. What was streamed of the last answer has to be that answer."""
    if not streamed:
        return await Runner.run(agent, text, **options)
    result = Runner.run_streamed(agent, text, **options)
    heard = ""
    async for event in result.stream_events():
        if event.type == "raw_response_event":
            if event.data.type == "response.created":
                heard = ""
            elif event.data.type == "response.output_text.delta":
                heard += event.data.delta
    if isinstance(result.final_output, str):
        assert heard == result.final_output
    return result


def calls(oci: FakeOCI) -> list[Record]:
    return [record for record in oci.records if record.service == "inference"]


def sent(record: Record) -> dict[str, Any]:
    document = json.loads(record.body)
    assert isinstance(document, dict)
    return document


# What the SDK does with a model


@apis
@ways
def test_a_loop_of_tools_over_several_turns(
    oci: FakeOCI, provider: OCIProvider, prefix: str, path: str, streamed: bool
) -> None:
    """Each turn is one signed request, which carries the tools' outputs so far."""
    oci.script(ToolCall("warmth", {"city": "Lisbon"}), ToolCall("warmth", {"city": "Porto"}), "Lisbon is warmer.")
    degrees = {"Lisbon": 24, "Porto": 19}

    @function_tool
    def warmth(city: str) -> str:
        """The temperature in a city."""
        return f"{degrees.pop(city)} degrees"

    agent = Agent(name="Weather", instructions="Be brief.", model=prefix + GROK, tools=[warmth])
    config = RunConfig(model_provider=provider)
    result = run(provider, lambda: ask(agent, "Lisbon or Porto?", streamed=streamed, run_config=config))
    assert result.final_output == "Lisbon is warmer."
    assert degrees == {}
    assert [record.target for record in oci.records] == [path] * 3
    assert {sent(record)["model"] for record in oci.records} == {GROK}
    assert {bool(sent(record).get("stream")) for record in oci.records} == {streamed}
    assert all(text in oci.records[-1].body.decode() for text in ("24 degrees", "19 degrees", "Be brief."))
    assert all(record.header("opc-compartment-id") == oci.compartment for record in oci.records)
    assert all_signed(oci)


@apis
@ways
def test_tools_called_at_once_run_at_once(
    oci: FakeOCI, provider: OCIProvider, prefix: str, path: str, streamed: bool
) -> None:
    """Each of two tools ends only after the other has begun."""
    oci.script([ToolCall("ping"), ToolCall("pong")], "Both are there.")

    async def main() -> Any:
        begun = {"ping": asyncio.Event(), "pong": asyncio.Event()}

        def tool(name: str, other: str) -> Any:
            async def meet() -> str:
                begun[name].set()
                await asyncio.wait_for(begun[other].wait(), 20)
                return f"{name} met {other}"

            return function_tool(meet, name_override=name)

        agent = Agent(name="Two", model=prefix + GROK, tools=[tool("ping", "pong"), tool("pong", "ping")])
        return await ask(agent, "Meet.", streamed=streamed, run_config=RunConfig(model_provider=provider))

    assert run(provider, main).final_output == "Both are there."
    assert [record.target for record in oci.records] == [path] * 2
    assert all(text in oci.records[-1].body.decode() for text in ("ping met pong", "pong met ping"))
    assert all_signed(oci)


@ways
def test_a_handoff_from_one_api_to_the_other(oci: FakeOCI, provider: OCIProvider, streamed: bool) -> None:
    """Agents of one run may have models by chat completions and by Responses, on one client."""
    oci.script(ToolCall("transfer_to_spanish"), ToolCall("transfer_to_french"), "Bonjour.")
    french = Agent(name="French", model=GROK)
    spanish = Agent(name="Spanish", model=f"responses:{GROK}", handoffs=[french])
    triage = Agent(name="Triage", handoffs=[spanish])
    config = RunConfig(model_provider=provider)
    result = run(provider, lambda: ask(triage, "Salut!", streamed=streamed, run_config=config))
    assert (result.last_agent.name, result.final_output) == ("French", "Bonjour.")
    assert [record.target for record in oci.records] == [CHAT, RESPONSES, CHAT]
    assert [sent(record)["model"] for record in oci.records] == [DEFAULT_MODEL, GROK, GROK]
    assert all_signed(oci)


class Verdict(BaseModel):
    refused: bool
    why: str


@apis
def test_guardrails_ask_a_model_of_their_own(oci: FakeOCI, provider: OCIProvider, prefix: str, path: str) -> None:
    """The judge of the input stops the run before it begins, the judge of the output before it is handed out."""
    config = RunConfig(model_provider=provider)
    judge = Agent(name="Judge", model=prefix + GROK, output_type=Verdict)

    async def judged(text: str) -> agents.GuardrailFunctionOutput:
        verdict = (await Runner.run(judge, text, run_config=config)).final_output
        return agents.GuardrailFunctionOutput(output_info=verdict, tripwire_triggered=verdict.refused)

    async def polite_question(context: Any, agent: Agent[Any], question: Any) -> agents.GuardrailFunctionOutput:
        return await judged(str(question))

    @agents.output_guardrail
    async def polite_answer(context: Any, agent: Agent[Any], answer: Any) -> agents.GuardrailFunctionOutput:
        return await judged(str(answer))

    if "run_in_parallel" not in inspect.signature(agents.InputGuardrail).parameters:
        pytest.skip("this release of openai-agents asks the judge and the model at once")
    first = agents.InputGuardrail(polite_question, run_in_parallel=False)
    agent = Agent(name="Clerk", model=prefix + GROK, input_guardrails=[first], output_guardrails=[polite_answer])
    fine, rude = '{"refused": false, "why": ""}', '{"refused": true, "why": "rude"}'

    async def main() -> list[int]:
        oci.script(fine, "Certainly.", fine, rude, fine, "Go away.", rude)
        counts = []
        assert (await Runner.run(agent, "Please?", run_config=config)).final_output == "Certainly."
        counts.append(len(oci.records))
        with pytest.raises(agents.InputGuardrailTripwireTriggered):
            await Runner.run(agent, "Now!", run_config=config)
        counts.append(len(oci.records))
        with pytest.raises(agents.OutputGuardrailTripwireTriggered) as caught:
            await Runner.run(agent, "Please?", run_config=config)
        assert caught.value.guardrail_result.output.output_info == Verdict(refused=True, why="rude")
        return [*counts, len(oci.records)]

    assert run(provider, main) == [3, 4, 7]
    assert {record.target for record in oci.records} == {path}
    assert all_signed(oci)


class Forecast(BaseModel):
    city: str
    degrees: int
    windy: bool | None


@apis
@ways
def test_structured_output(oci: FakeOCI, provider: OCIProvider, prefix: str, path: str, streamed: bool) -> None:
    """The stand-in's model, which has no script, answers by the schema that it was sent."""
    agent = Agent(name="Forecaster", model=prefix + GROK, output_type=Forecast)
    config = RunConfig(model_provider=provider)
    result = run(provider, lambda: ask(agent, "Tomorrow?", streamed=streamed, run_config=config))
    assert result.final_output == Forecast(city="city", degrees=1, windy=True)
    assert [record.target for record in oci.records] == [path]
    assert all_signed(oci)


@apis
@ways
def test_a_session_remembers(oci: FakeOCI, provider: OCIProvider, prefix: str, path: str, streamed: bool) -> None:
    """The second run sends what was said in the first one."""
    oci.script("Hello, Ada.", "You are Ada.")
    agent = Agent(name="Friend", model=prefix + GROK)
    config = RunConfig(model_provider=provider)
    session = agents.SQLiteSession("ada")  # in memory

    async def main() -> Any:
        await ask(agent, "I am Ada.", streamed=streamed, session=session, run_config=config)
        return await ask(agent, "Who am I?", streamed=streamed, session=session, run_config=config)

    try:
        assert run(provider, main).final_output == "You are Ada."
    finally:
        session.close()
    first, second = oci.records
    assert b"Hello, Ada." not in first.body
    assert all(text in second.body.decode() for text in ("I am Ada.", "Hello, Ada.", "Who am I?"))
    assert all_signed(oci)


def test_a_previous_response_is_continued_by_its_id(oci: FakeOCI, provider: OCIProvider) -> None:
    """The service has the conversation; only what is new travels."""
    agent = Agent(name="Friend", model=f"responses:{GROK}")
    config = RunConfig(model_provider=provider)

    async def main() -> tuple[str | None, str]:
        first = await Runner.run(agent, "I am Ada.", run_config=config)
        second = await Runner.run(agent, "Who am I?", previous_response_id=first.last_response_id, run_config=config)
        return first.last_response_id, second.final_output

    identifier, answer = run(provider, main)
    assert answer == "You said: Who am I?"
    assert sent(oci.records[1])["previous_response_id"] == identifier
    assert b"Ada" not in oci.records[1].body
    assert all_signed(oci)


# Credentials that change while agents run


@apis
@ways
def test_a_run_outlives_three_refreshes(
    tmp_path: Path, options: dict[str, Any], prefix: str, path: str, streamed: bool
) -> None:
    """Every tool call takes almost an hour, and so long does a session token live."""
    clock = Clock()
    turns = 6

    @function_tool
    def work() -> str:
        """A long task."""
        settle()
        clock.now += 3590
        return "done"

    with FakeOCI(clock=clock) as oci:
        oci.script(*[ToolCall("work")] * turns, "All is done.")
        config_file = oci.write_config(tmp_path, session=True)
        token = SecurityToken.from_config(
            config_file=config_file,
            auth_endpoint=oci.auth_endpoint,
            _service=AuthService(clock=clock, sleep=lambda _: None),
        )
        options |= {"base_url": oci.openai_url, "signer": OCISigner(token, clock=clock)}
        model = OCIResponsesModel(GROK, **options) if prefix else OCIChatCompletionsModel(GROK, **options)
        agent = Agent(name="Worker", model=model, tools=[work])
        assert run(model, lambda: ask(agent, "Work!", streamed=streamed)).final_output == "All is done."
        settle()
        assert [record.target for record in calls(oci)] == [path] * (turns + 1)
        assert len({record.key_id for record in calls(oci)}) >= 4
        assert len([record for record in oci.records if record.service == "session_refresh"]) >= 3
        assert {record.status for record in oci.records} == {200}
        assert all_signed(oci)


@apis
@ways
def test_a_token_is_revoked_between_two_turns(
    oci: FakeOCI, options: dict[str, Any], prefix: str, path: str, streamed: bool
) -> None:
    """One request is refused and sent again with another session; the run does not notice."""
    sessions = Sessions(oci)
    oci.script(ToolCall("revoke"), "Still here.")

    @function_tool
    def revoke() -> str:
        """Revoke all tokens."""
        oci.revoke_tokens()
        return "revoked"

    provider = OCIProvider(signer=sessions, **options)
    agent = Agent(name="Saboteur", model=prefix + GROK, tools=[revoke])
    config = RunConfig(model_provider=provider)
    result = run(provider, lambda: ask(agent, "Go on.", streamed=streamed, run_config=config))
    assert result.final_output == "Still here."
    assert sessions.fetches == 2
    before, refused, after = oci.records
    assert [record.target for record in oci.records] == [path] * 3
    assert (before.status, refused.status, after.status) == (200, 401, 200)
    assert "revoked" in refused.reason
    assert refused.body == after.body
    assert before.signed
    assert after.signed


def test_a_person_authenticates_again_between_two_turns(oci: FakeOCI, tmp_path: Path, options: dict[str, Any]) -> None:
    """`oci session authenticate` writes a new key and token; the running agent takes them up."""
    oci.script(ToolCall("authenticate"), "Welcome back.")
    config_file = oci.write_config(tmp_path, session=True)

    @function_tool
    def authenticate() -> str:
        """End the session, and begin another."""
        oci.revoke_tokens()
        oci.write_config(tmp_path, session=True)
        return "authenticated"

    provider = OCIProvider(config_file=config_file, **options)
    agent = Agent(name="Person", tools=[authenticate])
    config = RunConfig(model_provider=provider)
    assert run(provider, lambda: ask(agent, "Go on.", run_config=config)).final_output == "Welcome back."
    assert [record.status for record in calls(oci)] == [200, 401, 200]
    assert [record.signed for record in calls(oci)] == [True, False, True]


def test_sub_agents_run_concurrently(oci: FakeOCI, options: dict[str, Any]) -> None:
    """A dozen of them wait for one another, share one credential, and get each its own answer."""
    sessions = Sessions(oci)
    provider = OCIProvider(signer=sessions, **options)
    config = RunConfig(model_provider=provider)
    count = 12

    async def main() -> list[str]:
        all_there, there = asyncio.Event(), 0

        @function_tool
        async def gather(context: agents.RunContextWrapper[int]) -> str:
            """Wait for the others."""
            nonlocal there
            there += 1
            if there == count:
                all_there.set()
            await asyncio.wait_for(all_there.wait(), 20)
            return f"number {context.context}"

        models = [GROK, f"responses:{GROK}"]
        runs = [
            ask(
                Agent[int](name=f"Sub {number}", model=models[number % 2], tools=[gather]),
                "Gather.",
                streamed=number % 3 == 0,
                context=number,
                run_config=config,
            )
            for number in range(count)
        ]
        return [result.final_output for result in await asyncio.gather(*runs)]

    assert run(provider, main) == [f"The tool answered: number {number}" for number in range(count)]
    assert sessions.fetches == 1
    assert len(oci.records) == 2 * count
    assert all_signed(oci)


def test_agents_serve_another_as_tools(oci: FakeOCI, options: dict[str, Any], tmp_path: Path) -> None:
    """Two experts with models of their own answer one agent at once."""
    config_file = oci.write_config(tmp_path)
    oci.script([ToolCall("ask_a", {"input": "1?"}), ToolCall("ask_b", {"input": "2?"})])
    chat = OCIChatCompletionsModel(GROK, config_file=config_file, **options)
    responses = OCIResponsesModel(GROK, client=chat._client)
    experts = [Agent(name="A", model=chat), Agent(name="B", model=responses)]
    tools = [expert.as_tool(f"ask_{expert.name.lower()}", "Ask an expert.") for expert in experts]
    agent = Agent(name="Chief", model=responses, tools=list(tools))
    answer = run(chat, lambda: ask(agent, "Both?")).final_output
    assert answer == "The tool answered: You said: 1?; You said: 2?"
    assert sorted(record.target for record in oci.records) == [CHAT, RESPONSES, RESPONSES, RESPONSES]
    assert all_signed(oci)


# Names, defaults and places to put the provider


def test_a_multi_provider_finds_it_under_its_prefix(oci: FakeOCI, provider: OCIProvider) -> None:
    """`oci/` before a model's name; nothing else of the process changes."""
    providers = MultiProviderMap()
    providers.add_provider("oci", provider)
    multi = MultiProvider(provider_map=providers, openai_api_key="of another service")
    config = RunConfig(model_provider=multi)

    async def main() -> list[str]:
        names = [f"oci/{GROK}", f"oci/responses:{GROK}"]
        results = [await Runner.run(Agent(name="A", model=name), name, run_config=config) for name in names]
        if hasattr(multi, "aclose"):  # since openai-agents 0.14
            await multi.aclose()
        return [result.final_output for result in results]

    assert run(provider, main) == [f"You said: oci/{GROK}", f"You said: oci/responses:{GROK}"]
    assert [(record.target, sent(record)["model"]) for record in oci.records] == [(CHAT, GROK), (RESPONSES, GROK)]
    assert all_signed(oci)


def test_names_choose_the_model_and_the_api(provider: OCIProvider, options: dict[str, Any], tmp_path: Path) -> None:
    """Without a name it is the provider's default, never that of OpenAI."""
    other = OCIProvider(default_model=f"responses:{GROK}", client=provider.client)

    def kind(source: OCIProvider, name: str | None) -> tuple[type, str]:
        model: Any = source.get_model(name)
        return type(model), model.model

    assert kind(provider, None) == (OCIChatCompletionsModel, DEFAULT_MODEL)
    assert kind(provider, "") == (OCIChatCompletionsModel, DEFAULT_MODEL)
    assert kind(provider, "responses:") == (OCIResponsesModel, DEFAULT_MODEL)
    assert kind(provider, "meta.Llama-3") == (OCIChatCompletionsModel, "meta.Llama-3")
    assert kind(other, None) == (OCIResponsesModel, GROK)
    assert kind(other, "responses:") == (OCIResponsesModel, GROK)
    assert kind(other, "meta.Llama-3") == (OCIChatCompletionsModel, "meta.Llama-3")


@apis
@ways
def test_an_agent_without_a_model_has_no_settings_of_openais_default_model(
    oci: FakeOCI, provider: OCIProvider, prefix: str, path: str, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK gives it `verbosity` and a reasoning effort; on OCI's wire there are only the user's own settings."""
    monkeypatch.setenv("OPENAI_DEFAULT_MODEL", "gpt-5.4-mini")
    wanted = agents.ModelSettings(temperature=0.25, verbosity="low")
    config = RunConfig(model_provider=OCIProvider(default_model=prefix + GROK, client=provider.client))

    async def main() -> None:
        await ask(Agent(name="Bare"), "1", streamed=streamed, run_config=config)
        await ask(Agent(name="Set", model_settings=wanted), "2", streamed=streamed, run_config=config)

    run(provider, main)
    bare, own = (sent(record) for record in oci.records)
    assert {"reasoning", "reasoning_effort", "verbosity"}.isdisjoint(bare)
    assert "verbosity" not in bare.get("text", {})
    assert bare["model"] == own["model"] == GROK
    assert own["temperature"] == 0.25
    assert own.get("verbosity", own.get("text", {}).get("verbosity")) == "low"
    assert all_signed(oci)


def test_the_client_can_be_the_processs_default(
    oci: FakeOCI, provider: OCIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `use_for_tracing=False` the placeholder key does not become the key of the exporter of traces."""
    monkeypatch.setattr(_openai_shared, "_default_openai_client", None)  # each is put back after the test
    monkeypatch.setattr(_openai_shared, "_use_responses_by_default", True)
    agents.set_default_openai_client(provider.client, use_for_tracing=False)
    agents.set_default_openai_api("chat_completions")
    assert run(provider, lambda: Runner.run(Agent(name="A", model=GROK), "Hello")).final_output == "You said: Hello"
    assert not processors.default_exporter().api_key
    assert [record.target for record in oci.records] == [CHAT]
    assert all_signed(oci)


@apis
def test_traces_hold_no_key(oci: FakeOCI, provider: OCIProvider, prefix: str, path: str) -> None:
    """Neither in what a run's spans tell an exporter, nor as the key the exporter would use."""

    class Listener(agents.TracingProcessor):
        heard: list[str] = []  # noqa: RUF012

        def on_trace_start(self, trace: Any) -> None: ...
        def on_span_start(self, span: Any) -> None: ...
        def shutdown(self) -> None: ...
        def force_flush(self) -> None: ...

        def on_trace_end(self, trace: Any) -> None:
            self.heard.append(json.dumps(trace.export(), default=repr))

        def on_span_end(self, span: Any) -> None:
            self.heard.append(json.dumps(span.export(), default=repr))

    listener = Listener()
    agents.set_trace_processors([listener])
    agents.set_tracing_disabled(False)
    try:
        config = RunConfig(model_provider=provider)
        run(provider, lambda: Runner.run(Agent(name="Traced", model=prefix + GROK), "Hello", run_config=config))
    finally:
        agents.set_tracing_disabled(True)
        agents.set_trace_processors([processors.default_processor()])
    assert any("Traced" in text for text in listener.heard)
    assert not any(PLACEHOLDER_API_KEY in text or "PRIVATE KEY" in text for text in listener.heard)
    assert not processors.default_exporter().api_key
    assert all_signed(oci)


# Who closes what, and on which event loop


def test_what_was_given_is_left_open(oci: FakeOCI, tmp_path: Path, options: dict[str, Any]) -> None:
    """A client serves its owner after the provider and the models on it have been closed."""
    client = create_async_openai(config_file=oci.write_config(tmp_path), **options)
    provider = OCIProvider(client=client)
    chat, responses = OCIChatCompletionsModel(client=client), OCIResponsesModel(client=client)
    assert provider.client is client

    async def main() -> str:
        async with client:
            for model in (chat, responses, provider.get_model(None)):
                await Runner.run(Agent(name="A", model=model), "Hello")
                await model.close()
            await provider.aclose()
            assert not client.is_closed()
            answer = await client.responses.create(model=GROK, input="Hello")
            return answer.output_text

    assert asyncio.run(main()) == "You said: Hello"
    assert len(oci.records) == 4
    assert all_signed(oci)


@pytest.mark.parametrize("owner", ["provider", "chat", "responses"])
def test_what_was_made_is_closed(oci: FakeOCI, tmp_path: Path, options: dict[str, Any], owner: str) -> None:
    """No connection is left to the garbage collector; it would find one if nothing had been closed."""
    options["config_file"] = oci.write_config(tmp_path)
    kinds = {"provider": OCIProvider, "chat": OCIChatCompletionsModel, "responses": OCIResponsesModel}

    def connections_left(close: bool) -> int:
        async def main() -> None:
            made: Any = kinds[owner](**options)
            if owner == "provider":
                await Runner.run(Agent(name="A"), "Hello", run_config=RunConfig(model_provider=made))
            else:
                await Runner.run(Agent(name="A", model=made), "Hello")
            if close:
                await (made.aclose() if owner == "provider" else made.close())

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            loop = asyncio.new_event_loop()  # unlike asyncio.run, it ends without a word to what is open
            loop.run_until_complete(main())
            loop.close()
            gc.collect()
        return len([warning for warning in caught if "unclosed transport" in str(warning.message)])

    assert connections_left(close=True) == 0
    assert connections_left(close=False) == 1
    assert all_signed(oci)


@apis
def test_one_agent_serves_event_loop_after_event_loop(
    oci: FakeOCI, tmp_path: Path, options: dict[str, Any], prefix: str, path: str
) -> None:
    """`asyncio.run` twice, `Runner.run_sync` twice, closed in between or not: no connection of an old loop is used."""
    options |= {"config_file": oci.write_config(tmp_path)}
    model = OCIResponsesModel(GROK, **options) if prefix else OCIChatCompletionsModel(GROK, **options)
    agent = Agent(name="A", model=model)
    said = []
    loop = asyncio.new_event_loop()

    def run_sync(text: str) -> str:
        asyncio.set_event_loop(loop)  # the one that run_sync takes; asyncio.run forgets it
        return str(Runner.run_sync(agent, text).final_output)

    try:
        said += [run_sync("1"), run_sync("2")]
        said += [run(model, lambda text=text: ask(agent, text, streamed=True)).final_output for text in ("3", "4")]
        said.append(run_sync("5"))
        asyncio.run(model.close())
        said.append(run_sync("6"))
        loop.run_until_complete(model.close())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    assert said == [f"You said: {number}" for number in range(1, 7)]
    assert [record.target for record in oci.records] == [path] * 6
    assert all_signed(oci)


def test_threads_with_event_loops_of_their_own_share_a_provider(oci: FakeOCI, options: dict[str, Any]) -> None:
    """They get one client and one credential, made by whoever comes first, and close their own connections."""
    sessions = Sessions(oci)
    provider = OCIProvider(signer=sessions, **options)
    config = RunConfig(model_provider=provider)
    together = threading.Barrier(4)
    said: dict[int, list[str]] = {}

    def work(number: int) -> None:
        async def main() -> list[str]:
            texts = [f"{number} {turn}" for turn in range(3)]
            return [(await Runner.run(Agent(name="A"), text, run_config=config)).final_output for text in texts]

        together.wait(20)
        said[number] = run(provider, main)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert said == {number: [f"You said: {number} {turn}" for turn in range(3)] for number in range(4)}
    assert sessions.fetches == 1
    assert all_signed(oci)


# What can be wrong


def test_arguments_that_contradict_each_other_are_named(oci: FakeOCI, options: dict[str, Any], tmp_path: Path) -> None:
    """By the provider and the models alike, before anything is made of them."""
    config_file = oci.write_config(tmp_path)
    client = create_async_openai(config_file=config_file, **options)
    synchronous = create_openai(config_file=config_file, **options)
    for kind in (OCIProvider, OCIChatCompletionsModel, OCIResponsesModel):
        with pytest.raises(ConfigError, match="either client, or region, timeout"):
            kind(client=client, region="us-chicago-1", timeout=5)
        with pytest.raises(ConfigError, match="either signer, or auth, profile and config_file"):
            kind(signer=OCISigner(config_file=config_file), profile="DEFAULT", **options)
        with pytest.raises(ConfigError, match=r"must be an AsyncOpenAI.*not OpenAI"):
            kind(client=synchronous)  # type: ignore[typeddict-item]
        with pytest.raises(TypeError, match="'compartment'"):
            kind(compartment=oci.compartment)  # type: ignore[call-arg]
    assert oci.records == []


def test_a_provider_without_credentials_says_so_when_it_is_used(tmp_path: Path) -> None:
    """Making one does nothing, so that it may stand at the top of a module."""
    provider = OCIProvider(config_file=tmp_path / "missing", region="us-chicago-1")
    for _ in range(2):
        with pytest.raises(ConfigError, match="missing"):
            provider.get_model(None)
    asyncio.run(provider.aclose())
    with pytest.raises(ConfigError, match="missing"):
        OCIChatCompletionsModel(config_file=tmp_path / "missing", region="us-chicago-1")


def test_options_reach_the_client(oci: FakeOCI, tmp_path: Path) -> None:
    """Region, compartment, project and timeout, as `create_async_openai` has them."""
    config_file = oci.write_config(tmp_path, profile="OTHER")
    provider = OCIProvider(
        auth="api_key",
        profile="OTHER",
        config_file=config_file,
        region="FRA",
        compartment_id="ocid1.compartment.oc1..c",
        project_id="ocid1.generativeaiproject.oc1..p",
        timeout=12.5,
    )
    client = provider.client
    assert str(client.base_url) == "https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1/"
    assert client.default_headers["opc-compartment-id"] == "ocid1.compartment.oc1..c"
    assert client.default_headers["OpenAI-Project"] == "ocid1.generativeaiproject.oc1..p"
    assert client.timeout == 12.5
    assert provider.client is client


def test_the_provider_and_the_models_take_every_option(oci: FakeOCI, tmp_path: Path) -> None:
    """All of `ClientOptions`; each reaches the client, and those of the wire the server."""
    http_client = PerLoopAsyncClient(headers={"x-http-client": "mine"})
    given: dict[str, Any] = {
        "signer": OCISigner(config_file=oci.write_config(tmp_path)),
        "region": "us-chicago-1",
        "compartment_id": oci.compartment,
        "project_id": "ocid1.generativeaiproject.oc1..p",
        "conversation_store_id": "ocid1.conversationstore.oc1..s",
        "service_endpoint": oci.url,
        "http_client": http_client,
        "default_headers": {"x-mine": "header"},
        "default_query": {"mine": "query"},
        "timeout": 12.5,
        "max_retries": 7,
        "organization": "org",
        "webhook_secret": "hook",
        "websocket_base_url": "wss://sockets.example/v1",
    }
    # One side of each contradiction is left: these have tests of their own.
    left_out = {"auth", "profile", "config_file", "api_key", "base_url"}
    assert given.keys() | left_out == ClientOptions.__annotations__.keys()
    if not hasattr(AsyncOpenAI(api_key="unused"), "webhook_secret"):
        del given["webhook_secret"]
    for kind in (OCIProvider, OCIChatCompletionsModel, OCIResponsesModel):
        made: Any = kind(**given)
        client = made.client if kind is OCIProvider else made._client
        assert client._client is http_client
        assert (client.timeout, client.max_retries, client.organization) == (12.5, 7, "org")
        assert getattr(client, "webhook_secret", "hook") == "hook"
        assert str(client.websocket_base_url) == "wss://sockets.example/v1"
        model = made.get_model(None) if kind is OCIProvider else made
        assert run(made, lambda model=model: ask(Agent(name="A", model=model), "Hello")).final_output
        record = oci.records[-1]
        assert record.target.endswith("?mine=query")
        expected = {
            "x-http-client": "mine",
            "x-mine": "header",
            "opc-compartment-id": oci.compartment,
            "opc-conversation-store-id": "ocid1.conversationstore.oc1..s",
            "openai-project": "ocid1.generativeaiproject.oc1..p",
            "openai-organization": "org",
        }
        assert {name: record.header(name) for name in expected} == expected
    assert all_signed(oci)


def test_leaving_the_provider_closes_its_connections(oci: FakeOCI, tmp_path: Path, options: dict[str, Any]) -> None:
    """`async with` yields the provider itself and closes at its end, also after an error; it can be entered again."""
    http_client = PerLoopAsyncClient()
    provider = OCIProvider(config_file=oci.write_config(tmp_path), http_client=http_client, **options)

    inner: list[Any] = []

    async def fail_inside() -> None:
        async with provider as entered:
            assert entered is provider
            result = await Runner.run(Agent(name="A"), "Hello", run_config=RunConfig(model_provider=entered))
            assert result.final_output == "You said: Hello"
            ((of_this_loop, _),) = http_client._clients.values()
            assert not of_this_loop.is_closed
            inner.append(of_this_loop)
            raise ZeroDivisionError

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await fail_inside()
            assert inner[-1].is_closed

    asyncio.run(main())
    assert len(oci.records) == 2
    assert all_signed(oci)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda provider: pickle.loads(pickle.dumps(provider))])
@pytest.mark.parametrize("used", [False, True])
def test_a_provider_copies_and_pickles(
    oci: FakeOCI, provider: OCIProvider, way: Callable[[OCIProvider], OCIProvider], used: bool
) -> None:
    """So do its models; what comes out signs as the original does, and no key is pickled."""
    if used:
        assert provider.client
    copied = way(provider)
    model: Any = way(copied.get_model(f"responses:{GROK}"))  # type: ignore[arg-type]
    for chosen in (copied.get_model(None), model):
        assert run(copied, lambda chosen=chosen: ask(Agent(name="A", model=chosen), "Hello")).final_output
    assert len(oci.records) == 2
    assert b"PRIVATE KEY" not in pickle.dumps(copied)
    assert all_signed(oci)


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    """With nothing else imported before."""
    program = "import sys; sys.modules['agents'] = None\nimport oci_httpx_auth.agents"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: oci_httpx_auth.agents needs the openai-agents package" in done.stderr
    assert "pip install 'oci-httpx-signer[agents]'" in done.stderr


def test_agents_take_an_api_key(oci: FakeOCI) -> None:
    """The provider's options are the factory's."""
    agents = pytest.importorskip("agents")
    from oci_httpx_auth.agents import OCIProvider

    provider = OCIProvider(api_key=oci.add_bearer_key(), base_url=oci.openai_url)
    config = agents.RunConfig(model_provider=provider, tracing_disabled=True)

    async def run() -> Any:
        async with provider:
            return await agents.Runner.run(agents.Agent(name="a"), "Hello", run_config=config)

    assert asyncio.run(run()).final_output
    assert oci.records[-1].mode == "genai_api_key"
