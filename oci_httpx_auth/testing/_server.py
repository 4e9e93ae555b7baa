"""A small HTTP/1.1 server on loopback: it hands each request on untouched, and sends each chunk as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable
from http import HTTPStatus

from ._wire import Handle, Reply

LARGEST_HEAD = 256 * 1024
LARGEST_BODY = 320 * 1024 * 1024
READ_SIZE = 1024 * 1024
BACKLOG = 4096
# From this size on a body is hashed on a thread, so that other connections go on.
LARGE_BODY = 1024 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\xff]+) HTTP/1\.([01])")


class _Malformed(Exception):
    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Server:
    """The listening sockets, and the thread with the event loop that serves them."""

    def __init__(
        self,
        handle: Handle,
        refuse_malformed: Callable[[str, int], Reply],
        *,
        certificate: bytes,
        tls_port: int = 0,
        port: int = 0,
    ) -> None:
        self._handle = handle
        self._refuse_malformed = refuse_malformed
        self._certificate = certificate
        self._wanted_port = port
        self._wanted_tls_port = tls_port
        self._connections: set[asyncio.Task[None]] = set()
        self._transports: set[asyncio.BaseTransport] = set()
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.port = 0
        self.tls_port = 0

    def start(self) -> None:
        """Listen, then return. Raises `OSError` when a port is taken."""
        ready = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(ready))
            except BaseException as error:
                failure.append(error)
            finally:
                ready.set()

        self._thread = threading.Thread(target=run, name="fake-oci", daemon=True)
        self._thread.start()
        ready.wait()
        if failure:
            raise failure[0]

    def stop(self) -> None:
        """Break what is still open and free the ports."""
        if self._pid != os.getpid() or self._loop is None or self._stop is None:
            return  # A forked child has no such thread, and the parent goes on serving.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        context = _tls_context(self._certificate)
        async with contextlib.AsyncExitStack() as stack:
            self.port = await self._listen(stack, self._wanted_port, None)
            self.tls_port = await self._listen(stack, self._wanted_tls_port, context)
            ready.set()
            await self._stop.wait()
        for transport in self._transports:
            transport.abort()  # type: ignore[attr-defined]
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _listen(self, stack: contextlib.AsyncExitStack, port: int, context: ssl.SSLContext | None) -> int:
        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._converse(reader, writer, secure=context is not None))
            self._connections.add(task)
            self._transports.add(writer.transport)

            def ended(finished: asyncio.Task[None]) -> None:
                self._connections.discard(finished)
                self._transports.discard(writer.transport)

            task.add_done_callback(ended)

        server = await asyncio.start_server(
            accepted, "127.0.0.1", port, ssl=context, limit=LARGEST_HEAD, backlog=BACKLOG
        )
        stack.callback(server.close)
        bound = int(server.sockets[0].getsockname()[1])
        # "localhost" may lead to ::1 first. Without IPv6, or with the port taken there, 127.0.0.1 is enough.
        with contextlib.suppress(OSError):
            second = await asyncio.start_server(
                accepted, "::1", bound, ssl=context, limit=LARGEST_HEAD, backlog=BACKLOG
            )
            stack.callback(second.close)
        return bound

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._one_request(reader, writer, secure=secure):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool) -> bool:
        """Serve one request. True when the connection may carry another."""
        method, keep = "", False
        try:
            head = await _read_head(reader)
            if head is None:
                return False
            method, target, headers, minor = _parse_head(head)
            body = await _read_body(reader, writer, headers)
            keep = _keeps_alive(headers, minor)
            if len(body) >= LARGE_BODY:
                reply = await asyncio.to_thread(self._handle, method, target, headers, body, secure=secure)
            else:
                reply = self._handle(method, target, headers, body, secure=secure)
        except _Malformed as error:
            minor = 1
            reply = self._refuse_malformed(error.reason, error.status)
        if reply.wait:
            await asyncio.sleep(reply.wait)
        if reply.cut == "hang":
            await _read_until_closed(reader)
            return False
        if reply.cut == "reset":
            _reset(writer)
            return False
        if reply.status == 101:
            return await _hand_over(reader, writer, reply)
        return await _send(writer, reply, method=method, keep=keep, chunked=minor == 1)


async def _read_head(reader: asyncio.StreamReader) -> bytes | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head == b"\r\n\r\n":
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise _Malformed("the connection ended inside the head of a request") from None
        return None
    except asyncio.LimitOverrunError:
        raise _Malformed("the head of the request is too long", 431) from None
    return head.lstrip(b"\r\n")


def _parse_head(head: bytes) -> tuple[str, str, list[tuple[str, str]], int]:
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise _Malformed("the request line is malformed")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise _Malformed("a header line is malformed")
        value = value.strip(b" \t")
        if b"\r" in value or b"\n" in value or b"\0" in value:
            raise _Malformed("a header value holds a control character")
        headers.append((name.decode("latin-1"), value.decode("latin-1")))
    return match[1].decode(), match[2].decode("latin-1"), headers, int(match[3])


def _values(headers: list[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]


def _keeps_alive(headers: list[tuple[str, str]], minor: int) -> bool:
    options = ",".join(_values(headers, "connection")).lower()
    return "close" not in options and (minor == 1 or "keep-alive" in options)


async def _read_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: list[tuple[str, str]]
) -> bytes:
    encodings = ",".join(_values(headers, "transfer-encoding")).lower()
    lengths = set(_values(headers, "content-length"))
    if encodings and encodings.strip() != "chunked":
        raise _Malformed("the transfer-encoding is not chunked", 501)
    if len(lengths) > 1 or not all(re.fullmatch("[0-9]{1,15}", length) for length in lengths):
        raise _Malformed("content-length is not one number")
    length = int(lengths.pop()) if lengths else 0
    if length > LARGEST_BODY:
        raise _Malformed("the body is too long", 413)
    if (length or encodings) and "100-continue" in ",".join(_values(headers, "expect")).lower():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    if encodings:
        return await _read_chunked(reader)
    return b"".join(await _read_exactly(reader, length))


async def _read_exactly(reader: asyncio.StreamReader, length: int) -> list[bytes]:
    # StreamReader.readexactly would pause the socket and copy again and again for a long body.
    parts: list[bytes] = []
    while length:
        part = await reader.read(min(length, READ_SIZE))
        if not part:
            raise _Malformed("the connection ended inside the body of a request")
        parts.append(part)
        length -= len(part)
    return parts


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        line = (await reader.readuntil(b"\r\n")).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", line):
            raise _Malformed("a chunk's size is malformed")
        size = int(line, 16)
        total += size
        if total > LARGEST_BODY:
            raise _Malformed("the body is too long", 413)
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return b"".join(parts)
        parts += await _read_exactly(reader, size)
        if await reader.readexactly(2) != b"\r\n":
            raise _Malformed("a chunk does not end where it should")


async def _send(writer: asyncio.StreamWriter, reply: Reply, *, method: str, keep: bool, chunked: bool) -> bool:
    bodiless = method == "HEAD" or reply.status in (204, 304)
    headers = list(reply.headers)
    framed = reply.streamed and chunked and not bodiless
    if framed:
        headers.append(("transfer-encoding", "chunked"))
    closing = ("connection", "close") in headers
    if (reply.streamed and not framed) or reply.cut or closing:
        keep = False
    if not keep and not closing:
        headers.append(("connection", "close"))
    pending = _head_bytes(reply.status, headers)
    chunks = [] if bodiless else list(reply.chunks)
    if reply.cut == "truncate":
        chunks = _half(chunks)
    for number, chunk in enumerate(chunks):
        if reply.delay and number:
            await asyncio.sleep(reply.delay)
        writer.write(pending + (b"%x\r\n%b\r\n" % (len(chunk), chunk) if framed else chunk))
        pending = b""
        await writer.drain()
    if framed and not reply.cut:
        pending += b"0\r\n\r\n"
    if pending:
        writer.write(pending)
        await writer.drain()
    return keep


def _half(chunks: list[bytes]) -> list[bytes]:
    if len(chunks) > 1:
        return chunks[: len(chunks) // 2]
    return [chunk[: len(chunk) // 2] for chunk in chunks]


def _head_bytes(status: int, headers: list[tuple[str, str]]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _hand_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Switch protocols: send what the new protocol opens with, then wait for the client to leave."""
    writer.write(_head_bytes(reply.status, reply.headers) + b"".join(reply.chunks))
    await writer.drain()
    with contextlib.suppress(asyncio.TimeoutError):
        # A websocket client answers the close frame with its own, and then waits for the server to hang up.
        await asyncio.wait_for(reader.read(READ_SIZE), 5)
    return False


async def _read_until_closed(reader: asyncio.StreamReader) -> None:
    while await reader.read(READ_SIZE):
        pass


def _reset(writer: asyncio.StreamWriter) -> None:
    # Lingering for no time is what makes the close a reset.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _tls_context(certificate: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The ssl module loads certificates from files only.
    with tempfile.TemporaryDirectory(prefix="fake-oci-") as directory:
        path = os.path.join(directory, "server.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(certificate)
        context.load_cert_chain(path)
    return context
