"""`fetch` of every provider raises what its docstring promises, whatever goes wrong with its auth service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oci_httpx_auth import (
    ConfigError,
    CredentialProvider,
    CredentialsUnavailableError,
    DelegationToken,
    InstancePrincipal,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SDKSigner,
    SecurityToken,
    TokenExchange,
)
from oci_httpx_auth._auth_service.service import AuthService

from ...conftest import Key
from ...standin import FakeOCI, Fault

CLOSED = "http://127.0.0.1:9"  # the discard port, where nobody listens
PLAIN = "http://auth.example.com"


class Places:
    """Where the providers find their services: at the stand-in, unless a test says otherwise."""

    def __init__(self, oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.oci, self.directory, self.monkeypatch = oci, tmp_path, monkeypatch
        self.endpoint, self.port = oci.url, oci.tls_port
        self.service = AuthService(patient=False)

    def session(self) -> CredentialProvider:
        config = self.oci.write_config(self.directory, session=True, lifetime=600)
        provider = SecurityToken.from_config(config_file=config, auth_endpoint=self.endpoint, _service=self.service)
        provider.fetch()  # the token of the file, so that the next fetch renews it
        return provider

    def instance(self) -> InstancePrincipal:
        federation = f"{self.endpoint}/v1/x509"
        return InstancePrincipal(
            metadata_url=self.oci.metadata_url, federation_endpoint=federation, _service=self.service
        )

    def delegation(self) -> CredentialProvider:
        return DelegationToken(token=self.oci.delegation_token(), base=self.instance())

    def resource(self) -> CredentialProvider:
        self.monkeypatch.setenv("OCI_CLI_FEDERATION_ENDPOINT", f"{self.oci.url}/v1/x509")
        for name, value in {"VERSION": "1.1", "RPT_ENDPOINT": self.oci.url, "RPST_ENDPOINT": self.endpoint}.items():
            self.monkeypatch.setenv(f"OCI_RESOURCE_PRINCIPAL_{name}", value)
        return ResourcePrincipal(metadata_url=self.oci.metadata_url, _service=self.service)

    def workload(self) -> CredentialProvider:
        for name, value in self.oci.environment("oke_workload_identity", directory=self.directory).items():
            self.monkeypatch.setenv(name, value)
        return OKEWorkloadIdentity(port=self.port, _service=self.service)

    def exchange(self) -> CredentialProvider:
        client_id, client_secret = self.oci.domain_client
        return TokenExchange(
            domain=self.endpoint,
            client_id=client_id,
            client_secret=client_secret,
            subject_token=self.oci.subject_token(),
            _service=self.service,
        )


SERVICES: dict[str, Callable[[Places], CredentialProvider]] = {
    "session_refresh": Places.session,
    "federation": Places.instance,
    "rpst": Places.resource,
    "workload_identity": Places.workload,
    "token_exchange": Places.exchange,
}
PROVIDERS = [*SERVICES.values(), Places.delegation]


@pytest.fixture
def places(oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    return Places(oci, tmp_path, monkeypatch)


@pytest.mark.parametrize("make", PROVIDERS)
def test_a_service_that_cannot_be_reached(places: Places, make: Callable[[Places], CredentialProvider]) -> None:
    """A closed port is `CredentialsUnavailableError`."""
    places.endpoint, places.port = CLOSED, 9
    with pytest.raises(CredentialsUnavailableError, match=r"127\.0\.0\.1:9"):
        make(places).fetch()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("token", ["missing", "garbage", "wrong_key", "expired"])
def test_a_service_that_issues_a_bad_token(places: Places, service: str, token: str) -> None:
    """A token that cannot be used is the service's fault, hence `CredentialsUnavailableError`, and is not quoted."""
    provider = SERVICES[service](places)
    places.oci.fail(service, Fault(token=token), Fault(token=token))
    with pytest.raises(CredentialsUnavailableError) as caught:
        provider.fetch()
    assert not isinstance(caught.value, ConfigError)
    assert "this-is-no-token" not in str(caught.value)


@pytest.mark.parametrize("make", [Places.session, Places.instance, Places.delegation, Places.resource])
def test_an_endpoint_that_is_not_https(places: Places, make: Callable[[Places], CredentialProvider]) -> None:
    """An endpoint that would carry tokens in the clear is a mistake of the configuration."""
    places.endpoint = PLAIN
    with pytest.raises(ConfigError, match="not an https address"):
        make(places).fetch()


@pytest.mark.parametrize("make", [Places.session, Places.instance, Places.delegation, Places.resource, Places.exchange])
def test_proxy_settings_that_cannot_be_used(places: Places, make: Callable[[Places], CredentialProvider]) -> None:
    """A malformed proxy is a mistake of the configuration."""
    provider = make(places)
    places.monkeypatch.setenv("HTTPS_PROXY", "nonsense://127.0.0.1:9")
    with pytest.raises(ConfigError, match="proxy settings"):
        provider.fetch()


class SignerOfTheSDK:
    """Signs as the signers of the `oci` package do, with what a test says."""

    def __init__(self, key: Key, authorization: str) -> None:
        self.private_key, self._authorization = key.private, authorization

    def __call__(self, request: Any) -> Any:
        request.headers["authorization"] = self._authorization
        return request


@pytest.mark.parametrize(
    "authorization",
    [
        'Signature version="1",keyId="a",headers="date opc-missing"',
        'Signature version="1",keyId="a\u00e9",headers="date"',
        'Signature version="1",keyId="ST${token}",headers="date"',
    ],
    ids=["a header that is not there", "a key id that HTTP cannot carry", "a token of another key"],
)
def test_a_signer_of_the_sdk_that_does_not_fit(oci: FakeOCI, key: Key, other_key: Key, authorization: str) -> None:
    """A signature that cannot be taken over is `CredentialsUnavailableError` too."""
    token = oci.issue_token(other_key.private.public_key())
    provider = SDKSigner(SignerOfTheSDK(key, authorization.replace("{token}", token)))
    with pytest.raises(CredentialsUnavailableError) as caught:
        provider.fetch()
    assert token not in str(caught.value)
