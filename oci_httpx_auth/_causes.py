"""Why OCI, or the way to it, said no: the most probable cause, and what to do next.

OCI's answers to a wrong signature do not say what is wrong. What this side knows usually does.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from ._credential import CredentialProvider
from ._errors import ConfigError, NoCredentialsFoundError, OCIAuthError, ServiceUnreachableError, SessionExpiredError

PRINCIPALS = frozenset({"instance_principal", "resource_principal", "oke_workload_identity"})


@dataclass(frozen=True)
class Cause:
    """code: a stable name for programs. text: what is wrong. remedy: what to do next. Both are whole sentences."""

    code: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


def refusal_cause(
    mode: str, *, redirected: bool = False, problem: str | None = None, expired: bool = False, from_oci: bool = True
) -> Cause:
    """The cause of a 401 that stayed, after the clock was corrected and the credential replaced if it could be.

    redirected: the request was sent on to another URL. problem: why no newer credential could be had. expired: by
    the server's clock, the credential has ended. from_oci: whether the answer had an `opc-request-id`, as OCI's have.
    """
    if redirected:
        return Cause("redirected", "The request was redirected, which voids its signature.", "Turn redirects off.")
    if problem is not None:
        return Cause("no-newer-credential", f"No newer credential could be had: {problem}", "")
    if not from_oci:
        return Cause(
            "proxy",
            "The answer has no opc-request-id, so it did not come from OCI: something on the way answered, or changed the request.",
            "Check HTTPS_PROXY, and put OCI's hosts into NO_PROXY.",
        )
    if expired:
        return Cause(
            "credential-expired",
            "The credential has expired and its source has no newer one.",
            "Look at what should have renewed it.",
        )
    if mode == "api_key":
        return Cause(
            "key-unknown",
            "OCI knows no such API key for this user and tenancy: it was not uploaded, was deleted, or is another user's.",
            "Upload the public key for this user, or correct user, tenancy and fingerprint; a new key takes a minute to be known.",
        )
    if mode == "security_token":
        return Cause(
            "session-refused",
            "OCI does not accept the session's token: the session was ended, or belongs to another region.",
            "Run `oci session authenticate` again, in the region that the requests go to.",
        )
    if mode in PRINCIPALS:
        return Cause(
            "principal-refused",
            "OCI does not accept the token that it has just issued to this principal.",
            "Check that the tenancy is subscribed to the region, and that the dynamic group's rules still match.",
        )
    return Cause(
        "identity-refused",
        "OCI does not accept this identity.",
        "Check that the credential is of this tenancy and still active.",
    )


def unavailable_cause(error: BaseException) -> Cause | None:
    """The cause of a fetch that failed; `None` where the error's own message begins with it."""
    for link in error_chain(error):
        if isinstance(link, (ConfigError, NoCredentialsFoundError, SessionExpiredError)):
            return None
        if isinstance(link, ServiceUnreachableError):
            return network_cause(link)
        status = getattr(link, "status", None)
        if isinstance(status, int) and status:
            return _auth_service_cause(status)
    return None


def _auth_service_cause(status: int) -> Cause | None:
    if status == 401:
        return Cause(
            "auth-service-refused",
            "The auth service does not accept this identity.",
            "Check clock, tenancy and dynamic groups.",
        )
    if status == 429:
        return Cause("throttled", "The auth service is throttling requests.", "It is asked again by itself.")
    if status >= 500:
        return Cause("auth-service-down", "The auth service has trouble of its own.", "It is asked again by itself.")
    return None


def network_cause(error: BaseException) -> Cause:
    """The cause of a request without an answer."""
    links = list(error_chain(error))
    if any(isinstance(link, socket.gaierror) for link in links):
        return Cause(
            "name-not-found",
            "The name of the host cannot be resolved.",
            "Check the region's spelling, and the DNS settings of this machine.",
        )
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
        return Cause(
            "certificate-not-trusted",
            "The server's certificate is not trusted: probably a proxy inspects TLS here.",
            "Put the proxy's authority into the file that SSL_CERT_FILE names, or OCI's hosts into NO_PROXY.",
        )
    if any(isinstance(link, httpx.ProxyError) for link in links):
        return Cause(
            "proxy",
            "The proxy did not let the request through.",
            "Check HTTPS_PROXY and its credentials, or put OCI's hosts into NO_PROXY.",
        )
    if any(isinstance(link, (httpx.TimeoutException, TimeoutError)) for link in links):
        return Cause(
            "no-answer-in-time",
            "The host did not answer in time.",
            "Check firewall, route tables and security lists for outgoing port 443.",
        )
    if any(isinstance(link, ConnectionRefusedError) for link in links):
        return Cause("connection-refused", "The host refuses connections.", "Check the endpoint and its port.")
    return Cause("unreachable", "The host cannot be reached.", "Check endpoint, network and proxy.")


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def describe_source(provider: CredentialProvider) -> str:
    """Where a provider's credentials are from, for people."""
    source = getattr(provider, "source", None)
    return source if isinstance(source, str) else type(provider).__name__


def error_text(error: BaseException) -> str:
    """What an error says. A foreign one is only named, for its text may hold anything; it stays chained."""
    return str(error) if isinstance(error, OCIAuthError) else f"{type(error).__name__} was raised by the provider."
