"""OpenAI's files, below `/openai/v1/files`: multipart uploads that are listed, read and deleted.

OCI's documentation lists these paths; the form is OpenAI's.
"""

from __future__ import annotations

import secrets
import time
from email.message import Message
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from ._turns import require_scope


def add_to(oci: FakeOCI) -> None:
    root, files = "/openai/v1/files", Files()
    for path, methods in (
        (root, ["GET", "POST"]),
        (f"{root}/[^/]+", ["GET", "DELETE"]),
        (f"{root}/[^/]+/content", ["GET"]),
    ):
        oci.add_endpoint(path, files, methods=methods, service="inference")


class Files:
    """A handler, which the stand-in calls with one request at a time."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}

    def __call__(self, request: Request, _principal: Principal) -> object:
        require_scope(request)
        rest = request.path.removeprefix("/openai/v1/files").strip("/").split("/")
        if rest == [""]:
            if request.method == "POST":
                return self._upload(request)
            return {"object": "list", "data": [about for about, _ in self._files.values()], "has_more": False}
        if rest[0] not in self._files:
            raise Refused("there is no such file", status=404)
        about, content = self._files[rest[0]]
        if rest[1:] == ["content"]:
            return Reply.content(content, "application/octet-stream")
        if request.method == "DELETE":
            del self._files[rest[0]]
            return {"id": rest[0], "object": "file", "deleted": True}
        return about

    def _upload(self, request: Request) -> dict[str, Any]:
        fields = parse_multipart(request.header("content-type"), request.body)
        if "file" not in fields or "purpose" not in fields:
            raise Refused("the form has no file or no purpose", status=400)
        filename, content = fields["file"]
        about = {
            "id": f"file-{secrets.token_hex(12)}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": filename,
            "purpose": fields["purpose"][1].decode(errors="replace"),
            "status": "processed",
        }
        self._files[str(about["id"])] = (about, content)
        return about


def parse_multipart(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: name to file name and content. `Refused` (400) when it is not one."""
    outer = Message()
    outer["content-type"] = content_type
    boundary = outer.get_param("boundary")
    if outer.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise Refused("the body is not a multipart form", status=400)
    # With a line end before it, the first delimiter looks like the others.
    delimiter = b"\r\n--" + boundary.encode()
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 3 or pieces[0] or not pieces[-1].startswith(b"--"):
        raise Refused("the multipart form is cut off", status=400)
    fields: dict[str, tuple[str, bytes]] = {}
    for piece in pieces[1:-1]:
        head, separator, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        part = Message()
        for line in head.split(b"\r\n"):
            name, _, value = line.decode(errors="replace").partition(":")
            part[name.strip()] = value.strip()
        field = part.get_param("name", header="content-disposition")
        filename = part.get_param("filename", "", header="content-disposition")
        if not separator or not isinstance(field, str):
            raise Refused("a part of the multipart form is malformed", status=400)
        fields[field] = (filename if isinstance(filename, str) else filename[2], content)
    return fields
