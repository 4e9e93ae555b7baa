"""Delegation tokens: of a Cloud Shell, of a resource, and read again when they were replaced."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import (
    ConfigError,
    DelegationToken,
    InstancePrincipal,
    InvalidTokenError,
    OCISigner,
    ResourcePrincipal,
    SessionExpiredError,
)

from ..conftest import settle
from ..standin import FakeOCI


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


def test_an_impossible_region_is_reported_by_its_variable(cloud_shell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or by its line of the profile, as for API keys."""
    monkeypatch.setenv("OCI_CLI_REGION", "no region")
    with pytest.raises(ConfigError, match="OCI_CLI_REGION: 'no region' is not a region"):
        OCISigner()


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
def test_bad_delegation_tokens_are_distinguished(
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


def test_a_delegation_token_has_the_region_of_its_instance(oci: FakeOCI, instance: None) -> None:
    """Where nothing else names one."""
    provider = DelegationToken(token=oci.delegation_token())
    assert provider.region is None
    assert provider.discover_region() == oci.region


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
