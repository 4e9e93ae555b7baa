"""`FakeOCI`: the public class of the stand-in."""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, suppress
from email.utils import formatdate
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from ._auth_services import AuthServices
from ._certificates import server_certificate
from ._chat import check_chat, message_of
from ._exchange import Endpoint, Exchange, compile_path, echo, route
from ._identity import Identities
from ._inference import check_compartment, inference_endpoints, refusals
from ._machine import PREFIX, key_values, literals_or_files, pod_environment, write_profile
from ._model import Model, ToolCall, check_model_name
from ._server import Server
from ._transport import transport_for
from ._verify import Principal, check_framing
from ._wire import Fault, Record, Refused, Reply, Request, compress_events, error_reply

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class FakeOCI:
    """A stand-in for Oracle Cloud Infrastructure on loopback, which really verifies every request.

    `with FakeOCI() as oci:` serves it on free ports, over plain HTTP (`oci.url`) and over TLS. Without a server it can be
    used as an in-process transport (`oci.transport()`). Services are distinguished only by path, so one address serves
    every endpoint. Error messages say no more than OCI's would; the precise reason for a refusal is in the record. All
    methods may be called from any thread.

    region: the region id in metadata, config files and environment variables.
    clock: the time in seconds since the epoch.
    token_lifetime: lifetime of issued tokens in seconds.
    session_limit: seconds after which a session can no longer be refreshed.
    allowed_skew: seconds that a signed date may be off.
    stream_delay: seconds between two pieces of a streamed response.
    port, workload_identity_port: the plain and the TLS port; 0 stands for any free one. The `oci` SDK requests
    workload identity tokens only on port 12250.
    lenient: accept any model name and compartment, and store responses and conversations without a project or
    conversation store. OCI refuses all of these.
    on_record: called with each new record.

    Entering the context raises `OSError` if a requested port is taken.
    """

    def __init__(
        self,
        *,
        region: str = "us-chicago-1",
        clock: Callable[[], float] = time.time,
        token_lifetime: float = 3600.0,
        session_limit: float = 86400.0,
        allowed_skew: float = 300.0,
        stream_delay: float = 0.0,
        port: int = 0,
        workload_identity_port: int = 0,
        lenient: bool = False,
        on_record: Callable[[Record], object] | None = None,
    ) -> None:
        self._clock = clock
        self._allowed_skew = allowed_skew
        self._strict = not lenient
        self._records: list[Record] = []
        self._on_record = on_record
        self._lock = threading.RLock()
        self._identities = Identities(region, self._now, token_lifetime)
        self._auth = AuthServices(self._identities, session_limit)
        self._model = Model(stream_delay)
        self._endpoints = [
            *self._auth.endpoints(),
            *inference_endpoints(self._model, strict=self._strict),
            Endpoint("echo", compile_path(".*"), [], echo),
        ]
        self._faults: dict[str, deque[Fault]] = {}
        self._ports = (port, workload_identity_port)
        self._server: Server | None = None

    def __enter__(self) -> FakeOCI:
        if self._server is None:
            port, tls_port = self._ports
            certificate = self._certificates[1]
            server = Server(self._handle, self._refuse_malformed, certificate=certificate, port=port, tls_port=tls_port)
            server.start()
            self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The records stay.
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    # Addresses and identities.

    @property
    def url(self) -> str:
        """The address of every service, without a trailing slash."""
        return f"http://127.0.0.1:{self._running().port}"

    @property
    def openai_url(self) -> str:
        """The `base_url` for OpenAI's clients."""
        return f"{self.url}/openai/v1"

    @property
    def compartment(self) -> str:
        """The OCID of the user's compartment."""
        return self._identities.compartment

    def write_config(
        self,
        directory: str | Path,
        *,
        profile: str = "DEFAULT",
        session: bool = False,
        passphrase: str | None = None,
        lifetime: float | None = None,
    ) -> Path:
        """Write `directory`/config with a profile for a new API key or session, and the files it names.

        Other profiles in the file are kept. A passphrase encrypts the key and is written to the profile. A session's
        token lives `lifetime` seconds, and the stand-in renews it if it was running when the profile was written: the
        profile names it as `auth_endpoint`. The OCI CLI does not read that, so its `oci session refresh` sends the token
        to OCI. A test that runs it has to lead it to the stand-in by a proxy (HTTPS_PROXY).
        Returns the path of the config file.
        """
        with self._lock:
            known = self._identities
            credential = known.add_token_holder("session", lifetime) if session else known.add_api_key()
        # Without a server, renewals go to the discard port, where nothing listens.
        auth_endpoint = self.url if self._server is not None else "http://127.0.0.1:9"
        return write_profile(Path(directory).resolve(), profile, credential, passphrase, auth_endpoint)

    def environment(
        self,
        mode: str,
        *,
        directory: str | Path | None = None,
        passphrase: str | None = None,
        lifetime: float | None = None,
    ) -> dict[str, str]:
        """The environment variables that a platform would set for a mode.

        "instance_principal": the addresses of the metadata service and of the federation endpoint.
        "resource_principal": version 2.2, as in functions. With `directory`, token and key are files in it, otherwise
        literals. `passphrase` encrypts the key.
        "oke_workload_identity": needs `directory` for the service account's token and CA files.
        `lifetime` is the token's in seconds, if the variables hold one.

        The server has to be running. Raises `ValueError` for any other mode.
        """
        folder = None if directory is None else Path(directory)
        if mode == "instance_principal":
            metadata, federation = f"{self.url}/opc/v2", f"{self.url}/v1/x509"
            return {"OCI_METADATA_BASE_URL": metadata, "OCI_CLI_FEDERATION_ENDPOINT": federation}
        if mode == "resource_principal":
            with self._lock:
                resource = self._identities.add_token_holder("resource", lifetime)
            values = {"RPST": resource.token, **key_values(resource, passphrase)}
            variables = {f"{PREFIX}VERSION": "2.2", f"{PREFIX}REGION": resource.region}
            return {**variables, **literals_or_files(values, folder)}
        if mode != "oke_workload_identity":
            raise ValueError(f"no environment for the mode {mode!r}")
        if folder is None:
            raise ValueError("oke_workload_identity needs a directory for its token and CA files")
        with self._lock:
            token = self._identities.issue_service_account_token(3600.0 if lifetime is None else lifetime)
        return pod_environment(folder, token, self._certificates[0], self._identities.region)

    def revoke_tokens(self, *tokens: str) -> None:
        """Refuse these tokens from now on, even for a refresh.

        Without arguments, refuse all that were issued so far, except service account tokens, which are not OCI's.
        """
        with self._lock:
            issuer = self._identities.tokens
            issuer.revoked |= {token.strip().removeprefix("ST$") for token in tokens} or issuer.issued

    # Records, faults, and the model's replies.

    @property
    def records(self) -> list[Record]:
        """The requests so far and their results, oldest first. The list may be cleared."""
        return self._records

    def fail(self, service: str, *faults: Fault) -> None:
        """Make the next requests to a service ("*": to any) fail with these faults, one each, in order."""
        services = {endpoint.service for endpoint in self._endpoints}
        if service != "*" and service not in services:
            raise ValueError(f"no such service: {service!r}; there are {', '.join(sorted(services))}")
        with self._lock:
            self._faults.setdefault(service, deque()).extend(faults)

    def script(self, *replies: str | ToolCall | list[ToolCall]) -> None:
        """Queue the model's next answers: each is a text, a tool call, or several calls at once."""
        with self._lock:
            self._model.script += [[reply] if isinstance(reply, ToolCall) else reply for reply in replies]

    def complete(self, chat: Mapping[str, Any], *, compartment: str | None = None) -> dict[str, Any]:
        """The model's message for a chat completion request, both in OpenAI's form.

        For your own endpoints that use another form. Raises `Refused` for a request without messages, or without a model
        of a vendor that Generative AI has, and if `compartment` is given, for one that is not an OCID.
        """
        document = dict(chat)
        check_chat(document)
        if self._strict:
            check_model_name(document.get("model"))
            if compartment is not None:
                check_compartment(compartment, "compartmentId")
        with self._lock:
            return message_of(self._model.answer(document))

    # More endpoints, and a transport instead of the server.

    def add_endpoint(
        self,
        path: str,
        handler: Callable[[Request, Principal], object],
        *,
        methods: Collection[str] = METHODS,
        service: str = "custom",
        body_signed: bool = True,
    ) -> None:
        """Serve your own paths, which are verified, recorded and subject to faults like the built-in ones.

        path: a regular expression that has to match the whole path. The endpoint added last is tried first.
        handler: called with a verified request and the principal that signed it; returns a `Reply`, or a document to
        send as JSON. It may raise `Refused`.
        methods: those that the endpoint accepts.
        service: its name in records and for `fail`; other endpoints may share it. Those of "inference" refuse as Generative AI
        does: a body that `handler` cannot read is 400, and so is a compartment that is not an OCID, unless lenient.
        body_signed: false for the few operations whose body need not be signed (uploads).
        """

        def act(exchange: Exchange) -> Reply:
            principal = exchange.verify(body_exempt=not body_signed)
            with refusals(exchange.request, strict=self._strict) if service == "inference" else nullcontext():
                result = handler(exchange.request, principal)
            return result if isinstance(result, Reply) else Reply.json(result)

        with self._lock:
            self._endpoints.insert(0, Endpoint(service, compile_path(path), methods, act))

    def transport(self, library: ModuleType | None = None) -> Any:
        """A transport for the clients, sync and async, of `library` (`httpx`, the default, or `httpx2`)."""
        if library is None:
            import httpx as library
        return transport_for(library, self._handle)

    # The core, which server and transport call.

    def _now(self) -> float:
        return self._clock()

    def _handle(self, request: Request) -> Reply:
        """The reply to one request, which is given unchanged from the wire."""
        endpoint = route(self._endpoints, request)
        record = Record(endpoint.service, request.method, request.target, list(request.headers), request.body)
        if request.values("x-content-sha256"):
            _ = request.digest  # Hashing a long body takes a while, so not under the lock.
        with self._lock:
            record.time = self._now()
            match = endpoint.pattern.fullmatch(request.path)
            exchange = Exchange(request, match, record, self._identities, record.time, self._allowed_skew)
            try:
                exchange.fault = self._next_fault(record) or Fault()
                check_framing(request)
                act = _fault_reply if exchange.fault.replaces_response else endpoint.act
                reply = act(exchange)
                compress_events(request, reply)
            except Refused as refused:
                record.reason = refused.reason
                reply = refused.reply(record.service)
            except Exception as error:
                # A bug here or in a handler has to be visible in the records.
                record.reason = f"the stand-in failed: {error!r}"
                reply = error_reply(record.service, 500, message="The stand-in failed. Its record says why.")
            self._finish(record, reply)
        _spoil(reply, exchange.fault)
        return reply

    def _refuse_malformed(self, refused: Refused) -> Reply:
        """The reply to something that is not an HTTP request, which is recorded too."""
        record = Record("malformed", "", "", [], b"", reason=refused.reason, time=self._now())
        reply = refused.reply(record.service)
        with self._lock:
            self._finish(record, reply)
        return reply

    def _next_fault(self, record: Record) -> Fault | None:
        for name in (record.service, "*"):
            if self._faults.get(name):
                return self._faults[name].popleft()
        return None

    def _finish(self, record: Record, reply: Reply) -> None:
        reply.headers.append(("date", formatdate(self._now(), usegmt=True)))
        reply.headers.append(("opc-request-id", secrets.token_hex(16).upper()))
        record.status = reply.status
        self._records.append(record)
        if self._on_record is not None:
            self._on_record(record)

    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the stand-in is not running: use it as a context manager")
        return self._server

    @functools.cached_property
    def _certificates(self) -> tuple[bytes, bytes]:
        """The authority of the TLS address, and the server's key and certificate."""
        return server_certificate()


def _fault_reply(exchange: Exchange) -> Reply:
    """The reply that a fault prescribes. The record still says whether the request was signed, and by whom."""
    with suppress(Refused):
        exchange.verify()
    fault = exchange.fault
    exchange.record.reason = f"a fault: {_cut(fault) or fault.status}"
    status = fault.status or 500
    if fault.body is None:
        return error_reply(exchange.record.service, status, fault.code, fault.message)
    if any(name.lower() == "content-type" for name in fault.headers):
        return Reply(status, [("content-length", str(len(fault.body)))], [fault.body])
    return Reply.content(fault.body, "application/octet-stream", status)


def _spoil(reply: Reply, fault: Fault) -> None:
    """Apply a fault to a reply: its delay, its headers, and how it is cut off."""
    reply.wait, reply.cut = fault.delay, _cut(fault) or ("truncate" if fault.truncate else "")
    removed = {name.lower() for name, value in fault.headers.items() if not value}
    reply.headers = [header for header in reply.headers if header[0] not in removed]
    reply.headers += [header for header in fault.headers.items() if header[1]]


def _cut(fault: Fault) -> str:
    """How a fault withholds the response, if it does."""
    return "reset" if fault.reset else "hang" if fault.hang else ""
