"""The call to Identity, which needs a valid signature and no permission; and whose fault a 401 is."""

from __future__ import annotations

import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import httpx

from .._auth_service.regions import identity_endpoint, is_known, realm_regions
from .._causes import refusal_cause
from .._errors import OCIAuthError
from .._signing.clock import parse_http_date
from .._verdicts import Cause
from ..credentials._config import Profile, load_profile
from ..credentials._keys import public_key_text
from ..credentials.api_key import APIKey
from .network import answer_of, from_oci, message_of, send
from .ocids import cut_off_cause, identity_cause
from .report import duration
from .values import mixed_identity
from .verdicts import cause
from .walk import Walk

_PATH = "/20160918/regions"
_TOLERANCE = 300.0  # seconds; OCI refuses dates that are further off
_SUSPICIOUS = 60.0  # seconds that a clock may be off before it is worth a word
_ELSEWHERE = 4.0  # seconds for all other regions together
_AT_ONCE = 16  # regions asked at the same time
# Where most tenancies are at home.
_USUAL = ("us-ashburn-1", "us-phoenix-1", "eu-frankfurt-1", "uk-london-1", "us-chicago-1")


def call_identity(walk: Walk) -> bool:
    """Whether Identity takes the signature; a finding says why not."""
    endpoint = walk.endpoint or identity_endpoint(walk.region or "")
    answer = send(walk.notes, "signed call", walk.signer, "GET", endpoint.rstrip("/") + _PATH)
    if isinstance(answer, Cause):
        walk.notes.find(_unreachable_cause(walk, answer))
        return False
    _describe_clock(walk, answer)
    status = answer.status_code
    if status == 401:
        walk.notes.find(_refused(walk, answer))
    elif not from_oci(answer):
        walk.notes.find(cause("proxy/answers", status=status))
    elif status == 429 or status >= 500:
        walk.notes.find(cause("service-down", service="Identity", status=status, message=message_of(answer)))
    else:
        if status != 200:  # 403 and 404 come after the signature was found valid
            walk.notes.line("note", "signed call", "the signature was accepted, the operation was not allowed")
        return True
    return False


def _unreachable_cause(walk: Walk, wrong: Cause) -> Cause:
    unknown = walk.endpoint is None and walk.region is not None and not is_known(walk.region)
    if unknown and (wrong.code in ("name-not-found", "unreachable") or "cannot reach" in wrong.text):
        return cause("region-unknown/host", region=walk.region)
    return replace(wrong, text=f"signed call: {wrong.text}")


def _describe_clock(walk: Walk, answer: httpx.Response) -> None:
    server = parse_http_date(answer.headers.get("date"))
    if server is None:
        return
    ahead = server + 0.5 - walk.clock()  # the header has whole seconds
    if abs(ahead) < _SUSPICIOUS:
        walk.notes.line("ok", "clock", "within a minute of the server's")
        return
    text = f"{duration(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} the server's"
    walk.notes.line("warning", "clock", text)
    walk.notes.find(cause("clock-off" if abs(ahead) > _TOLERANCE else "clock-off/slightly", text=text), "warning")


def _refused(walk: Walk, answer: httpx.Response) -> Cause:
    """The cause of a 401: first what this side knows for sure, then what other regions say, then what is likely."""
    expired = walk.expires_at is not None and walk.expires_at <= walk.clock()
    likely = refusal_cause(walk.signer.mode, from_oci=from_oci(answer), expired=expired)
    if "clock skew" in answer.text:
        return cause("clock-off/no-date")
    if not from_oci(answer) or expired:
        return likely
    provider = walk.provider if isinstance(walk.provider, APIKey) else None
    if provider is not None:
        known = identity_cause(provider.user, provider.tenancy, walk.region) or _profile_cause(walk, provider)
        if known or (known := cut_off_cause(user=provider.user, tenancy=provider.tenancy)):
            return known
    if elsewhere := _region_that_accepts(walk):
        return cause("not-subscribed", region=walk.region, elsewhere=elsewhere)
    return likely if provider is None else _key_cause(provider)


def _region_that_accepts(walk: Walk) -> str | None:
    """Another region of the realm in which Identity accepts the credential; None if no other does, or none answers."""
    if walk.endpoint is not None or walk.region is None:
        return None
    regions = realm_regions(walk.region)
    likely = [name for name in (walk.signer.region, *_USUAL) if name in regions]
    candidates = [name for name in dict.fromkeys((*likely, *regions)) if name != walk.region]
    walk.notes.wait(f"signed call: asking Identity in the {len(candidates)} other regions, {_ELSEWHERE:.0f} s at most")

    def accepts(region: str) -> str | None:
        answer = answer_of(walk.signer, "GET", identity_endpoint(region) + _PATH, patience=_ELSEWHERE)
        accepted = isinstance(answer, httpx.Response) and answer.status_code < 500 and from_oci(answer)
        return region if accepted and answer.status_code != 401 else None  # type: ignore[union-attr]

    pool = ThreadPoolExecutor(_AT_ONCE, "oci-check")
    try:
        with suppress(TimeoutError):
            return next(islice(filter(None, pool.map(accepts, candidates, timeout=_ELSEWHERE)), 1), None)
        return None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _profile_cause(walk: Walk, provider: APIKey) -> Cause | None:
    """What the config file knows of a key that OCI does not take from this user."""
    if walk.profile is None:
        return None
    if mixed := mixed_identity(walk.profile):
        return cause("stale-inheritance", mixed=mixed, reason="OCI does not accept this combination.")
    for other in _other_profiles(walk.profile):
        fingerprint, user = (other.get("fingerprint") or "").lower(), other.get("user")
        if fingerprint == provider.fingerprint and user != provider.user:
            names = {"label": other.label, "own": walk.profile.label, "profile": other.name}
            return cause("key-of-another-user", fingerprint=fingerprint, other=user, user=provider.user, **names)
    return None


def _key_cause(provider: APIKey) -> Cause:
    body = "\n".join(textwrap.wrap(public_key_text(provider.fetch().private_key), 64))
    public_key = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"
    names = {"fingerprint": provider.fingerprint, "user": provider.user, "tenancy": provider.tenancy}
    return cause("key-unknown/here", public_key=public_key, **names)


def _other_profiles(profile: Profile) -> list[Profile]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=False)
    parser.read(profile.path, encoding="utf-8-sig")
    others = []
    for name in parser.sections():
        with suppress(OCIAuthError):
            others.append(load_profile(name, profile.path))
    return [other for other in others if other.name != profile.name]
