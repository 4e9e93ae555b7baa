"""Security tokens and their claims: from an auth service's response to a credential."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers

from .._credential import END_OF_TIME, Credential
from .._errors import InvalidTokenError, ServiceRefusedError

_PART = r"[\x21\x23-\x2d\x2f-\x7e]"  # a character of a key id, other than the dot
JWT = rf"{_PART}+\.{_PART}+\.{_PART}*"

_MAX_TOKEN = 64 * 1024  # characters; OCI's tokens are 1 to 3 kB, and no server accepts a header of this size


class SecurityTokenClaims(NamedTuple):
    """The claims of a security token. Its signature is left for the server to verify."""

    expires_at: float
    issued_at: float | None
    public_numbers: RSAPublicNumbers | None
    other: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"SecurityTokenClaims(expires_at={self.expires_at}, issued_at={self.issued_at})"

    def text(self, name: str) -> str | None:
        """The value of another claim; `None` if it is missing or empty."""
        value = self.other.get(name)
        return value if isinstance(value, str) and value else None


def parse_security_token(token: str, source: str) -> SecurityTokenClaims:
    """Read a security token's claims. `source` names the token's origin in errors.

    Raises `InvalidTokenError`.
    """
    if len(token) > _MAX_TOKEN:
        raise InvalidTokenError(f"{source} holds {len(token)} characters; a security token has at most {_MAX_TOKEN}.")
    if not re.fullmatch(JWT, token):
        raise InvalidTokenError(
            f"{source} is not a security token: a token is three base64url texts joined by dots, without blanks. "
            "Check that it is not a key or a config file."
        )
    claims = _json_segment(token.split(".")[1], source)
    expires_at = _seconds(claims, "exp", source)
    if expires_at is None:
        raise InvalidTokenError(f"{source} is a token without an expiry ('exp'); obtain a new one.")
    return SecurityTokenClaims(
        expires_at=expires_at,
        issued_at=_seconds(claims, "iat", source),
        public_numbers=_public_numbers(claims.get("jwk")),
        other=MappingProxyType(claims),
    )


def token_credential(
    token: str,
    private_key: RSAPrivateKey,
    source: str,
    *,
    received_at: float | None = None,
    issuer_time: float | None = None,
) -> Credential:
    """Make the credential of a security token and the session key it was issued for.

    received_at: when the token came straight from its issuer, by our clock. issuer_time: the same moment by the issuer's
    clock (the response's `Date`); without it, the token's own time of issue counts.

    Raises `InvalidTokenError`, also for a token of another key and for one that had already expired when it arrived.
    """
    claims = parse_security_token(token, source)
    if claims.public_numbers is not None and claims.public_numbers != private_key.public_key().public_numbers():
        raise InvalidTokenError(
            f"{source} was issued for another private key: token and key are from different sessions."
        )
    clock_offset = None
    if received_at is not None:
        now = issuer_time if issuer_time is not None else claims.issued_at
        if now is not None:
            # Both are rounded down to whole seconds. The added second keeps us from overestimating the token's life.
            clock_offset = now + 1.0 - received_at
            if claims.expires_at <= now:
                raise InvalidTokenError(f"{source} had already expired when it arrived.")
    return Credential(
        key_id=f"ST${token}",
        private_key=private_key,
        expires_at=claims.expires_at,
        issued_at=claims.issued_at,
        clock_offset=clock_offset,
    )


def json_object(response: httpx.Response, source: str) -> dict[str, Any]:
    """A response's body as a JSON object. Raises `ServiceRefusedError` if it isn't one."""
    try:
        fields = json.loads(response.content)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ServiceRefusedError(f"{source} answered with something other than a JSON object.")
    return fields


def text_field(fields: Mapping[str, Any], name: str, source: str) -> str:
    """A string field of a response. Raises `ServiceRefusedError` if it is missing or empty."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise ServiceRefusedError(f"{source} answered without a {name}.")
    return value


def token_of(credential: Credential) -> str:
    """The security token that a credential was made from."""
    return credential.key_id.removeprefix("ST$")


def _json_segment(segment: str, source: str) -> dict[str, Any]:
    try:
        claims = json.loads(_base64url(segment))
    except (ValueError, RecursionError):  # binascii.Error and UnicodeDecodeError are ValueErrors
        claims = None
    if not isinstance(claims, dict):
        raise InvalidTokenError(f"{source} is not a security token: its claims cannot be read. Obtain a new one.")
    return claims


def _seconds(claims: Mapping[str, Any], name: str, source: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < END_OF_TIME:
        raise InvalidTokenError(f"{source} is a token whose {name!r} is not a point in time; obtain a new one.")
    return float(value)


def _public_numbers(jwk: object) -> RSAPublicNumbers | None:
    """The public key that a token is bound to; `None` if it names no key, or names it in an unknown form.

    Whether every kind of token carries `jwk` is unverified, so its absence isn't an error.
    """
    try:
        numbers = json.loads(jwk) if isinstance(jwk, str) else jwk
        if not isinstance(numbers, dict):
            return None
        n, e = (int.from_bytes(_base64url(numbers[name]), "big") for name in ("n", "e"))
        return RSAPublicNumbers(e, n)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _base64url(text: str) -> bytes:
    data = text.encode("ascii")
    if re.search(rb"[^A-Za-z0-9_=-]", data):
        raise binascii.Error("not base64url")
    return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
