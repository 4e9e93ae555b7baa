"""The OCI config file and the environment, as plain values."""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from .._auth_service.regions import region_id
from .._credential import HEADER_VALUE
from .._errors import ConfigError, ProfileNotFoundError
from .._secrecy import hidden, quote_name, quote_path, quote_value
from ._files import read_small_file

Sections = dict[str, dict[str, str]]

DEFAULT_PROFILE = "DEFAULT"
_SECRETS = ("pass_phrase", "passphrase", "key_content")

# The SDK's notion of an OCID: five or more parts, joined by dots (colons in very old ones).
_OCID = r"[0-9A-Za-z_-]+(?:[.:][0-9A-Za-z_-]*){3,}[.:][0-9A-Za-z_-]+"
_FINGERPRINT = r"(?:[0-9a-f]{2}:){15}[0-9a-f]{2}"

# The variables of calls to Generative AI, by the argument of the factories and of `check` that overrides them.
GENERATIVE_AI = {
    "region": ("OCI_GENAI_REGION", "OCI_CLI_REGION", "OCI_REGION"),
    "compartment_id": ("OCI_COMPARTMENT_ID",),
    "project_id": ("OCI_PROJECT_ID", "OCI_GENAI_PROJECT_ID", "OCI_GENAI_PROJECT"),
    "base_url": ("OCI_GENAI_BASE_URL",),
}

_MAX_CONFIG = 256 * 1024  # bytes; a profile is some 500
# configparser's time for a line grows with the square of its blanks.
_BLANKS = r"[^\S\n]{100}"


class Rank(IntEnum):
    """How close to the program a value was set. The closest wins."""

    OTHER = 1  # another tool's variable
    INHERITED = 2  # inherited by the profile from DEFAULT
    PROFILE = 3
    CLI = 4  # the CLI's variable, or a default of its rc file
    ARGUMENT = 5


@dataclass(frozen=True)
class Setting:
    """One value, and where it is from: a variable's name, or a field of a file and its line."""

    value: str = field(repr=False)
    origin: str = field(compare=False)
    rank: Rank


def setting_of(name: str, value: str, origin: str, rank: Rank) -> Setting:
    """The setting with this value, whose repr is hidden if the field is a secret."""
    value = value.strip()
    return Setting(hidden(value) if name in _SECRETS else value, origin, rank)


@dataclass(frozen=True)
class Profile:
    """One profile: the values of its fields, including inherited ones."""

    name: str
    path: Path
    label: str
    fields: Mapping[str, Setting]

    def get(self, name: str) -> str | None:
        """The value of this key; `None` if it is missing or empty."""
        return self.fields[name].value if name in self.fields else None


def config_path(config_file: str | os.PathLike[str] | None = None) -> Path:
    """The path of the config file to use; the file need not exist.

    An argument wins, then `OCI_CLI_CONFIG_FILE`. Then, as in Oracle's SDKs, an existing `~/.oci/config` comes before
    `OCI_CONFIG_FILE`, and `~/.oraclebmc/config` last.
    """
    default, legacy = (Path(os.path.expanduser(f"~/{folder}/config")) for folder in (".oci", ".oraclebmc"))
    named = config_file or os.environ.get("OCI_CLI_CONFIG_FILE")
    if not named and not os.path.isfile(default):
        named = os.environ.get("OCI_CONFIG_FILE") or (legacy if os.path.isfile(legacy) else None)
    return Path(os.path.expanduser(named)) if named else default


def load_profile(profile: str | None = None, config_file: str | os.PathLike[str] | None = None) -> Profile:
    """Read one profile: the argument, else `OCI_CLI_PROFILE`, `OCI_CONFIG_PROFILE` or `DEFAULT`.

    Raises `ConfigError` for a missing file, a line that cannot be read, or a missing profile.
    """
    name = profile or os.environ.get("OCI_CLI_PROFILE") or os.environ.get("OCI_CONFIG_PROFILE") or DEFAULT_PROFILE
    path = config_path(config_file)
    sections, text = read_sections(path, "The OCI config file")
    if name not in sections:
        raise _no_profile(name, path, list(sections))
    values = with_defaults(sections, name)
    if "key_content" in values:
        raise ConfigError(
            f"Profile {quote_name(name)} of {path} has a key_content. A private key does not belong in the config file: "
            "move it to a separate file, mode 0600, and set key_file to that file's path."
        )
    lines = {**_lines(text, DEFAULT_PROFILE), **_lines(text, name)}
    label = f"profile {quote_name(name)} of {quote_path(path)}"
    fields = {}
    for key, value in values.items():
        if value.strip():
            rank = Rank.PROFILE if key in sections[name] else Rank.INHERITED
            line = f", line {lines[key]}" if key in lines else ""
            fields[key] = setting_of(key, value, f"{key} of {label}{line}", rank)
    return Profile(name, path, label, fields)


def load_rc_file() -> tuple[Path, Sections]:
    """The CLI's own settings file: its path and sections. Raises `ConfigError` if it cannot be read.

    As in the CLI, an existing `~/.oci/oci_cli_rc` comes before `OCI_CLI_RC_FILE`, and `~/.oci/cli-defaults` last.
    """
    named = os.environ.get("OCI_CLI_RC_FILE", "")
    for candidate in ("~/.oci/oci_cli_rc", named, "~/.oci/cli-defaults"):
        path = Path(os.path.expandvars(os.path.expanduser(candidate)))
        if candidate and os.path.exists(path):
            return path, read_sections(path, "The OCI CLI's rc file")[0]
    return Path(), {}


def with_defaults(sections: Sections, name: str) -> dict[str, str]:
    """The values of a section, including those inherited from DEFAULT; empty if there is no such section."""
    return {**sections.get(DEFAULT_PROFILE, {}), **sections[name]} if name in sections else {}


def read_sections(path: Path, what: str) -> tuple[Sections, str]:
    """The values that each section of a file sets itself, and the file's text."""
    data = read_small_file(path, what, limit=_MAX_CONFIG)
    text = None
    with suppress(UnicodeDecodeError):
        text = data.decode("utf-8-sig")
    if text is None or "\0" in text:
        name, encoding = "LATIN1", "Latin-1 or similar"
        if b"\0" in data:  # without a byte order mark, some systems take UTF-16 for big-endian
            name, encoding = "UTF-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "UTF-16LE", "UTF-16"
        raise ConfigError(
            f'{what} {path} is encoded as {encoding}, but has to be UTF-8. Save it as UTF-8: with "Save as" in an editor, or '
            f"with `iconv -f {name} -t UTF-8 {path} > config.new`."
        )
    if blanks := re.search(_BLANKS, text):
        line = text.count("\n", 0, blanks.start()) + 1
        raise ConfigError(f"{what} {path} has 100 blanks or more in a row, on line {line}. Remove them.")
    import configparser  # here, since principals don't need it

    parser = configparser.ConfigParser(interpolation=None, default_section=DEFAULT_PROFILE)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # Neither quoted nor chained: the parser's message repeats the line, which may hold a passphrase.
        raise ConfigError(f"{what} {path} cannot be read: {_parse_problem(error)}. Correct the file.") from None
    inherited: Any = parser.defaults()
    defaults = dict(inherited)
    inherited.clear()  # so each section has only its own values
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    if defaults or re.search(rf"(?m)^[^\S\n]*\[{DEFAULT_PROFILE}\]", text):
        sections = {DEFAULT_PROFILE: defaults, **sections}
    return sections, text


def _lines(text: str, section: str) -> dict[str, int]:
    """The line number of each key of a section, for reports."""
    lines, inside = {}, False
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\[(.+)\]", line):
            inside = header[1] == section
        elif inside and (key := re.match(r"([^\s=:#;][^=:]*?)\s*[=:]", line)):
            lines[key[1].lower()] = number
    return lines


def check_ocid(value: str, what: str) -> str:
    """Raises `ConfigError` if the value is not an OCID."""
    if not re.fullmatch(_OCID, value):
        raise ConfigError(f"{what} is not an OCID: {quote_value(value)}. An OCID looks like 'ocid1.user.oc1..aaaa'.")
    return value


def check_fingerprint(value: str, what: str) -> str:
    """The fingerprint in lower case. Raises `ConfigError` if the value is not a fingerprint."""
    lowered = value.strip().lower()
    if not re.fullmatch(_FINGERPRINT, lowered):
        raise ConfigError(
            f"{what} is not an API key fingerprint: {quote_value(value)}. It is 16 hex pairs joined by colons, "
            "as the console shows it next to the uploaded key."
        )
    return lowered


def check_region(value: str | None, what: str) -> str | None:
    """The region's id. Raises `ConfigError` if the value cannot be a region."""
    try:
        return None if value is None else region_id(value)
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from None


def check_header(value: str, what: str) -> str:
    """Raises `ConfigError` if an HTTP header cannot carry the value, which is not shown."""
    if not re.fullmatch(HEADER_VALUE, value):
        raise ConfigError(
            f"{what} has characters that an HTTP header cannot carry: line breaks, control or non-ASCII ones."
        )
    return value


def env_value(names: Iterable[str]) -> str | None:
    """The value of the first of these variables that is set."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def generative_ai_key(*ways_to_sign: object) -> str | None:
    """`OCI_GENAI_API_KEY`, unless one of these options, or `OCI_CLI_AUTH`, asks for signatures."""
    signs = any(way is not None for way in ways_to_sign) or env_value(("OCI_CLI_AUTH",))
    return None if signs else env_value(("OCI_GENAI_API_KEY",))


def join_names(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last


def _no_profile(name: str, path: Path, sections: list[str]) -> ProfileNotFoundError:
    listed = [quote_name(section) for section in sections[:20]]
    if len(sections) > len(listed):
        listed.append(f"{len(sections) - len(listed)} more")
    found = f"It has {join_names(listed)}" if listed else "It has no profile at all"
    if alike := next((section for section in sections if section.lower() == name.lower()), None):
        found = f"It has [{quote_name(alike)}], which has to be written [{quote_name(name)}]"
    return ProfileNotFoundError(f"There is no profile {quote_name(name)} in {path}. {found}; names are case-sensitive.")


def _parse_problem(error: Exception) -> str:
    import configparser

    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno} comes before the first [PROFILE] line"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"profile {quote_name(error.section)} is defined twice (line {error.lineno})"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"{quote_name(error.option)} appears twice in profile {quote_name(error.section)} (line {error.lineno})"
    first = "".join(f"line {number}" for number, _ in getattr(error, "errors", [])[:1]) or "a line"
    return f"{first} is neither a [PROFILE] line, a comment, nor key=value"
