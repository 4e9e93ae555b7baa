"""Machines in the cloud, and every mode in which a program on one of them can sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oci_httpx_auth import InstancePrincipal, OCISigner, OKEWorkloadIdentity, ResourcePrincipal
from oci_httpx_auth._auth_service.service import AuthService

from .conftest import Clock
from .standin import FakeOCI

PREFIX = "OCI_RESOURCE_PRINCIPAL_"


class Platform:
    """A machine in the cloud: its services, its environment variables, and a time in common."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.oci = FakeOCI(clock=self.clock)
        self.directory, self.monkeypatch = directory, monkeypatch
        self.options: dict[str, Any] = {"_service": AuthService(clock=self.clock, sleep=lambda _: None)}

    def set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def become(self, mode: str, **options: Any) -> Any:
        """Set the variables of a mode and return the provider that they lead to."""
        if mode == "oke_workload_identity":
            options.setdefault("directory", self.directory)
        self.set(self.oci.environment(mode, **options))
        self.monkeypatch.setenv("OCI_CLI_FEDERATION_ENDPOINT", self.oci.federation_endpoint)
        if mode == "instance_principal":
            return InstancePrincipal(**self.options)
        if mode == "resource_principal":
            return ResourcePrincipal(**self.options)
        return OKEWorkloadIdentity(port=self.oci.tls_port, **self.options)

    def signer(self, provider: Any) -> OCISigner:
        return OCISigner(provider, clock=self.clock)

    def services(self) -> list[str]:
        return [record.service for record in self.oci.records]

    def reasons(self) -> list[str]:
        return [f"{record.service}: {record.reason}" for record in self.oci.records if record.reason]


LEAVES = ("1.1", "2.1", "2.1.1", "2.1.2", "2.2")


RESOURCES: dict[str, dict[str, Any]] = {
    **{version: {"version": version} for version in LEAVES},
    **{f"3.0 over {leaf}": {"version": "3.0", "leaf": leaf} for leaf in LEAVES},
    "3.0, four levels": {"version": "3.0", "depth": 4},
    "2.1.2 without a security context": {"version": "2.1.2", "security_context": ""},
}


MODES: dict[str, tuple[str, dict[str, Any]]] = {
    "instance principal": ("instance_principal", {}),
    "workload identity": ("oke_workload_identity", {}),
    **{f"resource principal {name}": ("resource_principal", options) for name, options in RESOURCES.items()},
}


RENEWABLE = [name for name in MODES if name not in ("resource principal 2.2", "resource principal 3.0 over 2.2")]
