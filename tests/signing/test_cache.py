"""The credential cache: one fetch at a time, ahead of the expiry, and nobody waits who need not."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import queue
import random
import re
import subprocess
import sys
import threading
import time
import traceback
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import cast

import pytest

from oci_httpx_auth import Credential, CredentialsUnavailableError, SessionExpiredError
from oci_httpx_auth._errors import ServiceRefusedError
from oci_httpx_auth._log import log_refresh
from oci_httpx_auth._signer import credential_from
from oci_httpx_auth._signing import cache
from oci_httpx_auth._signing.cache import CacheStatus, CredentialCache, Flight, _after_fork, _random, _retry_after
from oci_httpx_auth._signing.waiting import wait, wait_async

from ..conftest import Clock, Key, settle


class ControlledProvider:
    """A provider whose every fetch waits until the test answers it."""

    source = "the test"

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[Credential | BaseException] = queue.SimpleQueue()
        self.started = threading.Semaphore(0)
        self.fetches = 0

    def fetch(self) -> Credential:
        self.fetches += 1
        self.started.release()
        answer = self.answers.get(timeout=20)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Setup:
    """A cache with its provider and clock, and credentials to answer with."""

    def __init__(self, key: Key) -> None:
        self.key, self.clock, self.provider = key, Clock(), ControlledProvider()
        self.cache = CredentialCache(self.provider, clock=self.clock, report=partial(log_refresh, self.provider))

    def credential(self, name: str, *, lifetime: float | None = 3600.0) -> Credential:
        now = self.clock.now
        return Credential(
            key_id=name,
            private_key=self.key.private,
            expires_at=None if lifetime is None else now + lifetime,
            issued_at=None if lifetime is None else now,
        )

    def flight(self, **options: object) -> Flight:
        acquired = self.cache.acquire(**options)  # type: ignore[arg-type]
        assert isinstance(acquired, Flight)
        return acquired

    def obtain(self, name: str, **options: float | None) -> Credential:
        """Have the cache hold a credential of this name."""
        credential = self.credential(name, **options)  # type: ignore[arg-type]
        self.provider.answers.put(credential)
        acquired = self.cache.acquire()
        assert isinstance(acquired, Future)
        wait(acquired)
        return credential_from(acquired, self.provider)


@pytest.fixture
def setup(key: Key) -> Setup:
    return Setup(key)


def test_a_fresh_credential_is_handed_out_at_once(setup: Setup) -> None:
    """The first caller waits for a fetch, all others get the very object, without one."""
    first = setup.obtain("a")
    assert all(setup.cache.acquire() is first for _ in range(100))
    assert setup.provider.fetches == 1


def test_a_credential_without_expiry_is_never_fetched_again(setup: Setup) -> None:
    """An API key stays, however much time passes."""
    first = setup.obtain("a", lifetime=None)
    setup.clock.now += 1e9
    assert setup.cache.acquire() is first
    assert setup.cache.status().expires_at is None
    assert setup.cache.status().next_refresh is None


def test_any_number_of_threads_shares_one_fetch(setup: Setup) -> None:
    """Fifty threads that find nothing wait for one fetch and get the same credential."""
    barrier = threading.Barrier(50)

    def caller() -> Credential:
        barrier.wait(20)
        acquired = setup.cache.acquire()
        if isinstance(acquired, Future):
            wait(acquired)
            return credential_from(acquired, setup.provider)
        return acquired

    with ThreadPoolExecutor(50) as pool:
        callers = [pool.submit(caller) for _ in range(50)]
        assert setup.provider.started.acquire(timeout=20)
        expected = setup.credential("a")
        setup.provider.answers.put(expected)
        assert all(caller.result(20) is expected for caller in callers)
    assert setup.provider.fetches == 1


def test_a_due_credential_is_used_while_it_is_refreshed(setup: Setup) -> None:
    """In the last tenth of its life a credential is handed out at once, and one refresh runs in the background."""
    first = setup.obtain("a")
    setup.clock.now += 3600 * 0.91
    assert all(setup.cache.acquire() is first for _ in range(10))
    assert setup.provider.started.acquire(timeout=20)
    second = setup.credential("b")
    setup.provider.answers.put(second)
    settle()
    assert setup.cache.acquire() is second
    assert setup.provider.fetches == 2


def test_no_refresh_comes_before_the_last_quarter(setup: Setup) -> None:
    """Until three quarters of its life have passed a credential is left alone."""
    first = setup.obtain("a")
    setup.clock.now += 3600 * 0.749
    assert setup.cache.acquire() is first
    assert setup.provider.fetches == 1


def test_a_refresh_starts_at_the_moment_that_status_reports(setup: Setup) -> None:
    """By the first request from then on, and by none before."""
    first = setup.obtain("a")
    second = setup.credential("b", lifetime=10_000)
    setup.provider.answers.put(second)
    moment = setup.cache.status().next_refresh
    assert moment is not None
    for setup.clock.now, current in ((moment - 0.001, first), (moment, second)):
        assert setup.cache.acquire() is first
        settle()
        assert setup.cache.acquire() is current


def test_refreshes_of_a_fleet_are_spread(key: Key) -> None:
    """Caches that were filled together do not refresh together: their windows open at different moments."""
    due = set()
    for _ in range(50):
        setup = Setup(key)
        setup.obtain("a")
        next_refresh = setup.cache.status().next_refresh
        assert next_refresh is not None
        due.add(round(next_refresh - setup.clock.now))
    assert len(due) > 25
    assert min(due) >= 3600 * 0.75
    assert max(due) <= 3600 * 0.90


def test_an_expired_credential_is_waited_for(setup: Setup) -> None:
    """Past its end a credential is never handed out, and a moment before it is."""
    first = setup.obtain("a")
    setup.clock.now += 3599.5
    assert setup.cache.acquire() is first
    setup.clock.now += 0.5
    flight = setup.flight()
    second = setup.credential("b")
    setup.provider.answers.put(second)
    wait(flight)
    assert credential_from(flight, setup.provider) is second


def test_the_expiry_is_judged_in_the_servers_time(setup: Setup) -> None:
    """A token from a file, on a machine whose clock is a day behind, ends when its issuer says so."""
    setup.obtain("a")
    assert isinstance(setup.cache.acquire(), Credential)
    flight = setup.flight(offset=86400.0)
    setup.provider.answers.put(setup.credential("b", lifetime=900_000))
    wait(flight)
    assert isinstance(setup.cache.acquire(offset=86400.0), Credential)


def test_the_issuers_clock_offset_beats_a_servers(setup: Setup) -> None:
    """A token fetched now was issued now, whatever any other server's clock says."""
    now = setup.clock.now
    credential = Credential(
        key_id="a",
        private_key=setup.key.private,
        issued_at=now - 86400,
        expires_at=now - 86400 + 3600,
        clock_offset=-86400.0,
    )
    setup.provider.answers.put(credential)
    wait(setup.flight())
    assert setup.cache.acquire() is credential
    assert setup.cache.acquire(offset=86400.0) is credential


def test_a_failed_refresh_keeps_a_valid_credential(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """Callers do not notice an outage while the credential lives, and the log and the status tell of it."""
    first = setup.obtain("a")
    setup.clock.now += 3600 * 0.91
    setup.cache.acquire()
    setup.provider.answers.put(CredentialsUnavailableError("the auth service is down"))
    settle()
    assert setup.cache.acquire() is first
    assert str(setup.cache.status().last_error) == "the auth service is down"
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "the auth service is down" in warning.getMessage()
    assert "stays in use" in warning.getMessage()


def test_failed_refreshes_back_off(setup: Setup) -> None:
    """After a failure no request starts another refresh until a pause is over; the pauses grow up to a minute."""
    first = setup.obtain("a", lifetime=100_000)
    setup.clock.now += 90_001
    pauses = []
    for _ in range(12):
        assert setup.cache.acquire() is first
        setup.provider.answers.put(CredentialsUnavailableError("down"))
        settle()
        fetches = setup.provider.fetches
        assert setup.cache.acquire() is first
        assert setup.provider.fetches == fetches
        retry_at = setup.cache.status().next_refresh
        assert retry_at is not None
        pauses.append(retry_at - setup.clock.now)
        setup.clock.now = retry_at
    assert all(30 <= pause <= 60 for pause in pauses[-4:])
    assert 0.5 <= pauses[0] <= 1


def test_a_pause_ends_with_the_credential(setup: Setup) -> None:
    """With half a second to live, a credential is not left alone for longer."""
    setup.obtain("a", lifetime=40)
    setup.clock.now += 39.6
    setup.cache.acquire()
    setup.provider.answers.put(CredentialsUnavailableError("down"))
    settle()
    retry_at = setup.cache.status().next_refresh
    assert retry_at is not None
    assert retry_at <= setup.clock.now + 0.5


def test_without_a_valid_credential_all_waiting_callers_fail_at_once(setup: Setup) -> None:
    """Each of them gets an error of its own with the cause, and the next caller tries anew."""
    flights = [setup.flight() for _ in range(20)]
    cause = SessionExpiredError("Run `oci session authenticate`.")
    setup.provider.answers.put(cause)
    errors = []
    for flight in flights:
        wait(flight)
        with pytest.raises(SessionExpiredError, match="Run `oci session authenticate`") as caught:
            credential_from(flight, setup.provider)
        assert caught.value.__cause__ is cause
        errors.append(caught.value)
    assert len(set(map(id, errors))) == 20
    assert setup.provider.fetches == 1
    setup.clock.now += 1  # the pause
    setup.obtain("a")


def test_during_the_pause_callers_get_the_last_error_at_once(setup: Setup) -> None:
    """If there has been no credential yet, and if the last one has expired."""
    for _ in range(2):
        error = CredentialsUnavailableError("down")
        flight = setup.flight()
        setup.provider.answers.put(error)
        wait(flight)
        settle()
        again = setup.cache.acquire()
        assert isinstance(again, Future)
        assert again.exception(timeout=0) is error
        setup.clock.now += 1
        setup.obtain("a")
        setup.clock.now += 3600
    assert setup.provider.fetches == 4


def test_an_error_keeps_the_frames_of_the_provider(setup: Setup) -> None:
    """Whoever reads the traceback sees where it was raised."""
    flight = setup.flight()
    setup.provider.answers.put(CredentialsUnavailableError("down"))
    wait(flight)
    error = flight.exception()
    assert error is not None
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["fetch_from", "fetch"]


def test_a_foreign_exception_is_named_and_chained_but_not_quoted(setup: Setup) -> None:
    """What a third party's exception says may be a secret: the message has its type, the chain has the rest."""
    flight = setup.flight()
    setup.provider.answers.put(RuntimeError("token=very-secret"))
    wait(flight)
    with pytest.raises(CredentialsUnavailableError, match=r"the test: RuntimeError") as caught:
        credential_from(flight, setup.provider)
    assert "very-secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_users_own_error_class_does_not_get_in_the_way(setup: Setup) -> None:
    """It may be made of other things than a message; it is the cause, whatever it is."""

    class Mine(CredentialsUnavailableError):
        def __init__(self, vault: str, code: int) -> None:
            super().__init__(f"{vault} answered {code}")

    flight = setup.flight()
    setup.provider.answers.put(Mine("the vault", 7))
    wait(flight)
    with pytest.raises(CredentialsUnavailableError, match="the vault answered 7") as caught:
        credential_from(flight, setup.provider)
    assert type(caught.value) is CredentialsUnavailableError
    assert isinstance(caught.value.__cause__, Mine)


def test_many_rejections_of_one_credential_cause_one_fetch(setup: Setup) -> None:
    """A rejected credential is replaced once; whoever comes later with the same complaint gets its replacement."""
    first = setup.obtain("a")
    flights = [setup.flight(rejected=first) for _ in range(50)]
    second = setup.credential("b")
    setup.provider.answers.put(second)
    for flight in flights:
        wait(flight)
        assert credential_from(flight, setup.provider) is second
    assert setup.cache.acquire(rejected=first) is second
    assert setup.provider.fetches == 2


def test_the_same_credential_fetched_again_is_the_same_object(setup: Setup) -> None:
    """By identity a caller sees that its source has nothing newer."""
    first = setup.obtain("a", lifetime=None)
    flight = setup.flight(rejected=first)
    setup.provider.answers.put(setup.credential("a", lifetime=None))
    wait(flight)
    assert credential_from(flight, setup.provider) is first


def test_each_refresh_is_one_info_record(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """It says where the credential came from and how long it took."""
    caplog.set_level(logging.INFO, "oci_httpx_auth")
    setup.obtain("a")
    settle()  # the credential is handed out before the refresh is logged
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "the test" in record.getMessage()
    assert " s," in record.getMessage()


def test_a_cancelled_task_harms_no_other(setup: Setup, run) -> None:
    """Of ten tasks that wait for one fetch nine are cancelled, and the tenth gets its credential."""

    async def main() -> None:
        flight = setup.flight()
        done: list[Credential] = []

        async def caller() -> None:
            await wait_async(flight)
            done.append(credential_from(flight, setup.provider))

        if run.__module__.startswith("trio"):
            import trio
            import trio.testing

            async with trio.open_nursery() as nursery:
                scopes = []

                async def cancellable() -> None:
                    with trio.CancelScope() as scope:
                        scopes.append(scope)
                        await caller()

                for _ in range(9):
                    nursery.start_soon(cancellable)
                nursery.start_soon(caller)
                await trio.testing.wait_all_tasks_blocked()
                for scope in scopes:
                    scope.cancel()
                setup.provider.answers.put(setup.credential("a"))
        else:
            tasks = [asyncio.create_task(caller()) for _ in range(10)]
            await asyncio.sleep(0)
            for task in tasks[:9]:
                task.cancel()
            setup.provider.answers.put(setup.credential("a"))
            await tasks[9]
        assert len(done) == 1

    run(main)
    assert setup.provider.fetches == 1


def test_a_closed_loop_does_not_stop_the_refresh(setup: Setup) -> None:
    """A loop that goes away while one of its tasks waits leaves refresh and other waiters alone."""
    flight = setup.flight()
    loop = asyncio.new_event_loop()
    task = loop.create_task(wait_async(flight))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    setup.provider.answers.put(setup.credential("a"))
    wait(flight)
    assert credential_from(flight, setup.provider).key_id == "a"


def test_a_trio_run_that_has_ended_does_not_stop_the_refresh(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """Its task had given up waiting; the fetch finishes later, and finds nobody to wake."""
    trio = pytest.importorskip("trio")
    flight = setup.flight()

    async def main() -> None:
        with trio.move_on_after(0):
            await wait_async(flight)

    trio.run(main)
    setup.provider.answers.put(setup.credential("a"))
    wait(flight)
    settle()
    assert credential_from(flight, setup.provider).key_id == "a"
    assert not [record for record in caplog.records if record.name.startswith("concurrent")]


def test_tasks_of_many_loops_share_one_fetch(setup: Setup) -> None:
    """Event loops in several threads wait for the same refresh."""

    async def caller() -> str:
        acquired = setup.cache.acquire()
        if isinstance(acquired, Future):
            await wait_async(acquired)
            return credential_from(acquired, setup.provider).key_id
        return acquired.key_id

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(lambda: asyncio.run(caller())) for _ in range(4)]
        assert setup.provider.started.acquire(timeout=20)
        setup.provider.answers.put(setup.credential("a"))
        assert [caller.result(20) for caller in callers] == ["a"] * 4
    assert setup.provider.fetches == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_during_a_refresh_starts_without_one(setup: Setup) -> None:
    """A child, and a child's child, has neither the thread nor the lock's owner: each fetches for itself."""
    flight = setup.flight()
    assert setup.provider.started.acquire(timeout=20)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def descendant(generation: int, before: Future[Credential]) -> None:
        setup.provider.answers = queue.SimpleQueue()
        mine = setup.flight()
        assert mine is not before
        if generation == 1:
            child = context.Process(target=descendant, args=(2, mine))
            child.start()
            child.join(20)
            assert child.exitcode == 0
        setup.provider.answers.put(setup.credential(f"generation-{generation}"))
        wait(mine)
        sender.send(mine.result().key_id)

    process = context.Process(target=descendant, args=(1, flight))
    process.start()
    for expected in ("generation-2", "generation-1"):
        assert receiver.poll(30)
        assert receiver.recv() == expected
    process.join(20)
    assert setup.cache.acquire() is flight  # the parent goes on with its own
    setup.provider.answers.put(setup.credential("parent"))
    wait(flight)
    assert flight.result().key_id == "parent"


def test_the_interpreter_exits_during_a_refresh() -> None:
    """A hanging fetch neither holds up the exit nor prints anything."""
    program = """
import threading
from oci_httpx_auth._signing.cache import CredentialCache
started = threading.Event()
class Hanging:
    def fetch(self):
        started.set()
        threading.Event().wait()
CredentialCache(Hanging(), clock=lambda: 0.0).acquire()
assert started.wait(20)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_fork_during_a_fetch_does_not_lose_its_result(setup: Setup) -> None:
    """The thread that forked goes on in the child, and its caller with it."""
    expected = setup.credential("a")

    def fetch() -> Credential:
        _after_fork()  # as in a child that this thread has forked
        return expected

    setup.provider.fetch = fetch  # type: ignore[method-assign]
    assert setup.obtain("ignored") is expected
    assert setup.cache.acquire() is expected


# What people and dashboards see of it, and when exactly things happen.


def test_a_failing_report_harms_nobody(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refresh counts, and nothing is printed."""
    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    expected = Setup(key).credential("a")
    provider = ControlledProvider()
    provider.answers.put(expected)
    cache = CredentialCache(provider, clock=Clock(), report=lambda refresh: refresh.no_such_field)  # type: ignore[attr-defined]
    flight = cache.acquire()
    assert isinstance(flight, Future)
    assert wait(flight, 20)
    settle()
    assert cache.acquire() is expected
    assert not printed


def test_the_log_says_whether_a_failure_matters(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """The whole sentence: with nothing in hand, with a credential that lives, at its very end, and without one."""

    def fail(**options: object) -> str:
        caplog.clear()
        flight = setup.cache.acquire(**options)  # type: ignore[arg-type]
        setup.provider.answers.put(CredentialsUnavailableError("down"))
        if isinstance(flight, Future):
            wait(flight)
        settle()
        (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        return re.sub(r"\b\d\.\d{3} s", "N s", record.getMessage())

    failed = "OCI credential of the test could not be refreshed (N s): down"
    assert fail() == failed
    setup.clock.now += 1  # the pause
    first = setup.obtain("a")
    assert fail(rejected=first) == f"{failed} - the present one stays in use"
    setup.clock.now += 3600
    assert fail() == failed
    setup.clock.now += 2
    endless = setup.obtain("b", lifetime=None)
    assert fail(rejected=endless) == f"{failed} - the present one stays in use"


def test_a_refresh_is_logged_in_one_sentence(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """How long what came is valid; and at debug level, that nothing new came."""
    caplog.set_level(logging.DEBUG, "oci_httpx_auth")
    first = setup.obtain("a")
    settle()
    flight = setup.flight(rejected=first)
    setup.provider.answers.put(setup.credential("a"))
    wait(flight)
    settle()
    setup.clock.now += 3600
    setup.obtain("b", lifetime=None)
    settle()
    told = [(record.levelname, re.sub(r"\b\d\.\d{3} s", "N s", record.getMessage())) for record in caplog.records]
    assert told == [
        ("INFO", "OCI credential of the test refreshed in N s, valid for 3600 s"),
        ("DEBUG", "OCI credential of the test is unchanged (N s)"),
        ("INFO", "OCI credential of the test refreshed in N s, without expiry"),
    ]


def test_a_slow_log_handler_holds_nobody_up(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """While the outcome of a refresh is written somewhere, other threads and their event loops go on."""
    caplog.set_level(logging.DEBUG, "oci_httpx_auth")
    held_up: dict[str, bool] = {}

    def note(record: logging.LogRecord) -> bool:
        other = threading.Thread(target=setup.cache.acquire, daemon=True)
        other.start()
        other.join(5)
        held_up[record.levelname] = other.is_alive()
        return True

    logger = logging.getLogger("oci_httpx_auth")
    logger.addFilter(note)
    try:
        first = setup.obtain("a")
        for answer in (setup.credential("a"), CredentialsUnavailableError("down")):
            setup.provider.answers.put(answer)
            wait(setup.flight(rejected=first))
            settle()
            setup.clock.now += 1  # the pause
    finally:
        logger.removeFilter(note)
    assert held_up == {"INFO": False, "DEBUG": False, "WARNING": False}


def test_the_status_reports_each_refresh(setup: Setup) -> None:
    """Before the first one, after it, after a failure, and after the next success."""
    assert setup.cache.status() == CacheStatus(None, None, None, None, None)
    setup.obtain("a")
    begun = setup.clock.now
    status = setup.cache.status()
    assert (status.expires_at, status.last_refresh, status.last_error) == (begun + 3600, begun, None)
    assert status.next_refresh is not None
    assert begun + 2700 <= status.next_refresh <= begun + 3240
    setup.clock.now += 3600
    flight = setup.flight()
    setup.provider.answers.put(RuntimeError("a secret"))
    wait(flight)
    settle()
    status = setup.cache.status()
    assert (status.last_refresh, repr(status.last_error)) == (begun, "RuntimeError('a secret')")
    assert status.next_refresh is not None
    assert setup.clock.now < status.next_refresh <= setup.clock.now + 1
    setup.clock.now += 1
    setup.obtain("b")
    status = setup.cache.status()
    assert (status.last_refresh, status.last_error) == (setup.clock.now, None)


@pytest.fixture(params=[0.0, 1.0], ids=["shortest", "longest"])
def lot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """What is drawn by lot is the least or the most that it can be."""
    share: float = request.param
    monkeypatch.setattr(_random, "uniform", lambda least, most: least + share * (most - least))
    return share


def test_the_programs_random_numbers_are_left_alone(setup: Setup) -> None:
    """A program that seeds `random` gets the same numbers again, and a fleet of them does not refresh in step."""
    state = random.getstate()
    for answer in (setup.credential("a"), CredentialsUnavailableError("down"), setup.credential("a")):
        setup.cache.acquire()
        setup.provider.answers.put(answer)
        settle()
        setup.clock.now += 3590
    assert setup.provider.fetches == 3
    assert random.getstate() == state


def test_the_pauses_between_failures_double(setup: Setup, lot: float) -> None:
    """From one second to sixty, each shortened by up to a half, so that processes do not try in step."""

    def fail() -> float:
        setup.cache.acquire()
        setup.provider.answers.put(CredentialsUnavailableError("down"))
        settle()
        retry_at = setup.cache.status().next_refresh
        assert retry_at is not None
        return retry_at - setup.clock.now

    for _ in range(2):  # a success begins the count anew
        setup.obtain("a", lifetime=100_000)
        setup.clock.now += 90_001
        for longest in (1, 2, 4, 8, 16, 32, 60, 60):
            pause = fail()
            assert pause == pytest.approx(longest * (0.5 + lot / 2), abs=1e-5)
            setup.clock.now += pause
        setup.clock.now += 9_999


def test_a_session_that_is_not_extended_is_requested_half_a_dozen_times(setup: Setup) -> None:
    """The same expiry again is nothing newer: each pause takes at least half of what is left."""
    setup.obtain("a")
    end, answers = setup.clock.now + 3600, 0
    while setup.clock.now < end:
        next_refresh = setup.cache.status().next_refresh
        assert next_refresh is not None
        setup.clock.now = next_refresh
        if setup.clock.now >= end:
            break
        setup.cache.acquire()
        answers += 1
        setup.provider.answers.put(setup.credential(f"renewed-{answers}", lifetime=end - setup.clock.now))
        settle()
        assert setup.cache.status().expires_at == end
    assert 1 <= answers <= 8


def test_a_credential_that_is_the_same_again_is_due_after_half_of_what_is_left(setup: Setup, lot: float) -> None:
    """Or a little more: its source has nothing newer yet. A server for which it has ended is served sooner."""
    first, begun = setup.obtain("a"), setup.clock.now
    setup.clock.now += 3300
    setup.cache.acquire()
    setup.provider.answers.put(first)
    settle()
    status = setup.cache.status()
    assert status.last_refresh == begun
    assert status.next_refresh is not None
    assert status.next_refresh - setup.clock.now == pytest.approx(300 * (0.5 + 0.2 * lot), abs=1e-5)
    setup.clock.now += 2  # the back-off's longest after one fetch
    assert setup.cache.acquire() is first
    assert setup.provider.fetches == 2
    assert isinstance(setup.cache.acquire(offset=400.0), Future)
    setup.provider.answers.put(setup.credential("b"))


@pytest.mark.parametrize("rejected", [True, False])
def test_a_session_that_is_not_extended_is_requested_again_once_rejected(setup: Setup, rejected: bool) -> None:
    """The long pause is for those who can use it. By a server's clock it may be over long before ours says so."""
    first = setup.obtain("a")
    setup.clock.now += 3300
    setup.cache.acquire()
    setup.provider.answers.put(setup.credential("b", lifetime=300))
    settle()
    current = setup.cache._state.credential
    assert current is not None
    assert current is not first
    setup.cache.accept(current, "a host")
    setup.clock.now += 2  # the back-off's longest after one fetch
    if rejected:
        assert isinstance(setup.cache.acquire(rejected=current), Future)
        setup.provider.answers.put(setup.credential("c"))
    else:
        assert setup.cache.acquire() is current
        assert setup.provider.fetches == 2


@pytest.mark.parametrize("asked_for", [30.0, 3600.0])
def test_retry_after_is_respected_up_to_the_end_of_a_valid_credential(setup: Setup, asked_for: float) -> None:
    """Without a valid one, for ten minutes at most."""
    refusal = CredentialsUnavailableError("refused")
    refusal.__cause__ = ServiceRefusedError("429", 429, asked_for)
    flight = setup.flight()
    setup.provider.answers.put(refusal)
    wait(flight)
    settle()
    assert min(asked_for, 600) <= setup.cache._state.retry_at - setup.clock.now <= min(asked_for, 600) * 1.1
    setup.clock.now += 660
    setup.obtain("a", lifetime=1000)
    setup.clock.now += 950
    setup.cache.acquire()
    setup.provider.answers.put(refusal)
    settle()
    pause = setup.cache._state.retry_at - setup.clock.now
    assert pause == pytest.approx(50) if asked_for > 50 else 30 <= pause <= 33


class Refusals:
    """Hosts that refuse or accept the present credential, and the cache's answer."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.cache = setup, setup.cache
        self.fetched = 0

    def refuse(self, host: str) -> bool:
        """Whether a refusal by this host has caused a fetch, which is answered with a new credential."""
        rejected = self.cache._state.credential
        acquired = self.cache.acquire(rejected=rejected, host=host)
        if not isinstance(acquired, Future):
            assert acquired is rejected
            return False
        self.fetched += 1
        self.setup.provider.answers.put(self.setup.credential(f"replacement-{self.fetched}"))
        wait(acquired)
        settle()
        return True

    def accept(self, host: str) -> None:
        credential = self.cache._state.credential
        assert credential is not None
        self.cache.accept(credential, host)


def test_a_replacement_that_is_refused_as_well_starts_a_growing_pause(setup: Setup) -> None:
    """A host that refuses for an hour costs about a call per minute."""
    setup.obtain("a", lifetime=None)
    refusals = Refusals(setup)
    begun = setup.clock.now
    assert refusals.refuse("bad")
    assert not refusals.refuse("bad")
    while setup.clock.now < begun + 3600:
        refusals.refuse("bad")
        setup.clock.now += 0.5
    assert 50 <= refusals.fetched <= 130


def test_the_pauses_between_replacements_double(setup: Setup, lot: float) -> None:
    """Until one is accepted, which begins the count anew."""
    setup.obtain("a", lifetime=None)
    refusals = Refusals(setup)
    for host, longest in (("bad", 1), ("bad", 2), ("bad", 4), ("good", 1)):
        if host == "good":
            refusals.accept(host)
        assert refusals.refuse(host)
        pause = setup.cache._state.retry_at - setup.clock.now
        assert pause == pytest.approx(longest * (0.5 + lot / 2), abs=1e-5)
        setup.clock.now += pause


def test_acceptance_of_the_old_credential_says_nothing_about_its_replacement(setup: Setup) -> None:
    """Which is replaced in turn if it is refused before any host has accepted it."""
    setup.obtain("a", lifetime=None)
    refusals = Refusals(setup)
    refusals.accept("good")
    assert refusals.refuse("bad")
    setup.clock.now += 1
    assert refusals.refuse("bad")


def test_acceptance_elsewhere_does_not_end_the_pause_after_the_same_credential(setup: Setup) -> None:
    """The source has nothing newer, whoever accepts what there is."""
    first = setup.obtain("a", lifetime=None)
    setup.cache.accept(first, "good")
    flight = setup.flight(rejected=first, host="bad")
    setup.provider.answers.put(setup.credential("a", lifetime=None))
    wait(flight)
    settle()
    setup.cache.accept(first, "good")
    assert setup.cache.acquire(rejected=first, host="bad") is first
    assert setup.provider.fetches == 2


def test_the_rejection_of_an_earlier_credential_starts_no_pause(setup: Setup) -> None:
    """The present one has expired, and is replaced for that reason."""
    first = setup.obtain("a")
    setup.clock.now += 3600
    setup.obtain("b")
    setup.clock.now += 3600
    flight = setup.flight(rejected=first, host="slow")
    setup.provider.answers.put(setup.credential("c"))
    wait(flight)
    settle()
    assert isinstance(setup.cache.acquire(rejected=flight.result(), host="slow"), Future)
    setup.provider.answers.put(setup.credential("d"))


def test_an_accepted_replacement_may_be_replaced_at_once(setup: Setup) -> None:
    """Tokens that are revoked again and again, each after it has served, cost no pause."""
    setup.obtain("a", lifetime=None)
    refusals = Refusals(setup)
    for _ in range(5):
        assert refusals.refuse("good")
        refusals.accept("good")


def test_a_host_at_odds_with_every_credential_does_not_replace_what_others_accept(setup: Setup) -> None:
    """One replacement on its account, and then none, while the good host's own refusals are acted upon."""
    setup.obtain("a", lifetime=None)
    refusals = Refusals(setup)
    refusals.accept("good")
    assert refusals.refuse("bad")
    for _ in range(100):
        refusals.accept("good")
        assert not refusals.refuse("bad")
        setup.clock.now += 5
    assert refusals.refuse("good")
    refusals.accept("good")
    assert not refusals.refuse("bad")
    refusals.accept("bad")  # it has come round
    assert refusals.refuse("bad")


def test_a_changed_file_ends_the_pause(setup: Setup) -> None:
    """A person's new session is picked up by the next request."""
    changed = False
    setup.provider.changed = lambda: changed  # type: ignore[attr-defined]
    flight = setup.flight()
    setup.provider.answers.put(SessionExpiredError("over"))
    wait(flight)
    settle()
    again = setup.cache.acquire()
    assert isinstance(again, Future)
    assert again.done()
    assert setup.provider.fetches == 1
    changed = True
    setup.obtain("a")


@pytest.mark.parametrize("follows", [True, False, None])
@pytest.mark.parametrize("lifetime", [3600.0, None])
def test_a_changed_file_outdates_the_credential_of_a_provider_that_follows_it(
    setup: Setup, follows: bool | None, lifetime: float | None
) -> None:
    """Which is used until the background fetch has ended."""
    if follows is not None:
        setup.provider.follows_files = follows  # type: ignore[attr-defined]
    setup.cache = CredentialCache(setup.provider, clock=setup.clock)  # which asks once whether files are followed
    changed = False
    setup.provider.changed = lambda: changed  # type: ignore[attr-defined]
    first = setup.obtain("a", lifetime=lifetime)
    assert setup.cache.acquire() is first
    assert setup.provider.fetches == 1
    changed = True
    setup.provider.answers.put(setup.credential("b"))
    assert setup.cache.acquire() is first
    settle()
    assert setup.provider.fetches == (2 if follows else 1)


def test_a_rejection_joins_the_fetch_that_a_changed_file_has_started(setup: Setup) -> None:
    """That fetch has looked at the file, which therefore no longer counts as changed, but the pause is still on."""
    first = setup.obtain("a")
    setup.provider.changed = lambda: False  # type: ignore[attr-defined]
    setup.clock.now += 3300
    setup.cache.acquire()
    setup.provider.answers.put(first)
    settle()
    setup.provider.changed = lambda: True  # type: ignore[attr-defined]
    assert setup.cache.acquire() is first  # due: the fetch is started in the background
    setup.provider.changed = lambda: False  # type: ignore[attr-defined]
    refused = setup.flight(rejected=first)
    setup.provider.answers.put(setup.credential("b"))
    wait(refused)
    assert refused.result().key_id == "b"
    assert setup.provider.fetches == 3


def test_an_expired_credential_without_a_successor_is_used_during_the_pause(setup: Setup) -> None:
    """Our clock may be wrong: the server decides. The source is not read with every request."""
    setup.obtain("a", lifetime=-5.0)
    for _ in range(10):
        assert setup.cache.acquire() is setup.cache._state.credential
    assert setup.provider.fetches == 1


def test_a_clock_that_was_set_back_ends_the_pause(setup: Setup) -> None:
    """Otherwise it would last for as long as the clock was set back."""
    flight = setup.flight()
    setup.provider.answers.put(CredentialsUnavailableError("down"))
    wait(flight)
    settle()
    setup.clock.now -= 3600
    setup.obtain("a")


def test_the_window_is_a_part_of_the_whole_life(setup: Setup, lot: float) -> None:
    """Of a token that was half through its life when it came; without a time of issue, its life begins when it came."""
    end = setup.clock.now + 1800
    for issued_at, life in ((end - 3600, 3600.0), (None, 1800.0), (end - 0.5, 0.5)):
        current = setup.cache._state.credential
        if current is not None:
            setup.cache.accept(current, "a host")
        flight = setup.flight(rejected=current, host=f"{life}.example")
        setup.provider.answers.put(Credential(f"{life}", setup.key.private, expires_at=end, issued_at=issued_at))
        wait(flight)
        settle()
        due_before_end = setup.cache._state.due_before_end
        assert due_before_end / life == pytest.approx(0.10 + 0.15 * lot)


@pytest.mark.parametrize("lifetime", [-5.0, 0.0])
def test_a_credential_that_arrives_expired_is_due_after_a_pause(setup: Setup, lifetime: float) -> None:
    """It brought nothing newer, so the source is left alone for a second."""
    setup.obtain("a", lifetime=lifetime)
    status = setup.cache.status()
    assert status.next_refresh is not None
    assert 0.5 <= status.next_refresh - setup.clock.now <= 1


def test_the_likely_cause_comes_first(setup: Setup) -> None:
    """Then the whole message; and a provider that does not name its source is told by its class."""

    class Refused(CredentialsUnavailableError):
        status = 503

    flight = setup.flight()
    setup.provider.answers.put(Refused("It answered 503."))
    wait(flight)
    with pytest.raises(CredentialsUnavailableError) as caught:
        credential_from(flight, setup.provider)
    assert str(caught.value) == (
        "No valid OCI credential from the test: The auth service has a problem of its own. It will be tried again automatically. "
        "Details: It answered 503."
    )
    with pytest.raises(CredentialsUnavailableError, match=r"^No valid OCI credential from object: "):
        credential_from(flight, object())  # type: ignore[arg-type]
    setup.provider.source = 7  # type: ignore[assignment]
    with pytest.raises(CredentialsUnavailableError, match=r"^No valid OCI credential from ControlledProvider: "):
        credential_from(flight, setup.provider)


# What must be renewed before it ends, also while no request is sent.


@pytest.fixture
def idle(setup: Setup) -> Setup:
    setup.provider.ends_when_idle = True  # type: ignore[attr-defined]
    return setup


@pytest.fixture(autouse=True)
def _others_timers() -> None:
    OTHERS.update(thread for thread in threading.enumerate() if thread.name == "oci-credential-timer")


OTHERS: weakref.WeakSet[threading.Thread] = weakref.WeakSet()  # of other tests' signers


def timers() -> list[threading.Thread]:
    started = [thread for thread in threading.enumerate() if thread.name == "oci-credential-timer"]
    return [thread for thread in started if thread not in OTHERS]


def test_an_idle_credential_is_renewed_without_any_request(idle: Setup) -> None:
    """When the status says, by one daemon thread."""
    idle.obtain("a")
    settle()
    (timer,) = timers()
    assert timer.daemon
    next_refresh = idle.cache.status().next_refresh
    assert next_refresh is not None
    idle.clock.now = next_refresh
    assert idle.cache._timer is not None
    idle.cache._timer.release()  # instead of waiting for its next look at the clock
    assert idle.provider.started.acquire(timeout=20)
    assert idle.provider.started.acquire(timeout=20)
    idle.provider.answers.put(idle.credential("b"))
    settle()
    assert idle.provider.fetches == 2
    assert timers() == [timer]


def test_the_timer_looks_at_the_clock_by_itself(idle: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, since a laptop's sleep and a person may move the clock."""
    monkeypatch.setattr(cache, "_LONGEST_SLEEP", 0.01)
    idle.obtain("a")
    assert idle.provider.started.acquire(timeout=20)
    for name in ("b", "c"):
        settle()
        next_refresh = idle.cache.status().next_refresh
        assert next_refresh is not None
        idle.clock.now = next_refresh
        assert idle.provider.started.acquire(timeout=20)
        idle.provider.answers.put(idle.credential(name))


def test_no_thread_keeps_a_program_alive(idle: Setup) -> None:
    """Neither a fetch's nor the timer's, also if the main thread has started it, as in a forked child."""
    threads: list[threading.Thread] = []
    expected = idle.credential("a")

    def fetch() -> Credential:
        threads.append(threading.current_thread())
        return expected

    idle.provider.fetch = fetch  # type: ignore[method-assign]
    wait(idle.flight())
    settle()
    idle.cache._after_fork()
    assert len(timers()) >= 1
    assert all(thread.daemon for thread in [*threads, *timers()])


def test_the_timer_ends_with_what_it_would_renew(idle: Setup) -> None:
    """Past the end, the next request will raise the error; a new credential is watched again."""
    idle.obtain("a")
    settle()
    (timer,) = timers()
    idle.clock.now += 3600
    assert idle.cache._timer is not None
    idle.cache._timer.release()
    timer.join(20)
    assert not timer.is_alive()
    idle.obtain("b")
    settle()
    assert len(timers()) == 1


@pytest.mark.parametrize("lifetime", [None, 3600.0])
def test_no_timer_is_set_where_there_is_nothing_to_renew(setup: Setup, lifetime: float | None) -> None:
    """Neither for a provider that does not ask for it nor for a credential without an end."""
    if lifetime is None:
        setup.provider.ends_when_idle = True  # type: ignore[attr-defined]
    setup.obtain("a", lifetime=lifetime)
    settle()
    assert not timers()


def test_a_collected_cache_leaves_no_timer_behind(idle: Setup) -> None:
    """Its thread would live for an hour."""
    idle.obtain("a")
    settle()
    (timer,) = timers()
    del idle.cache
    gc.collect()
    timer.join(20)
    assert not timer.is_alive()


def test_a_half_constructed_cache_is_collected_quietly() -> None:
    """It has no timer to end yet."""
    CredentialCache.__new__(CredentialCache).__del__()


# Where there are no threads, or others than there were.


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the limit of threads, or while the interpreter exits."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.usefixtures("no_threads")
def test_without_threads_a_caller_that_may_block_fetches_in_place(idle: Setup) -> None:
    """It gets its credential, and a new one after that."""
    for name in ("a", "b"):
        expected = idle.credential(name)
        idle.provider.answers.put(expected)
        flight = idle.flight(may_block=True)
        assert flight.done()
        assert credential_from(flight, idle.provider) is expected
        idle.clock.now += 3600


def test_a_timer_that_could_not_start_is_started_after_the_next_fetch(
    idle: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the session would end in the next idle hour."""
    started = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if self.name == "oci-credential-timer":
            raise RuntimeError("can't start new thread")
        started(self)

    with monkeypatch.context() as limit:
        limit.setattr(threading.Thread, "start", start)
        idle.obtain("a")
        settle()
    assert not timers()
    idle.clock.now += 3600
    idle.obtain("b")
    settle()
    assert len(timers()) == 1


@pytest.mark.usefixtures("no_threads")
def test_without_threads_an_event_loop_is_not_held_up(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """A task gets an error that says so; what is merely due stays in use."""
    flight = setup.flight()
    expected_text = "No valid OCI credential from the test: No thread can be started to fetch a credential."
    with pytest.raises(CredentialsUnavailableError, match=f"^{re.escape(expected_text)}$"):
        credential_from(flight, setup.provider)
    error = flight.exception()
    assert error is not None
    assert repr(error.__cause__) == """RuntimeError("can't start new thread")"""
    assert "could not be refreshed (0.000 s)" in caplog.text
    setup.clock.now += 1
    expected = setup.credential("a")
    setup.provider.answers.put(expected)
    setup.flight(may_block=True)
    setup.clock.now += 3300
    for may_block in (True, False):
        assert setup.cache.acquire(may_block=may_block) is expected
    assert setup.provider.fetches == 1


def test_a_signal_handler_may_ask_at_any_moment(setup: Setup) -> None:
    """Also between the claim of a fetch and the start of its thread: the handler starts it, and waits."""
    setup.provider.answers.put(setup.credential("a"))
    seen: list[object] = []
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        threading.Thread.start = start  # type: ignore[method-assign]
        acquired = setup.cache.acquire()  # what a handler does that runs at this moment, on this thread
        assert isinstance(acquired, Future)
        assert wait(acquired, 20)
        seen.append(acquired.result())
        start(thread)

    threading.Thread.start = interrupted  # type: ignore[method-assign]
    try:
        acquired = setup.cache.acquire()
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
    settle()
    assert isinstance(acquired, Future)
    assert seen == [acquired.result()]
    assert setup.provider.fetches == 1


def test_a_failed_fetch_leaves_no_circle_of_references(setup: Setup) -> None:
    """What it held goes at once, without the garbage collector."""
    flight = setup.flight()
    setup.provider.answers.put(CredentialsUnavailableError("down"))
    wait(flight)
    settle()
    gone = weakref.ref(setup.cache)
    gc.collect()
    gc.disable()
    try:
        del flight
        setup.cache = None  # type: ignore[assignment]
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("fetched", [None, "a text"])
def test_a_fetch_that_brings_something_else_is_named(setup: Setup, fetched: object) -> None:
    """By its type."""
    flight = setup.flight()
    setup.provider.answers.put(fetched)  # type: ignore[arg-type]
    wait(flight)
    settle()
    with pytest.raises(CredentialsUnavailableError, match=rf"returned {type(fetched).__name__}\. It has to return"):
        credential_from(flight, setup.provider)


def test_the_status_says_since_when_a_fetch_is_under_way(setup: Setup) -> None:
    """And that none is."""
    begun = time.monotonic()
    flight = setup.flight()
    assert begun <= flight.started_at <= time.monotonic()
    assert setup.cache.status().refreshing_since == setup.clock.now
    setup.provider.answers.put(setup.credential("a"))
    wait(flight)
    settle()
    assert setup.cache.status().refreshing_since is None


def test_a_fetch_that_ends_while_another_is_claimed_is_the_one_that_counts(setup: Setup) -> None:
    """Between the look at the state and the claim of a fetch, another thread's has ended."""
    cache = setup.cache

    class Flights(dict):  # type: ignore[type-arg]
        def setdefault(self, name: str, flight: object) -> object:  # type: ignore[override]
            if cache._state.credential is None:
                cache._state = cache._state._replace(credential=credential)
            return super().setdefault(name, flight)

    credential = setup.credential("a")
    cache._flights = Flights()
    assert cache.acquire() is credential
    assert cache._flights == {}
    assert setup.provider.fetches == 0


def test_a_flight_that_a_signal_handler_has_landed_is_left_to_it(setup: Setup) -> None:
    """The handler comes between the claim of a fetch and the look at the state, and has its own answer first."""
    cache, provider = setup.cache, setup.provider
    provider.answers.put(setup.credential("a"))

    class Flights(dict):  # type: ignore[type-arg]
        def setdefault(self, name: str, flight: object) -> object:  # type: ignore[override]
            super().setdefault(name, flight)
            if provider.fetches == 0:
                wait(cast("Future[Credential]", cache.acquire()))
            return flight

    cache._flights = Flights()
    assert isinstance(cache.acquire(), Credential)
    assert provider.fetches == 1


@pytest.mark.usefixtures("no_threads")
def test_a_fetch_that_a_signal_handler_has_claimed_is_left_to_it(setup: Setup) -> None:
    """The interrupted start does not end it a second time."""
    flight = Flight(setup.clock.now, None)
    assert flight.claim()
    setup.cache._start(flight, None, may_block=False)
    assert not flight.done()


def test_the_hosts_that_are_remembered_are_bounded(setup: Setup) -> None:
    """However many refuse a credential."""
    current = setup.obtain("a")
    for number in range(1025):
        setup.cache._only_refused_here(current, f"host-{number}.example")
    assert 0 < len(setup.cache._refused) <= 1024


def test_a_pause_is_looked_for_in_an_errors_nearest_causes() -> None:
    """A chain that comes back to its beginning would have no end."""
    first, second = CredentialsUnavailableError("a"), CredentialsUnavailableError("b")
    first.__cause__, second.__cause__ = second, first
    assert _retry_after(first) == 0.0
    errors = [CredentialsUnavailableError("a") for _ in range(10)]
    for error, cause in zip(errors, [*errors[1:], ServiceRefusedError("429", 429, 7.0)], strict=True):
        error.__cause__ = cause
    assert (_retry_after(errors[0]), _retry_after(errors[1])) == (0.0, 7.0)
