"""Which credentials are meant, why these, and what is wrong with how they are set up."""

from __future__ import annotations

import re
from contextlib import suppress

from .._auth_service.service import AuthService
from .._causes import Cause
from .._credential import CredentialProvider
from .._errors import ConfigError, OCIAuthError, ProfileNotFoundError
from ..credentials._config import DEFAULT_PROFILE, config_path, env_value, join_names
from ..credentials._default import InstancePrincipalIfAvailable, sources
from ..credentials._files import read_small_file
from ..credentials._settings import Rank, Settings, resolve
from .credential import describe_token
from .network import first_sentence_cause
from .values import (
    closed_directory_cause,
    inherited_session,
    mixed_identity,
    place,
    value_cause,
    warn_of_open_files,
)
from .walk import Walk

_DEADLINE = 4.5  # seconds for all calls of a fetch, each tried once: a service that needs more is worth a finding

_OF_FILES = ("config file", "environment", "api_key", "security_token", "instance_obo_user")


def choose_provider(walk: Walk) -> CredentialProvider | None:
    """The provider that `OCISigner` would take, with the sources passed over; None with a finding if one is broken."""
    try:
        settings = resolve(walk.auth, walk.profile_name, walk.config_file)
    except OCIAuthError as error:
        walk.notes.line("error", "source", str(error))
        walk.notes.found(_setup_cause(walk, None, error))
        return None
    walk.settings, walk.profile = settings, settings.profile
    tried: list[str] = []
    provider: CredentialProvider | None = None
    service = AuthService(clock=walk.clock, deadline=_DEADLINE, patient=False)
    for name, look in sources(settings, service):
        walk.chosen_by = name
        try:
            found = look()
        except OCIAuthError as error:
            if name.startswith(_OF_FILES):
                _describe_settings(walk, settings)
            walk.notes.line("error", "source", f"{name}: {error}")
            walk.notes.found(_setup_cause(walk, settings, error))
            return None
        if not isinstance(found, str):
            provider = found
            break
        walk.notes.line("note", "passed over", found)
        tried.append(found)
        if name.startswith("OKE") and env_value(("KUBERNETES_SERVICE_HOST",)):
            walk.fallen_through = f"This is a pod, but its workload identity cannot be used: {found.partition(': ')[2]}"
    if provider is None:
        walk.chosen_by = "instance metadata, as nothing else serves"
        provider = InstancePrincipalIfAvailable(tried, service)
    mode = getattr(provider, "mode", "custom")
    walk.notes.line("ok", "source", f"{mode} ({walk.chosen_by}), from {getattr(provider, 'source', provider)}")
    if mode in ("api_key", "security_token", "instance_obo_user"):
        _describe_settings(walk, settings)
        warn_of_open_files(walk.notes, settings)
    return provider


def _describe_settings(walk: Walk, settings: Settings) -> None:
    """Where each field is from: its variable, or its line of the file."""
    loaded = settings.profile
    if loaded is not None:
        own = sorted(name for name in loaded.own if loaded.get(name))
        inherited = sorted(name for name in loaded.values if name not in loaded.own and loaded.get(name))
        text = f"{loaded.label}{_named_by(walk)} sets {join_names(own) if own else 'nothing'}"
        if inherited and loaded.name != DEFAULT_PROFILE:
            text += f"; inherits {join_names(inherited)} from {DEFAULT_PROFILE}"
        walk.notes.line("ok", "profile", text)
    for name, setting in settings.fields.items():
        if loaded is None or setting.rank > Rank.PROFILE:
            over = " (over the profile's)" if loaded is not None and loaded.get(name) else ""
            walk.notes.line("ok", name, f"from {setting.origin}{over}")
    if (token_file := settings.get("security_token_file")) is not None:
        with suppress(OCIAuthError, UnicodeDecodeError):
            token = read_small_file(token_file, "security_token_file").decode("ascii").strip()
            describe_token(walk, token, "token in file")


def _named_by(walk: Walk) -> str:
    """Which variables, if any, chose the profile and the file."""
    profile = "" if walk.profile_name else _variable("OCI_CLI_PROFILE", "OCI_CONFIG_PROFILE")
    file = "" if walk.config_file else _variable("OCI_CLI_CONFIG_FILE")
    names = [name for name in (profile, file) if name]
    return f" (named by {join_names(names)})" if names else ""


def _variable(*names: str) -> str:
    return next((name for name in names if env_value((name,))), "")


def _setup_cause(walk: Walk, settings: Settings | None, error: OCIAuthError) -> Cause:
    """A mistake in local files or variables: the error says what, and what to do; the values may say why."""
    kind = type(error).__name__.removesuffix("Error")
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
    cause = first_sentence_cause(code, error)
    if settings is not None and (written := value_cause(settings)) is not None and _about(written, str(error)):
        return written
    profile = walk.profile
    if "has the fingerprint" in cause.text and (mixed := mixed_identity(profile)):
        return Cause("stale-inheritance", f"{mixed} {cause.text}", "Set all four in the profile itself.")
    if "different sessions" in str(error) and (inherited := inherited_session(profile)):
        remedy = "Set security_token_file in the profile itself, or move it out of DEFAULT."
        return Cause("stale-inheritance", f"{inherited} {cause.text}", remedy)
    return _with_places(walk, settings, error, cause)


def _about(written: Cause, message: str) -> bool:
    """Whether a value that is written wrong can be what the error is about: their field is the same."""
    return written.text.partition(" ")[0] in message or written.code in ("placeholder", "quoted", "inline-comment")


def _with_places(walk: Walk, settings: Settings | None, error: OCIAuthError, cause: Cause) -> Cause:
    """The cause with what chose the file, the profile, the mode or the value."""
    text, remedy = cause.text, cause.remedy
    path = config_path(walk.config_file)
    if (
        isinstance(error, ConfigError)
        and "does not exist" in text
        and (closed := closed_directory_cause(path))
        and str(path) in text
    ):
        return closed
    if isinstance(error, ProfileNotFoundError) or "config file" in text.lower():
        if named := _named_by(walk):
            text = f"{text.rstrip('.')}{named}."
        return Cause(cause.code, text, remedy)
    if settings is not None:
        for setting in settings.fields.values():
            if setting.line and setting.origin in text:
                text = text.replace(setting.origin, place(setting), 1)
                break
    if walk.chosen_by.endswith("OCI_CLI_AUTH"):
        remedy = f"{remedy} If this mode is not meant, unset OCI_CLI_AUTH."
    return Cause(cause.code, text, remedy)
