"""Why OCI, or the way to it, said no: the most probable cause, and what to do next.

OCI's answers to a wrong signature do not say what is wrong. What this side knows usually does.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from ._credential import CredentialProvider
from ._errors import ConfigError, NoCredentialsFoundError, OCIAuthError, ServiceUnreachableError, SessionExpiredError
from ._hosts import is_link_local, is_loopback
from ._secrecy import hide_secrets

PRINCIPALS = frozenset({"instance_principal", "resource_principal", "oke_workload_identity"})

_CLOCK = "Check the clock of this machine; set it by NTP, e.g. `sudo chronyc makestep`."


@dataclass(frozen=True)
class Cause:
    """code: a stable name for programs. text: what is wrong. remedy: what to do next. Both are whole sentences."""

    code: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


def refusal_cause(
    mode: str,
    *,
    redirected: bool = False,
    changed: str = "",
    problem: str | None = None,
    expired: bool = False,
    from_oci: bool = True,
) -> Cause:
    """The cause of a 401 that stayed, after the clock was corrected and the credential replaced if it could be.

    redirected: the request was sent on to another URL. changed: what `change_after_signing` found. problem: why no newer credential could be had. expired: by
    the server's clock, the credential has ended. from_oci: whether the answer had an `opc-request-id`, as OCI's have.
    """
    if redirected:
        return Cause("redirected", "The request was redirected, which voids its signature.", "Turn redirects off.")
    if changed:
        return Cause(
            "changed-after-signing",
            f"The request was changed after it was signed: {changed}.",
            "Change requests before they are signed: an event hook or a transport comes too late.",
        )
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
            "OCI does not accept this API key here: either it knows no such API key for this user and tenancy, or the tenancy "
            "is not subscribed to this region.",
            "Run `python -m oci_httpx_auth check`, which tells the two apart; a new key takes a minute to be known.",
        )
    if mode == "security_token":
        return Cause(
            "session-refused",
            "OCI does not accept the session's token here: the session was ended, or its tenancy is not subscribed to this region.",
            "Run `oci session authenticate` again, or send requests to a region that the tenancy is subscribed to.",
        )
    if mode in PRINCIPALS:
        return Cause(
            "principal-refused",
            "OCI does not accept the token that it has just issued to this principal.",
            "Check that the tenancy is subscribed to the region of the request, and that the dynamic group's rules still match.",
        )
    return Cause(
        "identity-refused",
        "OCI does not accept this identity.",
        "Check that the credential is of this tenancy and still active.",
    )


def change_after_signing(signed: Mapping[bytes, bytes], request_line: bytes, response: Any) -> str:
    """What of a refused request differs from what was signed: an event hook or a transport has changed it. Empty if nothing.

    signed: all headers as they were signed, by their lower-case names, with `authorization`. request_line: method and target.
    """
    sent = response.request
    method, _, target = request_line.partition(b" ")
    if sent.method.encode().lower() != method.lower():
        return f"the method was {method.decode()}, and {sent.method} was sent"
    rewritten = url_as_sent(response)
    if sent.extensions.get("target", sent.url.raw_path) != target:
        return "the URL's path or query is another one"
    if rewritten is not None:
        return f"aiohttp sends {rewritten.raw_path.decode()} in place of the URL's {target.decode()}"
    now: dict[bytes, list[bytes]] = {}
    for name, value in sent.headers.raw:
        now.setdefault(name.lower(), []).append(value)
    covered = re.search(rb'headers="([^"]*)"', signed.get(b"authorization", b""))
    names = [b"authorization", *(covered[1].split() if covered else ())]
    changed = [name.decode() for name in names if name in signed and now.get(name, []) != [signed[name]]]
    return f"other values or none for the signed {_plural('header', changed)}" if changed else ""


def url_as_sent(response: Any) -> Any:
    """The URL that aiohttp really asked for, which writes some escapes its own way; None if it is the request's, or another
    transport was at work. Signing this URL instead is what such a request needs.
    """
    stream = getattr(response.stream, "_stream", response.stream)
    yarl = sys.modules.get("yarl")
    if yarl is None or not type(stream).__module__.startswith("httpx_aiohttp"):
        return None
    url = response.request.url
    theirs = yarl.URL(str(url)).raw_path_qs.encode()
    return None if theirs == url.raw_path else url.copy_with(raw_path=theirs)


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
    """The cause of a request without an answer. A proxy is only blamed for a request that went through it."""
    links = list(error_chain(error))
    target = next((url for link in links if (url := _url_of(link)) is not None), None)
    host = f"host {target.host}" if target is not None and target.host else "host"
    # The auth services' own client takes no proxy to this machine and its metadata service.
    direct = any(isinstance(link, ServiceUnreachableError) for link in links) and target is not None
    near = target is not None and (is_loopback(target.host) or is_link_local(target.host))
    proxy = "" if target is None or (direct and near) else proxy_for(target)
    for link in links:
        if isinstance(link, socket.gaierror):
            return _name_cause(link, host, proxy)
        if isinstance(link, ssl.SSLCertVerificationError):
            return _certificate_cause(link, host)
        if isinstance(link, ssl.SSLError):
            return Cause(
                "no-tls",
                f"The {host}, or a proxy before it, does not speak TLS ({link.reason or 'the handshake broke off'}).",
                "Check the endpoint's port. HTTPS_PROXY nearly always begins with http://, also for https requests.",
            )
        if isinstance(link, httpx.ProxyError):
            return _proxy_cause(str(link), host, proxy)
        if isinstance(link, (httpx.TimeoutException, TimeoutError)):
            if proxy:
                return Cause("no-answer-in-time", f"No answer came through the {proxy} in time.", _PROXY_REMEDY)
            return Cause(
                "no-answer-in-time",
                f"The {host} did not answer in time.",
                "Check firewall, route tables and security lists for outgoing port 443.",
            )
        if isinstance(link, ConnectionRefusedError):
            if proxy:
                return Cause(
                    "proxy", f"The request was to go through the {proxy}, which does not answer.", _PROXY_REMEDY
                )
            return Cause("connection-refused", f"The {host} refuses connections.", "Check the endpoint and its port.")
        if isinstance(link, (ConnectionResetError, httpx.RemoteProtocolError)):
            what = f"The {proxy}, or the {host} behind it," if proxy else f"The {host}"
            return Cause(
                "broken-off",
                f"{what} broke the connection off without an answer.",
                "Try again; if it stays, look for a firewall or proxy that inspects TLS on the way, and check NO_PROXY.",
            )
    if proxy:
        return Cause("proxy", f"The {proxy} cannot be reached.", _PROXY_REMEDY)
    return Cause("unreachable", f"The {host} cannot be reached.", "Check endpoint, network and proxy.")


_PROXY_REMEDY = "Correct the variable, or put OCI's hosts into NO_PROXY."


def proxy_for(url: httpx.URL) -> str:
    """The proxy that the environment names for a URL, as `proxy HOST:PORT (VARIABLE)`; empty if it names none."""
    if proxy_bypass(url.host):
        return ""
    proxies = getproxies()
    scheme = next((scheme for scheme in (url.scheme, "all") if proxies.get(scheme)), None)
    if scheme is None:
        return ""
    names = f"{scheme}_proxy", f"{scheme}_proxy".upper()
    variable = next((name for name in names if os.environ.get(name)), "the system's settings")
    return f"proxy {hide_secrets(proxies[scheme].rpartition('@')[2].rpartition('//')[2].rstrip('/'))} ({variable})"


def _name_cause(error: socket.gaierror, host: str, proxy: str) -> Cause:
    if proxy:
        return Cause(
            "proxy",
            f"The name of the {proxy} cannot be resolved.",
            "Correct the variable, or unset it where no proxy is needed.",
        )
    if error.errno == socket.EAI_AGAIN:
        return Cause(
            "name-not-found",
            f"The name of the {host} cannot be resolved: no DNS server answers.",
            "Check the network of this machine and its DNS settings.",
        )
    return Cause(
        "name-not-found",
        f"The name of the {host} cannot be resolved.",
        "Check the region's spelling, and the DNS settings of this machine.",
    )


def _certificate_cause(error: ssl.SSLCertVerificationError, host: str) -> Cause:
    """By the numbers of OpenSSL's X509_V_ERR_*."""
    if error.verify_code in (9, 10):
        state = "not valid yet" if error.verify_code == 9 else "expired"
        return Cause(
            "certificate-dated",
            f"The certificate of the {host} is {state} by this machine's clock.",
            f"{_CLOCK} If the clock is right, a proxy or a wrong endpoint shows an old certificate.",
        )
    if error.verify_code in (62, 64):
        return Cause(
            "certificate-of-another",
            f"The {host} shows a certificate for another name, so something else answers there.",
            "Check the endpoint's spelling, DNS and /etc/hosts, and whether a proxy or login page is in the way.",
        )
    return Cause(
        "certificate-not-trusted",
        f"The {host} shows a certificate that is not trusted: probably a proxy inspects TLS here.",
        "Put the proxy's authority into the file that SSL_CERT_FILE names, or OCI's hosts into NO_PROXY.",
    )


def _proxy_cause(text: str, host: str, proxy: str) -> Cause:
    """`text` begins with the proxy's status."""
    name = f"The {proxy}" if proxy else "The proxy"
    if text.startswith("407"):
        return Cause(
            "proxy",
            f"{name} wants to know who you are (407).",
            "Put user and password into the variable: http://USER:PASSWORD@HOST:PORT.",
        )
    if text[:3] in ("502", "503", "504"):
        return Cause(
            "proxy",
            f"{name} cannot reach the {host} ({text[:3]}).",
            "Check the region's spelling, and whether the proxy resolves OCI's names.",
        )
    return Cause(
        "proxy",
        f"{name} did not let the request through to the {host} ({hide_secrets(text) or 'no reason given'}).",
        "Have OCI's hosts allowed there, or put them into NO_PROXY.",
    )


def _url_of(error: BaseException) -> httpx.URL | None:
    try:
        return error.request.url if isinstance(error, httpx.RequestError) else None
    except RuntimeError:  # raised without a request
        return None


def _plural(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        # httpcore hides what it translates; there it is the error's own argument.
        told = link.args[0] if link.args and isinstance(link.args[0], BaseException) else None
        link = link.__cause__ or told or link.__context__


def describe_source(provider: CredentialProvider) -> str:
    """Where a provider's credentials are from, for people."""
    source = getattr(provider, "source", None)
    return source if isinstance(source, str) else type(provider).__name__


def error_text(error: BaseException) -> str:
    """What an error says. A foreign one is only named, for its text may hold anything; it stays chained."""
    return str(error) if isinstance(error, OCIAuthError) else f"{type(error).__name__} was raised by the provider."
