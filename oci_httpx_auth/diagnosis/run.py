"""One run of `check`: what it was asked for, what it has learned so far, and the requests that it sends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.request import getproxies

import httpx

from .._auth_service.service import service_message
from .._auth_service.tokens import parse_security_token
from .._causes import request_cause
from .._secrecy import hide_secrets
from .._signing.waiting import in_thread
from .._verdicts import Finding
from ..credentials._config import Profile
from .report import Line, Report, State

PATIENCE = 5.0  # seconds for one answer, including the look-up of its host's name


@dataclass
class Run:
    """Filled in from top to bottom while `check` goes on. The first fields are the arguments of `check`.

    listener: called with each line at once, and with a text that says what is being waited for.
    """

    clock: Callable[[], float]
    provider: Any  # the one that was given, else the one that is chosen
    auth: str | None
    profile_name: str | None
    config_file: str | os.PathLike[str] | None
    region: str | None
    compartment: str | None
    project: str | None
    model: str
    endpoint: str | None
    base_url: str | None
    listener: Callable[[Line | str], object]
    # What was learned.
    profile: Profile | None = None
    chosen_by: str = ""
    fallen_through: str = ""  # why a pod's workload identity was passed over, if it was
    signer: Any = None
    mode: str = ""
    tenancy: str | None = None
    source_region: str | None = None  # as the source of the credentials names it
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    expires_at: float | None = None
    service_account: str = ""  # as the pod's token names it: system:serviceaccount:<namespace>:<name>
    # What is reported.
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def announce(self, what: str) -> None:
        """Say what is being waited for."""
        self.listener(hide_secrets(what))

    def log(self, state: State, subject: str, text: str) -> None:
        """Report something that was examined."""
        line = Line(state, subject, hide_secrets(text))
        self.lines.append(line)
        self.listener(line)

    def report(self) -> Report:
        """Errors come before warnings, which may explain nothing; otherwise in the order in which they were met."""
        order = ("error", "unknown", "warning")
        findings = sorted(self.findings, key=lambda finding: order.index(finding.severity))
        return Report(tuple(self.lines), tuple(findings))


def describe_proxies(run: Run) -> None:
    """A line about the proxies that the environment names, without passwords."""
    proxies = getproxies()
    except_for = proxies.pop("no", "")
    if proxies:
        listed = ", ".join(f"{scheme}: {url.rpartition('@')[2]}" for scheme, url in sorted(proxies.items()))
        text = f"the environment sends requests through a proxy ({listed})"
        run.log("note", "proxy", text + (f", except for {except_for}" if except_for else ""))


def send(run: Run, subject: str, method: str, url: str, **options: Any) -> httpx.Response | Finding:
    """The answer, or why there is none. Either is reported in a line. options: as for `ask`."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2] or "the service"
    run.announce(f"{subject}: waiting for {host}, {PATIENCE:.0f} s at most")
    started = time.perf_counter()
    answer = ask(run, method, url, **options)
    if isinstance(answer, Exception):
        run.log("error", subject, f"{method} {url}: {str(answer) or type(answer).__name__}")
        failure = request_cause(answer, url)
        return replace(failure, cause=f"{subject}: {failure.cause}")
    took = (time.perf_counter() - started) * 1000
    request_id = answer.headers.get("opc-request-id", "none")
    text = f"{answer.status_code}{message_of(answer)} in {took:.0f} ms (opc-request-id {request_id})"
    run.log("ok" if answer.status_code < 400 else "error", subject, f"{method} {url}: {text}")
    return answer


def ask(run: Run, method: str, url: str, *, patience: float = PATIENCE, **options: Any) -> httpx.Response | Exception:
    """The answer to one request, or what was raised; after `patience` seconds the first refusal, or a time-out."""
    seen: list[httpx.Response] = []

    def keep(response: httpx.Response) -> None:
        response.read()
        seen.append(response)

    def call() -> httpx.Response:
        with httpx.Client(auth=run.signer, timeout=patience, event_hooks={"response": [keep]}) as client:
            return client.request(method, url, **options)

    try:
        # On a thread, since nothing limits the time in which a name is looked up.
        return in_thread(call, "oci-check").result(patience)
    except FutureTimeoutError:
        # A refused request may still be waiting for a newer credential: then the refusal is the answer.
        request = httpx.Request(method, url)
        return seen[-1] if seen else httpx.ReadTimeout(f"no answer within {patience:.0f} s", request=request)
    except Exception as error:  # httpx.InvalidURL, ImportError for socksio, OSError for SSL_CERT_FILE, and more
        return error


def from_oci(answer: httpx.Response) -> bool:
    """Whether OCI itself answered, and not something in between. OCI's APIs do not redirect."""
    return bool(answer.headers.get("opc-request-id")) and not answer.is_redirect


def message_of(answer: httpx.Response) -> str:
    """A refusal's code and message, to follow its status; empty for a success."""
    message = service_message(answer.content).rstrip(".") if answer.status_code >= 400 else ""
    return message and f":{message}"


def describe_token(run: Run, token: str, subject: str) -> float:
    """A line about a token's holder and times, which are kept; how many seconds it has left. Raises `InvalidTokenError`."""
    claims = parse_security_token(token, "the token")
    run.claims, run.expires_at = claims.other, claims.expires_at
    now = run.clock()
    holder = claims.other.get("sub") or claims.other.get("res_id") or "an unnamed holder"
    issued = "" if claims.issued_at is None else f", issued {ago(now - claims.issued_at)}"
    left = claims.expires_at - now
    run.log("ok" if left > 0 else "warning", subject, f"of {holder}{issued}, {expiry(left)}")
    return left


def duration(seconds: float) -> str:
    """A time span for people, in its largest unit of which there are at least one and a half."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(seconds: float) -> str:
    """When something was, given how many seconds ago; or when it will be, given a negative number."""
    return f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"


def expiry(seconds: float) -> str:
    """When something expires or expired, given how many seconds it has left."""
    return f"{'expires' if seconds > 0 else 'expired'} {ago(-seconds)}"
