"""What a program finds on its machine: config files, key and token files, environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from oci_httpx_auth import SecurityToken, SessionExpiredError

from ..byhand import Holder, accepted
from ..standin import FakeOCI


def test_the_variables_of_2_2_are_literals_or_files(oci: FakeOCI, tmp_path: Path) -> None:
    """Token, key and passphrase alike."""
    prefix = "OCI_RESOURCE_PRINCIPAL_"
    literal = oci.environment("resource_principal", passphrase="secret")
    filed = oci.environment("resource_principal", directory=tmp_path, passphrase="secret")
    assert literal[f"{prefix}VERSION"] == filed[f"{prefix}VERSION"] == "2.2"
    for name in ("RPST", "PRIVATE_PEM", "PRIVATE_PEM_PASSPHRASE"):
        path = Path(filed[prefix + name])
        assert path.is_absolute()
        assert path.stat().st_mode & 0o777 == 0o600
    for token, pem in [
        (literal[f"{prefix}RPST"], literal[f"{prefix}PRIVATE_PEM"].encode()),
        (Path(filed[f"{prefix}RPST"]).read_text(), Path(filed[f"{prefix}PRIVATE_PEM"]).read_bytes()),
    ]:
        assert accepted(oci, Holder(f"ST${token}", load_pem_private_key(pem, b"secret")))


def test_a_profiles_session_is_renewed_by_its_own_stand_in(oci: FakeOCI, tmp_path: Path) -> None:
    """Neither a renewal nor a revocation leads to the real host of the profile's region."""
    session = SecurityToken.from_config(config_file=oci.write_config(tmp_path, session=True))
    first = session.fetch()
    renewed = session.fetch()
    oci.revoke_tokens()
    with pytest.raises(SessionExpiredError):  # it has been revoked, so it cannot be renewed
        session.fetch()
    assert renewed.key_id != first.key_id
    assert next((record.service, record.status) for record in oci.records) == ("session_refresh", 200)
    assert {(record.service, record.status) for record in oci.records[1:]} == {("session_refresh", 401)}


def test_a_session_without_a_server_names_no_real_host(tmp_path: Path) -> None:
    """A profile that is written before the stand-in serves still names no real host for its renewal."""
    path = FakeOCI().write_config(tmp_path, session=True)
    assert "auth_endpoint = http://127.0.0.1:9\n" in path.read_text()


def test_a_config_file_is_written_as_the_cli_writes_it(oci: FakeOCI, tmp_path: Path) -> None:
    """Profiles side by side, files for their owner alone, keys with the CLI's label at the end."""
    path = oci.write_config(tmp_path / "new")
    oci.write_config(tmp_path / "new", profile="SESSION", session=True, lifetime=60)
    oci.write_config(tmp_path / "new", profile="LOCKED", passphrase="very secret")
    text = path.read_text()
    assert path == (tmp_path / "new" / "config").resolve()
    assert [line for line in text.splitlines() if line.startswith("[")] == ["[DEFAULT]", "[SESSION]", "[LOCKED]"]
    assert text.count("security_token_file") == text.count("pass_phrase") == 1
    files = [file for file in (tmp_path / "new").rglob("*") if file.is_file()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "new" / "sessions").rglob("*") if file.is_dir()} == {
        0o700
    }
    key_file = tmp_path / "new" / "sessions" / "SESSION" / "oci_api_key.pem"
    assert key_file.read_bytes().endswith(b"-----END PRIVATE KEY-----\nOCI_API_KEY")
    assert b"ENCRYPTED" in (tmp_path / "new" / "LOCKED_oci_api_key.pem").read_bytes()


def test_a_nonexistent_environment_is_an_error(oci: FakeOCI, tmp_path: Path) -> None:
    """And so is a pod without a place for its files."""
    with pytest.raises(ValueError, match="no environment for the mode 'api_key'"):
        oci.environment("api_key")
    with pytest.raises(ValueError, match="no such version of resource principals: '4'"):
        oci.environment("resource_principal", version="4")
    with pytest.raises(ValueError, match="needs a directory"):
        oci.environment("oke_workload_identity")
