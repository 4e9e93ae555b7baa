"""Instance principals: certificates, metadata and federation, and what goes wrong with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oci_httpx_auth import CredentialsUnavailableError, InstancePrincipal

from ..platforms import Platform
from ..standin import FakeOCI, Fault


def test_region_and_tenancy_come_from_the_instance(platform: Platform) -> None:
    """Known after the first fetch, not guessed before."""
    provider = platform.become("instance_principal")
    assert (provider.region, provider.tenancy) == (None, None)
    provider.fetch()
    assert (provider.region, provider.tenancy) == (platform.oci.region, platform.oci.tenancy)


def test_rotated_certificates_are_read_anew(platform: Platform) -> None:
    """Each refresh presents the certificate of the day, with a session key of its own."""
    provider = platform.become("instance_principal")
    first = provider.fetch()
    platform.oci.rotate_instance_certificate()
    second = provider.fetch()
    exchanges = [record for record in platform.oci.records if record.service == "federation"]
    assert [record.status for record in exchanges] == [200, 200]
    assert exchanges[0].key_id != exchanges[1].key_id
    assert exchanges[0].body != exchanges[1].body
    assert first.private_key.public_key() != second.private_key.public_key()


def test_a_tenancy_that_changes_is_refused(platform: Platform) -> None:
    """An instance does not move to another tenancy in the middle of a program."""
    provider = platform.become("instance_principal")
    provider.fetch()
    before = provider.tenancy
    platform.oci.change_tenancy()
    with pytest.raises(CredentialsUnavailableError, match=r"names tenancy .* does not change its tenancy"):
        provider.fetch()
    assert provider.tenancy == before


def test_a_refused_certificate_is_explained_and_not_tried_again(platform: Platform) -> None:
    """A 4xx will not become right by asking again: the message says where to look."""
    provider = platform.become("instance_principal")
    platform.oci.fail("federation", Fault(status=400, code="InvalidParameter", message="unknown instance"))
    with pytest.raises(CredentialsUnavailableError, match=r"unknown instance.*dynamic group.*policy.*clock"):
        provider.fetch()
    assert platform.services().count("federation") == 1


def auth_endpoint_of(provider: InstancePrincipal) -> str:
    with provider._service.calls() as calls:
        return provider._regional_auth_endpoint(calls)


def test_a_region_that_nobody_knows_gets_its_realm_from_the_instance(tmp_path: Path, monkeypatch: Any) -> None:
    """A region newer than our tables, in a realm that is not the commercial one."""
    with FakeOCI(region="eu-frankfurt-2") as oci:
        provider = InstancePrincipal(metadata_url=oci.metadata_url)
        assert auth_endpoint_of(provider) == "https://auth.eu-frankfurt-2.oraclecloud.eu"
        oci.fault_source = lambda service, record: (
            Fault(status=200, body=b"xx-new-9")
            if record.target.endswith("/region")
            else Fault(status=200, body=b'{"realmDomainComponent": "new-realm.example"}')
            if record.target.endswith("/regionInfo")
            else None
        )
        provider = InstancePrincipal(metadata_url=oci.metadata_url)
        assert auth_endpoint_of(provider) == "https://auth.xx-new-9.new-realm.example"


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"realmDomainComponent": 7}'])
def test_a_region_of_unknown_realm_is_assumed_to_be_commercial(platform: Platform, answer: bytes) -> None:
    """As the SDK does."""
    platform.oci.fault_source = lambda service, record: Fault(
        status=200, body=b"xx-new-9" if record.target.endswith("/region") else answer
    )
    provider = platform.become("instance_principal")
    assert auth_endpoint_of(provider) == "https://auth.xx-new-9.oraclecloud.com"


def test_a_realm_from_metadata_must_be_a_domain(platform: Platform) -> None:
    """A key is not sent to whatever the metadata says."""
    answers = {"region": b"xx-new-9", "regionInfo": b'{"realmDomainComponent": "evil.example/#"}'}
    platform.oci.fault_source = lambda service, record: Fault(
        status=200, body=answers[record.target.rpartition("/")[2]]
    )
    with pytest.raises(CredentialsUnavailableError, match="The instance's region has no auth service"):
        auth_endpoint_of(platform.become("instance_principal"))


def test_an_instance_whose_key_is_never_its_certificates_is_not_waited_for(platform: Platform) -> None:
    """Three times they are read; then the auth service says what it thinks of it."""
    provider = platform.become("instance_principal")
    other = platform.oci.add_session().private_key_pem()
    platform.oci.fault_source = lambda service, record: (
        Fault(status=200, body=other) if record.target.endswith("/key.pem") else None
    )
    with pytest.raises(CredentialsUnavailableError, match="certificate was refused"):
        provider.fetch()
    assert [record.target for record in platform.oci.records].count("/opc/v2/identity/key.pem") == 3


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
