"""Signers of the real `oci` SDK, and one with a hardware key, behind an httpx client."""

from __future__ import annotations

import asyncio
import pickle
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from oci_httpx_auth import (
    ConfigError,
    Credential,
    CredentialsUnavailableError,
    DelegationToken,
    InstancePrincipal,
    OCISigner,
    SDKSigner,
)

from ..standin import FakeOCI

sdk = pytest.importorskip("oci")

from oci.auth import signers  # noqa: E402

# The SDK leaves the connections of its sessions to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def call(oci: FakeOCI, signer: Any) -> Any:
    """One accepted call through the bridge; returns its record."""
    with httpx.Client(auth=OCISigner(SDKSigner(signer))) as client:
        response = client.post(f"{oci.url}/x|y", json={})
    assert response.status_code == 200, oci.records[-1].reason
    return oci.records[-1]


@pytest.fixture
def instance(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> FakeOCI:
    """The stand-in, as the SDK's instance principals find it."""
    monkeypatch.setenv("OCI_METADATA_BASE_URL", oci.metadata_url)
    return oci


def test_an_api_key_of_the_sdk_signs(oci: FakeOCI, tmp_path: Path) -> None:
    """Even a target that the SDK would encode differently from httpx."""
    signer = sdk.signer.Signer.from_config(sdk.config.from_file(str(oci.write_config(tmp_path))))
    assert call(oci, signer).mode == "api_key"
    assert SDKSigner(signer).fetch().expires_at is None


def test_a_session_token_of_the_sdk_signs(oci: FakeOCI) -> None:
    """Its expiry is known from the token."""
    session = oci.add_session()
    signer = signers.SecurityTokenSigner(session.token, session.private_key)
    assert call(oci, signer).mode == "security_token"
    assert SDKSigner(signer).fetch().expires_at == session.expires_at


def test_an_instance_principal_of_the_sdk_is_refreshed(instance: FakeOCI) -> None:
    """A token that was already used is replaced by the next fetch."""
    signer = signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=instance.federation_endpoint)
    bridge = SDKSigner(signer)
    assert bridge.fetch().key_id != bridge.fetch().key_id
    with httpx.Client(auth=OCISigner(bridge)) as client:
        assert client.get(f"{instance.url}/x").status_code == 200
        instance.revoke_tokens()
        assert client.get(f"{instance.url}/x").status_code == 200


def test_a_delegation_token_is_sent_and_signed(instance: FakeOCI) -> None:
    """The header that this signer adds is covered by the signature; the principal is the same as with our own provider."""
    token = instance.delegation_token()
    signer = signers.InstancePrincipalsDelegationTokenSigner(
        delegation_token=token, federation_endpoint=instance.federation_endpoint
    )
    record = call(instance, signer)
    assert record.header("opc-obo-token") == token
    assert record.signed_headers[:4] == ("date", "(request-target)", "host", "opc-obo-token")
    credential = SDKSigner(signer).fetch()
    assert token not in repr(credential)
    ours = DelegationToken(token=token, base=InstancePrincipal(federation_endpoint=instance.federation_endpoint))
    with httpx.Client(auth=OCISigner(ours)) as client:
        assert client.get(f"{instance.url}/x").status_code == 200
    mine = instance.records[-1]
    assert (mine.mode, mine.principal) == (record.mode, record.principal) == ("instance_obo_user", record.principal)


def test_a_resource_principal_of_the_sdk_signs(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its region is known as well."""
    for name, value in oci.environment("resource_principal", version="2.2").items():
        monkeypatch.setenv(name, value)
    signer = signers.get_resource_principals_signer()
    assert call(oci, signer).mode == "resource_principal"
    assert OCISigner(SDKSigner(signer)).region == oci.region


class Device:
    """A hardware key as the SDK's PKCS#11 signer sees it: it signs, and can't be read."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self.threads: set[str] = set()
        self.broken = False

    def sign(self, data: bytes) -> bytes:
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise RuntimeError("PIN 1234 was refused")
        return bytes(self._key.sign(data, PKCS1v15(), SHA256()))


class HardwareSigner:
    """The parts of the SDK's PKCS11RequestSigner that the bridge uses; the real one needs a device and its driver."""

    def __init__(self, oci: FakeOCI) -> None:
        key = oci.add_api_key()
        self.keyid, self.pkcs11_signer = key.key_id, Device(key.private_key)

    def __call__(self, request: object) -> object:
        raise AssertionError("the device signs, not this")


def test_a_hardware_key_signs_on_a_thread_of_its_own(oci: FakeOCI) -> None:
    """A device is slow and may wait for a touch; the event loop's thread doesn't wait for it."""
    hardware = HardwareSigner(oci)
    signer = OCISigner(SDKSigner(hardware))

    async def main() -> int:
        async with httpx.AsyncClient(auth=signer) as client:
            return (await client.get(f"{oci.url}/x")).status_code

    assert asyncio.run(main()) == 200
    assert hardware.pkcs11_signer.threads == {"oci-signature"}
    assert signer.signed_headers("GET", f"{oci.url}/x")["authorization"].startswith("Signature ")


def test_a_token_beside_a_hardware_key_is_taken_as_it_is(oci: FakeOCI) -> None:
    """Whether it belongs to the device's key is not asked: the device does not show its public half."""
    hardware = HardwareSigner(oci)
    hardware.keyid = oci.add_session().key_id
    assert SDKSigner(hardware).fetch().key_id == hardware.keyid


def test_names_of_signed_headers_may_have_capitals(key: Any) -> None:
    """HTTP's names are case-insensitive."""

    class Signer(signers.SecurityTokenSigner):  # type: ignore[misc]
        def __call__(self, request: Any) -> Any:
            request.headers["Opc-Obo-Token"] = "delegated"
            request.headers["authorization"] = 'Signature keyId="a",headers="Date Opc-Obo-Token"'
            return request

    assert SDKSigner(Signer("opaque", key.private)).fetch().headers == {"opc-obo-token": "delegated"}


def test_a_device_that_fails_is_named_and_not_quoted(oci: FakeOCI) -> None:
    """Its message may contain a PIN."""
    hardware = HardwareSigner(oci)
    hardware.pkcs11_signer.broken = True
    with (
        httpx.Client(auth=OCISigner(SDKSigner(hardware))) as client,
        pytest.raises(CredentialsUnavailableError, match="device did not sign: RuntimeError") as caught,
    ):
        client.get(f"{oci.url}/x")
    assert "1234" not in str(caught.value)


def test_the_sdk_works_on_the_refresh_thread_alone(oci: FakeOCI) -> None:
    """However long it takes, it doesn't run on the event loop."""
    threads: set[str] = set()
    session = oci.add_session()

    class Slow(signers.SecurityTokenSigner):  # type: ignore[misc]
        def __call__(self, request: Any, enforce_content_headers: bool = True) -> Any:
            threads.add(threading.current_thread().name)
            return super().__call__(request, enforce_content_headers)

    signer = OCISigner(SDKSigner(Slow(session.token, session.private_key)))

    async def main() -> list[int]:
        async with httpx.AsyncClient(auth=signer) as client:
            responses = await asyncio.gather(*(client.get(f"{oci.url}/x") for _ in range(10)))
            return [response.status_code for response in responses]

    assert asyncio.run(main()) == [200] * 10
    assert threads == {"oci-credential-refresh"}


def test_an_opaque_token_is_used_until_it_is_rejected(key: Any) -> None:
    """Some of the SDK's tokens cannot be parsed."""
    signer = signers.SecurityTokenSigner("opaque", key.private)
    assert SDKSigner(signer).fetch() == Credential("ST$opaque", key.private)


def test_errors_of_the_sdk_are_named_and_chained(key: Any) -> None:
    """Its message may quote tokens, so it stays in the chain."""

    class Broken(signers.SecurityTokenSigner):  # type: ignore[misc]
        def __call__(self, request: Any, enforce_content_headers: bool = True) -> Any:
            raise RuntimeError("token=secret")

    with pytest.raises(CredentialsUnavailableError, match="the SDK's Broken raised RuntimeError") as caught:
        SDKSigner(Broken("opaque", key.private)).fetch()
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_errors_of_the_sdks_refresh_are_named_too(key: Any) -> None:
    """Its token was used before, so a new one is requested, in vain."""

    class Broken(signers.SecurityTokenSigner):  # type: ignore[misc]
        def refresh_security_token(self) -> None:
            raise RuntimeError("token=secret")

    bridge = SDKSigner(Broken("opaque", key.private))
    bridge.fetch()
    with pytest.raises(CredentialsUnavailableError, match="the SDK's Broken raised RuntimeError") as caught:
        bridge.fetch()
    assert "secret" not in str(caught.value)


def test_a_signer_that_signs_nothing_is_named(key: Any) -> None:
    """It leaves nothing on the request that OCI would accept as a signature."""

    class Idle(signers.SecurityTokenSigner):  # type: ignore[misc]
        def __call__(self, request: Any, enforce_content_headers: bool = True) -> Any:
            return request

    with pytest.raises(CredentialsUnavailableError, match="the SDK's Idle put no version 1 signature"):
        SDKSigner(Idle("opaque", key.private)).fetch()


@pytest.mark.parametrize("wrong", [None, "DEFAULT", object(), sdk.signer.Signer])
def test_something_that_is_not_a_signer_is_refused(wrong: Any) -> None:
    """An object of another kind, or a class instead of an instance."""
    with pytest.raises(ConfigError, match="needs a signer object of the oci package"):
        SDKSigner(wrong)


def test_an_sdk_signer_is_not_pickled(key: Any) -> None:
    """The SDK's signers hold keys; a worker makes its own."""
    with pytest.raises(ConfigError, match="secrets in memory"):
        pickle.dumps(SDKSigner(signers.SecurityTokenSigner("opaque", key.private)))
