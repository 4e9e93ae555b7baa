"""One request of `check`: sent with little patience, its answer or its failure noted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import Any
from urllib.request import getproxies

import httpx

from .._auth_service.service import service_message
from .._causes import Cause, network_cause
from .._errors import OCIAuthError
from .._secrecy import hide_secrets, quote_value
from .._signing.waiting import in_thread
from .report import Notebook, State

PATIENCE = 5.0  # seconds for one answer, with the look-up of its host's name


def describe_proxies(notes: Notebook) -> None:
    """A note of the proxies that the environment names, without passwords."""
    proxies = {scheme: url for scheme, url in getproxies().items() if scheme != "no"}
    if proxies:
        listed = ", ".join(f"{scheme}: {_without_userinfo(url)}" for scheme, url in sorted(proxies.items()))
        except_for = getproxies().get("no", "")
        text = f"the environment sends requests through a proxy ({listed})"
        notes.line("note", "proxy", text + (f", except for {except_for}" if except_for else ""))


def send(
    notes: Notebook,
    subject: str,
    signer: httpx.Auth,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
) -> httpx.Response | Cause:
    """The answer, or why there is none. A line says either."""
    notes.wait(f"{subject}: waiting for {_host(url)}, {PATIENCE:.0f} s at most")
    started = time.perf_counter()
    outcome = answer_of(signer, method, url, headers=headers, body=body)
    if isinstance(outcome, Exception):
        reason = hide_secrets(str(outcome) or type(outcome).__name__)
        notes.line("error", subject, f"{method} {url}: {reason}")
        return failure_cause(outcome, url)
    milliseconds = (time.perf_counter() - started) * 1000
    request_id = outcome.headers.get("opc-request-id", "none")
    state: State = "ok" if outcome.status_code < 400 else "error"
    said = message_of(outcome)
    notes.line(
        state,
        subject,
        f"{method} {url}: {outcome.status_code}{said} in {milliseconds:.0f} ms (opc-request-id {request_id})",
    )
    return outcome


def answer_of(
    signer: httpx.Auth,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    patience: float = PATIENCE,
) -> httpx.Response | Exception:
    """The answer to one request, or what was raised; after `patience` seconds the first refusal, or a time-out."""
    seen: list[httpx.Response] = []

    def note(response: httpx.Response) -> None:
        response.read()
        seen.append(response)

    def call() -> httpx.Response:
        with httpx.Client(
            auth=signer, timeout=patience, follow_redirects=False, event_hooks={"response": [note]}
        ) as client:
            return client.request(method, url, headers=headers, json=body)

    # On a thread, since nothing limits the time in which a name is looked up.
    calling = in_thread(partial(call), "oci-check")
    try:
        return calling.result(patience)
    except FutureTimeoutError:
        # A refused request may still be waiting for a newer credential: then the refusal is the answer.
        request = httpx.Request(method, url)
        return seen[-1] if seen else httpx.ReadTimeout(f"no answer within {patience:.0f} s", request=request)
    except Exception as error:  # httpx.InvalidURL, ImportError for socksio, OSError for SSL_CERT_FILE, and more
        return error


# For errors that say what is wrong so plainly that they leave it at that.
_REMEDIES = {
    "invalid-key": "Give the private key that belongs to the uploaded public one: the file that `oci setup config` made, or the "
    "one that was downloaded with the API key.",
    "invalid-token": "Obtain a new token; for a session, run `oci session authenticate`.",
    "no-credentials": "Check what this mode needs, or choose another one by auth or OCI_CLI_AUTH.",
}


def from_oci(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("opc-request-id"))


def message_of(answer: httpx.Response) -> str:
    """What a refusal says, after a blank; empty for a success."""
    return service_message(answer.content).rstrip(".") if answer.status_code >= 400 else ""


def not_oci_cause(answer: httpx.Response) -> Cause:
    return Cause(
        "proxy",
        f"An answer of {answer.status_code} without opc-request-id did not come from OCI: a proxy, a login page or a wrong "
        "endpoint is in the way.",
        "Check HTTPS_PROXY and the endpoint; put OCI's hosts into NO_PROXY.",
    )


def first_sentence_cause(code: str, error: BaseException) -> Cause:
    """Our errors say in their first sentence what is wrong, and then what to do."""
    text, stop, remedy = str(error).partition(". ")
    return Cause(code, text + stop.strip(), remedy or _REMEDIES.get(code, "Correct it and run `check` again."))


def failure_cause(error: Exception, url: str) -> Cause:
    """Why a request got no answer, or could not be sent at all."""
    if isinstance(error, OCIAuthError):
        return first_sentence_cause("not-signed", error)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return Cause("not-a-url", f"{quote_value(url)} is not a URL that can be called.", "Correct the endpoint.")
    if isinstance(error, ImportError):
        return Cause(
            "proxy", "A SOCKS proxy is named, which needs the package socksio.", "Run `pip install httpx[socks]`."
        )
    if isinstance(error, (OSError, httpx.HTTPError)):
        if isinstance(error, httpx.HTTPError) or (error.errno is None and not error.filename):
            return network_cause(error)
        return Cause(
            "no-certificates",
            f"No certificates can be read from what SSL_CERT_FILE or SSL_CERT_DIR names: {error.strerror}.",
            "Correct the variable, or unset it.",
        )
    if isinstance(error, (ValueError, TypeError)):
        return Cause(
            "proxy",
            "The proxy settings cannot be used: a proxy is written as http://HOST:PORT.",
            "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.",
        )
    return Cause(
        "internal", f"The request broke off by {type(error).__name__}.", "Report this as a mistake of this program."
    )


def _host(url: str) -> str:
    return hide_secrets(url.partition("://")[2].partition("/")[0].rpartition("@")[2]) or "the service"


def _without_userinfo(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
