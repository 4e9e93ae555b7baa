"""The call to Identity, which needs a valid signature and no permission; and whose fault a 401 is."""

from __future__ import annotations

import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

import httpx

from .._auth_service.regions import identity_endpoint, is_known, realm_regions
from .._causes import Cause, refusal_cause
from .._errors import OCIAuthError
from .._signing.clock import parse_http_date
from ..credentials._config import Profile, load_profile
from ..credentials._keys import public_key_text
from ..credentials.api_key import APIKey
from .network import answer_of, from_oci, message_of, not_oci_cause, send
from .ocids import cut_off_cause, identity_cause
from .report import duration
from .values import mixed_identity
from .walk import Walk

_PATH = "/20160918/regions"
_TOLERANCE = 300.0  # seconds; OCI refuses dates that are further off
_SUSPICIOUS = 60.0  # seconds that a clock may be off before it is worth a word
_ELSEWHERE = 4.0  # seconds for all other regions together
_USUAL = (
    "us-ashburn-1",
    "us-phoenix-1",
    "eu-frankfurt-1",
    "uk-london-1",
    "us-chicago-1",
)  # where most tenancies are at home
_AT_ONCE = 16  # regions asked at the same time


def call_identity(walk: Walk) -> bool:
    """Whether Identity takes the signature; a finding says why not."""
    endpoint = walk.endpoint or identity_endpoint(walk.region or "")
    answer = send(walk.notes, "signed call", walk.signer, "GET", endpoint.rstrip("/") + _PATH)
    if isinstance(answer, Cause):
        walk.notes.found(_unreachable_cause(walk, answer))
        return False
    _describe_clock(walk, answer)
    if answer.status_code == 401:
        walk.notes.found(_refused(walk, answer))
        return False
    if answer.status_code == 200 and from_oci(answer):
        return True
    if not from_oci(answer):
        walk.notes.found(not_oci_cause(answer))
        return False
    if answer.status_code == 429 or answer.status_code >= 500:
        walk.notes.error(
            "service-down",
            f"The service answered {answer.status_code}{message_of(answer)}. That is OCI's side.",
            "Try again later; OCI's status page tells about outages.",
        )
        return False
    # 403 and 404 are said after the signature was found valid.
    walk.notes.line("note", "signed call", "the signature was accepted, the operation was not allowed")
    return True


def _unreachable_cause(walk: Walk, cause: Cause) -> Cause:
    unknown = walk.endpoint is None and walk.region is not None and not is_known(walk.region)
    if unknown and (cause.code in ("name-not-found", "unreachable") or "cannot reach" in cause.text):
        return Cause(
            "region-unknown",
            f"signed call: The region {walk.region} is in no table, and the host made from it is not there.",
            "Check the region's spelling; for a new region, describe it in OCI_REGION_METADATA.",
        )
    return Cause(cause.code, f"signed call: {cause.text}", cause.remedy)


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
    off = abs(ahead) > _TOLERANCE
    walk.notes.warning(
        "clock-off",
        f"This machine's clock is {text}; {'OCI refuses what is dated so' if off else 'OCI tolerates five minutes'}"
        f"{'. This library corrects for it, other tools do not' if off else ''}.",
        "Set the clock by NTP, e.g. `sudo chronyc makestep`.",
    )


def _refused(walk: Walk, answer: httpx.Response) -> Cause:
    """The cause of a 401: first what this side knows for sure, then what other regions say, then what is likely."""
    expired = walk.expires_at is not None and walk.expires_at <= walk.clock()
    cause = refusal_cause(walk.signer.mode, from_oci=from_oci(answer), expired=expired)
    if "clock skew" in answer.text:
        return Cause(
            "clock-off",
            "This machine's clock is off by more than five minutes, and cannot be corrected for on this connection.",
            "Set the clock by NTP, e.g. `sudo chronyc makestep`.",
        )
    if not from_oci(answer) or expired:
        return cause
    provider = walk.provider
    if isinstance(provider, APIKey):
        known = identity_cause(provider.user, provider.tenancy, walk.region) or _profile_cause(walk, provider)
        if known or (known := cut_off_cause(user=provider.user, tenancy=provider.tenancy)):
            return known
    if elsewhere := _region_that_accepts(walk):
        return Cause(
            "not-subscribed",
            f"The tenancy is not subscribed to {walk.region}: the same credential is accepted in {elsewhere}, and not there.",
            f"Subscribe to {walk.region} in the console (Regions, Manage regions), or send requests to {elsewhere}; a new "
            "subscription takes some minutes to be known.",
        )
    return _key_cause(provider) if isinstance(provider, APIKey) else cause


def _region_that_accepts(walk: Walk) -> str | None:
    """Another region of the realm in which Identity accepts the credential; None if no other does, or none answers."""
    if walk.endpoint is not None or walk.region is None:
        return None
    source = getattr(walk.provider, "region", None)
    regions = realm_regions(walk.region)
    likely = [name for name in (source, *_USUAL) if name in regions]
    candidates = [name for name in dict.fromkeys((*likely, *regions)) if name != walk.region]
    walk.notes.wait(f"signed call: asking Identity in the {len(candidates)} other regions, {_ELSEWHERE:.0f} s at most")

    def accepts(region: str) -> str | None:
        answer = answer_of(walk.signer, "GET", identity_endpoint(region) + _PATH, patience=_ELSEWHERE)
        accepted = isinstance(answer, httpx.Response) and answer.status_code != 401 and from_oci(answer)
        return region if accepted and isinstance(answer, httpx.Response) and answer.status_code < 500 else None

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
        return Cause(
            "stale-inheritance",
            f"{mixed} OCI knows no such combination.",
            "Set user, tenancy, fingerprint and key_file in the profile itself.",
        )
    for other in _other_profiles(walk.profile):
        fingerprint, user = (other.get("fingerprint") or "").lower(), other.get("user")
        if fingerprint == provider.fingerprint and user != provider.user:
            return Cause(
                "key-of-another-user",
                f"By {other.label}, the key {provider.fingerprint} is that of user {user}, and not of {provider.user}.",
                f"Correct user or key in {walk.profile.label}, or use profile {other.name}.",
            )
    return None


def _key_cause(provider: APIKey) -> Cause:
    body = "\n".join(textwrap.wrap(public_key_text(provider.fetch().private_key), 64))
    public = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"
    return Cause(
        "key-unknown",
        f"OCI knows no API key {provider.fingerprint} for {provider.user} in {provider.tenancy}: it was not uploaded, "
        "was deleted, or one of the three is another's.",
        "Upload this public key in the console (user, API keys), or correct the three; a new key takes a minute to be "
        f"known.\n{public}",
    )


def _other_profiles(profile: Profile) -> list[Profile]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=False)
    parser.read(profile.path, encoding="utf-8-sig")
    others = []
    for name in parser.sections():
        with suppress(OCIAuthError):
            others.append(load_profile(name, profile.path))
    return [other for other in others if other.name != profile.name]
