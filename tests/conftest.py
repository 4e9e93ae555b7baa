"""What all tests stand on: a clean environment, keys made once, and config files as the CLI writes them."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from oci_httpx_auth import OCISigner

    from .platforms import Platform
    from .standin import FakeOCI

try:
    import httpx2
except ImportError:
    LIBRARIES: list[ModuleType] = [httpx]
else:
    LIBRARIES = [httpx, httpx2]

TENANCY = "ocid1.tenancy.oc1..aaaaexampletenancy"
ROUNDS = int(os.environ.get("OCI_HTTPX_AUTH_FUZZ", "1"))  # of fuzzing: this many times what CI has time for
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


@pytest.fixture(scope="session")
def homes() -> list[Path]:
    """The home directories so far. The last one serves for as long as nobody has put anything into it."""
    return []


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one certificate authority. No server of the tests has a certificate from it."""
    from .interceptor import certify_hosts

    path = tmp_path_factory.mktemp("authorities") / "authority.pem"
    certify_hosts(path)
    return path


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, homes: list[Path], authorities: Path
) -> Path:
    """No variable and no file of the machine reaches a test. Returns the home directory it sees."""
    prefixes = ("OCI_", "OPENAI_", "KUBERNETES_")
    for name in list(os.environ):
        if name.startswith(prefixes) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    if not homes or any(homes[-1].iterdir()):
        homes.append(tmp_path_factory.mktemp("home"))
    home = homes[-1]
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    # The machine's authorities are not trusted either. There are 150 of them, and each client takes 40 ms to load them.
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
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


@pytest.fixture(scope="module")
def quick_collections() -> Iterator[None]:
    """Leave what has been imported out of the searches for garbage that a module's tests start."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class KeyPool:
    """Hands out RSA keys of 2048 bits in place of `rsa.generate_private_key`, so that a session generates each once.

    Generating one takes 40 ms of CPU, which was half of what the suite spent. Only the generation is replaced, in this
    process and while a test function runs. A test never gets the same key twice, so that it may compare identities.
    Keys of other sizes, of fixtures with a wider scope and of every subprocess are generated as in production, as are
    those of tests marked `generates_keys`.
    """

    def __init__(self) -> None:
        self._generate = rsa.generate_private_key
        self._ready: deque[rsa.RSAPrivateKey] = deque()
        self._used: deque[rsa.RSAPrivateKey] = deque()

    def start_test(self) -> None:
        """Take back the keys of the last test; they are the last to be handed out again."""
        self._ready += self._used
        self._used.clear()

    def generate(self, public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
        """As `rsa.generate_private_key`."""
        if (public_exponent, key_size) != (65537, 2048):
            return self._generate(public_exponent, key_size, backend)
        try:
            # With a few dozen keys, what a test leaves behind does not fit the next one by accident.
            key = self._ready.popleft() if len(self._ready) + len(self._used) >= 32 else None
        except IndexError:
            key = None
        # No lock: a test may fork at any moment.
        key = key or self._generate(public_exponent, key_size)
        self._used.append(key)
        return key


@pytest.fixture(scope="session")
def key_pool() -> KeyPool:
    """The session's keys. The stand-in's own, which it keeps for as long as the process lives, are none of them."""
    from oci_httpx_auth.testing import _tokens

    _tokens.issuer_key()
    _tokens.strangers_key()
    return KeyPool()


@pytest.fixture(autouse=True)
def own_refreshes() -> None:
    """No test waits for refreshes that another one has left behind."""
    _abandoned.intersection_update(threading.enumerate())
    _abandoned.update(refreshes())


@pytest.fixture(autouse=True)
def pooled_keys(request: pytest.FixtureRequest, key_pool: KeyPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA keys come from the pool, unless the test is about generating them."""
    if not request.node.get_closest_marker("generates_keys"):
        key_pool.start_test()
        monkeypatch.setattr(rsa, "generate_private_key", key_pool.generate)


@pytest.fixture
def oci() -> Iterator[FakeOCI]:
    """The stand-in for OCI, on real sockets."""
    from .standin import FakeOCI

    with FakeOCI() as fake:
        yield fake


@pytest.fixture
def config(oci: FakeOCI, tmp_path: Path) -> Path:
    """A config file with an API key that the stand-in knows."""
    return oci.write_config(tmp_path)


@pytest.fixture
def signer(config: Path) -> OCISigner:
    """Signs with an API key that the stand-in knows."""
    from oci_httpx_auth import OCISigner

    return OCISigner(config_file=config)


@pytest.fixture
def options(oci: FakeOCI, config: Path) -> dict[str, Any]:
    """What leads an OpenAI client to the stand-in."""
    return {"config_file": config, "base_url": oci.openai_url, "compartment_id": oci.compartment}


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Any:
    """httpx, and httpx2 where it is installed."""
    return request.param


@pytest.fixture
def become(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Sets the variables of a platform."""

    def set_all(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def instance(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is a compute instance."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A machine in the cloud that a test gives its mode."""
    from .platforms import Platform

    platform = Platform(tmp_path, monkeypatch)
    with platform.oci:
        yield platform


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


_abandoned: set[threading.Thread] = set()  # the refreshes that earlier tests left to their deadline


def refreshes() -> list[threading.Thread]:
    """The refreshes of this test that are under way in the background."""
    running = threading.enumerate()
    return [thread for thread in running if thread.name == "oci-credential-refresh" and thread not in _abandoned]


def settle() -> None:
    """Wait until no refresh of this test is under way."""
    for thread in refreshes():
        thread.join(20)


async def parts() -> AsyncIterator[bytes]:
    """A body that comes in parts."""
    for number in range(5):
        yield b"part %d" % number


def all_signed(oci: FakeOCI) -> bool:
    """Whether there were requests, and each was signed."""
    return bool(oci.records) and all(record.signed for record in oci.records)


def as_the_cli_writes(config: Path) -> Path:
    """A session's config file without the stand-in's `auth_endpoint`: the region's auth service renews the token."""
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("auth_endpoint")))
    return config


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
