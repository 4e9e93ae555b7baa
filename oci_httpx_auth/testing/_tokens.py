"""Security tokens: JSON web tokens that are really signed and verified (RS256)."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from ._wire import Refused

T = TypeVar("T")


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """The function with its first result kept: one for all threads, unlike `functools.cache`."""
    lock, kept = threading.Lock(), functools.cache(make)

    @functools.wraps(make)
    def get() -> T:
        with lock:
            return kept()

    return get


@once
def issuer_key() -> rsa.RSAPrivateKey:
    """The key that signs tokens: one per process, since keys are slow to generate.

    Tokens name the stand-in that issued them, and others refuse them.
    """
    return new_key()


@once
def strangers_key() -> rsa.RSAPublicKey:
    """A public key whose private key nobody has, for tokens that are bound to the wrong key."""
    return new_key().public_key()


def fingerprint_of(key: rsa.RSAPublicKey) -> str:
    """MD5 of the SubjectPublicKeyInfo, as the console shows it for an API key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.md5(der, usedforsecurity=False).digest().hex(":")


def read_public_key(text: object, *, field_name: str, pem_allowed: bool = False) -> rsa.RSAPublicKey:
    """The RSA key of a request field: SubjectPublicKeyInfo in base64 without lines, or PEM where that is allowed."""
    if not isinstance(text, str) or not text:
        raise Refused(f"{field_name} is missing", status=400)
    try:
        if pem_allowed and text.startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
        else:
            key = load_der_public_key(base64.b64decode(text, validate=True))
    except ValueError:
        raise Refused(f"{field_name} is not a public key", status=400) from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise Refused(f"{field_name} is not an RSA key of at least 2048 bits", status=400)
    return key


@dataclass(frozen=True)
class Token:
    """A verified token: its claims, and the key it is bound to (`None` for service account tokens)."""

    claims: dict[str, Any] = field(repr=False)
    public_key: rsa.RSAPublicKey | None = field(repr=False)

    @property
    def kind(self) -> str:
        return str(self.claims.get("kind", ""))


class TokenIssuer:
    """Issues the tokens of one stand-in, and verifies them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key_name = f"asw_{secrets.token_hex(8)}"  # distinguishes one stand-in's tokens from another's
        self.issued: set[str] = set()
        self.revoked: set[str] = set()
        self._verified = functools.lru_cache(maxsize=4096)(self._parse)

    def issue(self, kind: str, public_key: rsa.RSAPublicKey | None, lifetime: float, claims: dict[str, Any]) -> str:
        """A new token that expires `lifetime` seconds from now. A claim of `None` is left out."""
        issued_at = int(self._now())
        expires_at = issued_at + lifetime
        merged: dict[str, Any] = {
            "iss": "authService.oracle.com",
            "jti": str(uuid.uuid4()),
            "kind": kind,
            "iat": issued_at,
            "exp": int(expires_at) if float(expires_at).is_integer() else expires_at,
        }
        if public_key is not None:
            merged["jwk"] = json.dumps(jwk_of(public_key), separators=(",", ":"))
        merged.update(claims)
        payload = {name: value for name, value in merged.items() if value is not None}
        signing_input = f"{_encode({'kid': self._key_name, 'alg': 'RS256'})}.{_encode(payload)}"
        signature = issuer_key().sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{signing_input}.{_base64url(signature)}"
        if kind != "service_account":  # Kubernetes issues those, so revoking OCI's tokens does not affect them.
            self.issued.add(token)
        return token

    def verify(self, text: str) -> Token:
        """The verified token. Raises `Refused` unless it is a valid token of this stand-in."""
        token = self._verified(text)
        if text in self.revoked:
            raise Refused("the token was revoked")
        expires_at = token.claims.get("exp")
        if not isinstance(expires_at, (int, float)):
            raise Refused("the token has no exp")
        if self._now() >= expires_at:
            raise Refused(f"the token expired {self._now() - expires_at:.0f} s ago")
        return token

    def _parse(self, text: str) -> Token:
        signing_input, _, signature = text.rpartition(".")
        try:
            header, claims = (json.loads(_decode(part)) for part in signing_input.split("."))
            decoded = _decode(signature)
        except ValueError:
            raise Refused("the token is not a JWT") from None
        if not isinstance(header, dict) or not isinstance(claims, dict) or header.get("alg") != "RS256":
            raise Refused("the token is not an RS256 JWT")
        try:
            issuer_key().public_key().verify(decoded, signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refused("the token's own signature is wrong") from None
        if header.get("kid") != self._key_name:
            raise Refused("the token was issued by somebody else")
        return Token(claims, _key_of(claims.get("jwk")))


def jwk_of(key: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {
        "kid": fingerprint_of(key),
        "n": _base64url(numbers.n.to_bytes(-(-numbers.n.bit_length() // 8), "big")),
        "e": _base64url(numbers.e.to_bytes(-(-numbers.e.bit_length() // 8), "big")),
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
    }


def _key_of(jwk: object) -> rsa.RSAPublicKey | None:
    if not isinstance(jwk, str):
        return None
    try:
        members = json.loads(jwk)
        modulus = int.from_bytes(_decode(members["n"]), "big")
        exponent = int.from_bytes(_decode(members["e"]), "big")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (ValueError, KeyError, TypeError):
        return None


def _encode(document: dict[str, Any]) -> str:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
