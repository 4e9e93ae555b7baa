"""Delegation tokens, Generative AI API keys, and our signer where other libraries want one."""

from __future__ import annotations

import asyncio
import logging
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import (
    APIKey,
    ConfigError,
    DelegationToken,
    InstancePrincipal,
    InvalidTokenError,
    OCISigner,
    ResourcePrincipal,
    SessionExpiredError,
    SigningError,
)
from oci_httpx_auth.adapters import RequestSigner

from .conftest import settle
from .standin import FakeOCI


@pytest.fixture
def instance(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is a compute instance."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cloud_shell(oci: FakeOCI, instance: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Cloud Shell as OCI sets it up; returns the delegation token's file."""
    token_file, config = tmp_path / "delegation_token", tmp_path / "config"
    token_file.write_text(oci.delegation_token() + "\n")
    config.write_text(
        f"[DEFAULT]\nregion = eu-frankfurt-1\ntenancy = {oci.tenancy}\ndelegation_token_file = {token_file}\n"
        "authentication_type = instance_principal\n"
    )
    monkeypatch.setenv("OCI_CLI_CONFIG_FILE", str(config))
    monkeypatch.setenv("OCI_CLI_AUTH", "instance_obo_user")
    return token_file


@pytest.mark.parametrize("named", [True, False], ids=["OCI_CLI_AUTH", "authentication_type"])
def test_cloud_shell_needs_no_argument(
    oci: FakeOCI, cloud_shell: Path, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable, or by the profile's own type, as the SDK has it; the region is the profile's."""
    if not named:
        monkeypatch.delenv("OCI_CLI_AUTH")
    signer = OCISigner()
    assert (signer.mode, signer.region, signer.tenancy) == ("instance_obo_user", "eu-frankfurt-1", oci.tenancy)
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        assert client.post(f"{oci.url}/x", json={"a": 1}).status_code == 200
    assert oci.records[-1].mode == "instance_obo_user"
    assert oci.records[-1].principal.endswith(f"for {oci.user}")


def test_delegation_works_async_and_with_httpx2(oci: FakeOCI, cloud_shell: Path) -> None:
    """One signer in the clients of both libraries."""
    httpx2 = pytest.importorskip("httpx2")
    signer = OCISigner()

    async def call(library: Any) -> int:
        async with library.AsyncClient(auth=signer) as client:
            return int((await client.get(f"{oci.url}/x")).status_code)

    assert [asyncio.run(call(library)) for library in (httpx, httpx2)] == [200, 200]
    assert oci.records[-1].mode == "instance_obo_user"


def test_a_delegation_token_that_was_replaced_is_read_again(oci: FakeOCI, cloud_shell: Path) -> None:
    """After a 401, without a new signer."""
    with httpx.Client(auth=OCISigner()) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        oci.revoke(cloud_shell.read_text().strip())
        cloud_shell.write_text(oci.delegation_token())
        assert client.get(f"{oci.url}/x").status_code == 200


def test_a_delegation_token_that_was_replaced_is_used_before_the_old_one_ends(oci: FakeOCI, cloud_shell: Path) -> None:
    """The first request afterwards has it read in the background; an unusable one is not read with every request."""
    with httpx.Client(auth=OCISigner()) as client:

        def presented() -> str | None:
            assert client.get(f"{oci.url}/x").status_code == 200
            settle()
            return [record for record in oci.records if record.service == "echo"][-1].header("opc-obo-token")

        first = presented()
        assert first == presented() == cloud_shell.read_text().strip()
        fetches = [record.service for record in oci.records].count("federation")
        second = oci.delegation_token()
        cloud_shell.write_text(second)
        assert presented() == first
        assert presented() == presented() == second
        cloud_shell.write_text("")
        assert {presented() for _ in range(5)} == {second}
        assert [record.service for record in oci.records].count("federation") == fetches + 1


def test_a_resource_may_present_the_token(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base is any provider that OCI lets delegate."""
    for name, value in oci.environment("resource_principal").items():
        monkeypatch.setenv(name, value)
    provider = DelegationToken(token=oci.delegation_token(), base=ResourcePrincipal())
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert oci.records[-1].mode == "instance_obo_user"


def test_the_credential_ends_with_whichever_token_ends_first(oci: FakeOCI, instance: None) -> None:
    """So that it is renewed in time."""
    short, long = (DelegationToken(token=oci.delegation_token(life)).fetch() for life in (60.0, 86400.0))
    assert (short.expires_at or 0) < oci.now() + 61
    assert (long.expires_at or 0) < oci.now() + 86000


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        (None, ConfigError, "does not exist"),
        ("\n", InvalidTokenError, "is empty"),
        ("not a token", InvalidTokenError, "blanks"),
    ],
)
def test_bad_delegation_tokens_are_told_apart(
    tmp_path: Path, text: str | None, kind: type[Exception], says: str
) -> None:
    """In the constructor, and without the token."""
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind, match=says) as caught:
        DelegationToken(token_file=path)
    assert "not a token" not in str(caught.value)


def test_a_delegation_token_that_has_ended_says_so(oci: FakeOCI, instance: None) -> None:
    """What to do differs from a session's end; the token does not show."""
    token = oci.delegation_token(-10)
    provider = DelegationToken(token=token)
    with pytest.raises(SessionExpiredError, match="Cloud Shell") as caught:
        provider.fetch()
    assert token not in str(caught.value)
    assert token not in repr(vars(provider))


def test_the_delegation_token_must_be_signed(oci: FakeOCI, instance: None) -> None:
    """A header added on the way is refused by the stand-in, as everything that a signature does not cover."""
    headers = OCISigner(InstancePrincipal()).signed_headers("GET", f"{oci.url}/x")
    answer = httpx.get(f"{oci.url}/x", headers={**headers, "opc-obo-token": oci.delegation_token()})
    assert answer.status_code == 401
    assert "opc-obo-token is not signed" in oci.records[-1].reason


MESSAGES: Any = [{"role": "user", "content": "Hello"}]


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
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    assert oci.records[-1].mode == "genai_api_key"

    async def call() -> None:
        async with create_async_openai(base_url=oci.openai_url, **options) as client:
            await client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)

    asyncio.run(call())
    assert {record.service for record in oci.records} == {"inference"}
    assert key not in caplog.text


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
            client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
        assert oci.records[-1].mode == "api_key"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"api_key": "sk-secret of mine", "region": "ord"}, "not a Generative AI API key"),
        ({"api_key": "sk-secretofmine", "auth": "api_key"}, "not both"),
        ({"api_key": "sk-secretofmine"}, "No region is known for this API key"),
        ({"api_key": "sk-secretofmine", "base_url": "http://example.com/openai/v1"}, "over plain http"),
    ],
)
def test_bad_api_keys_of_generative_ai_are_told_apart(options: dict[str, Any], says: str) -> None:
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
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    assert len(oci.records) == 1


def test_requests_signs_with_ours(oci: FakeOCI, tmp_path: Path) -> None:
    """Its real sessions, with and without a body."""
    requests = pytest.importorskip("requests")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    assert requests.get(f"{oci.url}/x", params={"q": "a b"}, auth=signer, timeout=5).status_code == 200
    assert requests.post(f"{oci.url}/x", json={"text": "ä"}, auth=signer, timeout=5).status_code == 200
    assert requests.put(f"{oci.url}/x", data="ä", auth=signer, timeout=5).status_code == 200
    with pytest.raises(SigningError, match="streamed"):
        requests.post(f"{oci.url}/x", data=iter([b"a"]), auth=signer, timeout=5)


def test_litellm_takes_ours_for_its_signer(oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own function that signs, with the wrapper that it makes of a request."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    oci_of_litellm = pytest.importorskip("litellm.llms.oci.common_utils")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    url = f"{oci.url}/20231130/actions/chat"
    headers, body = oci_of_litellm.sign_with_oci_signer({}, {"oci_signer": signer}, {"a": 1}, url)
    answer = httpx.post(url, headers=headers, content=body)
    assert (answer.status_code, oci.records[-1].signed) == (404, True) or answer.status_code == 200


@pytest.mark.parametrize("auth", ["instance_principal", None])
def test_a_client_on_an_instance_needs_no_region(oci: FakeOCI, instance: None, auth: str | None) -> None:
    """The factory asks the metadata service, since a client needs its URL at once."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_async_openai

    client = create_async_openai(auth=auth, compartment_id=oci.compartment)
    assert str(client.base_url).startswith(f"https://inference.generativeai.{oci.region}.oci.oraclecloud.com/")
    assert [record.target for record in oci.records] == ["/opc/v2/instance/region"]


def test_a_resource_on_an_instance_has_its_region(
    oci: FakeOCI, instance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 1.1 asks the metadata service, unless the environment names a region."""
    monkeypatch.setenv("OCI_RESOURCE_PRINCIPAL_VERSION", "1.1")
    monkeypatch.setenv("OCI_RESOURCE_PRINCIPAL_RPT_ENDPOINT", oci.url)
    provider = ResourcePrincipal()
    assert provider.region is None
    assert provider.discover_region() == oci.region
    monkeypatch.setenv("OCI_RESOURCE_PRINCIPAL_REGION", "eu-frankfurt-1")
    assert ResourcePrincipal().discover_region() == "eu-frankfurt-1"


def test_a_delegation_token_has_the_region_of_its_instance(oci: FakeOCI, instance: None) -> None:
    """Where nothing else names one."""
    provider = DelegationToken(token=oci.delegation_token())
    assert provider.region is None
    assert provider.discover_region() == oci.region


def test_the_adapter_is_what_the_sdks_signers_are(oci: FakeOCI, tmp_path: Path) -> None:
    """It signs a prepared request in place, and shows nothing secret."""
    requests = pytest.importorskip("requests")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    prepared = requests.Request("POST", f"{oci.url}/x", json={"a": 1}).prepare()
    signed = signer.do_request_sign(prepared)
    assert requests.Session().send(signed, timeout=5).status_code == 200
    assert repr(signer).startswith("<RequestSigner of <OCISigner mode=api_key")


def test_a_delegation_token_is_a_file_or_a_text(oci: FakeOCI, instance: None, tmp_path: Path) -> None:
    """One of them; a file's provider pickles, and a token need not be a JWT."""
    path = tmp_path / "token"
    path.write_text(oci.delegation_token())
    for options in ({}, {"token_file": path, "token": "x"}):
        with pytest.raises(ConfigError, match="either token_file or token"):
            DelegationToken(**options)  # type: ignore[arg-type]
    provider = pickle.loads(pickle.dumps(DelegationToken(token_file=path, base=InstancePrincipal())))
    assert str(path) in repr(provider)
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert DelegationToken(token="opaque").fetch().headers["opc-obo-token"] == "opaque"
    with pytest.raises(ConfigError, match="not pickled"):
        pickle.dumps(DelegationToken(token="opaque"))
