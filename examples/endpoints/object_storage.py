"""One namespace of Object Storage, below `/n`: objects that are put, listed, read and deleted.

Taken from the `oci` SDK, whose client works with it: lists of objects say in `nextStartWith` where the rest begins, and
an upload need not be signed with its body.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import unquote

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from .pages import limit_of, page

NAMESPACE = "axfakenamespace"
ROOT = f"/n/{NAMESPACE}/b"


def add_to(oci: FakeOCI) -> None:
    storage = Storage()
    for path, handler, methods in (
        ("/n/?", storage.namespace, ["GET"]),
        ("/n/([^/]+)/b/?", storage.buckets, ["GET", "HEAD"]),
        ("/n/([^/]+)/b/([^/]+)/o/?", storage.objects, ["GET"]),
        ("/n/([^/]+)/b/([^/]+)/o/.+", storage.read, ["GET", "HEAD", "DELETE"]),
    ):
        oci.add_endpoint(path, handler, methods=methods, service="object_storage")
    upload = "/n/([^/]+)/b/([^/]+)/o/.+"
    oci.add_endpoint(upload, storage.put, methods=["PUT"], service="object_storage", body_signed=False)


class Storage:
    """Its methods are handlers, which the stand-in calls one at a time."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[str, bytes]] = {}

    def namespace(self, _request: Request, _principal: Principal) -> str:
        return NAMESPACE

    def buckets(self, request: Request, _principal: Principal) -> Reply:
        if request.path.rstrip("/") != ROOT:
            raise Refused("there is no such namespace", status=404)
        names = sorted({path.split("/")[4] for path in self._objects})
        return page(request, [{"namespace": NAMESPACE, "name": name} for name in names])

    def objects(self, request: Request, _principal: Principal) -> dict[str, Any]:
        root = f"{request.path.rstrip('/')}/"
        names = sorted(unquote(path.removeprefix(root)) for path in self._objects if path.startswith(root))
        if not names:
            raise Refused("there is no such bucket", status=404, code="BucketNotFound")
        start, prefix, limit = request.query.get("start", ""), request.query.get("prefix", ""), limit_of(request)
        found = [name for name in names if name.startswith(prefix) and name >= start]
        document: dict[str, Any] = {"objects": [{"name": name} for name in found[:limit]], "prefixes": []}
        if found[limit:]:
            document["nextStartWith"] = found[limit]
        return document

    def put(self, request: Request, _principal: Principal) -> Reply:
        content_type = request.header("content-type", "application/octet-stream")
        self._objects[request.path] = (content_type, request.body)
        return Reply(200, [("content-length", "0"), *checksums(request.body)])

    def read(self, request: Request, _principal: Principal) -> Reply:
        if request.path not in self._objects:
            raise Refused("there is no such object", status=404, code="ObjectNotFound")
        if request.method == "DELETE":
            del self._objects[request.path]
            return Reply(204)
        content_type, content = self._objects[request.path]
        return Reply.content(content, content_type, headers=checksums(content))


def checksums(content: bytes) -> list[tuple[str, str]]:
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return [("etag", digest.hex()), ("opc-content-md5", base64.b64encode(digest).decode())]
