"""What OCIDs themselves tell: their kind, realm and region, and whether all of one is there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._auth_service.regions import region_id, region_realm
from .._causes import Cause

_OCID = re.compile(r"ocid1\.([a-z0-9]+)\.([a-z0-9-]+)\.([a-z0-9-]*)\.([.a-zA-Z0-9_-]*)")
_LENGTH = 60  # characters of the unique part of a user's, a tenancy's or a compartment's OCID


@dataclass(frozen=True)
class OCID:
    """`ocid1.<kind>.<realm>.[region].<unique>`, as Oracle's "Resource Identifiers" has it."""

    kind: str
    realm: str
    region: str
    unique: str


def parse_ocid(value: str | None) -> OCID | None:
    match = _OCID.fullmatch(value or "")
    return None if match is None else OCID(*match.groups())


def identity_cause(user: str, tenancy: str, region: str | None) -> Cause | None:
    """What is wrong with the OCIDs of an API key, as far as they tell; OCI would only say 401."""
    of_user, of_tenancy = parse_ocid(user), parse_ocid(tenancy)
    if of_user and of_tenancy and (of_user.kind, of_tenancy.kind) == ("tenancy", "user"):
        return Cause(
            "ocids-swapped",
            "user and tenancy are swapped: user names a tenancy, and tenancy names a user.",
            "Exchange the two values.",
        )
    for name, ocid, kinds in (("tenancy", of_tenancy, ("tenancy",)), ("user", of_user, ("user",))):
        if ocid is not None and ocid.kind not in kinds:
            return Cause(
                "ocid-of-another-kind",
                f"{name} is the OCID of a {ocid.kind}, and not of a {name}.",
                f"Copy the {name}'s OCID from the console ({'Profile menu, Tenancy' if name == 'tenancy' else 'Profile menu, My profile'}); "
                f"it begins with 'ocid1.{name}.'.",
            )
    realm = region_realm(region) if region else None
    for name, ocid in (("tenancy", of_tenancy), ("user", of_user)):
        if ocid is not None and realm is not None and ocid.realm != realm:
            return Cause(
                "other-realm",
                f"The {name} is of realm {ocid.realm}, and the region {region} of realm {realm}, which do not know each other.",
                f"Choose a region of realm {ocid.realm}, or the {name} that belongs to {realm}.",
            )
    return None


def cut_off_cause(**values: str) -> Cause | None:
    """The first of these OCIDs that is probably not whole."""
    found = (_cut_off(parse_ocid(value), name) for name, value in values.items())
    return next((cause for cause in found if cause is not None), None)


def place_cause(value: str, what: str, kinds: tuple[str, ...]) -> Cause | None:
    """What is wrong with the OCID of a place that is called for (a compartment, a project, an endpoint); None if nothing."""
    ocid = parse_ocid(value)
    if ocid is None or ocid.kind not in kinds:
        found = "is not an OCID" if ocid is None else f"is the OCID of a {ocid.kind}"
        return Cause(
            f"not-a-{what}",
            f"{value[:60]!r} {found}; it is not the OCID of a {what}.",
            f"A {what}'s OCID begins with {f'ocid1.{kinds[0]}.'!r}.",
        )
    return None


def elsewhere_cause(value: str | None, what: str, region: str | None) -> Cause | None:
    """Why a place cannot be found in a region: it is of another one, or of another realm."""
    ocid = parse_ocid(value)
    if ocid is None or region is None:
        return None
    realm = region_realm(region)
    if realm is not None and ocid.realm != realm:
        return Cause(
            "other-realm",
            f"The {what} is of realm {ocid.realm}, and the region {region} of realm {realm}.",
            f"Choose a region of realm {ocid.realm}, or a {what} of {realm}.",
        )
    if ocid.region and region_id(ocid.region) != region:
        there = region_id(ocid.region)
        return Cause(
            f"{what}-elsewhere",
            f"The {what} is in {there}, and the call went to {region}.",
            f"Send requests to {there} (OCI_REGION, or region=), or use a {what} of {region}.",
        )
    return None


def _cut_off(ocid: OCID | None, what: str) -> Cause | None:
    if ocid is None or ocid.kind not in ("user", "tenancy", "compartment") or len(ocid.unique) == _LENGTH:
        return None
    many = "too few" if len(ocid.unique) < _LENGTH else "too many"
    return Cause(
        "ocid-cut-off",
        f"The {what}'s OCID is probably not copied whole: after its last dot it has {len(ocid.unique)} characters, {many}; OCIDs "
        f"have {_LENGTH} there.",
        f"Copy the {what}'s OCID again.",
    )
