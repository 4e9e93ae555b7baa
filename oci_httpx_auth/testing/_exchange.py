"""One request on its way through a service, and the table that says which service a request is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ._identity import Identities
from ._tokens import strangers_key
from ._verify import Findings, Principal, check_signature
from ._wire import Fault, Refused, Reply, Request

Find = Callable[[str], Principal]


@dataclass
class Exchange:
    """A request, the time it came, and what has been found out about its sender. `find` knows who has a key id."""

    request: Request
    identities: Identities
    now: float
    allowed_skew: float
    find: Find
    fault: Fault | None = None
    findings: Findings = field(default_factory=Findings)

    def verify(self, find: Find | None = None, *, host_required: bool = True, body_exempt: bool = False) -> Principal:
        """Whoever signed. Raises `Refused` for everybody else."""
        principal = check_signature(
            self.request,
            self.findings,
            find or self.find,
            now=self.now,
            allowed_skew=self.allowed_skew,
            host_required=host_required,
            body_exempt=body_exempt,
        )
        if delegation := self.request.header("opc-obo-token"):
            self.findings.signed = False
            if "opc-obo-token" not in self.findings.signed_headers:
                raise Refused("opc-obo-token is not signed")
            principal = self.findings.principal = self.identities.on_behalf(principal, delegation)
            self.findings.signed = True
        return principal

    def token_reply(self, kind: str, public_key: rsa.RSAPublicKey, claims: dict[str, Any]) -> Reply:
        """The JSON answer of a token service."""
        token = self.issue(kind, public_key, claims)
        return Reply.json({} if token is None else {"token": token})

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


@dataclass(frozen=True)
class Endpoint:
    """What serves the paths that match `pattern`. One without methods serves what no other endpoint has.

    `signed` is false where callers sign nothing; `find` knows the key ids that count here and nowhere else.
    """

    service: str
    pattern: re.Pattern[str]
    methods: Collection[str]
    act: Callable[[Exchange], Reply]
    signed: bool = True
    find: Find | None = None


def compile_path(path: str) -> re.Pattern[str]:
    """A regular expression for whole paths. Targets may hold any byte that a request line may."""
    return re.compile(path, re.DOTALL)


def route(endpoints: list[Endpoint], request: Request, otherwise: Endpoint) -> Endpoint:
    """The first endpoint for the request's path and method; `otherwise` where none has the path."""
    fitting = [endpoint for endpoint in endpoints if endpoint.pattern.fullmatch(request.path)]
    for endpoint in fitting:
        if request.method in endpoint.methods:
            return endpoint
    if not fitting:
        return otherwise
    return replace(fitting[0], act=_refuse_method) if fitting[0].methods else fitting[0]


def _refuse_method(exchange: Exchange) -> Reply:
    raise Refused(f"the method {exchange.request.method} is not allowed here", status=405)
