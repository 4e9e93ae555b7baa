"""The policy that a principal needs, in the form of its kind."""

from __future__ import annotations

from .ocids import parse_ocid
from .walk import Walk


def policy_for(walk: Walk, verb_object: str) -> str:
    """The policy that this principal needs, ready to be copied but for the names in capitals."""
    scope = f"compartment id {walk.compartment}" if walk.compartment else "tenancy"
    what = f"use {verb_object}" if not verb_object.startswith("{") else verb_object
    mode, claims = walk.signer.mode, walk.claims
    if mode == "generative_ai_api_key":
        return f"allow any-user to {what} in {scope} where all {{request.principal.type = 'generativeaiapikey'}}"
    if mode == "oke_workload_identity":
        account = walk.service_account or "system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT"
        _, _, namespace, name = account.split(":")
        cluster = claims.get("cluster") or claims.get("cluster_id") or "CLUSTER_OCID"
        return (
            f"allow any-user to {what} in {scope} where all {{request.principal.type = 'workload', "
            f"request.principal.namespace = '{namespace}', request.principal.service_account = '{name}', "
            f"request.principal.cluster_id = '{cluster}'}}"
        )
    if mode == "resource_principal":
        resource = str(claims.get("sub") or claims.get("res_id") or "RESOURCE_OCID")
        kind = parse_ocid(resource)
        return (
            f"allow any-user to {what} in {scope} where all {{request.principal.type = '{kind.kind if kind else 'RESOURCE_TYPE'}', "
            f"request.principal.id = '{resource}'}}"
        )
    if mode == "instance_principal":
        instance = str(claims.get("opc-instance") or claims.get("sub") or "INSTANCE_OCID")
        return (
            f"allow dynamic-group GROUP to {what} in {scope}\n"
            f"where GROUP is a dynamic group with the rule: instance.id = '{instance}'"
        )
    return f"allow group GROUP to {what} in {scope}"
