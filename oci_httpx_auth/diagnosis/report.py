"""What `check` found: a line for everything it examined, the findings by their weight, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from .._verdicts import Finding

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


def duration(seconds: float) -> str:
    """A time span for people, in its largest unit of which there are at least one and a half."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def expiry(seconds: float) -> str:
    """When something expires or expired, given how many seconds it has left."""
    return f"expires in {duration(seconds)}" if seconds > 0 else f"expired {duration(-seconds)} ago"
