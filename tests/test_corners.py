"""Rare cases are handled properly too."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oci_httpx_auth import (
    ConfigError,
    InvalidKeyError,
    InvalidTokenError,
    OCISigner,
    SecurityToken,
    SigningError,
)
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth._auth_service.tokens import parse_security_token, token_credential
from oci_httpx_auth.credentials._keys import load_private_key

from .conftest import Clock, Key, as_the_cli_writes
from .standin import FakeOCI


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


def test_an_empty_key_is_distinguished_from_a_damaged_one(key: Key) -> None:
    """So is a key whose numbers don't match from one that cannot be read."""
    with pytest.raises(InvalidKeyError, match="is empty"):
        load_private_key(" \n", None, "The key")
    lines = key.pem(pkcs1=True).splitlines()
    lines[3] = lines[3][:20] + ("A" if lines[3][20] != "A" else "B") + lines[3][21:]
    with pytest.raises(InvalidKeyError, match="damaged"):
        load_private_key("\n".join(lines), None, "The key")


def test_a_host_that_is_met_for_the_thousandth_time_does_not_cost_memory(oci: FakeOCI) -> None:
    """Clock offsets are kept for a bounded number of hosts."""
    from oci_httpx_auth._signing.clock import ClockOffsets

    clocks = ClockOffsets(lambda: 0.0)
    for number in range(1100):
        assert clocks.learn("https", f"h{number}.example", 401, "Thu, 01 Jan 1970 01:00:00 GMT", used=0.0)
    assert clocks.offset("h1099.example") == 3600
    assert clocks.offset("h0.example") == 0
    assert not clocks.learn("https", "h.example", 401, "no date", used=0.0)
    assert not clocks.learn("https", "h.example", 401, "x" * 65, used=0.0)


def test_a_session_without_region_cannot_be_renewed_and_says_so(oci: FakeOCI, tmp_path: Path) -> None:
    """It signs until its token expires."""
    config = as_the_cli_writes(oci.write_config(tmp_path, session=True))
    config.write_text(re.sub(r"(?m)^region.*", "", config.read_text()))
    clock = Clock()
    provider = SecurityToken.from_config(config_file=config, _service=AuthService(clock=clock, sleep=lambda _: None))
    oci.clock = clock
    assert provider.region is None
    provider.fetch()
    with pytest.raises(ConfigError, match=r"is not known, so its token cannot be renewed\. Add region"):
        provider.fetch()


def test_an_invalid_url_is_not_signed(oci: FakeOCI, tmp_path: Path) -> None:
    """The error is this library's, not httpx's."""
    signer = OCISigner(config_file=oci.write_config(tmp_path))
    for url in ("https://h.example:port/", "https://[::1/"):
        with pytest.raises(SigningError, match="cannot be signed"):
            signer.signed_headers("GET", url)


def test_what_has_to_be_installed_is_named_with_the_command() -> None:
    """Importing the factories without the openai package."""
    program = "import sys; sys.modules['openai'] = None; import oci_httpx_auth.openai"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: oci_httpx_auth.openai needs the openai package. "
        "Install it with: pip install 'oci-httpx-signer[openai]'"
    )
