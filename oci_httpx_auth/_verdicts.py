"""Everything that goes wrong, in words: what is wrong, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Severity = Literal["error", "unknown", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, and what to do about it, in whole sentences. code: a stable name for programs.

    An `error` keeps calls from working; `unknown` means that `check` could not find out whether they work.
    """

    severity: Severity
    code: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}".strip()


class Table:
    """Findings with placeholders, by their codes. Calling it with a code and values fills one in.

    A row is `code: what is wrong`, then what to do next. A slash and what follows it distinguish rows of the same code.
    A severity other than `error` is in parentheses.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def rows(self) -> dict[str, tuple[Any, str, str]]:
        """Severity, cause and remedy by code. Read when they are needed: most programs never fail."""
        rows = re.findall(r"^([\w/-]+)(?: \((\w+)\))?: (.+)\n  (.+)$", self._text, re.MULTILINE)
        return {key: (severity or "error", text, remedy) for key, severity, text, remedy in rows}

    def __call__(self, key: str, **values: object) -> Finding:
        severity, *words = self.rows[key]
        text, remedy = (template.format(**values) for template in words)
        return Finding(severity, key.partition("/")[0], text.strip(), remedy)


cause = Table("""
redirected: The request was redirected, which invalidates its signature.
  Turn off redirects.
changed-after-signing: The request was changed after it was signed: {change}.
  Change requests before they are signed; an event hook or a transport runs after that.
no-newer-credential: No newer credential could be obtained: {problem}
  Run `python -m oci_httpx_auth check` to find the cause.
credential-expired: The credential has expired, and its source has no newer one.
  Check the program or platform that should have renewed it.
key-unknown: OCI does not accept this API key here: either it has no such API key for this user and tenancy, or the tenancy is not subscribed to this region.
  Run `python -m oci_httpx_auth check`, which can tell the two apart. A new key takes a minute to become active.
session-refused: OCI does not accept the session token here: the session was ended, or its tenancy is not subscribed to this region.
  Run `oci session authenticate` again, or send requests to a region that the tenancy is subscribed to.
principal-refused: OCI does not accept the token that it has just issued to this principal.
  Check that the tenancy is subscribed to the region of the request, and that the dynamic group's rules still match.
identity-refused: OCI does not accept this identity.
  Check that the credential belongs to this tenancy and is still active.
denied: OCI denied this user the request; it answers 404 as well as 403 for that. Usually no policy allows it in this compartment, the OCID of the compartment, project or endpoint is wrong, or the region does not have the model.
  Run `python -m oci_httpx_auth check --compartment OCID`, which can tell these apart and prints the policy.
denied/principal: OCI denied this {principal} the request; it answers 404 as well as 403 for that. Usually no policy matches it (an instance needs a dynamic group), the OCID of the compartment or project is wrong, or the region does not have the model.
  Run `python -m oci_httpx_auth check --compartment OCID` there, which can tell these apart and prints the policy.
denied/path: Generative AI has nothing at the path {path}. Usually the base URL does not end with /openai/v1.
  Correct the client's base URL.

auth-service-refused: The auth service does not accept this identity.
  Check the clock, the tenancy and the dynamic groups.
auth-service-down (unknown): The auth service has a problem of its own.
  It will be tried again automatically.
throttled (unknown): The auth service is throttling requests.
  It will be tried again automatically.

no-tls: The {host}, or a proxy in front of it, does not speak TLS ({reason}).
  Check the endpoint's port. HTTPS_PROXY nearly always starts with http://, even though it is for https requests.
no-answer-in-time (unknown): The {host} did not answer in time.
  Check the firewall, route tables and security lists for outgoing traffic to port 443.
no-answer-in-time/proxy (unknown): No answer came through the {proxy} in time.
  Correct the variable, or add OCI's hosts to NO_PROXY.
connection-refused: The {host} refuses connections.
  Check the endpoint and its port.
broken-off: The {host} closed the connection without answering.
  Try again; if it keeps happening, look for a firewall or proxy that inspects TLS, and check NO_PROXY.
unreachable: The {host} cannot be reached.
  Check the endpoint, the network and the proxy.
name-not-found: The name of the {host} cannot be resolved.
  Check the region's spelling and this machine's DNS settings.
name-not-found/dns: The name of the {host} cannot be resolved: no DNS server answers.
  Check this machine's network and DNS settings.
certificate-dated: The certificate of the {host} {state} according to this machine's clock.
  Check the clock, and set it by NTP, e.g. `sudo chronyc makestep`. If the clock is right, a proxy or the wrong endpoint is presenting an old certificate.
certificate-of-another: The {host} presents a certificate for another name, so something else is answering there.
  Check the endpoint's spelling, DNS and /etc/hosts, and whether a proxy or login page is in the way.
certificate-not-trusted: The {host} presents a certificate that is not trusted: probably a proxy is inspecting TLS.
  {hint}Add the proxy's authority to the file that SSL_CERT_FILE names, or OCI's hosts to NO_PROXY.
certificate-not-trusted/cluster: The {host} presents a certificate that cannot be verified with the cluster's CA file.
  Use the CA file that Kubernetes projects into this pod; check OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH.
proxy: The {proxy} cannot be reached.
  Correct the variable, or add OCI's hosts to NO_PROXY.
proxy/down: The request has to go through the {proxy}, which refuses connections.
  Correct the variable, or add OCI's hosts to NO_PROXY.
proxy/name: The name of the {proxy} cannot be resolved.
  Correct the variable, or unset it if no proxy is needed.
proxy/password: The {proxy} requires a user name and password (407).
  Add them to the variable: http://USER:PASSWORD@HOST:PORT.
proxy/target: The {proxy} cannot reach the {host} ({status}).
  Check the region's spelling, and whether the proxy can resolve OCI's host names.
proxy/forbids: The {proxy} did not let the request through to the {host} ({reason}).
  Have OCI's hosts allowed there, or add them to NO_PROXY.
proxy/changes: The answer has no opc-request-id, so it did not come from OCI: something in between answered, or changed the request.
  Check HTTPS_PROXY, and add OCI's hosts to NO_PROXY.
""")
