"""Resource principals: functions, container instances, notebooks and other resources sign as themselves.

`OCI_RESOURCE_PRINCIPAL_VERSION`, which the platform sets, says how:

- 2.2: token and key are injected, as texts or as files that the platform rotates;
- 1.1: the instance's identity is exchanged for the resource's, in two steps;
- 2.1, 2.1.1, 2.1.2: the same two steps with an injected key pair;
- 3.0: a resource within a resource; the leaf's token, of any of the above, is exchanged for its parent's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

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
_LEAF = "_FOR_LEAF_RESOURCE"
_PARENT = "_FOR_PARENT_RESOURCE"
_KEY_PAIR_VERSIONS = ("2.1", "2.1.1", "2.1.2")
_DEPTH = 10  # resources within resources; as in the Go SDK

_RPT_PATHS = {
    "1.1": "/20180711/resourcePrincipalToken/{id}",
    "2.1": "/20180711/resourcePrincipalTokenV2/{id}",
    "2.1.1": "/20180711/resourcePrincipalTokenV2/{id}",
    "2.1.2": "/20180711/resourcePrincipalTokenV212/{id}",
}


class _Source(Protocol):
    """One version's way to a credential. direct_to: hosts to reach without a proxy. instance: whose identity it needs."""

    direct_to: Sequence[str]
    watch: FileWatch
    instance: InstancePrincipal | None

    @property
    def region(self) -> str | None: ...

    def fetch(self, calls: Calls) -> Credential: ...


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
        self._service = _service or AuthService()
        make_instance = partial(InstancePrincipal, metadata_url=metadata_url, _service=self._service)
        version = env_value((f"{_PREFIX}VERSION",))
        if version is None:
            raise ConfigError(
                f"{_PREFIX}VERSION is not set. It is where resource principals work: in functions, container instances, data "
                "science notebooks and the like."
            )
        super().__init__(
            f"resource principal {version}",
            {"auth_endpoint": auth_endpoint, "metadata_url": metadata_url},
        )
        self.tenancy: str | None = None
        self._claims: Mapping[str, Any] = {}
        if version == "3.0":
            variable = f"{_PREFIX}VERSION{_LEAF}"
            leaf = _by_version(_required(variable)[variable], _LEAF, variable, make_instance, auth_endpoint)
            self._source: _Source = _Nested(leaf, auth_endpoint)
        else:
            self._source = _by_version(version, "", f"{_PREFIX}VERSION", make_instance, auth_endpoint)
        self._watch = self._source.watch
        if isinstance(self._source, _Injected):
            self._remember(read_pair(self._source.read))

    @property
    def region(self) -> str | None:
        """The region that the environment names; `None` if it names none and no request was made yet."""
        return self._source.region

    def discover_region(self) -> str | None:
        """The region, which version 1.1 asks the metadata service for if the environment names none.

        Waits for a second at most. Raises `CredentialsUnavailableError`.
        """
        instance = self._source.instance
        return self.region or (instance.discover_region() if instance is not None else None)

    @hides_locals
    def fetch(self) -> Credential:
        """Read or exchange for a token. Raises `ConfigError` and `CredentialsUnavailableError`, and their children."""
        with self._service.calls(direct_to=self._source.direct_to) as calls:
            try:
                credential = self._source.fetch(calls)
            except ServiceRefusedError as error:
                if error.status != 401:
                    raise
                # Each call is signed with the token of the one before, which may have expired meanwhile.
                credential = self._source.fetch(calls)
        self._remember(credential)
        return credential

    def claim(self, name: str) -> Any:
        """A claim of the current token; `None` without that claim or without a token."""
        return self._claims.get(name)

    def _remember(self, credential: Credential) -> None:
        claims = parse_security_token(token_of(credential), self.source)
        self._claims = claims.other
        self.tenancy, self.compartment = claims.text("res_tenant"), claims.text("res_compartment")


def _by_version(
    version: str,
    suffix: str,
    named_by: str,
    make_instance: Callable[[], InstancePrincipal],
    auth_endpoint: str | None,
) -> _Source:
    if version == "2.2":
        return _Injected(suffix)
    if version == "1.1":
        return _FromInstance(suffix, make_instance(), auth_endpoint)
    if version in _KEY_PAIR_VERSIONS:
        return _FromKeyPair(version, suffix, auth_endpoint)
    raise ConfigError(
        f"{named_by} is {quote_value(version)}, which is unknown. Known are 1.1, {', '.join(_KEY_PAIR_VERSIONS)}, 2.2 and 3.0."
    )


class _Injected:
    """Version 2.2: the platform hands over token and key, as texts or as files."""

    direct_to: Sequence[str] = ()
    instance: InstancePrincipal | None = None

    def __init__(self, suffix: str) -> None:
        self._names = {name: f"{_PREFIX}{name}{suffix}" for name in ("RPST", "PRIVATE_PEM", "PRIVATE_PEM_PASSPHRASE")}
        values = _required(self._names["RPST"], self._names["PRIVATE_PEM"])
        self._token, self._pem = map(hidden, values.values())
        self._passphrase = hidden(env_value((self._names["PRIVATE_PEM_PASSPHRASE"],)))
        self.region = _region(suffix)
        self.watch = FileWatch()

    def fetch(self, calls: Calls) -> Credential:  # noqa: ARG002 - it asks nobody
        return read_pair(self.read)

    def read(self) -> Credential:
        """Token and key of the same rotation."""
        self.watch.note(*(value for value in (self._token, self._pem) if os.path.isabs(value)))
        key = _private_key(self._pem, self._passphrase, self._names)
        return token_credential(_value(self._token, self._names["RPST"]), key, self._names["RPST"])


class _FromInstance:
    """Version 1.1: the instance's identity fetches the resource's."""

    def __init__(self, suffix: str, instance: InstancePrincipal, auth_endpoint: str | None) -> None:
        name = f"{_PREFIX}RPT_ENDPOINT{suffix}"
        self._rpt_endpoint = _required(name)[name]
        self._rpst_endpoint = env_value((f"{_PREFIX}RPST_ENDPOINT{suffix}",)) or auth_endpoint
        self._path = env_value((f"{_PREFIX}RPT_PATH{suffix}",)) or _RPT_PATHS["1.1"]
        self._id = env_value((f"{_PREFIX}RPT_ID{suffix}",))
        self.instance: InstancePrincipal | None = instance
        self._instance = instance
        self.direct_to: Sequence[str] = instance._metadata.hosts
        self._declared_region = _region(suffix)
        self.watch = FileWatch()

    @property
    def region(self) -> str | None:
        return self._declared_region or self._instance.region

    def fetch(self, calls: Calls) -> Credential:
        signer = self._instance._fetch(calls)
        resource = self._id or self._instance._metadata.read(calls, "/instance/id")
        endpoint = self._rpst_endpoint or self._instance._regional_auth_endpoint(calls)
        return _request_token(calls, signer, _joined(self._rpt_endpoint, self._path, resource), endpoint)[0]


class _FromKeyPair:
    """Versions 2.1, 2.1.1 and 2.1.2: an injected key pair fetches the token, and signs with it."""

    direct_to: Sequence[str] = ()
    instance: InstancePrincipal | None = None

    def __init__(self, version: str, suffix: str, auth_endpoint: str | None) -> None:
        tenancy = () if version == "2.1" else ("TENANCY_ID",)
        endpoint = () if auth_endpoint else ("RPST_ENDPOINT",)
        names = [
            f"{_PREFIX}{name}{suffix}" for name in ("RPT_ENDPOINT", *endpoint, "RESOURCE_ID", "PRIVATE_PEM", *tenancy)
        ]
        values = {name.removeprefix(_PREFIX).removesuffix(suffix): value for name, value in _required(*names).items()}
        resource = values["RESOURCE_ID"]
        owner = f"{values['TENANCY_ID']}/" if tenancy else ""
        self._key_id = f"resource/v{version}/{owner}{resource}"
        path = env_value((f"{_PREFIX}RPT_PATH{suffix}",)) if version == "2.1.2" else None
        self._url = _joined(values["RPT_ENDPOINT"], path or _RPT_PATHS[version], resource)
        self._rpst_endpoint = env_value((f"{_PREFIX}RPST_ENDPOINT{suffix}",)) or str(auth_endpoint)
        context = env_value((f"{_PREFIX}SECURITY_CONTEXT{suffix}",)) if version == "2.1.2" else None
        # Whether it must be signed is unverified; the SDK does not sign it.
        what = f"{_PREFIX}SECURITY_CONTEXT{suffix}"
        self._headers = {"security-context": hidden(check_header(context, what))} if context else {}
        self._names = {name: f"{_PREFIX}{name}{suffix}" for name in ("PRIVATE_PEM", "PRIVATE_PEM_PASSPHRASE")}
        self._pem = hidden(values["PRIVATE_PEM"])
        self._passphrase = hidden(env_value((self._names["PRIVATE_PEM_PASSPHRASE"],)))
        self.region = _region(suffix)
        self.watch = FileWatch()
        _private_key(self._pem, self._passphrase, self._names)

    def fetch(self, calls: Calls) -> Credential:
        key = _private_key(self._pem, self._passphrase, self._names)  # again: it may have been rotated
        signer = Credential(key_id=self._key_id, private_key=key)
        return _request_token(calls, signer, self._url, self._rpst_endpoint, key, self._headers)[0]


class _Nested:
    """Version 3.0: from the leaf upwards, each resource's token fetches its parent's."""

    def __init__(self, leaf: _Source, auth_endpoint: str | None) -> None:
        url_name, endpoint_name = f"{_PREFIX}RPT_URL{_PARENT}", f"{_PREFIX}RPST_ENDPOINT{_PARENT}"
        values = _required(url_name) if auth_endpoint else _required(url_name, endpoint_name)
        self._url = values[url_name]
        self._rpst_endpoint = env_value((endpoint_name,)) or str(auth_endpoint)
        self._leaf = leaf
        self.watch, self.instance = leaf.watch, leaf.instance
        self.direct_to: Sequence[str] = leaf.direct_to

    @property
    def region(self) -> str | None:
        return self._leaf.region

    def fetch(self, calls: Calls) -> Credential:
        credential, url, seen = self._leaf.fetch(calls), self._url, set[str]()
        while url:
            if url in seen or len(seen) == _DEPTH:
                raise CredentialsUnavailableError(
                    f"The parents of this resource do not come to an end: {url.partition('?')[0]} is named again, or is the "
                    f"{_DEPTH + 1}th. The platform's set-up of nested resources is at fault."
                )
            seen.add(url)
            credential, url = _request_token(calls, credential, url, self._rpst_endpoint)
        return credential


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


def _required(*names: str) -> dict[str, str]:
    values = {name: env_value((name,)) or "" for name in names}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise ConfigError(
            f"{join_names(missing)} {'is' if len(missing) == 1 else 'are'} not set. The platform sets such variables where resource "
            "principals work; elsewhere use another way to authenticate."
        )
    return values


def _region(suffix: str) -> str | None:
    name = f"{_PREFIX}REGION{suffix}"
    return check_region(env_value((name,)), name)


def _value(value: str, name: str) -> str:
    """A variable's value, or the text of the file that it names."""
    if not os.path.isabs(value):
        return value
    try:
        return read_small_file(value, f"The file that {name} names").decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"The file that {name} names is not text: {value}.") from None


def _private_key(pem: str, passphrase: str | None, names: dict[str, str]) -> RSAPrivateKey:
    secret = _value(passphrase, names["PRIVATE_PEM_PASSPHRASE"]) if passphrase else None
    return load_private_key(_value(pem, names["PRIVATE_PEM"]), secret, names["PRIVATE_PEM"])


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
