"""The credential: fetched once with little patience, and what it says of itself."""

from __future__ import annotations

import base64
import re
from concurrent.futures import TimeoutError as FutureTimeoutError

from .._auth_service.tokens import parse_security_token
from .._causes import Cause, error_chain, unavailable_cause
from .._errors import InvalidTokenError, NoCredentialsFoundError, OCIAuthError, SessionExpiredError
from .._signer import OCISigner
from .._signing.waiting import in_thread
from ..credentials._config import config_path, env_value
from ..credentials.api_key import APIKey
from ..credentials.instance_principal import InstancePrincipal, read_certificates
from ..credentials.workload_identity import OKEWorkloadIdentity
from .network import PATIENCE, first_sentence_cause
from .report import ago
from .values import closed_directory_cause
from .walk import Walk

_PROBE = 3.0  # seconds that the metadata service has to answer


def fetch_credential(walk: Walk) -> bool:
    """Have one fetched, and say what it is. False, with a finding, if none can be had."""
    provider, signer = walk.provider, walk.signer
    assert isinstance(signer, OCISigner)
    _describe_service_account(walk)
    walk.notes.wait(f"credential: waiting for {getattr(provider, 'source', 'the provider')}, {PATIENCE:.0f} s at most")

    def fetch() -> dict[str, str]:
        if type(provider) is InstancePrincipal:
            provider.look_up_region(patience=_PROBE)  # while booting, an instance would be more patient
        # Signing any request shows what goes over the wire: the key id, and a signature as long as the key.
        return signer.signed_headers("GET", "https://localhost/")

    try:
        headers = in_thread(fetch, "oci-check").result(PATIENCE)
    except FutureTimeoutError:
        source = getattr(provider, "source", "the provider")
        walk.notes.line("error", "credential", f"not there after {PATIENCE:.0f} s")
        walk.notes.error(
            "no-answer-in-time",
            f"No credential came from {source} within {PATIENCE:.0f} s.",
            "Check the way to the auth service: firewall, route tables and security lists for outgoing port 443.",
        )
        _describe_certificate(walk)
        return False
    except OCIAuthError as error:
        reason = error if error.__cause__ is None else error.__cause__
        walk.notes.line("error", "credential", str(getattr(reason, "likely", reason)))
        walk.notes.found(_fetch_cause(walk, reason))
        _describe_certificate(walk)
        return False
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', headers["authorization"]))
    bits = len(base64.b64decode(parameters["signature"])) * 8
    if isinstance(provider, APIKey):
        walk.notes.line("ok", "user", f"{provider.user} of {provider.tenancy}")
        walk.notes.line("ok", "key", f"RSA, {bits} bits; its fingerprint is the configured one, {provider.fingerprint}")
    else:
        walk.notes.line("ok", "key", f"RSA, {bits} bits")
    if parameters["keyId"].startswith("ST$"):
        describe_token(walk, parameters["keyId"][3:], "token")
    _describe_certificate(walk)
    if walk.fallen_through:
        walk.notes.warning(
            "not-the-workload",
            f"{walk.fallen_through} Calls are signed by the node's instance principal.",
            "Mend the workload's identity, or set OCI_CLI_AUTH=instance_principal if the node is meant.",
        )
    return True


def describe_token(walk: Walk, token: str, subject: str) -> None:
    """A line of a token's holder and times, which are kept. Raises `InvalidTokenError`."""
    claims = parse_security_token(token, "the token")
    walk.claims = claims.other
    now = walk.clock()
    holder = claims.other.get("sub") or claims.other.get("res_id") or "nobody named"
    issued = "" if claims.issued_at is None else f", issued {ago(now - claims.issued_at)}"
    walk.expires_at = claims.expires_at
    left = claims.expires_at - now
    ends = f"expires {ago(-left)}" if left > 0 else f"expired {ago(-left)}"
    walk.notes.line("ok" if left > 0 else "warning", subject, f"of {holder}{issued}, {ends}")


def _describe_service_account(walk: Walk) -> None:
    """Whom a pod's token is of, and that it has not expired."""
    provider = walk.provider
    if not isinstance(provider, OKEWorkloadIdentity):
        return
    try:
        claims = parse_security_token(provider._account_token(), "the service account token")
    except (OCIAuthError, InvalidTokenError):
        return  # the fetch says so
    subject = str(claims.other.get("sub", ""))
    if subject.count(":") == 3:
        walk.service_account = subject
    left = claims.expires_at - walk.clock()
    ends = f"expires {ago(-left)}" if left > 0 else f"expired {ago(-left)}"
    walk.notes.line("ok" if left > 0 else "warning", "account token", f"of {subject or 'nobody named'}, {ends}")
    if left <= 0:
        walk.account_expired = f"The pod's service account token expired {ago(-left)}."


def _fetch_cause(walk: Walk, reason: BaseException) -> Cause:
    if isinstance(reason, NoCredentialsFoundError):
        return closed_directory_cause(config_path(walk.config_file)) or Cause("no-source", reason.likely, reason.remedy)
    if isinstance(reason, SessionExpiredError):
        return first_sentence_cause("session-expired", reason)
    provider, metadata = walk.provider, env_value(("OCI_METADATA_BASE_URL",))
    if isinstance(provider, InstancePrincipal) and provider.region is None:
        remedy = "Use another way to authenticate, or let this machine reach 169.254.169.254."
        if metadata:
            remedy = f"OCI_METADATA_BASE_URL says where the metadata is: unset it if that is not meant. {remedy}"
        if walk.chosen_by.endswith("OCI_CLI_AUTH"):
            remedy = f"OCI_CLI_AUTH asks for this mode: unset it if that is not meant. {remedy}"
        return Cause("not-an-instance", f"This is no OCI instance, or its metadata is blocked. {reason}", remedy)
    if walk.account_expired:
        remedy = "Kubernetes rotates it: check the pod's projected volume, restart the pod, and check the node's clock."
        return Cause("account-token-expired", f"{walk.account_expired} {first_sentence_cause('', reason).text}", remedy)
    likely = unavailable_cause(reason)
    if likely is None:
        return first_sentence_cause("no-credentials", reason)
    status = next((link.status for link in error_chain(reason) if getattr(link, "status", 0)), 0)  # type: ignore[attr-defined]
    said = "" if not status else f" {reason}"
    return Cause(likely.code, f"{likely.text}{said}" if said else f"credential: {likely.text} {reason}", likely.remedy)


def _describe_certificate(walk: Walk) -> None:
    provider = walk.provider
    if not isinstance(provider, InstancePrincipal) or provider.region is None:
        return
    try:
        leaf, issuer = read_certificates(provider)
    except OCIAuthError:
        return  # the credential's own error has said so
    left = leaf.not_valid_after_utc.timestamp() - walk.clock()
    chained = leaf.issuer == issuer.subject
    text = f"{'ends' if left > 0 else 'ended'} {ago(-left)}; {'' if chained else 'not '}issued by the intermediate one"
    walk.notes.line("ok" if left > 0 and chained else "error", "certificate", text)
    if left <= 0:
        cause = Cause(
            "certificate-expired",
            f"The instance's certificate ended {ago(-left)}.",
            "The platform renews it: check that the instance reaches the metadata service, and restart it if it stays.",
        )
        walk.notes.found(cause, first=True)
