"""Resource principals: functions, container instances, notebooks and other resources sign as themselves.

`OCI_RESOURCE_PRINCIPAL_VERSION`, which the platform sets, says how:

- 2.2: token and key are injected, as texts or as files that the platform rotates;
- 1.1: the instance's identity is exchanged for the resource's, in two steps;
- 2.1, 2.1.1, 2.1.2: the same two steps with an injected key pair;
- 3.0: a resource within a resource; the leaf's token, of any of the above, is exchanged for its parent's.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._auth_service.http import Answer
from .._auth_service.service import AuthService, Call, Calls
from .._auth_service.tokens import json_object, parse_security_token, text_field, token_credential, token_of
from .._credential import Credential
from .._errors import ConfigError, CredentialsUnavailableError, ServiceRefusedError
from .._secrecy import hidden, hides_locals, quote_value
from ._config import check_header, check_region, env_value, join_names
from ._files import FileWatch, read_pair, read_small_file
from ._keys import generate_private_key, load_private_key, public_key_text
from ._provider import Provider
from .instance_principal import InstancePrincipal

_PREFIX = "OCI_RESOURCE_PRINCIPAL_"
_KEY_PAIR_VERSIONS = ("2.1", "2.1.1", "2.1.2")
_DEPTH = 10  # resources within resources; as in the Go SDK

_RPT_PATHS = {
    "1.1": "/20180711/resourcePrincipalToken/{id}",
    "2.1": "/20180711/resourcePrincipalTokenV2/{id}",
    "2.1.1": "/20180711/resourcePrincipalTokenV2/{id}",
    "2.1.2": "/20180711/resourcePrincipalTokenV212/{id}",
}


class ResourcePrincipal(Provider):
    """Signs as the resource that this program runs in, as its environment describes it.

    auth_endpoint: the identity service's base URL, where the environment does not name one.
    metadata_url: base URL of the metadata service, which version 1.1 needs.

    `tenancy` and `compartment` are what the token says: known at once for version 2.2, after the first request for the
    others, and again after each refresh, since a resource may be moved.

    Raises `ConfigError` and its children for variables and files that are missing or malformed, all missing variables
    at once. `fetch` raises `CredentialsUnavailableError` when a token cannot be exchanged.
    """

    mode = "resource_principal"

    @hides_locals
    def __init__(
        self,
        *,
        auth_endpoint: str | None = None,
        metadata_url: str | None = None,
        _service: AuthService | None = None,
    ) -> None:
        variables = _Variables("", auth_endpoint)
        version = variables.get("VERSION")
        if version is None:
            raise ConfigError(
                f"{_PREFIX}VERSION is not set. It is where resource principals work: in functions, container instances, data "
                "science notebooks and the like."
            )
        super().__init__(
            f"resource principal {version}", {"auth_endpoint": auth_endpoint, "metadata_url": metadata_url}
        )
        self.tenancy: str | None = None
        self._claims: Mapping[str, Any] = {}
        self._service = _service or AuthService()
        make_instance = partial(InstancePrincipal, metadata_url=metadata_url, _service=self._service)
        self._parent: list[str] = []
        if version == "3.0":
            self._source = _make_source(_Variables("_FOR_LEAF_RESOURCE", auth_endpoint), make_instance)
            self._parent = _Variables("_FOR_PARENT_RESOURCE", auth_endpoint).require("RPT_URL", "RPST_ENDPOINT")
        else:
            self._source = _make_source(variables, make_instance)
            if isinstance(self._source, _Injected):
                self._remember(self._source.read())
        self._watch = self._source.watch

    @property
    def region(self) -> str | None:
        """The region that the environment names; `None` if it names none and no request was made yet."""
        instance = self._source.instance
        return self._source.region or (instance.region if instance is not None else None)

    def discover_region(self) -> str | None:
        """The region, which version 1.1 asks the metadata service for if the environment names none.

        Waits for a second at most. Raises `CredentialsUnavailableError`.
        """
        instance = self._source.instance
        return self.region or (instance.discover_region() if instance is not None else None)

    @hides_locals
    def fetch(self) -> Credential:
        """Read or exchange for a token. Raises `ConfigError` and `CredentialsUnavailableError`, and their children."""
        instance = self._source.instance
        with self._service.calls(direct_to=instance._metadata.hosts if instance is not None else ()) as calls:
            try:
                credential = self._fetch(calls)
            except ServiceRefusedError as error:
                if error.status != 401:
                    raise
                # Each call is signed with the token of the one before, which may have expired meanwhile.
                credential = self._fetch(calls)
        self._remember(credential)
        return credential

    def _fetch(self, calls: Calls) -> Credential:
        credential = self._source.fetch(calls)
        url, endpoint = self._parent or ("", "")
        seen = set[str]()
        while url:  # each resource's token fetches its parent's
            if url in seen or len(seen) == _DEPTH:
                raise CredentialsUnavailableError(
                    f"The chain of parents is circular or too deep: {url.partition('?')[0]} is named again, or is the "
                    f"{_DEPTH + 1}th. The platform's set-up of nested resources is at fault."
                )
            seen.add(url)
            credential, url = _request_token(calls, credential, url, endpoint)
        return credential

    def claim(self, name: str) -> Any:
        """A claim of the current token; `None` without that claim or without a token."""
        return self._claims.get(name)

    def _remember(self, credential: Credential) -> None:
        claims = parse_security_token(token_of(credential), self.source)
        self._claims = claims.other
        self.tenancy, self.compartment = claims.text("res_tenant"), claims.text("res_compartment")


class _Variables:
    """The platform's variables as they were found. For the resources of version 3.0, their names have a suffix.

    auth_endpoint: the value of `RPST_ENDPOINT` where the environment has none.
    """

    def __init__(self, suffix: str, auth_endpoint: str | None) -> None:
        self._suffix = suffix
        found = {name: env_value((name,)) for name in os.environ if name.startswith(_PREFIX)}
        self._values = {self.name("RPST_ENDPOINT"): hidden(auth_endpoint)}
        self._values |= {name: hidden(value) for name, value in found.items() if value}

    def name(self, name: str) -> str:
        return f"{_PREFIX}{name}{self._suffix}"

    def get(self, name: str) -> str | None:
        value = self._values.get(self.name(name))
        return str(value) if value else None

    def require(self, *names: str) -> list[str]:
        """The values of these variables. Raises `ConfigError` that names all the missing ones at once."""
        values = {self.name(name): self.get(name) for name in names}
        if missing := [name for name, value in values.items() if value is None]:
            raise ConfigError(
                f"{join_names(missing)} {'is' if len(missing) == 1 else 'are'} not set. The platform sets such variables where "
                "resource principals work; elsewhere use another way to authenticate."
            )
        return [str(value) for value in values.values()]

    def content(self, name: str) -> str:
        """A variable's value, or the text of the file that it names."""
        value = self.get(name) or ""
        if not os.path.isabs(value):
            return value
        try:
            return read_small_file(value, f"The file that {self.name(name)} names").decode().strip()
        except UnicodeDecodeError:
            raise ConfigError(f"The file that {self.name(name)} names is not text: {value}.") from None

    def private_key(self) -> RSAPrivateKey:
        passphrase = self.content("PRIVATE_PEM_PASSPHRASE")
        return load_private_key(self.content("PRIVATE_PEM"), passphrase, self.name("PRIVATE_PEM"))


class _Source(ABC):
    """One version's way to a credential. instance: whose identity it needs."""

    def __init__(self, variables: _Variables, instance: InstancePrincipal | None = None) -> None:
        self.instance = instance
        self.region = check_region(variables.get("REGION"), variables.name("REGION"))
        self.watch = FileWatch()
        self._variables = variables

    @abstractmethod
    def fetch(self, calls: Calls) -> Credential: ...


def _make_source(variables: _Variables, make_instance: Callable[[], InstancePrincipal]) -> _Source:
    [version] = variables.require("VERSION")
    if version == "2.2":
        return _Injected(variables)
    if version == "1.1":
        return _FromInstance(variables, make_instance())
    if version in _KEY_PAIR_VERSIONS:
        return _FromKeyPair(version, variables)
    raise ConfigError(
        f"{variables.name('VERSION')} is {quote_value(version)}, which is unknown. Known are 1.1, "
        f"{', '.join(_KEY_PAIR_VERSIONS)}, 2.2 and 3.0."
    )


class _Injected(_Source):
    """Version 2.2: the platform hands over token and key, as texts or as files."""

    def __init__(self, variables: _Variables) -> None:
        super().__init__(variables)
        self._files = [value for value in variables.require("RPST", "PRIVATE_PEM") if os.path.isabs(value)]

    def fetch(self, calls: Calls) -> Credential:  # noqa: ARG002 - it asks nobody
        return self.read()

    def read(self) -> Credential:
        return read_pair(self._read)

    def _read(self) -> Credential:
        self.watch.note(*self._files)
        key = self._variables.private_key()
        return token_credential(self._variables.content("RPST"), key, self._variables.name("RPST"))


class _FromInstance(_Source):
    """Version 1.1: the instance's identity fetches the resource's."""

    def __init__(self, variables: _Variables, instance: InstancePrincipal) -> None:
        super().__init__(variables, instance)
        self._instance = instance
        [self._rpt_endpoint] = variables.require("RPT_ENDPOINT")

    def fetch(self, calls: Calls) -> Credential:
        get = self._variables.get
        signer = self._instance._fetch(calls)
        resource = get("RPT_ID") or self._instance._metadata.read(calls, "/instance/id", str)
        url = _joined(self._rpt_endpoint, get("RPT_PATH") or _RPT_PATHS["1.1"], resource)
        endpoint = get("RPST_ENDPOINT") or self._instance._regional_auth_endpoint(calls)
        return _request_token(calls, signer, url, endpoint)[0]


class _FromKeyPair(_Source):
    """Versions 2.1, 2.1.1 and 2.1.2: an injected key pair fetches the token, and signs with it."""

    def __init__(self, version: str, variables: _Variables) -> None:
        super().__init__(variables)
        tenancy = () if version == "2.1" else ("TENANCY_ID",)
        rpt_endpoint, self._rpst_endpoint, resource, _, *owner = variables.require(
            "RPT_ENDPOINT", "RPST_ENDPOINT", "RESOURCE_ID", "PRIVATE_PEM", *tenancy
        )
        self._key_id = "/".join(["resource", f"v{version}", *owner, resource])
        path, context = None, None
        if version == "2.1.2":
            path, context = variables.get("RPT_PATH"), variables.get("SECURITY_CONTEXT")
        self._url = _joined(rpt_endpoint, path or _RPT_PATHS[version], resource)
        self._headers: dict[str, str] = {}
        if context is not None:  # whether it must be signed is unverified; the SDK does not sign it
            self._headers["security-context"] = hidden(check_header(context, variables.name("SECURITY_CONTEXT")))
        variables.private_key()

    def fetch(self, calls: Calls) -> Credential:
        key = self._variables.private_key()  # again: it may have been rotated
        signer = Credential(key_id=self._key_id, private_key=key)
        return _request_token(calls, signer, self._url, self._rpst_endpoint, key, self._headers)[0]


def _request_token(
    calls: Calls,
    signer: Credential,
    rpt_url: str,
    rpst_endpoint: str,
    session_key: RSAPrivateKey | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[Credential, str]:
    """First a resource principal token, and for it the session token. Also the URL of the parent's token, if any."""
    source = "the resource principal token endpoint"

    def parse(answer: Answer, _: float) -> tuple[dict[str, str], str]:
        fields = json_object(answer, source)
        names = ("resourcePrincipalToken", "servicePrincipalSessionToken")
        tokens = {name: text_field(fields, name, source) for name in names}
        return tokens, answer.headers.get("opc-parent-rpt-url", "").strip()

    tokens, parent = calls.send(Call("GET", rpt_url, signer, headers=headers or {}), parse)
    key = session_key or generate_private_key()
    payload = {**tokens, "sessionPublicKey": public_key_text(key)}
    call = Call("POST", f"{rpst_endpoint.rstrip('/')}/v1/resourcePrincipalSessionToken", signer, payload)
    return calls.token(call, key, "the identity service"), parent


def _joined(endpoint: str, template: str, resource: str) -> str:
    """The URL at the endpoint for a resource, whose id is put into the path's template or behind it.

    A path begins with a slash: without one, `.example.com` would become part of the host's name.
    """
    if "{id}" in template:
        path = template.replace("{id}", resource)
    elif template.endswith("{}"):
        path = template.replace("{}", resource)
    else:
        path = f"{template.rstrip('/')}/{resource}"
    return f"{endpoint.rstrip('/')}/{path.lstrip('/')}"
