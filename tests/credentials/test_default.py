"""Which credentials are found where programs run, beyond the simple cases."""

from __future__ import annotations

import ssl
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
from oci_httpx_auth._auth_service.http import Client
from oci_httpx_auth._auth_service.service import AuthService

from ..standin import FakeOCI

PREFIX = "OCI_RESOURCE_PRINCIPAL_"


@pytest.fixture
def become(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Sets the variables of a platform."""

    def set_all(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


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
def test_an_unknown_way_to_authenticate_is_named_with_the_known_ones(
    become: Callable[[dict[str, str]], None], source: str
) -> None:
    """The error names the argument or the variable it came from."""
    if source == "OCI_CLI_AUTH":
        become({"OCI_CLI_AUTH": "pkcs11"})
    with pytest.raises(ConfigError, match=f"^{source} is 'pkcs11'.*api_key.*instance_obo_user"):
        OCISigner(auth=None if source == "OCI_CLI_AUTH" else "pkcs11")


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


@pytest.mark.parametrize("address", ["auth.example.com", "ftp://auth.example.com", "https://", "http://a:b"])
def test_an_invalid_address_is_a_configuration_error(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], address: str
) -> None:
    """It is reported at once, and not retried as if a service were down."""
    become(oci.environment("resource_principal", version="2.1"))
    become({f"{PREFIX}RPT_ENDPOINT": address})
    with pytest.raises(ConfigError, match="is not the URL of a service"):
        ResourcePrincipal(_service=AuthService(sleep=lambda _: pytest.fail("it was tried again"))).fetch()
    with pytest.raises(ConfigError, match="is not the URL of a service"):
        InstancePrincipal(
            metadata_url=address, _service=AuthService(sleep=lambda _: pytest.fail("it was tried again"))
        ).fetch()


def test_a_clusters_authority_is_verified_as_before_python_3_13(tmp_path: Path) -> None:
    """3.13 requires extensions that Kubernetes' authorities lack. Chain, dates and name are still verified."""
    with FakeOCI() as oci:
        (tmp_path / "ca.crt").write_bytes(oci.ca_pem)
    with Client(ca_file=str(tmp_path / "ca.crt")) as client:
        client.load_authorities()
        assert client._loading is not None
        client._loading.result(20)
        context = client._context
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_an_api_key_in_the_environment_serves_where_there_is_no_file(
    oci: FakeOCI, become: Callable[[dict[str, str]], None]
) -> None:
    """`OCI_CLI_AUTH=api_key` in a container that has variables and nothing else."""
    registered = oci.add_api_key()
    become({"OCI_CLI_AUTH": "api_key", "OCI_CLI_USER": registered.user, "OCI_CLI_TENANCY": oci.tenancy})
    become(
        {"OCI_CLI_FINGERPRINT": registered.fingerprint, "OCI_CLI_KEY_CONTENT": registered.private_key_pem().decode()}
    )
    with httpx.Client(auth=OCISigner()) as client:
        assert client.get(f"{oci.url}/x").status_code == 200


def test_a_config_file_without_the_default_profile_is_skipped_by_name(
    become: Callable[[dict[str, str]], None], clean_environment: Path
) -> None:
    """Nobody asked for it; the final error says that it was looked at."""
    (clean_environment / ".oci").mkdir()
    (clean_environment / ".oci" / "config").write_text("[WORK]\nuser=ocid1.user.oc1..aaaa\n")
    with pytest.raises(CredentialsUnavailableError, match=r"config file .*There is no profile DEFAULT.*It has WORK"):
        default_credentials().fetch()


def test_the_clis_rc_file_names_profile_mode_and_region(
    oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A default profile, and defaults for that profile or for DEFAULT."""
    config = oci.write_config(tmp_path, profile="WORK")
    rc_file = tmp_path / "rc"
    monkeypatch.setenv("OCI_CLI_CONFIG_FILE", str(config))
    monkeypatch.setenv("OCI_CLI_RC_FILE", str(rc_file))
    rc_file.write_text("[OCI_CLI_SETTINGS]\ndefault_profile = WORK\n[WORK]\nregion = eu-frankfurt-1\n")
    assert OCISigner().region == "eu-frankfurt-1"
    rc_file.write_text("[OCI_CLI_SETTINGS]\ndefault_profile = WORK\n[OTHER]\nregion = eu-frankfurt-1\n")
    assert OCISigner().region == oci.region
    rc_file.write_text("[DEFAULT]\nauth = instance_principal\n")
    assert OCISigner(profile="DEFAULT").mode == "instance_principal"


def test_a_kind_of_profile_that_is_not_known_is_an_error(
    oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`authentication_type` is the SDK's mark of Cloud Shell."""
    config = oci.write_config(tmp_path)
    config.write_text(config.read_text() + "authentication_type = kerberos\n")
    with pytest.raises(ConfigError, match=r"authentication_type.*'kerberos'"):
        OCISigner(config_file=config)
