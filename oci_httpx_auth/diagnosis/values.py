"""What is wrong with a value as it stands in a variable or a config file, seen without asking anybody."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from .._causes import Cause
from .._secrecy import looks_secret, quote_value
from ..credentials._config import DEFAULT_PROFILE, Profile, env_value, join_names
from ..credentials._settings import Setting, Settings
from .report import Notebook

_PATHS = ("key_file", "security_token_file", "delegation_token_file")
_IDENTITY = ("user", "tenancy", "fingerprint", "key_file")


def place(setting: Setting) -> str:
    """Where a value is from: its variable, or its field and line of the file."""
    return setting.origin + (f", line {setting.line}" if setting.line else "")


def value_cause(settings: Settings) -> Cause | None:
    """The first value that cannot be meant as it stands. It is asked for when something has failed."""
    for name, setting in settings.fields.items():
        if (cause := _written_wrong(name, setting)) is not None:
            return cause
    return None


def _written_wrong(name: str, setting: Setting) -> Cause | None:
    value, where = setting.value, place(setting)
    if name in ("pass_phrase", "passphrase") or (looks_secret(value) and name not in _PATHS):
        if name == "key_content" and re.search(r"\\n", value):
            return _cause(
                "key-escaped",
                where,
                "holds a key with \\n written out in place of line breaks",
                "Put real line breaks there.",
            )
        return None
    if looks_secret(value):
        return None  # its own error says what to do
    if re.match(r"\s*<.*>|.*…|.*<path to", value):
        return _cause("placeholder", where, f"is still a placeholder, {quote_value(value)}", "Fill in the value.")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'“”":
        return _cause(
            "quoted",
            where,
            f"is written in quotes, {quote_value(value)}, which belong to the value",
            "Remove the quotes.",
        )
    if re.search(r"\s[#;]", value) and setting.line:
        text = f"has a comment behind its value, {quote_value(value)}, which belongs to the value in this kind of file"
        return _cause("inline-comment", where, text, "Move the comment to a line of its own.")
    if re.search(r"\$\w+|\$\{\w+\}|%\w+%", value):
        text = f"has a variable in it, {quote_value(value)}, which nobody replaces by its value"
        return _cause(
            "not-expanded", where, text, "Write the value out; only ~ at the beginning of a path is replaced."
        )
    if not value.isascii() and name not in _PATHS:
        letters = ", ".join(sorted({f"U+{ord(letter):04X}" for letter in value if not letter.isascii()}))
        return _cause(
            "strange-letters",
            where,
            f"has characters that no such value has ({letters})",
            "Type the value anew, or copy it as plain text.",
        )
    if name in _PATHS:
        path = os.path.expanduser(value)
        if re.match(r"[A-Za-z]:\\", value) and os.name != "nt":
            return _cause(
                "path-of-windows",
                where,
                f"is a path of Windows, {quote_value(value)}",
                "Write the path as this system has it.",
            )
        if not os.path.isabs(path) and not os.path.exists(path):
            text = f"is the relative path {quote_value(value)}, looked for in {os.getcwd()}"
            return _cause("relative-path", where, text, "Write the path in full, or with ~ for the home directory.")
    return None


def _cause(code: str, where: str, text: str, remedy: str) -> Cause:
    return Cause(code, f"{where} {text}.", remedy)


def mixed_identity(profile: Profile | None) -> str:
    """Whether the profile's identity is put together from two: partly its own, partly DEFAULT's."""
    if profile is None or profile.name == DEFAULT_PROFILE:
        return ""
    own = [name for name in _IDENTITY if name in profile.own]
    inherited = [name for name in _IDENTITY if name not in profile.own and profile.get(name)]
    if not own or not inherited:
        return ""
    return (
        f"The identity of {profile.label} is mixed: {join_names(own)} of its own, {join_names(inherited)} inherited from "
        f"{DEFAULT_PROFILE}."
    )


def inherited_session(profile: Profile | None) -> str:
    """Whether a session token is DEFAULT's, and its key the profile's own."""
    if profile is None or "security_token_file" in profile.own or not profile.get("security_token_file"):
        return ""
    if "key_file" not in profile.own:
        return ""
    return f"security_token_file of {profile.label} is inherited from {DEFAULT_PROFILE}, and its key_file is not."


def warn_of_open_files(notes: Notebook, settings: Settings) -> None:
    """A warning for a key or token file that other users of this machine can read."""
    if os.name == "nt" or env_value(("OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING",)):
        return
    for name in _PATHS:
        value = settings.get(name)
        if value is None or looks_secret(value):
            continue
        path = Path(os.path.expanduser(value))
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except (OSError, ValueError):
            continue
        if mode & 0o077:
            notes.line("warning", name, f"{path} can be read or written by other users (mode {mode:04o})")
            notes.warning(
                "file-open-to-others",
                f"Other users of this machine can read or write {path} (mode {mode:04o}), which {name} names.",
                f"Run `chmod 600 {path}`.",
            )


def closed_directory_cause(path: Path) -> Cause | None:
    """Why a file seems not to exist: the first directory on the way to it that this user may not enter."""
    for parent in reversed(path.parents):
        if parent.is_dir() and not os.access(parent, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return Cause(
                "directory-closed",
                f"The directory {parent} may not be entered by this user, so {path} cannot be read.",
                f"Correct its owner and mode, e.g. `chmod 700 {parent}`.",
            )
    return None
