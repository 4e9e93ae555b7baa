"""`check` names the true cause: for each broken set-up, built on the stand-in, as its first finding."""

from __future__ import annotations

import json
import re

import pytest

from oci_httpx_auth import Credential
from oci_httpx_auth.diagnosis import check

from ..conftest import Key
from .broken import SET_UPS, Broken, first_finding


@pytest.mark.parametrize("name", SET_UPS)
def test_the_first_finding_is_the_true_cause(setting: Broken, name: str) -> None:
    """By its code and by its words; and there is something to do next."""
    report, code, says = first_finding(setting, name)
    assert report.findings, report
    finding = report.findings[0]
    assert (finding.code, says in f"{finding.cause} {finding.remedy}") == (code, True), report.findings
    assert finding.cause
    assert finding.remedy
    assert report.ok == (report.findings[0].severity == "warning")
    everything = json.dumps(report.as_dict())
    for secret in ("hunter2", r"PRIVATE KEY-----\\n", r"eyJ[\w-]+\."):  # a public key may hold the letters of a token
        assert not re.search(secret, everything)


def test_there_are_at_least_25_set_ups() -> None:
    """At least 25, none like the other."""
    assert len(SET_UPS) >= 25


@pytest.mark.parametrize("session", [False, True])
def test_nothing_is_found_where_nothing_is_wrong(setting: Broken, session: bool) -> None:
    """Both calls are made, and the report ends well."""
    setting.config(session=session)
    report = check(**setting.options, compartment_id=setting.oci.compartment)
    assert report.ok, report
    assert report.findings == ()
    assert [(record.service, record.status) for record in setting.oci.records[-2:]] == [
        ("identity", 200),
        ("inference", 200),
    ]
    assert {line.state for line in report.lines} == {"ok"}
    subjects = [line.subject for line in report.lines]
    assert subjects[-3:] == ["signed call", "clock", "Generative AI"]


def test_a_bug_in_check_itself_is_a_finding(setting: Broken, key: Key) -> None:
    """It could not be told whether calls work, and the lines so far are kept."""

    class Own:
        def fetch(self) -> Credential:
            return Credential(key_id="a/b/c", private_key=key.private)

        @property
        def region(self) -> str:
            raise RuntimeError("no region today")

    report = check(Own())
    assert (report.outcome, report.findings[0].code) == ("unknown", "internal")
    assert "RuntimeError" in report.verdict
    assert [line.subject for line in report.lines] == ["source", "key"]
