"""What `check` found: lines as they come, findings in the order of their weight, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .._secrecy import hide_secrets
from .._verdicts import Cause

State = Literal["ok", "note", "warning", "error"]
Severity = Literal["error", "unknown", "warning"]
Outcome = Literal["works", "fails", "unknown"]

JSON_VERSION = 1  # counts up when a field changes its meaning or goes

# Passing trouble of a service, or of this program: whether calls work otherwise has not been seen.
_PASSING = frozenset({"service-down", "auth-service-down", "throttled", "no-answer-in-time", "internal"})


@dataclass(frozen=True)
class Line:
    """One thing that was looked at, and what was found."""

    state: State
    subject: str
    text: str


@dataclass(frozen=True)
class Finding:
    """Something that is wrong. code: a stable name for programs.

    An `error` keeps calls from working; `unknown` means that `check` couldn't tell whether they do.
    """

    severity: Severity
    code: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class Report:
    """What `check` found. lines: all that was looked at, in order. findings: what is wrong, the true cause first."""

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether calls work from here."""
        return self.outcome == "works"

    @property
    def outcome(self) -> Outcome:
        """Whether calls work, fail, or could not be tried to the end."""
        first = self.findings[0].severity if self.findings else "warning"
        return "works" if first == "warning" else "fails" if first == "error" else "unknown"

    @property
    def verdict(self) -> str:
        """The most probable cause, or that calls work."""
        if self.ok:
            return "Calls are signed and accepted." + (f" But: {self.findings[0].cause}" if self.findings else "")
        return self.findings[0].cause

    @property
    def next_step(self) -> str:
        """What to do; empty if nothing has to be done."""
        return self.findings[0].remedy if self.findings else ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON. `version` says which form the rest has."""
        head = {"version": JSON_VERSION, "ok": self.ok, "outcome": self.outcome}
        return {**head, "verdict": self.verdict, "next_step": self.next_step, **asdict(self)}


class Notebook:
    """Where the parts of `check` write down what they find.

    listener: called with each line at once, and with the text of what is being waited for.
    """

    def __init__(self, listener: Callable[[Line | str], object] | None) -> None:
        self._listener = listener or (lambda _: None)
        self.lines: list[Line] = []
        self.findings: list[Finding] = []

    def wait(self, what: str) -> None:
        """Say what the next moments are spent on."""
        self._listener(hide_secrets(what))

    def line(self, state: State, subject: str, text: str) -> None:
        """Note something that was looked at."""
        line = Line(state, subject, hide_secrets(text))
        self.lines.append(line)
        self._listener(line)

    def find(self, cause: Cause, severity: Severity = "error", *, first: bool = False) -> None:
        """Note something that is wrong. An error that passes by itself leaves open whether calls work."""
        if severity == "error" and cause.code in _PASSING:
            severity = "unknown"
        finding = Finding(severity, cause.code, hide_secrets(cause.text.strip()), hide_secrets(cause.remedy))
        self.findings.insert(0 if first else len(self.findings), finding)

    def report(self) -> Report:
        """Errors come before warnings, which may explain nothing; else in the order in which they were met."""
        order = {"error": 0, "unknown": 1, "warning": 2}
        findings = sorted(self.findings, key=lambda finding: order[finding.severity])
        return Report(tuple(self.lines), tuple(findings))


def duration(seconds: float) -> str:
    """A time span for people, in its largest unit of which there are at least one and a half."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(seconds: float) -> str:
    """When something was or will be, for people."""
    return f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"
