"""Hosts that are reached without crossing a network: this machine and its own link."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """True for `localhost` and loopback addresses, whose traffic never leaves this machine."""
    try:
        return ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


@lru_cache(maxsize=1024)
def is_link_local(host: str) -> bool:
    """True for link-local addresses, where OCI's metadata service lives."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return address.is_link_local or address == ip_address("fd00:c1::a9fe:a9fe")
