"""Lists in pages, as OCI's services hand them out: `limit` says how long, and `opc-next-page` what to ask for next."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from oci_httpx_auth.testing import Refused, Reply, Request

MOST_ITEMS = 100


def limit_of(request: Request) -> int:
    limit = request.query.get("limit", str(MOST_ITEMS))
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
        raise Refused("limit is not a number from 1 to 1000", status=400)
    return int(limit)


def page(request: Request, items: list[dict[str, Any]]) -> Reply:
    """As many of the items as were asked for, from where the last page ended."""
    limit = limit_of(request)
    try:
        start = int(base64.b64decode(request.query.get("page", ""), validate=True) or b"0")
    except (binascii.Error, ValueError):
        start = -1
    if start < 0:
        raise Refused("the page is not one that was handed out", status=400)
    end = start + limit
    # In base64, so that the next request's query holds something to escape.
    more = [("opc-next-page", base64.b64encode(str(end).encode()).decode())] if items[end:] else []
    return Reply.json(items[start:end], headers=more)
