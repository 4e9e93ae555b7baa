"""What OpenAI's API keeps besides files and responses, and what it makes besides text, below `/openai/v1`.

OCI's documentation lists vector stores, containers and the files of both. Batches, images and audio are unverified: no public source
shows OCI serving them. The forms are OpenAI's.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from ._turns import require_scope
from .openai_files import parse_multipart

# Each collection: what its members are called, how their ids begin, and what a new one has beside the fields of the request.
COLLECTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "batches": ("batch", "batch", {"status": "completed", "completion_window": "24h"}),
    "vector_stores": ("vector_store", "vs", {"status": "completed", "usage_bytes": 0, "file_counts": {}}),
    "containers": ("container", "cntr", {"status": "running"}),
}
MEMBERS = {"vector_stores": "vector_store.file", "containers": "container.file"}
MEDIA: dict[str, Callable[[Request], object]] = {
    "images/generations": lambda request: {"created": int(time.time()), "data": [{"b64_json": encode(request)}]},
    "audio/speech": lambda request: Reply.content(f"sound of {request.json()['input']}".encode(), "audio/mpeg"),
    "audio/transcriptions": lambda request: {
        "text": parse_multipart(request.header("content-type"), request.body)["file"][1].decode(errors="replace")
    },
}


def add_to(oci: FakeOCI) -> None:
    for name, (kind, prefix, fields) in COLLECTIONS.items():
        root, one = f"/openai/v1/{name}", f"/openai/v1/{name}/[^/]+"
        handler = Collection(root, kind, prefix, fields, MEMBERS.get(name, ""))
        paths = {root: ["GET", "POST"], one: ["GET", "DELETE"]}
        if name == "batches":
            paths |= {one: ["GET"], f"{one}/cancel": ["POST"]}
        if name in MEMBERS:
            paths |= {f"{one}/files": ["GET", "POST"], f"{one}/files/[^/]+": ["GET", "DELETE"]}
        for path, methods in paths.items():
            oci.add_endpoint(path, handler, methods=methods, service="inference")
    oci.add_endpoint(f"/openai/v1/(?:{'|'.join(MEDIA)})", make, methods=["POST"], service="inference")


def make(request: Request, _principal: Principal) -> object:
    """An image or a sound, or the text of one."""
    require_scope(request)
    return MEDIA[request.path.removeprefix("/openai/v1/")](request)


def encode(request: Request) -> str:
    return base64.b64encode(f"image of {request.json()['prompt']}".encode()).decode()


class Collection:
    """A handler, which the stand-in calls with one request at a time. Members may have files of their own."""

    def __init__(self, root: str, kind: str, prefix: str, fields: dict[str, Any], member: str = "") -> None:
        self._root, self._kind, self._prefix, self._fields, self._member = root, kind, prefix, fields, member
        self._items: dict[str, dict[str, Any]] = {}
        self._files: dict[str, Collection] = {}

    def __call__(self, request: Request, principal: Principal) -> object:
        require_scope(request)
        identifier, _, rest = request.path.removeprefix(self._root).strip("/").partition("/")
        if not identifier:
            return self._create(request) if request.method == "POST" else page(list(self._items.values()))
        if identifier not in self._items:
            raise Refused(f"there is no such {self._kind}", status=404)
        if rest.startswith("files"):
            root = f"{self._root}/{identifier}/files"
            files = self._files.setdefault(identifier, Collection(root, self._member, "file", {"status": "completed"}))
            return files(request, principal)
        if request.method == "DELETE":
            del self._items[identifier]
            return {"id": identifier, "object": f"{self._kind}.deleted", "deleted": True}
        if rest == "cancel":
            self._items[identifier]["status"] = "cancelled"
        return self._items[identifier]

    def _create(self, request: Request) -> dict[str, Any]:
        multipart = request.header("content-type").startswith("multipart/")
        given: dict[str, Any] = {} if multipart or not request.body else request.json()
        identifier = given.get("file_id") or f"{self._prefix}_{secrets.token_hex(12)}"
        about = {"id": identifier, "object": self._kind, "created_at": int(time.time()), **self._fields, **given}
        self._items[identifier] = about
        return about


def page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": items, "has_more": False}
