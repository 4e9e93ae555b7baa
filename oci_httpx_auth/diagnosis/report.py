"""What `check` reports, and how people read it: on a terminal, in a pipe, and with OCIDs shortened so that it can be shared."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TextIO

from .._verdicts import Finding

State = Literal["ok", "note", "warning", "error"]
Outcome = Literal["works", "fails", "unknown"]

JSON_VERSION = 1  # counts up when a field changes its meaning or is removed

_OUTCOMES: dict[str, Outcome] = {"error": "fails", "unknown": "unknown", "warning": "works"}
_COLOURS = {"ok": "32", "note": "2", "warning": "33", "error": "31"}
_OCID = re.compile(r"(ocid1\.[a-z0-9]+\.[a-z0-9-]+\.[a-z0-9-]*\.)([.a-zA-Z0-9_-]{12,})")
_SUBJECT = 14  # columns


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
        return _OUTCOMES[self.findings[0].severity] if self.findings else "works"

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

    def shortened(self) -> Report:
        """A report to be shared: OCIDs are shortened, except in remedies, whose commands are to be copied."""
        lines = (replace(line, text=shorten(line.text)) for line in self.lines)
        findings = (replace(finding, cause=shorten(finding.cause)) for finding in self.findings)
        return Report(tuple(lines), tuple(findings))


class Page:
    """Prints the lines of `check` as they come; on a terminal wrapped and coloured, with what is being waited for."""

    def __init__(self, stream: TextIO, *, full: bool) -> None:
        self._stream, self._full = stream, full
        terminal = stream.isatty()
        self._coloured = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._columns = max(shutil.get_terminal_size().columns, 40) if terminal else None
        self._announced = ""

    def show(self, item: Line | str) -> None:
        """Print a line of the report, or, until the next line comes, what is being waited for."""
        if isinstance(item, Line):
            text = item.text if self._full else shorten(item.text)
            self.print(f"{item.state:<8}{item.subject:<{_SUBJECT}} ", text, item.state)
        elif self._columns is not None:
            self._clear()
            self._announced = printable(f"... {item}")[: self._columns - 1]
            print(self._announced, end="", file=self._stream, flush=True)

    def print(self, label: str, text: str, state: str = "") -> None:
        """Print a text after its label, which has the colour of the state."""
        self._clear()
        lines = printable(text).split("\n")
        if self._columns is not None:  # long words stay whole, since keys and commands are copied
            wrap = textwrap.TextWrapper(self._columns - len(label), break_long_words=False, break_on_hyphens=False)
            lines = [line for paragraph in lines for line in wrap.wrap(paragraph) or [""]]
        coloured = f"\033[{_COLOURS[state]}m{label}\033[0m" if self._coloured and state else label
        print(coloured + ("\n" + " " * len(label)).join(lines), file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._announced:
            print("\r" + " " * len(self._announced) + "\r", end="", file=self._stream)
            self._announced = ""


def shorten(text: str) -> str:
    """The text with OCIDs reduced to their type and last characters."""
    return _OCID.sub(lambda match: f"{match[1]}…{match[2][-6:]}", text)


def printable(text: str) -> str:
    """Without control characters: a server's or file's text must not steer the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
