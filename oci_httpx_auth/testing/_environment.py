"""The environment variables that OCI's platforms set for their programs."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Protocol

from ._identity import Identities, made_up_ocid
from ._profiles import PREFIX, key_and_passphrase, literals_or_files, write_private
from ._tokens import new_key


class Addresses(Protocol):
    """Where the stand-in is, and what else the variables name."""

    @property
    def url(self) -> str: ...
    @property
    def metadata_url(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def ca_pem(self) -> bytes: ...
    def service_account_token(self, lifetime: float = 3600.0) -> str: ...


def environment(
    oci: Addresses,
    identities: Identities,
    mode: str,
    *,
    version: str,
    leaf: str,
    depth: int,
    cycle: bool,
    directory: Path | None,
    passphrase: str | None,
    lifetime: float | None,
    security_context: str | None,
) -> dict[str, str]:
    """The variables of `FakeOCI.environment`, which says what the arguments mean."""
    if mode == "instance_principal":
        return {"OCI_METADATA_BASE_URL": oci.metadata_url}
    if mode == "oke_workload_identity":
        if directory is None:
            raise ValueError("oke_workload_identity needs a directory for its token and CA files")
        token = oci.service_account_token(3600.0 if lifetime is None else lifetime)
        write_private(directory / "token", token.encode())
        write_private(directory / "ca.crt", oci.ca_pem)
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH": str(directory / "ca.crt"),
            "OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH": str(directory / "token"),
            f"{PREFIX}REGION": identities.region,
        }
    if mode != "resource_principal":
        raise ValueError(f"no environment for the mode {mode!r}")

    def resource(version: str, suffix: str) -> dict[str, str]:
        return _resource(oci, identities, version, suffix, directory, passphrase, lifetime, security_context)

    if version != "3.0":
        return {f"{PREFIX}VERSION": version, **resource(version, "")}
    first = "loop" if cycle else f"1/{depth}"
    return {
        f"{PREFIX}VERSION": "3.0",
        f"{PREFIX}VERSION_FOR_LEAF_RESOURCE": leaf,
        f"{PREFIX}RPT_URL_FOR_PARENT_RESOURCE": f"{oci.url}/20180711/parentResourcePrincipalToken/{first}",
        f"{PREFIX}RPST_ENDPOINT_FOR_PARENT_RESOURCE": oci.url,
        **resource(leaf, "_FOR_LEAF_RESOURCE"),
    }


def _resource(
    oci: Addresses,
    identities: Identities,
    version: str,
    suffix: str,
    directory: Path | None,
    passphrase: str | None,
    lifetime: float | None,
    security_context: str | None,
) -> dict[str, str]:
    endpoints = {f"{PREFIX}RPT_ENDPOINT{suffix}": oci.url, f"{PREFIX}RPST_ENDPOINT{suffix}": oci.url}
    if version == "1.1":
        instance = {"OCI_METADATA_BASE_URL": oci.metadata_url, f"{PREFIX}RPT_ID{suffix}": oci.instance}
        return {**endpoints, **instance}
    region = {f"{PREFIX}REGION{suffix}": identities.region}
    key = new_key()
    key_values = key_and_passphrase(key, passphrase)
    if version == "2.2":
        token = identities.issue("resource", key.public_key(), lifetime, {})
        return {**literals_or_files({"RPST": token, **key_values}, directory, suffix), **region}
    if version not in ("2.1", "2.1.1", "2.1.2"):
        raise ValueError(f"no such version of resource principals: {version!r}")
    resource = made_up_ocid("resource", identities.region)
    context = None
    if version == "2.1.2":
        context = token_hex(16) if security_context is None else security_context or None
    identities.add_key_pair(version, identities.tenancy, resource, key.public_key(), context)
    variables = {f"{PREFIX}RESOURCE_ID{suffix}": resource}
    if version != "2.1":
        variables[f"{PREFIX}TENANCY_ID{suffix}"] = identities.tenancy
    if context is not None:
        variables[f"{PREFIX}SECURITY_CONTEXT{suffix}"] = context
    return {**endpoints, **variables, **literals_or_files(key_values, directory, suffix), **region}
