"""Which credentials are found where programs run, beyond the simple cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from oci_httpx_auth import (
    ConfigError,
    CredentialsUnavailableError,
    InstancePrincipal,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    default_credentials,
)

from ..platforms import PREFIX, Platform
from ..standin import FakeOCI


@pytest.mark.parametrize("version", ["1.1", "2.2"])
def test_a_pod_that_was_set_up_for_the_go_sdk_signs_as_its_workload(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], tmp_path: Path, version: str
) -> None:
    """That SDK needs only a version and a region in the pod's specification, nothing else of a resource principal."""
    become(oci.environment("oke_workload_identity", directory=tmp_path))
    become({f"{PREFIX}VERSION": version, f"{PREFIX}REGION": "ORD"})
    found = default_credentials()
    assert isinstance(found, OKEWorkloadIdentity)
    assert found.region == "us-chicago-1"


@pytest.mark.parametrize("version", ["1.1", "2.1", "2.2"])
def test_a_pod_that_is_given_a_resource_principal_signs_as_that(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], tmp_path: Path, version: str
) -> None:
    """The resource's variables win over the pod's service account."""
    become(oci.environment("oke_workload_identity", directory=tmp_path))
    become(oci.environment("resource_principal", version=version))
    assert isinstance(default_credentials(), ResourcePrincipal)


def test_a_resource_principal_that_lacks_its_token_is_an_error_outside_of_pods(
    become: Callable[[dict[str, str]], None],
) -> None:
    """A source that is there but broken is not skipped."""
    become({f"{PREFIX}VERSION": "2.2", f"{PREFIX}REGION": "ORD"})
    with pytest.raises(ConfigError, match="RPST and OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM are not set"):
        default_credentials()


def test_a_pod_without_a_service_account_goes_on_to_the_instance(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], tmp_path: Path
) -> None:
    """On a node of a basic cluster, without a mounted service account, only the instance's identity is left."""
    become(oci.environment("oke_workload_identity", directory=tmp_path))
    become({"OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH": str(tmp_path / "nothing")})
    become(oci.environment("instance_principal"))
    become({"OCI_CLI_FEDERATION_ENDPOINT": oci.federation_endpoint})
    signer = OCISigner()
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert (oci.records[-1].mode, signer.mode) == ("instance_principal", "instance_principal")
    oci.revoke_tokens()
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert [record.target for record in oci.records].count("/opc/v2/instance/region") == 1  # it is known by then


def test_the_reasons_of_everything_that_was_tried_are_listed(become: Callable[[dict[str, str]], None]) -> None:
    """Each with its variable or file, so that the intended one is found at a glance."""
    become({"KUBERNETES_SERVICE_HOST": "127.0.0.1", f"{PREFIX}VERSION": "2.2"})
    provider = default_credentials()
    assert isinstance(provider, InstancePrincipal)
    with pytest.raises(CredentialsUnavailableError) as caught:
        provider.fetch()
    lines = [line.strip("- ") for line in str(caught.value).splitlines() if line.startswith("  - ")]
    assert [line.partition(":")[0].partition(" /")[0] for line in lines] == [
        "config file",
        "API key in the environment",
        "resource principal",
        "OKE workload identity",
        "instance metadata",
    ]
    assert "The service account token does not exist" in lines[3] or "CA file does not exist" in lines[3]


@pytest.mark.parametrize("source", ["auth", "OCI_CLI_AUTH"])
def test_an_unknown_auth_mode_is_named_with_the_known_ones(
    become: Callable[[dict[str, str]], None], source: str
) -> None:
    """The error names the argument or the variable it came from."""
    if source == "OCI_CLI_AUTH":
        become({"OCI_CLI_AUTH": "pkcs11"})
    with pytest.raises(ConfigError, match=f"^{source} is 'pkcs11'.*api_key.*instance_obo_user"):
        OCISigner(auth=None if source == "OCI_CLI_AUTH" else "pkcs11")


def test_a_config_file_without_the_default_profile_is_skipped_by_name(
    become: Callable[[dict[str, str]], None], clean_environment: Path
) -> None:
    """Nobody asked for it; the final error says that it was looked at."""
    (clean_environment / ".oci").mkdir()
    (clean_environment / ".oci" / "config").write_text("[WORK]\nuser=ocid1.user.oc1..aaaa\n")
    with pytest.raises(CredentialsUnavailableError, match=r"config file .*There is no profile DEFAULT.*It has WORK"):
        default_credentials().fetch()


@pytest.mark.parametrize("mode", ["instance_principal", "resource_principal", "oke_workload_identity"])
@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
def test_the_search_finds_each_mode(platform: Platform, mode: str, named: bool) -> None:
    """By its variables, or by name; the instance last."""
    platform.become(mode)
    if named:
        platform.monkeypatch.setenv("OCI_CLI_AUTH", mode)
    signer = OCISigner(clock=platform.clock)
    assert signer.mode == mode
    assert OCISigner(auth=mode, clock=platform.clock).mode == mode
    if mode != "oke_workload_identity":  # whose port is fixed
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{platform.oci.url}/x").status_code == 200


def test_the_search_lists_what_it_tried(platform: Platform) -> None:
    """In the first request's error, after a second at most for the metadata service."""
    signer = OCISigner()
    with httpx.Client(auth=signer) as client, pytest.raises(CredentialsUnavailableError) as caught:
        client.get(f"{platform.oci.url}/x")
    for tried in (
        "config file",
        "API key in the environment",
        "resource principal",
        "OKE workload",
        "instance metadata",
    ):
        assert f"  - {tried}" in str(caught.value)


def test_default_credentials_prefers_a_profile(platform: Platform, clean_environment: Path) -> None:
    """A machine in the cloud on which somebody has put a profile signs as that somebody."""
    platform.become("resource_principal", version="2.2")
    assert isinstance(default_credentials(), ResourcePrincipal)
    platform.oci.write_config(clean_environment / ".oci")
    assert not isinstance(default_credentials(), ResourcePrincipal)
