"""Run work on a thread, and wait for it from threads, asyncio tasks and trio tasks.

All of them can share a `Future` of the standard library. Waiting for one holds no lock, worker thread or event loop, and
a waiter that gives up doesn't disturb the others.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, TimeoutError
from typing import Any, TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T], name: str) -> Future[T]:
    """Run `work` on a new thread and return its future.

    The thread is a daemon: a pool's threads are joined when the interpreter exits, and a hanging call would hold it up.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # so no waiter can cancel it for the others

    def run() -> None:
        nonlocal work
        try:
            result = work()
        except BaseException as error:
            del work  # it may hold secrets, and the error shows this frame, which is still running when a waiter wakes
            future.set_exception(error)
        else:
            future.set_result(result)

    try:
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError:  # no more threads: the limit is reached, or the interpreter is shutting down
        run()
    return future


def wait(future: Future[Any], seconds: float | None = None) -> bool:
    """Wait in a thread until the future is done or time is up. Returns whether it is done; never raises its error."""
    try:
        future.exception(seconds)
    except TimeoutError:  # of the wait itself: the future's own error is returned, not raised
        return False
    return True


async def wait_async(future: Future[Any], seconds: float | None = None) -> bool:
    """`wait` for asyncio and trio tasks."""
    if not future.done():
        wake, woken = _waker()
        future.add_done_callback(lambda _: wake())
        await woken(seconds)
    return future.done()


def _waker() -> tuple[Callable[[], None], Callable[[float | None], Awaitable[Any]]]:
    """Two functions: any thread calls the first to wake the current task, which awaits the result of the second.

    The calling thread never waits for the loop, which may have been stopped or closed.
    """
    if (token := trio_token()) is not None:
        trio: Any = sys.modules["trio"]
        trio_event = trio.Event()

        def wake_trio() -> None:
            try:
                token.run_sync_soon(trio_event.set, idempotent=True)
            except trio.RunFinishedError:
                pass

        async def woken_trio(seconds: float | None) -> None:
            with trio.move_on_after(math.inf if seconds is None else seconds):
                await trio_event.wait()

        return wake_trio, woken_trio

    import asyncio  # here, because a program without an event loop doesn't need it

    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def set_woken() -> None:
        if not woken.done():
            woken.set_result(None)

    def wake_asyncio() -> None:
        try:
            loop.call_soon_threadsafe(set_woken)
        except RuntimeError:
            pass  # the loop was closed

    async def woken_asyncio(seconds: float | None) -> None:
        # Not `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes with the result.
        timer = None if seconds is None else loop.call_later(seconds, set_woken)
        try:
            await woken
        finally:
            if timer is not None:
                timer.cancel()

    return wake_asyncio, woken_asyncio


def trio_token() -> Any:
    """The token of the current run of trio, through which any thread can reach it; `None` outside trio tasks."""
    trio: Any = sys.modules.get("trio")
    if not hasattr(trio, "lowlevel"):  # not imported yet, or being imported by another thread, as httpcore does
        return None
    try:
        trio.lowlevel.current_task()
        return trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None
