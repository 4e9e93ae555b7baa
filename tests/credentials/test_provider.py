"""What all providers have in common."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from oci_httpx_auth import APIKey, ConfigError, InstancePrincipal, SecurityToken
from oci_httpx_auth.credentials._provider import Provider

from ..standin import FakeOCI


def test_a_provider_pickles_as_the_arguments_that_make_it_again() -> None:
    """Another process reads the same files for itself."""
    provider = Provider(source="a test")
    again = pickle.loads(pickle.dumps(provider))
    assert type(again) is Provider
    assert repr(again) == repr(provider) == "<Provider of a test>"


def test_a_provider_made_of_secrets_is_not_pickled() -> None:
    """The error names it and says what to make it from instead."""
    with pytest.raises(ConfigError, match=r"<Provider of memory> was made from secrets in memory and is not pickled"):
        pickle.dumps(Provider("memory"))


def test_a_subclass_with_an_argument_of_its_own_is_not_pickled() -> None:
    """It may be a secret, whatever it is called."""

    class Vault(InstancePrincipal):
        def __init__(self, *, vault_password: str) -> None:
            super().__init__(metadata_url="http://127.0.0.1:9/opc/v2")

    with pytest.raises(ConfigError, match="was made from secrets in memory"):
        pickle.dumps(Vault(vault_password="hunter2"))


def test_a_provider_of_a_profile_pickles_as_the_profile(config: Path) -> None:
    """It is resolved again where it arrives, so a field that has changed meanwhile counts there."""
    pickled = pickle.dumps(APIKey.from_config(config_file=config))
    assert b"PRIVATE KEY" not in pickled
    config.write_text(config.read_text().replace("us-chicago-1", "eu-frankfurt-1"))
    assert pickle.loads(pickled).region == "eu-frankfurt-1"


def test_a_provider_has_its_profiles_compartment_and_project(oci: FakeOCI, config: Path) -> None:
    """By any of the names that profiles use for them; its source says which profile that is."""
    config.write_text(f"{config.read_text()}\ncompartment-id = {oci.compartment}\nproject = ocid1.project.oc1..a\n")
    provider = APIKey.from_config(config_file=config)
    assert (provider.compartment, provider.project) == (oci.compartment, "ocid1.project.oc1..a")
    assert str(config) in provider.source
    assert str(config) in repr(provider)


def test_a_changed_key_file_is_noticed(config: Path) -> None:
    """Compared with its state at the last fetch."""
    provider = APIKey.from_config(config_file=config)
    provider.fetch()
    assert not provider.changed()
    key_file = next(Path(line[11:]) for line in config.read_text().splitlines() if line.startswith("key_file = "))
    key_file.write_text(key_file.read_text() + "\n")
    assert provider.changed()


def test_a_file_that_a_failed_fetch_did_not_come_to_read_has_not_changed(oci: FakeOCI, tmp_path: Path) -> None:
    """Otherwise it would end the pause after the failure, again and again."""
    provider = SecurityToken.from_config(config_file=oci.write_config(tmp_path, session=True))
    provider.fetch()
    (token_file,), (key_file,) = tmp_path.rglob("token"), tmp_path.rglob("oci_api_key.pem")
    token_file.unlink()
    key_file.write_text(key_file.read_text() + "\n")
    assert provider.changed()
    with pytest.raises(ConfigError):
        provider.fetch()
    assert not provider.changed()
