"""Everything that goes wrong, in words: what is wrong, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A row is `code: what is wrong`, then what to do next. What follows a slash tells rows with the same code apart.
_TABLE = """
redirected: The request was redirected, which voids its signature.
  Turn redirects off.
changed-after-signing: The request was changed after it was signed: {change}.
  Change requests before they are signed: an event hook or a transport comes too late.
no-newer-credential: No newer credential could be had: {problem}
  Run `python -m oci_httpx_auth check` for the cause.
credential-expired: The credential has expired and its source has no newer one.
  Find out why it was not renewed: check the program or platform that writes it.
key-unknown: OCI does not accept this API key here: either it knows no such API key for this user and tenancy, or the tenancy is not subscribed to this region.
  Run `python -m oci_httpx_auth check`, which tells the two apart; a new key takes a minute to be known.
session-refused: OCI does not accept the session's token here: the session was ended, or its tenancy is not subscribed to this region.
  Run `oci session authenticate` again, or send requests to a region that the tenancy is subscribed to.
principal-refused: OCI does not accept the token that it has just issued to this principal.
  Check that the tenancy is subscribed to the region of the request, and that the dynamic group's rules still match.
identity-refused: OCI does not accept this identity.
  Check that the credential is of this tenancy and still active.
denied: OCI refuses this user the request, which it does by 404 as well as by 403. Usually no policy allows it in this compartment, or the OCID of the compartment, the project or the endpoint is wrong, or the region has no such model.
  Run `python -m oci_httpx_auth check --compartment OCID`, which tells them apart and shows the policy.
denied/principal: OCI refuses this {principal} the request, which it does by 404 as well as by 403. Usually no policy matches it (for an instance through a dynamic group), or the OCID of the compartment or project is wrong, or the region has no such model.
  Run `python -m oci_httpx_auth check --compartment OCID` there, which tells them apart and shows the policy.
denied/path: Generative AI has nothing at the path {path}. Usually the base URL does not end with /openai/v1.
  Correct the client's base URL.

auth-service-refused: The auth service does not accept this identity.
  Check clock, tenancy and dynamic groups.
auth-service-down: The auth service has trouble of its own.
  It is asked again by itself.
throttled: The auth service is throttling requests.
  It is asked again by itself.

no-tls: The {host}, or a proxy before it, does not speak TLS ({reason}).
  Check the endpoint's port. HTTPS_PROXY nearly always begins with http://, also for https requests.
no-answer-in-time: The {host} did not answer in time.
  Check firewall, route tables and security lists for outgoing port 443.
no-answer-in-time/proxy: No answer came through the {proxy} in time.
  Correct the variable, or put OCI's hosts into NO_PROXY.
connection-refused: The {host} refuses connections.
  Check the endpoint and its port.
broken-off: The {host} broke the connection off without an answer.
  Try again; if it stays, look for a firewall or proxy that inspects TLS on the way, and check NO_PROXY.
unreachable: The {host} cannot be reached.
  Check endpoint, network and proxy.
name-not-found: The name of the {host} cannot be resolved.
  Check the region's spelling, and the DNS settings of this machine.
name-not-found/dns: The name of the {host} cannot be resolved: no DNS server answers.
  Check the network of this machine and its DNS settings.
certificate-dated: The certificate of the {host} is {state} by this machine's clock.
  Check the clock of this machine; set it by NTP, e.g. `sudo chronyc makestep`. If the clock is right, a proxy or a wrong endpoint shows an old certificate.
certificate-of-another: The {host} shows a certificate for another name, so something else answers there.
  Check the endpoint's spelling, DNS and /etc/hosts, and whether a proxy or login page is in the way.
certificate-not-trusted: The {host} shows a certificate that is not trusted: probably a proxy inspects TLS here.
  {hint}Put the proxy's authority into the file that SSL_CERT_FILE names, or OCI's hosts into NO_PROXY.
certificate-not-trusted/cluster: The {host} shows a certificate that the cluster's CA file does not vouch for.
  Use the CA file that Kubernetes projects into this pod; check OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH.
proxy: The {proxy} cannot be reached.
  Correct the variable, or put OCI's hosts into NO_PROXY.
proxy/down: The request was to go through the {proxy}, which does not answer.
  Correct the variable, or put OCI's hosts into NO_PROXY.
proxy/name: The name of the {proxy} cannot be resolved.
  Correct the variable, or unset it where no proxy is needed.
proxy/password: The {proxy} asks for a user and a password (407).
  Put user and password into the variable: http://USER:PASSWORD@HOST:PORT.
proxy/target: The {proxy} cannot reach the {host} ({status}).
  Check the region's spelling, and whether the proxy resolves OCI's names.
proxy/forbids: The {proxy} did not let the request through to the {host} ({reason}).
  Have OCI's hosts allowed there, or put them into NO_PROXY.
proxy/changes: The answer has no opc-request-id, so it did not come from OCI: something on the way answered, or changed the request.
  Check HTTPS_PROXY, and put OCI's hosts into NO_PROXY.
"""


@dataclass(frozen=True)
class Cause:
    """code: a stable name for programs. text: what is wrong. remedy: what to do next. Both are whole sentences."""

    code: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


class Table(dict[str, tuple[str, str]]):
    """Rows of texts with placeholders, by their codes. Calling it fills one in."""

    def __init__(self, text: str) -> None:
        rows = re.findall(r"^([\w/-]+): (.+)\n  (.+)$", text, re.MULTILINE)
        super().__init__((key, (said, remedy.replace("\\n", "\n"))) for key, said, remedy in rows)

    def __call__(self, key: str, **values: object) -> Cause:
        text, remedy = (words.format(**values) for words in self[key])
        return Cause(key.partition("/")[0], text, remedy)


cause = Table(_TABLE)
