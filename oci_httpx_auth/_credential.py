"""The immutable value that requests are signed with, and how a security token becomes one."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers

from ._errors import ConfigError, InvalidTokenError, SigningError
from ._secrecy import Hidden

_KEY_ID = r"[\x21\x23-\x7e]+"  # printable ASCII without space and double quote
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # "token" of RFC 9110, section 5.6.2
_HEADER_VALUE = r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?"
_MAX_TOKEN = 64 * 1024  # characters; OCI's tokens are 1 to 3 kB, a header of this size no server takes
_END_OF_TIME = 253402300800  # seconds; no date beyond the year 9999


@dataclass(frozen=True)
class Credential:
    """What one request is signed with: taken once, used for that request, never changed.

    key_id: the signature's `keyId`, e.g. `<tenancy>/<user>/<fingerprint>` or `ST$<token>`.
    private_key: the RSA key that belongs to it.
    expires_at, issued_at: seconds since the epoch by the issuer's clock; `None` where there is no such moment.
    headers: sent and signed with every request, e.g. a delegation token.
    clock_offset: how many seconds the issuer's clock was ahead of ours when the issuer handed this credential
        over; `None` when it came from elsewhere, e.g. from a file.

    Raises `SigningError` for a key id or header that cannot stand in an HTTP header, and for a time that is none.
    Its repr shows neither key id nor headers, since both can hold a token.
    """

    key_id: str = field(repr=False)
    private_key: RSAPrivateKey = field(repr=False, compare=False)
    expires_at: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    issued_at: float | None = None
    clock_offset: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(_KEY_ID, self.key_id):
            raise SigningError(
                "The credential's key id is empty or has characters that an HTTP header cannot carry "
                "(spaces, quotes, line breaks, non-ASCII); check the OCIDs, the fingerprint or the token it is made of."
            )
        for name in ("expires_at", "issued_at", "clock_offset"):
            moment = getattr(self, name)
            # Infinities, NaN and absurd numbers must not reach the refresh schedule.
            if moment is not None and not (-_END_OF_TIME < moment < _END_OF_TIME):
                raise SigningError(f"The credential's {name} is not a point in time; None stands for none.")
        headers = {name.lower(): Hidden(value) for name, value in self.headers.items()}
        for name, value in headers.items():
            if not re.fullmatch(_HEADER_NAME, name) or not re.fullmatch(_HEADER_VALUE, value):
                raise SigningError(f"The credential's header {name!r} has a name or value that HTTP cannot carry.")
        object.__setattr__(self, "headers", MappingProxyType(headers))
        object.__setattr__(self, "key_id", Hidden(self.key_id))

    def expiry(self, offset: float = 0.0) -> float | None:
        """When this credential ends by *our* clock, seconds since the epoch.

        `offset` is how far the issuer's clock is ahead of ours, as far as the caller knows. What was measured when
        the credential was handed over is better knowledge and wins.
        """
        if self.expires_at is None:
            return None
        return self.expires_at - (offset if self.clock_offset is None else self.clock_offset)

    def __reduce__(self) -> Any:
        raise TypeError("A Credential holds a private key and is not pickled; pickle the signer or the provider.")


@runtime_checkable
class CredentialProvider(Protocol):
    """A source of credentials. Implement `fetch` to bring one of your own.

    `fetch` is plain blocking code; it is called on a worker thread, never twice at a time for one signer, when
    there is no credential, when the present one nears its end, and when a server has rejected it. It should come to
    an end within finite time, and raise an `OCIAuthError` when it fails.

    Optional attributes, read without calling `fetch`: `mode`, `source` (a short text for logs), `region`,
    `tenancy`, `compartment`, `project`; `ends_when_idle`, true if a credential must be renewed before it ends, also
    while no request is sent.
    """

    def fetch(self) -> Credential: ...


Recipe = Callable[[], Any]
"""How a worker process makes a provider again, from files and variables: what is pickled in its place."""


def pickled_as(recipe: Recipe | None, what: object) -> tuple[Recipe, tuple[()]]:
    """What `__reduce__` returns. Raises `ConfigError` where only secrets in memory could be pickled."""
    if recipe is None:
        raise ConfigError(
            f"{what!r} was made from secrets in memory and is not pickled. Make it from a config profile, "
            "the environment or an unencrypted key file, which each worker can read for itself."
        )
    return recipe, ()


@dataclass(frozen=True)
class SecurityTokenClaims:
    """The part of a security token that a client may read. Its signature is for the server to verify."""

    expires_at: float
    issued_at: float | None
    public_numbers: RSAPublicNumbers | None
    other: Mapping[str, Any] = field(repr=False)


def parse_security_token(token: str, source: str) -> SecurityTokenClaims:
    """Read a security token's claims. `source` says where the token is from, for the error.

    Raises `InvalidTokenError`.
    """
    if len(token) > _MAX_TOKEN:
        raise InvalidTokenError(f"{source} holds {len(token)} characters; a security token has {_MAX_TOKEN} at most.")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts[:2]):
        raise InvalidTokenError(
            f"{source} is not a security token: a token is three base64url texts joined by dots. "
            "Check that it names the token itself, not a key or a config file."
        )
    if not re.fullmatch(_KEY_ID, token):
        raise InvalidTokenError(
            f"{source} is not a security token: it has blanks or other characters that no token has."
        )
    claims = _json_segment(parts[1], source)
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

    `received_at` is given when the token came straight from its issuer: our clock's reading at that moment. The
    issuer's reading is `issuer_time` (its answer's `Date`), else the token's own time of issue.

    Raises `InvalidTokenError`, also for a token of another key and for one that had expired when it was handed over.
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
            # Both tell whole seconds, rounded down: with the rest of the second, no token is thought to live longer.
            clock_offset = now + 1.0 - received_at
            if claims.expires_at <= now:
                raise InvalidTokenError(f"{source} had expired already when it was handed over.")
    return Credential(
        key_id=f"ST${token}",
        private_key=private_key,
        expires_at=claims.expires_at,
        issued_at=claims.issued_at,
        clock_offset=clock_offset,
    )


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
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _END_OF_TIME:
        raise InvalidTokenError(f"{source} is a token whose {name!r} is not a point in time; obtain a new one.")
    return float(value)


def _public_numbers(jwk: object) -> RSAPublicNumbers | None:
    """The key a token is bound to; `None` if it does not say, or says so in a form unknown to us.

    Whether every kind of token carries `jwk` is unverified, so its absence is no error.
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
