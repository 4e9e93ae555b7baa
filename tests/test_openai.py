"""The factories and the injection, with the real openai package, whatever its major version."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

openai = pytest.importorskip("openai")

from endpoints import openai_files  # noqa: E402

from oci_httpx_auth import APIKey, ConfigError, OCISigner  # noqa: E402
from oci_httpx_auth.openai import (  # noqa: E402
    PLACEHOLDER_API_KEY,
    create_async_openai,
    create_openai,
    sign_openai_client,
)

from .standin import FakeOCI, Fault, ToolCall  # noqa: E402

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def config(oci: FakeOCI, tmp_path: Path) -> Path:
    return oci.write_config(tmp_path)


@pytest.fixture
def options(oci: FakeOCI, config: Path) -> dict[str, Any]:
    """What leads a client to the stand-in."""
    return {"config_file": config, "base_url": oci.openai_url, "compartment_id": oci.compartment}


def all_signed(oci: FakeOCI) -> bool:
    return bool(oci.records) and all(record.signed for record in oci.records)


def test_chat_completions_and_responses(oci: FakeOCI, options: dict[str, Any]) -> None:
    """Plain and streamed."""
    oci.script("one", "two", "three", "four")
    with create_openai(**options) as client:
        assert client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content == "one"
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "two"
        assert client.responses.create(model="m", input="hello").output_text == "three"
        events = list(client.responses.create(model="m", input="hello", stream=True))
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "four"
    assert all_signed(oci)


def test_chat_completions_and_responses_async(oci: FakeOCI, options: dict[str, Any]) -> None:
    """The same on the asynchronous client."""
    oci.script("one", "two", "three", "four")

    async def main() -> list[str]:
        async with create_async_openai(**options) as client:
            first = await client.chat.completions.create(model="m", messages=MESSAGES)
            chunks = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            second = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
            third = await client.responses.create(model="m", input="hello")
            events = await client.responses.create(model="m", input="hello", stream=True)
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
        answer = client.chat.completions.create(model="m", messages=MESSAGES, tools=[tool])
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
        assert client.chat.completions.create(model="m", messages=MESSAGES).choices
    first, second = oci.records
    assert (first.status, second.status) == (status, 200)
    assert first.date != second.date
    assert first.header("authorization") != second.header("authorization")


def test_a_clock_that_is_off_and_a_retry_go_together(oci: FakeOCI, options: dict[str, Any]) -> None:
    """The offset is learned within openai's first attempt."""
    oci.clock_offset = -86400
    oci.fail("inference", Fault(status=503, headers={"retry-after-ms": "1"}))
    with create_openai(**options) as client:
        assert client.responses.create(model="m", input="hello").output_text
    assert [record.status for record in oci.records] == [503, 401, 200]


def test_headers_say_where_the_request_belongs(oci: FakeOCI, options: dict[str, Any]) -> None:
    """Compartment, project and conversation store; the caller's own headers win."""
    with create_openai(
        **options,
        project_id="ocid1.generativeaiproject.oc1..p",
        conversation_store_id="ocid1.conversationstore.oc1..s",
        default_headers={"x-mine": "1", "opc-conversation-store-id": "mine"},
    ) as client:
        client.chat.completions.create(model="m", messages=MESSAGES)
    record = oci.records[-1]
    assert record.header("opc-compartment-id") == oci.compartment
    assert record.header("compartmentid") == oci.compartment
    assert record.header("openai-project") == "ocid1.generativeaiproject.oc1..p"
    assert record.header("opc-conversation-store-id") == "mine"
    assert record.header("x-mine") == "1"


def test_variables_of_openai_are_not_taken_for_oci(
    oci: FakeOCI, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its project, organization, key and base URL are about another service."""
    for name in ("OPENAI_PROJECT_ID", "OPENAI_ORG_ID", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://foreign.example")
    with create_openai(**options) as client:
        client.chat.completions.create(model="m", messages=MESSAGES)
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
    with pytest.raises(ConfigError, match="takes no api_key"):
        create_openai(config_file=config, region="ORD", compartment_id="c", api_key="sk-x")
    with pytest.raises(ConfigError, match="either signer"):
        create_openai(signer=OCISigner(auth="api_key", config_file=config), profile="DEFAULT")


def test_all_other_options_are_openais_own(config: Path) -> None:
    """Timeouts, retries and subclasses."""

    class Mine(openai.AsyncOpenAI):  # type: ignore[misc, name-defined]
        pass

    client = create_async_openai(
        client_class=Mine, config_file=config, region="ORD", compartment_id="c", timeout=12.5, max_retries=7
    )
    assert isinstance(client, Mine)
    assert (client.timeout, client.max_retries) == (12.5, 7)


def test_an_http_client_of_ones_own_is_signed_too(oci: FakeOCI, options: dict[str, Any]) -> None:
    """With its own settings kept, and without redirects."""
    http_client = openai.DefaultHttpxClient(headers={"x-hook": "kept"})
    with create_openai(**options, http_client=http_client) as client:
        client.chat.completions.create(model="m", messages=MESSAGES)
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
                return await derived.chat.completions.create(model="m", messages=MESSAGES)

        assert asyncio.run(main()).choices
    else:
        with client:
            assert derived.chat.completions.create(model="m", messages=MESSAGES).choices
    assert all_signed(oci)


def test_redirects_are_not_followed(oci: FakeOCI, options: dict[str, Any]) -> None:
    """A redirected request would carry the first one's signature."""
    oci.fail("inference", Fault(status=307, headers={"location": "/elsewhere"}))
    with create_openai(**options, max_retries=0) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=MESSAGES)
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
            client.chat.completions.create(model="m", messages=MESSAGES)
        assert len(stranger.records) == 1


def test_the_placeholder_key_is_recognised_when_something_slips_past() -> None:
    """It says what it is, and is not empty."""
    assert "oci-httpx-auth" in PLACEHOLDER_API_KEY
