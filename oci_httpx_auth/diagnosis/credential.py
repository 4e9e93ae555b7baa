"""The credential: fetched once with little patience, and what it says of itself."""

from __future__ import annotations

import base64
import re
from concurrent.futures import TimeoutError as FutureTimeoutError

from .._auth_service.tokens import parse_security_token
from .._causes import describe_source, error_chain, unavailable_cause
from .._errors import ConfigError, InvalidTokenError, NoCredentialsFoundError, OCIAuthError, SessionExpiredError
from .._signer import OCISigner
from .._signing.waiting import in_thread
from .._verdicts import Cause
from ..credentials._config import config_path, env_value
from ..credentials.api_key import APIKey
from ..credentials.instance_principal import InstancePrincipal, read_certificates
from ..credentials.workload_identity import OKEWorkloadIdentity
from .network import PATIENCE, first_sentence_cause
from .report import ago
from .values import unreadable_file_cause
from .verdicts import cause
from .walk import Walk

_PROBE = 3.0  # seconds that the metadata service has to answer


def fetch_credential(walk: Walk) -> bool:
    """Have one fetched, and say what it is. False, with a finding, if none can be had."""
    provider, signer, notes = walk.provider, walk.signer, walk.notes
    assert isinstance(signer, OCISigner)
    _describe_service_account(walk)
    source = describe_source(provider)
    notes.wait(f"credential: waiting for {source}, {PATIENCE:.0f} s at most")

    def fetch() -> dict[str, str]:
        if type(provider) is InstancePrincipal:
            provider.look_up_region(patience=_PROBE)  # while booting, an instance would be more patient
        # Signing any request shows what goes over the wire: the key id, and a signature as long as the key.
        return signer.signed_headers("GET", "https://localhost/")

    headers = None
    try:
        headers = in_thread(fetch, "oci-check").result(PATIENCE)
    except FutureTimeoutError:
        notes.line("error", "credential", f"not available after {PATIENCE:.0f} s")
        notes.find(cause("no-answer-in-time/credential", source=source, seconds=PATIENCE))
    except OCIAuthError as error:
        reason = error.__cause__ or error
        notes.line("error", "credential", str(getattr(reason, "likely", reason)))
        notes.find(_fetch_cause(walk, reason))
    if headers is not None:
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', headers["authorization"]))
        key = f"RSA, {len(base64.b64decode(parameters['signature'])) * 8} bits"
        if isinstance(provider, APIKey):
            notes.line("ok", "user", f"{provider.user} of {provider.tenancy}")
            key += f"; its fingerprint is the configured one, {provider.fingerprint}"
        notes.line("ok", "key", key)
        if parameters["keyId"].startswith("ST$"):
            describe_token(walk, parameters["keyId"][3:], "token")
    if isinstance(provider, InstancePrincipal) and provider.region is not None:
        _describe_certificate(walk, provider)
    if headers is not None and walk.fallen_through:
        notes.find(cause("not-the-workload", reason=walk.fallen_through), "warning")
    return headers is not None


def describe_token(walk: Walk, token: str, subject: str) -> None:
    """A line of a token's holder and times, which are kept. Raises `InvalidTokenError`."""
    claims = parse_security_token(token, "the token")
    walk.claims, walk.expires_at = claims.other, claims.expires_at
    now = walk.clock()
    holder = claims.other.get("sub") or claims.other.get("res_id") or "an unnamed holder"
    issued = "" if claims.issued_at is None else f", issued {ago(now - claims.issued_at)}"
    left = claims.expires_at - now
    text = f"of {holder}{issued}, {'expires' if left > 0 else 'expired'} {ago(-left)}"
    walk.notes.line("ok" if left > 0 else "warning", subject, text)


def _describe_service_account(walk: Walk) -> None:
    """Whose a pod's token is, and whether it has expired."""
    if not isinstance(walk.provider, OKEWorkloadIdentity):
        return
    try:
        claims = parse_security_token(walk.provider._account_token(), "the service account token")
    except (OCIAuthError, InvalidTokenError):
        return  # the fetch says so
    account = str(claims.other.get("sub", ""))
    if account.count(":") == 3:
        walk.service_account = account
    left = claims.expires_at - walk.clock()
    text = f"of {account or 'an unnamed account'}, {'expires' if left > 0 else 'expired'} {ago(-left)}"
    walk.notes.line("ok" if left > 0 else "warning", "account token", text)
    walk.account_expired = ago(-left) if left <= 0 else ""


def _fetch_cause(walk: Walk, reason: BaseException) -> Cause:
    if isinstance(reason, NoCredentialsFoundError):
        unreadable = unreadable_file_cause(config_path(walk.config_file))
        code = "no-source/pod" if walk.fallen_through else "no-source"
        return unreadable or cause(code, reason=reason.likely, remedy=reason.remedy)
    if isinstance(reason, SessionExpiredError):
        return first_sentence_cause("session-expired", reason)
    provider = walk.provider
    if isinstance(provider, InstancePrincipal) and provider.region is None and not isinstance(reason, ConfigError):
        hints = ""
        if walk.chosen_by.endswith("OCI_CLI_AUTH"):
            hints += "OCI_CLI_AUTH requests this mode: unset it if that is not intended. "
        if env_value(("OCI_METADATA_BASE_URL",)):
            hints += (
                "OCI_METADATA_BASE_URL sets the address of the metadata service: unset it if that is not intended. "
            )
        return cause("not-an-instance", reason=reason, hints=hints)
    wrong = first_sentence_cause("no-credentials", reason)
    if walk.account_expired:
        return cause("account-token-expired", ago=walk.account_expired, reason=wrong.text)
    likely = unavailable_cause(reason)
    if likely is None:
        return wrong
    refused = any(getattr(link, "status", 0) for link in error_chain(reason))
    return Cause(likely.code, f"{'' if refused else 'credential: '}{likely.text} {reason}", likely.remedy)


def _describe_certificate(walk: Walk, provider: InstancePrincipal) -> None:
    try:
        leaf, issuer = read_certificates(provider)
    except OCIAuthError:
        return  # the credential's own error has said so
    left = leaf.not_valid_after_utc.timestamp() - walk.clock()
    chained = leaf.issuer == issuer.subject
    text = f"{'expires' if left > 0 else 'expired'} {ago(-left)}; {'' if chained else 'not '}issued by the intermediate one"
    walk.notes.line("ok" if left > 0 and chained else "error", "certificate", text)
    if left <= 0:
        walk.notes.find(cause("certificate-expired", ago=ago(-left)), first=True)
