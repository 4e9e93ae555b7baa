"""What `check` says of where credentials come from."""

from __future__ import annotations

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
