"""Profiles as they are read from config files."""

from __future__ import annotations

from pathlib import Path

import pytest

from oci_httpx_auth import APIKey, ConfigError, CredentialsUnavailableError, OCISigner, default_credentials
from oci_httpx_auth.credentials._config import load_profile
from oci_httpx_auth.credentials._default import implied_mode
from oci_httpx_auth.credentials._settings import resolve

from ..conftest import TENANCY, Key
from ..world import KEY_ID, write_profile


def test_an_impossible_home_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever HOME holds, looking for the default config file doesn't fail."""
    monkeypatch.setenv("HOME", "/" + "x" * 5000)
    with pytest.raises(CredentialsUnavailableError, match="does not exist"):
        default_credentials().fetch()


def test_a_profile_inherits_from_default(tmp_path: Path, key: Key) -> None:
    """Values that a profile doesn't set come from DEFAULT."""
    config = write_profile(tmp_path / "config", key)
    with config.open("a") as file:
        file.write("[FRANKFURT]\nregion = FRA\n")
    provider = APIKey.from_config("FRANKFURT", config)
    assert provider.region == "eu-frankfurt-1"
    assert provider.tenancy == TENANCY
    assert provider.fetch().key_id == KEY_ID + key.fingerprint


def test_the_default_file_is_found_where_the_sdk_finds_it(
    tmp_path: Path, key: Key, other_key: Key, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~/.oraclebmc/config`, before it `OCI_CONFIG_FILE`, before it `~/.oci/config`, before it `OCI_CLI_CONFIG_FILE`."""

    def fingerprint() -> str:
        provider = OCISigner()._provider
        assert isinstance(provider, APIKey)
        return provider.fingerprint

    legacy = clean_environment / ".oraclebmc" / "config"
    legacy.parent.mkdir()
    write_profile(legacy, key)
    assert fingerprint() == key.fingerprint
    monkeypatch.setenv("OCI_CONFIG_FILE", str(write_profile(tmp_path / "elsewhere", other_key)))
    assert fingerprint() == other_key.fingerprint
    usual = clean_environment / ".oci" / "config"
    usual.parent.mkdir()
    write_profile(usual, key)
    assert fingerprint() == key.fingerprint
    monkeypatch.setenv("OCI_CLI_CONFIG_FILE", str(tmp_path / "elsewhere"))
    assert fingerprint() == other_key.fingerprint


@pytest.mark.parametrize(
    ("own", "session"),
    [
        ("security_token_file=/t\n", True),
        ("security_token_file=/t\nuser=x\n", True),
        ("region=x\n", True),
        ("user=x\n", False),
    ],
)
def test_which_profile_is_a_session(tmp_path: Path, own: str, session: bool) -> None:
    """`security_token_file` makes it one, unless it is inherited and the profile has its own user."""
    config = tmp_path / "config"
    config.write_text(f"[DEFAULT]\nsecurity_token_file=/inherited\n[P]\n{own}")
    assert implied_mode(resolve(profile="P", config_file=config)) == ("security_token" if session else "api_key")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("[DEFAULT]\n".encode("utf-16"), "is encoded as UTF-16, .* `iconv -f UTF-16 "),
        ("[DEFAULT]\n".encode("utf-16-le"), "is encoded as UTF-16, .* `iconv -f UTF-16LE "),
        ("[DEFAULT]\nuser=\xe9\n".encode("latin-1"), "is encoded as Latin-1 or similar, .* `iconv -f LATIN1 "),
        (b"\xef\xbb\xbf", "There is no profile DEFAULT"),
    ],
    ids=["UTF-16", "UTF-16 without a mark", "Latin-1", "only a mark"],
)
def test_a_file_in_another_encoding_is_recognised(tmp_path: Path, data: bytes, says: str) -> None:
    """The command converts it: without a mark, some systems take UTF-16 for big-endian."""
    path = tmp_path / "config"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=says):
        load_profile(None, path)
