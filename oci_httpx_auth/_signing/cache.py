"""Keeps one credential usable: one fetch at a time, ahead of its expiry, in the background, and never in a storm."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from .._credential import Credential, CredentialProvider, fetch_from
from .._errors import CredentialsUnavailableError, SessionExpiredError

# A refresh falls due at a random moment in this fraction of a credential's life, counted from its end, so that
# processes started together do not refresh together.
_REFRESH_WINDOW = (0.10, 0.25)
_BACK_OFF = (1.0, 60.0)  # seconds, first and longest
_LONGEST_RETRY_AFTER = 600.0  # seconds that a service may ask for
_LONGEST_SLEEP = 30.0  # seconds; a timer does not run while a laptop sleeps, so it is never set for longer
_MOST_HOSTS = 1024  # that are remembered because they refused a credential
_RECENTLY = 60.0  # seconds for which one server's acceptance of a credential outweighs another's refusal

# Not the program's own generator: programs that seed it alike would refresh together, and would lose numbers to us.
_random = random.SystemRandom()


class CacheStatus(NamedTuple):
    """A snapshot, in seconds since the epoch by this machine's clock."""

    expires_at: float | None
    last_refresh: float | None
    next_refresh: float | None
    refreshing_since: float | None
    last_error: BaseException | None


class Refresh(NamedTuple):
    """The outcome of one fetch, for the log. usable: whether there is a valid credential now."""

    seconds: float
    expires_in: float | None
    error: BaseException | None
    changed: bool
    usable: bool


class _State(NamedTuple):
    """The outcome of the fetches so far. Replaced as a whole, so no thread sees half an update."""

    credential: Credential | None = None
    obtained_at: float | None = None
    due_before_end: float = 0.0  # seconds
    error: BaseException | None = None  # of the latest fetch
    failures: int = 0  # consecutive fetches that failed or returned nothing newer
    paused_at: float = 0.0
    retry_at: float = 0.0
    extend_at: float = 0.0  # when to fetch again although the credential is usable: its source did not extend it
    on_probation: bool = False  # the credential replaced a rejected one; the pause ends when a server accepts it


class Flight(Future[Credential]):
    """A fetch in progress. since: when it began, by our clock. replaces: the rejected credential it was started for."""

    def __init__(self, since: float, replaces: Credential | None) -> None:
        super().__init__()
        self.since, self.replaces = since, replaces
        self.started_at = time.monotonic()
        self.owner: int | None = threading.get_ident()  # until its thread has started
        self._unclaimed = [True]
        self.set_running_or_notify_cancel()  # from here on no waiter can cancel it for the others

    def claim(self) -> bool:
        """True for exactly one caller: the thread that does the work."""
        try:
            return self._unclaimed.pop()
        except IndexError:
            return False


class CredentialCache:
    """Hands out a provider's credential to any number of threads, loops and tasks, by this policy:

    | credential           | otherwise                      | during a pause                              |
    | -------------------- | ------------------------------ | ------------------------------------------- |
    | fresh                | used                           | used                                        |
    | due, outdated        | used; one background fetch     | used                                        |
    | absent, expired      | one fetch; callers wait        | the last error at once; without one, used   |
    | rejected by a server | one fetch; callers wait        | returned at once: the caller has its 401    |

    A pause follows a fetch that failed or returned nothing newer: the same credential, the same expiry, or a replacement
    that no server has accepted yet. It lasts 1 s, doubling to 60 s, jittered, or as long as `Retry-After` says, but never
    beyond the end of a usable credential. If there was nothing newer than a usable one, it is due again after half of its
    remaining life. A changed local file ends a pause; with `follows_files`, it also outdates the credential. A host that
    refused one credential and then its replacement causes no more fetches while other hosts accept the replacement.

    There is no lock: state is replaced whole, and a flight is claimed by one atomic operation. A signal handler, a
    finalizer, a log handler or a fork may therefore run at any moment. `acquire` never blocks.

    report: called with each `Refresh`, on the fetch's thread, after all waiters have been woken.
    """

    def __init__(
        self,
        provider: CredentialProvider,
        *,
        clock: Callable[[], float],
        report: Callable[[Refresh], object] = vars,
    ) -> None:
        self._provider = provider
        self._follows_files = bool(getattr(provider, "follows_files", False))
        self._clock = clock
        self._report = report
        self._state = _State()
        self._flights: dict[str, Flight] = {}
        self._accepted: Credential | None = None  # the latest that any server accepted
        self._accepted_at = 0.0  # by the monotonic clock
        self._refused: dict[str, Credential] = {}  # by host, until it accepts one
        self._timer: threading.Lock | None = None
        _caches.add(self)

    def acquire(
        self,
        *,
        rejected: Credential | None = None,
        host: str = "",
        offset: float = 0.0,
        may_block: bool = False,
    ) -> Credential | Flight:
        """The credential to sign with, or a fetch (possibly finished) that returns it or raises the last error.

        rejected, host: the credential that a server refused, and the server; it is returned if there is no newer one.
        offset: how far the server's clock is ahead of ours, in seconds.
        may_block: whether to fetch on the caller's thread if no new thread can be started.
        """
        current = self._state.credential
        if current is not None and current is not rejected and current.expires_at is None and not self._follows_files:
            return current  # nothing but a rejection can end it
        while True:
            under_way = self._flights.get("flight")  # before the state, which a fetch replaces before it ends
            state = self._state
            available, needed = self._decide(state, rejected, host, offset, joining=under_way is not None)
            if not needed:
                return available if available is not None else self._failed(state.error)
            if under_way is None:
                flight = Flight(self._clock(), rejected if rejected is state.credential else None)
                under_way = self._flights.setdefault("flight", flight)
                if under_way is flight and self._state is not state:  # a fetch has ended since then
                    if flight.claim():  # otherwise it was this one: a signal handler has started it
                        self._end(flight, self._state)
                    continue
            if under_way.owner == threading.get_ident():  # ours, or a signal handler interrupted its start
                self._start(under_way, available, may_block)
            return under_way if available is None else available

    def accept(self, credential: Credential, host: str) -> None:
        """Note that a server has accepted a signature by this credential."""
        self._accepted, self._accepted_at = credential, time.monotonic()
        if self._refused:
            self._refused.pop(host, None)

    def status(self) -> CacheStatus:
        state, flight = self._state, self._flights.get("flight")
        expiry = None if state.credential is None else state.credential.expiry()
        return CacheStatus(
            expires_at=expiry,
            last_refresh=state.obtained_at,
            next_refresh=None
            if expiry is None
            else max(expiry - state.due_before_end, state.retry_at, state.extend_at),
            refreshing_since=None if flight is None else flight.since,
            last_error=state.error,
        )

    def _decide(
        self, state: _State, rejected: Credential | None, host: str, offset: float, *, joining: bool
    ) -> tuple[Credential | None, bool]:
        """The credential to return at once, if any, and whether a fetch is needed.

        joining: whether one is in progress, to which no pause applies.
        """
        current, now = state.credential, self._clock()
        if current is not None and current is rejected:
            only_here = self._only_refused_here(current, host)
            if only_here or (not joining and self._paused(state, now, until=state.retry_at)):
                return current, False
            return None, True
        if current is None:
            return None, joining or not self._paused(state, now, until=state.retry_at)
        expiry = current.expiry(offset)
        if (expiry is None or now < expiry - state.due_before_end) and not (self._follows_files and self._changed()):
            return current, False
        usable = expiry is None or now < expiry
        until = max(state.retry_at, state.extend_at) if usable else state.retry_at
        if not joining and self._paused(state, now, until=until):
            # Without an error, an expired credential is the newest its source has. Our clock may be wrong; let OCI decide.
            return (current if usable or state.error is None else None), False
        return (current if usable else None), True

    def _only_refused_here(self, current: Credential, host: str) -> bool:
        """Whether this host refused an earlier credential as well, while other hosts accept the present one."""
        if len(self._refused) >= _MOST_HOSTS and host not in self._refused:
            self._refused.clear()
        first = self._refused.setdefault(host, current)
        accepted = self._accepted is current and time.monotonic() - self._accepted_at < _RECENTLY
        return first is not current and accepted

    def _paused(self, state: _State, now: float, *, until: float) -> bool:
        if not state.paused_at <= now < until:  # also when the clock was set back
            return False
        if state.on_probation and self._accepted is state.credential:
            return False
        return not self._changed()

    def _changed(self) -> bool:
        changed = getattr(self._provider, "changed", None)
        return callable(changed) and bool(changed())

    def _start(self, flight: Flight, usable: Credential | None, may_block: bool) -> None:
        try:
            threading.Thread(target=self._refresh, args=(flight,), name="oci-credential-refresh", daemon=True).start()
        except RuntimeError as error:  # no more threads: the limit is reached, or the interpreter is shutting down
            if usable is None and may_block:
                self._refresh(flight)
            elif flight.claim():
                reason = CredentialsUnavailableError("No thread can be started to fetch a credential.")
                reason.__cause__ = error
                self._finish(flight, None, reason, 0.0)
        flight.owner = None

    def _refresh(self, flight: Flight) -> None:
        if not flight.claim():
            return
        started = time.perf_counter()
        fetched = error = None
        try:
            fetched = fetch_from(self._provider)
        except BaseException as raised:
            error = raised.with_traceback(raised.__traceback__ and raised.__traceback__.tb_next)
        self._finish(flight, fetched, error, time.perf_counter() - started)
        # The error's frames refer to this one, so error and cache would otherwise form a reference cycle.
        del self, flight, fetched, error

    def _finish(self, flight: Flight, fetched: Credential | None, error: BaseException | None, seconds: float) -> None:
        """Store the outcome, wake the waiters, and only then run code that isn't ours."""
        before, now = self._state, self._clock()
        if fetched is not None:
            state = self._after_success(before, fetched, flight, now)
        else:
            assert error is not None
            state = self._after_failure(before, error, now)
        self._state = state
        self._end(flight, state)
        if not isinstance(error, SessionExpiredError):
            self._set_timer()
        expiry = None if state.credential is None else state.credential.expiry()
        refresh = Refresh(
            seconds,
            None if expiry is None else expiry - now,
            error,
            changed=state.credential is not before.credential,
            usable=state.credential is not None and (expiry is None or now < expiry),
        )
        with contextlib.suppress(Exception):  # a log filter's failure is not the refresh's
            self._report(refresh)

    def _end(self, flight: Flight, state: _State) -> None:
        self._flights.pop("flight", None)
        if state.error is not None:
            flight.set_exception(state.error)
        else:
            assert state.credential is not None
            flight.set_result(state.credential)

    def _after_success(self, before: _State, fetched: Credential, flight: Flight, now: float) -> _State:
        current = before.credential
        unchanged = current is not None and fetched == current
        credential = (
            current if current is not None and unchanged else fetched
        )  # the same object, so that callers notice
        expiry = credential.expiry()
        usable = expiry is None or now < expiry
        newer = not unchanged and usable and not _same_end(current, fetched)
        obtained_at = before.obtained_at if unchanged else now
        due = before.due_before_end
        if expiry is not None and not unchanged:
            issued_at = credential.issued_at
            life = (
                expiry - now
                if issued_at is None or credential.expires_at is None
                else credential.expires_at - issued_at
            )
            due = max(life, 0.0) * _random.uniform(*_REFRESH_WINDOW)
        replaces = flight.replaces is not None
        if newer and not replaces:
            return _State(credential, obtained_at, due)
        failures = self._failures(before)
        retry_at, extend_at = now + _back_off(failures), 0.0
        if usable and not replaces and expiry is not None:
            retry_at, extend_at = min(retry_at, expiry), now + (expiry - now) * _random.uniform(0.5, 0.7)
        on_probation = replaces and not unchanged
        return _State(credential, obtained_at, due, None, failures + 1, now, retry_at, extend_at, on_probation)

    def _after_failure(self, before: _State, error: BaseException, now: float) -> _State:
        failures = self._failures(before)
        pause = max(_back_off(failures), _retry_after(error) * _random.uniform(1.0, 1.1))
        expiry = None if before.credential is None else before.credential.expiry()
        retry_at = now + pause
        if expiry is not None and now < expiry:
            retry_at = min(retry_at, expiry)
        return _State(before.credential, before.obtained_at, before.due_before_end, error, failures + 1, now, retry_at)

    def _failures(self, before: _State) -> int:
        accepted = before.on_probation and self._accepted is before.credential
        return 0 if accepted else before.failures

    def _set_timer(self) -> None:
        """Schedule the renewal of a credential that can't be renewed after its end, even if no request comes.

        All others wait for a request: an idle process should not call the auth service.
        """
        renewal_at = self._renewal_at()
        if self._timer is not None or renewal_at is None:
            return
        # The thread must not keep the cache alive, or every signer ever made would live forever.
        timer = threading.Lock()
        timer.acquire()
        self._timer = timer
        arguments = weakref.ref(self), timer, self._sleep_until(renewal_at)
        try:
            threading.Thread(target=_renew_in_time, args=arguments, name="oci-credential-timer", daemon=True).start()
        except RuntimeError:  # no more threads; after the next fetch there may be
            self._timer = None

    def _renewal_at(self) -> float | None:
        """When the timer should act; `None` if there is nothing to renew."""
        status = self.status()
        if status.next_refresh is None or not getattr(self._provider, "ends_when_idle", False):
            return None
        if status.expires_at is None or status.expires_at <= self._clock():
            return None  # too late: the next request will raise the error
        return status.next_refresh

    def _sleep_until(self, renewal_at: float) -> float:
        """The seconds until then, in small steps: a clock may be set, and runs while a laptop sleeps, unlike timers."""
        return min(max(renewal_at - self._clock(), 0.0), _LONGEST_SLEEP)

    def _failed(self, error: BaseException | None) -> Flight:
        assert error is not None  # only a failure leaves nothing to use
        flight = Flight(self._clock(), None)
        flight.set_exception(error)
        return flight

    def _after_fork(self) -> None:
        """Forget flights and timer: a child process has none of its parent's threads."""
        self._flights, self._timer = {}, None
        self._set_timer()

    def __del__(self) -> None:
        timer = getattr(self, "_timer", None)
        if timer is not None:
            timer.release()  # safe in a finalizer, unlike setting an event


_caches: weakref.WeakSet[CredentialCache] = weakref.WeakSet()


def _after_fork() -> None:
    for cache in list(_caches):
        cache._after_fork()


with contextlib.suppress(AttributeError):  # Windows can't fork
    os.register_at_fork(after_in_child=_after_fork)


def _renew_in_time(reference: weakref.ref[CredentialCache], timer: threading.Lock, sleep: float) -> None:
    """The timer's thread. It looks again after each sleep, and at once when `timer`, a lock that it holds, is released."""
    while True:
        timer.acquire(timeout=sleep)
        cache = reference()
        if cache is None or cache._timer is not timer:
            return
        renewal_at = cache._renewal_at()
        if renewal_at is None:
            cache._timer = None
            cache._set_timer()  # for a credential that was fetched just now
            return
        sleep = cache._sleep_until(renewal_at)
        if sleep <= 0:
            cache.acquire()
            sleep = 1.0
        del cache


def _same_end(current: Credential | None, fetched: Credential) -> bool:
    """Whether a fetch returned no later expiry than before."""
    if current is None or current.expires_at is None or fetched.expires_at is None:
        return False
    return fetched.expires_at <= current.expires_at


def _back_off(failures: int) -> float:
    first, longest = _BACK_OFF
    return min(first * 2.0 ** min(failures, 10), longest) * _random.uniform(0.5, 1.0)


def _retry_after(error: BaseException | None) -> float:
    """The `Retry-After` in seconds of this error or its causes; 0 without one."""
    for _ in range(10):
        if error is None:
            break
        seconds = getattr(error, "retry_after", None)
        if isinstance(seconds, float):
            return min(seconds, _LONGEST_RETRY_AFTER)
        error = error.__cause__
    return 0.0
