"""One run of `check`, and what it reports: its order, its outcome, and its form as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from oci_httpx_auth._verdicts import Finding, cause
from oci_httpx_auth.diagnosis.report import Line, Report
from oci_httpx_auth.diagnosis.run import Run, duration, expiry

ERROR = cause("region-unknown")
UNKNOWN = cause("no-answer-in-time/credential", source="the test", seconds=5)
WARNING = cause("region-unknown/guess", region="xx-1", domain="oraclecloud.com")


def run_of(listener: Callable[[Line | str], object] = lambda _: None) -> Run:
    return Run(time.time, *[None] * 7, "openai.gpt-oss-20b", None, None, listener)  # type: ignore[arg-type]


def report_of(*findings: Finding) -> Report:
    run = run_of()
    for finding in findings:
        run.findings.append(finding)
    return run.report()


def test_errors_come_before_warnings() -> None:
    """Which may explain nothing; among themselves they stay in the order in which they were met."""
    assert report_of(WARNING, UNKNOWN, ERROR).findings == (ERROR, UNKNOWN, WARNING)


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [((), "works"), ((WARNING,), "works"), ((WARNING, ERROR), "fails"), ((UNKNOWN, WARNING), "unknown")],
)
def test_the_gravest_finding_decides(findings: tuple[Finding, ...], outcome: str) -> None:
    """Only an error means that calls fail."""
    report = report_of(*findings)
    assert (report.outcome, report.ok) == (outcome, outcome == "works")


def test_the_verdict_is_the_first_cause_and_its_remedy_the_next_step() -> None:
    """A warning is added to the good news."""
    assert (report_of(ERROR).verdict, report_of(ERROR).next_step) == (ERROR.cause, ERROR.remedy)
    assert report_of(WARNING).verdict == f"Calls are signed and accepted. But: {WARNING.cause}"
    assert (report_of().verdict, report_of().next_step) == ("Calls are signed and accepted.", "")


def test_the_report_is_a_json_document() -> None:
    """With a version, so that programs know which fields to expect."""
    document = json.loads(json.dumps(report_of(ERROR).as_dict()))
    assert (document["version"], document["ok"], document["outcome"]) == (1, False, "fails")
    assert document["findings"] == [
        {"severity": "error", "code": "region-unknown", "cause": ERROR.cause, "remedy": ERROR.remedy}
    ]


def test_a_listener_hears_each_line_as_it_comes() -> None:
    """And what is waited for; neither holds a key."""
    heard: list[Line | str] = []
    run = run_of(heard.append)
    run.announce("an answer")
    run.log("ok", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    assert heard == ["an answer", run.lines[0]]
    assert "AAAA" not in run.lines[0].text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "2 h"), (129600, "2 d"), (864000, "10 d")],
)
def test_a_time_span_is_given_in_its_largest_unit(seconds: float, text: str) -> None:
    """Of which there are at least one and a half, so that rounding loses little."""
    assert duration(seconds) == text


def test_an_expiry_is_given_by_the_time_that_is_left() -> None:
    """Or by the time that has passed since."""
    assert (expiry(7200), expiry(0), expiry(-60)) == ("expires in 2 h", "expired 0 s ago", "expired 60 s ago")
