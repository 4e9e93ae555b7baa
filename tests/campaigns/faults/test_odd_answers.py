"""Auth services whose answers are valid HTTP and JSON, but not as the stand-in writes them."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import (
    InstancePrincipal,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
    TokenExchange,
)
from oci_httpx_auth._auth_service.service import AuthService

from ...standin import FakeOCI, Fault

Head = list[tuple[str, str]]
Rewrite = Callable[[str, Head, bytes], tuple[str, Head, bytes, bool]]
"""From status line, headers and body to others, and whether the connection is closed after them."""


def _without(headers: Head, *names: str) -> Head:
    return [(name, value) for name, value in headers if name.lower() not in names]


def http_1_0(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    """The end of the connection is the end of the body."""
    return status.replace("HTTP/1.1", "HTTP/1.0"), _without(headers, "content-length", "connection"), body, True


def closing_after_each(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    return status, [*_without(headers, "connection"), ("Connection", "close")], body, True


def in_lower_case(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    return status, [(name.lower(), value) for name, value in headers], body, False


def in_upper_case(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    return status, [(name.upper(), value) for name, value in headers], body, False


def with_duplicates(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    """Some gateways add a Date, a content type and an id of their own."""
    again = [pair for pair in headers if pair[0].lower() in ("date", "content-type", "opc-request-id")]
    assert again
    return status, [*headers, *again], body, False


def without_date(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    return status, _without(headers, "date"), body, False


def with_unknown_fields(status: str, headers: Head, body: bytes) -> tuple[str, Head, bytes, bool]:
    try:
        fields = json.loads(body)
    except ValueError:
        return status, headers, body, False
    if not isinstance(fields, dict):
        return status, headers, body, False
    body = json.dumps({"schemaVersion": 7, "links": [{"rel": None}], **fields, "warnings": {}}).encode()
    return status, [*_without(headers, "content-length"), ("Content-Length", str(len(body)))], body, False


REWRITES: list[Rewrite] = [
    http_1_0,
    closing_after_each,
    in_lower_case,
    in_upper_case,
    with_duplicates,
    without_date,
    with_unknown_fields,
]


class Gateway:
    """Passes requests on as they are, and answers in another form."""

    def __init__(self, port: int, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._listeners: list[socket.socket] = []
        self.answers = 0
        self.url = f"http://127.0.0.1:{self._listen(socket.create_server(('127.0.0.1', 0)), lambda: _connect(port))}"

    def open_tls(self, certificate: Path, authority: Path, port: int) -> int:
        """Do the same by TLS, for what is behind a port; returns the gateway's own."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        onward = ssl.create_default_context(cafile=authority)
        listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        return self._listen(listener, lambda: onward.wrap_socket(_connect(port), server_hostname="localhost"))

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _listen(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> int:
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, connect), name="gateway", daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, connect), name="gateway", daemon=True).start()

    def _serve(self, connection: socket.socket, connect: Callable[[], socket.socket]) -> None:
        with closing(connection), connect() as onward:
            while request := _message(connection):
                onward.sendall(request)
                head, _, body = _message(onward).partition(b"\r\n\r\n")
                status, *lines = head.decode("latin-1").split("\r\n")
                pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
                status, pairs, body, last = self._rewrite(status, pairs, body)
                lines = [status, *(f"{name}: {value}" for name, value in pairs), "", ""]
                self.answers += 1
                connection.sendall("\r\n".join(lines).encode("latin-1") + body)
                if last:
                    return


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


def _message(connection: socket.socket) -> bytes:
    """One request or response with its body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = connection.recv(1 << 16)
        except OSError:
            return b""
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connection.recv(1 << 16)
    return head + b"\r\n\r\n" + body


def _instance(oci: FakeOCI, gateway: Gateway, directory: Path, **options: Any) -> InstancePrincipal:
    url = gateway.url
    return InstancePrincipal(metadata_url=f"{url}/opc/v2", federation_endpoint=f"{url}/v1/x509", **options)


def _session(oci: FakeOCI, gateway: Gateway, directory: Path, **options: Any) -> SecurityToken:
    provider = SecurityToken.from_config(
        config_file=oci.write_config(directory, session=True), auth_endpoint=gateway.url, **options
    )
    provider.fetch()  # what is in the file; the next one is renewed
    return provider


def _resource(oci: FakeOCI, gateway: Gateway, directory: Path, **options: Any) -> ResourcePrincipal:
    variables = oci.environment("resource_principal", version="3.0", leaf="1.1", depth=1)
    os.environ.update({name: value.replace(oci.url, gateway.url) for name, value in variables.items()})
    os.environ["OCI_CLI_FEDERATION_ENDPOINT"] = f"{gateway.url}/v1/x509"
    return ResourcePrincipal(**options)


def _exchange(oci: FakeOCI, gateway: Gateway, directory: Path, **options: Any) -> TokenExchange:
    client_id, client_secret = oci.domain_client
    return TokenExchange(
        domain=gateway.url,
        client_id=client_id,
        client_secret=client_secret,
        subject_token=oci.subject_token(),
        **options,
    )


def _workload(oci: FakeOCI, gateway: Gateway, directory: Path, **options: Any) -> OKEWorkloadIdentity:
    (directory / "server.pem").write_bytes(oci.server_pem)
    (directory / "ca.crt").write_bytes(oci.ca_pem)
    (directory / "token").write_text(oci.service_account_token())
    port = gateway.open_tls(directory / "server.pem", directory / "ca.crt", oci.tls_port)
    files = {"ca_file": directory / "ca.crt", "token_file": directory / "token"}
    return OKEWorkloadIdentity(host="127.0.0.1", port=port, **files, **options)


PROVIDERS: list[Callable[..., Any]] = [_instance, _session, _resource, _exchange, _workload]


@pytest.fixture
def gateway(oci: FakeOCI, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    gateway = Gateway(int(oci.url.rpartition(":")[2]), request.param)
    yield gateway
    gateway.close()


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.__name__[1:])
@pytest.mark.parametrize("gateway", REWRITES, ids=lambda rewrite: rewrite.__name__, indirect=True)
def test_the_form_of_an_answer_does_not_matter(
    oci: FakeOCI, gateway: Gateway, provider: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its status and the fields that are needed do."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    made = provider(oci, gateway, tmp_path)
    with httpx.Client(auth=OCISigner(made)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert gateway.answers >= 1


@pytest.mark.parametrize("provider", PROVIDERS[:2], ids=lambda provider: provider.__name__[1:])
@pytest.mark.parametrize(
    "gateway",
    [http_1_0, in_lower_case, in_upper_case, with_duplicates],
    ids=lambda rewrite: rewrite.__name__,
    indirect=True,
)
def test_a_wrong_clock_is_corrected_by_any_form_of_date(
    oci: FakeOCI, gateway: Gateway, provider: Callable[..., Any], tmp_path: Path
) -> None:
    """However its name is spelled, and if it is there twice."""
    late = time.time() - 3600

    def clock() -> float:
        return late

    made = provider(oci, gateway, tmp_path, _service=AuthService(clock=clock))
    credential = made.fetch()
    assert credential.expiry() is not None
    assert abs((credential.clock_offset or 0.0) - 3600) < 60


def test_an_instance_accepts_answers_of_every_form(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Date, no connection that stays open, headers twice and in capitals, and metadata that comes late while it boots."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)
    odd = {"date": "", "connection": "close", "OPC-REQUEST-ID": "A", "X-Unknown": "b"}
    booting = [Fault(status=404), Fault(status=503), Fault(delay=0.2)]
    oci.fail("metadata", *booting)
    oci.fault_source = lambda service, record: Fault(headers=odd)
    with httpx.Client(auth=OCISigner(auth="instance_principal"), trust_env=False) as client:
        answers = [client.get(oci.url) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "date" not in answers[0].headers
    assert answers[0].headers["connection"] == "close"
    assert len(answers[0].headers.get_list("opc-request-id")) == 2
