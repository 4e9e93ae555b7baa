"""What a security token says, and how it becomes a credential."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from oci_httpx_auth import InvalidTokenError
from oci_httpx_auth._auth_service.tokens import parse_security_token, token_credential

from ..conftest import Key


def token_of(claims: dict[str, Any]) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"aaaa.{middle}.bbbb"


@pytest.mark.parametrize(
    "jwk", ["not JSON", "[]", {"n": "ä", "e": "AQAB"}, {"n": "AQAB"}, {"n": "a+b", "e": "AQAB"}, 7]
)
def test_a_token_whose_key_cannot_be_read_is_taken_as_it_is(jwk: Any) -> None:
    """Its issuer decides whether and how a token names its key; the server checks it."""
    assert parse_security_token(token_of({"exp": 2e9, "jwk": jwk}), "the token").public_numbers is None


def test_a_token_that_does_not_say_when_it_was_issued_ends_by_our_clock(key: Key) -> None:
    """The issuer's response had no date either, so nothing shows how the clocks differ."""
    credential = token_credential(token_of({"exp": 2e9}), key.private, "the token", received_at=1.9e9)
    assert (credential.expires_at, credential.clock_offset, credential.expiry(60.0)) == (2e9, None, 2e9 - 60)


@pytest.mark.parametrize("token", ["aaaa.eyJ+.bbbb", "aaaa.W10.bbbb"])
def test_claims_that_cannot_be_read_are_an_error(token: str) -> None:
    """Letters that aren't base64url, and claims that aren't an object."""
    with pytest.raises(InvalidTokenError, match="its claims cannot be read"):
        parse_security_token(token, "the token")


def test_claims_show_their_times_alone() -> None:
    """The others may name people."""
    claims = parse_security_token(token_of({"exp": 2, "iat": 1, "sub": "somebody"}), "the token")
    assert repr(claims) == "SecurityTokenClaims(expires_at=2.0, issued_at=1.0)"
