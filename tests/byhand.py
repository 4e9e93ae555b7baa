"""Requests signed and sent by hand: the standard library, `cryptography`, and not a line of the library under test.

Each part of a `Draft` can be spoiled on its own, before or after the signature is made.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .standin import FakeOCI

BODY_NAMES = ["content-length", "content-type", "x-content-sha256"]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Draft:
    """A signed request in the making. `credential` is anything with `key_id` and `private_key`."""

    credential: Any
    method: str = "POST"
    target: str = "/some/path?a=b"
    body: bytes = b'{"a": 1}'
    host: str = "127.0.0.1"
    headers: list[list[str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    extra: list[list[str]] = field(default_factory=list)
    now: float | None = None

    def __post_init__(self) -> None:
        self.headers = [["Date", formatdate(self.now, usegmt=True)], ["Host", self.host], *self.headers]
        self.names = ["date", "(request-target)", "host"]
        if self.method in ("POST", "PUT", "PATCH"):
            self.fit_body()
            self.names += BODY_NAMES
        self.parameters = {"version": "1", "algorithm": "rsa-sha256", "keyId": self.credential.key_id}

    def fit_body(self) -> None:
        """Make the body's headers those of the body."""
        self.set("Content-Length", str(len(self.body)))
        self.set("Content-Type", "application/json")
        self.set("X-Content-Sha256", base64.b64encode(hashlib.sha256(self.body).digest()).decode())

    def get(self, name: str) -> str:
        return next(value for key, value in self.headers if key.lower() == name.lower())

    def set(self, name: str, value: str) -> None:
        self.drop(name)
        self.headers.append([name, value])

    def drop(self, name: str) -> None:
        self.headers = [item for item in self.headers if item[0].lower() != name.lower()]

    def sign(self) -> Draft:
        """Put the authorization header on, for the request as it is now."""
        target = f"(request-target): {self.method.lower()} {self.target}"
        lines = [target if name == "(request-target)" else f"{name}: {self.get(name)}" for name in self.names]
        self.parameters.setdefault("headers", " ".join(self.names))
        signature = signature_of(self.credential.private_key, "\n".join(lines))
        self.parameters.setdefault("signature", signature)
        joined = ",".join(f'{name}="{value}"' for name, value in self.parameters.items())
        self.set("Authorization", f"Signature {joined}")
        return self

    def wire(self) -> bytes:
        head = [f"{self.method} {self.target} HTTP/1.1", *(f"{k}: {v}" for k, v in self.headers + self.extra)]
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + self.body

    def send(self, url: str) -> Answer:
        return exchange(url, self.wire(), head=self.method == "HEAD")


def signature_of(key: rsa.RSAPrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode("latin-1"), padding.PKCS1v15(), hashes.SHA256())).decode()


def exchange(url: str, data: bytes, *, head: bool = False) -> Answer:
    """Send bytes and read one answer, on a connection of its own."""
    with connect(url) as connection:
        connection.sendall(data)
        return next(answers(connection, head=head))


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=20)


def answers(connection: socket.socket, *, head: bool = False) -> Iterator[Answer]:
    """One answer after the other, until the server closes."""
    with connection.makefile("rb") as file:
        while True:
            status_line = file.readline()
            if not status_line:
                return
            status = int(status_line.split()[1])
            headers = {}
            while (line := file.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = b""
            if head or status in (100, 204, 304):
                pass
            elif "content-length" in headers:
                body = file.read(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while size := int(file.readline(), 16):
                    body += file.read(size)
                    file.readline()
                file.readline()
            yield Answer(status, headers, body)


class Holder:
    """A key id and the private key that goes with it."""

    def __init__(self, key_id: str, private_key: Any) -> None:
        self.key_id = key_id
        self.private_key = private_key


def stripped(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def post(oci: FakeOCI, holder: Any, path: str, document: object) -> Answer:
    return Draft(holder, target=path, body=json.dumps(document).encode()).sign().send(oci.url)


def get(oci: FakeOCI, holder: Any, path: str, headers: list[list[str]] | None = None) -> Answer:
    return Draft(holder, "GET", path, body=b"", headers=headers or []).sign().send(oci.url)


def accepted(oci: FakeOCI, holder: Any) -> bool:
    return Draft(holder).sign().send(oci.url).status == 200


def metadata(oci: FakeOCI, path: str, *headers: str, method: str = "GET") -> Answer:
    lines = [f"{method} /opc/v2/{path} HTTP/1.1", "Host: x", *headers]
    return exchange(oci.url, "\r\n".join(lines).encode() + b"\r\n\r\n")


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]
