"""One request of `check`: sent with little patience, its answer or its failure reported."""

from __future__ import annotations

import re
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from typing import Any
from urllib.request import getproxies

import httpx

from .._auth_service.service import service_message
from .._causes import network_cause
from .._errors import OCIAuthError
from .._secrecy import hide_secrets, quote_value
from .._signing.waiting import in_thread
from .._verdicts import Finding
from .run import Run
from .verdicts import cause

PATIENCE = 5.0  # seconds for one answer, including the look-up of its host's name

_END_OF_SENTENCE = re.compile(r"(\.(?: \(opc-request-id [^)]*\))?) ")  # a request id belongs to what was said before it

# For errors that leave the next step unsaid.
_REMEDIES = {
    "invalid-key": "Use the private key that belongs to the uploaded public key: the file that `oci setup config` created, or the "
    "one that was downloaded with the API key.",
    "invalid-token": "Obtain a new token; for a session, run `oci session authenticate`.",
    "no-credentials": "Check what this mode needs, or choose another one with auth or OCI_CLI_AUTH.",
}


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
    host = hide_secrets(url.partition("://")[2].partition("/")[0].rpartition("@")[2]) or "the service"
    run.announce(f"{subject}: waiting for {host}, {PATIENCE:.0f} s at most")
    started = time.perf_counter()
    answer = ask(run, method, url, **options)
    if isinstance(answer, Exception):
        run.log("error", subject, f"{method} {url}: {str(answer) or type(answer).__name__}")
        failure = failure_cause(answer, url)
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


def first_sentence_cause(code: str, error: BaseException) -> Finding:
    """Our errors say in their first sentence what is wrong, and then what to do."""
    text, end, remedy = (*_END_OF_SENTENCE.split(str(error), maxsplit=1), "", "")[:3]
    return Finding("error", code, text + end, remedy or _REMEDIES.get(code, "Correct it and run `check` again."))


def failure_cause(error: Exception, url: str) -> Finding:
    """Why a request got no answer, or could not be sent at all."""
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)) or "://" not in url:
        return cause("not-a-url", value=quote_value(url))
    if isinstance(error, OCIAuthError):
        return first_sentence_cause("not-signed", error)
    if isinstance(error, ImportError):
        return cause("proxy/socks")
    if isinstance(error, OSError) and (error.errno is not None or error.filename):
        return cause("no-certificates", reason=error.strerror)
    if isinstance(error, (OSError, httpx.HTTPError)):
        return network_cause(error)
    if isinstance(error, (ValueError, TypeError)):
        return cause("proxy/settings")
    return cause("internal/request", kind=type(error).__name__)
