"""What is wrong with a value as it is written in a variable or a config file, as far as this machine can tell."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._secrecy import looks_secret, quote_path, quote_value
from .._verdicts import Finding
from ..credentials._config import DEFAULT_PROFILE, Profile, env_value, join_names
from ..credentials._settings import Setting, Settings
from .run import Run
from .verdicts import cause

_PATHS = ("key_file", "security_token_file", "delegation_token_file")
_IDENTITY = ("user", "tenancy", "fingerprint", "key_file")

# Values that cannot be meant as they are written, by the code of their cause.
_PATTERNS = {
    "continued-line": re.compile(r".*\n"),
    "placeholder": re.compile(r"\s*<.*>|.*…|.*<path to"),
    "quoted": re.compile(r"([\"'“”]).*\1|“.*”"),
    "inline-comment": re.compile(r".*\s[#;]"),
    "not-expanded": re.compile(r".*(?:\$\w+|\$\{\w+\}|%\w+%)"),
}

_ALWAYS = ("placeholder", "quoted", "inline-comment", "continued-line")  # cause errors that do not name the field


def place(setting: Setting) -> str:
    """Where a value is from: its variable, or its field and line of the file."""
    return setting.origin + (f", line {setting.line}" if setting.line else "")


def value_cause(fields: Mapping[str, Setting], message: str) -> Finding | None:
    """The first value that cannot be meant as it is written, if the error with this message can come from it."""
    for name, setting in fields.items():
        if wrong := _written_cause(name, setting):
            field = wrong.cause.partition(" ")[0]
            return wrong if field in message or wrong.code in _ALWAYS else None
    return None


def _written_cause(name: str, setting: Setting) -> Finding | None:
    value, where = setting.value, place(setting)
    if name == "key_content":
        return cause("key-escaped", where=where) if looks_secret(value) and r"\n" in value else None
    if name in ("pass_phrase", "passphrase"):
        return cause("quoted", where=where, value="…") if _PATTERNS["quoted"].fullmatch(value) else None
    if looks_secret(value):
        return None  # its own error says what to do
    for code, pattern in _PATTERNS.items():
        if pattern.match(value) and (code != "inline-comment" or setting.line):
            return cause(code, where=where, value=quote_value(value))
    if name not in _PATHS:
        letters = sorted({f"U+{ord(letter):04X}" for letter in value if not letter.isascii()})
        return cause("strange-letters", where=where, letters=", ".join(letters)) if letters else None
    if re.match(r"[A-Za-z]:\\", value) and os.name != "nt":
        return cause("path-of-windows", where=where, value=quote_value(value))
    path = os.path.expanduser(value)
    if not os.path.isabs(path) and not os.path.exists(path):
        return cause("relative-path", where=where, value=quote_value(value), directory=os.getcwd())
    return None


def own_and_inherited(profile: Profile, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which of these fields the profile sets itself, and which it has from DEFAULT."""
    given = [name for name in names if profile.get(name)]
    return [name for name in given if name in profile.own], [name for name in given if name not in profile.own]


def mixed_identity(profile: Profile | None, names: Iterable[str] = _IDENTITY) -> str:
    """Says which of these fields are the profile's own and which are inherited, if it has both kinds; else empty."""
    if profile is None:
        return ""
    own, inherited = own_and_inherited(profile, names)
    if not own or not inherited:
        return ""
    parts = f"{join_names(own)} of its own, {join_names(inherited)} inherited from {DEFAULT_PROFILE}"
    return f"The identity of {profile.label} is mixed: {parts}."


def warn_of_open_files(run: Run, settings: Settings) -> None:
    """A warning for a key or token file that other users of this machine can read."""
    if os.name == "nt" or env_value(("OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING",)):
        return
    for name in _PATHS:
        value = settings.get(name)
        path = Path(os.path.expanduser(value or ""))
        if value is None or looks_secret(value) or not path.is_file():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            run.log("warning", name, f"{path} can be read or written by other users (mode {mode:04o})")
            run.add(cause("file-open-to-others", path=path, mode=mode, name=name))


def unreadable_file_cause(path: Path) -> Finding | None:
    """Why a file seems to be missing or not to be text: a directory that this user may not enter, or another encoding."""
    for parent in reversed(path.parents):
        if parent.is_dir() and not os.access(parent, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return cause("directory-closed", directory=parent, path=path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        name, encoding = "UTF-16", "UTF-16"
    elif b"\0" in head:
        name, encoding = "UTF-16LE", "UTF-16 without a byte order mark"
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)  # it may end in the middle of a character
            return None
        except UnicodeDecodeError:
            name, encoding = "LATIN1", "Latin-1 or similar"
    return cause("other-encoding", path=quote_path(path), name=name, encoding=encoding)
