"""Which credentials are used, why these, and what is wrong with how they are configured: values, and files."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .._auth_service.service import AuthService
from .._causes import error_cause
from .._credential import CredentialProvider, describe_source, mode_of
from .._errors import ConfigError, OCIAuthError, ProfileNotFoundError
from .._secrecy import looks_secret, quote_value
from .._verdicts import Finding, cause
from ..credentials._config import DEFAULT_PROFILE, Profile, Rank, Setting, config_path, env_value, join_names
from ..credentials._default import InstancePrincipalIfAvailable, sources
from ..credentials._files import read_small_file
from ..credentials._settings import Settings, resolve
from .run import Run, describe_token

_DEADLINE = 4.0  # seconds for all calls of a fetch, each tried once: a service that needs more is worth a finding
_OF_FILES = ("config file", "environment", "api_key", "security_token", "instance_obo_user")
_PATHS = ("key_file", "security_token_file", "delegation_token_file")
_IDENTITY = ("user", "tenancy", "fingerprint", "key_file")
_SESSION = ("key_file", "security_token_file")
_FILE = (Rank.INHERITED, Rank.PROFILE)

# Values that cannot be meant as they are written, by the code of their cause.
_PATTERNS = {
    "continued-line": re.compile(r".*\n"),
    "placeholder": re.compile(r"\s*<.*>|.*…|.*<path to"),
    "quoted": re.compile(r"([\"'“”]).*\1|“.*”"),
    "inline-comment": re.compile(r".*\s[#;]"),
    "not-expanded": re.compile(r".*(?:\$\w+|\$\{\w+\}|%\w+%)"),
}
_ALWAYS = ("placeholder", "quoted", "inline-comment", "continued-line")  # cause errors that do not name the field


def choose_source(run: Run) -> Finding | None:
    """Choose the provider that `OCISigner` would use, unless one was given, or say why its source is broken."""
    if run.provider is not None:
        run.log("ok", "source", f"{mode_of(run.provider)}, as given: {run.provider!r}")
        return None
    settings = None
    try:
        settings = resolve(run.auth, run.profile_name, run.config_file)
        run.profile = settings.profile
        run.provider = provider = _first_source(run, settings)
    except OCIAuthError as error:
        if settings is not None and run.chosen_by.startswith(_OF_FILES):
            _describe_settings(run, settings)
        run.log("error", "source", f"{run.chosen_by}: {error}" if run.chosen_by else str(error))
        return _setup_cause(run, {} if settings is None else settings.fields, error)
    run.log("ok", "source", f"{mode_of(provider)} ({run.chosen_by}), from {describe_source(provider)}")
    if mode_of(provider) in _OF_FILES:
        _describe_settings(run, settings)
        _warn_of_open_files(run, settings)
    return None


def _first_source(run: Run, settings: Settings) -> CredentialProvider:
    """The first source that is configured here; those before it are reported. Raises an `OCIAuthError` for a broken one."""
    service = AuthService(clock=run.clock, deadline=_DEADLINE, patient=False)
    tried: list[str] = []
    for name, look in sources(settings, service):
        run.chosen_by = name
        provider = look()
        if not isinstance(provider, str):
            return provider
        run.log("note", "passed over", provider)
        tried.append(provider)
        if name.startswith("OKE") and env_value(("KUBERNETES_SERVICE_HOST",)):
            reason = provider.partition(": ")[2]
            run.fallen_through = f"This is a pod, but its workload identity cannot be used: {reason}"
    run.chosen_by = "instance metadata, since no other source is available"
    return InstancePrincipalIfAvailable(tried, service)


def _describe_settings(run: Run, settings: Settings) -> None:
    """Where each field comes from: its variable, or its line of the file."""
    loaded = settings.profile
    if loaded is not None:
        own, inherited = _own_and_inherited(loaded, sorted(loaded.fields))
        text = f"; inherits {join_names(inherited)} from {DEFAULT_PROFILE}" if inherited else ""
        text = f"{loaded.label}{_named_by(run)} sets {join_names(own) if own else 'nothing'}{text}"
        run.log("ok", "profile", text)
    for name, setting in settings.fields.items():
        if loaded is None or setting.rank > Rank.PROFILE:
            over = " (overrides the profile)" if loaded is not None and loaded.get(name) else ""
            run.log("ok", name, f"from {setting.origin}{over}")
    if (token_file := settings.get("security_token_file")) is not None:
        with suppress(OCIAuthError, UnicodeDecodeError):
            token = read_small_file(token_file, "security_token_file").decode("ascii").strip()
            describe_token(run, token, "token in file")


def _named_by(run: Run) -> str:
    """Which variables, if any, chose the profile and the file."""
    profiles = () if run.profile_name else ("OCI_CLI_PROFILE", "OCI_CONFIG_PROFILE")
    files = () if run.config_file else ("OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE")
    named = [next(filter(os.environ.get, names)) for names in (profiles, files) if env_value(names)]
    return f" (named by {join_names(named)})" if named else ""


def _setup_cause(run: Run, fields: Mapping[str, Setting], error: OCIAuthError) -> Finding:
    """A mistake in local files or variables: the error says what it is and what to do; the values may say why."""
    message, path = str(error), config_path(run.config_file)
    wrong = error_cause(error)
    if written := _value_cause(fields, message):
        return written
    if "has the fingerprint" in message and (stale := inheritance_cause(run.profile, wrong.cause)):
        return stale
    if "different sessions" in message and (stale := inheritance_cause(run.profile, wrong.cause, _SESSION)):
        return stale
    if isinstance(error, ConfigError) and str(path) in message and (closed := closed_directory_cause(path)):
        return closed
    if isinstance(error, ProfileNotFoundError) or "config file" in wrong.cause.lower():
        named = _named_by(run)
        return replace(wrong, cause=f"{wrong.cause.rstrip('.')}{named}.") if named else wrong
    if run.chosen_by.endswith("OCI_CLI_AUTH"):
        wrong = replace(wrong, remedy=f"{wrong.remedy} If you do not want this mode, unset OCI_CLI_AUTH.")
    return wrong


def _value_cause(fields: Mapping[str, Setting], message: str) -> Finding | None:
    """The first value that cannot be meant as it is written, if the error with this message can come from it."""
    for name, setting in fields.items():
        if wrong := _written_cause(name, setting):
            field = wrong.cause.partition(" ")[0]
            return wrong if field in message or wrong.code in _ALWAYS else None
    return None


def _written_cause(name: str, setting: Setting) -> Finding | None:
    value, where = setting.value, setting.origin
    if name == "key_content":
        return cause("key-escaped", where=where) if looks_secret(value) and r"\n" in value else None
    if name in ("pass_phrase", "passphrase"):
        return cause("quoted", where=where, value="…") if _PATTERNS["quoted"].fullmatch(value) else None
    if looks_secret(value):
        return None  # its own error says what to do
    for code, pattern in _PATTERNS.items():
        if pattern.match(value) and (code != "inline-comment" or setting.rank in _FILE):
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


def _own_and_inherited(profile: Profile, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which of these fields the profile sets itself, and which it has from DEFAULT."""
    given = [name for name in names if profile.get(name)]
    own = [name for name in given if profile.fields[name].rank is Rank.PROFILE]
    return own, [name for name in given if name not in own]


def inheritance_cause(profile: Profile | None, reason: str, names: Iterable[str] = _IDENTITY) -> Finding | None:
    """Blames the mixture of these fields, if some are the profile's own and the others are inherited."""
    own, inherited = _own_and_inherited(profile, names) if profile is not None else ([], [])
    if profile is None or not own or not inherited:
        return None
    parts = f"{join_names(own)} of its own, {join_names(inherited)} inherited from {DEFAULT_PROFILE}"
    mixed = f"The identity of {profile.label} is mixed: {parts}."
    return cause("stale-inheritance", mixed=mixed, reason=reason, fields=join_names(names))


def _warn_of_open_files(run: Run, settings: Settings) -> None:
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
            run.findings.append(cause("file-open-to-others", path=path, mode=mode, name=name))


def closed_directory_cause(path: Path) -> Finding | None:
    """Why a file seems to be missing: it is below a directory that this user may not enter."""
    for parent in reversed(path.parents):
        if parent.is_dir() and not os.access(parent, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return cause("directory-closed", directory=parent, path=path)
    return None
