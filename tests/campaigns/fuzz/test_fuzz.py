"""Whatever files, tokens, responses and settings contain: an `OCIAuthError` or a credential, in bounded time and memory."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oci_httpx_auth import (
    APIKey,
    ConfigError,
    Credential,
    InstancePrincipal,
    OCIAuthError,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
)
from oci_httpx_auth._auth_service.http import MAX_RESPONSE, Client
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth._auth_service.tokens import parse_security_token
from oci_httpx_auth._errors import ServiceUnreachableError
from oci_httpx_auth._signing.clock import parse_http_date
from oci_httpx_auth.credentials._config import load_profile
from oci_httpx_auth.credentials._keys import load_private_key

from ...conftest import ROUNDS, TENANCY, USER, Key
from ...standin import FakeOCI, Fault

pytestmark = pytest.mark.slow


def bounded(examples: int) -> settings:
    return settings(max_examples=examples * ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))


def answered(call: Callable[[], Any]) -> Any:
    """What a call returns, or the message of the library's error. Any other error fails the test."""
    try:
        return call()
    except OCIAuthError as error:
        return str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NUMBERS = JSON | st.sampled_from([float("nan"), float("inf"), -float("inf"), -1, 10**400, 1e308, 253402300800, 0, True])
DEEP = st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000, b"[1e999,-1e999,NaN,Infinity]"])
CLAIMS = st.fixed_dictionaries({}, optional={"exp": NUMBERS, "iat": NUMBERS, "jwk": JSON, "res_tenant": JSON})


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


TOKENS = st.one_of(
    st.text(max_size=200),
    (CLAIMS.map(lambda claims: json.dumps(claims).encode()) | DEEP | st.binary(max_size=80)).map(
        lambda data: f"e30.{segment(data)}.e30"
    ),
    st.integers(60_000, 70_000).map(lambda size: f"e30.{'x' * size}.e30"),
)


@bounded(150)
@given(token=TOKENS)
def test_a_token_is_read_or_refused(token: str) -> None:
    """Claims of any JSON, nesting and numbers give an expiry that is a point in time, or an error."""
    claims = answered(lambda: parse_security_token(token, "the token"))
    assert len(claims) < 500 if isinstance(claims, str) else 0 <= claims.expires_at < 253402300800


LINES = st.sampled_from(
    [
        "[DEFAULT]",
        "[A]",
        "[]",
        "[A",
        "user=x",
        "user",
        "=x",
        " more",
        "key_file: y",
        "#",
        ";",
        "\ufeff",
        "\r",
        "%(x)s=1",
    ]
)
CONFIGS = st.one_of(
    st.binary(max_size=200),
    st.lists(LINES | st.text(max_size=30), max_size=12).map(lambda lines: "\n".join(lines).encode(errors="replace")),
    st.sampled_from([b"[A]\nx" + b" " * 200_000 + b"y", b"[A]\n" * 50_000, b"[" * 200_000, b"[A]\n" + b" \n" * 90_000]),
)


@bounded(150)
@given(content=CONFIGS, name=st.sampled_from([None, "A"]) | st.text(max_size=20))
def test_a_config_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    """Any bytes and any profile name; the error is short, whatever the file contains."""
    path = tmp_path_factory.getbasetemp() / "fuzzed-config"
    path.write_bytes(content)
    loaded = answered(lambda: load_profile(name, path))
    assert len(loaded) < 4000 if isinstance(loaded, str) else loaded.path == path


@bounded(150)
@given(data=st.data(), encrypted=st.booleans(), pkcs1=st.booleans(), passphrase=st.none() | st.text() | st.binary())
def test_a_key_is_loaded_or_refused(
    key: Key, data: st.DataObject, encrypted: bool, pkcs1: bool, passphrase: str | bytes | None
) -> None:
    """A key with bytes changed, cut or repeated, in its text or in the encoded data; and arbitrary bytes."""
    pem = bytearray(key.pem("right" if encrypted else None, pkcs1=pkcs1).encode())
    inside = not encrypted and data.draw(st.booleans())
    lines = bytes(pem).splitlines()
    content = bytearray(base64.b64decode(b"".join(lines[1:-1]))) if inside else pem
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.sampled_from([0, 1, 1, 5, 200]))
        content[start : start + length] = data.draw(st.binary(max_size=4))
    if inside:
        content = bytearray(b"\n".join([lines[0], base64.b64encode(content), lines[-1]]))
    loaded = answered(lambda: load_private_key(bytes(content), passphrase, "the key"))
    assert len(loaded) < 500 if isinstance(loaded, str) else 2048 <= loaded.key_size <= 16384


@bounded(200)
@given(
    value=st.text(max_size=70)
    | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,4} \d\d:\d\d:\d\d( [-+]?\w{1,5})?\Z")
)
def test_a_date_is_read_or_ignored(value: str) -> None:
    """Any text as a `Date` gives seconds that a signature can be dated with, or nothing."""
    seconds = parse_http_date(value)
    assert seconds is None or 0 <= seconds < 4102444800


# Answers, over real sockets.

HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-encoding", "date", "set-cookie", "location", "opc-parent-rpt-url"]),
    st.sampled_from(
        ["gzip", "br", "x", "text/html; charset=nope", "Fri, 31 Dec 9999 23:59:59 GMT", "http://[::", "a=b;;"]
    ),
    max_size=2,
)
FIELDS = ["token", "resourcePrincipalToken", "servicePrincipalSessionToken", "realmDomainComponent", "code", "message"]
ANSWERS = st.one_of(
    st.binary(max_size=100),
    DEEP,
    DEEP.map(base64.b64encode),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), TOKENS | JSON, max_size=4).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), TOKENS, max_size=2).map(
        lambda value: base64.b64encode(json.dumps(value).encode())
    ),
    st.sampled_from(
        [b"x" * 300, b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", gzip.compress(b"{}")]
    ),
)
WAYS = {
    "instance": ("metadata", "federation"),
    "resource": ("rpt", "rpst"),
    "session": ("session_refresh",),
    "workload": ("workload_identity",),
}


def provider(way: str, oci: FakeOCI, directory: Path, patch: pytest.MonkeyPatch) -> object:
    def no_pause(_: float) -> None:
        pass

    if way == "instance":
        return InstancePrincipal(
            metadata_url=oci.metadata_url,
            federation_endpoint=oci.federation_endpoint,
            _service=AuthService(sleep=no_pause),
        )
    if way == "resource":
        for name, value in oci.environment("resource_principal", version="2.1").items():
            patch.setenv(name, value)
        return ResourcePrincipal(_service=AuthService(sleep=no_pause))
    if way == "session":
        config = oci.write_config(directory, session=True, lifetime=1)
        return SecurityToken.from_config(
            config_file=config, auth_endpoint=oci.auth_endpoint, _service=AuthService(sleep=no_pause)
        )
    for name, value in oci.environment("oke_workload_identity", directory=directory).items():
        patch.setenv(name, value)
    return OKEWorkloadIdentity(port=oci.tls_port, _service=AuthService(sleep=no_pause))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_used_or_refused(way: str, oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes, JSON, tokens and headers from metadata and auth services give a credential, or our error."""
    made = provider(way, oci, tmp_path, monkeypatch)

    @bounded(12)
    @given(service=st.sampled_from(WAYS[way]), body=ANSWERS, status=st.sampled_from([200, 200, 400]), headers=HEADERS)
    def property_(service: str, body: bytes, status: int, headers: dict[str, str]) -> None:
        fault = Fault(status=status, body=body, headers=headers)
        oci.fault_source = lambda asked, record: fault if asked == service else None
        fetched = answered(made.fetch)  # type: ignore[attr-defined]
        assert len(fetched) < 2000 and fetched.isprintable() if isinstance(fetched, str) else fetched.key_id

    property_()


class RawServer:
    """Answers each connection with these chunks while the client reads them, and keeps what it received."""

    def __init__(self, chunks: Callable[[], Iterable[bytes]]) -> None:
        self.chunks, self.received, self.sent = chunks, b"", 0
        self.stopped = threading.Event()
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection:
                connection.settimeout(20)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
                try:
                    received = b""
                    while b"\r\n\r\n" not in received and (data := connection.recv(65536)):
                        received += data
                    self.received += received
                    for chunk in self.chunks():
                        connection.sendall(chunk)
                        self.sent += len(chunk)
                except OSError:
                    pass
                self.done.set()

    def __enter__(self) -> RawServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


def dripping(head: bytes, drop: bytes) -> Iterator[bytes]:
    """A byte now and then, for longer than any client should wait."""
    yield head
    pause = threading.Event()
    for _ in range(200):
        pause.wait(0.05)
        yield drop


OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"\0" * (1 << 26))
MILLIONS = 500  # chunks of a million bytes at most: so that tests end even if the library fails
HOSTILE: dict[str, Callable[[], Iterable[bytes]]] = {
    "a body without an end": lambda: [OK + b"\r\n", *repeat(b"x" * 1_000_000, MILLIONS)],
    "a body of a terabyte": lambda: [OK + b"content-length: 1000000000000\r\n\r\n", *repeat(b"x" * 1_000_000, MILLIONS)],
    "chunks without an end": lambda: [OK + b"transfer-encoding: chunked\r\n\r\n", *repeat(b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n", MILLIONS)],
    "headers without an end": lambda: [OK, *repeat((b"x: " + b"y" * 97 + b"\r\n") * 10_000, MILLIONS)],
    "a header without an end": lambda: [OK + b"x: ", *repeat(b"y" * 1_000_000, MILLIONS)],
    "a status line without an end": lambda: [b"HTTP/1.1 200 ", *repeat(b"y" * 1_000_000, MILLIONS)],
    "trailers without an end": lambda: [OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", *repeat(b"x" * 1_000_000, MILLIONS)],
    "a bomb": lambda: [OK + b"content-encoding: gzip\r\n\r\n" + BOMB],
    "a bomb in a bomb": lambda: [OK + b"content-encoding: gzip, gzip\r\n\r\n" + gzip.compress(BOMB)],
    "dripping headers": lambda: dripping(OK, b"x: y\r\n"),
    "dripping body": lambda: dripping(OK + b"\r\n", b"x"),
    "dripping extensions of chunks": lambda: dripping(OK + b"transfer-encoding: chunked\r\n\r\n1", b";x"),
    "one interim answer after another": lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "something else than HTTP": lambda: [b"\0\xff" * 1000],
    "nothing": lambda: [],
}  # fmt: skip


def send(url: str) -> httpx.Response:
    """One request of a fetch, for a second."""
    with Client() as client:
        return client.send("GET", url, {b"host": b"x"}, b"", 1.0)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_cut_off(name: str) -> None:
    """Endless, expanding and dripping responses are read up to the limit only, in bytes and in memory."""
    with RawServer(HOSTILE[name]) as server:
        tracemalloc.start()
        try:
            with pytest.raises(ServiceUnreachableError):
                send(f"{server.url}/x")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert server.done.wait(20)
        assert b"accept-encoding: identity" in server.received.lower()
    if "dripping" in name or "interim" in name:
        assert server.sent < 150 * 25  # of two hundred drops
    # What the sockets' buffers swallowed is not known to the byte; and the server's own chunks are counted too.
    assert server.sent < 20 * MAX_RESPONSE
    assert peak < 20 * MAX_RESPONSE


# Settings.


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTPS_PROXY", "foo://user:very-secret@proxy", "HTTPS_PROXY"),
        ("HTTPS_PROXY", "http://[::", "HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/nowhere", "SSL_CERT_FILE"),
        ("SSL_CERT_FILE", "/etc/hosts", "SSL_CERT_FILE"),
    ],
)
def test_unusable_proxy_and_certificate_settings_are_named(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come from the environment; the error is a `ConfigError` without the proxy's password."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=words) as caught:
        send("https://auth.example/")
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["x" * 70 + ".localhost", "a..b"])
def test_a_host_name_that_cannot_be_looked_up_is_unreachable(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python refuses such labels with an error that isn't a network error."""
    monkeypatch.undo()  # what keeps tests on this machine would refuse the name first; Python refuses it before asking
    with pytest.raises(ServiceUnreachableError):
        send(f"http://{host}:9/")


# What could become a header.

EVIL = st.one_of(
    st.sampled_from(
        ["x\r\ninjected: yes", "x\ninjected: yes", "x\rinjected: yes", "x\0", "\u010a", "é", "\udc80", '"', "x y"]
    ),
    st.text(max_size=10).map(lambda text: f"{text}\r\ninjected: yes"),
)
ANSWER = OK + b"content-length: 2\r\nconnection: close\r\n\r\n{}"


def test_no_value_injects_a_header(key: Key) -> None:
    """A configured value never becomes a header line of its own; otherwise the signer says what is wrong."""

    @bounded(150)
    @given(field=st.sampled_from(["tenancy", "user", "fingerprint", "region", "key_id", "name", "value"]), evil=EVIL)
    def property_(field: str, evil: str) -> None:
        identity = {"tenancy": TENANCY, "user": USER, "fingerprint": key.fingerprint, "region": "us-chicago-1"}

        class Own:
            def fetch(self) -> Credential:
                headers = {"x-own": evil} if field == "value" else {evil: "x"} if field == "name" else {}
                return Credential(evil if field == "key_id" else "k", key.private, headers=headers)

        try:
            if field in identity:
                credentials: object = APIKey(**{**identity, field: identity[field] + evil}, private_key=key.private)
            else:
                credentials = Own()
            with httpx.Client(auth=OCISigner(credentials)) as client:  # type: ignore[arg-type]
                client.get(f"{server.url}/")
        except OCIAuthError:
            pass

    with RawServer(lambda: [ANSWER]) as server:
        property_()
    assert b"injected" not in server.received.lower()


@pytest.mark.parametrize("argument", ["compartment_id", "project_id", "conversation_store_id"])
@pytest.mark.parametrize("evil", ["x\r\ninjected: yes", "x\ninjected: yes", "é", "\udc80"])
def test_a_value_that_does_not_fit_a_header_is_refused_by_the_factory(key: Key, argument: str, evil: str) -> None:
    """At once and by name, not as a connection error that the client retries."""
    factory = pytest.importorskip("oci_httpx_auth.openai")
    credentials = APIKey(tenancy=TENANCY, user=USER, fingerprint=key.fingerprint, private_key=key.private)
    with pytest.raises(ConfigError, match=f"{argument} has characters"):
        factory.create_openai(signer=credentials, base_url="http://127.0.0.1:9", **{argument: evil})
