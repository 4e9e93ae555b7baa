"""The leaf certificates of OCI's instances have names that are longer than X.520 allows."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from oci_httpx_auth import InstancePrincipal

from ..standin import FakeOCI

PROGRAM = """
import os
from oci_httpx_auth import InstancePrincipal
from oci_httpx_auth.testing import FakeOCI

with FakeOCI() as oci:
    os.environ.update(oci.environment("instance_principal"))
    provider = InstancePrincipal()
    provider.fetch()
    print(provider.tenancy)
"""


def test_a_refresh_succeeds_where_warnings_are_errors() -> None:
    """In a process of its own, whose interpreter was started with -W error."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ocid1.tenancy.oc1..")


def test_threads_read_certificates_at_once(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them changes the process's warning filters, which belong to all threads."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)
    tenancies: list[str | None] = []

    def fetch() -> None:
        provider = InstancePrincipal()
        provider.fetch()
        tenancies.append(provider.tenancy)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert tenancies == [oci.tenancy] * 8
