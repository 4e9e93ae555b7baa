"""What OCIDs themselves reveal: their kind, realm and region, and whether they are complete; and policies that name them."""

from __future__ import annotations

import re

from .._auth_service.regions import region_id, region_realm
from .._secrecy import quote_value
from .._verdicts import Finding, cause
from .run import Run

# As in Oracle's "Resource Identifiers".
_OCID = re.compile(
    r"ocid1\.(?P<kind>[a-z0-9]+)\.(?P<realm>[a-z0-9-]+)\.(?P<region>[a-z0-9-]*)\.(?P<unique>[.\w-]*)", re.A
)
_LENGTH = 60  # characters of the unique part of a user's, a tenancy's or a compartment's OCID

_POLICIES = {
    "instance_principal": """
allow dynamic-group GROUP {to}
where GROUP is a dynamic group with the rule: instance.id = '{instance}'""",
    "resource_principal": """
allow any-user {to} where all {{request.principal.type = '{type}', request.principal.id = '{resource}'}}""",
    "oke_workload_identity": """
allow any-user {to} where all {{request.principal.type = 'workload', request.principal.namespace = '{namespace}', \
request.principal.service_account = '{account}', request.principal.cluster_id = '{cluster}'}}""",
    "generative_ai_api_key": """
allow any-user {to} where all {{request.principal.type = 'generativeaiapikey'}}""",
}


def parse_ocid(value: object) -> re.Match[str] | None:
    """The parts of an OCID: kind, realm, region and unique."""
    return _OCID.fullmatch(value) if isinstance(value, str) else None


def with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def identity_cause(user: str, tenancy: str, region: str | None) -> Finding | None:
    """What is wrong with the OCIDs of an API key, as far as they show it; OCI would only say 401."""
    values = {"tenancy": tenancy, "user": user}
    kinds = {name: ocid["kind"] for name, value in values.items() if (ocid := parse_ocid(value))}
    if kinds == {"tenancy": "user", "user": "tenancy"}:
        return cause("ocids-swapped")
    for name, kind in kinds.items():
        if kind != name:
            menu = "Tenancy" if name == "tenancy" else "My profile"
            return cause("ocid-of-another-kind", name=name, kind=with_article(kind), menu=menu)
    return elsewhere_cause(region, **values)


def cut_off_cause(**values: str) -> Finding | None:
    """The first of these OCIDs that is too short or too long."""
    for name, value in values.items():
        ocid = parse_ocid(value)
        if ocid and ocid["kind"] in ("user", "tenancy", "compartment") and len(ocid["unique"]) != _LENGTH:
            return cause("ocid-cut-off", name=name, length=len(ocid["unique"]), usual=_LENGTH)
    return None


def place_cause(name: str, value: str | None, kinds: tuple[str, ...]) -> Finding | None:
    """What is wrong with the OCID of a compartment or project; `None` if it is right or not given."""
    ocid = parse_ocid(value)
    if not value or (ocid and ocid["kind"] in kinds):
        return None
    other = f", but of {with_article(ocid['kind'])}" if ocid else ""
    return cause("not-a-{name}", value=quote_value(value), other=other, name=name, kind=kinds[0])


def elsewhere_cause(region: str | None, **values: str | None) -> Finding | None:
    """Why the first of these OCIDs cannot be found in a region: it is of another one, or of another realm."""
    if region is None:
        return None
    realm = region_realm(region)
    for name, value in values.items():
        ocid = parse_ocid(value)
        if ocid and realm is not None and ocid["realm"] != realm:
            return cause("other-realm", name=name, theirs=ocid["realm"], region=region, realm=realm)
        if ocid and ocid["region"] and (there := region_id(ocid["region"])) != region:
            return cause("{name}-elsewhere", name=name, there=there, region=region)
    return None


def policy_for(run: Run, allowed: str = "use generative-ai-family") -> str:
    """The policy that this principal needs, on lines of its own; to be copied except for the names in capitals."""
    claims = run.claims
    subject = claims.get("sub") or claims.get("res_id")
    ocid = parse_ocid(subject)
    account = run.service_account or "system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT"
    values = {
        "to": f"to {allowed} in {f'compartment id {run.compartment}' if run.compartment else 'tenancy'}",
        "instance": claims.get("opc-instance") or claims.get("sub") or "INSTANCE_OCID",
        "resource": subject or "RESOURCE_OCID",
        "type": ocid["kind"] if ocid else "RESOURCE_TYPE",
        "namespace": account.split(":")[2],
        "account": account.split(":")[3],
        "cluster": claims.get("cluster") or claims.get("cluster_id") or "CLUSTER_OCID",
    }
    return _POLICIES.get(run.mode, "\nallow group GROUP {to}").format(**values)
