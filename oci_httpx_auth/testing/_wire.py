"""The values that the stand-in's parts exchange: requests, replies, faults, records."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

NOT_AUTHENTICATED = "The required information to complete authentication was not provided or was incorrect."
NOT_FOUND = "Authorization failed or requested resource not found."

CODES = {
    400: "InvalidParameter",
    401: "NotAuthenticated",
    403: "NotAuthorized",
    404: "NotAuthorizedOrNotFound",
    405: "MethodNotAllowed",
    409: "IncorrectState",
    412: "NoEtagMatch",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    501: "MethodNotImplemented",
    502: "ExternalServerUnreachable",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


@dataclass(frozen=True)
class Request:
    """One request as it arrived: nothing normalised, header names in the case the client used."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    secure: bool = False

    def values(self, name: str) -> list[str]:
        """Every value of the header `name`, which is given in lower case."""
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name: str, default: str = "") -> str:
        """The first value of the header `name` (lower case), or `default`."""
        found = self.values(name)
        return found[0] if found else default

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, decoded; the last value of a repeated one."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @functools.cached_property
    def digest(self) -> str:
        """The body's SHA-256 in base64."""
        return base64.b64encode(hashlib.sha256(self.body).digest()).decode()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises `Refused` (400) when it is not one."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):  # RecursionError: it is nested too deeply
            raise malformed("the body is not JSON") from None
        if not isinstance(document, dict):
            raise malformed("the body is not a JSON object")
        return document


@dataclass
class Reply:
    """One response. `chunks` are the pieces of the body; a mount sends each as soon as it has it.

    `wait` is the time in seconds before the status line, `delay` the time between two chunks.
    `streamed` replies have no content-length. `cut` is "" or how the response is cut off:
    "reset" and "hang" (nothing is sent) or "truncate" (half of the body is sent).
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: Iterable[bytes] = ()
    delay: float = 0.0
    wait: float = 0.0
    streamed: bool = False
    cut: str = ""

    @classmethod
    def json(cls, document: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
        """A document as JSON."""
        return cls.content(json.dumps(document).encode(), "application/json", status, headers)

    @classmethod
    def content(
        cls, body: bytes, content_type: str = "text/plain", status: int = 200, headers: Iterable[tuple[str, str]] = ()
    ) -> Reply:
        """A body in one piece."""
        length = ("content-length", str(len(body)))
        return cls(status, [("content-type", content_type), length, *headers], [body] if body else [])

    @classmethod
    def events(cls, events: Iterable[bytes], delay: float = 0.0) -> Reply:
        """Server-sent events, each a separate piece, `delay` seconds apart."""
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
        return cls(200, headers, events, delay=delay, streamed=True)


def is_bodiless(reply: Reply, method: str) -> bool:
    """Whether the response to a request of this method has no body."""
    return method == "HEAD" or reply.status in (204, 304)


def pieces_to_send(reply: Reply, method: str) -> list[bytes]:
    """The pieces of the body to send for this method: half of them for a truncated response."""
    pieces = [] if is_bodiless(reply, method) else list(reply.chunks)
    if reply.cut != "truncate":
        return pieces
    return [pieces[0][: len(pieces[0]) // 2]] if len(pieces) == 1 else pieces[: len(pieces) // 2]


def compress_events(request: Request, reply: Reply) -> None:
    """Make each event a separate zstd frame if the client accepts zstd, as OCI does."""
    codings = request.header("accept-encoding").lower().replace(" ", "").split(",")
    weights = {name: weight or "1" for name, _, weight in (coding.partition(";q=") for coding in codings)}
    accepted = weights.get("zstd", "0").strip("0.") != ""  # neither 0 nor 0.000
    if reply.streamed and accepted:
        reply.headers.append(("content-encoding", "zstd"))
        reply.chunks = [zstd_frame(chunk) for chunk in reply.chunks]


def zstd_frame(content: bytes) -> bytes:
    """A zstd frame (RFC 8878) of uncompressed blocks, which needs no library."""
    limit = 1 << 17  # the largest block
    blocks = [content[start : start + limit] for start in range(0, len(content), limit) or [0]]
    parts = [b"\x28\xb5\x2f\xfd\xa0", struct.pack("<I", len(content))]
    for number, block in enumerate(blocks, 1):
        parts += [struct.pack("<I", len(block) << 3 | (number == len(blocks)))[:3], block]
    return b"".join(parts)


@dataclass
class Fault:
    """A failure of one request.

    With `status` the response has that status, and the request has no effect: an OCI error with `code` and `message`
    (both have defaults), or `body` unchanged. `headers` are added to the response; an empty value removes a header
    (`{"date": ""}`), and `{"connection": "close"}` ends the connection after the response.
    `delay` is how many seconds to wait before the response; alone, it leaves the response unchanged. `reset` breaks the
    connection and `hang` leaves it open, both without a response. `truncate` announces a longer body than is sent, then
    closes.
    `token` is for services that issue tokens, which then respond with 200 and a bad one: "expired", "missing",
    "wrong_key" (bound to a key nobody holds), "garbage", or for sessions "same_expiry" (not extended by its renewal).
    """

    status: int | None = None
    code: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    reset: bool = False
    truncate: bool = False
    hang: bool = False
    token: str = ""

    @property
    def replaces_response(self) -> bool:
        """Whether the fault replaces the service's own response."""
        return self.status is not None or self.reset or self.hang

    def __post_init__(self) -> None:
        if self.token not in ("", "expired", "missing", "wrong_key", "garbage", "same_expiry"):
            raise ValueError(f"no such token fault: {self.token!r}")


@dataclass
class Record:
    """One request as the stand-in saw it, and its result.

    `reason` says precisely why a request was refused, and is "" for an accepted one; clients only get OCI's
    message. `signed` is true if a signature was verified. `principal` says who signed, `mode` how they authenticated
    ("api_key", "security_token", "instance_principal", "resource_principal", "oke_workload_identity").
    `date` is the signed date, `time` the stand-in's own time in seconds since the epoch.
    Headers, body and key id stay out of the `repr`: they may hold tokens.
    """

    service: str
    method: str
    target: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    status: int = 0
    reason: str = ""
    principal: str = ""
    mode: str = ""
    key_id: str = field(default="", repr=False)
    signed_headers: tuple[str, ...] = ()
    date: str = ""
    time: float = 0.0
    signed: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header, by its case-insensitive name; `None` if it was not sent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class Refused(Exception):
    """A refusal of a request. `reason` is for the record, `message` for the client."""

    def __init__(self, reason: str, *, status: int = 401, code: str = "", message: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.code = code
        self.message: str = message or (NOT_AUTHENTICATED if status == 401 else reason)

    def reply(self, service: str) -> Reply:
        # Only a fault can make Generative AI's code differ from the status.
        return error_reply(service, self.status, "" if service == "inference" else self.code, self.message)


def malformed(reason: str, status: int = 400) -> Refused:
    """The refusal of a malformed HTTP request, or of a body that is not the expected JSON object."""
    return Refused(reason, status=status, code="CannotParseRequest")


def error_reply(service: str, status: int, code: str = "", message: str = "") -> Reply:
    """OCI's error shape: a JSON object of `code` and `message`. Generative AI's code is the status, as a string."""
    usual = str(status) if service == "inference" else CODES.get(status, "InternalServerError")
    words = {401: NOT_AUTHENTICATED, 404: NOT_FOUND}
    message = message or words.get(status, f"The stand-in was set to return {status}.")
    return Reply.json({"code": code or usual, "message": message}, status)


def parameter_message(reason: str) -> str:
    """The message by which Generative AI refuses a parameter: OpenAI's error, as JSON inside the JSON."""
    error = {"message": reason, "type": "invalid_request_error", "param": None, "code": None}
    return json.dumps({"error": error})
