"""What OpenAI's API keeps besides files and responses, and what it makes besides text.

OCI's documentation has vector stores in the control plane, `/20231130/openai/v1`, and their files and containers in the data plane,
`/openai/v1`. The stand-in has one address for both. Unverified: the forms, which are OpenAI's; that neither plane serves what the
other does; and batches, images and audio altogether. What OCI has besides is not here: `/file_batches` and `/search` of a vector store.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Refused, Reply, Request

from ._turns import serve, text_in
from .openai_files import parse_multipart

DATA = "/openai/v1"
CONTROL = "/20231130/openai/v1"


def add_to(oci: FakeOCI) -> None:
    batches = Collection(
        "batch", "batch", {"status": "completed"}, required=("completion_window", "endpoint", "input_file_id")
    )
    path = f"{DATA}/batches"
    serve(oci, "GET", path, batches.list)
    serve(oci, "POST", path, batches.create)
    serve(oci, "GET", f"{path}/{{id}}", batches.retrieve)
    serve(oci, "POST", f"{path}/{{id}}/cancel", batches.cancel)

    stores = Collection("vector_store", "vs", {"status": "completed", "usage_bytes": 0, "file_counts": {}})
    path = f"{CONTROL}/vector_stores"
    serve(oci, "GET", path, stores.list, place="compartment")
    serve(oci, "POST", path, stores.create, place="compartment")
    serve(oci, "GET", f"{path}/{{id}}", stores.retrieve, place="compartment")
    serve(oci, "POST", f"{path}/{{id}}", stores.update, place="compartment")
    serve(oci, "DELETE", f"{path}/{{id}}", stores.delete, place="compartment")
    Members(stores, "vector_store.file").serve(oci, f"{DATA}/vector_stores/{{id}}/files")

    containers = Collection("container", "cntr", {"status": "running"}, required=("name",))
    path = f"{DATA}/containers"
    serve(oci, "GET", path, containers.list)
    serve(oci, "POST", path, containers.create)
    serve(oci, "GET", f"{path}/{{id}}", containers.retrieve)
    serve(oci, "DELETE", f"{path}/{{id}}", containers.delete)
    files = Members(containers, "container.file")
    files.serve(oci, f"{path}/{{id}}/files")
    serve(oci, "GET", f"{path}/{{id}}/files/{{file}}/content", files.content)

    serve(oci, "POST", f"{DATA}/images/generations", draw)
    serve(oci, "POST", f"{DATA}/audio/speech", speak)
    serve(oci, "POST", f"{DATA}/audio/transcriptions", hear)


def draw(request: Request) -> dict[str, Any]:
    picture = f"image of {text_in(request.json(), 'prompt')}"
    return {"created": int(time.time()), "data": [{"b64_json": base64.b64encode(picture.encode()).decode()}]}


def speak(request: Request) -> Reply:
    return Reply.content(f"sound of {text_in(request.json(), 'input', 'model', 'voice')}".encode(), "audio/mpeg")


def hear(request: Request) -> dict[str, Any]:
    form = parse_multipart(request.header("content-type"), request.body)
    if "file" not in form or "model" not in form:
        raise Refused("the form has no file or no model", status=400)
    return {"text": form["file"][1].decode(errors="replace")}


class Collection:
    """Objects of one kind: what they are called, how their ids begin, and what each has besides what it was created with.

    Its methods are handlers, which the stand-in calls one at a time.
    """

    def __init__(self, kind: str, prefix: str, fields: dict[str, Any], required: tuple[str, ...] = ()) -> None:
        self._kind, self._prefix, self._fields, self._required = kind, prefix, fields, required
        self._items: dict[str, dict[str, Any]] = {}

    def list(self, _request: Request) -> dict[str, Any]:
        return page(list(self._items.values()))

    def create(self, request: Request) -> dict[str, Any]:
        given = request.json() if request.body or self._required else {}
        if self._required:
            text_in(given, *self._required)
        return self.keep(f"{self._prefix}_{secrets.token_hex(12)}", given)

    def keep(self, id: str, given: dict[str, Any]) -> dict[str, Any]:
        about = {**given, "id": id, "object": self._kind, "created_at": int(time.time()), **self._fields}
        self._items[id] = about
        return about

    def retrieve(self, _request: Request, id: str) -> dict[str, Any]:
        if id not in self._items:
            raise Refused(f"there is no such {self._kind}", status=404)
        return self._items[id]

    def update(self, request: Request, id: str) -> dict[str, Any]:
        about, given = self.retrieve(request, id), request.json()
        about |= {name: given[name] for name in ("name", "expires_after", "metadata") if name in given}
        return about

    def cancel(self, request: Request, id: str) -> dict[str, Any]:
        about = self.retrieve(request, id)
        about["status"] = "cancelled"
        return about

    def delete(self, request: Request, id: str) -> dict[str, Any]:
        self.retrieve(request, id)
        del self._items[id]
        return {"id": id, "object": f"{self._kind}.deleted", "deleted": True}


class Members:
    """The files of each object in a collection: uploaded, or named by their ids."""

    def __init__(self, owners: Collection, kind: str) -> None:
        self._owners, self._kind = owners, kind
        self._files: dict[str, Collection] = {}
        self._contents: dict[tuple[str, str], bytes] = {}

    def serve(self, oci: FakeOCI, path: str) -> None:
        serve(oci, "GET", path, lambda request, id: self._of(request, id).list(request))
        serve(oci, "POST", path, self._create)
        serve(oci, "GET", f"{path}/{{file}}", lambda request, id, file: self._of(request, id).retrieve(request, file))
        serve(oci, "DELETE", f"{path}/{{file}}", lambda request, id, file: self._of(request, id).delete(request, file))

    def content(self, request: Request, id: str, file: str) -> Reply:
        self._of(request, id).retrieve(request, file)
        return Reply.content(self._contents.get((id, file), b""), "application/octet-stream")

    def _of(self, request: Request, id: str) -> Collection:
        self._owners.retrieve(request, id)
        return self._files.setdefault(id, Collection(self._kind, "file", {"status": "completed"}))

    def _create(self, request: Request, id: str) -> dict[str, Any]:
        files = self._of(request, id)
        if self._kind != "container.file" or not request.header("content-type").startswith("multipart/"):
            given = request.json()
            return files.keep(text_in(given, "file_id"), given)
        form = parse_multipart(request.header("content-type"), request.body)
        if "file" not in form:
            raise Refused("the form has no file", status=400)
        name, content = form["file"]
        about = files.keep(f"file_{secrets.token_hex(12)}", {"path": f"/mnt/data/{name}", "bytes": len(content)})
        self._contents[id, about["id"]] = content
        return about


def page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": items, "has_more": False}
