"""Which credentials are used, why these, and what is wrong with how they are configured."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace

from .._auth_service.service import AuthService
from .._credential import CredentialProvider
from .._errors import ConfigError, OCIAuthError, ProfileNotFoundError
from .._verdicts import Finding
from ..credentials._config import DEFAULT_PROFILE, config_path, env_value, join_names
from ..credentials._default import InstancePrincipalIfAvailable, sources
from ..credentials._files import read_small_file
from ..credentials._settings import Rank, Settings, resolve
from .credential import describe_token
from .network import first_sentence_cause
from .run import Failed, Run
from .values import mixed_identity, own_and_inherited, place, unreadable_file_cause, value_cause, warn_of_open_files
from .verdicts import cause

_DEADLINE = 4.0  # seconds for all calls of a fetch, each tried once: a service that needs more is worth a finding
_OF_FILES = ("config file", "environment", "api_key", "security_token", "instance_obo_user")
_SESSION = ("key_file", "security_token_file")


def choose_provider(run: Run) -> CredentialProvider:
    """The provider that `OCISigner` would use. Raises `Failed` for a broken source."""
    settings = None
    try:
        settings = resolve(run.auth, run.profile_name, run.config_file)
        run.profile = settings.profile
        provider = _first_source(run, settings)
    except OCIAuthError as error:
        if settings is not None and run.chosen_by.startswith(_OF_FILES):
            _describe_settings(run, settings)
        run.log("error", "source", f"{run.chosen_by}: {error}" if run.chosen_by else str(error))
        raise Failed(_setup_cause(run, settings, error)) from None
    mode = getattr(provider, "mode", "custom")
    run.log("ok", "source", f"{mode} ({run.chosen_by}), from {getattr(provider, 'source', provider)}")
    if mode in _OF_FILES:
        _describe_settings(run, settings)
        warn_of_open_files(run, settings)
    return provider


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
        own, inherited = own_and_inherited(loaded, sorted(loaded.values))
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


def _setup_cause(run: Run, settings: Settings | None, error: OCIAuthError) -> Finding:
    """A mistake in local files or variables: the error says what it is and what to do; the values may say why."""
    message, path = str(error), config_path(run.config_file)
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    wrong = first_sentence_cause(kind, error)
    fields = settings.fields if settings is not None else {}
    if written := value_cause(fields, message):
        return written
    if "has the fingerprint" in wrong.cause and (mixed := mixed_identity(run.profile)):
        return cause("stale-inheritance", mixed=mixed, reason=wrong.cause)
    if "different sessions" in message and (mixed := mixed_identity(run.profile, _SESSION)):
        return cause("stale-inheritance/session", mixed=mixed, reason=wrong.cause)
    if isinstance(error, ConfigError) and str(path) in message and (unreadable := unreadable_file_cause(path)):
        return unreadable
    if isinstance(error, ProfileNotFoundError) or "config file" in wrong.cause.lower():
        named = _named_by(run)
        return replace(wrong, cause=f"{wrong.cause.rstrip('.')}{named}.") if named else wrong
    for setting in fields.values():
        if setting.line and setting.origin in wrong.cause:
            wrong = replace(wrong, cause=wrong.cause.replace(setting.origin, place(setting), 1))
            break
    if run.chosen_by.endswith("OCI_CLI_AUTH"):
        wrong = replace(wrong, remedy=f"{wrong.remedy} If you do not want this mode, unset OCI_CLI_AUTH.")
    return wrong
