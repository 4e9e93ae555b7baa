"""`FakeOCI`: the stand-in as its users hold it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ._auth_services import AuthServices
from ._certificates import server_certificate
from ._environment import environment
from ._exchange import Exchange
from ._identity import FakeAPIKey, FakeSession, Identities, made_up_ocid
from ._inference import Inference, is_inference
from ._model import ToolCall
from ._profiles import write_profile
from ._server import Server
from ._services import ObjectStorage, echo, identity
from ._transports import transport_for
from ._verify import Findings, check_framing
from ._wire import CODES, Fault, Record, Refused, Reply, Request, bytes_reply, error_reply

SERVICES = (
    "metadata",
    "federation",
    "session_refresh",
    "rpt",
    "rpst",
    "workload_identity",
    "inference",
    "identity",
    "object_storage",
    "echo",
)


class FakeOCI:
    """A stand-in for Oracle Cloud Infrastructure on loopback, which verifies every request for real.

    `with FakeOCI() as oci:` serves it on a port of its own, plainly (`oci.url`) and by TLS (`oci.tls_url`, certified
    by `oci.ca_pem`). Without a server the same core is at hand as a transport (`httpx_transport()`), or as `handle()`.

    Services are told apart by path alone, so one address is every endpoint. What came in and what became of it is
    in `records`. Clients are told no more than OCI would tell them; the precise reason for a refusal is in the record.

    region: the region id that metadata, config files and environment variables name.
    clock: the time in seconds since the epoch.
    token_lifetime: seconds that issued tokens live.
    session_limit: seconds after which a session can no longer be refreshed.
    allowed_skew: seconds that a signed date may be off.
    port, workload_identity_port: the plain and the TLS port; 0 stands for any free one. The `oci` SDK asks for
    workload identity tokens on port 12250 and no other.

    The attributes may be set at any time: `latency` holds seconds of waiting by service ("*": every service),
    `clock_offset` seconds by which this server's clock is ahead, `stream_delay` seconds between the chunks of a
    streamed answer, `fault_source` a function of service and record that says which fault a request meets, if any,
    `enhanced_cluster` whether the cluster has workload identity, and `on_record` a function that is called with each
    record. All methods are safe to call from any thread.
    """

    def __init__(
        self,
        *,
        region: str = "us-chicago-1",
        clock: Callable[[], float] = time.time,
        token_lifetime: float = 3600.0,
        session_limit: float = 86400.0,
        allowed_skew: float = 300.0,
        port: int = 0,
        workload_identity_port: int = 0,
    ) -> None:
        self.clock = clock
        self.clock_offset = 0.0
        self.allowed_skew = allowed_skew
        self.latency: dict[str, float] = {}
        self.records: list[Record] = []
        self.fault_source: Callable[[str, Record], Fault | None] | None = None
        self.on_record: Callable[[Record], object] | None = None
        self._lock = threading.RLock()
        self._identities = Identities(region, self.now, token_lifetime)
        self._auth = AuthServices(self._identities, session_limit)
        self._inference = Inference()
        self._object_storage = ObjectStorage()
        self._faults: dict[str, deque[Fault]] = {}
        self._ports = (port, workload_identity_port)
        self._tls: tuple[bytes, bytes] | None = None
        self._server: Server | None = None

    # The addresses.

    def start(self) -> FakeOCI:
        """Serve. Raises `OSError` when a port that was asked for is taken."""
        if self._server is None:
            server = Server(
                self, certificate=self._server_certificate()[1], port=self._ports[0], tls_port=self._ports[1]
            )
            server.start()
            self._server = server
        return self

    def stop(self) -> None:
        """Break the connections and free the ports. What was recorded stays."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def __enter__(self) -> FakeOCI:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._running().port}"

    @property
    def metadata_url(self) -> str:
        return f"{self.url}/opc/v2"

    @property
    def federation_endpoint(self) -> str:
        return f"{self.url}/v1/x509"

    @property
    def auth_endpoint(self) -> str:
        """Session refresh and resource principal session tokens are below this one."""
        return self.url

    @property
    def openai_url(self) -> str:
        return f"{self.url}/openai/v1"

    @property
    def tls_port(self) -> int:
        return self._running().tls_port

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def ca_pem(self) -> bytes:
        """The authority that certifies the TLS address, for 127.0.0.1, ::1 and localhost."""
        return self._server_certificate()[0]

    # The identities.

    @property
    def region(self) -> str:
        return self._identities.region

    @property
    def tenancy(self) -> str:
        return self._identities.tenancy

    @property
    def user(self) -> str:
        return self._identities.user

    @property
    def compartment(self) -> str:
        return self._identities.compartment

    @property
    def instance(self) -> str:
        """The OCID of the instance whose metadata service this is."""
        return self._auth.instance

    @property
    def token_lifetime(self) -> float:
        return self._identities.token_lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: float) -> None:
        self._identities.token_lifetime = seconds

    @property
    def enhanced_cluster(self) -> bool:
        return self._auth.enhanced_cluster

    @enhanced_cluster.setter
    def enhanced_cluster(self, enhanced: bool) -> None:
        self._auth.enhanced_cluster = enhanced

    @property
    def stream_delay(self) -> float:
        return self._inference.stream_delay

    @stream_delay.setter
    def stream_delay(self, seconds: float) -> None:
        self._inference.stream_delay = seconds

    def now(self) -> float:
        """This server's time in seconds since the epoch."""
        return self.clock() + self.clock_offset

    def add_api_key(self, public_key: rsa.RSAPublicKey | None = None) -> FakeAPIKey:
        """Register an API key of the user: a new one, or the one whose public half is given."""
        with self._lock:
            return self._identities.add_api_key(public_key)

    def remove_api_key(self, key: FakeAPIKey) -> None:
        """Delete an API key: what it signs is refused from now on."""
        with self._lock:
            self._identities.remove_api_key(key)

    def add_session(
        self, *, lifetime: float | None = None, private_key: rsa.RSAPrivateKey | None = None
    ) -> FakeSession:
        """A session of the user, whose token lives `lifetime` seconds (default: `token_lifetime`)."""
        with self._lock:
            return self._identities.add_session(lifetime, private_key)

    def write_config(
        self,
        directory: str | Path,
        *,
        profile: str = "DEFAULT",
        session: bool = False,
        passphrase: str | None = None,
        lifetime: float | None = None,
    ) -> Path:
        """Write `directory`/config with a profile of a new API key or session, and the files it names.

        Other profiles in the file stay as they are. A passphrase encrypts the key and is written into the profile.
        Returns the path of the config file.
        """
        identity = self.add_session(lifetime=lifetime) if session else self.add_api_key()
        return write_profile(Path(directory).resolve(), profile, identity, passphrase)

    def environment(
        self,
        mode: str,
        *,
        version: str = "2.2",
        leaf: str = "2.2",
        depth: int = 1,
        cycle: bool = False,
        directory: str | Path | None = None,
        passphrase: str | None = None,
        lifetime: float | None = None,
        security_context: str | None = None,
    ) -> dict[str, str]:
        """The environment variables that a platform would set for a mode.

        "instance_principal": where the metadata service is.
        "resource_principal": of `version` "1.1", "2.1", "2.1.1", "2.1.2", "2.2" or "3.0"; for 3.0 with a `leaf` of one
        of the others and `depth` parents (`cycle`: a parent that names itself as its parent). With `directory`, token
        and key are files in it, otherwise literals. `passphrase` encrypts the key. A 2.1.2 resource has
        to send its `security_context`: a random one by default, and none if that is "".
        "oke_workload_identity": needs `directory` for the service account's token and CA files.
        `lifetime` is that of the token in seconds, where the variables hold one.

        The server has to be running. Raises `ValueError` for a mode or version there is not.
        """
        with self._lock:
            return environment(
                self,
                self._identities,
                mode,
                version=version,
                leaf=leaf,
                depth=depth,
                cycle=cycle,
                directory=None if directory is None else Path(directory),
                passphrase=passphrase,
                lifetime=lifetime,
                security_context=security_context,
            )

    def issue_token(
        self,
        public_key: rsa.RSAPublicKey | None,
        *,
        kind: str = "session",
        lifetime: float | None = None,
        **claims: Any,
    ) -> str:
        """A token bound to a key. `kind` is "session", "instance", "resource" or "workload".

        `claims` are added or replaced; a claim of `None` is left out. A negative `lifetime` makes an expired token.
        """
        with self._lock:
            return self._identities.issue(kind, public_key, lifetime, claims)

    def service_account_token(self, lifetime: float = 3600.0) -> str:
        """A Kubernetes service account token, as kubelet would project it into a pod."""
        with self._lock:
            claims = {"sub": "system:serviceaccount:default:app", "aud": ["https://kubernetes.default.svc"]}
            return self._identities.tokens.issue("service_account", None, lifetime, claims)

    def revoke(self, token: str) -> None:
        """Answer 401 to this token from now on, also when it asks for its refresh."""
        with self._lock:
            self._identities.tokens.revoke(token.strip().removeprefix("ST$"))

    def revoke_tokens(self) -> None:
        """Revoke every token that was issued so far, but for service account tokens, which are not OCI's."""
        with self._lock:
            self._identities.tokens.revoke_all()

    def rotate_instance_certificate(self, *, lifetime: float = 30 * 86400.0) -> None:
        """Give the instance a new certificate and key, valid for `lifetime` seconds."""
        with self._lock:
            self._auth.rotate_certificate(lifetime)

    def change_tenancy(self, tenancy: str | None = None) -> str:
        """Move the instance: its next certificate is of another tenancy, whose OCID is returned."""
        with self._lock:
            moved_to = tenancy or made_up_ocid("tenancy")
            self._auth.rotate_certificate(30 * 86400.0, moved_to)
            return moved_to

    # What goes wrong, and what the model says.

    def fail(self, service: str, *faults: Fault) -> None:
        """The next requests to a service ("*": to any) meet these faults, one each, in order."""
        if service != "*" and service not in SERVICES:
            raise ValueError(f"no such service: {service!r}; there are {', '.join(SERVICES)}")
        with self._lock:
            self._faults.setdefault(service, deque()).extend(faults)

    def script(self, *replies: str | ToolCall | list[ToolCall]) -> None:
        """The next answers of the model, in order: a text, a tool call, or several calls at once."""
        with self._lock:
            self._inference.script(replies)

    # The core and its mounts.

    def handle(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        secure: bool = False,
    ) -> Reply:
        """Answer one request, given as it is on the wire. `secure` says that it came by TLS."""
        request = Request(method, target, tuple(headers), body, secure)
        service, act = self._route(request)
        record = Record(service, method, target, list(headers), body)
        if request.values("x-content-sha256"):
            _ = request.digest  # Hashing a long body takes a while: not under the lock.
        with self._lock:
            exchange = Exchange(request, self._identities, self.now(), self.allowed_skew)
            record.time = exchange.now
            fault = None
            try:
                exchange.fault = fault = self._next_fault(service, record)
                check_framing(request)
                reply = act(exchange) if fault is None or not _answers(fault) else _refusal(exchange, fault, record)
            except Refused as refused:
                record.reason = refused.reason
                reply = refused.reply()
            except Exception as error:
                # A mistake here, or in a fault_source, must be seen by whoever reads the records.
                record.reason = f"the stand-in failed: {error!r}"
                reply = error_reply(500)
            self._finish(record, exchange.findings, reply)
        reply.wait = self.latency.get("*", 0.0) + self.latency.get(service, 0.0)
        if fault is not None:
            reply.wait += fault.delay
            reply.cut = "reset" if fault.reset else "hang" if fault.hang else "truncate" if fault.truncate else ""
            reply.headers += fault.headers.items()
        return reply

    def refuse_malformed(self, reason: str, status: int = 400) -> Reply:
        """The answer to what is no HTTP request, with a record of it."""
        record = Record("malformed", "", "", [], b"", reason=reason, time=self.now())
        reply = error_reply(status, "CannotParseRequest", reason)
        with self._lock:
            self._finish(record, Findings(), reply)
        return reply

    def httpx_transport(self) -> Any:
        """A transport for `httpx.Client` and `httpx.AsyncClient` that needs no server."""
        import httpx

        return transport_for(httpx, self)

    def httpx2_transport(self) -> Any:
        """A transport for `httpx2.Client` and `httpx2.AsyncClient` that needs no server."""
        import httpx2

        return transport_for(httpx2, self)

    def _route(self, request: Request) -> tuple[str, Callable[[Exchange], Reply]]:
        path = request.path
        if path.startswith("/opc/v2/"):
            return "metadata", self._auth.metadata
        if path == "/v1/x509":
            return "federation", self._auth.federation
        if path == "/v1/authentication/refresh":
            return "session_refresh", self._auth.session_refresh
        if path.startswith(("/20180711/resourcePrincipalToken", "/20180711/parentResourcePrincipalToken/")):
            return "rpt", self._auth.resource_principal_token
        if path == "/v1/resourcePrincipalSessionToken":
            return "rpst", self._auth.resource_principal_session_token
        if path == "/resourcePrincipalSessionTokens":
            return "workload_identity", self._auth.workload_identity
        if is_inference(path):
            return "inference", self._inference.answer
        if path.rstrip("/") in ("/20160918/regions", "/20160918/compartments"):
            return "identity", identity
        if path == "/n" or path.startswith("/n/"):
            return "object_storage", self._object_storage.answer
        return "echo", echo

    def _next_fault(self, service: str, record: Record) -> Fault | None:
        for name in (service, "*"):
            if self._faults.get(name):
                return self._faults[name].popleft()
        return self.fault_source(service, record) if self.fault_source else None

    def _finish(self, record: Record, findings: Findings, reply: Reply) -> None:
        reply.headers += [
            ("date", formatdate(self.now(), usegmt=True)),
            ("opc-request-id", secrets.token_hex(16).upper()),
        ]
        record.status = reply.status
        record.key_id = findings.key_id
        record.signed_headers = findings.signed_headers
        record.date = findings.date
        record.signed = findings.signed
        if findings.principal is not None:
            record.principal = findings.principal.name
            record.mode = findings.principal.mode
        self.records.append(record)
        if self.on_record is not None:
            self.on_record(record)

    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the stand-in is not running: use it as a context manager, or call start()")
        return self._server

    def _server_certificate(self) -> tuple[bytes, bytes]:
        with self._lock:
            if self._tls is None:
                self._tls = server_certificate()
            return self._tls


def _answers(fault: Fault) -> bool:
    """Whether the fault takes the place of the service's own answer."""
    return fault.status is not None or fault.reset or fault.hang


def _refusal(exchange: Exchange, fault: Fault, record: Record) -> Reply:
    """A fault in place of an answer. The record still says whether the request was signed, and by whom."""
    if record.service not in ("metadata", "federation", "workload_identity"):
        try:
            exchange.verify(exchange.identities.find_with_key_pairs)
        except Refused:
            pass
    what = "reset" if fault.reset else "hang" if fault.hang else str(fault.status)
    record.reason = f"a fault: {what}"
    status = fault.status or 500
    if fault.body is not None:
        content_type = next((v for k, v in fault.headers.items() if k.lower() == "content-type"), "")
        reply = bytes_reply(fault.body, content_type or "application/octet-stream", status)
        if content_type:
            reply.headers = [item for item in reply.headers if item[0] != "content-type"]
        return reply
    return error_reply(status, fault.code or CODES.get(status, ""), fault.message)
