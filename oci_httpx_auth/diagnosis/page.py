"""The report as people read it: on a terminal, in a pipe, and with OCIDs shortened so that it can be shared."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from dataclasses import replace
from typing import TextIO

from .run import Line, Report

_OCID = re.compile(r"(ocid1\.[a-z0-9]+\.[a-z0-9-]+\.[a-z0-9-]*\.)([.a-zA-Z0-9_-]{12,})")
_COLOURS = {"ok": "32", "note": "2", "warning": "33", "error": "31"}
_SUBJECT = 14  # columns


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
        margin = len(label)
        if self._columns is not None:  # long words stay whole, since keys and commands are copied
            margin = min(margin, self._columns // 2)
            wrap = textwrap.TextWrapper(self._columns - margin, break_long_words=False, break_on_hyphens=False)
            lines = [line for paragraph in lines for line in wrap.wrap(paragraph) or [""]]
        coloured = f"\033[{_COLOURS[state]}m{label}\033[0m" if self._coloured and state else label
        print(coloured + ("\n" + " " * margin).join(lines), file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._announced:
            print("\r" + " " * len(self._announced) + "\r", end="", file=self._stream)
            self._announced = ""


def shorten(text: str) -> str:
    """The text with OCIDs reduced to their type and last characters."""
    return _OCID.sub(lambda match: f"{match[1]}…{match[2][-6:]}", text)


def shorten_report(report: Report) -> Report:
    """A report to be shared: OCIDs are shortened, except in remedies, whose commands are to be copied."""
    lines = (replace(line, text=shorten(line.text)) for line in report.lines)
    findings = (replace(finding, cause=shorten(finding.cause)) for finding in report.findings)
    return Report(tuple(lines), tuple(findings))


def printable(text: str) -> str:
    """Without control characters: a server's or file's text must not steer the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
