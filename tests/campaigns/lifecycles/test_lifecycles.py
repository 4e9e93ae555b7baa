"""Every identity through a life of its own, in every client: fresh, due, expired, rejected; nobody notices."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oci_httpx_auth import OCISigner, TokenExchange
from oci_httpx_auth._auth_service.service import AuthService

from ...conftest import Clock, settle
from ...standin import FakeOCI

MODEL = "openai.gpt-oss-20b"
MESSAGES: Any = [{"role": "user", "content": "Hello"}]
MONTH = 30 * 86400.0  # seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def oci(clock: Clock) -> Iterator[FakeOCI]:
    with FakeOCI(clock=clock) as oci:
        yield oci


def delegation(oci: FakeOCI, clock: Clock, directory: Path) -> tuple[OCISigner, Callable[[], object]]:
    """An instance that acts for a user, as the CLI's variables say it."""
    token_file = directory / "delegation_token"
    token_file.write_text(oci.delegation_token(MONTH))
    os.environ.update(oci.environment("instance_principal"))
    os.environ["OCI_CLI_AUTH"] = "instance_obo_user"
    os.environ["OCI_CLI_DELEGATION_TOKEN_FILE"] = str(token_file)
    return OCISigner(clock=clock), lambda: None


def exchange(oci: FakeOCI, clock: Clock, directory: Path) -> tuple[OCISigner, Callable[[], object]]:
    """A JWT in a file, which an identity domain takes."""
    path = directory / "jwt"
    path.write_text(oci.subject_token(MONTH))
    client_id, client_secret = oci.domain_client
    provider = TokenExchange(
        domain=oci.url,
        client_id=client_id,
        client_secret=client_secret,
        subject_token=path,
        _service=AuthService(clock=clock),
    )
    return OCISigner(provider, clock=clock), lambda: None


def session(oci: FakeOCI, clock: Clock, directory: Path) -> tuple[OCISigner, Callable[[], object]]:
    """A session whose files variables name. After its end or its rejection a person begins another one."""
    token_file, key_file, config = directory / "token", directory / "key.pem", directory / "config"
    config.write_text(f"[DEFAULT]\nregion = {oci.region}\nauth_endpoint = {oci.auth_endpoint}\n")

    def authenticate() -> None:
        begun = oci.add_session()
        key_file.write_bytes(begun.private_key_pem())
        token_file.write_text(begun.token)

    authenticate()
    os.environ.update(
        OCI_CLI_AUTH="security_token",
        OCI_CLI_CONFIG_FILE=str(config),
        OCI_CLI_SECURITY_TOKEN_FILE=str(token_file),
        OCI_CLI_KEY_FILE=str(key_file),
    )
    return OCISigner(clock=clock), authenticate


IDENTITIES = {"instance_obo_user": delegation, "token_exchange": exchange, "security_token": session}


def with_httpx(library: str, oci: FakeOCI, signer: OCISigner) -> None:
    with pytest.importorskip(library).Client(auth=signer) as client:
        assert client.post(f"{oci.url}/x", json={}).status_code == 200


def with_async_httpx(library: str, oci: FakeOCI, signer: OCISigner) -> None:
    async def call() -> None:
        async with pytest.importorskip(library).AsyncClient(auth=signer) as client:
            assert (await client.post(f"{oci.url}/x", json={})).status_code == 200

    asyncio.run(call())


def options(oci: FakeOCI, signer: OCISigner) -> dict[str, Any]:
    pytest.importorskip("openai")
    return {"signer": signer, "base_url": oci.openai_url, "compartment_id": oci.compartment, "max_retries": 0}


def with_openai(oci: FakeOCI, signer: OCISigner) -> None:
    given = options(oci, signer)
    from oci_httpx_auth.openai import create_openai

    with create_openai(**given) as client:
        assert client.chat.completions.create(model=MODEL, messages=MESSAGES).choices


def with_async_openai(oci: FakeOCI, signer: OCISigner) -> None:
    given = options(oci, signer)
    from oci_httpx_auth.openai import create_async_openai

    async def call() -> None:
        async with create_async_openai(**given) as client:
            assert (await client.chat.completions.create(model=MODEL, messages=MESSAGES)).choices

    asyncio.run(call())


def with_agents(oci: FakeOCI, signer: OCISigner) -> None:
    agents = pytest.importorskip("agents")
    from oci_httpx_auth.agents import OCIProvider

    async def call() -> None:
        async with OCIProvider(**options(oci, signer)) as provider:
            config = agents.RunConfig(model_provider=provider, tracing_disabled=True)
            result = await agents.Runner.run(agents.Agent(name="a", model=MODEL), "Hello", run_config=config)
            assert result.final_output

    asyncio.run(call())


CLIENTS: dict[str, Callable[[FakeOCI, OCISigner], None]] = {
    "httpx": lambda oci, signer: with_httpx("httpx", oci, signer),
    "httpx, async": lambda oci, signer: with_async_httpx("httpx", oci, signer),
    "httpx2": lambda oci, signer: with_httpx("httpx2", oci, signer),
    "httpx2, async": lambda oci, signer: with_async_httpx("httpx2", oci, signer),
    "openai": with_openai,
    "openai, async": with_async_openai,
    "agents": with_agents,
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("mode", IDENTITIES)
def test_an_identity_lives_through_expiry_rejection_and_renewal(
    oci: FakeOCI, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, client: str
) -> None:
    """Each step gets its answer, and ends with another token than it began with."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    signer, begin_again = IDENTITIES[mode](oci, clock, tmp_path)

    def call() -> str:
        del oci.records[:]
        CLIENTS[client](oci, signer)
        answered = [record for record in oci.records if record.service in ("echo", "inference")][-1]
        assert answered.signed
        assert answered.mode == mode
        settle()
        return answered.header("authorization").partition('keyId="')[2].partition('"')[0]

    fresh = call()
    assert fresh == call()
    clock.now += 3500
    call()  # due: renewed in the background
    renewed = call()
    oci.revoke(renewed.removeprefix("ST$"))
    begin_again()
    replaced = call()
    clock.now += 4000
    begin_again()
    after_the_end = call()
    assert len({fresh, renewed, replaced, after_the_end}) == 4
