"""The soak's other side, in a process of its own: the stand-in, its faults, and the files that platform and people write."""

from __future__ import annotations

import itertools
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from oci_httpx_auth.testing._server import Server

sys.path.append(str(Path(__file__).parent.parent))
from standin import FakeCredential, FakeOCI, Fault, Record

AUTH_SERVICES = ("metadata", "federation", "session_refresh", "rpt", "rpst", "workload_identity")
MOST_IN_A_ROW = 2  # faults of one service, so that a credential can be had in time

FAULTS: dict[str, Fault] = {
    "latency": Fault(delay=0.3),
    "429": Fault(status=429),
    "429 with Retry-After": Fault(status=429, headers={"retry-after": "1"}),
    "500": Fault(status=500),
    "502": Fault(status=502, body=b"<html>bad gateway</html>", headers={"content-type": "text/html"}),
    "503": Fault(status=503),
    "reset": Fault(reset=True),
    "half a body": Fault(truncate=True),
    "not JSON": Fault(status=200, body=b"<html>busy</html>"),
    "other JSON": Fault(status=200, body=b'["busy"]'),
}
TOKEN_FAULTS: dict[str, Fault] = {
    "no token": Fault(token="missing"),
    "expired token": Fault(token="expired"),
    "token of another key": Fault(token="wrong_key"),
    "unparsable token": Fault(token="garbage"),
}


class StandIn:
    """Its methods are what the soak asks for over the pipe. `mode` is spelled as the OCI CLI spells it."""

    def __init__(self, directory: str, seed: int) -> None:
        self._directory = Path(directory)
        self._chance = random.Random(seed)
        self._oci = FakeOCI()
        self._oci.start()
        self._oci.fault_source = self._fault
        self._oci.on_record = self._count
        # The auth services have a port of their own, which can be closed while the called service stays.
        self._certificate = self._oci._certificates[1]
        self._auth = Server(self._oci._handle, self._oci._refuse_malformed, certificate=self._certificate)
        self._auth.start()
        self._auth_ports = self._auth.port, self._auth.tls_port
        self._trouble = 0.0
        self._staying: Fault | None = None
        self._in_a_row: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str]] = Counter()
        keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(8)]
        self._keys = itertools.cycle(keys)
        self._platform: threading.Thread | None = None
        self._stop = threading.Event()
        self._rotation = threading.Lock()
        self._api_key: FakeCredential | None = None

    def begin(self, mode: str, lifetime: float) -> dict[str, str]:
        """Get ready for a mode. Returns addresses and paths, and variables by their upper-case names."""
        self._mode, self._lifetime = mode, lifetime
        self._folder = self._directory / mode
        self._oci.token_lifetime = lifetime
        self._oci.clock_offset = 0.0
        self._rotate_certificate()
        auth = f"http://127.0.0.1:{self._auth_ports[0]}"
        told = {"url": self._oci.url, "auth": auth, "auth_tls_port": str(self._auth_ports[1])}
        if mode == "security_token":
            told["config"] = str(self._oci.write_config(self._folder, session=True))
        elif mode == "api_key":
            self._folder.mkdir(mode=0o700, exist_ok=True)
            told["config"] = str(self._folder / "config")
            self._replace_api_key()
        elif mode == "oke_workload_identity":
            told |= self._oci.environment(mode, directory=self._folder)
        elif mode == "resource_principal 3.0":
            # Of a resource whose parent's parent is meant, and which lives on an instance: all services have a part.
            variables = self._oci.environment("resource_principal", version="3.0", leaf="1.1", depth=2)
            told |= {name: value.replace(self._oci.url, auth) for name, value in variables.items()}
            told["OCI_CLI_FEDERATION_ENDPOINT"] = f"{auth}/v1/x509"
        elif mode == "resource_principal 2.2":
            told |= self._oci.environment("resource_principal", directory=self._folder)
            self._stop.clear()
            self._platform = threading.Thread(target=self._rotate_forever, daemon=True)
            self._platform.start()
        return told

    def end(self) -> None:
        self._trouble = 0.0
        self._stop.set()
        if self._platform is not None:
            self._platform.join(20)
            self._platform = None

    def trouble(self, share: float) -> None:
        """Have this share of all calls to auth services go wrong."""
        self._trouble = share

    def stay(self, fault: str, retry_after: int) -> None:
        """Have every call to an auth service fail in this way, until another or none is named."""
        self._staying = {
            "down": Fault(reset=True),
            "forbidden": Fault(status=403, code="NotAuthorized", message="not today"),
            "throttled": Fault(status=429, headers={"retry-after": str(retry_after)}),
        }.get(fault)
        if not fault and self._mode == "security_token":
            self._authenticate(None)  # a session that could not be renewed is over, and its person begins another

    def jump(self, seconds: float) -> None:
        """Set the server's clock to this many seconds off the machine's."""
        ahead = max(seconds - self._oci.clock_offset, 0.0)
        if self._mode == "security_token" and ahead:
            # A session that has ended cannot be renewed by anybody, so the new one is made for the time to come.
            self._authenticate(ahead + self._lifetime / 2)  # half, so that renewals extend it
        with self._rotation:
            if self._mode == "resource_principal 2.2":
                self._inject(ahead + self._lifetime)
            self._oci.clock_offset = seconds

    def rotate(self) -> None:
        """Replace what the credential is made from: certificate, session, injected files or key."""
        if self._mode in ("instance_principal", "resource_principal 3.0"):
            self._rotate_certificate()
        elif self._mode == "security_token":
            self._authenticate(None)
        elif self._mode == "oke_workload_identity":
            _replace(self._folder / "token", self._oci.service_account_token().encode())
        elif self._mode == "api_key":
            self._replace_api_key()
        else:
            with self._rotation:
                self._inject(None)

    def _rotate_certificate(self) -> None:
        """Valid since half an hour ago, so that the server's clock may go back while it is in use."""
        with self._oci._lock:
            self._oci.clock_offset -= 1800
            self._oci.rotate_instance_certificate()
            self._oci.clock_offset += 1800

    def revoke(self) -> None:
        """Revoke what is in use, once there is something else to be had."""
        if self._mode in ("instance_principal", "resource_principal 3.0", "oke_workload_identity"):
            self._oci.revoke_tokens()
        elif self._mode == "security_token":
            old = self._session_file("token").read_text()
            self._authenticate(None)
            self._oci.revoke(old)
        elif self._mode == "resource_principal 2.2":
            with self._rotation:
                old = (self._folder / "rpst").read_text()
                self._inject(None)
                self._oci.revoke(old)

    def reject(self) -> None:
        """Answer the next request to the called service with an unfounded 401."""
        self._oci.fail("echo", Fault(status=401))

    def hang(self) -> None:
        """Never answer the next call of an auth service."""
        services = {"instance_principal": "federation", "resource_principal 3.0": "rpst"}
        self._oci.fail(services.get(self._mode, "workload_identity"), Fault(hang=True))
        self._counts["fault", "hang"] += 1

    def refuse(self, seconds: float) -> None:
        """Close the port of the auth services for a while: connections are refused."""
        self._auth.stop()
        time.sleep(seconds)
        port, tls_port = self._auth_ports
        for attempts_left in reversed(range(50)):
            self._auth = Server(
                self._oci._handle,
                self._oci._refuse_malformed,
                certificate=self._certificate,
                port=port,
                tls_port=tls_port,
            )
            try:
                self._auth.start()
                break
            except OSError:  # a connection of some process has got the port meanwhile
                if not attempts_left:
                    raise
                time.sleep(0.1)

    def counts(self) -> dict[tuple[str, str], int]:
        return dict(self._counts)

    def _fault(self, service: str, record: Record) -> Fault | None:
        if record.target == "/refused":
            return Fault(status=401)
        if service in AUTH_SERVICES and self._staying is not None:
            return self._staying
        if service not in AUTH_SERVICES or self._in_a_row[service] >= MOST_IN_A_ROW:
            self._in_a_row[service] = 0
            return None
        if self._chance.random() >= self._trouble:
            self._in_a_row[service] = 0
            return None
        faults = FAULTS if service in ("metadata", "rpt") else FAULTS | TOKEN_FAULTS
        name = self._chance.choice(list(faults))
        self._in_a_row[service] += 1
        self._counts["fault", name] += 1
        return faults[name]

    def _count(self, record: Record) -> None:
        self._oci.records.clear()
        if record.target == "/refused":
            self._counts["refusing host", str(record.status)] += 1
            return
        self._counts[record.service, str(record.status)] += 1
        if record.status == 401:
            self._counts["401 because", f"{record.service}: {re.sub('-?[0-9]+', 'n', record.reason)}"] += 1
        elif record.status >= 400 and record.service not in (*AUTH_SERVICES, "malformed"):  # cancelled in the middle
            self._counts["unexpected", record.reason] += 1

    def _session_file(self, name: str) -> Path:
        return self._folder / "sessions" / "DEFAULT" / name

    def _authenticate(self, lifetime: float | None) -> None:
        """What `oci session authenticate` does: two files, one after the other."""
        session = self._oci.add_session(lifetime=lifetime, private_key=next(self._keys))
        _replace(self._session_file("oci_api_key.pem"), session.private_key_pem())
        _replace(self._session_file("token"), session.token.encode())

    def _replace_api_key(self) -> None:
        """What a person does who replaces an API key: register it, configure it, and delete the old one."""
        private_key = next(self._keys)
        key = self._oci.add_api_key(private_key.public_key())
        key_file = self._folder / f"{key.fingerprint}.pem"
        _replace(key_file, _private_pem(private_key))
        values = {"user": key.user, "tenancy": key.tenancy, "region": key.region, "fingerprint": key.fingerprint}
        lines = [f"{name}={value}" for name, value in {**values, "key_file": str(key_file)}.items()]
        _replace(self._folder / "config", "\n".join(["[DEFAULT]", *lines, ""]).encode())
        if self._api_key is not None:
            self._oci.remove_api_key(self._api_key)
        self._api_key = key

    def _inject(self, lifetime: float | None) -> None:
        """What the platform does: two files, one after the other. The lock is held."""
        key = next(self._keys)
        token = self._oci.issue_token(key.public_key(), kind="resource", lifetime=lifetime)
        _replace(self._folder / "private_pem", _private_pem(key))
        _replace(self._folder / "rpst", token.encode())

    def _rotate_forever(self) -> None:
        while not self._stop.wait(self._lifetime / 2):
            with self._rotation:
                self._inject(None)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.soak")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)


def serve(pipe: Connection, directory: str, seed: int) -> None:
    """Do what the pipe says until it is closed."""
    stand_in = StandIn(directory, seed)
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer: Any = getattr(stand_in, name)(*arguments)
        except Exception as error:
            answer = error
        pipe.send(answer)


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
