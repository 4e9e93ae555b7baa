"""Workload identity federation: JWTs of other issuers, exchanged at an identity domain that verifies them."""

from __future__ import annotations

import asyncio
import base64
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import (
    ConfigError,
    CredentialsUnavailableError,
    InvalidTokenError,
    OCIAuthError,
    OCISigner,
    TokenExchange,
)
from oci_httpx_auth._auth_service.service import AuthService

from ..standin import FakeOCI, Fault


def federation(oci: FakeOCI, subject_token: Any, **options: Any) -> TokenExchange:
    """The provider with the stand-in's own client and domain, or what the options name instead."""
    client_id, client_secret = oci.domain_client
    given = {"domain": oci.url, "client_id": client_id, "client_secret": client_secret, **options}
    return TokenExchange(subject_token=subject_token, **given)


@pytest.mark.parametrize("form", ["text", "file", "path", "function"])
def test_a_jwt_is_exchanged_and_signs(oci: FakeOCI, tmp_path: Path, form: str) -> None:
    """In each form, and by both kinds of client."""
    path = tmp_path / "jwt"
    path.write_text(oci.subject_token() + "\n")
    subject_token = {"text": oci.subject_token(), "file": str(path), "path": path, "function": oci.subject_token}[form]
    signer = OCISigner(federation(oci, subject_token))
    with httpx.Client(auth=signer) as client:
        assert client.post(f"{oci.url}/x", json={"a": 1}).status_code == 200

    async def call() -> int:
        async with httpx.AsyncClient(auth=signer) as client:
            return (await client.get(f"{oci.url}/x")).status_code

    assert asyncio.run(call()) == 200
    assert oci.records[-1].mode == "token_exchange"
    assert signer.tenancy == oci.tenancy
    assert [record.service for record in oci.records].count("token_exchange") == 1


def test_factories_and_agents_take_it(oci: FakeOCI) -> None:
    """As every other provider, on httpx2 where openai has it."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_openai

    options: Any = {"signer": federation(oci, oci.subject_token()), "compartment_id": oci.compartment}
    messages: Any = [{"role": "user", "content": "Hello"}]
    with create_openai(base_url=oci.openai_url, **options) as client:
        client.chat.completions.create(model="openai.gpt-oss-20b", messages=messages)
    assert oci.records[-1].mode == "token_exchange"
    agents = pytest.importorskip("agents")
    from oci_httpx_auth.agents import OCIProvider

    async def run() -> Any:
        async with OCIProvider(base_url=oci.openai_url, **options) as provider:
            config = agents.RunConfig(model_provider=provider, tracing_disabled=True)
            return await agents.Runner.run(agents.Agent(name="a"), "Hello", run_config=config)

    assert asyncio.run(run()).final_output


def test_a_rejected_token_is_exchanged_anew_with_the_file_as_it_is_now(oci: FakeOCI, tmp_path: Path) -> None:
    """The issuer's own token may have been rotated meanwhile."""
    path = tmp_path / "jwt"
    path.write_text(first := oci.subject_token())
    provider = federation(oci, path)
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        oci.revoke_tokens()
        oci.revoke(first)
        path.write_text(oci.subject_token())
        assert client.get(f"{oci.url}/x").status_code == 200


def test_a_token_is_renewed_before_it_ends(oci: FakeOCI) -> None:
    """Its expiry is what the token says."""
    credential = federation(oci, oci.subject_token()).fetch()
    assert credential.expires_at is not None
    assert 0 < credential.expires_at - oci.now() <= oci.token_lifetime


def test_the_sdks_own_signer_is_served_as_well(oci: FakeOCI) -> None:
    """It runs against the same stand-in, and both are the same principal."""
    sdk = pytest.importorskip("oci.auth.signers.token_exchange_signer")
    requests = pytest.importorskip("oci._vendor.requests")
    jwt = oci.subject_token()
    signer = sdk.TokenExchangeSigner(jwt, oci.url, *oci.domain_client)
    assert requests.get(f"{oci.url}/x", auth=signer, timeout=5).status_code == 200
    theirs = oci.records[-1]
    with httpx.Client(auth=OCISigner(federation(oci, jwt))) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert (theirs.mode, theirs.principal) == (oci.records[-1].mode, oci.records[-1].principal)
    exchanges = [record for record in oci.records if record.service == "token_exchange"]
    sent = [sorted(pair.partition(b"=")[0] for pair in record.body.split(b"&")) for record in exchanges]
    assert sent[0] == sent[1]


def unknown(oci: FakeOCI) -> TokenExchange:
    """A host that has no such domain."""
    oci.fail("token_exchange", Fault(status=404))
    return federation(oci, oci.subject_token())


def unreachable(oci: FakeOCI) -> TokenExchange:
    """A host that does not answer."""
    service = AuthService(sleep=lambda _: None)
    return federation(oci, oci.subject_token(), domain="http://127.0.0.1:9", _service=service)


REFUSED: dict[str, tuple[Any, type[OCIAuthError], str]] = {
    "wrong secret": (lambda oci: federation(oci, oci.subject_token(), client_secret="wrong"), CredentialsUnavailableError, "client_id and client_secret"),
    "expired": (lambda oci: federation(oci, oci.subject_token(-5)), CredentialsUnavailableError, "refused the subject token"),
    "untrusted": (lambda oci: federation(oci, oci.delegation_token()), CredentialsUnavailableError, "not trusted"),
    "unknown domain": (lambda oci: unknown(oci), CredentialsUnavailableError, "no such identity domain"),
    "unreachable domain": (lambda oci: unreachable(oci), CredentialsUnavailableError, "could not be reached"),
    "empty": (lambda oci: federation(oci, " "), InvalidTokenError, "subject_token is empty"),
    "malformed": (lambda oci: federation(oci, "secret-no-jwt"), InvalidTokenError, "not a JWT"),
    "missing file": (lambda oci: federation(oci, Path("/nowhere/jwt")), ConfigError, "does not exist"),
    "function without a text": (lambda oci: federation(oci, lambda: None), InvalidTokenError, "function returned is empty"),
    "function that fails": (lambda oci: federation(oci, lambda: 1 / 0), CredentialsUnavailableError, "ZeroDivisionError"),
    "no domain": (lambda oci: federation(oci, oci.subject_token(), domain="not a domain"), ConfigError, "not an identity domain"),
    "plain http": (lambda oci: federation(oci, oci.subject_token(), domain="http://idcs.example.com"), ConfigError, "https only"),
    "no secret": (lambda oci: federation(oci, oci.subject_token(), client_secret=""), ConfigError, "is empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_every_mistake_has_its_own_error(oci: FakeOCI, case: str) -> None:
    """One kind and one remedy each, asked once, and without a secret."""
    make, kind, says = REFUSED[case]
    with pytest.raises(kind, match=says) as caught:
        make(oci).fetch()
    assert len([record for record in oci.records if record.service == "token_exchange"]) <= 1
    for secret in (*oci.domain_client[1:], "secret-no-jwt", "eyJ"):
        assert secret not in f"{caught.value}{caught.value.__cause__}"


def test_a_bare_id_is_a_domain_of_oraclecloud(oci: FakeOCI) -> None:
    """As in the SDK."""
    url = federation(oci, oci.subject_token(), domain="idcs-0123")._url
    assert url == "https://idcs-0123.identity.oraclecloud.com/oauth2/v1/token"


def test_the_variables_of_the_sdk_describe_it(oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that are missing at once; workers make it again from them; else secrets are not pickled."""
    with pytest.raises(ConfigError, match="OCI_IAM_DOMAIN_HOST, OCI_CLIENT_CREDENTIALS and OCI_SUBJECT_TOKEN"):
        TokenExchange.from_env()
    path = tmp_path / "jwt"
    path.write_text(oci.subject_token())
    monkeypatch.setenv("OCI_IAM_DOMAIN_HOST", oci.url)
    monkeypatch.setenv("OCI_SUBJECT_TOKEN", str(path))
    monkeypatch.setenv("OCI_REGION", "ORD")
    monkeypatch.setenv("OCI_CLIENT_CREDENTIALS", "no base64 of anything")
    with pytest.raises(ConfigError, match="is not the base64 encoding"):
        TokenExchange.from_env()
    monkeypatch.setenv("OCI_CLIENT_CREDENTIALS", base64.b64encode(":".join(oci.domain_client).encode()).decode())
    provider = pickle.loads(pickle.dumps(TokenExchange.from_env()))
    assert provider.region == "us-chicago-1"
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    with pytest.raises(ConfigError, match="not pickled"):
        pickle.dumps(federation(oci, path))


def test_nothing_of_it_shows(oci: FakeOCI) -> None:
    """Neither the client's secret nor the JWT."""
    jwt = oci.subject_token()
    provider = federation(oci, jwt)
    shown = f"{provider!r} {vars(provider)!r}"
    basic = base64.b64encode(":".join(oci.domain_client).encode()).decode()
    assert all(secret not in shown for secret in (jwt, oci.domain_client[1], basic))


@pytest.mark.parametrize("token", ["missing", "garbage", "expired", "wrong_key"])
def test_useless_answers_are_rejected(oci: FakeOCI, token: Any) -> None:
    """The next fetch gets a good one."""
    oci.fail("token_exchange", Fault(token=token))
    assert federation(oci, oci.subject_token()).fetch().expires_at


def test_a_failing_domain_is_not_blamed_on_the_client(oci: FakeOCI) -> None:
    """A 503 or a 429 passes as it is."""
    oci.fault_source = lambda service, record: Fault(status=429) if service == "token_exchange" else None
    provider = federation(oci, oci.subject_token(), _service=AuthService(patient=False))
    with pytest.raises(CredentialsUnavailableError, match="answered 429") as caught:
        provider.fetch()
    assert "client_id" not in str(caught.value)


def test_an_error_of_ours_from_the_function_passes_through(oci: FakeOCI) -> None:
    """It says already what to do."""

    def subject_token() -> str:
        raise ConfigError("set the issuer's address")

    with pytest.raises(ConfigError, match="issuer's address"):
        federation(oci, subject_token).fetch()


def test_a_jwt_that_was_rotated_ends_the_pause(oci: FakeOCI, tmp_path: Path) -> None:
    """The provider knows whether its file has changed since it was read."""
    path = tmp_path / "jwt"
    path.write_text(oci.subject_token())
    provider = federation(oci, path)
    provider.fetch()
    assert not provider.changed()
    path.write_text(oci.subject_token(60))
    assert provider.changed()


@pytest.mark.parametrize(
    "domain",
    ["https://[::1", "https://idcs.example.com:port", "https://idcs.example.com:65536", "https://a b.example.com"],
)
def test_an_impossible_domain_is_named(oci: FakeOCI, domain: str) -> None:
    """In the constructor."""
    with pytest.raises(ConfigError, match="not an identity domain"):
        federation(oci, "jwt", domain=domain)


def test_a_domains_scheme_may_be_in_capitals(oci: FakeOCI) -> None:
    """As in any URL; plain http stays refused."""
    jwt = oci.subject_token()
    assert federation(oci, jwt, domain="HTTPS://idcs.example.com:443")._url.startswith("HTTPS://idcs.example.com:443/")
    with pytest.raises(ConfigError, match="https only"):
        federation(oci, jwt, domain="HTTP://idcs.example.com")
