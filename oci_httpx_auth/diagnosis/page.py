"""The report as people read it: on a terminal, in a pipe, and with OCIDs that may be shown to others."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from typing import Any, TextIO

from .report import Line

_OCID = re.compile(r"(ocid1\.[a-z0-9]+\.[a-z0-9-]+\.[a-z0-9-]*\.)([.a-zA-Z0-9_-]{12,})")
_COLOURS = {"ok": "32", "note": "2", "warning": "33", "error": "31"}
_SUBJECT = 14  # columns


class Page:
    """Where the lines of `check` are printed as they come; on a terminal wrapped, coloured, and with what is awaited."""

    def __init__(self, stream: TextIO, *, full: bool) -> None:
        self._stream, self._full = stream, full
        terminal = stream.isatty()
        self._coloured = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._columns = max(shutil.get_terminal_size().columns, 40) if terminal else None
        self._passing = ""

    def show(self, item: Line | str) -> None:
        """A line of the report, or what is being waited for, which goes when the next line comes."""
        if isinstance(item, Line):
            self.put(f"{item.state:<8}{item.subject:<{_SUBJECT}} ", item.text, item.state)
        elif self._columns is not None:
            self._clear()
            self._passing = printable(f"... {item}")[: self._columns - 1]
            print(self._passing, end="", file=self._stream, flush=True)

    def put(self, label: str, text: str, state: str = "", *, whole: bool = False) -> None:
        """whole: OCIDs in full, as in commands that are to be copied."""
        self._clear()
        lines = printable(text if self._full or whole else shorten(text)).split("\n")
        margin = len(label)
        if self._columns is not None:  # long words stay whole, since keys and commands are copied
            margin = min(margin, self._columns // 2)
            wrap = textwrap.TextWrapper(self._columns - margin, break_long_words=False, break_on_hyphens=False)
            lines = [line for paragraph in lines for line in wrap.wrap(paragraph) or [""]]
        coloured = f"\033[{_COLOURS[state]}m{label}\033[0m" if self._coloured and state else label
        print(coloured + ("\n" + " " * margin).join(lines), file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._passing:
            print("\r" + " " * len(self._passing) + "\r", end="", file=self._stream)
            self._passing = ""


def shorten(text: str) -> str:
    """OCIDs by their type and last characters: a report is often shown to others."""
    return _OCID.sub(lambda match: f"{match[1]}…{match[2][-6:]}", text)


def shorten_report(report: dict[str, Any]) -> dict[str, Any]:
    """A report for JSON with its OCIDs shortened, except in commands that are to be copied."""

    def walk(name: str, value: Any) -> Any:
        if isinstance(value, str):
            return value if name in ("remedy", "next_step") else shorten(value)
        if isinstance(value, dict):
            return {key: walk(key, item) for key, item in value.items()}
        return [walk(name, item) for item in value] if isinstance(value, (list, tuple)) else value

    return {name: walk(name, value) for name, value in report.items()}


def printable(text: str) -> str:
    """Without control characters: a server's or file's text must not steer the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
