"""Signature version 1, from the server's side: strict, and written independently of the signer.

The rules are those of Oracle's "Request Signatures" and draft-cavage-http-signatures-08.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ._wire import Refused, Request, malformed

BODY_METHODS = ("POST", "PUT", "PATCH")
BODY_HEADERS = ("content-length", "content-type", "x-content-sha256")
FOREIGN_CREDENTIALS = ("x-api-key", "x-goog-api-key")

# The API key of clients from `oci_httpx_auth.openai`.
PLACEHOLDER = "placeholder-oci-httpx-auth-signs-instead"

# How to pass the signed client to a framework, by the start of its User-Agent.
_REMEDIES = {
    "Agents/Python": "give the model, the provider or set_default_openai_client a client of create_async_openai()",
    "OpenAI/Python": "give the framework a client of create_openai(), for instance as client= or http_client=",
    "AsyncOpenAI/Python": "give the framework a client of create_async_openai() as well, often as async_client=",
    "pydantic-ai/": "give the provider openai_client=create_async_openai()",
    "autogen-python/": "give the model client http_client=, or set its _client to one of create_async_openai()",
    "agent-framework-python": "give the chat client async_client=create_async_openai()",
    "semantic-kernel": "give the service async_client=create_async_openai()",
    "litellm/": "give the call client=create_openai(), or client=create_async_openai() where it is async",
    "Anthropic/Python": "give the client http_client=httpx.Client(auth=OCISigner())",
    "AsyncAnthropic/Python": "give the client http_client=httpx.AsyncClient(auth=OCISigner())",
    "google-genai-sdk/": "give HttpOptions both httpx_client= and httpx_async_client=, each with auth=signer",
    "": "give the program an HTTP client with auth=OCISigner(), or the headers of signer.signed_headers()",
}

_PARAMETER = re.compile(r'\s*([A-Za-z][A-Za-z0-9]*)="([^"]*)"\s*')


@dataclass(frozen=True)
class Principal:
    """The signer of a request: `name` for people, `mode` as the OCI CLI spells it, and the key to verify with."""

    name: str
    mode: str
    tenancy: str
    identifier: str
    public_key: rsa.RSAPublicKey = field(repr=False)
    token: str = field(default="", repr=False)
    kind: str = ""


def check_framing(request: Request) -> None:
    """Refuse framing that an HTTP server must not accept."""
    if request.values("transfer-encoding") and request.values("content-length"):
        raise malformed("both transfer-encoding and content-length are sent")
    lengths = request.values("content-length")
    if len(lengths) > 1:
        raise malformed("content-length is sent more than once")
    if lengths and lengths[0] != str(len(request.body)):
        raise malformed(f"content-length is {lengths[0]}, but the body has {len(request.body)} bytes")
    if len(request.values("host")) != 1:
        raise malformed("host must be sent exactly once")


def check_signature(signature: str, signing_string: str, key: rsa.RSAPublicKey) -> None:
    """Refuse a signature that is not the key's for this signing string."""
    try:
        key.verify(
            base64.b64decode(signature, validate=True),
            signing_string.encode("latin-1"),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
    except binascii.Error:
        raise Refused("the signature is not base64") from None
    except InvalidSignature:
        raise Refused("the signature does not fit the request and the key") from None


def _check_placeholder(request: Request) -> None:
    """Refuse a request that bypassed the signer, which its client's placeholder shows, and name the remedy."""
    for name in ("authorization", *FOREIGN_CREDENTIALS):
        if PLACEHOLDER in request.header(name):
            # A websocket bypasses the HTTP client, whichever it is.
            agent = "" if request.header("upgrade") else request.header("user-agent")
            remedy = next((remedy for start, remedy in _REMEDIES.items() if agent.startswith(start)), _REMEDIES[""])
            raise Refused(f"the request bypassed the signer, with the placeholder API key: {remedy}")


def credential_of(request: Request) -> str:
    """The value of the authorization header, which has to be the only credential on the request."""
    _check_placeholder(request)
    for name in FOREIGN_CREDENTIALS:
        if request.values(name):
            raise Refused(f"another credential was left on the request: {name}")
    values = request.values("authorization")
    if not values:
        raise Refused("there is no authorization header")
    if len(values) > 1:
        raise Refused("authorization is sent more than once")
    return values[0]


def signature_parameters(request: Request) -> dict[str, str]:
    """The signature's parameters in the authorization header. Refuses one that is missing or unsupported."""
    scheme, _, rest = credential_of(request).partition(" ")
    if scheme != "Signature":
        raise Refused(f"the authorization scheme is {scheme[:20]!r}, not Signature")
    parameters: dict[str, str] = {}
    for part in rest.split(","):
        match = _PARAMETER.fullmatch(part)
        if match is None:
            raise Refused("the authorization header is malformed")
        if match[1] in parameters:
            raise Refused(f"the authorization parameter {match[1]} is given twice")
        parameters[match[1]] = match[2]
    for name in ("version", "algorithm", "headers", "keyId", "signature"):
        if not parameters.get(name):
            raise Refused(f"the authorization parameter {name} is missing")
    if parameters["version"] != "1":
        raise Refused(f"the signature version is {parameters['version']!r}, not 1")
    if parameters["algorithm"] != "rsa-sha256":
        raise Refused(f"the algorithm is {parameters['algorithm']!r}, not rsa-sha256")
    return parameters


def check_names(request: Request, names: tuple[str, ...], *, host_required: bool, body_exempt: bool) -> None:
    """Refuse a signature whose list of headers is malformed or incomplete."""
    if len(set(names)) != len(names):
        raise Refused("a header is listed twice in the signature's headers")
    for name in names:
        if not name or name != name.lower():
            raise Refused(f"{name!r} in the signature's headers is not a lower-case header name")
    if "date" not in names and "x-date" not in names:
        raise Refused("neither date nor x-date is signed")
    required = ["(request-target)"]
    if host_required:
        required.append("host")
    if request.method in BODY_METHODS and not body_exempt:
        if request.values("transfer-encoding"):
            raise Refused("the body is chunked, so its content-length cannot be signed")
        required.extend(BODY_HEADERS)
    for name in required:
        if name not in names:
            raise Refused(f"{name} is not signed")


def signing_line(request: Request, name: str) -> str:
    """The line of the signing string for a header or for (request-target)."""
    if name == "(request-target)":
        return f"(request-target): {request.method.lower()} {request.target}"
    values = request.values(name)
    if not values:
        raise Refused(f"{name} is signed but was not sent")
    if len(values) > 1:
        raise Refused(f"{name} is signed but was sent {len(values)} times")
    return f"{name}: {values[0]}"


def check_date(value: str, name: str, now: float, allowed_skew: float) -> None:
    """Refuse a date that is malformed or too far from the server's time."""
    try:
        when = parsedate_to_datetime(value).timestamp()
        canonical = formatdate(when, usegmt=True) == value
    except (ValueError, OverflowError):
        when, canonical = 0.0, False
    if not canonical:
        raise Refused(f"{name} is not an RFC 1123 date in GMT")
    if abs(now - when) > allowed_skew:
        low, high = _utc(now - allowed_skew), _utc(now + allowed_skew)
        message = (
            f"Date '{_utc(when)}' is not within allowed clock skew. Current '{_utc(now)}', "
            f"valid datetime range: ['{low}', '{high}']"
        )
        raise Refused(f"{name} is {now - when:.0f} s behind the server's time", message=message)


def _utc(when: float) -> str:
    return formatdate(when, usegmt=True).replace("GMT", "UTC")
