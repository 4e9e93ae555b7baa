"""The value that requests are signed with, and what a provider may return for one."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from oci_httpx_auth import ConfigError, Credential, CredentialProvider, SigningError
from oci_httpx_auth._credential import fetch_from

from .conftest import Key


def test_a_credential_never_changes(key: Key) -> None:
    """Neither a field nor a header, so that a request is signed by one state of it."""
    given = {"OPC-OBO-Token": "delegated"}
    credential = Credential("k", key.private, headers=given)
    given["opc-obo-token"] = "another"
    assert dict(credential.headers) == {"opc-obo-token": "delegated"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        credential.key_id = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        credential.headers["x"] = "y"  # type: ignore[index]


def test_its_repr_holds_no_token(key: Key) -> None:
    """A key id can be `ST$` and a token, and a header a delegation token."""
    credential = Credential("ST$secret-token", key.private, 2e9, headers={"opc-obo-token": "secret-delegation"})
    assert "secret" not in repr(credential)
    assert "2000000000.0" in repr(credential)


def test_credentials_are_equal_by_what_is_sent(key: Key, other_key: Key) -> None:
    """Neither the key object nor a measured clock offset makes two of them differ."""
    assert Credential("k", key.private) == Credential("k", other_key.private, clock_offset=5.0)
    assert Credential("k", key.private) != Credential("k", key.private, headers={"a": "b"})


@pytest.mark.parametrize(
    ("measured", "expected"), [(None, 1000.0 - 60.0), (30.0, 1000.0 - 30.0)], ids=["by the caller", "by the issuer"]
)
def test_an_expiry_is_given_by_our_clock(key: Key, measured: float | None, expected: float) -> None:
    """What was measured when the credential was issued is more precise than what the caller knows."""
    assert Credential("k", key.private, 1000.0, clock_offset=measured).expiry(60.0) == expected
    assert Credential("k", key.private, clock_offset=measured).expiry(60.0) is None


@pytest.mark.parametrize("moment", ["expires_at", "issued_at", "clock_offset"])
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e12])
def test_an_impossible_time_is_refused(key: Key, moment: str, value: float) -> None:
    """It would make nonsense of the refresh schedule."""
    with pytest.raises(SigningError, match=f"{moment} is not a point in time"):
        Credential("k", key.private, **{moment: value})  # type: ignore[arg-type]


def test_a_credential_is_not_pickled(key: Key) -> None:
    """It holds a private key; signers and providers pickle as recipes instead."""
    with pytest.raises(TypeError, match="pickle the signer or the provider"):
        pickle.dumps(Credential("k", key.private))


def provider_of(result: Any) -> CredentialProvider:
    class Provider:
        def fetch(self) -> Any:
            return result

    return Provider()


def test_whatever_has_fetch_is_a_provider(key: Key) -> None:
    """The protocol needs no base class."""
    credential = Credential("k", key.private)
    provider = provider_of(credential)
    assert isinstance(provider, CredentialProvider)
    assert fetch_from(provider) is credential


@pytest.mark.parametrize("result", [None, "ST$token", {"key_id": "k"}])
def test_a_provider_that_returns_something_else_is_named(result: object) -> None:
    """With what it returned, by its type alone."""
    with pytest.raises(ConfigError, match=rf"Provider\.fetch\(\) returned {type(result).__name__}\."):
        fetch_from(provider_of(result))
