"""How a profile's fields, the CLI's variables and its rc file are put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from oci_httpx_auth import ConfigError, OCISigner

from ..standin import FakeOCI


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
