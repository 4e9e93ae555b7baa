"""Everything that goes wrong, in words: what is wrong, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ._secrecy import hide_secrets

Severity = Literal["error", "unknown", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, and what to do about it, in whole sentences. code: a stable name for programs.

    An `error` keeps calls from working; `unknown` means that `check` could not find out whether they work. Keys and tokens,
    which quoted values may hold, are masked.
    """

    severity: Severity
    code: str
    cause: str
    remedy: str

    def __post_init__(self) -> None:
        for name in ("cause", "remedy"):
            object.__setattr__(self, name, hide_secrets(getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}".strip()


def cause(key: str, /, **values: object) -> Finding:
    """The finding of one row of the table below, with its placeholders filled in."""
    severity, *texts = rows()[key]
    code, text, remedy = (template.format(**values).strip() for template in (key.partition("/")[0], *texts))
    return Finding(severity, code, text, remedy)


@cache
def rows() -> dict[str, tuple[Any, str, str]]:
    """Severity, cause and remedy by key. Read when they are needed: most programs never fail."""
    found = re.findall(r"^([\w/{}-]+)(?: \((\w+)\))?: (.+)\n  (.+)$", _ROWS, re.MULTILINE)
    return {key: (severity or "error", text, remedy) for key, severity, text, remedy in found}


# A row is `key: what is wrong`, then what to do next. The key is the finding's code; a slash and what follows it tell rows of
# the same code apart. A severity other than `error` is in parentheses. Up to `proxy/changes` the library itself says these
# things, in its log and its errors; what follows only `check` says.
_ROWS = """
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
denied: OCI denied this {who} the request; it answers 404 as well as 403 for that. Usually no policy allows it in this compartment (an instance needs a dynamic group), the OCID of the compartment, project or endpoint is wrong, or the region does not have the model.
  Run `python -m oci_httpx_auth check --compartment OCID` where this happens, which can tell these apart and prints the policy.
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
  Add them to the variable, between http:// and the host: USER:PASSWORD@HOST:PORT.
proxy/target: The {proxy} cannot reach the {host} ({status}).
  Check the region's spelling, and whether the proxy can resolve OCI's host names.
proxy/forbids: The {proxy} did not let the request through to the {host} ({reason}).
  Have OCI's hosts allowed there, or add them to NO_PROXY.
proxy/changes: The answer has no opc-request-id, so it did not come from OCI: something in between answered, or changed the request.
  Check HTTPS_PROXY, and add OCI's hosts to NO_PROXY.

no-source: {reason}
  {remedy}
no-source/pod: {reason}
  Fix the pod's service account, whose token and CA file are projected into the pod, or pass credentials explicitly.
not-an-instance: This is not an OCI instance, or its metadata service is blocked. {reason}
  {hints}Authenticate in another way, or let this machine reach 169.254.169.254.
account-token-expired: The pod's service account token expired {ago}. {reason}
  Kubernetes rotates it: check the pod's projected volume and the node's clock, and restart the pod.
certificate-expired: The instance's certificate expired {ago}.
  The platform renews it: check that the instance can reach the metadata service, and restart the instance if it stays expired.
not-the-workload (warning): {reason} Calls are signed by the node's instance principal instead.
  Fix the workload identity, or set OCI_CLI_AUTH=instance_principal to use the node's identity on purpose.
not-the-workload/denied: {reason} So the call was signed by the node's instance principal, which may not use Generative AI.
  Fix the workload identity; write a policy for the node's dynamic group only if you mean to use its identity.
no-answer-in-time/credential (unknown): No credential arrived from {source} within {seconds:.0f} s.
  Check the way to the auth service: firewall, route tables and security lists for outgoing traffic to port 443.

region-unknown: No region is known, so there is no endpoint to call.
  Set OCI_REGION, or add a region to the profile. For a resource principal, the platform should set OCI_RESOURCE_PRINCIPAL_REGION.
region-unknown/guess (warning): The region {region} is unknown, so its domain, {domain}, is a guess.
  Check its spelling; if it is a new region, describe it in OCI_REGION_METADATA.
region-unknown/host: signed call: The region {region} is unknown, and the host name derived from it does not exist.
  Check the region's spelling; if it is a new region, describe it in OCI_REGION_METADATA.

placeholder: {where} is still a placeholder, {value}.
  Fill in the real value.
quoted: {where} is in quotes, {value}, and they count as part of the value.
  Remove the quotes.
inline-comment: {where} has a comment after its value, {value}, which counts as part of it in this kind of file.
  Move the comment to a line of its own.
not-expanded: {where} contains a variable, {value}, but variables are not expanded there.
  Write out the value; only a leading ~ in a path is expanded.
continued-line: {where} continues on the next line, because that line is indented.
  Remove the blanks at the start of the lines.
strange-letters: {where} contains characters that do not belong there ({letters}).
  Retype the value, or copy it as plain text.
path-of-windows: {where} is a Windows path, {value}.
  Write the path in this system's form.
relative-path: {where} is the relative path {value}, which does not exist in {directory}.
  Write the full path, or start it with ~ for the home directory.
key-escaped: {where} holds a key with \\n in place of its line breaks.
  Use real line breaks.
directory-closed: {path} cannot be read, because this user may not enter the directory {directory}.
  Correct the directory's owner and mode, e.g. `chmod 700 {directory}`.
file-open-to-others (warning): Other users of this machine can read or write {path} (mode {mode:04o}), which {name} points to.
  Run `chmod 600 {path}`.
stale-inheritance: {mixed} {reason}
  Set {fields} in the profile itself.

ocids-swapped: user and tenancy are swapped: user is the OCID of a tenancy, and tenancy is that of a user.
  Swap the two values.
ocid-of-another-kind: {name} is the OCID of {kind}, not of a {name}.
  Copy the {name}'s OCID from the console (Profile menu, {menu}); it starts with 'ocid1.{name}.'.
ocid-cut-off: The {name}'s OCID was probably not copied correctly: it has {length} characters after its last dot, where OCIDs have {usual}.
  Copy the {name}'s OCID again.
other-realm: The {name} is in realm {theirs}, but the region {region} is in realm {realm}; realms do not know each other's identities.
  Choose a region in realm {theirs}, or another {name}, in realm {realm}.
{name}-elsewhere: The {name} is in {there}, but the call went to {region}.
  Send requests to {there} (OCI_REGION, or region=), or use another {name}, in {region}.
not-a-{name}: {value} is not the OCID of a {name}{other}.
  A {name}'s OCID starts with 'ocid1.{kind}.'.
key-of-another-user: According to profile {profile}, the key {fingerprint} belongs to user {other}, not to {user}.
  Correct the user or the key in {own}, or use profile {profile}.
key-unknown/here: OCI has no API key {fingerprint} for {user} in {tenancy}: it was never uploaded, it was deleted, or one of these three values is wrong.
  Upload this public key in the console (user, API keys), or correct the values; a new key takes a minute to become active.{public_key}
not-subscribed: The tenancy is not subscribed to {region}: the same credential is accepted in {elsewhere}, but not there.
  Subscribe to {region} in the console (Regions, Manage regions), or send requests to {elsewhere}; a new subscription takes a few minutes to become active.
not-subscribed/generative-ai: Generative AI in {region} does not accept this identity, although Identity does: probably the tenancy is not subscribed to the region.
  Subscribe to the region in the console, or choose another one.
clock-off (warning): This machine's clock is {text}; OCI rejects requests that are dated so far off. This library corrects for it, other tools do not.
  Set the clock by NTP, e.g. `sudo chronyc makestep`.
clock-off/slightly (warning): This machine's clock is {text}; OCI tolerates five minutes.
  Set the clock by NTP, e.g. `sudo chronyc makestep`.
clock-off/no-date: This machine's clock is off by more than five minutes, and the answer has no date to correct it by.
  Set the clock by NTP, e.g. `sudo chronyc makestep`.
service-down (unknown): {service} answered {status}{message}.
  Try again later; OCI's status page lists outages.

bearer-key-refused: Generative AI in {region} does not accept the API key in OCI_GENAI_API_KEY: it belongs to another region, has expired, was deleted, or was created before its policy and therefore stays refused.
  Check the key's region and state in the console. If the key is older than its policy, create a new key. The policy is:{policy}
not-offered: Generative AI is not offered in {region}: its host name does not exist there, although Identity's does.
  Choose a region that has the service, e.g. us-chicago-1, and subscribe the tenancy to it.
wrong-path: The base URL ends with {path}, where OpenAI's API is not served.
  Use {base}/openai/v1 as the base URL.
wrong-path/unknown: Generative AI in {region} has nothing at the path {path}.
  Choose a region that has the OpenAI-compatible API, e.g. us-chicago-1, or correct the base URL.
wrong-path/native: The base URL ends with {path}, which is the path of the service's own API, not of the OpenAI-compatible one.
  Use {base}/openai/v1 as the base URL.
wrong-path/deployment: The base URL ends with {path}, but a model deployment is called at '<OCID>/predict/v1'.
  Use https://modeldeployment.REGION.oci.customer-oci.com/DEPLOYMENT_OCID/predict/v1 as the base URL.
model-unknown: Generative AI in {region} does not serve the model {model}{message}.
  Choose a model that the region has (see OCI's list of models by region) or another region; check the name's spelling, e.g. openai.gpt-oss-120b.
model-unknown/kind: The model is the OCID of {kind}; a model on a dedicated AI cluster is called by the OCID of its endpoint.
  Use the endpoint's OCID ('ocid1.generativeaiendpoint.…'), or a model's name such as openai.gpt-oss-120b.
deployment-not-found: The model deployment does not exist, is not active, or may not be called by this identity.
  Check the deployment's OCID and state, and write this policy:{policy}
wrong-compartment: {place} is not a compartment that this user may use; the root compartment is.
  Correct the compartment's OCID, or write a policy for that compartment.
no-policy: {who} may not use Generative AI in {place}, or the OCID is wrong.
  Correct the OCID, or write this policy:{policy}
no-policy/principal: No policy lets this {who} use Generative AI in {place}: no dynamic group with a policy matches it, or the OCID is wrong.
  Check the OCID, and write this policy:{policy}
bad-request: Generative AI accepted the signature, but not the request{message}.
  Check that the region serves the model {model}, and that the compartment or project is right.
no-project: Generative AI requires a project{message}.
  Pass project_id, or set OCI_PROJECT_ID to the OCID of a project in this region.
throttled/generative-ai (warning): Generative AI is throttling this tenancy{message}.
  Retry later, or request a higher limit.
limit-reached: The tenancy has reached a limit or quota{message}.
  Request a higher limit in the console (Governance, Limits), or use another region or model.

not-a-url: {value} is not a URL that can be called.
  Use https:// and a host name, and check the port.
no-certificates: No certificates can be read from the path in SSL_CERT_FILE or SSL_CERT_DIR: {reason}.
  Correct the variable, or unset it.
proxy/answers: The answer {status} has no opc-request-id, so it did not come from OCI: a proxy, a login page or a wrong endpoint is in the way.
  Check HTTPS_PROXY and the endpoint; add OCI's hosts to NO_PROXY.
proxy/socks: The environment names a SOCKS proxy, which needs the package socksio.
  Run `pip install httpx[socks]`.
proxy/settings: The proxy settings cannot be used: a proxy is written as http://HOST:PORT.
  Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
internal (unknown): The check itself failed with {kind} ({place}).
  Report this as a bug, with the lines above.
"""
