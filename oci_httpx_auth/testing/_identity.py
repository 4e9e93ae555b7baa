"""Who may call: API keys, sessions and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from ._tokens import TokenIssuer, fingerprint_of, new_key, strangers_key
from ._verify import Principal
from ._wire import Refused

MODES = {
    "session": "security_token",
    "instance": "instance_principal",
    "resource": "resource_principal",
    "workload": "oke_workload_identity",
    "upst": "token_exchange",
}


def made_up_ocid(kind: str, region: str = "") -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    unique = "".join(secrets.choice(alphabet) for _ in range(52))
    return f"ocid1.{kind}.oc1.{region}.aaaaaaaa{unique}"


@dataclass(frozen=True)
class FakeCredential:
    """What a user signs with: an API key; or with a token, a session as `oci session authenticate` leaves it.

    `private_key` is `None` when only a public key was registered. `expires_at` is in seconds since the epoch, 0 for
    an API key.
    """

    tenancy: str
    user: str
    region: str
    public_key: rsa.RSAPublicKey = field(repr=False)
    private_key: rsa.RSAPrivateKey | None = field(repr=False)
    token: str = field(default="", repr=False)
    expires_at: float = 0.0

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public_key)

    @property
    def key_id(self) -> str:
        return f"ST${self.token}" if self.token else f"{self.tenancy}/{self.user}/{self.fingerprint}"

    def private_key_pem(self, passphrase: str | None = None, pkcs1: bool = False) -> bytes:
        """The private key as PEM: PKCS#8, or PKCS#1 with `pkcs1`; encrypted when there is a passphrase."""
        if self.private_key is None:
            raise ValueError("only the public half of this key is known")
        encryption: KeySerializationEncryption = NoEncryption()
        if passphrase is not None:
            encryption = BestAvailableEncryption(passphrase.encode())
        layout = PrivateFormat.TraditionalOpenSSL if pkcs1 else PrivateFormat.PKCS8
        return self.private_key.private_bytes(Encoding.PEM, layout, encryption)


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
        self.api_keys: dict[str, rsa.RSAPublicKey] = {}
        self.bearer_keys: set[str] = set()

    def add_api_key(self, public_key: rsa.RSAPublicKey | None = None) -> FakeCredential:
        """Register an API key of the user: a new one, or the one whose public half is given."""
        private_key = None if public_key else new_key()
        public_key = public_key or private_key.public_key()  # type: ignore[union-attr]
        key = FakeCredential(self.tenancy, self.user, self.region, public_key, private_key)
        self.api_keys[key.key_id] = public_key
        return key

    def add_session(
        self, lifetime: float | None = None, private_key: rsa.RSAPrivateKey | None = None
    ) -> FakeCredential:
        """A session of the user, whose token lives `lifetime` seconds (default: `token_lifetime`)."""
        key = private_key or new_key()
        token = self.issue("session", key.public_key(), lifetime, {})
        expires_at = float(self.tokens.verify(token, allow_expired=True).claims["exp"])
        return FakeCredential(self.tenancy, self.user, self.region, key.public_key(), key, token, expires_at)

    def add_resource(self, lifetime: float | None = None) -> FakeCredential:
        """A resource with the session token and key that its platform gives it."""
        key = new_key()
        token = self.issue("resource", key.public_key(), lifetime, {})
        return FakeCredential(self.tenancy, "", self.region, key.public_key(), key, token)

    def issue(
        self, kind: str, public_key: rsa.RSAPublicKey | None, lifetime: float | None, claims: dict[str, Any]
    ) -> str:
        """A token of one kind with the claims that belong to it; `claims` override them, `None` removes one."""
        common: dict[str, Any] = {"tenant": self.tenancy, "aud": "oci", "ptype": kind}
        if kind == "session":
            common |= {"sub": self.user, "ptype": "user", "ttype": "login", "session_start": int(self.now())}
        elif kind in ("instance", "resource", "workload"):
            # As in published tokens: Teleport's sample of an instance's, and Oracle's NoSQL driver's of a resource's.
            fingerprint = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(20))
            common |= {"fprint": fingerprint, "opc-tag": f"V3,{self.tenancy},AAAAAQAAAAAAAACB,AAAAAQAAAAAAhy9d"}
            common |= {"opc-tenant": self.tenancy, "opc-compartment": self.compartment}
            common |= {"ptype": "instance", "ttype": "x509", "opc-certtype": kind}
        if kind in ("resource", "workload"):
            resource = claims.get("res_id") or made_up_ocid("fnfunc" if kind == "resource" else "workload")
            common |= {"sub": resource, "res_id": resource, "res_type": kind, "opc-certtype": "resource"}
            common |= {"res_tenant": self.tenancy, "res_compartment": self.compartment}
        seconds = self.token_lifetime if lifetime is None else lifetime
        return self.tokens.issue(kind, public_key, seconds, common | claims)

    def issue_service_account_token(self, lifetime: float = 3600.0) -> str:
        """A Kubernetes service account token, as kubelet would project it into a pod."""
        claims = {"sub": "system:serviceaccount:default:app", "aud": ["https://kubernetes.default.svc"]}
        return self.tokens.issue("service_account", None, lifetime, claims)

    def add_bearer_key(self) -> str:
        """A Generative AI API key, as the console shows its secret once."""
        self.bearer_keys.add(key := f"sk-{secrets.token_urlsafe(48)}")
        return key

    def issue_delegation_token(self, lifetime: float) -> str:
        """A token by which an instance or a resource acts on behalf of the user."""
        return self.tokens.issue("delegation", None, lifetime, {"sub": self.user, "tenant": self.tenancy})

    def find_bearer(self, key: str) -> Principal:
        """Whose Generative AI API key this is. `Refused` for a key that nobody has."""
        if key not in self.bearer_keys:
            raise Refused("no Generative AI API key has this secret")
        return Principal("API key", "genai_api_key", self.tenancy, "generativeaiapikey", strangers_key(), kind="bearer")

    def on_behalf(self, principal: Principal, delegation: str) -> Principal:
        """The user that an instance or a resource acts for."""
        if principal.kind not in ("instance", "resource"):
            raise Refused(f"a {principal.kind} does not act on behalf of users")
        token = self.tokens.verify(delegation)
        if token.kind != "delegation":
            raise Refused(f"a {token.kind} token delegates nothing")
        user = str(token.claims["sub"])
        return replace(principal, name=f"{principal.name} for {user}", mode="instance_obo_user", identifier=user)

    def find(self, key_id: str) -> Principal:
        """Whose key id this is, among API keys and tokens. `Refused` says why it is nobody's."""
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
