"""The call to Identity, and whose fault a 401 is."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from oci_httpx_auth.diagnosis import check

from .broken import NOT_ALLOWED, Broken, first_finding, key_of_another_user


def test_the_public_key_to_upload_is_the_configured_one(setting: Broken) -> None:
    """The remedy holds it, ready to be pasted."""
    report, *_ = first_finding(setting, "key_deleted")
    pem = report.next_step[report.next_step.index("-----BEGIN PUBLIC KEY") :].encode()
    key_file = setting.key_file(setting.options["config_file"])
    private = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert serialization.load_pem_public_key(pem) == private.public_key()


def test_a_valid_signature_without_permission_is_no_failure(setting: Broken) -> None:
    """Identity's 404 comes after it has found the signature valid."""
    setting.config()
    setting.oci.fail("identity", NOT_ALLOWED)
    report = check(**setting.options)
    assert report.ok, report
    assert any("the signature was accepted" in line.text for line in report.lines)


def test_the_first_profile_of_a_file_with_the_same_key_is_named(setting: Broken) -> None:
    """In every run, so that two reports can be compared. A profile without a user names nobody to whom the key belongs."""
    key_of_another_user(setting)
    path = setting.options["config_file"]
    text, bob = path.read_text().split("[BOB]")
    session = bob.replace("user=ocid1.user.oc1..aaaatheotheruser\n", "")
    more = "".join(f"[MORE{number}]{bob}" for number in range(30))
    path.write_text(f"{text}[SESSION]{session}[BOB]{bob.replace('theother', 'bobs')}{more}")
    finding = check(**setting.options).findings[0]
    assert "According to profile BOB" in finding.cause
    assert "belongs to user ocid1.user.oc1..aaaabobsuser" in finding.cause
