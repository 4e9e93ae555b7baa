"""A few ordinary signed services: regions, Object Storage, and an echo for everything else."""

from __future__ import annotations

import base64
import hashlib
import re

from ._exchange import Exchange
from ._wire import Refused, Reply, bytes_reply, json_reply

REGIONS = (
    ("ORD", "us-chicago-1"),
    ("PHX", "us-phoenix-1"),
    ("IAD", "us-ashburn-1"),
    ("FRA", "eu-frankfurt-1"),
)
NAMESPACE = "axfakenamespace"

_OBJECT = re.compile(r"/n/([^/]+)/b/([^/]+)/o/(.+)")
_BUCKETS = re.compile(r"/n/([^/]+)/b/?")


def regions(exchange: Exchange) -> Reply:
    exchange.verify()
    exchange.require_method("GET", "HEAD")
    return json_reply([{"key": key, "name": name} for key, name in REGIONS])


def echo(exchange: Exchange) -> Reply:
    """What arrived, for any method and path, once its signature is verified."""
    principal = exchange.verify()
    request = exchange.request
    return json_reply(
        {
            "method": request.method,
            "target": request.target,
            # An answer may end up in a log, and the authorization header holds a token.
            "headers": [list(item) for item in request.headers if item[0].lower() != "authorization"],
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "length": len(request.body),
            "principal": principal.name,
        }
    )


class ObjectStorage:
    """One namespace. Its methods are called under the stand-in's lock."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[str, bytes]] = {}

    def answer(self, exchange: Exchange) -> Reply:
        request = exchange.request
        found = _OBJECT.fullmatch(request.path)
        # PutObject is one of the operations whose body need not be covered by the signature.
        exchange.verify(body_exempt=found is not None and request.method == "PUT")
        if request.path in ("/n", "/n/"):
            exchange.require_method("GET")
            return json_reply(NAMESPACE)
        if found is not None:
            return self._object(exchange, request.path)
        match = _BUCKETS.fullmatch(request.path)
        if match is not None and match[1] == NAMESPACE:
            exchange.require_method("GET", "HEAD")
            names = sorted({path.split("/")[4] for path in self._objects})
            return json_reply([{"namespace": NAMESPACE, "name": name} for name in names])
        raise Refused("there is no such namespace or bucket", status=404)

    def _object(self, exchange: Exchange, path: str) -> Reply:
        request = exchange.request
        exchange.require_method("GET", "HEAD", "PUT", "DELETE")
        if request.method == "PUT":
            content_type = request.header("content-type", "application/octet-stream")
            self._objects[path] = (content_type, request.body)
            return Reply(200, [("content-length", "0"), *_checksums(request.body)])
        if path not in self._objects:
            raise Refused("there is no such object", status=404, code="ObjectNotFound")
        if request.method == "DELETE":
            del self._objects[path]
            return Reply(204)
        content_type, content = self._objects[path]
        return bytes_reply(content, content_type, headers=_checksums(content))


def _checksums(content: bytes) -> list[tuple[str, str]]:
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return [("etag", digest.hex()), ("opc-content-md5", base64.b64encode(digest).decode())]
