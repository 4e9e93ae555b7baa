"""The default chain of credentials."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from .._auth_service.service import DEADLINE, AuthService, Calls
from .._credential import Credential, CredentialProvider
from .._errors import ConfigError, CredentialsUnavailableError, NoCredentialsFoundError
from .._secrecy import hides_locals, quote_value
from ._config import Rank, env_value, join_names
from ._settings import Settings, resolve
from .api_key import APIKey
from .delegation import DelegationToken
from .instance_principal import InstancePrincipal
from .resource_principal import ResourcePrincipal
from .security_token import SecurityToken
from .workload_identity import OKEWorkloadIdentity

# How to make the provider of each mode, as the CLI spells it.
MODES: dict[str, Callable[[Settings, AuthService | None], CredentialProvider]] = {
    "api_key": APIKey.from_settings,
    "security_token": SecurityToken.from_settings,
    "instance_principal": lambda _, service: InstancePrincipal(_service=service),
    "resource_principal": lambda _, service: ResourcePrincipal(_service=service),
    "oke_workload_identity": lambda _, service: OKEWorkloadIdentity(_service=service),
    "instance_obo_user": DelegationToken.from_settings,
}

_PROBE = 1.0  # seconds to wait for a metadata service that may not exist


@hides_locals
def default_credentials(
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    *,
    _service: AuthService | None = None,
) -> CredentialProvider:
    """The credentials that the OCI CLI would use, field by field, or else those of the platform.

    1. `auth`, else `OCI_CLI_AUTH`, else `auth` in the CLI's rc file, names the mode.
    2. Each field is the CLI's variable (`OCI_CLI_USER`, …), else the profile's; complete variables need no file. Without a
    named mode, a session token, a delegation token or an API key is used, whichever was set closest to the program.
    3. Sources that the CLI ignores: an API key in other tools' variables, a resource principal if
    `OCI_RESOURCE_PRINCIPAL_VERSION` is set, OKE workload identity in a pod with a service account, and the instance metadata
    service, which the first `fetch` waits for, for one second at most.

    auth: one of `api_key`, `security_token`, `instance_principal`, `resource_principal`, `oke_workload_identity` and
    `instance_obo_user`. profile, config_file: the CLI's options with these names.

    A broken source is an error and never skipped, because falling back to another identity would be a surprise.

    Raises `ConfigError`. If there is no source, the first `fetch` of the returned provider raises a
    `CredentialsUnavailableError` with a list of what was tried.
    """
    tried: list[str] = []
    for _, find in sources(resolve(auth, profile, config_file), _service):
        found = find()
        if not isinstance(found, str):
            return found
        tried.append(found)
    return InstancePrincipalIfAvailable(tried, _service)


Finder = Callable[[], "CredentialProvider | str"]


def sources(settings: Settings, service: AuthService | None) -> list[tuple[str, Finder]]:
    """The sources that `default_credentials` tries before the instance metadata, in order: a name and a function.

    The function returns a provider, or the reason why the source is skipped. It raises if the source is broken.
    """
    if (mode := settings.auth) is not None:
        return [(f"{mode.value}, named by {mode.origin}", partial(_by_mode, mode.value, settings, service))]
    return [
        ("config file", partial(_from_profile, settings, service)),
        ("environment", partial(_from_environment, settings, service)),
        ("resource principal", partial(_from_resource, service)),
        ("OKE workload identity", partial(_from_cluster, service)),
    ]


class InstancePrincipalIfAvailable(InstancePrincipal):
    """The last resort: an instance principal, if this is an instance."""

    def __init__(self, tried: list[str], service: AuthService | None) -> None:
        super().__init__(_service=service)
        self._tried = tried
        self._recipe = default_credentials

    def _fetch(self, calls: Calls) -> Credential:
        self._known_region(calls, patience=_PROBE)
        return super()._fetch(calls)

    def _known_region(self, calls: Calls, *, patience: float = DEADLINE) -> str:
        try:
            return super()._known_region(calls, patience=patience)
        except CredentialsUnavailableError as error:
            # In a pod, its identity was probably meant; elsewhere, most people have a config file.
            likely = self._tried[-1] if env_value(("KUBERNETES_SERVICE_HOST",)) else self._tried[0]
            raise NoCredentialsFoundError(likely, [*self._tried, f"instance metadata: {error}"]) from error


def _by_mode(mode: str, settings: Settings, service: AuthService | None) -> CredentialProvider:
    if mode not in MODES:
        named_by = settings.auth.origin if settings.auth else "auth"
        raise ConfigError(
            f"{named_by} is {quote_value(mode)}, which is not a supported auth mode. Use one of {join_names(MODES)}."
        )
    return MODES[mode](settings, service)


def implied_mode(settings: Settings) -> str:
    """The mode that the fields imply if none is named: the closest of user, session token and delegation token.

    In a tie a session token wins over a user, since `oci session authenticate` leaves both in a profile. The SDK marks Cloud
    Shell's profiles with an `authentication_type`.
    """
    kind = settings.get("authentication_type")
    if kind is not None and (kind != "instance_principal" or not settings.rank("delegation_token_file")):
        raise ConfigError(
            f"{settings.label('authentication_type')} is {quote_value(kind)}. A profile can have authentication_type = "
            "instance_principal with a delegation_token_file; for other modes, set OCI_CLI_AUTH or pass auth=."
        )
    user, session, delegation = map(settings.rank, ("user", "security_token_file", "delegation_token_file"))
    if kind is not None or delegation > max(user, session):
        return "instance_obo_user"
    # A session's key is always in a file, so a key given as text is an API key.
    has_session = session and session >= user and (settings.rank("key_file") or not settings.rank("key_content"))
    return "security_token" if has_session else "api_key"


def _from_profile(settings: Settings, service: AuthService | None) -> CredentialProvider | str:
    """The provider that the profile's fields and their variables describe, or why no profile was read."""
    if settings.problem is not None:
        raise settings.problem
    if settings.profile is None:
        return f"config file {settings.absent}"
    return _by_mode(implied_mode(settings), settings, service)


def _from_environment(settings: Settings, service: AuthService | None) -> CredentialProvider | str:
    try:
        return _by_mode(implied_mode(settings), settings, service)
    except ConfigError as error:
        identity = ("user", "fingerprint", "key_file", "key_content", "security_token_file", "delegation_token_file")
        if any(settings.rank(name) > Rank.OTHER for name in identity):
            raise
        return f"API key in the environment: {error}"


def _from_resource(service: AuthService | None) -> CredentialProvider | str:
    version = env_value(("OCI_RESOURCE_PRINCIPAL_VERSION",))
    if version is None:
        return "resource principal: OCI_RESOURCE_PRINCIPAL_VERSION is not set"
    # The Go SDK needs version and region for workload identity as well, and many pods set them.
    own = ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM", "OCI_RESOURCE_PRINCIPAL_RPT_ENDPOINT")
    if version in ("1.1", "2.2") and env_value(("KUBERNETES_SERVICE_HOST",)) and not env_value(own):
        return f"resource principal: in a pod, version {version} alone means OKE workload identity"
    return ResourcePrincipal(_service=service)


def _from_cluster(service: AuthService | None) -> CredentialProvider | str:
    """Workload identity, in a pod with a service account. Clusters other than OKE's set the same variables."""
    if not env_value(("KUBERNETES_SERVICE_HOST",)):
        return "OKE workload identity: KUBERNETES_SERVICE_HOST is not set"
    try:
        return OKEWorkloadIdentity(_service=service)
    except ConfigError as error:
        return f"OKE workload identity: {error}"
