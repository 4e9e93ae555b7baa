"""One request on its way through a service: what the service may ask of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ._identity import Identities
from ._tokens import strangers_key
from ._verify import Findings, Principal, check_signature
from ._wire import Fault, Refused, Reply, Request, json_reply


@dataclass
class Exchange:
    """A request, the time it came, and what has been found out about its sender."""

    request: Request
    identities: Identities
    now: float
    allowed_skew: float
    fault: Fault | None = None
    findings: Findings = field(default_factory=Findings)

    def verify(
        self,
        find: Callable[[str], Principal] | None = None,
        *,
        host_required: bool = True,
        body_exempt: bool = False,
    ) -> Principal:
        """Whoever signed. Raises `Refused` for everybody else."""
        return check_signature(
            self.request,
            self.findings,
            find or self.identities.find,
            now=self.now,
            allowed_skew=self.allowed_skew,
            host_required=host_required,
            body_exempt=body_exempt,
        )

    def require_method(self, *methods: str) -> None:
        if self.request.method not in methods:
            raise Refused(f"the method is {self.request.method}, not {' or '.join(methods)}", status=405)

    def token_reply(self, kind: str, public_key: rsa.RSAPublicKey, claims: dict[str, Any]) -> Reply:
        """The JSON answer of a token service."""
        token = self.issue(kind, public_key, claims)
        return json_reply({} if token is None else {"token": token})

    def issue(self, kind: str, public_key: rsa.RSAPublicKey, claims: dict[str, Any]) -> str | None:
        """A new token, or what a token fault makes of it; `None` for a missing one."""
        flaw = self.fault.token if self.fault else ""
        if flaw == "missing":
            return None
        if flaw == "garbage":
            return "this-is-no-token"
        if flaw == "wrong_key":
            public_key = strangers_key()
        return self.identities.issue(kind, public_key, -60 if flaw == "expired" else None, claims)
