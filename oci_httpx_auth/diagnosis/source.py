"""Which credentials are meant, why these, and what is wrong with how they are set up."""

from __future__ import annotations

import re
from contextlib import suppress

from .._auth_service.service import AuthService
from .._credential import CredentialProvider
from .._errors import ConfigError, OCIAuthError, ProfileNotFoundError
from .._verdicts import Cause
from ..credentials._config import DEFAULT_PROFILE, config_path, env_value, join_names
from ..credentials._default import InstancePrincipalIfAvailable, sources
from ..credentials._files import read_small_file
from ..credentials._settings import Rank, Settings, resolve
from .credential import describe_token
from .network import first_sentence_cause
from .values import inherited_session, mixed_identity, place, unreadable_file_cause, value_cause, warn_of_open_files
from .verdicts import cause
from .walk import Walk

_DEADLINE = 4.0  # seconds for all calls of a fetch, each tried once: a service that needs more is worth a finding
_OF_FILES = ("config file", "environment", "api_key", "security_token", "instance_obo_user")


def choose_provider(walk: Walk) -> CredentialProvider | None:
    """The provider that `OCISigner` would take, with the sources passed over; None with a finding if one is broken."""
    settings = None
    tried: list[str] = []
    service = AuthService(clock=walk.clock, deadline=_DEADLINE, patient=False)
    provider: CredentialProvider | str = ""
    try:
        settings = resolve(walk.auth, walk.profile_name, walk.config_file)
        walk.profile = settings.profile
        for name, look in sources(settings, service):
            walk.chosen_by = name
            provider = look()
            if not isinstance(provider, str):
                break
            walk.notes.line("note", "passed over", provider)
            tried.append(provider)
            if name.startswith("OKE") and env_value(("KUBERNETES_SERVICE_HOST",)):
                reason = provider.partition(": ")[2]
                walk.fallen_through = f"This is a pod, but its workload identity cannot be used: {reason}"
    except OCIAuthError as error:
        if settings is not None and walk.chosen_by.startswith(_OF_FILES):
            _describe_settings(walk, settings)
        walk.notes.line("error", "source", f"{walk.chosen_by}: {error}" if walk.chosen_by else str(error))
        walk.notes.find(_setup_cause(walk, settings, error))
        return None
    if isinstance(provider, str):
        walk.chosen_by = "instance metadata, since no other source is available"
        provider = InstancePrincipalIfAvailable(tried, service)
    mode = getattr(provider, "mode", "custom")
    walk.notes.line("ok", "source", f"{mode} ({walk.chosen_by}), from {getattr(provider, 'source', provider)}")
    if mode in _OF_FILES:
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
    variables = [] if walk.profile_name else [("OCI_CLI_PROFILE", "OCI_CONFIG_PROFILE")]
    variables += [] if walk.config_file else [("OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE")]
    names = [next((name for name in group if env_value((name,))), None) for group in variables]
    named = [name for name in names if name]
    return f" (named by {join_names(named)})" if named else ""


def _setup_cause(walk: Walk, settings: Settings | None, error: OCIAuthError) -> Cause:
    """A mistake in local files or variables: the error says what, and what to do; the values may say why."""
    kind = type(error).__name__.removesuffix("Error")
    wrong = first_sentence_cause(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower(), error)
    written = None if settings is None else value_cause(settings)
    if written is not None and _about(written, str(error)):
        return written
    if "has the fingerprint" in wrong.text and (mixed := mixed_identity(walk.profile)):
        return cause("stale-inheritance", mixed=mixed, reason=wrong.text)
    if "different sessions" in str(error) and (inherited := inherited_session(walk.profile)):
        return cause("stale-inheritance/session", mixed=inherited, reason=wrong.text)
    path = config_path(walk.config_file)
    if isinstance(error, ConfigError) and str(path) in str(error) and (unreadable := unreadable_file_cause(path)):
        return unreadable
    text, remedy = wrong.text, wrong.remedy
    if isinstance(error, ProfileNotFoundError) or "config file" in text.lower():
        named = _named_by(walk)
        return Cause(wrong.code, f"{text.rstrip('.')}{named}." if named else text, remedy)
    for setting in settings.fields.values() if settings is not None else ():
        if setting.line and setting.origin in text:
            text = text.replace(setting.origin, place(setting), 1)
            break
    if walk.chosen_by.endswith("OCI_CLI_AUTH"):
        remedy = f"{remedy} If you do not want this mode, unset OCI_CLI_AUTH."
    return Cause(wrong.code, text, remedy)


def _about(written: Cause, message: str) -> bool:
    """Whether a value that is written wrong can be what the error is about: their field is the same."""
    return written.text.partition(" ")[0] in message or written.code in (
        "placeholder",
        "quoted",
        "inline-comment",
        "continued-line",
    )
