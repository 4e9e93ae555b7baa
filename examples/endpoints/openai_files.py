"""OpenAI's files, below `/openai/v1/files`: multipart uploads that are listed, read and deleted.

OCI's documentation lists these paths. Unverified: the form, which is OpenAI's.
"""

from __future__ import annotations

import secrets
import time
from email.message import Message
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Refused, Reply, Request

from ._turns import serve

PATH = "/openai/v1/files"


def add_to(oci: FakeOCI) -> None:
    files = Files()
    serve(oci, "GET", PATH, files.list)
    serve(oci, "POST", PATH, files.upload)
    serve(oci, "GET", f"{PATH}/{{id}}", files.retrieve)
    serve(oci, "DELETE", f"{PATH}/{{id}}", files.delete)
    serve(oci, "GET", f"{PATH}/{{id}}/content", files.content)


class Files:
    """Its methods are handlers, which the stand-in calls one at a time."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}

    def list(self, _request: Request) -> dict[str, Any]:
        return {"object": "list", "data": [about for about, _ in self._files.values()], "has_more": False}

    def retrieve(self, _request: Request, id: str) -> dict[str, Any]:
        return self._find(id)[0]

    def content(self, _request: Request, id: str) -> Reply:
        return Reply.content(self._find(id)[1], "application/octet-stream")

    def delete(self, _request: Request, id: str) -> dict[str, Any]:
        self._find(id)
        del self._files[id]
        return {"id": id, "object": "file", "deleted": True}

    def _find(self, id: str) -> tuple[dict[str, Any], bytes]:
        if id not in self._files:
            raise Refused("there is no such file", status=404)
        return self._files[id]

    def upload(self, request: Request) -> dict[str, Any]:
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
