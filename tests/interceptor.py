"""OCI's real host names, led to the stand-in: an HTTPS proxy that speaks for every host, with an authority of its own.

A program runs as it stands, with the addresses of the real service in it, when `environment` is set for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oci_httpx_auth._auth_service.regions import realm_regions

from .standin import FakeOCI

REGIONS = realm_regions("us-chicago-1")
HOSTS = (
    "*.oci.oraclecloud.com",
    "modeldeployment.us-chicago-1.oci.customer-oci.com",
    "identity.us-gov-ashburn-1.oci.oraclegovcloud.com",
    *(f"{service}.{region}.oci.oraclecloud.com" for region in REGIONS for service in ("*", "*.generativeai")),
    *(f"auth.{region}.oraclecloud.com" for region in REGIONS),
)


class Interceptor:
    """`CONNECT` to whatever host is answered by the stand-in, over TLS. `hosts` lists who was asked for.

    route: given a host, another server, by its `url`, that answers for it, or the status by which the proxy itself refuses.
    days: when the certificate begins and ends, counted from today.
    """

    def __init__(
        self,
        oci: FakeOCI,
        directory: Path,
        *,
        route: Callable[[str], Any] = lambda _: None,
        days: tuple[int, int] = (-1, 1),
        names: tuple[str, ...] = HOSTS,
    ) -> None:
        self._oci, self._route = oci, route
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority = directory / "authority.pem"
        certificate = directory / "certificate.pem"
        certificate.write_bytes(certify_hosts(self._authority, days, names))
        self._context.load_cert_chain(certificate)
        self.hosts: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        port = self._server.sockets[0].getsockname()[1]
        return {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": str(self._authority)}

    def __enter__(self) -> Interceptor:
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed comes to its end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with (
            contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError),
            contextlib.closing(writer),
        ):
            await self._lead(reader, writer)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = head.split(" ")[1].partition(":")[0]
        self.hosts.append(host)
        chosen = self._route(host)
        if isinstance(chosen, int):
            writer.write(f"HTTP/1.1 {chosen} {HTTPStatus(chosen).phrase}\r\ncontent-length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        port = int((chosen or self._oci).url.rpartition(":")[2])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        loop = asyncio.get_running_loop()
        protocol = writer.transport.get_protocol()
        transport = await loop.start_tls(writer.transport, protocol, self._context, server_side=True)
        assert transport is not None
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_copy(reader, upstream), _copy(upstream_reader, transport))
        finally:
            upstream.close()
            transport.abort()


async def _copy(reader: asyncio.StreamReader, target: asyncio.StreamWriter | asyncio.WriteTransport) -> None:
    try:
        while data := await reader.read(65536):
            target.write(data)
        target.close()
    except OSError:
        target.close()


def certify_hosts(authority: Path, days: tuple[int, int] = (-1, 1), names: tuple[str, ...] = HOSTS) -> bytes:
    """A certificate for OCI's hosts, with its key, as PEM. Writes the authority that issued it to a file."""
    now = datetime.datetime.now(datetime.timezone.utc)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test's own authority")])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=-days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    authority.write_bytes(pem)
    return pem + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
