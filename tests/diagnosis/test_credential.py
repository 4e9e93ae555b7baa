"""What `check` says of the credential."""

from __future__ import annotations

import time

import pytest

from oci_httpx_auth import Credential, InstancePrincipal
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.diagnosis import check

from ..conftest import Key
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


def test_a_token_from_the_future_shows_a_slow_clock(setting: Broken) -> None:
    """By a clock that is two hours slow, it will be issued then."""
    setting.config(session=True)
    report = check(**setting.options | {"clock": lambda: time.time() - 7200})
    (line,) = [line for line in report.lines if line.subject == "token"]
    assert "issued in 2 h" in line.text


def test_a_token_that_cannot_be_read_is_used(setting: Broken, key: Key) -> None:
    """OCI may understand what `check` does not."""

    class Own:
        region = "us-chicago-1"

        def fetch(self) -> Credential:
            return Credential(key_id="ST$opaque", private_key=key.private)

    report = check(Own(), endpoint=setting.oci.url)
    assert report.findings[0].code == "identity-refused", report
    assert setting.oci.records[-1].service == "identity"


def test_an_api_key_without_a_region_is_not_sent(setting: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity's endpoint does not say where Generative AI is."""
    monkeypatch.setenv("OCI_GENAI_API_KEY", "sk-0123456789abcdef")
    report = check(endpoint=setting.oci.url)
    assert [finding.code for finding in report.findings] == ["region-unknown"], report
    assert setting.oci.records == []


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
