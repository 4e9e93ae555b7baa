"""What a fleet does to the auth service: federation calls of many processes that were started together.

    python tests/benchmarks/bench_fleet.py [--processes N] [--hours N]

Every process has the library's own credential cache and asks it for a credential whenever a refresh is due, as a busy
program does. Time is simulated; the calls are counted, not made.
"""

from __future__ import annotations

import argparse
import heapq
import logging
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future

from cryptography.hazmat.primitives.asymmetric import rsa

from oci_httpx_auth import Credential
from oci_httpx_auth._signing import cache as _cache
from oci_httpx_auth._signing.cache import CredentialCache

LIFETIME = 3600.0  # seconds that a token lives
MINUTE, HOUR = 60, 3600


class Federation:
    """Issues tokens, and counts the calls by the second."""

    source = "a simulated federation endpoint"

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: Counter[int] = Counter()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def fetch(self) -> Credential:
        self.calls[int(self.now)] += 1
        return Credential(
            key_id=f"ST${self.calls.total()}",
            private_key=self._key,
            issued_at=self.now,
            expires_at=self.now + LIFETIME,
        )


def simulate(processes: int, hours: int) -> Federation:
    """Run the fleet for so many hours of simulated time."""
    federation = Federation()
    caches = [CredentialCache(federation, clock=lambda: federation.now) for _ in range(processes)]
    due = [(0.0, number) for number in range(processes)]
    while due[0][0] < hours * HOUR:
        moment, number = due[0]
        federation.now = max(federation.now, moment)
        acquired = caches[number].acquire()
        if isinstance(acquired, Future):
            acquired.result()
        for thread in threading.enumerate():
            if thread.name == "oci-credential-refresh":
                thread.join()
        following = caches[number].status().next_refresh
        assert following is not None
        heapq.heapreplace(due, (following, number))
    return federation


def peak_to_mean(calls: Counter[int], span: int, start: int, end: int) -> tuple[int, float]:
    """The most calls in any `span` seconds from `start` to `end`, and how many times the mean that is."""
    counts: Counter[int] = Counter()
    for second, number in calls.items():
        if start <= second < end:
            counts[second // span] += number
    peak = max(counts.values())
    return peak, peak / (counts.total() / ((end - start) / span))


def report(name: str, federation: Federation, hours: int) -> None:
    end = hours * HOUR
    print(f"\n{name}: {federation.calls.total()} federation calls")
    print(f"  {'':34}{'peak':>8}{'peak-to-mean':>16}")
    for when, start in (("after the start", MINUTE), ("second half of the time", end // 2)):
        for unit, span in (("second", 1), ("minute", MINUTE)):
            peak, ratio = peak_to_mean(federation.calls, span, start, end)
            print(f"  {f'per {unit}, {when}':34}{peak:>8}{ratio:>16.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("oci_httpx_auth").setLevel(logging.ERROR)
    _cache._random = random.Random(options.seed)
    print(
        f"{options.processes} processes, started in the same second, tokens of {LIFETIME / MINUTE:.0f} minutes, "
        f"{options.hours} hours of simulated time"
    )
    window = _cache._REFRESH_WINDOW
    middle = sum(window) / 2
    for name, choice in (("without jitter", (middle, middle)), ("with jitter, as shipped", window)):
        started = time.perf_counter()
        _cache._REFRESH_WINDOW = choice
        report(name, simulate(options.processes, options.hours), options.hours)
        print(f"  (simulated in {time.perf_counter() - started:.0f} s)", file=sys.stderr)


if __name__ == "__main__":
    main()
