"""How far each server's clock is ahead of ours, learned from its refusals."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.request import getproxies, proxy_bypass

from .._hosts import is_loopback

# OCI tolerates five minutes. Under one minute, the clock isn't why a request was refused.
_SIGNIFICANT = 60.0
_LATEST = 4102444800  # seconds; the year 2100. HTTP dates can't express years beyond 9999


class ClockOffsets:
    """The offset of each server's clock, in seconds: positive when the server is ahead of this machine.

    Offsets are kept per host, because one server's clock says nothing about another's. They are learned only from a 401
    that came over TLS or loopback, so nobody on the network can shift a signature's date.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._offsets: dict[str, float] = {}

    def offset(self, host: str) -> float:
        return self._offsets.get(host, 0.0) if self._offsets else 0.0

    def learn(self, scheme: str, host: str, status: int, date: str | None, *, used: float) -> bool:
        """Take the offset from the `Date` of a refusal. True if it explains the refusal: sign again.

        used: the offset that the request was signed with; another request may have learned a better one since.
        """
        server = parse_http_date(date)
        if status != 401 or server is None or not (scheme == "https" or (is_loopback(host) and _is_direct(host))):
            return False
        offset = server - self.clock()
        if abs(offset - used) < _SIGNIFICANT:
            return False
        if host not in self._offsets and len(self._offsets) >= 1024:
            self._offsets.clear()  # bounded, however many hosts a long-lived process calls
        self._offsets[host] = offset
        return True


def _is_direct(host: str) -> bool:
    """Whether plain http reaches this host without a proxy. httpx uses proxies for loopback too, and a proxy may lie."""
    proxies = getproxies()
    return not (proxies.get("http") or proxies.get("all")) or bool(proxy_bypass(host))


def parse_http_date(value: str | None) -> float | None:
    """A `Date` header as seconds since the epoch; `None` if it is missing or malformed."""
    if not value or len(value) > 64:
        return None
    try:
        seconds = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
    return seconds if 0 <= seconds < _LATEST else None
