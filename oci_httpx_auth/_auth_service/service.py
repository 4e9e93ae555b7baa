"""Calls to metadata and auth services: signed, retried, and with one deadline for all calls of a fetch."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._credential import Credential
from .._errors import (
    ConfigError,
    CredentialsUnavailableError,
    InvalidTokenError,
    OCIAuthError,
    ServiceRefusedError,
    ServiceUnreachableError,
)
from .._hosts import is_loopback
from .._secrecy import hide_secrets, quote_value
from .._signing.clock import ClockOffsets, parse_http_date
from .._signing.signature import content_digest, sign
from .http import Client, show_url
from .tokens import json_object, text_field, token_credential

DEADLINE = 30.0  # seconds for one fetch with all its calls
_ATTEMPT = 10.0  # seconds for one attempt
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # seconds between attempts
_random = random.SystemRandom()  # the program's own generator is left alone

T = TypeVar("T")


class Call(NamedTuple):
    """One request to a service.

    credential: signs it. payload: its body, sent as JSON or, with `form`, as an HTML form. sign_host: false only for the
    federation endpoint. retried: statuses to retry after, besides 429 and 5xx. patience: seconds for this call and its
    retries, if less than the fetch's deadline. remedies: what to do about a refusal, by status; 400 covers every other
    4xx except 429.
    """

    method: str
    url: str
    credential: Credential | None = None
    payload: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    sign_host: bool = True
    retried: frozenset[int] = frozenset()
    patience: float = DEADLINE
    form: bool = False
    remedies: Mapping[int, str] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"<Call {self.method} {self.url}>"  # payload and headers may hold tokens


@dataclass(kw_only=True, repr=False)
class AuthService:
    """The services that a provider depends on, and what it has learned about their clocks and health.

    clock: seconds since the epoch. sleep: pauses between attempts, on the fetch's thread. deadline: seconds for all
    calls of a fetch. patient: whether calls are retried.
    """

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    deadline: float = DEADLINE
    patient: bool = True

    def __post_init__(self) -> None:
        self.offsets: ClockOffsets = ClockOffsets(self.clock)
        self._failing = False

    @contextlib.contextmanager
    def calls(self, **options: Any) -> Iterator[Calls]:
        """The calls of one fetch, through one HTTP client with these options.

        After a fetch has failed, the next one tries each call only once, and the cache's pauses between fetches take over.
        """
        with Client(**options) as client:
            try:
                yield Calls(self, client, patient=self.patient and not self._failing)
            except OCIAuthError:
                self._failing = True
                raise
            self._failing = False


class Calls:
    """The calls of one fetch, which several threads may make at once. All share one deadline."""

    def __init__(self, service: AuthService, client: Client, *, patient: bool) -> None:
        self.client = client
        self._service = service
        self._patient = patient
        self._ends_at = time.monotonic() + service.deadline

    def send(self, call: Call, parse: Callable[[httpx.Response, float], T]) -> T:
        """Send until there is a usable response, and return what `parse` makes of it.

        parse: takes the response and the time by our clock when it arrived; raises `ServiceRefusedError` or
        `InvalidTokenError` if the response is unusable.
        A missing or unusable response, 429, 5xx except 501, and the statuses in `retried` are retried while time allows,
        after a growing random pause or as `Retry-After` asks. After a 401 whose `Date` shows that this machine's clock is
        off, the call is signed again, once.

        Raises `ServiceRefusedError` for a status other than 200 or an unusable response, `ServiceUnreachableError`
        without a response, and `ConfigError` for a URL that is invalid or would carry a credential over plain http.
        """
        target = _target(call.url)
        if call.credential is not None and target.scheme != "https" and not is_loopback(target.host):
            raise ConfigError(f"{show_url(target)} is not an https address; tokens are not exchanged over plain http.")
        encode = urlencode if call.form else json.dumps
        content = b"" if call.payload is None else encode(call.payload).encode()
        ends_at = min(self._ends_at, time.monotonic() + call.patience)
        offsets = self._service.offsets
        pause, corrected = _FIRST_PAUSE, False
        while True:
            failure: ServiceRefusedError | ServiceUnreachableError
            offset = offsets.offset(target.host)
            headers = self._headers(call, target, content, offset)
            try:
                seconds = max(min(ends_at - time.monotonic(), _ATTEMPT), 0.1)
                response = self.client.send(call.method, call.url, headers, content, seconds)
                received_at = self._service.clock()
                if response.status_code == 200:
                    return parse(response, received_at)
            except InvalidTokenError as error:
                failure = ServiceRefusedError(str(error))
            except (ServiceUnreachableError, ServiceRefusedError) as error:
                failure = error
            else:
                failure = _refusal(target, response)
                if call.credential and not corrected:
                    date = response.headers.get("date")
                    corrected = offsets.learn(target.scheme, target.host, response.status_code, date, used=offset)
                    if corrected:
                        continue
                passing = response.status_code == 429 or (response.status_code >= 500 and response.status_code != 501)
                if not passing and response.status_code not in call.retried:
                    raise failure
            wait = min(pause, _LONGEST_PAUSE) * _random.uniform(0.5, 1.5)
            wait = max(wait, getattr(failure, "retry_after", None) or 0.0)
            if not self._patient or time.monotonic() + wait >= ends_at:
                raise failure
            slept_at = time.monotonic()
            self._service.sleep(wait)
            # A `sleep` that only moves a simulated clock must bring the deadline closer as well.
            skipped = max(wait - (time.monotonic() - slept_at), 0.0)
            ends_at, self._ends_at = ends_at - skipped, self._ends_at - skipped
            pause *= 2

    def token(
        self,
        call: Call,
        private_key: RSAPrivateKey,
        source: str,
        decode: Callable[[httpx.Response, str], Mapping[str, Any]] = json_object,
    ) -> Credential:
        """The credential made of this private key and the `token` in the response.

        Raises as `send` does, and `CredentialsUnavailableError` for a refusal with a remedy.
        """

        def parse(response: httpx.Response, received_at: float) -> Credential:
            token = text_field(decode(response, source), "token", source).removeprefix("ST$")
            issuer_time = parse_http_date(response.headers.get("date"))
            label = f"The token from {source}"
            return token_credential(token, private_key, label, received_at=received_at, issuer_time=issuer_time)

        try:
            return self.send(call, parse)
        except ServiceRefusedError as error:
            is_client_error = 400 <= error.status < 500 and error.status != 429
            remedy = call.remedies.get(error.status) or (is_client_error and call.remedies.get(400))
            if not remedy:
                raise
            raise CredentialsUnavailableError(f"{error} {remedy}") from error

    def _headers(self, call: Call, target: httpx.URL, content: bytes, offset: float) -> dict[bytes, bytes]:
        headers = {b"accept": b"application/json", b"host": target.netloc}
        if call.method == "POST":
            headers[b"content-type"] = b"application/x-www-form-urlencoded" if call.form else b"application/json"
        headers.update((name.lower().encode(), value.encode()) for name, value in call.headers.items())
        if call.credential is not None:
            now = self._service.clock() + offset
            length, digest = len(content), content_digest(content)
            headers |= sign(
                call.method,
                target.raw_path,
                headers,
                call.credential,
                now=now,
                sign_host=call.sign_host,
                length=length,
                digest=digest,
            )
        return headers


def service_message(content: bytes) -> str:
    """A refusal's code and message with a leading space, or nothing. The body itself is never quoted."""
    try:
        fields = json.loads(content)
        fields = fields.get("error", fields)  # OpenAI's form
        if isinstance(fields, str):  # OAuth's form: RFC 6749, section 5.2
            fields = {"code": fields, "message": json.loads(content).get("error_description", "")}
        if str(fields["message"]).startswith('{"error"'):  # Generative AI wraps OpenAI's error as text
            fields = {"code": fields["code"], "message": json.loads(fields["message"])["error"]["message"]}
        kind = "code" if fields.get("code") is not None else "type"
        code, message = (hide_secrets(one_line(str(fields[name])[:4000])) for name in (kind, "message"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return f" {code[:80]}: {message[:400]}"


def _target(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        target = httpx.URL()
    if target.scheme not in ("http", "https") or not target.host:
        raise ConfigError(
            f"{quote_value(url.partition('?')[0])} is not the URL of a service. One looks like 'https://auth.us-chicago-1.oraclecloud.com'."
        )
    return target


def _refusal(target: httpx.URL, response: httpx.Response) -> ServiceRefusedError:
    request_id = response.headers.get("opc-request-id")
    trace = f" (opc-request-id {one_line(request_id[:120])})" if request_id else ""
    message = (
        f"{hide_secrets(show_url(target))} answered {response.status_code}{service_message(response.content)}{trace}"
    )
    # Seconds: RFC 9110, section 10.2.3. No OCI service is known to send a date, and dates depend on the clocks.
    pause = re.fullmatch(r"[0-9]{1,6}", response.headers.get("retry-after", "").strip())
    return ServiceRefusedError(message, response.status_code, None if pause is None else float(pause[0]))


def one_line(text: str) -> str:
    """Untrusted text on one line, without characters that control a terminal or forge a log line."""
    return "".join(character if character.isprintable() else " " for character in text)
