"""Which credentials, when nobody says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Union

from .._credential import Credential, CredentialProvider
from .._errors import ConfigError, CredentialsUnavailableError, NoCredentialsFoundError, ProfileNotFoundError
from .._secrecy import hides_locals, quote_value
from ._config import DEFAULT_PROFILE, config_path, env_value, join_names, load_profile, profile_name
from .api_key import APIKey
from .instance_principal import InstancePrincipal
from .resource_principal import ResourcePrincipal
from .security_token import SecurityToken
from .workload_identity import OKEWorkloadIdentity

MODES = ("api_key", "security_token", "instance_principal", "resource_principal", "oke_workload_identity")

_PROBE = 1.0  # seconds that the metadata service has to answer when it is only a guess that there is one

Clock = Callable[[], float]
ConfigFile = Union[str, "os.PathLike[str]", None]


@hides_locals
def default_credentials(
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    *,
    clock: Clock = time.time,
) -> CredentialProvider:
    """The first of these sources that serves:

    1. the arguments; 2. `OCI_CLI_AUTH`, which names a mode; 3. the config file's profile: a session token if it has a
    `security_token_file`, else an API key; 4. an API key in the environment; 5. a resource principal, if
    `OCI_RESOURCE_PRINCIPAL_VERSION` is set; 6. OKE workload identity, in a pod with a service account;
    7. the instance metadata service, asked with the first `fetch` and for a second only.

    auth: `api_key`, `security_token`, `instance_principal`, `resource_principal` or `oke_workload_identity`.
    profile, config_file: as for the CLI; given explicitly, no other source is looked at.

    A source that is there but broken is an error, never passed over: another identity is not what was meant.

    Raises `ConfigError`. When no source serves, the provider that is returned says so with its first `fetch`: a
    `CredentialsUnavailableError` with a list of what was tried.
    """
    tried: list[str] = []
    for _, look in sources(auth, profile, config_file, clock):
        found = look()
        if not isinstance(found, str):
            return found
        tried.append(found)
    return InstancePrincipalIfAvailable(tried, clock)


Look = Callable[[], "CredentialProvider | str"]


def sources(auth: str | None, profile: str | None, config_file: ConfigFile, clock: Clock) -> list[tuple[str, Look]]:
    """What `default_credentials` looks at before the instance metadata, in order: a name, and how to look.

    To look brings a provider, or the reason why the source is passed over; it raises for one that is broken.
    """
    mode = auth or env_value(("OCI_CLI_AUTH",))
    if mode is not None:
        named_by = "auth" if auth else "OCI_CLI_AUTH"
        return [(f"{mode}, named by {named_by}", partial(_by_mode, mode, named_by, profile, config_file, clock))]
    return [
        ("config file", partial(_from_profile, profile, config_file, clock)),
        ("environment", _from_environment),
        ("resource principal", partial(_from_resource, clock)),
        ("OKE workload identity", partial(_from_cluster, clock)),
    ]


class InstancePrincipalIfAvailable(InstancePrincipal):
    """The last resort: an instance principal, if this is an instance."""

    def __init__(self, tried: list[str], clock: Clock) -> None:
        super().__init__(clock=clock)
        self._tried = tried
        self._recipe = default_credentials

    @hides_locals
    def fetch(self) -> Credential:
        if self.region is None:
            try:
                self.known_region(deadline=_PROBE)
            except CredentialsUnavailableError as error:
                # In a pod, people meant its identity; anywhere else, most have a config file.
                likely = self._tried[-1] if env_value(("KUBERNETES_SERVICE_HOST",)) else self._tried[0]
                raise NoCredentialsFoundError(likely, [*self._tried, f"instance metadata: {error}"]) from error
        return super().fetch()


def _by_mode(
    mode: str, named_by: str, profile: str | None, config_file: ConfigFile, clock: Clock
) -> CredentialProvider:
    if mode == "api_key":
        if profile is None and config_file is None and not os.path.exists(config_path()):
            return APIKey.from_env()
        return APIKey.from_config(profile, config_file)
    if mode == "security_token":
        return SecurityToken.from_config(profile, config_file, clock=clock)
    if mode == "instance_principal":
        return InstancePrincipal(clock=clock)
    if mode == "resource_principal":
        return ResourcePrincipal(clock=clock)
    if mode == "oke_workload_identity":
        return OKEWorkloadIdentity(clock=clock)
    raise ConfigError(
        f"{named_by} is {quote_value(mode)}, which is no way to authenticate. Use one of {join_names(MODES)}."
    )


def _from_profile(profile: str | None, config_file: ConfigFile, clock: Clock) -> CredentialProvider | str:
    """The profile's credentials, or why there are none: a missing file, or one without the profile nobody asked for."""
    path, name = config_path(config_file), profile_name(profile)
    asked_for = config_file or profile or name != DEFAULT_PROFILE or env_value(("OCI_CLI_CONFIG_FILE",))
    if not asked_for and not os.path.exists(path):
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
        if env_value(("OCI_CLI_KEY_FILE", "OCI_CLI_KEY_CONTENT", "OCI_CLI_USER", "OCI_CLI_FINGERPRINT")):
            raise
        return f"API key in the environment: {error}"


def _from_resource(clock: Clock) -> CredentialProvider | str:
    version = env_value(("OCI_RESOURCE_PRINCIPAL_VERSION",))
    if version is None:
        return "resource principal: OCI_RESOURCE_PRINCIPAL_VERSION is not set"
    # The Go SDK wants a version and a region set for workload identity too, and so do many pods' specifications.
    own = ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM", "OCI_RESOURCE_PRINCIPAL_RPT_ENDPOINT")
    if version in ("1.1", "2.2") and env_value(("KUBERNETES_SERVICE_HOST",)) and not env_value(own):
        return f"resource principal: in a pod, version {version} alone says that this is a workload of OKE"
    return ResourcePrincipal(clock=clock)


def _from_cluster(clock: Clock) -> CredentialProvider | str:
    """Workload identity, in a pod that has a service account; other clusters than OKE's set the same variables."""
    if not env_value(("KUBERNETES_SERVICE_HOST",)):
        return "OKE workload identity: KUBERNETES_SERVICE_HOST is not set"
    try:
        return OKEWorkloadIdentity(clock=clock)
    except ConfigError as error:
        return f"OKE workload identity: {error}"
