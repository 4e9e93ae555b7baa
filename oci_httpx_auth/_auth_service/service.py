"""One signed exchange with an auth service: deadline, retries, and the token in its answer."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._credential import Credential
from .._errors import (
    ConfigError,
    CredentialsUnavailableError,
    InvalidTokenError,
    ServiceRefusedError,
    ServiceUnreachableError,
    SigningError,
)
from .._hosts import is_loopback
from .._secrecy import hide_secrets, quote_value
from .._signing.clock import ClockOffsets
from .._signing.signature import content_digest, sign
from .http import Answer, exchange
from .tokens import issued_credential, json_object, text_field

DEADLINE = 30.0  # seconds for one exchange with all its attempts
_ATTEMPT = 10.0  # seconds for one attempt
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between attempts

T = TypeVar("T")


class AuthService:
    """The auth services as one provider sees them: it signs, corrects the clock, retries, and reads the answer.

    clock: seconds since the epoch. sleep: pauses between attempts, on the worker thread.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep) -> None:
        self.clock = clock
        self._sleep = sleep
        self._offsets = ClockOffsets(clock)

    def call(
        self,
        method: str,
        url: str,
        credential: Credential | None,
        payload: Mapping[str, Any] | None = None,
        *,
        parse: Callable[[Answer, float], T],
        headers: Mapping[str, str] | None = None,
        sign_host: bool = True,
        retried: frozenset[int] = frozenset(),
        direct: bool = False,
        ca_file: str | None = None,
        deadline: float = DEADLINE,
    ) -> T:
        """Send until there is an answer that can be used; return what `parse` makes of it.

        parse: given the answer and our clock's reading when it came; raises `ServiceRefusedError` or `InvalidTokenError` for
        one that is of no use.
        Retried, with a growing random pause, until `deadline` seconds have passed: no answer, one of no use, 429, 5xx
        except 501, and the statuses in `retried`. A 401 whose `Date` shows that this machine's clock is off is answered
        by signing again, once.

        Raises `ServiceRefusedError` for any other answer but 200, the last failure when time is up, `ConfigError` for a URL
        that is none, and `SigningError` for a credential that would be sent over plain http.
        """
        target = _target(url)
        if credential is not None and target.scheme != "https" and not is_loopback(target.host):
            raise SigningError(f"{url} is not an https address; tokens are not exchanged over plain http.")
        content = b"" if payload is None else json.dumps(payload).encode()
        spent, pause, corrected = 0.0, _FIRST_PAUSE, False
        while True:
            failure: CredentialsUnavailableError | ServiceUnreachableError | InvalidTokenError
            started, offset = time.monotonic(), self._offsets.offset(target.host)
            try:
                answer = exchange(
                    method,
                    url,
                    headers=self._headers(method, target, content, credential, headers or {}, sign_host, offset),
                    content=content,
                    timeout=max(min(deadline - spent, _ATTEMPT), 0.1),
                    direct=direct,
                    ca_file=ca_file,
                )
                received_at = self.clock()
                if answer.status == 200:
                    return parse(answer, received_at)
            except (ServiceUnreachableError, ServiceRefusedError, InvalidTokenError) as error:
                failure = error
            else:
                failure = ServiceRefusedError(_refusal(url, answer), answer.status)
                date = answer.headers.get("date")
                if (
                    credential
                    and not corrected
                    and self._offsets.learn(target.scheme, target.host, answer.status, date, used=offset)
                ):
                    corrected = True
                    spent += time.monotonic() - started
                    continue
                passing = answer.status == 429 or (answer.status >= 500 and answer.status != 501)
                if not passing and answer.status not in retried:
                    raise failure
            wait = min(pause, _LONGEST_PAUSE) * random.uniform(0.5, 1.5)
            # Pauses count by what was asked for, so that the deadline holds where `sleep` only says that time passes.
            spent += time.monotonic() - started + wait
            if spent >= deadline:
                raise failure
            self._sleep(wait)
            pause *= 2

    def token(
        self,
        url: str,
        credential: Credential | None,
        payload: Mapping[str, Any],
        private_key: RSAPrivateKey,
        source: str,
        **options: Any,
    ) -> tuple[str, Credential]:
        """POST for a token of this private key: the `token` of the answer, and the credential made of it.

        Raises as `call` does.
        """

        def parse(answer: Answer, received_at: float) -> tuple[str, Credential]:
            token = text_field(json_object(answer, source), "token", source)
            return token, issued_credential(token, private_key, source, answer, received_at)

        return self.call("POST", url, credential, payload, parse=parse, **options)

    def _headers(
        self,
        method: str,
        target: httpx.URL,
        content: bytes,
        credential: Credential | None,
        extra: Mapping[str, str],
        sign_host: bool,
        offset: float,
    ) -> dict[bytes, bytes]:
        headers = {b"accept": b"application/json", b"host": target.netloc}
        if method == "POST":
            headers[b"content-type"] = b"application/json"
        headers.update((name.lower().encode(), value.encode()) for name, value in extra.items())
        if credential is not None:
            now = self.clock() + offset
            digest = content_digest(content)
            headers |= sign(
                method, target.raw_path, headers, len(content), digest, credential, now, sign_host=sign_host
            )
        return headers


def _target(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        target = httpx.URL()
    if target.scheme not in ("http", "https") or not target.host:
        raise ConfigError(
            f"{quote_value(url)} is not the URL of a service. It looks like 'https://auth.us-chicago-1.oraclecloud.com'."
        )
    return target


def service_message(content: bytes) -> str:
    """What a service said when it refused, after a blank: its code and message, never the body as it is."""
    try:
        fields = json.loads(content)
        fields = fields.get("error", fields)  # the form of OpenAI
        code, message = (hide_secrets(_line(str(fields[name])[:4000])) for name in ("code", "message"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return f" {code[:80]}: {message[:400]}"


def _refusal(url: str, answer: Answer) -> str:
    request_id = answer.headers.get("opc-request-id")
    trace = f" (opc-request-id {_line(request_id[:120])})" if request_id else ""
    return (
        f"{hide_secrets(url.partition('?')[0])[:300]} answered {answer.status}{service_message(answer.content)}{trace}"
    )


def _line(text: str) -> str:
    """A foreign text on one line, without characters that would steer a terminal or forge a line of a log."""
    return "".join(character if character.isprintable() else " " for character in text)
