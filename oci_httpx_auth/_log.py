"""The log lines of a signer, under `oci_httpx_auth`: everything known about a failure or a refusal, but no secrets."""

from __future__ import annotations

import logging
from typing import Any

from ._credential import CredentialProvider, describe_source, mode_of
from ._errors import error_text
from ._signing.cache import Refresh
from ._signing.request import Covered, change_after_signing, was_redirected
from ._verdicts import Finding, cause

_log = logging.getLogger("oci_httpx_auth")

PRINCIPALS = frozenset({"instance_principal", "resource_principal", "oke_workload_identity"})
OPENAI_PATHS = ("/openai/v1", "/20231130/openai/v1", "/20231130/actions/v1")

_REFUSALS = {
    "api_key": "key-unknown",
    "security_token": "session-refused",
    **dict.fromkeys(PRINCIPALS, "principal-refused"),
}


def log_refresh(provider: CredentialProvider, refresh: Refresh) -> None:
    """Log one line about a finished fetch."""
    source = describe_source(provider)
    if refresh.error is not None:
        kept = " - the present one stays in use" if refresh.usable else ""
        text = error_text(refresh.error)
        _log.warning("OCI credential of %s could not be refreshed (%.3f s): %s%s", source, refresh.seconds, text, kept)
    elif refresh.changed:
        end = "without expiry" if refresh.expires_in is None else f"valid for {refresh.expires_in:.0f} s"
        _log.info("OCI credential of %s refreshed in %.3f s, %s", source, refresh.seconds, end)
    else:
        _log.debug("OCI credential of %s is unchanged (%.3f s)", source, refresh.seconds)


def log_clock(host: str, offset: float) -> None:
    """Log one line about a server whose clock differs from ours by `offset` seconds."""
    _log.info("The clock of %s is %+.0f s from ours; its requests are dated accordingly.", host, offset)


def log_refusal(
    provider: CredentialProvider,
    response: Any,
    covered: Covered,
    *,
    expires_in: float | None,
    clock_offset: float,
    problem: str | None,
) -> None:
    """Log one line about a 401 that reaches the caller. problem: why there is no newer credential."""
    mode, expired = mode_of(provider), expires_in is not None and expires_in <= 0
    changed = change_after_signing(covered, response)
    _log.warning(
        "%s answered 401 to a signed %s request. %s Known: mode %s, %s, expires %s, clock offset %+.0f s, opc-request-id %s",
        response.request.url.host,
        response.request.method,
        refusal_cause(mode, response, changed=changed, problem=problem, expired=expired),
        mode,
        describe_source(provider),
        "never" if expires_in is None else f"in {expires_in:.0f} s",
        clock_offset,
        response.headers.get("opc-request-id", "none"),
    )


def refusal_cause(
    mode: str, response: Any, *, changed: str = "", problem: str | None = None, expired: bool = False
) -> Finding:
    """The cause of a 401 that stayed, after the clock was corrected and the credential replaced if it could be.

    OCI does not say what is wrong; what this side knows usually does. changed: what `change_after_signing` found. problem:
    why no newer credential was available. expired: whether the credential has ended, by the server's clock.
    """
    if was_redirected(response):
        return cause("redirected")
    if changed:
        return cause("changed-after-signing", change=changed)
    if problem is not None:
        return cause("no-newer-credential", problem=problem)
    if "opc-request-id" not in response.headers:  # which all answers of OCI have
        return cause("proxy/changes")
    return cause("credential-expired" if expired else _REFUSALS.get(mode, "identity-refused"))


def log_denial(mode: str, response: Any, logged: set[Finding]) -> None:
    """Log one line about a 403 or 404 of Generative AI, once per cause. The body is left unread.

    Only POSTs count: a GET asks for one object, which may simply not exist.
    """
    request, url, status = response.request, response.request.url, response.status_code
    if request.method != "POST" or not url.host.startswith("inference.generativeai."):
        return
    who = mode.replace("_", " ") if mode in PRINCIPALS else "user"
    right_path = url.path.startswith(OPENAI_PATHS)
    denial = cause("denied", who=who) if right_path else cause("denied/path", path=url.path)
    if denial not in logged:
        logged.add(denial)
        request_id = response.headers.get("opc-request-id", "none")
        _log.warning("%s answered %d to a signed request. %s (opc-request-id %s)", url.host, status, denial, request_id)
