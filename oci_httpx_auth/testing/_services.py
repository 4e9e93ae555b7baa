"""What answers for OCI's other services: the list of regions, and an echo for everything that has no endpoint."""

from __future__ import annotations

import hashlib

from ._exchange import Exchange
from ._wire import Reply

REGIONS = (
    ("ORD", "us-chicago-1"),
    ("PHX", "us-phoenix-1"),
    ("IAD", "us-ashburn-1"),
    ("FRA", "eu-frankfurt-1"),
)
REGION_KEYS = {name: key for key, name in REGIONS}


def regions(exchange: Exchange) -> Reply:
    """The regions, as Identity lists them."""
    exchange.verify()
    return Reply.json([{"key": key, "name": name} for key, name in REGIONS])


def echo(exchange: Exchange) -> Reply:
    """What arrived, for any method and path, once its signature is verified."""
    principal = exchange.verify()
    request = exchange.request
    return Reply.json(
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
