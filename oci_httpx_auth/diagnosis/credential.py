"""The credential: fetched once with little patience, and what it says about itself."""

from __future__ import annotations

import base64
import re
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .._causes import error_cause, unavailable_cause
from .._credential import describe_source
from .._errors import (
    ConfigError,
    InvalidTokenError,
    NoCredentialsFoundError,
    OCIAuthError,
    SessionExpiredError,
    error_chain,
)
from .._signer import OCISigner
from .._signing.waiting import in_thread
from .._verdicts import Finding, cause
from ..credentials._config import config_path, env_value
from ..credentials.api_key import APIKey
from ..credentials.instance_principal import InstancePrincipal, read_certificates
from ..credentials.workload_identity import OKEWorkloadIdentity
from .run import PATIENCE, Run, ago, describe_token, expiry
from .source import closed_directory_cause

_PROBE = 3.0  # seconds that the metadata service has to answer


def fetch_credential(run: Run) -> Finding | None:
    """Have the signer fetch a credential, and describe it, or say why there is none."""
    provider = run.provider
    run.signer = signer = OCISigner(provider, clock=run.clock)
    _describe_service_account(run)
    run.announce(f"credential: waiting for {describe_source(provider)}, {PATIENCE:.0f} s at most")

    def fetch() -> Any:
        if type(provider) is InstancePrincipal:
            provider.discover_region(patience=_PROBE)  # while booting, an instance would be more patient
        # Signing any request shows what goes over the wire: the key id, and a signature as long as the key.
        return signer.signed_headers("GET", "https://localhost/")

    failure = None
    try:
        _describe_key(run, in_thread(fetch, "oci-check").result(PATIENCE)["authorization"])
    except FutureTimeoutError:
        run.log("error", "credential", f"not available after {PATIENCE:.0f} s")
        failure = cause("no-answer-in-time/credential", source=describe_source(provider), seconds=PATIENCE)
    except OCIAuthError as error:
        reason = error.__cause__ or error
        run.log("error", "credential", str(getattr(reason, "likely", reason)))
        failure = _fetch_cause(run, reason)
    if isinstance(provider, InstancePrincipal) and provider.region is not None:
        _describe_certificate(run, provider)
    if failure is not None:
        return failure
    if run.fallen_through:
        run.findings.append(cause("not-the-workload", reason=run.fallen_through))
    run.mode, run.tenancy, run.source_region = signer.mode, signer.tenancy, signer.region
    run.compartment, run.project = run.compartment or signer.compartment, run.project or signer.project
    return None


def _describe_key(run: Run, authorization: str) -> None:
    provider = run.provider
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', authorization))
    key = f"RSA, {len(base64.b64decode(parameters['signature'])) * 8} bits"
    if isinstance(provider, APIKey):
        run.log("ok", "user", f"{provider.user} of {provider.tenancy}")
        key += f"; its fingerprint is the configured one, {provider.fingerprint}"
    run.log("ok", "key", key)
    if parameters["keyId"].startswith("ST$"):
        with suppress(InvalidTokenError):  # OCI may understand it
            describe_token(run, parameters["keyId"][3:], "token")


def _describe_service_account(run: Run) -> None:
    """Whose token a pod has."""
    if isinstance(run.provider, OKEWorkloadIdentity):
        with suppress(OCIAuthError):  # the fetch says so
            describe_token(run, run.provider._account_token(), "account token")
            account = str(run.claims.get("sub", ""))
            run.service_account = account if account.count(":") == 3 else ""


def _fetch_cause(run: Run, reason: BaseException) -> Finding:
    if isinstance(reason, NoCredentialsFoundError):
        if closed := closed_directory_cause(config_path(run.config_file)):
            return closed
        key = "no-source/pod" if run.fallen_through else "no-source"
        return cause(key, reason=reason.likely, remedy=reason.remedy)
    if isinstance(reason, SessionExpiredError):
        return error_cause(reason)
    provider = run.provider
    if isinstance(provider, InstancePrincipal) and provider.region is None and not isinstance(reason, ConfigError):
        mode = "OCI_CLI_AUTH requests this mode" if run.chosen_by.endswith("OCI_CLI_AUTH") else ""
        url = "OCI_METADATA_BASE_URL sets that service's address" if env_value(("OCI_METADATA_BASE_URL",)) else ""
        hints = "".join(f"{hint}: unset it if that is not intended. " for hint in (mode, url) if hint)
        return cause("not-an-instance", reason=reason, hints=hints)
    wrong = error_cause(reason, "no-credentials")
    if isinstance(provider, OKEWorkloadIdentity) and run.expires_at is not None and run.expires_at <= run.clock():
        return cause("account-token-expired", ago=ago(run.clock() - run.expires_at), reason=wrong.cause)
    likely = unavailable_cause(reason)
    if likely is None:
        return wrong
    refused = any(getattr(link, "status", 0) for link in error_chain(reason))
    return replace(likely, cause=f"{'' if refused else 'credential: '}{likely.cause} {reason}")


def _describe_certificate(run: Run, provider: InstancePrincipal) -> None:
    with suppress(OCIAuthError):  # the credential's own error has said so
        leaf, issuer = read_certificates(provider)
        left = leaf.not_valid_after_utc.timestamp() - run.clock()
        chained = leaf.issuer == issuer.subject
        text = f"{expiry(left)}; {'' if chained else 'not '}issued by the intermediate one"
        run.log("ok" if left > 0 and chained else "error", "certificate", text)
        if left <= 0:
            run.findings.append(cause("certificate-expired", ago=ago(-left)))
