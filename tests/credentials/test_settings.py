"""How a profile's fields, the CLI's variables and its rc file are put together."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from oci_httpx_auth import APIKey, ConfigError, OCISigner, default_credentials

from ..conftest import TENANCY, USER, Key
from ..standin import FakeOCI
from ..world import KEY_ID, write_profile


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


def test_an_unknown_authentication_type_is_an_error(
    oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`authentication_type` is the SDK's mark of Cloud Shell."""
    config = oci.write_config(tmp_path)
    config.write_text(config.read_text() + "authentication_type = kerberos\n")
    with pytest.raises(ConfigError, match=r"authentication_type.*'kerberos'"):
        OCISigner(config_file=config)


@pytest.mark.parametrize("variable", ["OCI_CLI_PROFILE", "OCI_CONFIG_PROFILE"])
def test_the_profile_can_come_from_the_environment(
    tmp_path: Path, key: Key, other_key: Key, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """An argument wins over the variable."""
    config = write_profile(write_profile(tmp_path / "config", key), other_key, name="OTHER")
    monkeypatch.setenv(variable, "OTHER")
    assert APIKey.from_config(config_file=config).fingerprint == other_key.fingerprint
    assert APIKey.from_config("DEFAULT", config).fingerprint == key.fingerprint


@pytest.mark.parametrize(
    "names",
    [
        ("OCI_CLI_TENANCY", "OCI_CLI_USER", "OCI_CLI_FINGERPRINT", "OCI_CLI_KEY_FILE", "OCI_CLI_KEY_CONTENT"),
        ("OCI_TENANCY_OCID", "OCI_USER_OCID", "OCI_FINGERPRINT", "OCI_PRIVATE_KEY_PATH", "OCI_PRIVATE_KEY"),
        ("OCI_TENANCY", "OCI_USER", "OCI_FINGERPRINT", "OCI_KEY_FILE", "OCI_PRIVATE_KEY"),
    ],
    ids=["CLI", "Terraform", "opendal"],
)
@pytest.mark.parametrize("content", [False, True], ids=["file", "content"])
def test_the_environment_describes_a_key(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], content: bool
) -> None:
    """With the variable names of the CLI, Terraform and other tools; without a config file the chain uses it."""
    (tmp_path / "key.pem").write_text(key.pem())
    values = [
        TENANCY,
        USER,
        key.fingerprint,
        "" if content else str(tmp_path / "key.pem"),
        key.pem() if content else "",
    ]
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OCI_REGION", "PHX")
    provider = default_credentials()
    assert isinstance(provider, APIKey)
    assert provider.fetch().key_id == KEY_ID + key.fingerprint
    assert provider.region == "us-phoenix-1"
    assert pickle.loads(pickle.dumps(provider)).fetch().key_id == KEY_ID + key.fingerprint


def test_half_an_environment_is_an_error_and_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone who sets a user means this source, not another identity."""
    monkeypatch.setenv("OCI_CLI_USER", USER)
    with pytest.raises(ConfigError, match="OCI_CLI_TENANCY, OCI_CLI_FINGERPRINT and OCI_CLI_KEY_FILE"):
        default_credentials()
