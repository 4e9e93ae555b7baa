"""The log lines of a signer, under `oci_httpx_auth`: everything known about a failure, but no secrets."""

from __future__ import annotations

import logging
from typing import Any

from ._causes import denial_cause, refusal_cause
from ._credential import CredentialProvider, describe_source, mode_of
from ._errors import error_text
from ._signing.cache import Refresh
from ._signing.request import Covered, change_after_signing, was_redirected
from ._verdicts import Finding

_log = logging.getLogger("oci_httpx_auth")


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
    mode = mode_of(provider)
    cause = refusal_cause(
        mode,
        redirected=was_redirected(response),
        changed=change_after_signing(covered, response),
        problem=problem,
        expired=expires_in is not None and expires_in <= 0,
        from_oci="opc-request-id" in response.headers,
    )
    _log.warning(
        "%s answered 401 to a signed %s request. %s Known: mode %s, %s, expires %s, clock offset %+.0f s, opc-request-id %s",
        response.request.url.host,
        response.request.method,
        cause,
        mode,
        describe_source(provider),
        "never" if expires_in is None else f"in {expires_in:.0f} s",
        clock_offset,
        response.headers.get("opc-request-id", "none"),
    )


def log_denial(mode: str, response: Any, logged: set[Finding]) -> None:
    """Log one line about a 403 or 404 of Generative AI, once per cause. The body is left unread."""
    request, status = response.request, response.status_code
    cause = denial_cause(mode, request.method, request.url, status)
    if cause is not None and cause not in logged:
        logged.add(cause)
        request_id = response.headers.get("opc-request-id", "none")
        _log.warning(
            "%s answered %d to a signed request. %s (opc-request-id %s)", request.url.host, status, cause, request_id
        )
