"""Keeps one credential usable: one fetch at a time, ahead of the expiry, in the background.

A credential is *fresh*, then *due* (in the last part of its life: still used while one refresh runs in the
background), then *expired* or *rejected* (callers wait for the one refresh).
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .._causes import describe_source, error_text
from .._credential import Credential, CredentialProvider
from .._errors import SessionExpiredError
from .waiting import in_thread

log = logging.getLogger("oci_httpx_auth")

# A refresh falls due at a random moment of this part of a credential's life, counted from its end, so that processes
# that were started together do not refresh together.
_REFRESH_WINDOW = (0.10, 0.25)
_BACK_OFF = (1.0, 30.0)  # seconds, first and longest, after a refresh that failed

_forks = 0  # between the first process and this one; quicker to look at than the process id


def _count_fork() -> None:
    global _forks
    _forks += 1


with contextlib.suppress(AttributeError):  # Windows has no forks
    os.register_at_fork(after_in_child=_count_fork)


@dataclass(frozen=True)
class CacheStatus:
    """A snapshot, in seconds since the epoch by this machine's clock."""

    expires_at: float | None
    last_refresh: float | None
    next_refresh: float | None
    last_error: str | None


class CredentialCache:
    """Hands out a provider's credential to any number of threads, loops and tasks.

    `acquire` never blocks, and holds its lock for a few attribute reads only.
    """

    def __init__(self, provider: CredentialProvider, *, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._clock = clock
        self._current: Credential | None = None
        self._obtained_at: float | None = None
        self._due_before_end = 0.0
        self._failures = 0
        self._last_error: str | None = None
        self._start()

    def _start(self) -> None:
        # The state that belongs to one process: a fork copies neither threads nor who holds a lock.
        self._process = _forks
        # Reentrant, since a refresh runs in place when no thread can be started.
        self._lock = threading.RLock()
        self._flight: Future[Credential] | None = None
        self._retry_at = float("-inf")
        self._alarm: threading.Timer | None = None

    def acquire(self, *, rejected: Credential | None = None, offset: float = 0.0) -> Credential | Future[Credential]:
        """The credential to sign with, or the future of the refresh that will bring it.

        rejected: the credential that a server refused; another one is fetched unless it was replaced meanwhile.
        offset: how far the server's clock is ahead of ours, seconds.
        """
        if self._process != _forks:
            self._start()
        current = self._current
        if current is not None and current is not rejected and current.expires_at is None:
            return current  # without an end there is nothing to look at
        with self._lock:
            current = self._current
            if current is None or current is rejected:
                return self._launch()
            expiry, now = current.expiry(offset), self._clock()
            if expiry is not None and now >= expiry:
                return self._launch()
            if expiry is not None and now >= expiry - self._due_before_end and now >= self._retry_at:
                self._launch()
            return current

    def status(self) -> CacheStatus:
        current = self._current
        expiry = None if current is None else current.expiry()
        return CacheStatus(
            expires_at=expiry,
            last_refresh=self._obtained_at,
            next_refresh=None if expiry is None else max(expiry - self._due_before_end, self._retry_at),
            last_error=self._last_error,
        )

    def _launch(self) -> Future[Credential]:
        """Start a refresh, or join the one that is under way. The lock is held."""
        if self._flight is not None:
            return self._flight
        flight = in_thread(self._refresh, "oci-credential-refresh")
        # The refresh needs the lock to finish. If it has, no thread was to be had and it ran right here.
        self._flight = None if flight.done() else flight
        return flight

    def _refresh(self) -> Credential:
        """Fetch, and store what came. On the refresh thread, which logs without the lock: a handler may take its time."""
        lock = self._lock
        started = time.perf_counter()
        try:
            fetched = self._provider.fetch()
        except BaseException as error:
            with lock:
                self._flight = None
                told = self._failed(error, time.perf_counter() - started)
                if not isinstance(error, SessionExpiredError):
                    self._set_alarm()
            log.log(*told)
            raise
        with lock:
            self._flight = None
            stored, told = self._store(fetched, time.perf_counter() - started)
            self._set_alarm()
        log.log(*told)
        return stored

    def _set_alarm(self) -> None:
        """Have a credential that cannot be renewed once it has ended renewed in time, request or no request.

        All others wait for a request: a process that sends none should not call the auth service either.
        """
        status, now = self.status(), self._clock()
        if self._alarm is not None:
            self._alarm.cancel()
        if status.next_refresh is None or not getattr(self._provider, "ends_when_idle", False):
            return
        if status.expires_at is None or status.expires_at <= now:
            return  # too late: what there is to be said, the next request's error says
        delay = min(max(status.next_refresh - now, 0.1), threading.TIMEOUT_MAX)
        # A timer that kept the cache alive would keep every signer that anybody ever made.
        self._alarm = threading.Timer(delay, _ring, [weakref.ref(self)])
        self._alarm.daemon = True
        try:
            self._alarm.start()
        except RuntimeError:  # no thread to be had: the next request will do it
            self._alarm = None

    def __del__(self) -> None:
        alarm = getattr(self, "_alarm", None)
        if alarm is not None:
            alarm.cancel()

    def _store(self, fetched: Credential, seconds: float) -> tuple[Credential, tuple[Any, ...]]:
        """What is stored from now on, and what there is to be logged. The lock is held."""
        now = self._clock()
        self._last_error = None
        current = self._current
        if current is not None and fetched == current:
            # Nothing newer is to be had yet. The very object is kept, by which callers see just that.
            self._back_off(now)
            return current, (
                logging.DEBUG,
                "OCI credential of %s is unchanged (%.3f s)",
                describe_source(self._provider),
                seconds,
            )
        expiry = fetched.expiry()
        if expiry is not None:
            issued_at = fetched.issued_at
            life = expiry - now if issued_at is None or fetched.expires_at is None else fetched.expires_at - issued_at
            self._due_before_end = max(life, 0.0) * random.uniform(*_REFRESH_WINDOW)
        self._current = fetched
        self._obtained_at = now
        self._failures = 0
        self._retry_at = float("-inf")
        return fetched, (
            logging.INFO,
            "OCI credential of %s refreshed in %.3f s, %s",
            describe_source(self._provider),
            seconds,
            "without expiry" if expiry is None else f"valid for {expiry - now:.0f} s",
        )

    def _failed(self, error: BaseException, seconds: float) -> tuple[Any, ...]:
        """What there is to be logged. The lock is held."""
        now = self._clock()
        self._back_off(now)
        self._last_error = error_text(error)
        expiry = None if self._current is None else self._current.expiry()
        usable = self._current is not None and (expiry is None or now < expiry)
        return (
            logging.WARNING,
            "OCI credential of %s could not be refreshed (%.3f s): %s%s",
            describe_source(self._provider),
            seconds,
            self._last_error,
            " - the present one stays in use" if usable else "",
        )

    def _back_off(self, now: float) -> None:
        """Do not try again at once, and never so late that the credential ends before."""
        first, longest = _BACK_OFF
        delay = min(first * 2.0 ** min(self._failures, 10), longest)
        self._failures += 1
        expiry = None if self._current is None else self._current.expiry()
        if expiry is not None and expiry > now:
            delay = min(delay, (expiry - now) / 4)
        self._retry_at = now + delay * random.uniform(0.5, 1.0)


def _ring(cache_reference: weakref.ref[CredentialCache]) -> None:
    cache = cache_reference()
    if cache is not None:
        with cache._lock:
            cache._launch()
