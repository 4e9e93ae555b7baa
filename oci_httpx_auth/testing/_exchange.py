"""One request as a service handles it, and the routing of requests to services."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric import rsa

from ._identity import Identities
from ._tokens import strangers_key
from ._verify import Principal, check_date, check_names, check_signature, signature_parameters, signing_line
from ._wire import NOT_FOUND, Fault, Record, Refused, Reply, Request

# How paths of OCI's services begin: Generative AI's, and the others'. An odd spelling of one is no other service's.
_GENERATIVE_AI = re.compile(r"[/.]*(?:(?:20231130|openai|anthropic|google|v\d\w*)(?:/|$)|ocid1\.)", re.IGNORECASE)
_OTHERS = re.compile(r"[/.]*(?:20\d{6}|opc|n|b)(?:/|$)", re.IGNORECASE)


@dataclass
class Exchange:
    """A request, the match of its path, its time of arrival, and its record."""

    request: Request
    match: Any
    record: Record
    identities: Identities
    now: float
    allowed_skew: float
    fault: Fault = field(default_factory=Fault)

    def verify(
        self,
        find: Callable[[str], Principal] | None = None,
        *,
        host_required: bool = True,
        body_exempt: bool = False,
    ) -> Principal:
        """The principal that signed the request. Raises `Refused` if it is unsigned or its signature is invalid.

        `find` returns the principal of a key id (default: among the stand-in's API keys and tokens). `body_exempt` is for
        the few operations whose body need not be signed. The signature's parameters are recorded in any case.
        """
        request, record = self.request, self.record
        parameters = signature_parameters(request)
        record.key_id = parameters["keyId"]
        names = record.signed_headers = tuple(parameters["headers"].split(" "))
        check_names(request, names, host_required=host_required, body_exempt=body_exempt)
        signing_string = "\n".join(signing_line(request, name) for name in names)
        date_name = "x-date" if "x-date" in names else "date"
        record.date = request.header(date_name)
        check_date(record.date, date_name, self.now, self.allowed_skew)
        principal = (find or self.identities.find)(record.key_id)
        check_signature(parameters["signature"], signing_string, principal.public_key)
        if "x-content-sha256" in names and request.header("x-content-sha256") != request.digest:
            raise Refused("x-content-sha256 is not the digest of the body")
        self.identify(principal)
        if delegation := request.header("opc-obo-token"):
            if "opc-obo-token" not in names:
                raise Refused("opc-obo-token is not signed")
            principal = self.identities.on_behalf(principal, delegation)
            self.identify(principal)
        record.signed = True
        return principal

    def identify(self, principal: Principal) -> None:
        """Record who sent the request."""
        self.record.principal, self.record.mode = principal.name, principal.mode

    def token_reply(self, kind: str, public_key: rsa.RSAPublicKey, claims: dict[str, Any]) -> Reply:
        """The JSON response of a token service."""
        token = self.issue(kind, public_key, claims)
        return Reply.json({} if token is None else {"token": token})

    def issue(self, kind: str, public_key: rsa.RSAPublicKey, claims: dict[str, Any]) -> str | None:
        """A new token, flawed if the fault asks for it; `None` if the token is to be missing."""
        flaw = self.fault.token
        if flaw == "missing":
            return None
        if flaw == "garbage":
            return "this-is-no-token"
        if flaw == "wrong_key":
            public_key = strangers_key()
        return self.identities.issue(kind, public_key, -60 if flaw == "expired" else None, claims)


@dataclass(frozen=True)
class Endpoint:
    """Serves the paths that match `pattern`, for these methods, or for any if it has none."""

    service: str
    pattern: re.Pattern[str]
    methods: Collection[str]
    act: Callable[[Exchange], Reply]


def compile_path(path: str) -> re.Pattern[str]:
    """A regular expression for whole paths, which may hold any byte that a request line may."""
    return re.compile(path, re.DOTALL)


def route(endpoints: list[Endpoint], request: Request) -> Endpoint:
    """The first endpoint for the request's path and method. The last of them all takes any path."""
    matching = [endpoint for endpoint in endpoints if endpoint.pattern.fullmatch(request.path)]
    for endpoint in matching:
        if request.method in endpoint.methods:
            return endpoint
    return replace(matching[0], act=_refuse_method) if matching[0].methods else matching[0]


def echo(exchange: Exchange) -> Reply:
    """The received request, once its signature is verified: what a path without a service of its own answers.

    A path that looks like one of OCI's is 404 instead, as it would be there.
    """
    principal = exchange.verify()
    request = exchange.request
    path = unquote(request.path)
    generative_ai = _GENERATIVE_AI.match(path)
    if generative_ai or _OTHERS.match(path):
        code, message = ("404", "HTTP 404 Not Found") if generative_ai else ("", NOT_FOUND)
        raise Refused("no endpoint serves this path of OCI's form", status=404, code=code, message=message)
    return Reply.json(
        {
            "method": request.method,
            "target": request.target,
            # The response may end up in a log, and the authorization header holds a token.
            "headers": [list(item) for item in request.headers if item[0].lower() != "authorization"],
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "length": len(request.body),
            "principal": principal.name,
        }
    )


def _refuse_method(exchange: Exchange) -> Reply:
    raise Refused(f"the method {exchange.request.method} is not allowed here", status=405)
