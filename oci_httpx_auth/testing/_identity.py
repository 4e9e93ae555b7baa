"""Who may call: API keys, sessions, tokens, and the key pairs of resources."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from ._tokens import TokenIssuer, fingerprint_of, new_key
from ._verify import Principal
from ._wire import Refused

MODES = {
    "session": "security_token",
    "instance": "instance_principal",
    "resource": "resource_principal",
    "workload": "oke_workload_identity",
}


def made_up_ocid(kind: str, region: str = "") -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    unique = "".join(secrets.choice(alphabet) for _ in range(52))
    return f"ocid1.{kind}.oc1.{region}.aaaaaaaa{unique}"


def private_pem(key: rsa.RSAPrivateKey | None, *, passphrase: str | None = None, pkcs1: bool = False) -> bytes:
    """The key as PEM: PKCS#8, or PKCS#1 with `pkcs1`; encrypted when there is a passphrase."""
    if key is None:
        raise ValueError("only the public half of this key is known")
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = BestAvailableEncryption(passphrase.encode())
    layout = PrivateFormat.TraditionalOpenSSL if pkcs1 else PrivateFormat.PKCS8
    return key.private_bytes(Encoding.PEM, layout, encryption)


@dataclass(frozen=True)
class FakeAPIKey:
    """An API key of the stand-in's user. `private_key` is `None` when only a public key was registered."""

    tenancy: str
    user: str
    fingerprint: str
    region: str
    private_key: rsa.RSAPrivateKey | None = field(repr=False)

    @property
    def key_id(self) -> str:
        return f"{self.tenancy}/{self.user}/{self.fingerprint}"

    def private_key_pem(self, passphrase: str | None = None, pkcs1: bool = False) -> bytes:
        """The private key as PEM: PKCS#8, or PKCS#1 with `pkcs1`; encrypted when there is a passphrase."""
        return private_pem(self.private_key, passphrase=passphrase, pkcs1=pkcs1)


@dataclass(frozen=True)
class FakeSession:
    """A session as `oci session authenticate` leaves it: a token and the key it is bound to.

    `expires_at` is in seconds since the epoch.
    """

    tenancy: str
    user: str
    fingerprint: str
    region: str
    expires_at: float
    token: str = field(repr=False)
    private_key: rsa.RSAPrivateKey = field(repr=False)

    @property
    def key_id(self) -> str:
        return f"ST${self.token}"

    def private_key_pem(self, passphrase: str | None = None, pkcs1: bool = False) -> bytes:
        """The private key as PEM: PKCS#8, or PKCS#1 with `pkcs1`; encrypted when there is a passphrase."""
        return private_pem(self.private_key, passphrase=passphrase, pkcs1=pkcs1)


@dataclass(frozen=True)
class KeyPair:
    """A resource that signs its token requests with a key of its own (resource principals 2.1, 2.1.1, 2.1.2)."""

    key_id: str
    version: str
    resource: str
    public_key: rsa.RSAPublicKey = field(repr=False)
    security_context: str | None = field(repr=False)


class Identities:
    """Everybody one stand-in knows. Its methods are called under the stand-in's lock."""

    def __init__(self, region: str, now: Callable[[], float], token_lifetime: float) -> None:
        self.region = region
        self.tenancy = made_up_ocid("tenancy")
        self.user = made_up_ocid("user")
        self.compartment = made_up_ocid("compartment")
        self.token_lifetime = token_lifetime
        self.now = now
        self.tokens = TokenIssuer(now)
        self._api_keys: dict[str, rsa.RSAPublicKey] = {}
        self.key_pairs: dict[str, KeyPair] = {}

    def add_api_key(self, public_key: rsa.RSAPublicKey | None = None) -> FakeAPIKey:
        private_key = None
        if public_key is None:
            private_key = new_key()
            public_key = private_key.public_key()
        key = FakeAPIKey(self.tenancy, self.user, fingerprint_of(public_key), self.region, private_key)
        self._api_keys[key.key_id] = public_key
        return key

    def remove_api_key(self, key: FakeAPIKey) -> None:
        self._api_keys.pop(key.key_id, None)

    def add_session(self, lifetime: float | None, private_key: rsa.RSAPrivateKey | None) -> FakeSession:
        key = private_key or new_key()
        token = self.issue("session", key.public_key(), lifetime, {})
        expires_at = float(self.tokens.verify(token, allow_expired=True).claims["exp"])
        fingerprint = fingerprint_of(key.public_key())
        return FakeSession(self.tenancy, self.user, fingerprint, self.region, expires_at, token, key)

    def add_key_pair(
        self, version: str, tenancy: str, resource: str, key: rsa.RSAPublicKey, context: str | None
    ) -> KeyPair:
        middle = "" if version == "2.1" else f"{tenancy}/"
        pair = KeyPair(f"resource/v{version}/{middle}{resource}", version, resource, key, context)
        self.key_pairs[pair.key_id] = pair
        return pair

    def issue(
        self,
        kind: str,
        public_key: rsa.RSAPublicKey | None,
        lifetime: float | None,
        claims: dict[str, Any],
    ) -> str:
        """A token of one kind with the claims that belong to it; `claims` override them, `None` removes one."""
        common: dict[str, Any] = {"tenant": self.tenancy, "aud": "oci", "ptype": kind}
        if kind == "session":
            common |= {"sub": self.user, "ptype": "user", "ttype": "login", "session_start": int(self.now())}
        elif kind == "instance":
            common |= {"ttype": "x509", "opc-certtype": "instance", "opc-compartment": self.compartment}
        elif kind in ("resource", "workload"):
            resource = claims.get("res_id") or made_up_ocid("fnfunc" if kind == "resource" else "workload")
            common |= {"sub": resource, "res_id": resource, "res_type": kind, "ttype": "res_sp"}
            common |= {"res_tenant": self.tenancy, "res_compartment": self.compartment}
        seconds = self.token_lifetime if lifetime is None else lifetime
        return self.tokens.issue(kind, public_key, seconds, common | claims)

    def find(self, key_id: str) -> Principal:
        """Whose key id this is, among API keys and tokens. `Refused` says why it is nobody's."""
        if key_id.startswith("ST$"):
            return self._token_holder(key_id[3:])
        public_key = self._api_keys.get(key_id)
        if public_key is None:
            raise Refused(f"no API key is registered under the key id (of {key_id.count('/') + 1} parts)")
        return Principal(f"user {self.user}", "api_key", self.tenancy, self.user, public_key, kind="api_key")

    def find_with_key_pairs(self, key_id: str) -> Principal:
        """As `find`, and among the resources that have a key pair, which only token services accept."""
        if not key_id.startswith("resource/"):
            return self.find(key_id)
        pair = self.key_pairs.get(key_id)
        if pair is None:
            raise Refused("no key pair is registered under the key id")
        name = f"resource {pair.resource}"
        return Principal(name, "resource_principal", self.tenancy, pair.resource, pair.public_key, kind="key_pair")

    def _token_holder(self, text: str) -> Principal:
        token = self.tokens.verify(text)
        if token.kind not in MODES:
            raise Refused(f"a {token.kind} token does not sign requests")
        if token.public_key is None:
            raise Refused("the token has no usable jwk")
        subject = str(token.claims.get("sub", ""))
        name = f"session of user {subject}" if token.kind == "session" else f"{token.kind} {subject}"
        tenancy = str(token.claims.get("tenant", ""))
        return Principal(name, MODES[token.kind], tenancy, subject, token.public_key, text, token.kind)
