"""What OCIDs themselves tell: their kind, realm and region, and whether all of one is there; and policies that name them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._auth_service.regions import region_id, region_realm
from .._secrecy import quote_value
from .._verdicts import Cause
from .verdicts import cause
from .walk import Walk

_OCID = re.compile(r"ocid1\.([a-z0-9]+)\.([a-z0-9-]+)\.([a-z0-9-]*)\.([.a-zA-Z0-9_-]*)")
_LENGTH = 60  # characters of the unique part of a user's, a tenancy's or a compartment's OCID


@dataclass(frozen=True)
class OCID:
    """`ocid1.<kind>.<realm>.[region].<unique>`, as Oracle's "Resource Identifiers" has it."""

    kind: str
    realm: str
    region: str
    unique: str

    @property
    def kind_with_article(self) -> str:
        return f"{'an' if self.kind[0] in 'aeio' else 'a'} {self.kind}"


def parse_ocid(value: str | None) -> OCID | None:
    match = _OCID.fullmatch(value or "")
    return None if match is None else OCID(*match.groups())


def identity_cause(user: str, tenancy: str, region: str | None) -> Cause | None:
    """What is wrong with the OCIDs of an API key, as far as they tell; OCI would only say 401."""
    pairs = [("tenancy", parse_ocid(tenancy)), ("user", parse_ocid(user))]
    known = [(name, ocid) for name, ocid in pairs if ocid is not None]
    if [ocid.kind for _, ocid in known] == ["user", "tenancy"]:
        return cause("ocids-swapped")
    for name, ocid in known:
        if ocid.kind != name:
            menu = "Tenancy" if name == "tenancy" else "My profile"
            return cause("ocid-of-another-kind", name=name, kind=ocid.kind_with_article, menu=menu)
    found = (elsewhere_cause(value, name, region) for name, value in (("tenancy", tenancy), ("user", user)))
    return next((wrong for wrong in found if wrong is not None), None)


def cut_off_cause(**values: str) -> Cause | None:
    """The first of these OCIDs that is probably not whole."""
    for name, value in values.items():
        ocid = parse_ocid(value)
        if ocid is None or ocid.kind not in ("user", "tenancy", "compartment") or len(ocid.unique) == _LENGTH:
            continue
        return cause("ocid-cut-off", name=name, length=len(ocid.unique), usual=_LENGTH)
    return None


def place_cause(value: str, name: str, kinds: tuple[str, ...]) -> Cause | None:
    """What is wrong with the OCID of a compartment or project; None if nothing."""
    ocid = parse_ocid(value)
    if ocid is not None and ocid.kind in kinds:
        return None
    other = "" if ocid is None else f", but of {ocid.kind_with_article}"
    wrong = cause("not-a-place", value=quote_value(value), other=other, name=name, kind=kinds[0])
    return Cause(f"not-a-{name}", wrong.text, wrong.remedy)


def elsewhere_cause(value: str | None, name: str, region: str | None) -> Cause | None:
    """Why an OCID cannot be found in a region: it is of another one, or of another realm."""
    ocid = parse_ocid(value)
    if ocid is None or region is None:
        return None
    realm = region_realm(region)
    if realm is not None and ocid.realm != realm:
        return cause("other-realm", name=name, theirs=ocid.realm, region=region, realm=realm)
    if ocid.region and (there := region_id(ocid.region)) != region:
        wrong = cause("elsewhere", name=name, there=there, region=region)
        return Cause(f"{name}-elsewhere", wrong.text, wrong.remedy)
    return None


def policy_for(walk: Walk, allowed: str = "use generative-ai-family") -> str:
    """The policy that this principal needs, in the form of its kind; to be copied but for the names in capitals."""
    scope = f"compartment id {walk.compartment}" if walk.compartment else "tenancy"
    mode, claims = walk.signer.mode, walk.claims
    if mode == "instance_principal":
        instance = claims.get("opc-instance") or claims.get("sub") or "INSTANCE_OCID"
        rule = f"where GROUP is a dynamic group with the rule: instance.id = '{instance}'"
        return f"allow dynamic-group GROUP to {allowed} in {scope}\n{rule}"
    if mode == "generative_ai_api_key":
        conditions = {"type": "generativeaiapikey"}
    elif mode == "oke_workload_identity":
        account = walk.service_account or "system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT"
        _, _, namespace, name = account.split(":")
        cluster = claims.get("cluster") or claims.get("cluster_id") or "CLUSTER_OCID"
        conditions = {"type": "workload", "namespace": namespace, "service_account": name, "cluster_id": str(cluster)}
    elif mode == "resource_principal":
        resource = str(claims.get("sub") or claims.get("res_id") or "RESOURCE_OCID")
        ocid = parse_ocid(resource)
        conditions = {"type": ocid.kind if ocid else "RESOURCE_TYPE", "id": resource}
    else:
        return f"allow group GROUP to {allowed} in {scope}"
    where = ", ".join(f"request.principal.{name} = '{value}'" for name, value in conditions.items())
    return f"allow any-user to {allowed} in {scope} where all {{{where}}}"
