"""Why there is no credential, or no answer: the most probable cause, and what to do next."""

from __future__ import annotations

import os
import re
import socket
import ssl
from urllib.request import getproxies, proxy_bypass

import httpx

from ._errors import (
    ConfigError,
    NoCredentialsFoundError,
    OCIAuthError,
    ServiceUnreachableError,
    SessionExpiredError,
    error_chain,
)
from ._hosts import is_link_local, is_loopback
from ._secrecy import quote_value
from ._verdicts import Finding, cause

_END_OF_SENTENCE = re.compile(r"(\.(?: \(opc-request-id [^)]*\))?) ")  # a request id belongs to what was said before it
# For errors that leave the next step unsaid.
_REMEDIES = {
    "invalid-key": "Use the private key that belongs to the uploaded public key: the file that `oci setup config` created, or the "
    "one that was downloaded with the API key.",
    "invalid-token": "Obtain a new token; for a session, run `oci session authenticate`.",
    "no-credentials": "Check what this mode needs, or choose another one with auth or OCI_CLI_AUTH.",
}


def error_cause(error: BaseException, code: str = "") -> Finding:
    """The finding in one of our errors, which say in their first sentence what is wrong, and then what to do."""
    code = code or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    text, end, remedy = (*_END_OF_SENTENCE.split(str(error), maxsplit=1), "", "")[:3]
    return Finding("error", code, text + end, remedy or _REMEDIES.get(code, "Correct it and run `check` again."))


def unavailable_cause(error: BaseException) -> Finding | None:
    """The cause of a fetch that failed; None where the error's own message begins with it."""
    for link in error_chain(error):
        if isinstance(link, (ConfigError, NoCredentialsFoundError, SessionExpiredError)):
            return None
        if isinstance(link, ServiceUnreachableError):
            return network_cause(link)
        status = getattr(link, "status", None)
        if isinstance(status, int) and status:
            codes = {401: "auth-service-refused", 429: "throttled"}
            code = "auth-service-down" if status >= 500 else codes.get(status)
            return None if code is None else cause(code)
    return None


def request_cause(error: Exception, url: str) -> Finding:
    """Why a request to this URL got no answer, or could not be sent at all. Raises an error of any other kind."""
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)) or "://" not in url:
        return cause("not-a-url", value=quote_value(url))
    if isinstance(error, OCIAuthError):
        return error_cause(error, "not-signed")
    if isinstance(error, ImportError):
        return cause("proxy/socks")
    if isinstance(error, OSError) and (error.errno is not None or error.filename):
        return cause("no-certificates", reason=error.strerror)
    if isinstance(error, (OSError, httpx.HTTPError)):
        return network_cause(error)
    if isinstance(error, (ValueError, TypeError)):
        return cause("proxy/settings")
    raise error


def network_cause(error: BaseException) -> Finding:
    """The cause of a request without an answer. A proxy is only blamed for a request that went through it."""
    links = list(error_chain(error))
    url = next(filter(None, map(_url_of, links)), httpx.URL())
    host = f"host {url.host}".rstrip()
    direct = _goes_directly(links, url)
    proxy = _proxy_for(url) if url.host and not direct else ""
    for link in links:
        if isinstance(link, socket.gaierror):
            if proxy:
                return cause("proxy/name", proxy=proxy)
            return cause("name-not-found/dns" if link.errno == socket.EAI_AGAIN else "name-not-found", host=host)
        if isinstance(link, ssl.SSLCertVerificationError):  # by the numbers of OpenSSL's X509_V_ERR_*
            if state := {9: "is not valid yet", 10: "has expired"}.get(link.verify_code):
                return cause("certificate-dated", host=host, state=state)
            if link.verify_code in (62, 64):
                return cause("certificate-of-another", host=host)
            named = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "")
            hint = named and f"{named} determines which authorities are trusted: check what it points to. "
            code = "certificate-not-trusted/cluster" if direct else "certificate-not-trusted"
            return cause(code, host=host, hint=hint)
        if isinstance(link, ssl.SSLError):
            return cause("no-tls", host=host, reason=link.reason or "the handshake failed")
        if isinstance(link, httpx.ProxyError):  # its text is the proxy's answer, which begins with its status
            status, reason = str(link)[:3], str(link) or "no reason given"
            keys = {"407": "proxy/password", "502": "proxy/target", "503": "proxy/target", "504": "proxy/target"}
            key = keys.get(status, "proxy/forbids")
            return cause(key, proxy=proxy or "proxy", host=host, status=status, reason=reason)
        if isinstance(link, (httpx.TimeoutException, TimeoutError)):
            return cause("no-answer-in-time/proxy" if proxy else "no-answer-in-time", host=host, proxy=proxy)
        if isinstance(link, ConnectionRefusedError):
            return cause("proxy/down" if proxy else "connection-refused", host=host, proxy=proxy)
        if isinstance(link, (ConnectionResetError, httpx.RemoteProtocolError)):
            return cause("broken-off", host=f"{proxy}, or the {host} behind it," if proxy else host)
    return cause("proxy" if proxy else "unreachable", host=host, proxy=proxy)


def _goes_directly(links: list[BaseException], url: httpx.URL) -> bool:
    """Whether the request used no proxy, whatever the environment says.

    The auth services' own client uses none for this machine, the metadata service, and a cluster's own proxy.
    """
    of_auth_service = any(isinstance(link, ServiceUnreachableError) for link in links)
    in_cluster = url.path == "/resourcePrincipalSessionTokens"
    return of_auth_service and (is_loopback(url.host) or is_link_local(url.host) or in_cluster)


def _proxy_for(url: httpx.URL) -> str:
    """The proxy that the environment names for a URL, as `proxy HOST:PORT (VARIABLE)`; empty if it names none."""
    proxies = {} if proxy_bypass(url.host) else getproxies()
    scheme = next((scheme for scheme in (url.scheme, "all") if proxies.get(scheme)), None)
    if scheme is None:
        return ""
    names = f"{scheme}_proxy", f"{scheme}_proxy".upper()
    variable = next((name for name in names if os.environ.get(name)), "the system's settings")
    return f"proxy {proxies[scheme].rpartition('@')[2].rpartition('//')[2].rstrip('/')} ({variable})"


def _url_of(error: BaseException) -> httpx.URL | None:
    try:
        return error.request.url if isinstance(error, httpx.RequestError) else None
    except RuntimeError:  # raised without a request
        return None
