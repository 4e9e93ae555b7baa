"""Work on a thread, and waiting for it from threads, asyncio tasks and trio tasks alike."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from oci_httpx_auth._signing.waiting import in_thread, trio_token, wait, wait_async


def test_work_is_done_on_a_daemon_thread_of_its_own() -> None:
    """Under the given name; a pool's threads would hold up the interpreter's exit."""
    thread = in_thread(threading.current_thread, "some-work").result(20)
    assert (thread.name, thread.daemon) == ("some-work", True)
    assert thread is not threading.current_thread()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)], ids=["an error", "an exit"])
def test_an_error_of_the_work_belongs_to_its_future(error: BaseException) -> None:
    """Whatever it is. Waiting for it does not raise it."""

    def work() -> None:
        raise error

    future = in_thread(work, "some-work")
    assert wait(future, 20)
    assert future.exception() is error


def test_an_error_does_not_show_the_work_of_a_thread_that_is_still_running() -> None:
    """Frames can be cleared of secrets only once they have ended, and a waiter may get the error before that."""
    gate = threading.Event()
    seen: list[str] = []

    def fail(secret: str) -> None:
        assert gate.wait(20)
        raise ValueError(len(secret))

    def look(future: Future[None]) -> None:
        error = future.exception()
        assert error is not None
        running = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "run"]
        seen.extend(repr(frame.f_locals) for frame in running)

    future = in_thread(partial(fail, "a secret"), "some-work")
    future.add_done_callback(look)
    gate.set()
    assert wait(future, 20)
    assert len(seen) == 1
    assert "a secret" not in seen[0]


def test_work_is_done_at_once_if_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of threads, and while the interpreter shuts down, on the caller's own."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert in_thread(threading.get_ident, "work").result(0) == threading.get_ident()


def test_no_waiter_can_cancel_the_work_of_the_others() -> None:
    """It runs from the moment that it is there."""
    gate = threading.Event()
    future = in_thread(gate.wait, "some-work")
    assert not future.cancel()
    gate.set()
    assert future.result(20) is True


def test_a_thread_gives_up_when_its_time_is_up() -> None:
    """The work goes on, and its own time-outs are not taken for the waiter's."""
    future: Future[None] = Future()
    assert not wait(future, 0)
    future.set_exception(TimeoutError("of the work"))
    assert wait(future, 0)


def test_a_task_is_woken_by_any_thread(run: Callable[..., Any]) -> None:
    """Also when the work is done before the task starts to wait."""

    async def main() -> tuple[bool, bool]:
        gate = threading.Event()
        future = in_thread(gate.wait, "some-work")
        in_thread(gate.set, "another")
        return await wait_async(future, 20), await wait_async(future)

    assert run(main) == (True, True)


def test_a_task_gives_up_when_its_time_is_up(run: Callable[..., Any]) -> None:
    """The future is left as it is, so that others go on waiting for it."""

    async def main() -> bool:
        future: Future[None] = Future()
        return await wait_async(future, 0) or future.done()

    assert run(main) is False


@pytest.mark.parametrize("steps", range(6))
def test_a_cancellation_that_comes_with_the_result_is_not_lost(steps: int) -> None:
    """Before Python 3.12, asyncio's `wait_for` would swallow it, and the task would go on to send its request."""

    async def main() -> tuple[bool, bool]:
        future: Future[None] = Future()
        waiter = asyncio.ensure_future(wait_async(future, 20))
        for _ in range(3):
            await asyncio.sleep(0)
        future.set_result(None)
        for _ in range(steps):
            await asyncio.sleep(0)
        accepted = waiter.cancel()
        await asyncio.wait([waiter])
        return accepted, waiter.cancelled()

    accepted, cancelled = asyncio.run(main())
    assert accepted == cancelled


def test_a_future_that_is_done_after_its_loop_has_ended_harms_nobody(run: Callable[..., Any]) -> None:
    """Whoever completes it is not told that a waiter has gone."""
    future: Future[str] = Future()

    async def main() -> bool:
        return await wait_async(future, 0)

    assert run(main) is False
    future.set_result("late")
    assert future.result() == "late"


def test_the_token_of_trio_is_that_of_a_trio_task() -> None:
    """Neither asyncio tasks nor threads without a loop have one."""
    trio = pytest.importorskip("trio")

    async def main() -> bool:
        return trio_token() is trio.lowlevel.current_trio_token()

    assert trio.run(main)
    assert trio_token() is None
