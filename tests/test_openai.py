"""The factories and the injection, with the real openai package, whatever its major version."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oci_httpx_auth import (
    APIKey,
    ConfigError,
    CredentialsUnavailableError,
    NoCredentialsFoundError,
    OCISigner,
    SigningError,
)

from .conftest import all_signed
from .platforms import Platform
from .standin import FakeOCI, Fault

openai = pytest.importorskip("openai")

from endpoints import openai_files  # noqa: E402

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY, create_async_openai, create_openai, sign_openai_client  # noqa: E402

from .standin import ToolCall  # noqa: E402

MESSAGES = [{"role": "user", "content": "hello"}]


def test_chat_completions_and_responses(oci: FakeOCI, options: dict[str, Any]) -> None:
    """Plain and streamed."""
    oci.script("one", "two", "three", "four")
    with create_openai(**options, project_id="p") as client:
        assert (
            client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES).choices[0].message.content
            == "one"
        )
        stream = client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "two"
        assert client.responses.create(model="openai.gpt-oss-20b", input="hello").output_text == "three"
        events = list(client.responses.create(model="openai.gpt-oss-20b", input="hello", stream=True))
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "four"
    assert all_signed(oci)


def test_chat_completions_and_responses_async(oci: FakeOCI, options: dict[str, Any]) -> None:
    """The same on the asynchronous client."""
    oci.script("one", "two", "three", "four")

    async def main() -> list[str]:
        async with create_async_openai(**options, project_id="p") as client:
            first = await client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
            chunks = await client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES, stream=True)
            second = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
            third = await client.responses.create(model="openai.gpt-oss-20b", input="hello")
            events = await client.responses.create(model="openai.gpt-oss-20b", input="hello", stream=True)
            fourth = [event.delta async for event in events if event.type == "response.output_text.delta"]
            return [first.choices[0].message.content, "".join(second), third.output_text, "".join(fourth)]

    assert asyncio.run(main()) == ["one", "two", "three", "four"]
    assert all_signed(oci)


def test_tool_calls_and_files(oci: FakeOCI, options: dict[str, Any]) -> None:
    """A multipart upload is signed with its boundary and its length."""
    openai_files.add_to(oci)
    oci.script(ToolCall("weather", {"city": "Lisbon"}))
    tool = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    with create_openai(**options) as client:
        answer = client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES, tools=[tool])
        assert answer.choices[0].message.tool_calls[0].function.name == "weather"
        uploaded = client.files.create(file=("näme.txt", b"\x00\xff" * 5000), purpose="assistants")
        assert uploaded.bytes == 10_000
    assert all_signed(oci)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_openais_own_retries_are_signed_afresh(oci: FakeOCI, options: dict[str, Any], status: int) -> None:
    """Each attempt has its own date and signature, as the stand-in's clock moves between them."""
    oci.fail("inference", Fault(status=status, headers={"retry-after-ms": "1"}))
    now = [1_790_000_000.0]
    oci.clock = lambda: now[0]

    def clock() -> float:
        now[0] += 400  # an old date would be refused: the tolerance is 300 seconds
        return now[0]

    signer = OCISigner(config_file=options.pop("config_file"), clock=clock)
    with create_openai(signer=signer, **options) as client:
        assert client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES).choices
    first, second = oci.records
    assert (first.status, second.status) == (status, 200)
    assert first.date != second.date
    assert first.header("authorization") != second.header("authorization")


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (2, 3)])
def test_each_attempt_goes_out_once(
    oci: FakeOCI, options: dict[str, Any], asynchronous: bool, max_retries: int, attempts: int
) -> None:
    """Counted on the wire: the signer adds no attempt of its own to those that openai makes, in no event loop."""
    oci.fail("inference", *[Fault(status=503, headers={"retry-after-ms": "1"})] * (2 * attempts))
    client: Any = (create_async_openai if asynchronous else create_openai)(max_retries=max_retries, **options)

    async def main() -> None:
        await client.chat.completions.create(model="m", messages=MESSAGES)

    for run in (1, 2):
        with pytest.raises(openai.InternalServerError):
            asyncio.run(main())
        assert [record.status for record in oci.records] == [503] * (attempts * run)
    if not asynchronous:
        client.close()
    assert len({record.header("authorization") for record in oci.records}) == len({r.date for r in oci.records})
    assert all_signed(oci)


def test_a_clock_that_is_off_and_a_retry_go_together(oci: FakeOCI, options: dict[str, Any]) -> None:
    """The offset is learned within openai's first attempt."""
    oci.clock_offset = -86400
    oci.fail("inference", Fault(status=503, headers={"retry-after-ms": "1"}))
    with create_openai(**options, project_id="p") as client:
        assert client.responses.create(model="openai.gpt-oss-20b", input="hello").output_text
    assert [record.status for record in oci.records] == [503, 401, 200]


def test_headers_say_where_the_request_belongs(oci: FakeOCI, options: dict[str, Any]) -> None:
    """Compartment, project and conversation store; the caller's own headers win."""
    with create_openai(
        **options,
        project_id="ocid1.generativeaiproject.oc1..p",
        conversation_store_id="ocid1.conversationstore.oc1..s",
        default_headers={"x-mine": "1", "opc-conversation-store-id": "mine"},
    ) as client:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    record = oci.records[-1]
    assert record.header("opc-compartment-id") == oci.compartment
    assert record.header("compartmentid") == oci.compartment
    assert record.header("openai-project") == "ocid1.generativeaiproject.oc1..p"
    assert record.header("opc-conversation-store-id") == "mine"
    assert record.header("x-mine") == "1"


@pytest.mark.parametrize("place", ["compartment_id", "project_id", "conversation_store_id"])
@pytest.mark.parametrize("value", ["ocid1.compartment.oc1..…", "ocid1.compartment.oc1...", "<compartment OCID>"])
def test_a_placeholder_is_called_a_placeholder(options: dict[str, Any], place: str, value: str) -> None:
    """An OCID copied from a README unchanged is refused before any request, whether it comes as an argument or not."""
    with pytest.raises(ConfigError, match=f"^{place} is still a placeholder: replace it"):
        create_openai(**{**options, place: value})


def test_the_base_url_can_come_from_the_environment(
    oci: FakeOCI, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`OCI_GENAI_BASE_URL` wins over a region; base_url and service_endpoint win over it."""
    monkeypatch.setenv("OCI_GENAI_BASE_URL", oci.openai_url)
    del options["base_url"]
    with create_openai(**options, region="us-chicago-1") as client:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    assert oci.records[-1].signed
    with create_openai(**options, service_endpoint="https://a.example") as client:
        assert str(client.base_url) == "https://a.example/openai/v1/"
    with create_openai(**options, base_url="https://b.example") as client:
        assert str(client.base_url) == "https://b.example"


def test_variables_of_openai_are_not_taken_for_oci(
    oci: FakeOCI, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its project, organization, key and base URL are about another service."""
    for name in ("OPENAI_PROJECT_ID", "OPENAI_ORG_ID", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://foreign.example")
    with create_openai(**options) as client:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
        assert client.api_key == PLACEHOLDER_API_KEY
    assert "foreign" not in str(oci.records[-1].headers)


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-chicago-1", "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/openai/v1/"),
        ("FRA", "https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1/"),
        ("eu-frankfurt-2", "https://inference.generativeai.eu-frankfurt-2.oci.oraclecloud.eu/openai/v1/"),
        ("uk-gov-london-1", "https://inference.generativeai.uk-gov-london-1.oci.oraclegovcloud.uk/openai/v1/"),
        ("xx-new-1", "https://inference.generativeai.xx-new-1.oci.oraclecloud.com/openai/v1/"),
    ],
)
def test_the_endpoint_follows_from_the_region_and_its_realm(config: Path, region: str, url: str) -> None:
    """Commercial and other realms; a region that nobody knows yet is taken for a commercial one."""
    for create in (create_openai, create_async_openai):
        client = create(config_file=config, region=region, compartment_id="c")
        assert str(client.base_url) == url


def test_the_region_is_looked_for_in_order(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, then `OCI_REGION`, then the profile."""

    def region(**options: Any) -> str:
        return str(create_openai(config_file=config, compartment_id="c", **options).base_url).split(".")[2]

    assert region() == "us-chicago-1"
    monkeypatch.setenv("OCI_REGION", "LHR")
    assert region() == "uk-london-1"
    assert region(region="GRU") == "sa-saopaulo-1"


def test_compartment_and_project_are_looked_for_in_order(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, then the environment, then the profile."""

    def sent(**options: Any) -> tuple[Any, Any]:
        client = create_openai(config_file=config, **options)
        return client.default_headers.get("opc-compartment-id"), client.default_headers.get("OpenAI-Project")

    text = config.read_text()
    config.write_text(text.replace("[DEFAULT]", "[DEFAULT]\ncompartment_id=from-profile\nproject_id=p-profile"))
    assert sent() == ("from-profile", "p-profile")
    monkeypatch.setenv("OCI_COMPARTMENT_ID", "from-env")
    monkeypatch.setenv("OCI_PROJECT_ID", "p-env")
    assert sent() == ("from-env", "p-env")
    assert sent(compartment_id="c", project_id="p") == ("c", "p")


def test_service_endpoint_gets_the_openai_path(config: Path) -> None:
    """As Oracle's own client has it."""
    client = create_openai(config_file=config, service_endpoint="https://private.example/20231130/")
    assert str(client.base_url) == "https://private.example/20231130/openai/v1/"


def test_a_model_deployment_needs_neither_region_nor_compartment(oci: FakeOCI, config: Path) -> None:
    """Its base URL says everything."""
    base_url = f"{oci.url}/ocid1.datasciencemodeldeployment.oc1.iad.x/predict/v1"
    with create_openai(config_file=config, base_url=base_url) as client:
        assert client.chat.completions.create(model="odsc-llm", messages=MESSAGES).choices
    assert all_signed(oci)


def test_missing_pieces_are_named(oci: FakeOCI, config: Path) -> None:
    """A region, or a compartment or project, that cannot be found anywhere."""
    with pytest.raises(ConfigError, match=r"Pass compartment_id or project_id.*OCI_COMPARTMENT_ID or OCI_PROJECT_ID"):
        create_openai(config_file=config)
    config.write_text(config.read_text().replace("region", "# region"))
    with pytest.raises(ConfigError, match=r"No region is known.*OCI_REGION"):
        create_async_openai(config_file=config, compartment_id="c")
    with pytest.raises(ConfigError, match="'no region!' is not a region"):
        create_openai(config_file=config, region="no region!", compartment_id="c")
    with pytest.raises(ConfigError, match="either base_url or service_endpoint"):
        create_openai(config_file=config, base_url="https://a.example", service_endpoint="https://b.example")
    with pytest.raises(ConfigError, match="a key replaces signing"):
        create_openai(config_file=config, region="ORD", compartment_id="c", api_key="sk-x")
    with pytest.raises(ConfigError, match="either signer"):
        create_openai(signer=OCISigner(auth="api_key", config_file=config), profile="DEFAULT")


@pytest.mark.parametrize("create", [create_openai, create_async_openai])
@pytest.mark.parametrize("in_a_pod", [False, True])
def test_missing_credentials_are_not_reported_as_a_missing_region(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch, create: Any, in_a_pod: bool
) -> None:
    """The factory itself lists the sources it looked at, and puts first what people meant in such a place."""
    if in_a_pod:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    with pytest.raises(NoCredentialsFoundError) as caught:
        create(compartment_id="c")
    message = str(caught.value)
    assert message.startswith("No OCI credentials were found")
    assert "No region" not in message
    assert str(clean_environment / ".oci" / "config") in message
    assert "instance metadata" in message
    assert ("OKE workload identity" in caught.value.likely) is in_a_pod
    assert "Run `oci setup config`" in message


def test_all_other_options_are_openais_own(config: Path) -> None:
    """Timeouts, retries and subclasses."""

    class Mine(openai.AsyncOpenAI):  # type: ignore[misc, name-defined]
        pass

    client = create_async_openai(
        client_class=Mine, config_file=config, region="ORD", compartment_id="c", timeout=12.5, max_retries=7
    )
    assert isinstance(client, Mine)
    assert (client.timeout, client.max_retries) == (12.5, 7)


def test_a_custom_http_client_is_signed_too(oci: FakeOCI, options: dict[str, Any]) -> None:
    """With its own settings kept, and without redirects."""
    http_client = openai.DefaultHttpxClient(headers={"x-hook": "kept"})
    with create_openai(**options, http_client=http_client) as client:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    assert oci.records[-1].header("x-hook") == "kept"
    assert http_client.follow_redirects is False
    assert all_signed(oci)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_existing_client_is_signed(oci: FakeOCI, config: Path, asynchronous: bool) -> None:
    """It, and what `with_options` makes of it; a bare provider will do as signer."""
    provider = APIKey.from_config(config_file=config)
    kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    made = kind(api_key="sk-real", base_url=oci.openai_url, default_headers={"opc-compartment-id": oci.compartment})
    client = sign_openai_client(made, provider)
    assert client is made
    assert client.api_key == PLACEHOLDER_API_KEY
    derived = client.with_options(max_retries=0)
    if asynchronous:

        async def main() -> Any:
            async with client:
                return await derived.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)

        assert asyncio.run(main()).choices
    else:
        with client:
            assert derived.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES).choices
    assert all_signed(oci)


def test_redirects_are_not_followed(oci: FakeOCI, options: dict[str, Any]) -> None:
    """A redirected request would carry the first one's signature."""
    oci.fail("inference", Fault(status=307, headers={"location": "/elsewhere"}))
    with create_openai(**options, max_retries=0) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    assert caught.value.status_code == 307
    assert len(oci.records) == 1


def test_a_refused_identity_is_openais_authentication_error(oci: FakeOCI, options: dict[str, Any]) -> None:
    """The 401 reaches openai untouched, which neither retries nor hides it."""
    with FakeOCI() as stranger:
        options["base_url"] = stranger.openai_url
        with (
            create_openai(**options) as client,
            pytest.raises(openai.AuthenticationError, match="required information"),
        ):
            client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
        assert len(stranger.records) == 1


def test_the_placeholder_key_is_recognised_when_something_slips_past() -> None:
    """It says what it is, and is not empty."""
    assert "oci-httpx-auth" in PLACEHOLDER_API_KEY


# Errors


class Unavailable:
    """A source of credentials that has none, and counts how often it was asked."""

    def __init__(self) -> None:
        self.fetches = 0

    def fetch(self) -> Any:
        self.fetches += 1
        raise CredentialsUnavailableError("the vault is sealed")


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("given", ["factory", "http_client", "sign_openai_client", "with_options"])
def test_the_reason_reaches_the_caller_as_it_is(
    oci: FakeOCI, monkeypatch: pytest.MonkeyPatch, asynchronous: bool, given: str
) -> None:
    """On every major of openai, without retries; openai 1 and 2 would make it a "Connection error." by and by."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("openai waits for a retry"))
    source = Unavailable()
    create: Any = create_async_openai if asynchronous else create_openai
    client_class = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    http_class = openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient
    options: dict[str, Any] = {"base_url": oci.openai_url}
    if given == "sign_openai_client":
        client = sign_openai_client(client_class(api_key="sk-real", **options), source)
    else:
        options |= {"http_client": http_class()} if given == "http_client" else {}
        client = create(signer=source, max_retries=2, compartment_id="c", **options)
    if given == "with_options":
        client = client.with_options(max_retries=5)
    reasons: list[str] = []

    async def main() -> None:
        for stream in (False, True):
            try:
                answer = client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES, stream=stream)
                await answer
            except CredentialsUnavailableError as error:
                reasons.append(str(error))
        if asynchronous:
            await client.close()
        else:
            client.close()

    asyncio.run(main())
    assert len(reasons) == 2
    assert all("the vault is sealed" in reason for reason in reasons)
    assert oci.records == []
    assert source.fetches <= 2


def test_a_request_that_must_not_be_signed_says_so_at_once(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http to another host: nothing is sent, and nothing is tried again."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("openai waits for a retry"))
    with (
        create_openai(config_file=config, base_url="http://inference.example/v1", compartment_id="c") as client,
        pytest.raises(SigningError, match="https only"),
    ):
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)


def test_a_client_that_was_given_a_signer_by_hand_has_the_reason_as_cause(oci: FakeOCI) -> None:
    """`__cause__` of openai's "Connection error."; openai 3 hands the error out as it is."""
    http_client = openai.DefaultHttpxClient(auth=OCISigner(Unavailable()))
    client = openai.OpenAI(api_key="unused", base_url=oci.openai_url, http_client=http_client, max_retries=0)
    with client, pytest.raises((openai.APIConnectionError, CredentialsUnavailableError)) as caught:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    reason = caught.value.__cause__ if isinstance(caught.value, openai.APIConnectionError) else caught.value
    assert isinstance(reason, CredentialsUnavailableError)


# What a person mistypes


@pytest.mark.parametrize("create", [create_openai, create_async_openai])
def test_unknown_options_are_named(create: Any, config: Path) -> None:
    """As Python itself does it, before anything is looked for."""
    with pytest.raises(TypeError, match=rf"^{create.__name__}\(\) got an unexpected keyword argument 'compartment'$"):
        create(config_file=config, compartment="c")
    with pytest.raises(TypeError, match=r"got unexpected keyword arguments 'compartment', 'retries'$"):
        create(config_file=config, retries=3, compartment="c")


def test_a_subclass_gets_options_of_its_own_by_a_partial(config: Path) -> None:
    """Unknown ones are refused for it as well."""

    class Mine(openai.OpenAI):  # type: ignore[misc, name-defined]
        def __init__(self, *, colour: str, **options: Any) -> None:
            super().__init__(**options)
            self.colour = colour

    with create_openai(
        client_class=partial(Mine, colour="red"), config_file=config, region="ORD", compartment_id="c"
    ) as c:
        assert (type(c), c.colour) == (Mine, "red")
    with pytest.raises(TypeError, match="'colour'"):
        create_openai(client_class=Mine, config_file=config, region="ORD", compartment_id="c", colour="red")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ("us-chicgo-1", "Region 'us-chicgo-1' is not known to this version: did you mean 'us-chicago-1'?"),
        ("xx-new-1", "Region 'xx-new-1' is not known to this version, so its domain is a guess."),
        ("us-chicago-1", None),
        ("ORD", None),
        ("eu-test-1.example.com", None),
    ],
)
def test_a_misspelt_region_is_warned_about(
    config: Path, caplog: pytest.LogCaptureFixture, region: str, says: str | None
) -> None:
    """Else the name service would be the first to notice, and openai's "Connection error." says nothing of it."""
    create_openai(config_file=config, region=region, compartment_id="c").close()
    if says is None:
        assert caplog.records == []
    else:
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage().startswith(says)
        assert f"https://inference.generativeai.{region}." in record.getMessage()


def test_a_mistyped_region_is_warned_about_wherever_it_comes_from(
    config: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Variables and the profile, before any name is looked up; with a base URL, the region does not matter."""
    config.write_text(re.sub("(?m)^region.*", "region=us-ashbrun-1", config.read_text()))
    for variable in (None, "OCI_REGION", "OCI_CLI_REGION", "OCI_GENAI_REGION"):
        if variable:
            monkeypatch.setenv(variable, f"us-{variable.lower().replace('_', '-')}-1")
        caplog.clear()
        create_openai(config_file=config, compartment_id="c").close()
        (record,) = caplog.records
        expected = f"us-{variable.lower().replace('_', '-')}-1" if variable else "did you mean 'us-ashburn-1'"
        assert expected in record.getMessage()
    caplog.clear()
    create_openai(config_file=config, compartment_id="c", base_url="https://models.example/v1").close()
    assert caplog.records == []


@pytest.mark.parametrize("end", ["", "/", "/openai/v1", "/openai/v1/"])
def test_a_service_endpoint_may_have_the_openai_path_already(config: Path, end: str) -> None:
    """It is not added twice."""
    with create_openai(config_file=config, service_endpoint=f"https://private.example/20231130{end}") as client:
        assert str(client.base_url) == "https://private.example/20231130/openai/v1/"


# Clients that exist


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("own_http_client", [False, True])
def test_only_the_client_that_was_named_signs(
    oci: FakeOCI, config: Path, asynchronous: bool, own_http_client: bool
) -> None:
    """The client that it was derived from, and its host, never see a signature, and keep their key and redirects."""
    kind: Any = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    http_class = openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient
    http: dict[str, Any] = {"http_client": http_class(headers={"x-hook": "kept"})} if own_http_client else {}
    elsewhere: list[Any] = []

    with FakeOCI() as other:
        original = kind(api_key="sk-real", base_url=other.openai_url, max_retries=0, **http)
        earlier = original.with_options(timeout=20)
        signed = sign_openai_client(
            original.with_options(base_url=oci.openai_url),
            OCISigner(config_file=config),
            compartment_id=oci.compartment,
        )
        later = signed.with_options(max_retries=1)

        async def main() -> None:
            for client in (original, signed, earlier, later, original):
                try:
                    answer = client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
                    elsewhere.append(await answer if asynchronous else answer)
                except openai.AuthenticationError as error:
                    elsewhere.append(error)
            for client in (signed, original):
                await client.close() if asynchronous else client.close()

        asyncio.run(main())
        assert [type(what) is openai.AuthenticationError for what in elsewhere] == [True, False, True, False, True]
        assert [record.header("authorization") for record in other.records] == ["Bearer sk-real"] * 3
        assert not any("ocid1" in str(record.headers) for record in other.records)
        assert original.api_key == "sk-real"
        assert original._client.follow_redirects is True
        assert len(oci.records) == 2
        assert {record.header("x-hook") for record in oci.records} == ({"kept"} if own_http_client else {None})
        assert all_signed(oci)


def test_an_existing_client_says_where_its_requests_belong(
    oci: FakeOCI, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compartment, project and conversation store are looked for as by the factories; the client's own headers win."""
    monkeypatch.setenv("OPENAI_PROJECT_ID", "of another service")

    def sent(*arguments: Any, **options: Any) -> tuple[Any, ...]:
        made = openai.OpenAI(api_key="sk-real", base_url=oci.openai_url, **dict(*arguments))
        with sign_openai_client(made, OCISigner(config_file=config), **options) as client:
            client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
        names = ("opc-compartment-id", "compartmentid", "openai-project", "opc-conversation-store-id")
        return tuple(oci.records[-1].header(name) for name in names)

    monkeypatch.setenv("OCI_COMPARTMENT_ID", oci.compartment)
    assert sent() == (oci.compartment, oci.compartment, None, None)
    monkeypatch.setenv("OCI_PROJECT_ID", "from-env")
    assert sent(conversation_store_id="s") == (oci.compartment, oci.compartment, "from-env", "s")
    assert sent({"project": "mine"}) == (oci.compartment, oci.compartment, "mine", None)
    assert sent({"project": "mine"}, project_id="given")[2] == "given"
    monkeypatch.delenv("OCI_COMPARTMENT_ID")
    own = "ocid1.compartment.oc1..own"
    assert sent({"default_headers": {"opc-compartment-id": own}})[:2] == (own, own)
    assert all_signed(oci)


def test_an_existing_client_without_a_compartment_fails_before_the_service_answers_400(config: Path) -> None:
    """For Generative AI's own hosts, as the factories do."""
    made = openai.OpenAI(
        api_key="x", base_url="https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/openai/v1"
    )
    with made, pytest.raises(ConfigError, match="Pass compartment_id or project_id"):
        sign_openai_client(made, OCISigner(config_file=config))
    assert made.api_key == "x"


@pytest.mark.parametrize(
    ("what", "named"), [("client", "a str object"), (openai.OpenAI, "OpenAI"), (openai, "a module object")]
)
def test_something_that_is_not_a_client_is_named(config: Path, what: Any, named: str) -> None:
    """And so is what is needed."""
    with pytest.raises(ConfigError, match=f"an instance of OpenAI or AsyncOpenAI, not {named}"):
        sign_openai_client(what, OCISigner(config_file=config))


@pytest.mark.skipif(int(openai.__version__.split(".")[0]) < 3, reason="this is what happens there")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_workaround_for_openai_1_and_2_works_with_any_major(
    oci: FakeOCI, config: Path, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    """There, what sending raises is retried and wrapped; a response that raises is not."""
    monkeypatch.setattr(openai, "__version__", "2.0.0")
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("openai waits for a retry"))
    create: Any = create_async_openai if asynchronous else create_openai

    async def ask(**options: Any) -> Any:
        client = create(base_url=oci.openai_url, compartment_id=oci.compartment, **options)
        answer = client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
        return await answer if asynchronous else answer

    assert asyncio.run(ask(config_file=config)).choices
    with pytest.raises(CredentialsUnavailableError, match="the vault is sealed"):
        asyncio.run(ask(signer=Unavailable()))


def test_a_missing_openai_package_is_named_with_the_command() -> None:
    """Importing the factories without the openai package."""
    program = "import sys; sys.modules['openai'] = None; import oci_httpx_auth.openai"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: oci_httpx_auth.openai needs the openai package. "
        "Install it with: pip install 'oci-httpx-signer[openai]'"
    )


def test_the_openai_factories_use_the_compartment_of_the_resource(platform: Platform) -> None:
    """When none is given."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_openai

    signer = platform.signer(platform.become("resource_principal", version="2.2"))
    client = create_openai(signer=signer)
    assert client.default_headers["opc-compartment-id"] == platform.oci.compartment
    assert platform.oci.region in str(client.base_url)


GREETING: Any = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("source", ["argument", "OCI_GENAI_API_KEY"])
def test_an_api_key_of_generative_ai_replaces_signing(
    oci: FakeOCI, source: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As bearer on the same URL, without a compartment and without looking for credentials; it is not logged."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_async_openai, create_openai

    caplog.set_level(logging.DEBUG, "oci_httpx_auth")
    key = oci.add_bearer_key()
    options: Any = {"api_key": key} if source == "argument" else {}
    if source != "argument":
        monkeypatch.setenv("OCI_GENAI_API_KEY", key)
    with create_openai(base_url=oci.openai_url, **options) as client:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=GREETING)
    assert oci.records[-1].mode == "genai_api_key"

    async def call() -> None:
        async with create_async_openai(base_url=oci.openai_url, **options) as client:
            await client.chat.completions.create(model="openai.gpt-oss-20b", messages=GREETING)

    asyncio.run(call())
    assert {record.service for record in oci.records} == {"inference"}
    assert key not in caplog.text


def test_an_explicit_signer_ignores_the_api_key_of_the_environment(
    oci: FakeOCI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A signer, auth, profile, config_file or OCI_CLI_AUTH say that requests are to be signed."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_openai

    monkeypatch.setenv("OCI_GENAI_API_KEY", oci.add_bearer_key())
    config = oci.write_config(tmp_path)
    for options in ({"config_file": config}, {"signer": APIKey.from_config(config_file=config)}):
        with create_openai(base_url=oci.openai_url, compartment_id=oci.compartment, **options) as client:
            client.chat.completions.create(model="openai.gpt-oss-20b", messages=GREETING)
        assert oci.records[-1].mode == "api_key"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"api_key": "sk-secret of mine", "region": "ord"}, "not a Generative AI API key"),
        ({"api_key": "sk-secretofmine", "auth": "api_key"}, "not both"),
        ({"api_key": "sk-secretofmine"}, r"where it was created\. Pass region, e\.g\. 'us-chicago-1', or base_url"),
        ({"api_key": "sk-secretofmine", "base_url": "http://example.com/openai/v1"}, "over plain http"),
    ],
)
def test_bad_generative_ai_api_keys_are_distinguished(options: dict[str, Any], says: str) -> None:
    """At once, and without the key."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_openai

    with pytest.raises(ConfigError, match=says) as caught:
        create_openai(**options)
    assert "mine" not in str(caught.value)


def test_an_unknown_api_key_stays_refused(oci: FakeOCI) -> None:
    """It is sent once, since there is nothing to renew."""
    openai = pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_openai

    with (
        create_openai(base_url=oci.openai_url, api_key="sk-nobodys") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=GREETING)
    assert len(oci.records) == 1


@pytest.mark.parametrize("auth", ["instance_principal", None])
def test_a_client_on_an_instance_needs_no_region(oci: FakeOCI, instance: None, auth: str | None) -> None:
    """The factory asks the metadata service, since a client needs its URL at once."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_async_openai

    client = create_async_openai(auth=auth, compartment_id=oci.compartment)
    assert str(client.base_url).startswith(f"https://inference.generativeai.{oci.region}.oci.oraclecloud.com/")
    assert [record.target for record in oci.records] == ["/opc/v2/instance/region"]


@pytest.mark.parametrize("name", ["base_url", "service_endpoint"])
def test_a_url_that_is_still_a_placeholder_is_named(name: str) -> None:
    """A URL copied from a page without filling it in is recognised before anything is sent."""
    options: Any = {
        name: "https://inference.generativeai.….oci.oraclecloud.com",
        "compartment_id": "ocid1.compartment.oc1..a",
    }
    with pytest.raises(ConfigError, match=f"^{name} is still a placeholder: replace it with your own URL"):
        create_openai(api_key="sk-1", **options)
