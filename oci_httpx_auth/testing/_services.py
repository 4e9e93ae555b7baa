"""A few ordinary signed services: Identity, Object Storage, and an echo for everything else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

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
_OBJECTS = re.compile(r"/n/([^/]+)/b/([^/]+)/o/?")
_COMPARTMENTS = ("development", "testing", "production", "sandbox", "archive")
_MOST_ITEMS = 100


def identity(exchange: Exchange) -> Reply:
    """Regions, and a tenancy's compartments."""
    exchange.verify()
    exchange.require_method("GET", "HEAD")
    if exchange.request.path.rstrip("/") == "/20160918/regions":
        return json_reply([{"key": key, "name": name} for key, name in REGIONS])
    tenancy = _query(exchange).get("compartmentId")
    if tenancy != exchange.identities.tenancy:
        raise Refused("compartmentId does not name the tenancy", status=404)
    own = {"id": exchange.identities.compartment, "name": "examples"}
    others = [{"id": f"{own['id']}{name}", "name": name} for name in _COMPARTMENTS]
    state = {"compartmentId": tenancy, "lifecycleState": "ACTIVE"}
    return _page(exchange, [{**compartment, **state} for compartment in (own, *others)])


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
            return _page(exchange, [{"namespace": NAMESPACE, "name": name} for name in names])
        match = _OBJECTS.fullmatch(request.path)
        if match is not None and match[1] == NAMESPACE:
            exchange.require_method("GET")
            return self._list(exchange, match[2])
        raise Refused("there is no such namespace or bucket", status=404)

    def _list(self, exchange: Exchange, bucket: str) -> Reply:
        """The names of the objects; where there are more than asked for, `nextStartWith` tells the first of the rest."""
        query = _query(exchange)
        start, prefix, limit = query.get("start", ""), query.get("prefix", ""), _limit(query)
        root = f"/n/{NAMESPACE}/b/{bucket}/o/"
        names = sorted(unquote(path.removeprefix(root)) for path in self._objects if path.startswith(root))
        if not names:
            raise Refused("there is no such bucket", status=404, code="BucketNotFound")
        found = [name for name in names if name.startswith(prefix) and name >= start]
        document: dict[str, Any] = {"objects": [{"name": name} for name in found[:limit]], "prefixes": []}
        if found[limit:]:
            document["nextStartWith"] = found[limit]
        return json_reply(document)

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


def _query(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(exchange.request.target.partition("?")[2], keep_blank_values=True))


def _limit(query: dict[str, str]) -> int:
    limit = query.get("limit", str(_MOST_ITEMS))
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
        raise Refused("limit is not a number from 1 to 1000", status=400)
    return int(limit)


def _page(exchange: Exchange, items: list[dict[str, Any]]) -> Reply:
    """As many of the items as were asked for, and in `opc-next-page` what to ask for the rest by."""
    query = _query(exchange)
    limit = _limit(query)
    try:
        start = int(base64.b64decode(query.get("page", ""), validate=True) or b"0")
    except (binascii.Error, ValueError):
        raise Refused("page is none that was handed out", status=400) from None
    end = start + limit
    # In base64, so that the next request's query holds something to escape.
    more = [("opc-next-page", base64.b64encode(str(end).encode()).decode())] if items[end:] else []
    return json_reply(items[start:end], headers=more)
