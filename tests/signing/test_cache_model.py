"""The credential cache against a model of ten lines, through every order of events that hypothesis can think of.

Time passes, and a provider's fetch ends, only when the machine says so. So after each step it is certain which
callers wait, what they got, and how many fetches are under way.
"""

from __future__ import annotations

import asyncio
import os
import queue
import random
import signal
import threading
from concurrent.futures import Future

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from oci_httpx_auth import Credential, CredentialsUnavailableError, SessionExpiredError
from oci_httpx_auth._signer import credential_from
from oci_httpx_auth._signing import cache
from oci_httpx_auth._signing.cache import CredentialCache
from oci_httpx_auth._signing.waiting import wait, wait_async

from ..conftest import ROUNDS, Clock, Key

pytestmark = pytest.mark.slow

LIMIT = 20.0  # seconds after which something that should have happened at once is called a hang
MARGIN = 1e-3  # seconds about a boundary where floating point decides

FAILURES = {
    "down": (CredentialsUnavailableError("the auth service is down"), CredentialsUnavailableError),
    "ended": (SessionExpiredError("authenticate again"), SessionExpiredError),
    "foreign": (RuntimeError("a bug of the provider's"), CredentialsUnavailableError),
    "exit": (SystemExit("a provider that gives up"), CredentialsUnavailableError),
}


class Model:
    """What the cache promises: its table, where the jitter leaves no doubt."""

    current: Credential | None = None
    error: BaseException | None = None  # of the latest fetch
    paused_at = 0.0
    pause: tuple[float, float] = (0.0, 0.0)  # the shortest and the longest that it can be
    not_extended: tuple[float, float] = (0.0, 0.0)  # likewise, for those who can use the present credential
    failures = 0
    replaced: Credential | None = None  # by the present credential, after a server had rejected it

    def certainly_paused(self, now: float, usable: bool) -> bool:
        shortest = max(self.pause[0], self.not_extended[0] if usable else 0.0)
        return self.paused_at <= now < self.paused_at + shortest - MARGIN

    def perhaps_paused(self, now: float, usable: bool) -> bool:
        longest = max(self.pause[1], self.not_extended[1] if usable else 0.0)
        return self.paused_at <= now < self.paused_at + longest + MARGIN

    def usable(self, now: float, rejected: Credential | None, offset: float) -> bool:
        expiry = None if self.current is None else self.current.expiry(offset)
        return self.current is not None and self.current is not rejected and (expiry is None or now < expiry)

    def is_due(self, now: float, offset: float, part: float) -> bool:
        assert self.current is not None
        expiry, life = self.current.expiry(offset), (self.current.expires_at or 0) - (self.current.issued_at or 0)
        return expiry is not None and now >= expiry - part * life

    def fetches(self, running: int, now: float, rejected: Credential | None, offset: float) -> set[int]:
        """How many fetches may be under way once a caller has asked. Two answers where the jitter decides."""
        usable = self.usable(now, rejected, offset)
        if running or self.certainly_paused(now, usable):
            return {running}
        needed = perhaps = True
        if usable:
            needed, perhaps = self.is_due(now, offset, 0.10 - 1e-6), self.is_due(now, offset, 0.25 + 1e-6)
        if needed and not self.perhaps_paused(now, usable):
            return {1}
        return {0, 1} if perhaps else {0}

    def end(self, now: float, fetched: Credential | None, error: BaseException | None, *, replaces: bool) -> None:
        """Take note of a fetch."""
        before = self.current
        if fetched is not None:
            self.current, self.error = fetched, None
        else:
            self.error = error
        expiry = None if self.current is None else self.current.expiry()
        left = float("inf") if expiry is None else expiry - now
        usable = self.current is not None and left > 0
        no_longer = (
            before is not None
            and fetched is not None
            and before.expires_at is not None
            and fetched.expires_at is not None
            and fetched.expires_at <= before.expires_at
        )
        if fetched is not None and fetched is not before and usable and not no_longer and not replaces:
            self.failures, self.pause, self.not_extended = 0, (0.0, 0.0), (0.0, 0.0)
            return
        first, last = (min(2.0 ** min(self.failures, 10), 60.0) * share for share in (0.5, 1.0))
        self.not_extended = (0.0, 0.0)
        if error is None and usable and not replaces and expiry is not None:
            self.not_extended = left * 0.5, left * 0.7
        if usable and not replaces and expiry is not None:
            first, last = min(first, left), min(last, left)
        self.failures += 1
        self.paused_at, self.pause = now, (first, last)


class ControlledProvider:
    """The test's own source of credentials: a fetch lasts until it is told how to end."""

    source = "the machine"

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[Credential | BaseException] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.running = self.most = 0

    def fetch(self) -> Credential:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            answer = self.answers.get(timeout=LIMIT)
        finally:
            with self.lock:
                self.running -= 1
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Caller(threading.Thread):
    """A thread that waits for a refresh."""

    def __init__(self, flight: Future[Credential], provider: ControlledProvider) -> None:
        super().__init__(daemon=True)
        self.flight, self.provider = flight, provider
        self.result: Credential | BaseException | None = None

    def run(self) -> None:
        wait(self.flight)
        try:
            self.result = credential_from(self.flight, self.provider)
        except BaseException as error:
            self.result = error


class CacheMachine(RuleBasedStateMachine):
    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key, self.clock, self.model = key, Clock(), Model()
        self.provider = ControlledProvider()
        self.cache = CredentialCache(self.provider, clock=self.clock)
        cache._random.seed(0)  # or the same steps would not have the same pauses
        self.others = set(threading.enumerate())
        self.loop = asyncio.new_event_loop()
        self.threads: list[Caller] = []
        self.tasks: list[asyncio.Task[Credential]] = []
        self.known: list[Credential] = []  # all that were ever handed out
        self.made = 0
        self.replaces = False  # whether the fetch that is under way was started for a rejected credential

    def refreshes(self) -> list[threading.Thread]:
        # A thread is listed from its start to its end, and its end comes when the machine lets the fetch end.
        started = set(threading.enumerate()) - self.others
        return [thread for thread in started if thread.name == "oci-credential-refresh"]

    def acquire(self, rejected: Credential | None = None, offset: float = 0.0) -> Future[Credential] | None:
        """Ask, and hold the answer against the model's. The future, if this caller has to wait."""
        now, before = self.clock.now, len(self.refreshes())
        acquired = self.cache.acquire(rejected=rejected, offset=offset)
        after = len(self.refreshes())
        assert after in self.model.fetches(before, now, rejected, offset)
        if after and not before:
            self.replaces = rejected is not None and rejected is self.model.current
        if self.model.usable(now, rejected, offset):
            assert acquired is self.model.current
            return None
        if after:
            assert isinstance(acquired, Future)
            return acquired
        # A pause: the last error at once; and without one what there is, for a server to decide.
        if isinstance(acquired, Future):
            assert acquired.exception() is self.model.error
            assert rejected is None or rejected is not self.model.current
        else:
            assert acquired is self.model.current
            assert self.model.error is None or rejected is self.model.current
        return None

    def tick(self) -> None:
        """Have all tasks come to the point where they wait."""
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))

    @initialize(lifetime=st.sampled_from([None, 1.0, 40.0, 3600.0]))
    def begin(self, lifetime: float | None) -> None:
        """Half of the interesting orders begin with a credential."""
        flight = self.acquire()
        assert flight is not None
        self.answer_with(self.new(lifetime))

    def new(self, lifetime: float | None) -> Credential:
        self.made += 1
        now = self.clock.now
        times = {} if lifetime is None else {"expires_at": now + lifetime, "issued_at": now}
        return Credential(key_id=f"credential-{self.made}", private_key=self.key.private, **times)

    @rule(seconds=st.sampled_from([0.4, 1.0, 15.0, 31.0, 600.0, 3300.0, 3600.0, -1.0, -600.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.model.current is not None and self.model.current.expires_at is not None)
    @rule(part=st.sampled_from([0.5, 0.749, 0.8, 0.901, 0.99, 1.0]))
    def time_passes_to_a_part_of_its_life(self, part: float) -> None:
        current = self.model.current
        assert current is not None
        assert current.expires_at is not None
        assert current.issued_at is not None
        self.clock.now = current.issued_at + part * (current.expires_at - current.issued_at)

    @rule(offset=st.sampled_from([0.0, 0.0, 100.0, -100.0]), callers=st.integers(1, 3))
    def threads_ask(self, offset: float, callers: int) -> None:
        for _ in range(callers):
            self.wait_on_a_thread(self.acquire(offset=offset))

    @rule(callers=st.integers(1, 3))
    def tasks_ask(self, callers: int) -> None:
        for _ in range(callers):
            self.wait_in_a_task(self.acquire())

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def a_server_rejects(self, data: st.DataObject) -> None:
        """Any credential that was handed out: the present one, or one that was replaced long ago."""
        rejected = data.draw(st.sampled_from([self.known[-1], *self.known]))
        flight = self.acquire(rejected=rejected)
        self.wait_on_a_thread(flight)
        self.wait_in_a_task(flight)

    def wait_on_a_thread(self, flight: Future[Credential] | None) -> None:
        if flight is not None:
            caller = Caller(flight, self.provider)
            caller.start()
            self.threads.append(caller)

    def wait_in_a_task(self, flight: Future[Credential] | None) -> None:
        async def ask(flight: Future[Credential]) -> Credential:
            await wait_async(flight)
            return credential_from(flight, self.provider)

        if flight is not None:
            self.tasks.append(self.loop.create_task(ask(flight)))
            self.tick()

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def tasks_are_cancelled(self, data: st.DataObject) -> None:
        """They end as cancelled, and nobody else ends."""
        chosen = data.draw(st.sets(st.integers(0, len(self.tasks) - 1), min_size=1))
        cancelled = [self.tasks[index] for index in chosen]
        for task in cancelled:
            task.cancel()
        self.tick()
        assert all(task.cancelled() for task in cancelled)
        self.tasks = [task for task in self.tasks if task not in cancelled]

    @precondition(lambda self: self.tasks)
    @rule()
    def the_loop_is_closed(self) -> None:
        """With its tasks still waiting, as in a program that was interrupted; another one opens."""
        for task in self.tasks:
            task.cancel()
        self.tick()
        self.tasks.clear()
        self.loop.close()
        self.loop = asyncio.new_event_loop()

    @precondition(lambda self: self.refreshes())
    @rule(lifetime=st.sampled_from([None, 1.0, 40.0, 3600.0]))
    def a_fetch_succeeds(self, lifetime: float | None) -> None:
        self.answer_with(self.new(lifetime))

    def answer_with(self, fetched: Credential) -> None:
        self.model.end(self.clock.now, fetched, None, replaces=self.replaces)
        self.known.append(fetched)
        self.end_fetch(fetched)

    @precondition(lambda self: self.refreshes() and self.model.current is not None)
    @rule()
    def a_fetch_brings_the_same_again(self) -> None:
        """An equal credential: all get the very object that they know."""
        current = self.model.current
        assert current is not None
        self.model.end(self.clock.now, current, None, replaces=self.replaces)
        self.end_fetch(
            Credential(str(current.key_id), self.key.private, current.expires_at, issued_at=current.issued_at)
        )

    @precondition(lambda self: self.refreshes())
    @rule(failure=st.sampled_from(sorted(FAILURES)))
    def a_fetch_fails(self, failure: str) -> None:
        self.model.end(self.clock.now, None, FAILURES[failure][0], replaces=False)
        self.end_fetch(FAILURES[failure][0], FAILURES[failure][1])

    def end_fetch(self, answer: Credential | BaseException, error: type[Exception] | None = None) -> None:
        """All who wait get the outcome now: the credential, or each an error of its own."""
        (refresh,) = self.refreshes()
        self.provider.answers.put(answer)
        refresh.join(LIMIT)
        results: list[object] = []
        for caller in self.threads:
            caller.join(LIMIT)
            results.append(caller.result)
        if self.tasks:
            together = asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), LIMIT)
            results += self.loop.run_until_complete(together)
        if error is None:
            assert all(result is self.model.current for result in results)
        else:
            assert all(type(result) is error for result in results)
            assert len(set(map(id, results))) == len(results)
        self.threads.clear()
        self.tasks.clear()

    @precondition(lambda self: hasattr(os, "fork"))
    @rule(rejects=st.booleans())
    def a_child_is_forked(self, rejects: bool) -> None:
        """It has the credential if that serves, else a fetch of its own; the parent notices nothing."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(int(LIMIT))
                code = self.in_the_child(self.model.current if rejects else None)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    def in_the_child(self, rejected: Credential | None) -> int:
        self.provider.answers, self.provider.lock = queue.SimpleQueue(), threading.Lock()
        expected = self.new(3600.0)
        self.provider.answers.put(expected)
        acquired = self.cache.acquire(rejected=rejected)
        usable = self.model.usable(self.clock.now, rejected, 0.0)
        if usable or self.model.perhaps_paused(self.clock.now, usable):
            return 0 if acquired is self.model.current or isinstance(acquired, Future) else 2
        assert isinstance(acquired, Future)
        wait(acquired)
        return 0 if acquired.result() is expected and self.cache.acquire() is expected else 3

    @invariant()
    def one_fetch_at_most(self) -> None:
        assert len(self.refreshes()) <= 1
        assert self.provider.most <= 1

    @invariant()
    def callers_wait_only_while_a_fetch_is_under_way(self) -> None:
        waiting = [*self.threads, *self.tasks]
        assert not waiting or self.refreshes()
        assert all(caller.is_alive() for caller in self.threads)
        assert not any(task.done() for task in self.tasks)

    @invariant()
    def the_status_tells_the_expiry(self) -> None:
        current = self.model.current
        assert self.cache.status().expires_at == (None if current is None else current.expires_at)

    def teardown(self) -> None:
        if self.refreshes():
            self.end_fetch(*FAILURES["down"])
        self.loop.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_cache_does_what_its_model_says(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of expiries, rejections, failures, cancellations and forks: who waits, gets, or fails."""
    monkeypatch.setattr(cache, "_random", random.Random())
    run_state_machine_as_test(
        lambda: CacheMachine(key),
        settings=settings(
            max_examples=60 * ROUNDS,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
