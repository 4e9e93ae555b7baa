"""Credentials are sent over TLS to servers that prove who they are, and to nobody else."""

from __future__ import annotations

import contextlib
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from oci_httpx_auth import (
    ConfigError,
    Credential,
    InstancePrincipal,
    OCIAuthError,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
    SigningError,
)
from oci_httpx_auth._auth_service.service import AuthService

from ...conftest import LIBRARIES, Key, as_the_cli_writes
from ...platforms import PREFIX, Platform
from ...standin import FakeOCI, Fault


class Detours(Platform):
    """One stand-in, and how each mode is pointed at other addresses."""

    def become(self, mode: str, endpoint: str) -> Any:  # type: ignore[override]
        """A provider of this mode, whose auth service is at `endpoint`; metadata is where it is."""
        if mode == "session":
            config = self.oci.write_config(self.directory, session=True)
            provider = SecurityToken.from_config(config_file=config, auth_endpoint=endpoint, **self.options)
            provider.fetch()  # the token of the file; the next one has to be asked for
            return provider
        if mode == "instance":
            return InstancePrincipal(
                metadata_url=self.oci.metadata_url, federation_endpoint=f"{endpoint}/v1/x509", **self.options
            )
        if mode == "workload":
            variables = self.oci.environment("oke_workload_identity", directory=self.directory)
        else:
            variables = self.oci.environment("resource_principal", version=mode.partition(" ")[2])
        for name, value in variables.items():
            if name.startswith(PREFIX) and value.startswith(self.oci.url):
                value = value.replace(self.oci.url, endpoint)
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setenv("OCI_CLI_FEDERATION_ENDPOINT", self.oci.federation_endpoint)
        if mode == "workload":
            return OKEWorkloadIdentity(port=int(endpoint.rpartition(":")[2]), **self.options)
        return ResourcePrincipal(metadata_url=self.oci.metadata_url, **self.options)


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Detours]:
    platform = Detours(tmp_path, monkeypatch)
    with platform.oci:
        yield platform


@contextlib.contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """A custom server on loopback; yields its port."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


@dataclass
class Proxy:
    """Records what a proxy was asked for: the first lines of the requests."""

    url: str
    asked: list[str]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that every variable names."""
    asked: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode("latin-1").strip())
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with serving(Handler) as port:
        url = f"http://127.0.0.1:{port}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, url)
            monkeypatch.setenv(name.lower(), url)
        yield Proxy(url, asked)


EXCHANGED = ("session", "instance", "resource 1.1", "resource 2.1", "resource 2.1.1", "resource 2.1.2", "resource 3.0")


# Plain HTTP.


@pytest.mark.parametrize("mode", EXCHANGED)
@pytest.mark.parametrize("host", ["auth.example", "169.254.7.7", "[fe80::1]", "127.0.0.1.example", "localhost.example"])
def test_no_token_is_exchanged_over_plain_http(platform: Detours, mode: str, host: str) -> None:
    """Not even with a link-local address: metadata alone lives there. Nothing is looked up, nothing connected to."""
    provider = platform.become(mode, f"http://{host}")
    with pytest.raises(ConfigError, match="not an https address"):
        provider.fetch()
    assert {record.service for record in platform.oci.records} <= {"metadata", "federation"}


@pytest.mark.parametrize(
    ("host", "signed"),
    [
        ("127.0.0.1", True),
        ("127.255.3.4", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("[::1]", True),
        ("169.254.169.254", True),
        ("[fe80::1%25eth0]", True),
        ("[fd00:c1::a9fe:a9fe]", True),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("0.0.0.0", False),
        ("[::]", False),
        ("[fd00:c1::a9fe:a9ff]", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("2130706433", False),
        ("0x7f000001", False),
        ("127.1", False),
        ("localhost@evil.example", False),
    ],
)
def test_plain_http_is_signed_for_loopback_and_link_local_hosts_only(
    platform: Detours, tmp_path: Path, host: str, signed: bool
) -> None:
    """Only in their usual spelling; other ways to write an address may mean another host."""
    signer = OCISigner(config_file=platform.oci.write_config(tmp_path), clock=platform.clock)
    with httpx.Client(auth=signer, transport=platform.oci.httpx_transport()) as client:
        if signed:
            assert client.get(f"http://{host}/x").status_code == 200
            assert platform.oci.records[-1].signed
        else:
            # Of user and password httpx would make another authorization; the host behind them is what counts.
            with pytest.raises(SigningError, match="https only"):
                client.get(f"http://{host}/x", auth=signer)
            assert not platform.oci.records
    if not signed:
        with pytest.raises(SigningError, match="https only"):
            signer.signed_headers("GET", f"ws://{host}/x")


# Certificates.


@pytest.mark.parametrize("mode", EXCHANGED)
def test_an_auth_service_without_a_trusted_certificate_gets_no_request(platform: Detours, mode: str) -> None:
    """It is refused in the handshake, so it sees neither token nor signature."""
    with FakeOCI(clock=platform.clock) as stranger:
        provider = platform.become(mode, stranger.tls_url)
        with pytest.raises(OCIAuthError, match="CERTIFICATE_VERIFY_FAILED"):
            provider.fetch()
        assert not stranger.records


@pytest.fixture
def impostor(tmp_path: Path, key: Key) -> Iterator[tuple[str, Path, list[bytes]]]:
    """A TLS server on loopback whose certificate is for another host: its URL, its authority, and what it heard."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other.example")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.private.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("other.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.private.public_key()), critical=False)
        .sign(key.private, hashes.SHA256())
    )
    authority, both = tmp_path / "authority.pem", tmp_path / "both.pem"
    authority.write_bytes(certificate.public_bytes(Encoding.PEM))
    both.write_bytes(authority.read_bytes() + key.pem().encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with context.wrap_socket(self.request, server_side=True) as connection:
                    heard.append(connection.recv(65536))
            except OSError:
                pass

    with serving(Handler) as port:
        yield f"https://127.0.0.1:{port}", authority, heard


@pytest.mark.parametrize("mode", EXCHANGED)
def test_a_trusted_certificate_of_another_host_is_refused(
    platform: Detours, impostor: tuple[str, Path, list[bytes]], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name counts, not the authority alone."""
    url, authority, heard = impostor
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    provider = platform.become(mode, url)
    with pytest.raises(OCIAuthError, match="IP address mismatch"):
        provider.fetch()
    assert not any(heard)


@pytest.mark.parametrize("mode", EXCHANGED)
def test_an_authority_from_ssl_cert_file_is_trusted(
    platform: Detours, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For networks that inspect TLS. The stranger is contacted, and doesn't know this identity."""
    with FakeOCI(clock=platform.clock) as stranger:
        (tmp_path / "authority.pem").write_bytes(stranger.ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        provider = platform.become(mode, stranger.tls_url)
        with pytest.raises(OCIAuthError, match=r"answered 4|has ended"):
            provider.fetch()
        assert stranger.records


def test_a_workloads_proxy_is_not_trusted_for_being_in_the_systems_list(
    platform: Detours, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the machine's authorities nor `SSL_CERT_FILE` vouch for the cluster."""
    with FakeOCI(clock=platform.clock) as stranger:
        (tmp_path / "authority.pem").write_bytes(stranger.ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        provider = platform.become("workload", stranger.tls_url)
        with pytest.raises(OCIAuthError, match="CERTIFICATE_VERIFY_FAILED"):
            provider.fetch()
        assert not stranger.records


def test_a_clusters_authority_is_trusted_for_nothing_else(platform: Detours) -> None:
    """Even after a token came from the proxy, an auth service with a certificate of that authority isn't trusted."""
    platform.become("workload", platform.oci.tls_url).fetch()
    assert [record.service for record in platform.oci.records] == ["workload_identity"]
    provider = platform.become("instance", platform.oci.tls_url)
    with pytest.raises(OCIAuthError, match="CERTIFICATE_VERIFY_FAILED"):
        provider.fetch()
    assert "federation" not in {record.service for record in platform.oci.records}


# Proxies.


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_metadata_is_never_requested_through_a_proxy(platform: Detours, proxy: Proxy, scheme: str) -> None:
    """Wherever it is, because the instance's private key comes from there. A host name is requested directly too."""
    provider = InstancePrincipal(
        metadata_url=f"{scheme}://metadata.invalid/opc/v2", _service=AuthService(sleep=lambda _: None)
    )
    with pytest.raises((OCIAuthError, AssertionError)):  # the look-up of the name is what fails
        provider.fetch()
    platform.become("instance", platform.oci.url).fetch()
    platform.become("resource 1.1", platform.oci.url).fetch()
    assert proxy.asked == []


def test_a_pods_proxy_is_never_reached_through_another(platform: Detours, proxy: Proxy) -> None:
    """The service account's token stays in the cluster."""
    platform.become("workload", platform.oci.tls_url).fetch()
    assert proxy.asked == []


@pytest.mark.parametrize("mode", EXCHANGED)
def test_an_auth_service_is_reached_through_the_proxy_by_tls(platform: Detours, proxy: Proxy, mode: str) -> None:
    """As in the SDK: some networks have no other way out. The proxy sees the host's name and no more."""
    provider = platform.become(mode, "https://auth.invalid")
    with pytest.raises(OCIAuthError, match="could not be reached"):
        provider.fetch()
    assert set(proxy.asked) == {"CONNECT auth.invalid:443 HTTP/1.1"}


def test_a_session_is_renewed_by_the_auth_service_of_its_region(
    platform: Detours, proxy: Proxy, tmp_path: Path
) -> None:
    """Unless another one is named."""
    config = as_the_cli_writes(platform.oci.write_config(tmp_path, session=True))
    provider = SecurityToken.from_config(
        config_file=config, _service=AuthService(clock=platform.clock, sleep=lambda _: None)
    )
    provider.fetch()
    with pytest.raises(OCIAuthError, match="could not be reached"):
        provider.fetch()
    assert set(proxy.asked) == {"CONNECT auth.us-chicago-1.oraclecloud.com:443 HTTP/1.1"}


def test_no_proxy_is_honoured(platform: Detours, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy isn't used for a host that it names."""
    monkeypatch.setenv("NO_PROXY", "auth.invalid")
    provider = platform.become("instance", "https://auth.invalid")
    with pytest.raises((OCIAuthError, AssertionError)):
        provider.fetch()
    assert proxy.asked == []


# Redirects.


@pytest.mark.parametrize("service", ["metadata", "federation", "session_refresh", "rpt", "rpst", "workload_identity"])
@pytest.mark.parametrize("status", [301, 307, 308])
def test_no_service_can_send_a_credential_elsewhere(platform: Detours, service: str, status: int) -> None:
    """Redirects by metadata and auth services count as refusals."""
    with FakeOCI(clock=platform.clock) as elsewhere:
        target = f"{elsewhere.url}/elsewhere"
        platform.oci.fault_source = lambda name, _: (
            Fault(status=status, headers={"location": target}) if name == service else None
        )
        mode = {"session_refresh": "session", "workload_identity": "workload"}.get(service, "resource 1.1")
        provider = platform.become(mode, platform.oci.tls_url if mode == "workload" else platform.oci.url)
        with pytest.raises(OCIAuthError, match=str(status)):
            provider.fetch()
        assert not elsewhere.records


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_valid_goes_to_another_origin_after_a_redirect(
    platform: Detours, tmp_path: Path, library: Any, status: int
) -> None:
    """With redirects on, httpx drops the signature when the origin changes, but sends the body."""
    signer = OCISigner(config_file=platform.oci.write_config(tmp_path, session=True), clock=platform.clock)
    with FakeOCI(clock=platform.clock) as elsewhere:
        platform.oci.fail("echo", Fault(status=status, headers={"location": f"{elsewhere.url}/x"}))
        with library.Client(auth=signer, follow_redirects=True) as client:
            assert client.post(f"{platform.oci.url}/x", json={}).status_code == 401
        (record,) = elsewhere.records
        assert record.header("authorization") is None
        assert not record.signed


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
@pytest.mark.parametrize("status", [301, 307])
def test_a_same_origin_redirect_carries_an_invalid_signature(
    platform: Detours, tmp_path: Path, library: Any, status: int
) -> None:
    """httpx sends the first signature again, which is valid for the first target only: the server refuses it."""
    signer = OCISigner(config_file=platform.oci.write_config(tmp_path), clock=platform.clock)
    platform.oci.fail("echo", Fault(status=status, headers={"location": "/elsewhere"}))
    with library.Client(auth=signer, follow_redirects=True) as client:
        assert client.get(f"{platform.oci.url}/x").status_code == 401
    assert [record.status for record in platform.oci.records] == [status, 401]
    assert "signature" in platform.oci.records[-1].reason


def test_headers_of_a_credential_go_to_another_origin_after_a_redirect(platform: Detours) -> None:
    """httpx removes only `authorization` and calls no auth hook: keep redirects off with delegation tokens."""
    known = platform.oci.add_api_key()

    class Delegated:
        def fetch(self) -> Credential:
            return Credential(known.key_id, known.private_key, headers={"opc-obo-token": "delegated"})

    with FakeOCI(clock=platform.clock) as elsewhere:
        platform.oci.fail("echo", Fault(status=307, headers={"location": f"{elsewhere.url}/x"}))
        with httpx.Client(auth=OCISigner(Delegated(), clock=platform.clock), follow_redirects=True) as client:
            client.get(f"{platform.oci.url}/x")
        assert elsewhere.records[-1].header("opc-obo-token") == "delegated"
        assert elsewhere.records[-1].header("authorization") is None


def test_a_client_that_follows_no_redirects_sends_nothing_on(platform: Detours, tmp_path: Path) -> None:
    """httpx's default, and what the factories set."""
    signer = OCISigner(config_file=platform.oci.write_config(tmp_path), clock=platform.clock)
    with FakeOCI(clock=platform.clock) as elsewhere:
        platform.oci.fail("echo", Fault(status=307, headers={"location": f"{elsewhere.url}/x"}))
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{platform.oci.url}/x").status_code == 307
        assert not elsewhere.records


def test_a_server_without_tls_hears_nothing_of_a_request(platform: Detours) -> None:
    """It answers the handshake in plain text, which ends the attempt."""
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            heard.append(self.request.recv(65536))
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with serving(Handler) as port:
        provider = platform.become("session", f"https://127.0.0.1:{port}")
        with pytest.raises(OCIAuthError, match="could not be reached"):
            provider.fetch()
    assert heard
    assert not any(b"HTTP/1.1" in data or b"eyJ" in data for data in heard)


def test_a_proxy_of_plain_http_teaches_no_clock_offset(
    platform: Detours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx sends requests to loopback through it, too, and a date that it makes up must not reach any signature."""
    asked: list[str] = []

    class Lying(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode("latin-1").strip())
            while self.rfile.readline().strip():
                pass
            date = formatdate(platform.clock() + 86400, usegmt=True)
            head = f"HTTP/1.1 401 Unauthorized\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.wfile.write(head.encode())

    config = platform.oci.write_config(tmp_path)
    signer = OCISigner(config_file=config, clock=platform.clock)
    with serving(Lying) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{platform.oci.url}/x").status_code == 401
        assert len(asked) == 1
        monkeypatch.delenv("HTTP_PROXY")
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{platform.oci.url}/x").status_code == 200
    assert [record.status for record in platform.oci.records] == [200]
