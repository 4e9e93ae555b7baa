"""Profiles as they are read from config files."""

from __future__ import annotations

import pytest

from oci_httpx_auth import CredentialsUnavailableError, default_credentials


def test_an_impossible_home_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever HOME holds, looking for the default config file doesn't fail."""
    monkeypatch.setenv("HOME", "/" + "x" * 5000)
    with pytest.raises(CredentialsUnavailableError, match="does not exist"):
        default_credentials().fetch()
