"""The call to Identity, which needs a valid signature but no permission; and what a 401 means."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

import httpx
from cryptography.hazmat.primitives import serialization

from .._auth_service.regions import identity_endpoint, is_known, realm_regions
from .._log import refusal_cause
from .._secrecy import quote_name
from .._signing.clock import parse_http_date
from .._verdicts import Finding, cause
from ..credentials._config import read_sections, with_defaults
from ..credentials.api_key import APIKey
from .ocids import cut_off_cause, identity_cause
from .run import Run, ask, duration, from_oci, message_of, send
from .source import inheritance_cause

_PATH = "/20160918/regions"
_TOLERANCE = 300.0  # seconds; OCI refuses dates that are further off
_SUSPICIOUS = 60.0  # seconds that a clock may be off before it is worth a word
_ELSEWHERE = 4.0  # seconds for all other regions together
_AT_ONCE = 16  # regions asked at the same time
# Where most tenancies are at home.
_USUAL = ("us-ashburn-1", "us-phoenix-1", "eu-frankfurt-1", "uk-london-1", "us-chicago-1")


def call_identity(run: Run) -> Finding | None:
    """Have Identity verify a signature, or say why it does not."""
    endpoint = run.endpoint or identity_endpoint(run.region or "")
    answer = send(run, "signed call", "GET", endpoint.rstrip("/") + _PATH)
    if isinstance(answer, Finding):
        unresolved = answer.code in ("name-not-found", "unreachable") or "cannot reach" in answer.cause
        if unresolved and run.endpoint is None and run.region is not None and not is_known(run.region):
            return cause("region-unknown/host", region=run.region)
        return answer
    _describe_clock(run, answer)
    status = answer.status_code
    if status == 401:
        return _refusal_cause(run, answer)
    if not from_oci(answer):
        return cause("proxy/answers", status=status)
    if status == 429 or status >= 500:
        return cause("service-down", service="Identity", status=status, message=message_of(answer))
    if status != 200:  # 403 and 404 come after the signature was found valid
        run.log("note", "signed call", "the signature was accepted, but the operation was not allowed")
    return None


def _describe_clock(run: Run, answer: httpx.Response) -> None:
    server = parse_http_date(answer.headers.get("date"))
    if server is None:
        return
    ahead = server + 0.5 - run.clock()  # the header has whole seconds
    if abs(ahead) < _SUSPICIOUS:
        run.log("ok", "clock", "within a minute of the server's")
        return
    text = f"{duration(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} the server's"
    run.log("warning", "clock", text)
    run.findings.append(cause("clock-off" if abs(ahead) > _TOLERANCE else "clock-off/slightly", text=text))


def _refusal_cause(run: Run, answer: httpx.Response) -> Finding:
    """The cause of a 401: first what is certain here, then what other regions answer, then what is likely."""
    expired = run.expires_at is not None and run.expires_at <= run.clock()
    likely = refusal_cause(run.mode, answer, expired=expired)
    if "clock skew" in answer.text:
        return cause("clock-off/no-date")
    if not from_oci(answer) or expired:
        return likely
    provider = run.provider if isinstance(run.provider, APIKey) else None
    if provider is not None:
        certain = identity_cause(provider.user, provider.tenancy, run.region) or _profile_cause(run, provider)
        if certain := certain or cut_off_cause(user=provider.user, tenancy=provider.tenancy):
            return certain
    if elsewhere := _region_that_accepts(run):
        return cause("not-subscribed", region=run.region, elsewhere=elsewhere)
    return likely if provider is None else _key_cause(provider)


def _region_that_accepts(run: Run) -> str | None:
    """Another region of the realm in which Identity accepts the credential; None if no other does, or none answers."""
    if run.endpoint is not None or run.region is None:
        return None
    regions = realm_regions(run.region)
    likely = [name for name in (run.source_region, *_USUAL) if name in regions]
    candidates = [name for name in dict.fromkeys((*likely, *regions)) if name != run.region]
    run.announce(f"signed call: asking Identity in the {len(candidates)} other regions, {_ELSEWHERE:.0f} s at most")

    def accepts(region: str) -> bool:
        answer = ask(run, "GET", identity_endpoint(region) + _PATH, patience=_ELSEWHERE)
        if isinstance(answer, Exception) or not from_oci(answer):
            return False
        return answer.status_code != 401 and answer.status_code < 500

    pool = ThreadPoolExecutor(_AT_ONCE, "oci-check")
    try:
        accepted = pool.map(accepts, candidates, timeout=_ELSEWHERE)
        return next((region for region, works in zip(candidates, accepted, strict=True) if works), None)
    except FutureTimeoutError:
        return None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _profile_cause(run: Run, provider: APIKey) -> Finding | None:
    """What the config file reveals about a key that OCI does not accept for this user."""
    if run.profile is None:
        return None
    if stale := inheritance_cause(run.profile, "OCI does not accept this combination."):
        return stale
    sections, _ = read_sections(run.profile.path, "The OCI config file")
    for name in sections:
        other = with_defaults(sections, name)
        same_key = name != run.profile.name and other.get("fingerprint", "").lower() == provider.fingerprint
        if same_key and other.get("user", "") not in ("", provider.user):
            values = {"fingerprint": provider.fingerprint, "user": provider.user, "own": run.profile.label}
            return cause("key-of-another-user", other=other["user"], profile=quote_name(name), **values)
    return None


def _key_cause(provider: APIKey) -> Finding:
    public_key = provider.fetch().private_key.public_key()
    pem = public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    names = {"fingerprint": provider.fingerprint, "user": provider.user, "tenancy": provider.tenancy}
    return cause("key-unknown/here", public_key=f"\n{pem.decode().strip()}", **names)
