"""Which credentials, when nobody says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from ._config import DEFAULT_PROFILE, config_path, environment, join, load_profile, profile_name
from ._credential import CredentialProvider
from ._errors import ConfigError, CredentialsUnavailableError, ProfileNotFoundError
from .credentials.api_key import APIKey
from .credentials.security_token import SecurityToken

MODES = ("api_key", "security_token")


def default_credentials(
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> CredentialProvider:
    """The first of these sources that serves:

    1. the arguments; 2. `OCI_CLI_AUTH`, which names a mode; 3. the config file's profile: a session token if it has a
    `security_token_file`, else an API key; 4. an API key in the environment.

    auth: `api_key` or `security_token`.
    profile, config_file: as for the CLI; given explicitly, no other source is looked at.

    A source that is there but broken is an error, never passed over: another identity is not what was meant.

    Raises `ConfigError`; `CredentialsUnavailableError`, with a list of what was tried, when no source serves.
    """
    mode = auth or environment(("OCI_CLI_AUTH",))
    if mode is not None:
        return _by_mode(mode, "auth" if auth else "OCI_CLI_AUTH", profile, config_file, clock)
    tried: list[str] = []
    for look in (partial(_from_profile, profile, config_file, clock), _from_environment):
        found = look()
        if not isinstance(found, str):
            return found
        tried.append(found)
    raise CredentialsUnavailableError(
        "No OCI credentials were found. Looked at:\n"
        + "".join(f"  - {reason}\n" for reason in tried)
        + "Run `oci setup config` or `oci session authenticate`, or give credentials explicitly."
    )


def _by_mode(
    mode: str,
    named_by: str,
    profile: str | None,
    config_file: str | os.PathLike[str] | None,
    clock: Callable[[], float],
) -> CredentialProvider:
    if mode == "api_key":
        if profile is None and config_file is None and not config_path().exists():
            return APIKey.from_env()
        return APIKey.from_config(profile, config_file)
    if mode == "security_token":
        return SecurityToken.from_config(profile, config_file, clock=clock)
    raise ConfigError(f"{named_by} is {mode[:80]!r}, which is no way to authenticate. Use {join(MODES)}.")


def _from_profile(
    profile: str | None, config_file: str | os.PathLike[str] | None, clock: Callable[[], float]
) -> CredentialProvider | str:
    """The profile's credentials, or why there are none: a missing file, or one without the profile nobody asked for."""
    path, name = config_path(config_file), profile_name(profile)
    asked_for = config_file or profile or name != DEFAULT_PROFILE or environment(("OCI_CLI_CONFIG_FILE",))
    if not asked_for and not path.exists():
        return f"config file {path}: it does not exist"
    try:
        loaded = load_profile(name, path)
    except ProfileNotFoundError as error:
        if asked_for:
            raise
        return f"config file {path}: {error}"
    if loaded.is_session:
        return SecurityToken.from_config(name, path, clock=clock)
    return APIKey.from_config(name, path)


def _from_environment() -> CredentialProvider | str:
    try:
        return APIKey.from_env()
    except ConfigError as error:
        if environment(("OCI_CLI_KEY_FILE", "OCI_CLI_KEY_CONTENT", "OCI_CLI_USER", "OCI_CLI_FINGERPRINT")):
            raise
        return f"API key in the environment: {error}"
