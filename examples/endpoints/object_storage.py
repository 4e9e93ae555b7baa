"""One namespace of Object Storage, below `/n`: objects that are put, listed, read and deleted.

Taken from the `oci` SDK, whose client works with it: lists of objects say in `nextStartWith` where the rest begins, and
an upload need not be signed with its body.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from .pages import limit_of, page

NAMESPACE = "axfakenamespace"
ROOT = f"/n/{NAMESPACE}/b"
OBJECT = "/n/[^/]+/b/[^/]+/o/.+"


def add_to(oci: FakeOCI, buckets: Collection[str] = ("bucket",)) -> None:
    """With these buckets, all in the stand-in's compartment. Others can't be made."""
    storage = Storage(oci.compartment, buckets)
    for path, handler, methods in (
        ("/n/?", storage.namespace, ["GET"]),
        ("/n/[^/]+/b/?", storage.buckets, ["GET"]),
        ("/n/[^/]+/b/[^/]+/?", storage.bucket, ["GET", "HEAD"]),
        ("/n/[^/]+/b/[^/]+/o/?", storage.objects, ["GET"]),
        (OBJECT, storage.read, ["GET", "HEAD", "DELETE"]),
    ):
        oci.add_endpoint(path, handler, methods=methods, service="object_storage")
    oci.add_endpoint(OBJECT, storage.put, methods=["PUT"], service="object_storage", body_signed=False)


class Storage:
    """Its methods are handlers, which the stand-in calls one at a time."""

    def __init__(self, compartment: str, buckets: Collection[str]) -> None:
        self._buckets = [
            {"namespace": NAMESPACE, "name": name, "compartmentId": compartment} for name in sorted(buckets)
        ]
        self._objects: dict[str, tuple[str, bytes]] = {}

    def namespace(self, _request: Request, _principal: Principal) -> str:
        return NAMESPACE

    def buckets(self, request: Request, _principal: Principal) -> Reply:
        check_namespace(request)
        if not request.query.get("compartmentId"):
            raise Refused("compartmentId is missing", status=400)
        return page(
            request, [each for each in self._buckets if each["compartmentId"] == request.query["compartmentId"]]
        )

    def bucket(self, request: Request, _principal: Principal) -> dict[str, Any]:
        """The bucket that a path is in or names."""
        check_namespace(request)
        name = unquote(request.path.split("/")[4])
        for bucket in self._buckets:
            if bucket["name"] == name:
                return bucket
        raise Refused("there is no such bucket", status=404, code="BucketNotFound")

    def objects(self, request: Request, principal: Principal) -> dict[str, Any]:
        self.bucket(request, principal)
        root = f"{request.path.rstrip('/')}/"
        names = sorted(unquote(path.removeprefix(root)) for path in self._objects if path.startswith(root))
        start, prefix, limit = request.query.get("start", ""), request.query.get("prefix", ""), limit_of(request)
        found = [name for name in names if name.startswith(prefix) and name >= start]
        document: dict[str, Any] = {"objects": [{"name": name} for name in found[:limit]], "prefixes": []}
        if found[limit:]:
            document["nextStartWith"] = found[limit]
        return document

    def put(self, request: Request, principal: Principal) -> Reply:
        self.bucket(request, principal)
        content_type = request.header("content-type", "application/octet-stream")
        self._objects[request.path] = (content_type, request.body)
        return Reply(200, [("content-length", "0"), *checksums(request.body)])

    def read(self, request: Request, principal: Principal) -> Reply:
        self.bucket(request, principal)
        if request.path not in self._objects:
            raise Refused("there is no such object", status=404, code="ObjectNotFound")
        if request.method == "DELETE":
            del self._objects[request.path]
            return Reply(204)
        content_type, content = self._objects[request.path]
        return Reply.content(content, content_type, headers=checksums(content))


def check_namespace(request: Request) -> None:
    if request.path.split("/")[2] != NAMESPACE:
        raise Refused("there is no such namespace", status=404)


def checksums(content: bytes) -> list[tuple[str, str]]:
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return [("etag", digest.hex()), ("opc-content-md5", base64.b64encode(digest).decode())]
