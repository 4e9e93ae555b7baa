"""The public API as programs use it, for type checkers: it is never run.

What must be an error is marked so, and a mark that no error needs is an error as well.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true
from __future__ import annotations

import httpx
from agents import Agent, RunConfig
from openai import AsyncOpenAI, OpenAI
from typing_extensions import assert_type

from oci_httpx_auth import (
    APIKey,
    Credential,
    DelegationToken,
    InstancePrincipal,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
    SignerStatus,
    TokenExchange,
    default_credentials,
)
from oci_httpx_auth.adapters import RequestSigner
from oci_httpx_auth.agents import OCIChatCompletionsModel, OCIProvider, OCIResponsesModel
from oci_httpx_auth.diagnosis import Report, check
from oci_httpx_auth.openai import create_async_openai, create_openai, sign_openai_client
from oci_httpx_auth.testing import FakeOCI


class Tracing(AsyncOpenAI):
    """A program's own client."""

    spans: list[str]


class Vault:
    """A program's own source of credentials."""

    source = "the vault"

    def fetch(self) -> Credential:
        raise NotImplementedError


def sign_with_httpx(signer: OCISigner) -> None:
    httpx.get("https://objectstorage.us-chicago-1.oraclecloud.com/n/", auth=signer)
    httpx.Client(auth=OCISigner(Vault()))
    httpx.AsyncClient(auth=OCISigner(APIKey.from_config(profile="WORK")))
    OCISigner(default_credentials("security_token"))
    assert_type(signer.status(), SignerStatus)
    assert_type(signer.status().expires_at, "float | None")
    assert_type(signer.region, "str | None")
    assert_type(signer.signed_headers("GET", "wss://example.com/"), "dict[str, str]")


def misuse_signers(signer: OCISigner) -> None:
    signer.no_such_attribute  # type: ignore[attr-defined]  # noqa: B018
    OCISigner(profil="WORK")  # type: ignore[call-arg]
    OCISigner(42)  # type: ignore[arg-type]


def choose_credentials() -> None:
    OCISigner(InstancePrincipal(metadata_url="http://169.254.169.254/opc/v2"))
    OCISigner(ResourcePrincipal(auth_endpoint="https://auth.example.com"))
    OCISigner(OKEWorkloadIdentity(port=12250))
    OCISigner(SecurityToken.from_config("WORK"))
    OCISigner(DelegationToken(token="ey…", base=ResourcePrincipal()))
    OCISigner(TokenExchange(domain="idcs-1", client_id="a", client_secret="b", subject_token=lambda: "ey…"))
    InstancePrincipal(clock=lambda: 0.0)  # type: ignore[call-arg]
    assert_type(SecurityToken.from_config().region, "str | None")


def sign_elsewhere(signer: OCISigner) -> None:
    RequestSigner(signer)
    RequestSigner("WORK")  # type: ignore[arg-type]


def diagnose() -> None:
    assert_type(check(profile="WORK", compartment_id="ocid1.compartment.oc1..a"), Report)
    check(regoin="us-chicago-1")  # type: ignore[call-arg]


def create_clients(signer: OCISigner) -> None:
    assert_type(create_openai(region="us-chicago-1"), OpenAI)
    assert_type(create_async_openai(signer=signer, compartment_id="ocid1.compartment.oc1..a"), AsyncOpenAI)
    create_openai(api_key="sk-1", max_retries=5, timeout=60.0, default_headers={"x-trace": "1"})
    create_openai(regoin="us-chicago-1")  # type: ignore[call-overload]
    create_async_openai(max_retries="5")  # type: ignore[call-overload]


def sign_clients(tracing: Tracing, sync: OpenAI, signer: OCISigner) -> None:
    assert_type(create_async_openai(client_class=Tracing), Tracing)
    create_async_openai(client_class=Tracing, regoin="us-chicago-1")  # type: ignore[call-overload]
    assert_type(create_openai(client_class=OpenAI, timeout=None), OpenAI)
    assert_type(sign_openai_client(tracing, signer), Tracing)
    assert_type(sign_openai_client(sync, signer), OpenAI)
    sign_openai_client("https://example.com", signer)  # type: ignore[type-var]


def use_agents() -> None:
    RunConfig(model_provider=OCIProvider(profile="WORK", max_retries=0))
    Agent(name="Assistant", model=OCIProvider().get_model("openai.gpt-oss-120b"))
    OCIChatCompletionsModel("openai.gpt-oss-120b", client=create_async_openai())
    OCIResponsesModel("openai.gpt-oss-120b", region="us-chicago-1")
    OCIProvider(regoin="us-chicago-1")  # type: ignore[call-arg]


def test_programs() -> None:
    with FakeOCI() as oci:
        assert_type(oci.url, str)
