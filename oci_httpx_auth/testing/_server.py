"""A strict HTTP/1.1 server on loopback, which leaves requests unchanged and sends each chunk when it is due.

It is not built on h11, which accepts what the stand-in has to refuse (folded lines, lone line feeds, repeated
lengths), refuses what it has to accept (raw bytes in a target), and would double the response time.
"""

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
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from http.client import responses
from pathlib import Path

from ._wire import Refused, Reply, Request, is_bodiless, malformed, pieces_to_send

LARGEST_HEAD = 256 * 1024
LARGEST_BODY = 320 * 1024 * 1024
# Bodies from this size on are hashed on a thread, so that other connections are not held up.
LARGE_BODY = 1024 * 1024
BACKLOG = 4096

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%b) ([\x21-\xff]+) HTTP/1\.([01])" % _TOKEN)
_HEADER_LINE = re.compile(rb"%b:[^\r\n\0]*" % _TOKEN)


class Server:
    """Listening sockets, and a thread with the event loop that serves them. A port of 0 stands for any free one."""

    def __init__(
        self,
        handle: Callable[[Request], Reply],
        refuse_malformed: Callable[[Refused], Reply],
        *,
        certificate: bytes,
        port: int = 0,
        tls_port: int = 0,
    ) -> None:
        self._handle = handle
        self._refuse_malformed = refuse_malformed
        self._certificate = certificate
        self.port = port
        self.tls_port = tls_port
        self._pid = os.getpid()

    def start(self) -> None:
        """Listen, then return. Raises `OSError` when a port is taken."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="fake-oci", daemon=True)
        self._thread.start()
        ready.result()

    def stop(self) -> None:
        """Abort open connections and free the ports."""
        if self._pid == os.getpid():  # A forked child lacks the thread, and the parent goes on serving.
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    async def _serve(self, ready: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with contextlib.ExitStack() as stack:
            try:
                self.port = await self._listen(stack, self.port, None)
                self.tls_port = await self._listen(stack, self.tls_port, _tls_context(self._certificate))
            except Exception as error:
                ready.set_exception(error)
                return
            ready.set_result(None)
            await self._stop.wait()

    async def _listen(self, stack: contextlib.ExitStack, port: int, context: ssl.SSLContext | None) -> int:
        async def converse(reader: StreamReader, writer: StreamWriter) -> None:
            try:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    while await self._serve_one(reader, writer, secure=context is not None):
                        pass
                    writer.close()
                    await writer.wait_closed()
            finally:
                writer.transport.abort()

        async def bind(host: str, port: int) -> int:
            server = await asyncio.start_server(converse, host, port, ssl=context, limit=LARGEST_HEAD, backlog=BACKLOG)
            stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])

        bound = await bind("127.0.0.1", port)
        # "localhost" may resolve to ::1 first. Without IPv6, or with the port taken there, 127.0.0.1 is enough.
        with contextlib.suppress(OSError):
            await bind("::1", bound)
        return bound

    async def _serve_one(self, reader: StreamReader, writer: StreamWriter, *, secure: bool) -> bool:
        """Serve one request. True when the connection may carry another."""
        method, keep, chunkable = "", False, True
        try:
            head = await _read_head(reader)
            if not head:
                return False
            request, chunkable = _parse_head(head, secure=secure)
            request = replace(request, body=await _read_body(reader, writer, request))
            method, options = request.method, ",".join(request.values("connection")).lower()
            keep = "close" not in options and (chunkable or "keep-alive" in options)
            if len(request.body) < LARGE_BODY:
                reply = self._handle(request)
            else:
                reply = await asyncio.to_thread(self._handle, request)
        except Refused as refused:
            reply = self._refuse_malformed(refused)
        if reply.wait:
            await asyncio.sleep(reply.wait)
        if reply.cut == "hang":
            while await reader.read(LARGE_BODY):
                pass
            return False
        if reply.cut == "reset":
            # A linger time of zero turns the close into a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        return await _send(reader, writer, reply, method, keep=keep, chunkable=chunkable)


async def _read_head(reader: StreamReader) -> bytes:
    """A request's head without surrounding blank lines; empty at the end of the connection."""
    head = b""
    try:
        while not head:
            head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n").lstrip(b"\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise malformed("the connection ended inside the head of a request") from None
    except asyncio.LimitOverrunError:
        raise malformed("the head of the request is too long", 431) from None
    return head


def _parse_head(head: bytes, *, secure: bool) -> tuple[Request, bool]:
    """The request without its body, and whether its client understands chunks (HTTP/1.1)."""
    first, *lines = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise malformed("the request line is malformed")
    if not all(map(_HEADER_LINE.fullmatch, lines)):
        raise malformed("a header line is malformed")
    pairs = (line.decode("latin-1").split(":", 1) for line in lines)
    headers = tuple((name, value.strip(" \t")) for name, value in pairs)
    return Request(match[1].decode(), match[2].decode("latin-1"), headers, b"", secure), match[3] == b"1"


async def _read_body(reader: StreamReader, writer: StreamWriter, request: Request) -> bytes:
    encodings = ",".join(request.values("transfer-encoding")).lower().strip()
    lengths = request.values("content-length") or ["0"]
    if encodings not in ("", "chunked"):
        raise malformed("the transfer-encoding is not chunked", 501)
    if len(set(lengths)) > 1 or not re.fullmatch("[0-9]{1,15}", lengths[0]):
        raise malformed("content-length is not one number")
    length = _within_limit(int(lengths[0]))
    if (length or encodings) and "100-continue" in request.header("expect").lower():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    try:
        return await (_read_chunks(reader) if encodings else reader.readexactly(length))
    except asyncio.IncompleteReadError:
        raise malformed("the connection ended inside the body of a request") from None
    except asyncio.LimitOverrunError:
        raise malformed("a chunk's size is malformed") from None


async def _read_chunks(reader: StreamReader) -> bytes:
    body = bytearray()
    size = None
    while size != 0:
        line = (await reader.readuntil(b"\r\n")).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", line):
            raise malformed("a chunk's size is malformed")
        size = int(line, 16)
        _within_limit(len(body) + size)
        body += await reader.readexactly(size)
        if size and await reader.readexactly(2) != b"\r\n":
            raise malformed("a chunk does not end where it should")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # a trailer
    return bytes(body)


def _within_limit(length: int) -> int:
    if length > LARGEST_BODY:
        raise malformed("the body is too long", 413)
    return length


async def _send(
    reader: StreamReader, writer: StreamWriter, reply: Reply, method: str, *, keep: bool, chunkable: bool
) -> bool:
    """Send a response. True if the connection may carry another request."""
    headers, pieces = list(reply.headers), pieces_to_send(reply, method)
    chunked = reply.streamed and chunkable and not is_bodiless(reply, method)
    if chunked:
        headers.append(("transfer-encoding", "chunked"))
        pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    closing = ("connection", "close") in headers
    ends = chunked or is_bodiless(reply, method) or any(name.lower() == "content-length" for name, _ in headers)
    keep = keep and not closing and not reply.cut and ends  # otherwise the end of the connection ends the body
    if not keep and not closing and reply.status != 101:
        headers.append(("connection", "close"))
    lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}", *map(": ".join, headers)]
    pieces = pieces or [b""]
    pieces[0] = "\r\n".join([*lines, "\r\n"]).encode("latin-1") + pieces[0]
    if chunked and not reply.cut:
        pieces[-1] += b"0\r\n\r\n"
    for number, piece in enumerate(pieces):
        if reply.delay and number:
            await asyncio.sleep(reply.delay)
        writer.write(piece)
        await writer.drain()
    if reply.status == 101:
        # A websocket client answers the close frame with its own, and then waits for the server to hang up.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(LARGE_BODY), 5)
    return keep and reply.status != 101


def _tls_context(certificate: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The ssl module loads certificates from files only.
    with tempfile.TemporaryDirectory(prefix="fake-oci-") as directory:
        path = Path(directory, "server.pem")
        path.write_bytes(certificate)
        context.load_cert_chain(path)
    return context
