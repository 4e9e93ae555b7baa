"""What `check` says of the credential."""

from __future__ import annotations

from oci_httpx_auth import InstancePrincipal
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.diagnosis import check

from ..standin import Fault
from .broken import Broken


def test_an_instance_shows_its_certificate(setting: Broken) -> None:
    """Its end, and whether it is of the chain."""
    setting.instance()
    report = check(**setting.options)
    assert report.ok, report
    (line,) = [line for line in report.lines if line.subject == "certificate"]
    assert "issued by the intermediate one" in line.text
    assert "not issued" not in line.text


def test_a_certificate_that_cannot_be_read_is_reported_once(setting: Broken) -> None:
    """By the credential's error."""
    setting.oci.fault_source = lambda service, record: (
        Fault(status=200, body=b"nonsense") if record.target.endswith("/cert.pem") else None
    )
    given = InstancePrincipal(
        metadata_url=setting.oci.metadata_url,
        federation_endpoint=setting.oci.federation_endpoint,
        _service=AuthService(sleep=lambda _: None),
    )
    report = check(given, **setting.options)
    assert [finding.code for finding in report.findings] == ["no-credentials"]
    assert "certificate cannot be read" in report.findings[0].cause
    assert "certificate" not in [line.subject for line in report.lines]
