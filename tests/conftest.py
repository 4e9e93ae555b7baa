"""What all tests stand on: a clean environment, keys made once, and config files as the CLI writes them."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from oci_httpx_auth.testing import FakeOCI

TENANCY = "ocid1.tenancy.oc1..aaaaexampletenancy"
USER = "ocid1.user.oc1..aaaaexampleuser"


def pytest_report_header() -> str:
    names = ("httpx", "httpx2", "cryptography", "openai", "openai-agents", "oci", "trio", "hypothesis")
    versions = {name: version for name in names if (version := _version(name))}
    return "with " + ", ".join(f"{name} {version}" for name, version in versions.items())


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No variable and no file of the machine reaches a test. Returns the home directory it sees."""
    prefixes = ("OCI_", "OPENAI_", "KUBERNETES_")
    for name in list(os.environ):
        if name.startswith(prefixes) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    # The metadata service is looked for nowhere but on this machine, where nobody listens.
    monkeypatch.setenv("OCI_METADATA_BASE_URL", "http://127.0.0.1:9/opc/v2")
    return home


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would talk to another machine fails instead."""
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            assert ipaddress.ip_address(address[0]).is_loopback, f"a test would connect to {address}"
        connect(self, address)

    def guarded_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        assert name in (None, "localhost", "127.0.0.1", "::1"), f"a test would look up {name}"
        return getaddrinfo(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture
def oci() -> Iterator[FakeOCI]:
    """The stand-in for OCI, on real sockets."""
    from oci_httpx_auth.testing import FakeOCI

    with FakeOCI() as fake:
        yield fake


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest):
    """Runs an async function, once on asyncio and once on trio."""
    if request.param == "trio":
        trio = pytest.importorskip("trio")
        return trio.run
    import asyncio

    return lambda function, *arguments: asyncio.run(function(*arguments))


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def settle() -> None:
    """Wait for the refresh that is under way in the background."""
    for thread in threading.enumerate():
        if thread.name == "oci-credential-refresh":
            thread.join(20)


@dataclass(frozen=True)
class Key:
    """A private key in the forms that files have."""

    private: rsa.RSAPrivateKey

    def pem(self, passphrase: str | None = None, *, pkcs1: bool = False) -> str:
        encryption = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        form = serialization.PrivateFormat.TraditionalOpenSSL if pkcs1 else serialization.PrivateFormat.PKCS8
        return self.private.private_bytes(serialization.Encoding.PEM, form, encryption).decode()

    def public_pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def fingerprint(self) -> str:
        import hashlib

        der = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.md5(der).digest().hex(":")


@pytest.fixture(scope="session")
def key() -> Key:
    return Key(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="session")
def other_key() -> Key:
    return Key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
