"""Resource principals of every version: obtained, refreshed, explained."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import ConfigError, CredentialsUnavailableError, InvalidTokenError, OCISigner, ResourcePrincipal

from ..conftest import Key, settle
from ..platforms import PREFIX, Platform
from ..standin import FakeOCI


def test_a_security_context_that_does_not_fit_a_header_is_refused(
    tmp_path: Path, key: Key, other_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names its variable without quoting it, and comes when the provider is made."""
    prefix = "OCI_RESOURCE_PRINCIPAL_"
    values = {"VERSION": "2.1.2", "RPT_ENDPOINT": "http://127.0.0.1:9", "RPST_ENDPOINT": "http://127.0.0.1:9"}
    values |= {"RESOURCE_ID": "x", "TENANCY_ID": "y", "PRIVATE_PEM": key.pem(), "SECURITY_CONTEXT": "a\r\nb: c"}
    for name, value in values.items():
        monkeypatch.setenv(f"{prefix}{name}", value)
    with pytest.raises(ConfigError, match=f"{prefix}SECURITY_CONTEXT has characters that an HTTP header cannot carry"):
        ResourcePrincipal()


def test_the_claims_can_be_read(platform: Platform) -> None:
    """Tenancy and compartment of the resource, at once where the token is injected."""
    provider = platform.become("resource_principal", version="2.2")
    signer = platform.signer(provider)
    assert (signer.tenancy, signer.compartment) == (platform.oci.tenancy, platform.oci.compartment)
    assert signer.region == platform.oci.region
    assert not platform.oci.records


@pytest.mark.parametrize("passphrase", [None, "of the platform"])
def test_injected_files_are_read_again_as_the_platform_rotates_them(platform: Platform, passphrase: str | None) -> None:
    """Token and key of the same rotation, without a refused request, for a day."""
    options: dict[str, Any] = {"version": "2.2", "directory": platform.directory, "passphrase": passphrase}
    provider = platform.become("resource_principal", **options)
    tokens = set()
    with httpx.Client(auth=platform.signer(provider)) as client:
        for step in range(5 * 12):
            if step % 8 == 7:
                platform.oci.environment("resource_principal", **options)  # writes new files in the same place
            assert client.get(f"{platform.oci.url}/x").status_code == 200
            tokens.add(platform.oci.records[-1].key_id)
            settle()
            platform.clock.now += 300
    assert not platform.reasons()
    assert len(tokens) >= 5


def test_token_and_key_of_two_rotations_are_never_mixed(platform: Platform) -> None:
    """While only one of the two files has been replaced, the other is waited for; in the end it is an error."""
    options: dict[str, Any] = {"version": "2.2", "directory": platform.directory}
    variables = platform.oci.environment("resource_principal", **options)
    provider = platform.become("resource_principal", **options)
    token_file = Path(os.environ[f"{PREFIX}RPST"])
    old = token_file.read_text()
    platform.oci.environment("resource_principal", **options)
    new = token_file.read_text()
    token_file.write_text(old)
    with pytest.raises(InvalidTokenError, match="different sessions"):
        provider.fetch()

    class LateWriter(threading.Thread):
        def run(self) -> None:
            token_file.write_text(new)

    writer = LateWriter()
    writer.start()
    assert provider.fetch().key_id == f"ST${new.strip()}"
    writer.join(20)
    assert variables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{PREFIX}VERSION": ""}, "OCI_RESOURCE_PRINCIPAL_VERSION is not set"),
        ({f"{PREFIX}VERSION": "9.9"}, "'9.9', which is unknown.*1.1, 2.1, 2.1.1, 2.1.2, 2.2 and 3.0"),
        ({f"{PREFIX}RPST": ""}, "RPST is not set"),
        ({f"{PREFIX}RPST": "", f"{PREFIX}PRIVATE_PEM": ""}, "RPST and OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM are not set"),
        ({f"{PREFIX}RPST": "/no/such/token"}, "RPST names does not exist"),
        ({f"{PREFIX}RPST": "nonsense"}, "RPST is not a security token"),
        ({f"{PREFIX}PRIVATE_PEM": "nonsense"}, "PRIVATE_PEM does not hold a private key"),
        ({f"{PREFIX}RPST": "/no/token", f"{PREFIX}PRIVATE_PEM": "/no/key"}, "PRIVATE_PEM names does not exist"),
        ({f"{PREFIX}REGION": "no region"}, "REGION: 'no region' is not a region"),
        ({f"{PREFIX}VERSION": "3.0"}, "VERSION_FOR_LEAF_RESOURCE is not set"),
        ({f"{PREFIX}VERSION": "1.1"}, "RPT_ENDPOINT is not set"),
        ({f"{PREFIX}VERSION": "2.1.1"}, "RPT_ENDPOINT, .*RPST_ENDPOINT, .*RESOURCE_ID and .*TENANCY_ID are not set"),
    ],
)
def test_missing_variables_of_the_platform_are_named(platform: Platform, change: dict[str, str], message: str) -> None:
    """All missing variables at once, found when the provider is made."""
    platform.set(platform.oci.environment("resource_principal", version="2.2"))
    platform.set(change)
    with pytest.raises(ConfigError, match=message):
        ResourcePrincipal()


@pytest.mark.parametrize(("times", "found"), [(1, True), (2, False)])
def test_a_token_revoked_between_two_exchanges_is_fetched_again(platform: Platform, times: int, found: bool) -> None:
    """Each exchange is signed with the previous one's token; from the beginning once, not indefinitely."""
    provider = platform.become("resource_principal", version="3.0", leaf="1.1")
    revocations: list[str] = []

    def revoke(service: str, record: Any) -> None:
        if service == "rpst" and len(revocations) < times:
            revocations.append(service)
            platform.oci.revoke_tokens()

    platform.oci.fault_source = revoke
    if found:
        assert provider.fetch().key_id.startswith("ST$")
    else:
        with pytest.raises(CredentialsUnavailableError, match="answered 401"):
            provider.fetch()
    assert platform.services().count("federation") == 2


@pytest.mark.parametrize(
    "path", [".evil.example/{id}", "@evil.example/{id}", ":80/{id}", "//evil.example/{}", "\\evil"]
)
def test_a_custom_path_cannot_lead_to_another_host(platform: Platform, path: str) -> None:
    """Behind the endpoint's host and port it would become a part of them, were it not for a slash."""
    platform.become("resource_principal", version="2.1.2")
    platform.monkeypatch.setenv(f"{PREFIX}RPT_PATH", path)
    provider = ResourcePrincipal(**platform.options)
    with pytest.raises(CredentialsUnavailableError, match=f"{platform.oci.url}/"):
        provider.fetch()
    assert platform.oci.records


def test_a_cycle_of_parents_is_detected(platform: Platform) -> None:
    """Nested resources come to an end, or the platform is at fault."""
    provider = platform.become("resource_principal", version="3.0", cycle=True)
    with pytest.raises(CredentialsUnavailableError, match="circular or too deep"):
        provider.fetch()


@pytest.mark.parametrize("path", ["/20180711/resourcePrincipalTokenV212/{}", "/20180711/resourcePrincipalTokenV212"])
def test_a_path_may_have_a_place_for_the_resource(platform: Platform, path: str) -> None:
    """As the SDKs have it: `{id}`, `{}` at the end, or nothing, and the resource follows."""
    platform.set({f"{PREFIX}RPT_PATH": path})
    provider = platform.become("resource_principal", version="2.1.2")
    assert provider.fetch().key_id.startswith("ST$")
    assert platform.oci.records[0].target.startswith("/20180711/resourcePrincipalTokenV212/ocid1.")


@pytest.mark.parametrize("options", [{"version": "1.1"}, {"version": "3.0", "leaf": "1.1"}])
def test_the_region_of_an_instances_resource_is_known_once_it_was_asked_for(
    platform: Platform, options: dict[str, Any]
) -> None:
    """No variable names it, so it is the instance's."""
    provider = platform.become("resource_principal", **options)
    assert provider.region is None
    provider.fetch()
    assert provider.region == platform.oci.region


def test_an_injected_file_that_is_not_text_is_named(platform: Platform) -> None:
    """A token is ASCII; what is not may be anything but a token."""
    provider = platform.become("resource_principal", version="2.2", directory=platform.directory)
    (platform.directory / "rpst").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="RPST names is not text"):
        provider.fetch()


def test_a_resource_on_an_instance_has_its_region(
    oci: FakeOCI, instance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 1.1 asks the metadata service, unless the environment names a region."""
    monkeypatch.setenv("OCI_RESOURCE_PRINCIPAL_VERSION", "1.1")
    monkeypatch.setenv("OCI_RESOURCE_PRINCIPAL_RPT_ENDPOINT", oci.url)
    provider = ResourcePrincipal()
    assert provider.region is None
    assert provider.discover_region() == oci.region
    monkeypatch.setenv("OCI_RESOURCE_PRINCIPAL_REGION", "eu-frankfurt-1")
    assert ResourcePrincipal().discover_region() == "eu-frankfurt-1"


def test_token_and_key_may_be_given_in_different_ways(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], tmp_path: Path
) -> None:
    """The token in a file, which is read again, and its key as text."""
    become(oci.environment("resource_principal", version="2.2"))
    token_file = tmp_path / "rpst"
    provider = ResourcePrincipal()
    token_file.write_text(provider.fetch().key_id.removeprefix("ST$") + "\n")
    become({f"{PREFIX}RPST": str(token_file)})
    provider = ResourcePrincipal()
    renewed = oci.issue_token(provider.fetch().private_key.public_key(), kind="resource")
    token_file.write_text(renewed)
    assert provider.fetch().key_id == f"ST${renewed}"
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
