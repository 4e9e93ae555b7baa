"""What `check` says of where credentials come from, of values that cannot be meant, and of files as they should not be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from oci_httpx_auth.diagnosis import check

from .broken import Broken, key_of_another_user


def test_sources_that_were_passed_over_are_listed_with_the_reason(setting: Broken) -> None:
    """All that come before the one that was chosen."""
    for name, value in setting.oci.environment("resource_principal").items():
        setting.environment.setenv(name, value)
    report = check(**setting.options)
    assert report.ok, report
    passed = [line.text for line in report.lines if line.subject == "passed over"]
    assert [text.partition(":")[0].split(" /")[0] for text in passed] == ["config file", "API key in the environment"]
    assert any(line.text.startswith("resource_principal") for line in report.lines if line.subject == "source")


def test_a_profile_that_cannot_be_read_does_not_hide_the_others(setting: Broken) -> None:
    """Another profile's mistake is not what was asked about."""
    key_of_another_user(setting)
    path = setting.options["config_file"]
    path.write_text(path.read_text().replace("[BOB]", "[BAD]\nkey_content=x\n[BOB]"))
    assert check(**setting.options).findings[0].code == "key-of-another-user"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no such modes")
@pytest.mark.parametrize("profile", [None, "DEFAULT"])
def test_a_directory_that_may_not_be_entered_is_named(monkeypatch: pytest.MonkeyPatch, profile: str | None) -> None:
    """The file in it seems not to exist, or not to be readable if it was asked for, and is not what is at fault."""
    import configparser  # noqa: F401  (now: another user may not read the interpreter's files)

    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        home.chmod(0o755)
        (home / ".oci").mkdir()
        (home / ".oci" / "config").write_text("[DEFAULT]\n")
        (home / ".oci").chmod(0)
        monkeypatch.setenv("HOME", str(home))
        check()  # for what is imported when it is needed
        user = os.geteuid()
        if user == 0:  # whom no mode stops
            os.seteuid(65534)
        try:
            report = check(profile=profile)
        finally:
            os.seteuid(user)
            (home / ".oci").chmod(0o700)
    assert report.findings[0].code == "directory-closed", report
    assert f"may not enter the directory {home / '.oci'}" in report.verdict


def test_the_warning_of_open_files_can_be_switched_off_as_in_the_cli(setting: Broken) -> None:
    """By the CLI's own variable."""
    path = setting.config()
    setting.key_file(path).chmod(0o644)
    assert [finding.code for finding in check(**setting.options).findings] == ["file-open-to-others"]
    setting.environment.setenv("OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING", "True")
    assert check(**setting.options).findings == ()
