"""What `check` says: a row for each thing that may be wrong."""

from __future__ import annotations

from .._verdicts import Table

cause: Table = Table("""
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
  Set OCI_REGION, or add a region to the profile.
region-unknown/resource: No region is known, so there is no endpoint to call: OCI_RESOURCE_PRINCIPAL_REGION, which the platform should set, is not set.
  Set OCI_RESOURCE_PRINCIPAL_REGION or OCI_REGION.
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
other-encoding: {path} is encoded as {encoding}, but has to be UTF-8.
  Save it as UTF-8: with "Save as" in an editor, or with `iconv -f {name} -t UTF-8 {path} > config.new`.
directory-closed: {path} cannot be read, because this user may not enter the directory {directory}.
  Correct the directory's owner and mode, e.g. `chmod 700 {directory}`.
file-open-to-others (warning): Other users of this machine can read or write {path} (mode {mode:04o}), which {name} points to.
  Run `chmod 600 {path}`.
stale-inheritance: {mixed} {reason}
  Set user, tenancy, fingerprint and key_file in the profile itself.
stale-inheritance/session: {mixed} {reason}
  Set key_file and security_token_file in the profile itself.

ocids-swapped: user and tenancy are swapped: user is the OCID of a tenancy, and tenancy is that of a user.
  Swap the two values.
ocid-of-another-kind: {name} is the OCID of {kind}, not of a {name}.
  Copy the {name}'s OCID from the console (Profile menu, {menu}); it starts with 'ocid1.{name}.'.
ocid-cut-off: The {name}'s OCID was probably not copied correctly: it has {length} characters after its last dot, where OCIDs have {usual}.
  Copy the {name}'s OCID again.
other-realm: The {name} is in realm {theirs}, but the region {region} is in realm {realm}; realms do not know each other's identities.
  Choose a region in realm {theirs}, or another {name}, in realm {realm}.
elsewhere: The {name} is in {there}, but the call went to {region}.
  Send requests to {there} (OCI_REGION, or region=), or use another {name}, in {region}.
not-a-place: {value} is not the OCID of a {name}{other}.
  A {name}'s OCID starts with 'ocid1.{kind}.'.
key-of-another-user: According to {label}, the key {fingerprint} belongs to user {other}, not to {user}.
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
throttled (warning): Generative AI is throttling this tenancy{message}.
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
internal/request (unknown): The request failed with {kind}.
  Report this as a bug.
""")
