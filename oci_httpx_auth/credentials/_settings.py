"""Resolves arguments, variables and files field by field, in the OCI CLI's order.

Source: `build_config` of oci-cli's `cli_util`, and the options of its `cli_root`; the tests compare this module with them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from .._errors import ConfigError, ProfileNotFoundError
from .._secrecy import quote_path
from ._config import (
    DEFAULT_PROFILE,
    Profile,
    Rank,
    Setting,
    config_path,
    env_value,
    join_names,
    load_profile,
    load_rc_file,
    setting_of,
    with_defaults,
)

ConfigFile = str | os.PathLike[str] | None

# The variables of each field of a profile, in order: the CLI's, then those of Terraform and other OCI tools, which
# describe an API key if there is no profile.
_VARIABLES = {
    "user": ("OCI_CLI_USER", "OCI_USER_OCID", "OCI_USER"),
    "tenancy": ("OCI_CLI_TENANCY", "OCI_TENANCY_OCID", "OCI_TENANCY"),
    "fingerprint": ("OCI_CLI_FINGERPRINT", "OCI_FINGERPRINT"),
    "key_file": ("OCI_CLI_KEY_FILE", "OCI_PRIVATE_KEY_PATH", "OCI_KEY_FILE"),
    "key_content": ("OCI_CLI_KEY_CONTENT", "OCI_PRIVATE_KEY"),
    "pass_phrase": ("OCI_CLI_PASSPHRASE", "OCI_PRIVATE_KEY_PASSWORD"),
    "region": ("OCI_CLI_REGION", "OCI_REGION"),
    "security_token_file": ("OCI_CLI_SECURITY_TOKEN_FILE",),
    "delegation_token_file": ("OCI_CLI_DELEGATION_TOKEN_FILE",),
}


@dataclass(frozen=True)
class Settings:
    """Everything known about an identity without network I/O.

    fields: by name, as in a profile. profile: the profile that was read, if one was needed.
    auth: the mode, if one was named. problem: why a profile that exists or was named cannot be read.
    absent: why no profile was read, if that is fine. again: resolves the same arguments again, for fetches and workers.
    """

    fields: Mapping[str, Setting]
    again: Callable[[], Settings] = field(compare=False, repr=False)
    profile: Profile | None = None
    auth: Setting | None = None
    problem: ConfigError | None = field(default=None, compare=False)
    absent: str = ""

    @property
    def source(self) -> str:
        """Where the identity is from, for logs and errors."""
        if self.profile is None:
            return "the environment"
        nearer = [setting.origin for setting in self.fields.values() if setting.rank is Rank.CLI]
        return self.profile.label + (f" with {join_names(nearer)}" if nearer else "")

    def get(self, *names: str) -> str | None:
        """The value of the first of these fields that has one."""
        return next((self.fields[name].value for name in names if name in self.fields), None)

    def rank(self, name: str) -> int:
        """How close to the program the field was set; 0 if it was not."""
        return self.fields[name].rank if name in self.fields else 0

    def label(self, name: str) -> str:
        """The field's origin, for errors about its value."""
        return self.fields[name].origin if name in self.fields else f"{name} of {self.source}"

    def require(self, *names: str) -> dict[str, str]:
        """The values of these fields. Raises a `ConfigError` that names all missing ones at once."""
        if self.problem is not None:
            raise self.problem
        missing = [name for name in names if name not in self.fields]
        if missing and self.profile is not None:
            them = "it" if len(missing) == 1 else "them"
            raise ConfigError(f"{self.profile.label} has no {join_names(missing)}. Add {them} to the file.")
        if missing:
            variables = [
                _VARIABLES[name][0] + (" (or OCI_CLI_KEY_CONTENT)" if name == "key_file" else "") for name in missing
            ]
            why = f" Config file {self.absent}" if self.absent else ""
            raise ConfigError(f"The environment has no {join_names(variables)}. Set what is missing.{why}")
        return {name: self.fields[name].value for name in names}


def resolve(auth: str | None = None, profile: str | None = None, config_file: ConfigFile = None) -> Settings:
    """The settings that the CLI would use with `--auth`, `--profile` and `--config-file`, or without them.

    The profile is the argument, `OCI_CLI_PROFILE`, `default_profile` of the rc file, `OCI_CONFIG_PROFILE` (which the CLI
    does not have) or `DEFAULT`. Each field is the CLI's variable, else the profile's; complete variables need no file.
    Raises `ConfigError` for an rc file that cannot be read.
    """
    rc_path, rc = load_rc_file()
    named = profile or env_value(("OCI_CLI_PROFILE",)) or rc.get("OCI_CLI_SETTINGS", {}).get("default_profile")
    name = named or env_value(("OCI_CONFIG_PROFILE",)) or DEFAULT_PROFILE
    defaults = {
        key: setting_of(key, os.path.expandvars(value), f"{key} of {quote_path(rc_path)}", Rank.CLI)
        for key, value in with_defaults(rc, name).items()
        if value.strip()
    }
    fields = _variables(Rank.CLI)
    if "region" in defaults:
        fields.setdefault("region", defaults["region"])
    mode = defaults.get("auth")
    if (variable := env_value(("OCI_CLI_AUTH",))) is not None:
        mode = Setting(variable, "OCI_CLI_AUTH", Rank.CLI)
    if auth:
        mode = Setting(auth, "auth", Rank.ARGUMENT)
    path = config_path(config_file)
    settings = partial(Settings, again=partial(resolve, auth, profile, config_file), auth=mode)
    if {"user", "tenancy", "fingerprint", "region"} <= fields.keys() and fields.keys() & {"key_file", "key_content"}:
        return settings(fields, absent=f"{quote_path(path)}: it is not read, since the variables are complete")
    try:
        loaded = load_profile(name, path)
    except ConfigError as error:
        asked_for = named or config_file or name != DEFAULT_PROFILE or env_value(("OCI_CLI_CONFIG_FILE",))
        fields = {**_variables(Rank.OTHER), **fields}
        if not asked_for and not os.path.exists(path):
            return settings(fields, absent=f"{quote_path(path)}: it does not exist")
        # For the CLI, every file has a DEFAULT profile. Without a named mode, the search would go on to other sources.
        if isinstance(error, ProfileNotFoundError) and (not asked_for or (mode and name == DEFAULT_PROFILE)):
            return settings(fields, absent=f"{quote_path(path)}: {error}")
        return settings(fields, problem=error)
    return settings({**_of_profile(loaded), **fields}, profile=loaded, again=partial(resolve, auth, name, path))


def resolve_profile(profile: str | None = None, config_file: ConfigFile = None, **given: str | None) -> Settings:
    """Only a profile, as the SDK reads it: no variable overrides the file's fields, but those `given` do.

    Raises `ConfigError`.
    """
    loaded = load_profile(profile, config_file)
    fields = {**_variable("pass_phrase", "OCI_CLI_PASSPHRASE", Rank.OTHER), **_of_profile(loaded)}
    fields |= {name: Setting(value, name, Rank.ARGUMENT) for name, value in given.items() if value}
    return Settings(fields, partial(resolve_profile, loaded.name, loaded.path, **given), loaded)


def resolve_environment() -> Settings:
    """Only the variables: the CLI's, then those of other tools."""
    return Settings({**_variables(Rank.OTHER), **_variables(Rank.CLI)}, resolve_environment)


def _of_profile(loaded: Profile) -> dict[str, Setting]:
    """A profile's fields, and `OCI_REGION`, which the SDK reads if the profile has no region."""
    return {**_variable("region", "OCI_REGION", Rank.OTHER), **loaded.fields}


def _variables(rank: Rank) -> dict[str, Setting]:
    """The fields that the CLI's variables set, or those that other tools' do."""
    fields: dict[str, Setting] = {}
    for name, (cli, *others) in _VARIABLES.items():
        for variable in [cli] if rank is Rank.CLI else reversed(others):
            fields |= _variable(name, variable, rank)
    return fields


def _variable(name: str, variable: str, rank: Rank) -> dict[str, Setting]:
    """The field that a variable sets, if it has a value."""
    value = env_value((variable,))
    return {name: setting_of(name, value, variable, rank)} if value else {}
