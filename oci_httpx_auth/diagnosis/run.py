"""One run of `check`: what it was asked for, what it has learned so far, and what it reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import httpx

from .._credential import CredentialProvider
from .._secrecy import hide_secrets
from .._verdicts import Finding
from ..credentials._config import Profile

State = Literal["ok", "note", "warning", "error"]
Outcome = Literal["works", "fails", "unknown"]

JSON_VERSION = 1  # counts up when a field changes its meaning or is removed


@dataclass(frozen=True)
class Line:
    """One thing that was examined, and the result."""

    state: State
    subject: str
    text: str


@dataclass(frozen=True)
class Report:
    """What `check` found. lines: everything examined, in order. findings: everything wrong, the true cause first."""

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether calls work from here."""
        return self.outcome == "works"

    @property
    def outcome(self) -> Outcome:
        """Whether calls work, fail, or could not be tried to the end."""
        outcomes: dict[str, Outcome] = {"error": "fails", "unknown": "unknown", "warning": "works"}
        return outcomes[self.findings[0].severity] if self.findings else "works"

    @property
    def verdict(self) -> str:
        """The most probable cause, or that calls work."""
        if self.ok:
            return "Calls are signed and accepted." + (f" But: {self.findings[0].cause}" if self.findings else "")
        return self.findings[0].cause

    @property
    def next_step(self) -> str:
        """What to do; empty if there is nothing to do."""
        return self.findings[0].remedy if self.findings else ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON. `version` identifies the format."""
        head = {"version": JSON_VERSION, "ok": self.ok, "outcome": self.outcome}
        return {**head, "verdict": self.verdict, "next_step": self.next_step, **asdict(self)}


class Failed(Exception):
    """Ends the run with the finding that explains the failure."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


@dataclass
class Run:
    """Filled in from top to bottom while `check` goes on.

    listener: called with each line at once, and with a text that says what is being waited for.
    """

    # What was asked for.
    clock: Callable[[], float]
    auth: str | None
    profile_name: str | None
    config_file: str | os.PathLike[str] | None
    region: str | None
    compartment: str | None
    project: str | None
    model: str
    endpoint: str | None
    base_url: str | None
    listener: Callable[[Line | str], object]
    # What was learned.
    profile: Profile | None = None
    chosen_by: str = ""
    fallen_through: str = ""  # why a pod's workload identity was passed over, if it was
    provider: CredentialProvider = field(init=False)
    signer: httpx.Auth | Callable[[httpx.Request], httpx.Request] = field(init=False)
    mode: str = "generative_ai_api_key"  # unless requests are signed
    tenancy: str | None = None
    source_region: str | None = None  # as the source of the credentials names it
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    expires_at: float | None = None
    service_account: str = ""  # as the pod's token names it: system:serviceaccount:<namespace>:<name>
    # What is reported.
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def announce(self, what: str) -> None:
        """Say what is being waited for."""
        self.listener(hide_secrets(what))

    def log(self, state: State, subject: str, text: str) -> None:
        """Report something that was examined."""
        line = Line(state, subject, hide_secrets(text))
        self.lines.append(line)
        self.listener(line)

    def add(self, finding: Finding) -> None:
        """Report something that is wrong."""
        hidden = replace(finding, cause=hide_secrets(finding.cause), remedy=hide_secrets(finding.remedy))
        self.findings.append(hidden)

    def report(self) -> Report:
        """Errors come before warnings, which may explain nothing; otherwise in the order in which they were met."""
        order = ("error", "unknown", "warning")
        findings = sorted(self.findings, key=lambda finding: order.index(finding.severity))
        return Report(tuple(self.lines), tuple(findings))


def duration(seconds: float) -> str:
    """A time span for people, in its largest unit of which there are at least one and a half."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(seconds: float) -> str:
    """When something was, given how many seconds ago; or when it will be, given a negative number."""
    return f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"


def expiry(seconds: float) -> str:
    """When something expires or expired, given how many seconds it has left."""
    return f"{'expires' if seconds > 0 else 'expired'} {ago(-seconds)}"
