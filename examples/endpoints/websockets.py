"""The opening handshake of websockets at `/openai/v1/responses` and `/openai/v1/realtime`, and a polite farewell.

Unverified: no public source shows OCI serving websockets. The handshake is that of RFC 6455.
"""

from __future__ import annotations

import base64
import hashlib
import struct

from oci_httpx_auth.testing import FakeOCI, Refused, Reply, Request

from ._turns import serve

CLOSE_FRAME = struct.pack("!BBH", 0x88, 2, 1000)


def add_to(oci: FakeOCI) -> None:
    for path in ("/openai/v1/responses", "/openai/v1/realtime"):
        serve(oci, "GET", path, handshake)


def handshake(request: Request) -> Reply:
    key = request.header("sec-websocket-key")
    if request.header("upgrade").lower() != "websocket" or not key:
        raise Refused("the websocket handshake is malformed", status=400)
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    headers = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", base64.b64encode(digest).decode()),
    ]
    return Reply(101, headers, [CLOSE_FRAME])
