"""Generative AI: the OpenAI-compatible surface under each of its base paths, and the native chat."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import struct
from collections.abc import Iterable
from email.message import Message
from typing import Any

from ._chat import chat_completion
from ._dialects import GOOGLE_PATH, MESSAGES_PATH, generate_content, messages
from ._exchange import Exchange
from ._model import Model, ToolCall
from ._native import native_chat
from ._responses import Responses
from ._wire import Refused, Reply, Request, bytes_reply, json_reply

_OPENAI_PATH = re.compile(
    r"(?P<base>/openai/v1|/20231130/actions/v1|/20231130/openai/v1"
    r"|/(?P<deployment>ocid1\.datasciencemodeldeployment[^/]*)/predict(?:WithResponseStream)?/v1)(?P<rest>/.*)?"
)
NATIVE_PATH = "/20231130/actions/chat"
MODELS = (
    "openai.gpt-oss-120b",
    "openai.gpt-oss-20b",
    "xai.grok-4-1-fast-reasoning",
    "meta.llama-3.3-70b-instruct",
)


def is_inference(path: str) -> bool:
    """Whether a path belongs to the inference service."""
    return (
        path == NATIVE_PATH or path.startswith("/google/") or bool(_OPENAI_PATH.fullmatch(path)) or _is_messages(path)
    )


def _is_messages(path: str) -> bool:
    return MESSAGES_PATH.fullmatch(path) is not None


class Inference:
    """The inference side of the stand-in. Its methods are called under the stand-in's lock."""

    def __init__(self) -> None:
        self._model = Model()
        self._responses = Responses(self._model)
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self.stream_delay = 0.0

    def script(self, replies: Iterable[str | ToolCall | list[ToolCall]]) -> None:
        self._model.script(replies)

    def answer(self, exchange: Exchange) -> Reply:
        """Serve one request; `Refused` unless it is signed and names a compartment or a project."""
        request = exchange.request
        exchange.verify()
        try:
            return self._answer(exchange, request)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # Documents are read without a schema: what does not have the expected form shows as one of these.
            reason = f"the body does not have the expected form: {error!r}"
            raise Refused(reason, status=400) from error

    def _answer(self, exchange: Exchange, request: Request) -> Reply:
        if request.path == NATIVE_PATH:
            exchange.require_method("POST")
            return native_chat(request.json(), self._model, exchange.now, self.stream_delay)
        match = _OPENAI_PATH.fullmatch(request.path)
        if (match is None or match["deployment"] is None) and not _has_scope(request):
            message = "Missing opc-compartment-id or OpenAI-Project header."
            raise Refused("neither compartment nor project is named", status=400, message=message)
        if match is None:
            return self._other_dialect(exchange, request)
        parts = (match["rest"] or "").strip("/").split("/")
        if request.values("upgrade"):
            return _websocket(request, parts[0])
        return self._route(exchange, request.method, parts)

    def _other_dialect(self, exchange: Exchange, request: Request) -> Reply:
        exchange.require_method("POST")
        if _is_messages(request.path):
            return messages(request.json(), self._model, self.stream_delay)
        match = GOOGLE_PATH.fullmatch(request.path)
        if match is None:
            raise Refused("there is no such path", status=404)
        query = request.target.partition("?")[2].split("&")
        if any(item.partition("=")[0] == "key" for item in query):
            raise Refused("another credential was left on the request: the query parameter key")
        streamed = match["verb"] == "streamGenerateContent"
        return generate_content(
            match["model"],
            request.json(),
            self._model,
            self.stream_delay,
            streamed=streamed,
            events="alt=sse" in query,
        )

    def _route(self, exchange: Exchange, method: str, parts: list[str]) -> Reply:
        request, now = exchange.request, exchange.now
        kind, *rest = parts
        if parts == ["chat", "completions"]:
            exchange.require_method("POST")
            return chat_completion(request.json(), self._model, now, self.stream_delay)
        if parts == ["responses"]:
            exchange.require_method("POST")
            return self._responses.create(request.json(), now, self.stream_delay)
        if kind == "responses":
            return self._responses.one(method, rest[0], "".join(f"/{part}" for part in rest[1:]))
        if kind == "conversations":
            document = request.json() if method == "POST" and request.body else {}
            return self._responses.conversations(method, rest, document, now)
        if kind == "files":
            return self._file(request, rest, now)
        if parts == ["embeddings"]:
            exchange.require_method("POST")
            return _embeddings(request.json())
        if kind == "models":
            exchange.require_method("GET", "HEAD")
            return _models(rest, now)
        raise Refused("there is no such path", status=404)

    def _file(self, request: Request, rest: list[str], now: float) -> Reply:
        if not rest:
            if request.method == "POST":
                return self._upload(request, now)
            items = [about for about, _ in self._files.values()]
            return json_reply({"object": "list", "data": items, "has_more": False})
        if rest[0] not in self._files:
            raise Refused("there is no such file", status=404, code="NotFound")
        about, content = self._files[rest[0]]
        if rest[1:] == ["content"]:
            return bytes_reply(content, "application/octet-stream")
        if request.method == "DELETE":
            del self._files[rest[0]]
            return json_reply({"id": rest[0], "object": "file", "deleted": True})
        return json_reply(about)

    def _upload(self, request: Request, now: float) -> Reply:
        fields = parse_multipart(request.header("content-type"), request.body)
        if "file" not in fields or "purpose" not in fields:
            raise Refused("the form has no file or no purpose", status=400)
        filename, content = fields["file"]
        about = {
            "id": f"file-{secrets.token_hex(12)}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(now),
            "filename": filename,
            "purpose": fields["purpose"][1].decode(errors="replace"),
            "status": "processed",
        }
        self._files[str(about["id"])] = (about, content)
        return json_reply(about)


def parse_multipart(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: name to file name and content. `Refused` (400) when it is not one."""
    outer = Message()
    outer["content-type"] = content_type
    boundary = outer.get_param("boundary")
    if outer.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise Refused("the body is not a multipart form", status=400, code="CannotParseRequest")
    # With a line end before it, the first delimiter looks like the others.
    delimiter = b"\r\n--" + boundary.encode()
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 3 or pieces[0] or not pieces[-1].startswith(b"--"):
        raise Refused("the multipart form is cut off", status=400, code="CannotParseRequest")
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
            raise Refused("a part of the multipart form is malformed", status=400, code="CannotParseRequest")
        fields[field] = (filename if isinstance(filename, str) else filename[2], content)
    return fields


def _has_scope(request: Request) -> bool:
    return any(request.header(name) for name in ("opc-compartment-id", "compartmentid", "openai-project"))


def _websocket(request: Request, kind: str) -> Reply:
    """The opening handshake. The server closes politely right after it: there is nothing to talk to."""
    key = request.header("sec-websocket-key")
    if kind not in ("responses", "realtime") or request.method != "GET":
        raise Refused("there is no websocket here", status=404)
    if request.header("upgrade").lower() != "websocket" or not key:
        raise Refused("the websocket handshake is malformed", status=400)
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    headers = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", base64.b64encode(digest).decode()),
    ]
    close_frame = struct.pack("!BBH", 0x88, 2, 1000)
    return Reply(101, headers, [close_frame])


def _embeddings(document: dict[str, Any]) -> Reply:
    given = document.get("input")
    if not given or not document.get("model"):
        raise Refused("input or model is missing", status=400)
    tokens = isinstance(given, list) and isinstance(given[0], int)
    inputs = given if isinstance(given, list) and not tokens else [given]
    size = int(document.get("dimensions") or 8)
    data = []
    for index, item in enumerate(inputs):
        digest = hashlib.shake_128(json.dumps(item).encode()).digest(size)
        vector = [byte / 127.5 - 1 for byte in digest]
        embedding: object = vector
        if document.get("encoding_format") == "base64":
            embedding = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    count = sum(max(1, len(json.dumps(item)) // 4) for item in inputs)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return json_reply({"object": "list", "data": data, "model": document["model"], "usage": usage})


def _models(rest: list[str], now: float) -> Reply:
    listed = [{"id": name, "object": "model", "created": int(now), "owned_by": name.split(".")[0]} for name in MODELS]
    if not rest:
        return json_reply({"object": "list", "data": listed})
    found = next((model for model in listed if model["id"] == "/".join(rest)), None)
    if found is None:
        raise Refused("there is no such model", status=404, code="NotFound")
    return json_reply(found)
