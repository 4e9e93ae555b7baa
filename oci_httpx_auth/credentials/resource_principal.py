"""Resource principals: functions, container instances, notebooks and other resources sign as themselves.

`OCI_RESOURCE_PRINCIPAL_VERSION`, which the platform sets, determines how:

- 2.2: token and key are injected, as text or as files that the platform rotates;
- 1.1: the instance's identity is exchanged for the resource's, in two steps;
- 2.1, 2.1.1, 2.1.2: the same two steps with an injected key pair;
- 3.0: a resource within a resource; the leaf's token, of any of the above, is exchanged for its parent's.
"""

from __future__ import annotations

import os

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._auth_service.service import AuthService, Call, Calls
from .._auth_service.tokens import json_object, parse_security_token, text_field, token_credential, token_of
from .._credential import Credential
from .._errors import ConfigError, CredentialsUnavailableError, ServiceRefusedError
from .._secrecy import hidden, hides_locals, quote_value
from ._config import check_header, check_region, env_value, join_names
from ._files import read_pair
from ._keys import generate_private_key, load_private_key, public_key_text
from ._provider import Provider
from .instance_principal import InstancePrincipal

_PREFIX = "OCI_RESOURCE_PRINCIPAL_"
_DEPTH = 10  # resources within resources; as in the Go SDK

_KEY_PAIR = ("RPT_ENDPOINT", "RPST_ENDPOINT", "RESOURCE_ID", "PRIVATE_PEM")
# Each version's variables, in the order in which errors name them, and the path of the resource principal token.
_VERSIONS = {
    "1.1": (("RPT_ENDPOINT",), "/20180711/resourcePrincipalToken/{id}"),
    "2.1": (_KEY_PAIR, "/20180711/resourcePrincipalTokenV2/{id}"),
    "2.1.1": ((*_KEY_PAIR, "TENANCY_ID"), "/20180711/resourcePrincipalTokenV2/{id}"),
    "2.1.2": ((*_KEY_PAIR, "TENANCY_ID"), "/20180711/resourcePrincipalTokenV212/{id}"),
    "2.2": (("RPST", "PRIVATE_PEM"), ""),
}


class ResourcePrincipal(Provider):
    """Signs as the resource that this program runs in, which the environment describes.

    auth_endpoint: the identity service's base URL, if the environment does not name one.
    metadata_url: base URL of the metadata service, which version 1.1 needs.

    `tenancy` and `compartment` come from the token: known at once for version 2.2, after the first request for the
    others, and updated by each refresh, since a resource may be moved.

    Raises `ConfigError` and its subclasses for variables and files that are missing or malformed, naming all missing
    variables at once. `fetch` raises `CredentialsUnavailableError` when a token cannot be exchanged.
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
                f"{_PREFIX}VERSION is not set. The platform sets it where resource principals work: in functions, container "
                "instances, data science notebooks and the like."
            )
        super().__init__(f"resource principal {version}", service=_service)
        self.tenancy: str | None = None
        self._variables = _Variables("_FOR_LEAF_RESOURCE", auth_endpoint) if version == "3.0" else variables
        [self._version] = self._variables.require("VERSION")
        if self._version not in _VERSIONS:
            raise ConfigError(
                f"{self._variables.name('VERSION')} is {quote_value(self._version)}, which is unknown. "
                f"Known versions are {join_names([*_VERSIONS, '3.0'])}."
            )
        self._needed, self._token_path = _VERSIONS[self._version]
        self._variables.require(*self._needed)
        self._declared_region = check_region(self._variables.get("REGION"), self._variables.name("REGION"))
        self._headers: dict[str, str] = {}
        context = self._variables.get("SECURITY_CONTEXT")
        if context is not None and self._version == "2.1.2":
            # Unverified: whether it must be signed. The SDK does not sign it.
            self._headers["security-context"] = hidden(check_header(context, self._variables.name("SECURITY_CONTEXT")))
        self._instance: InstancePrincipal | None = None
        self._parent: list[str] = []
        if self._version == "1.1":
            self._instance = InstancePrincipal(metadata_url=metadata_url, _service=self._service)
        elif self._version != "2.2":
            self._private_key()
        if version == "3.0":
            self._parent = _Variables("_FOR_PARENT_RESOURCE", auth_endpoint).require("RPT_URL", "RPST_ENDPOINT")
        elif version == "2.2":
            self._remember(read_pair(self._injected))

    @property
    def region(self) -> str | None:
        """The region from the environment, or after the first request from the instance; `None` if not known."""
        return self._declared_region or (self._instance.region if self._instance is not None else None)

    def discover_region(self) -> str | None:
        """The region. Version 1.1 asks the metadata service if the environment does not name it.

        Waits for a second at most. Raises `CredentialsUnavailableError`.
        """
        return self.region or (self._instance.discover_region() if self._instance is not None else None)

    @hides_locals
    def fetch(self) -> Credential:
        """Read the token, or exchange for it. Raises `ConfigError` and `CredentialsUnavailableError`, and their subclasses."""
        self._note_again()
        fetching = self._service.calls() if self._instance is None else self._instance._calls()
        with fetching as calls:
            try:
                credential = self._fetch(calls)
            except ServiceRefusedError as error:
                if error.status != 401:
                    raise
                # Each call is signed with the previous call's token, which may have expired meanwhile.
                credential = self._fetch(calls)
        self._remember(credential)
        return credential

    def _fetch(self, calls: Calls) -> Credential:
        credential = read_pair(self._injected) if self._version == "2.2" else self._exchange(calls)
        url, endpoint = self._parent or ("", "")
        seen = set[str]()
        while url:  # each resource's token fetches its parent's
            if url in seen or len(seen) == _DEPTH:
                raise CredentialsUnavailableError(
                    f"The chain of parents is circular or too deep: {url.partition('?')[0]} is named again, or is the "
                    f"{_DEPTH + 1}th. The platform has set up the nested resources incorrectly."
                )
            seen.add(url)
            credential, url = _request_token(calls, credential, url, endpoint, None, {})
        return credential

    def _injected(self) -> Credential:
        """Version 2.2: the platform injects token and key, as text or as files."""
        key = self._private_key()
        return token_credential(self._content("RPST"), key, self._variables.name("RPST"))

    def _content(self, name: str) -> str:
        """A variable's value, or the text of the file that it names."""
        value = self._variables.get(name) or ""
        if not os.path.isabs(value):
            return value
        what = f"The file that {self._variables.name(name)} names"
        try:
            return self._read_file(value, what).decode().strip()
        except UnicodeDecodeError:
            raise ConfigError(f"{what} is not text: {value}.") from None

    def _private_key(self) -> RSAPrivateKey:
        passphrase = self._content("PRIVATE_PEM_PASSPHRASE")
        return load_private_key(self._content("PRIVATE_PEM"), passphrase, self._variables.name("PRIVATE_PEM"))

    def _exchange(self, calls: Calls) -> Credential:
        """The other versions: the instance's identity, or an injected key pair, fetches the resource's token."""
        get, key = self._variables.get, None
        if self._instance is not None:
            signer = self._instance._fetch(calls)
            resource = get("RPT_ID") or self._instance.read_metadata(calls, "/instance/id", str)
            rpst_endpoint = get("RPST_ENDPOINT") or self._instance._regional_auth_endpoint(calls)
        else:
            _, rpst_endpoint, resource, _, *tenancy = self._variables.require(*self._needed)
            key = self._private_key()  # again: it may have been rotated
            signer = Credential("/".join(["resource", f"v{self._version}", *tenancy, resource]), key)
        path = get("RPT_PATH") if self._version in ("1.1", "2.1.2") else None
        [rpt_endpoint] = self._variables.require("RPT_ENDPOINT")
        url = _join_url(rpt_endpoint, path or self._token_path, resource)
        return _request_token(calls, signer, url, rpst_endpoint, key, self._headers)[0]

    def _remember(self, credential: Credential) -> None:
        claims = parse_security_token(token_of(credential), self.source)
        self.tenancy = claims.text("res_tenant")
        self.compartment: str | None = claims.text("res_compartment")


class _Variables:
    """A snapshot of the platform's variables. For the resources of version 3.0, their names have a suffix.

    auth_endpoint: the value of `RPST_ENDPOINT` if the environment has none.
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
        """The values of these variables. Raises a `ConfigError` that names all missing ones at once."""
        values = {self.name(name): self.get(name) for name in names}
        if missing := [name for name, value in values.items() if value is None]:
            raise ConfigError(
                f"{join_names(missing)} {'is' if len(missing) == 1 else 'are'} not set. The platform sets such variables where "
                "resource principals work; elsewhere, authenticate in another way."
            )
        return [str(value) for value in values.values()]


def _request_token(
    calls: Calls,
    signer: Credential,
    rpt_url: str,
    rpst_endpoint: str,
    session_key: RSAPrivateKey | None,
    headers: dict[str, str],
) -> tuple[Credential, str]:
    """Fetch a resource principal token and exchange it for the session token. Also returns the parent's token URL, if any."""
    source = "the resource principal token endpoint"

    def parse(response: httpx.Response, _: float) -> tuple[dict[str, str], str]:
        fields = json_object(response, source)
        names = ("resourcePrincipalToken", "servicePrincipalSessionToken")
        tokens = {name: text_field(fields, name, source) for name in names}
        return tokens, response.headers.get("opc-parent-rpt-url", "").strip()

    tokens, parent = calls.send(Call("GET", rpt_url, signer, headers=headers), parse)
    key = session_key or generate_private_key()
    payload = {**tokens, "sessionPublicKey": public_key_text(key)}
    call = Call("POST", f"{rpst_endpoint.rstrip('/')}/v1/resourcePrincipalSessionToken", signer, payload)
    return calls.token(call, key, "the identity service"), parent


def _join_url(endpoint: str, template: str, resource: str) -> str:
    """The URL of a resource at the endpoint. The resource's id is inserted into the path's template or appended to it.

    The path always gets a leading slash: without one, `.example.com` would become part of the host name.
    """
    if "{id}" in template:
        path = template.replace("{id}", resource)
    elif template.endswith("{}"):
        path = template.replace("{}", resource)
    else:
        path = f"{template.rstrip('/')}/{resource}"
    return f"{endpoint.rstrip('/')}/{path.lstrip('/')}"
