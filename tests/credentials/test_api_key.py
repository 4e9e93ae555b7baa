"""API keys from arguments, profiles and the environment, in every file format."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from oci_httpx_auth import APIKey, ConfigError, OCISigner, SecurityToken, default_credentials
from oci_httpx_auth.credentials._config import load_profile

from ..conftest import TENANCY, USER, Key
from ..world import KEY_ID, write_profile


@pytest.mark.parametrize("pkcs1", [False, True], ids=["PKCS#8", "PKCS#1"])
@pytest.mark.parametrize("passphrase", [None, "pässphrase with spaces"], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    "decorate",
    [
        lambda pem: pem,
        lambda pem: pem.rstrip("\n") + "\nOCI_API_KEY",
        lambda pem: pem.rstrip("\n") + "OCI_API_KEY",
        lambda pem: "\n\n  " + pem.replace("\n", "\r\n") + "\r\n\r\n",
        lambda pem: "﻿" + pem,
    ],
    ids=["bare", "label line", "label glued on", "CRLF and space", "byte order mark"],
)
def test_a_key_loads_in_every_form(tmp_path: Path, key: Key, pkcs1: bool, passphrase: str | None, decorate) -> None:
    """PKCS#1 and PKCS#8, encrypted or not, as editors and the CLI write them."""
    changes = {"pass_phrase": passphrase} if passphrase else {}
    config = write_profile(tmp_path / "config", key, decorate(key.pem(passphrase, pkcs1=pkcs1)), **changes)
    assert APIKey.from_config(config_file=config).fetch().key_id == KEY_ID + key.fingerprint


def test_a_passphrase_inherited_by_a_plain_key_is_ignored(tmp_path: Path, key: Key, other_key: Key) -> None:
    """DEFAULT's passphrase belongs to DEFAULT's key."""
    config = write_profile(tmp_path / "config", key, key.pem("secret"), pass_phrase="secret")
    write_profile(config, other_key, name="OTHER")
    assert APIKey.from_config("OTHER", config).fetch().key_id == KEY_ID + other_key.fingerprint


def test_paths_and_fingerprints_are_taken_as_people_write_them(
    tmp_path: Path, key: Key, clean_environment: Path
) -> None:
    """`~` in a path, upper case in a fingerprint."""
    (clean_environment / "key.pem").write_text(key.pem())
    config = write_profile(
        tmp_path / "config", key, key_file="~/key.pem", fingerprint=key.fingerprint.upper(), region="ORD"
    )
    provider = APIKey.from_config(config_file=config)
    assert provider.fetch().key_id == KEY_ID + key.fingerprint
    assert provider.region == "us-chicago-1"


def test_a_rotated_key_is_picked_up(tmp_path: Path, key: Key, other_key: Key) -> None:
    """Profile and key file are read again at each fetch."""
    config = write_profile(tmp_path / "config", key)
    provider = APIKey.from_config(config_file=config)
    config.unlink()
    write_profile(config, other_key)
    assert provider.fetch().key_id == KEY_ID + other_key.fingerprint


def test_a_profile_that_was_wrong_for_a_while_is_used_as_before(tmp_path: Path, key: Key) -> None:
    """Nothing of the wrong one is kept, and its mistake is reported once, until a file changes again."""
    config = write_profile(tmp_path / "config", key)
    right = config.read_text()
    provider = APIKey.from_config(config_file=config)
    config.write_text(right.replace(TENANCY, "ocid1.tenancy.oc1..another").replace(key.fingerprint, "no fingerprint"))
    assert provider.changed()
    with pytest.raises(ConfigError, match="fingerprint"):
        provider.fetch()
    assert not provider.changed()
    config.write_text(right)
    assert provider.changed()
    assert provider.fetch().key_id == KEY_ID + key.fingerprint
    assert provider.tenancy == TENANCY


def test_a_key_file_that_the_profile_has_come_to_name_is_watched(tmp_path: Path, key: Key, other_key: Key) -> None:
    """Missing at first, it ends the pause after the failed fetch when it is there."""
    config = write_profile(tmp_path / "config", key)
    provider = APIKey.from_config(config_file=config)
    (key_file,) = [path for path in tmp_path.iterdir() if path != config]
    config.write_text(
        config.read_text().replace(key_file.name, "other.pem").replace(key.fingerprint, other_key.fingerprint)
    )
    with pytest.raises(ConfigError, match=r"other\.pem"):
        provider.fetch()
    assert not provider.changed()
    (tmp_path / "other.pem").write_text(other_key.pem())
    assert provider.changed()
    assert provider.fetch().key_id == KEY_ID + other_key.fingerprint


def test_a_key_in_variables_is_read_again(monkeypatch: pytest.MonkeyPatch, key: Key, other_key: Key) -> None:
    """A program may set them anew; there is no file to watch."""

    def set_variables(key: Key) -> None:
        values = {"USER": USER, "TENANCY": TENANCY, "FINGERPRINT": key.fingerprint, "KEY_CONTENT": key.pem()}
        for name, value in values.items():
            monkeypatch.setenv(f"OCI_CLI_{name}", value)

    set_variables(key)
    provider = APIKey.from_env()
    set_variables(other_key)
    assert provider.fetch().key_id == KEY_ID + other_key.fingerprint
    assert not provider.changed()


def test_a_profile_pickles_as_its_recipe(tmp_path: Path, key: Key) -> None:
    """Neither the key nor its path's content travels; the worker reads its own file."""
    config = write_profile(tmp_path / "config", key)
    for subject in (APIKey.from_config(config_file=config), OCISigner(config_file=config)):
        pickled = pickle.dumps(subject)
        assert b"PRIVATE" not in pickled
        assert key.fingerprint.encode() not in pickled
        assert repr(pickle.loads(pickled)) == repr(subject)


def test_secrets_in_memory_are_not_pickled(key: Key) -> None:
    """A signer made of a key in memory refuses, and says what to do instead."""
    provider = APIKey(tenancy=TENANCY, user=USER, fingerprint=key.fingerprint, private_key=key.pem())
    for subject in (provider, OCISigner(provider)):
        with pytest.raises(ConfigError, match="secrets in memory"):
            pickle.dumps(subject)
    with pytest.raises(TypeError, match="private key"):
        pickle.dumps(provider.fetch())


def test_an_unencrypted_key_file_given_as_argument_pickles(tmp_path: Path, key: Key) -> None:
    """A path is no secret."""
    (tmp_path / "key.pem").write_text(key.pem())
    provider = APIKey(tenancy=TENANCY, user=USER, fingerprint=key.fingerprint, key_file=tmp_path / "key.pem")
    assert pickle.loads(pickle.dumps(provider)).fetch().key_id == provider.fetch().key_id


def test_the_mode_can_be_named(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auth=`, or `OCI_CLI_AUTH`, as the CLI spells it."""
    config = write_profile(tmp_path / "config", key)
    assert isinstance(default_credentials("api_key", None, config), APIKey)
    monkeypatch.setenv("OCI_CLI_AUTH", "security_token")
    with pytest.raises(ConfigError, match="no security_token_file"):
        default_credentials(config_file=config)
    assert isinstance(default_credentials("api_key", None, config), APIKey)
    assert SecurityToken.mode == "security_token"


def test_nothing_secret_is_shown(tmp_path: Path, key: Key) -> None:
    """repr names the source, never key, passphrase or key id."""
    config = write_profile(tmp_path / "config", key, key.pem("very-secret"), pass_phrase="very-secret")
    signer = OCISigner(config_file=config)
    provider = APIKey.from_config(config_file=config)
    shown = f"{signer!r} {provider!r} {provider.fetch()!r} {signer.status()!r} {load_profile(None, config)!r}"
    assert os.fspath(config) in shown
    for secret in ("very-secret", "PRIVATE KEY", key.fingerprint):
        assert secret not in shown
