"""What `check` says: a row for each thing that may be wrong."""

from __future__ import annotations

from .._verdicts import Table

# As the table of `_verdicts`.
_TABLE = """
no-source: {reason}
  {remedy}
no-source/pod: {reason}
  Mend the pod's service account, whose token and CA file are projected into the pod, or give credentials explicitly.
not-an-instance: This is no OCI instance, or its metadata is blocked. {reason}
  {hints}Use another way to authenticate, or let this machine reach 169.254.169.254.
account-token-expired: The pod's service account token expired {ago}. {reason}
  Kubernetes rotates it: check the pod's projected volume, restart the pod, and check the node's clock.
certificate-expired: The instance's certificate ended {ago}.
  The platform renews it: check that the instance reaches the metadata service, and restart it if it stays.
not-the-workload: {reason} Calls are signed by the node's instance principal.
  Mend the workload's identity, or set OCI_CLI_AUTH=instance_principal if the node is meant.
not-the-workload/denied: {reason} So the call was signed by the node's instance principal, which may not use Generative AI.
  Mend the workload's identity; only if the node is meant, write a policy for its dynamic group.
no-answer-in-time/credential: No credential came from {source} within {seconds:.0f} s.
  Check the way to the auth service: firewall, route tables and security lists for outgoing port 443.

region-unknown: No region is known, so there is no endpoint to call.
  Set OCI_REGION, or add region to the profile.
region-unknown/resource: No region is known, so there is no endpoint to call: OCI_RESOURCE_PRINCIPAL_REGION is not set, as the platform does it.
  Set OCI_RESOURCE_PRINCIPAL_REGION, or OCI_REGION.
region-unknown/guess: The region {region} is in no table, so its realm is a guess ({domain}).
  Check its spelling; for a new region, describe it in OCI_REGION_METADATA.
region-unknown/host: signed call: The region {region} is in no table, and the host made from it is not there.
  Check the region's spelling; for a new region, describe it in OCI_REGION_METADATA.

placeholder: {where} is still a placeholder, {value}.
  Fill in the value.
quoted: {where} is written in quotes, {value}, which belong to the value.
  Remove the quotes.
inline-comment: {where} has a comment behind its value, {value}, which belongs to the value in this kind of file.
  Move the comment to a line of its own.
not-expanded: {where} has a variable in it, {value}, which nobody replaces by its value.
  Write the value out; only ~ at the beginning of a path is replaced.
continued-line: {where} goes on in the next line, since that line is indented.
  Remove the blanks at the beginning of the lines.
strange-letters: {where} has characters that no such value has ({letters}).
  Type the value anew, or copy it as plain text.
path-of-windows: {where} is a path of Windows, {value}.
  Write the path as this system has it.
relative-path: {where} is the relative path {value}, looked for in {directory}.
  Write the path in full, or with ~ for the home directory.
key-escaped: {where} holds a key with \\n written out in place of line breaks.
  Put real line breaks there.
other-encoding: {path} is written in {encoding}, and has to be UTF-8.
  Save it as UTF-8: in an editor by "Save as", or with `iconv -f {name} -t UTF-8 {path} > config.new`.
directory-closed: The directory {directory} may not be entered by this user, so {path} cannot be read.
  Correct its owner and mode, e.g. `chmod 700 {directory}`.
file-open-to-others: Other users of this machine can read or write {path} (mode {mode:04o}), which {name} names.
  Run `chmod 600 {path}`.
stale-inheritance: {mixed} {reason}
  Set user, tenancy, fingerprint and key_file in the profile itself.
stale-inheritance/session: {mixed} {reason}
  Set security_token_file in the profile itself, or move it out of DEFAULT.

ocids-swapped: user and tenancy are swapped: user names a tenancy, and tenancy names a user.
  Exchange the two values.
ocid-of-another-kind: {name} is the OCID of {kind}, and not of a {name}.
  Copy the {name}'s OCID from the console (Profile menu, {menu}); it begins with 'ocid1.{name}.'.
ocid-cut-off: The {name}'s OCID is probably not copied whole: after its last dot it has {length} characters, {many}; OCIDs have {usual} there.
  Copy the {name}'s OCID again.
other-realm: The {name} is of realm {theirs}, and the region {region} of realm {realm}, which do not know each other.
  Choose a region of realm {theirs}, or a {name} of {realm}.
elsewhere: The {name} is in {there}, and the call went to {region}.
  Send requests to {there} (OCI_REGION, or region=), or use a {name} of {region}.
not-a-place: {value} {problem}; it is not the OCID of a {name}.
  A {name}'s OCID begins with 'ocid1.{kind}.'.
key-of-another-user: By {label}, the key {fingerprint} is that of user {other}, and not of {user}.
  Correct user or key in {own}, or use profile {profile}.
key-unknown/here: OCI knows no API key {fingerprint} for {user} in {tenancy}: it was not uploaded, was deleted, or one of the three is another's.
  Upload this public key in the console (user, API keys), or correct the three; a new key takes a minute to be known.\\n{public_key}
not-subscribed: The tenancy is not subscribed to {region}: the same credential is accepted in {elsewhere}, and not there.
  Subscribe to {region} in the console (Regions, Manage regions), or send requests to {elsewhere}; a new subscription takes some minutes to be known.
not-subscribed/generative-ai: Generative AI in {region} does not know this identity, although Identity accepts it: probably the tenancy is not subscribed to the region.
  Subscribe to the region in the console, or choose another one.
clock-off: This machine's clock is {text}; OCI refuses what is dated so. This library corrects for it, other tools do not.
  Set the clock by NTP, e.g. `sudo chronyc makestep`.
clock-off/slightly: This machine's clock is {text}; OCI tolerates five minutes.
  Set the clock by NTP, e.g. `sudo chronyc makestep`.
clock-off/no-date: This machine's clock is off by more than five minutes, and cannot be corrected for on this connection.
  Set the clock by NTP, e.g. `sudo chronyc makestep`.
service-down: {service} answered {status}{message}.
  Try again later; OCI's status page tells about outages.

bearer-key-refused: Generative AI in {region} does not accept the API key of OCI_GENAI_API_KEY: it belongs to another region, has expired or was deleted, or it was made before there was a policy for it, and then stays refused.
  Check region and state of the key in the console. If the policy is younger than the key, make a new key:\\n{policy}
not-offered: Generative AI is not offered in {region}: its host has no address there, although that of Identity has one.
  Choose a region that has the service, e.g. us-chicago-1, and subscribe the tenancy to it.
wrong-path: The base URL ends with {path}, so there is nothing of OpenAI's API below it.
  Use {base}/openai/v1 as the base URL.
wrong-path/native: The base URL ends with {path}, which is the path of the service's own API, and not of the OpenAI-compatible one.
  Use {base}/openai/v1 as the base URL.
wrong-path/deployment: The base URL ends with {path}, where a model deployment is called below '<OCID>/predict/v1'.
  Use https://modeldeployment.REGION.oci.customer-oci.com/DEPLOYMENT_OCID/predict/v1 as the base URL.
model-unknown: Generative AI in {region} does not serve the model {model}{message}.
  Choose a model that the region has (OCI's list of models by region), or another region; check the name's spelling, e.g. openai.gpt-oss-120b.
model-unknown/kind: The model is the OCID of {kind}; a model on a dedicated AI cluster is called by the OCID of its endpoint.
  Take the endpoint's OCID ('ocid1.generativeaiendpoint.…'), or a model's name such as openai.gpt-oss-120b.
deployment-not-found: The model deployment is not there, is not active, or may not be called by this identity.
  Check the deployment's OCID and state, and write a policy:\\n{policy}
wrong-compartment: {place} is not a compartment that this user may use; the root compartment is.
  Correct the compartment's OCID, or write a policy for that compartment.
no-policy: {who} may not use Generative AI in {place}, or there is no such place.
  Correct the OCID, or write a policy:\\n{policy}
no-policy/principal: No policy lets this {who} use Generative AI in {place}: no dynamic group with a policy matches it, or the OCID is wrong.
  Check the OCID, and write a policy:\\n{policy}
bad-request: Generative AI took the signature, but not the request{message}.
  Check that the model {model} is served in this region, and the compartment or project.
throttled: Generative AI is throttling this tenancy{message}.
  Retry later, or ask for a higher limit.
limit-reached: A limit or quota of the tenancy is used up{message}.
  Ask for a higher limit in the console (Governance, Limits), or use another region or model.

not-a-url: {value} is not a URL that can be called.
  Use https:// and a host's name; check the port.
no-certificates: No certificates can be read from what SSL_CERT_FILE or SSL_CERT_DIR names: {reason}.
  Correct the variable, or unset it.
proxy/answers: An answer of {status} without opc-request-id did not come from OCI: a proxy, a login page or a wrong endpoint is in the way.
  Check HTTPS_PROXY and the endpoint; put OCI's hosts into NO_PROXY.
proxy/socks: A SOCKS proxy is named, which needs the package socksio.
  Run `pip install httpx[socks]`.
proxy/settings: The proxy settings cannot be used: a proxy is written as http://HOST:PORT.
  Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
internal: The check itself broke off by {kind} ({place}).
  Report this with the lines above; they say how far it came.
internal/request: The request broke off by {kind}.
  Report this as a mistake of this program.
"""

cause: Table = Table(_TABLE)
