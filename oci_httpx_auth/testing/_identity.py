"""The identities that may call: API keys, sessions and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

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


@dataclass(frozen=True)
class FakeCredential:
    """An API key or, with a token, a session as created by `oci session authenticate`."""

    tenancy: str
    user: str
    region: str
    private_key: rsa.RSAPrivateKey = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        return self.private_key.public_key()

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public_key)

    @property
    def key_id(self) -> str:
        return f"ST${self.token}" if self.token else f"{self.tenancy}/{self.user}/{self.fingerprint}"

    def private_key_pem(self, passphrase: str | None = None) -> bytes:
        """The private key as PEM, encrypted if there is a passphrase."""
        encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class Identities:
    """All identities of one stand-in. Its methods are called under the stand-in's lock."""

    def __init__(self, region: str, now: Callable[[], float], token_lifetime: float) -> None:
        self.region = region
        self.tenancy = made_up_ocid("tenancy")
        self.user = made_up_ocid("user")
        self.compartment = made_up_ocid("compartment")
        self.token_lifetime = token_lifetime
        self.now = now
        self.tokens = TokenIssuer(now)
        self.api_keys: dict[str, rsa.RSAPublicKey] = {}

    def add_api_key(self) -> FakeCredential:
        """A new API key of the user."""
        key = FakeCredential(self.tenancy, self.user, self.region, new_key())
        self.api_keys[key.key_id] = key.public_key
        return key

    def add_token_holder(self, kind: str, lifetime: float | None = None) -> FakeCredential:
        """A session of the user, or a resource, with a key and a token that lives `lifetime` seconds."""
        key = new_key()
        token = self.issue(kind, key.public_key(), lifetime, {})
        return FakeCredential(self.tenancy, self.user, self.region, key, token)

    def issue(
        self, kind: str, public_key: rsa.RSAPublicKey | None, lifetime: float | None, claims: dict[str, Any]
    ) -> str:
        """A token of one kind with its usual claims. `claims` override them; `None` removes one."""
        common: dict[str, Any] = {"tenant": self.tenancy, "aud": "oci", "ptype": kind}
        if kind == "session":
            common |= {"sub": self.user, "ptype": "user", "ttype": "login", "session_start": int(self.now())}
        elif kind in ("instance", "resource", "workload"):
            # As in published tokens: Teleport's sample of an instance's, and Oracle's NoSQL driver's of a resource's.
            fingerprint = secrets.token_bytes(20).hex(":").upper()
            common |= {"fprint": fingerprint, "opc-tag": f"V3,{self.tenancy},AAAAAQAAAAAAAACB,AAAAAQAAAAAAhy9d"}
            common |= {"opc-tenant": self.tenancy, "opc-compartment": self.compartment}
            common |= {"ptype": "instance", "ttype": "x509", "opc-certtype": kind}
            instance = made_up_ocid("instance", self.region)
            common |= {"sub": instance, "opc-instance": instance}
        if kind in ("resource", "workload"):
            resource = claims.get("res_id") or made_up_ocid("fnfunc" if kind == "resource" else "workload")
            common |= {"sub": resource, "res_id": resource, "res_type": kind, "opc-certtype": "resource"}
            common |= {"res_tenant": self.tenancy, "res_compartment": self.compartment}
        seconds = self.token_lifetime if lifetime is None else lifetime
        return self.tokens.issue(kind, public_key, seconds, common | claims)

    def issue_service_account_token(self, lifetime: float) -> str:
        """A Kubernetes service account token, as kubelet would project it into a pod."""
        claims = {"sub": "system:serviceaccount:default:app", "aud": ["https://kubernetes.default.svc"]}
        return self.tokens.issue("service_account", None, lifetime, claims)

    def on_behalf(self, _principal: Principal, _delegation: str) -> Principal:
        """The user that a principal acts for. Raises `Refused`: no delegation tokens are issued here."""
        raise Refused("the delegation token was not issued by this stand-in")

    def find(self, key_id: str) -> Principal:
        """The owner of a key id: of an API key or a token. Raises `Refused` for an unknown or invalid one."""
        if key_id.startswith("ST$"):
            return self._token_holder(key_id[3:])
        public_key = self.api_keys.get(key_id)
        if public_key is None:
            raise Refused(f"no API key is registered under the key id (of {key_id.count('/') + 1} parts)")
        return Principal(f"user {self.user}", "api_key", self.tenancy, self.user, public_key, kind="api_key")

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
