"""Nothing lost: one signer per mode under load, while its auth services, files and clocks misbehave by a seeded schedule.

    python tests/soak/soak.py --short          # under two minutes, fixed seed
    python tests/soak/soak.py                  # the long form: 31 minutes, 200,000 requests, 500 credentials

The modes take turns, three times each, so that what grows with time can be told from what a mode needs. Eight threads and
two event loops (asyncio and trio) call a service of the stand-in through real sockets, with httpx and httpx2. Auth services
fail in passing, and the called service answers with 401s that a signer has to heal: no caller may see a failure.

Each mode ends with faults that stay: a second host that refuses whatever it is sent, while the first must lose nothing; and
auth services that are down, answer 403, or answer 429 with `Retry-After`. There callers may see
`CredentialsUnavailableError` once nothing usable is left, but no later than their timeouts allow, while the number of
fetches stays within what the pauses allow, and everybody is served again after the longest pause.

Exits 1 if any of this fails, if a request is stuck, or if threads, descriptors or memory grow. Token lifetimes are
shortened; so are, tenfold, the pauses between attempts and between fetches; and one attempt may take 3 s instead of 10.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import logging
import multiprocessing
import os
import random
import re
import resource
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import stand_in

from oci_httpx_auth import (
    APIKey,
    Credential,
    CredentialsUnavailableError,
    InstancePrincipal,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
)
from oci_httpx_auth._auth_service import service
from oci_httpx_auth._signing import cache

try:
    import httpx2
except ImportError:
    LIBRARIES: list[ModuleType] = [httpx]
else:
    LIBRARIES = [httpx, httpx2]
try:
    import trio  # noqa: F401  # here, since threads that import it for the first time at once can break each other's import
except ImportError:
    BACKENDS = ["asyncio", "asyncio"]
else:
    BACKENDS = ["asyncio", "trio"]

SCALE = 10  # how much shorter than in real life the pauses are
cache._BACK_OFF = tuple(seconds / SCALE for seconds in cache._BACK_OFF)  # type: ignore[assignment]
service._ATTEMPT = 3.0
LONGEST_PAUSE = cache._BACK_OFF[1] * 1.5 + 1.0  # seconds, with its jitter and the fetch that follows
TIMEOUTS = (2.0, 5.0, 60.0)  # seconds, of the callers
OVERTIME = 1.5  # seconds that a request may take beyond its timeout, on a machine that is busy
RETRY_AFTER = 2  # seconds

THREADS, TASKS = 8, 6  # TASKS for each of the two loops
STUCK = 90.0  # seconds; the longest that a fault keeps the auth services from answering is ten
ROUNDS = 3
MEMORY = 8.0  # MiB that a mode may need more in its last round than in its second, the first being for warming up
TLS = ssl.create_default_context()  # one for all clients: each of their own would take a megabyte, and is not needed


@dataclass
class Mode:
    """How a mode is run: its part of the time, its tokens' lifetime in seconds, and what happens to it how often."""

    name: str
    share: float
    lifetime: float
    trouble: float
    longest_refusal: float
    events: dict[str, int]
    stays: tuple[str, ...] = ("refusing",)
    apart: dict[str, float] = field(default_factory=dict)


OUTAGES = ("refusing", "down", "forbidden", "throttled")
JUMPS = {"server clock": 2, "own clock": 2}
MODES = [
    Mode(
        "instance_principal",
        0.30,
        3.0,
        0.15,
        1.0,
        {"rotate": 3, "revoke": 4, "reject": 4, "refuse": 2, "hang": 1} | JUMPS,
        OUTAGES,
    ),
    Mode(
        "security_token",
        0.24,
        30.0,
        0.15,
        0.3,
        {"rotate": 1, "revoke": 2, "reject": 2, "refuse": 2, "disk full": 3} | JUMPS,
        OUTAGES,
        {"rotate": 30.0, "revoke": 20.0, "server clock": 30.0},  # a new session each, and most are to be renewed
    ),
    Mode("resource_principal 2.2", 0.16, 3.0, 0.0, 0.0, {"rotate": 4, "revoke": 4} | JUMPS),
    Mode(
        "resource_principal 3.0",
        0.12,
        8.0,
        0.05,  # of each of the eleven calls that a token takes
        0.5,
        {"rotate": 2, "revoke": 2, "reject": 2, "refuse": 1, "hang": 1} | JUMPS,
        OUTAGES,
        # Each ends the tokens that a fetch of so many steps has got so far: twice during one is more than it takes.
        {"revoke": 25.0, "server clock": 25.0},
    ),
    Mode(
        "oke_workload_identity",
        0.10,
        3.0,
        0.15,
        1.0,
        {"rotate": 2, "revoke": 4, "reject": 4, "refuse": 2, "hang": 1} | JUMPS,
        OUTAGES,
    ),
    Mode("api_key", 0.08, 3600.0, 0.0, 0.0, {"rotate": 3} | JUMPS, apart={"rotate": 3.0}),
]
# A request that meets two of these within one refresh has been refused twice, and gets its second 401.
DISRUPTIVE = {"revoke": 3.0, "reject": 3.0, "server clock": 8.0, "own clock": 3.0}
APART = {"revoke": 4.0, "reject": 3.0, "hang": 60.0, "server clock": 8.0, "own clock": 8.0, "disk full": 20.0}


class Clock:
    """This machine's clock, which somebody sets."""

    offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


class Counted:
    """A provider whose fetches and credentials are counted."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self.fetches, self.failed = 0, 0
        self.credentials: set[int] = set()

    def fetch(self) -> Credential:
        self.fetches += 1
        try:
            credential: Credential = self._provider.fetch()
        except BaseException:
            self.failed += 1
            raise
        self.credentials.add(hash(str(credential.key_id)))
        return credential

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


class Remote:
    """The stand-in's process."""

    def __init__(self, directory: str, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=stand_in.serve, args=(theirs, directory, seed), daemon=True)
        self._process.start()
        theirs.close()

    def __call__(self, name: str, *arguments: Any) -> Any:
        pipe: Connection = self._pipe
        pipe.send((name, arguments))
        if not pipe.poll(60):
            raise TimeoutError(f"the stand-in does not answer: {name}")
        answer = pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self._pipe.close()
        self._process.join(10)


@dataclass
class Result:
    """What became of one mode. Samples are (seconds, MiB, threads, descriptors)."""

    mode: str
    round: int
    seconds: float = 0.0
    requests: int = 0
    cancelled: int = 0
    unavailable: int = 0
    overtime: float = 0.0
    stays: dict[str, tuple[float, int]] = field(default_factory=dict)  # seconds and fetches of each fault that stayed
    failures: Counter[str] = field(default_factory=Counter)
    first_failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    fetches: int = 0
    failed_fetches: int = 0
    credentials: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[float, float, int, int]] = field(default_factory=list)
    left_threads: int = 0
    left_descriptors: int = 0

    @property
    def refused(self) -> int:
        return sum(n for (service, status), n in self.counts.items() if status == "401" and service == "echo")

    def median(self, column: int) -> float:
        return statistics.median(sample[column] for sample in self.samples)


class Load:
    """The callers of one mode, and the watchdog that sees whether they get their answers."""

    def __init__(self, signer: OCISigner, url: str, pause: float, seed: int, result: Result) -> None:
        self._signer, self._url, self._pause, self._seed, self._result = signer, url, pause, seed, result
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.outage_until = 0.0  # callers may find nothing usable until then
        self.refusing = threading.Event()  # the other host, to which this has a caller of its own send requests
        self.under_way: dict[str, float] = {}
        self._threads = [threading.Thread(target=self._caller, args=(n,), name=f"caller-{n}") for n in range(THREADS)]
        self._threads.append(threading.Thread(target=self._refused_caller, name="refused caller"))
        self._threads += [
            threading.Thread(target=anyio.run, args=(self._loop, n), kwargs={"backend": backend}, name=f"loop-{n}")
            for n, backend in enumerate(BACKENDS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(1)
                self.watch()

    def watch(self) -> None:
        """End the process with everybody's stack if a request is stuck."""
        now = time.monotonic()
        stuck = [name for name, since in list(self.under_way.items()) if now - since > STUCK]
        if stuck:
            resource.setrlimit(resource.RLIMIT_FSIZE, _FILE_SIZE)
            print(f"deadlock: {', '.join(stuck)} got no answer within {STUCK:.0f} s", file=sys.stderr, flush=True)
            faulthandler.dump_traceback(all_threads=True)
            os._exit(2)

    @contextlib.contextmanager
    def _request(self, name: str, timeout: float) -> Iterator[None]:
        started = time.monotonic()
        self.under_way[name] = started
        outage_until, failure, unavailable = self.outage_until, None, False
        try:
            yield
        except Exception as error:
            cause = error.__cause__
            failure = f"{type(error).__name__}: {str(error)[:300]}" + (f" <- {type(cause).__name__}" if cause else "")
            expected = isinstance(error, CredentialsUnavailableError) or failure.startswith("RuntimeError: 401 ")
            # A caller that has waited for as long as it said may find nothing, too.
            waited = time.monotonic() - started > 0.95 * timeout
            unavailable = expected and (waited or started < max(self.outage_until, outage_until))
        finally:
            seconds = time.monotonic() - started
            del self.under_way[name]
            with self._lock:
                self._result.requests += 1
                self._result.slowest = max(self._result.slowest, seconds)
                self._result.overtime = max(self._result.overtime, seconds - timeout)
                if unavailable:
                    self._result.unavailable += 1
                elif failure is not None:
                    self._result.failures[re.sub("[0-9A-F]{32}", "…", failure)] += 1
                    self._result.first_failures.append(f"{started - self._began:.1f} s for {seconds:.2f} s, {name}")

    def _refused_caller(self) -> None:
        url = self._url.replace("127.0.0.1", "localhost") + "/refused"
        with httpx.Client(auth=self._signer, timeout=2.0, verify=TLS) as client:
            while not self._stop.wait(0.05):
                if self.refusing.is_set():
                    with self._request("refused caller", 2.0):
                        response = client.get(url)
                        if response.status_code != 401:
                            raise RuntimeError(f"{response.status_code} of a host that refuses")

    def _caller(self, number: int) -> None:
        library, chance = LIBRARIES[number % len(LIBRARIES)], random.Random(f"{self._seed} thread {number}")
        name = f"thread {number} with {library.__name__}"
        while not self._stop.is_set():
            # A new client now and then: pools and their connections come and go as they do in programs.
            timeout = chance.choice(TIMEOUTS)
            with library.Client(auth=self._signer, timeout=timeout, verify=TLS) as client:
                for _ in range(200):
                    if self._stop.wait(chance.uniform(0, 2 * self._pause)):
                        return
                    with self._request(name, timeout):
                        _check(client.request(*_kind(chance), **_body(self._url, chance)))

    async def _loop(self, number: int) -> None:
        async with anyio.create_task_group() as group:
            for task in range(TASKS):
                group.start_soon(self._task, number, task)

    async def _task(self, loop: int, number: int) -> None:
        library, chance = LIBRARIES[number % len(LIBRARIES)], random.Random(f"{self._seed} task {loop} {number}")
        name = f"loop {loop} ({BACKENDS[loop]}), task {number} with {library.__name__}"
        while not self._stop.is_set():
            timeout = chance.choice(TIMEOUTS)
            async with library.AsyncClient(auth=self._signer, timeout=timeout, verify=TLS) as client:
                for _ in range(200):
                    await anyio.sleep(chance.uniform(0, 2 * self._pause))
                    if self._stop.is_set():
                        return
                    limit = chance.uniform(0, 0.02) if chance.random() < 0.02 else None
                    with self._request(name, timeout), anyio.move_on_after(limit) as scope:
                        _check(await client.request(*_kind(chance), **_body(self._url, chance)))
                    if scope.cancelled_caught:
                        with self._lock:
                            self._result.cancelled += 1


def _kind(chance: random.Random) -> tuple[str]:
    return (chance.choice(["GET", "POST", "POST", "PUT", "DELETE"]),)


def _body(url: str, chance: random.Random) -> dict[str, Any]:
    return {
        "url": f"{url}/things/{chance.randrange(1000)}?q=a%20b",
        "content": b"x" * chance.choice([0, 20, 4000]),
    }


def _check(response: Any) -> None:
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code} {response.text[:200]}")


class Schedule:
    """What happens, and when: the same events in the same order for the same seed."""

    def __init__(self, mode: Mode, remote: Remote, clock: Clock, load: Load, seed: int, result: Result) -> None:
        self._mode, self._remote, self._clock, self._load, self._result = mode, remote, clock, load, result
        self._chance = random.Random(f"{seed} {mode.name}")
        self._next: dict[str, float] = {}
        self._full_until: float | None = None

    def step(self, now: float) -> float:
        """Do what is next; returns in how many seconds to come again."""
        if self._full_until is not None and now >= self._full_until:
            resource.setrlimit(resource.RLIMIT_FSIZE, _FILE_SIZE)
            self._full_until = None
        events = {name: weight for name, weight in self._mode.events.items() if now >= self._next.get(name, 0.0)}
        event = self._chance.choices([*events, "calm"], [*events.values(), 3])[0]
        self._next[event] = now + self._mode.apart.get(event, APART.get(event, 0.0))
        if event in DISRUPTIVE:
            calm_until = now + self._mode.apart.get(event, DISRUPTIVE[event])
            for other in DISRUPTIVE:
                self._next[other] = max(self._next.get(other, 0.0), calm_until)
        self._result.events[event] += 1
        minutes = self._chance.choice([-10, -7, -3, -2, 0, 0, 2, 3, 7, 10])
        if event in ("rotate", "revoke", "reject"):
            self._remote(event)
        elif event == "hang":
            self._load.outage_until = now + 2 * service._ATTEMPT + 2.0
            self._remote(event)
        elif event == "refuse":
            self._load.outage_until = max(self._load.outage_until, now + self._mode.longest_refusal + 2.0)
            self._remote("refuse", self._chance.uniform(0.1, self._mode.longest_refusal))
        elif event == "server clock":
            self._remote("jump", minutes * 60.0)
        elif event == "own clock":
            self._clock.offset = minutes * 60.0
        elif event == "disk full":
            # No file can be written by this process from now on; what is tried fails half way, as it does on a full disk.
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, _FILE_SIZE[1]))
            self._full_until = now + 12.0
        return self._chance.uniform(0.2, 0.8)

    def end(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, _FILE_SIZE)


_FILE_SIZE = resource.getrlimit(resource.RLIMIT_FSIZE)


def provider_of(mode: str, told: dict[str, str], clock: Clock) -> Any:
    options: dict[str, Any] = {
        "_service": service.AuthService(clock=clock, sleep=lambda seconds: time.sleep(seconds / SCALE))
    }
    if mode == "instance_principal":
        metadata, federation = f"{told['auth']}/opc/v2", f"{told['auth']}/v1/x509"
        return InstancePrincipal(metadata_url=metadata, federation_endpoint=federation, **options)
    if mode == "security_token":
        return SecurityToken.from_config(config_file=told["config"], auth_endpoint=told["auth"], **options)
    if mode == "api_key":
        return APIKey.from_config(config_file=told["config"])
    for name in [name for name in os.environ if name.startswith("OCI_")]:
        del os.environ[name]
    os.environ.update({name: value for name, value in told.items() if name.isupper()})
    if mode == "oke_workload_identity":
        return OKEWorkloadIdentity(port=int(told["auth_tls_port"]), **options)
    return ResourcePrincipal(**options)


def run(mode: Mode, turn: int, remote: Remote, seconds: float, requests: float, outage: float, seed: int) -> Result:
    """Run one mode for so many seconds and requests, but no longer than half as long again; then its faults that stay.

    outage: seconds for each of those.
    """
    result, clock = Result(mode.name, turn), Clock()
    before = Counter(remote("counts"))
    threads, descriptors = threading.active_count(), _descriptors()
    told = remote("begin", mode.name, mode.lifetime)
    provider = Counted(provider_of(mode.name, told, clock))
    signer = OCISigner(provider, clock=clock)
    load = Load(
        signer, told["url"], (THREADS + TASKS * len(BACKENDS)) / max(4 * requests / seconds, 60.0), seed, result
    )
    schedule = Schedule(mode, remote, clock, load, seed, result)
    load.start()
    remote("trouble", mode.trouble)
    started = time.monotonic()
    next_sample = started
    next_line = started + 60
    while (passed := (now := time.monotonic()) - started) < seconds or (
        result.requests < requests and passed < 1.5 * seconds
    ):
        load.watch()
        time.sleep(schedule.step(now))
        if now >= next_sample:
            next_sample = now + 1
            result.samples.append((now - started, _memory(), threading.active_count(), _descriptors()))
        if now >= next_line and resource.getrlimit(resource.RLIMIT_FSIZE) == _FILE_SIZE:
            next_line = now + 60
            print(
                f"{mode.name}, round {turn}: {now - started:.0f} s, {result.requests} requests, {dict(result.failures) or 'no'} failures",
                flush=True,
            )
    remote("trouble", 0.0)
    schedule.end()
    for fault in mode.stays:
        _let_stay(fault, outage, remote, load, provider, result)
    load.stop()
    remote("end")
    result.seconds = time.monotonic() - started
    result.fetches, result.failed_fetches, result.credentials = (
        provider.fetches,
        provider.failed,
        len(provider.credentials),
    )
    del signer, load, provider, schedule
    gc.collect()
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline and threading.active_count() > threads:
        time.sleep(0.1)
    result.left_threads = threading.active_count() - threads
    result.left_descriptors = _descriptors() - descriptors
    result.counts = Counter(remote("counts"))
    result.counts.subtract(before)
    return result


def _let_stay(fault: str, seconds: float, remote: Remote, load: Load, provider: Counted, result: Result) -> None:
    """Keep up one fault for so many seconds, and then wait until everybody must be served again."""
    fetches, started = provider.fetches, time.monotonic()
    if fault == "refusing":
        load.refusing.set()
    else:
        load.outage_until = float("inf")
        remote("stay", fault, RETRY_AFTER)
    while time.monotonic() < started + seconds:
        load.watch()
        time.sleep(0.2)
    result.stays[fault] = (time.monotonic() - started, provider.fetches - fetches)
    if fault == "refusing":
        load.refusing.clear()
    else:
        remote("stay", "", 0)
        load.outage_until = time.monotonic() + max(min(LONGEST_PAUSE, 1.5 * seconds + 1.0), RETRY_AFTER + 2.0)
        while time.monotonic() < load.outage_until + 1.0:  # the last second has to be perfect
            load.watch()
            time.sleep(0.2)


def _most_fetches(mode: Mode, fault: str, seconds: float) -> float:
    """How many fetches a fault may cause: those that are due anyway, and as many as the pauses allow."""
    if fault == "throttled":
        return 4 + seconds / RETRY_AFTER
    due = 2 * seconds / mode.lifetime if fault == "refusing" else 0.0
    return 10 + due + seconds / (cache._BACK_OFF[1] / 2)


def _memory() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def verdict(results: list[Result], requests: int, credentials: int) -> list[str]:
    """What is wrong."""
    wrong = []
    if (total := sum(result.requests for result in results)) < requests:
        wrong.append(f"{total} requests instead of {requests}")
    if (total := sum(result.credentials for result in results)) < credentials:
        wrong.append(f"{total} credentials instead of {credentials}")
    for result in results:
        if result.failures:
            wrong.append(f"{result.mode}: {result.failures.total()} failures seen by callers")
        if unexpected := sum(n for (kind, _), n in result.counts.items() if kind == "unexpected"):
            wrong.append(f"{result.mode}: {unexpected} requests refused for other reasons than their authentication")
        if result.overtime > OVERTIME:
            wrong.append(f"{result.mode}: a request took {result.overtime:.1f} s longer than its timeout")
        mode = next(mode for mode in MODES if mode.name == result.mode)
        for fault, (seconds, fetches) in result.stays.items():
            if fetches > (most := _most_fetches(mode, fault, seconds)):
                wrong.append(
                    f"{result.mode}: {fetches} fetches instead of {most:.0f} while {fault} for {seconds:.0f} s"
                )
        if result.left_threads > 0:
            wrong.append(f"{result.mode}: {result.left_threads} threads left behind")
        if result.left_descriptors > 2:
            wrong.append(f"{result.mode}: {result.left_descriptors} descriptors left behind")
    rounds = max(result.round for result in results)
    memory = {(result.mode, result.round): result.median(1) for result in results}
    for name in {result.mode for result in results}:
        if rounds > 2 and (growth := memory[name, rounds] - memory[name, 2]) > MEMORY:
            wrong.append(f"{name}: memory grew by {growth:.1f} MiB from its second round to its last")
    return wrong


def report(results: list[Result], wrong: list[str], seed: int) -> str:
    total = Counter[str]()
    for result in results:
        total.update(
            requests=result.requests,
            refused=result.refused,
            failures=result.failures.total(),
            cancelled=result.cancelled,
            unavailable=result.unavailable,
        )
        total.update(credentials=result.credentials, fetches=result.fetches, seconds=round(result.seconds))
    healed = total["refused"] - sum(
        n for result in results for failure, n in result.failures.items() if failure.startswith("RuntimeError: 401")
    )
    lines = [
        f"# Soak: {'passed' if not wrong else 'FAILED'}",
        "",
        *(f"- **{problem}**" for problem in wrong),
        f"- {total['seconds'] / 60:.1f} minutes, seed {seed}, Python {sys.version.split()[0]}, "
        + ", ".join(f"{library.__name__} {library.__version__}" for library in LIBRARIES)
        + f", {THREADS} threads, loops: {', '.join(BACKENDS)} with {TASKS} tasks each",
        f"- {total['requests']:,} requests, {total['cancelled']:,} of them cancelled by their callers",
        f"- {healed:,} answers of 401 healed, **{total['failures']} failures seen by callers**",
        f"- {total['unavailable']:,} requests found nothing usable while the auth services were out of order",
        f"- longest wait beyond a request's timeout: {max(0.0, *(result.overtime for result in results)):.2f} s",
        f"- {total['credentials']:,} credentials, {total['fetches'] / max(total['credentials'], 1):.2f} fetches for each",
        "- deadlocks: none (the watchdog ends the run with all stacks)",
        "",
        "| mode, round | minutes | requests | 401s | failures | slowest | credentials | fetches (failed) | MiB | threads | descriptors | left: threads, descriptors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        lines.append(
            f"| {result.mode}, {result.round} | {result.seconds / 60:.1f} | {result.requests:,} | {result.refused} | {result.failures.total()} "
            f"| {result.slowest:.1f} s | {result.credentials} | {result.fetches} ({result.failed_fetches}) "
            f"| {result.median(1):.1f} | {result.median(2):.0f} | {result.median(3):.0f} "
            f"| {result.left_threads}, {result.left_descriptors} |"
        )
    for result in results:
        faults = {name: n for (kind, name), n in sorted(result.counts.items()) if kind == "fault" and n}
        reasons = {
            name: n for (kind, name), n in sorted(result.counts.items()) if kind in ("401 because", "unexpected") and n
        }
        lines += [
            "",
            f"**{result.mode}, {result.round}** - events: {_listed(result.events)}; faults: {_listed(faults)}; 401s: {_listed(reasons)}; "
            f"unavailable: {result.unavailable}",
            "",
            "Faults that stayed, with fetches per minute: "
            + "; ".join(f"{name} {n / seconds * 60:.1f}" for name, (seconds, n) in result.stays.items()),
        ]
        if result.failures:
            lines += ["", *(f"- {n} times: {failure}" for failure, n in result.failures.most_common(20))]
            lines += ["", f"When: {'; '.join(result.first_failures[:20])}"]
    return "\n".join(lines) + "\n"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=31.0)
    parser.add_argument("--requests", type=int, default=200_000, help="at least as many")
    parser.add_argument("--credentials", type=int, default=500, help="at least as many")
    parser.add_argument("--outage", type=float, default=60.0, help="seconds for each fault that stays")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--short", action="store_true", help="about two minutes, one round")
    parser.add_argument("--mode", choices=[mode.name for mode in MODES], help="this one alone")
    parser.add_argument("--report", help="a Markdown file to write")
    options = parser.parse_args()
    if options.short:
        options.minutes, options.requests, options.credentials, options.rounds = 30 / 60, 1000, 12, 1
        options.outage = 3.0
        for number, mode in enumerate(MODES[1:]):  # the first has them all
            mode.stays = tuple(name for name in mode.stays if name in ("refusing", OUTAGES[1 + number % 3]))
    modes = [mode for mode in MODES if options.mode in (None, mode.name)]
    share = sum(mode.share for mode in modes)
    faulthandler.enable()
    logging.getLogger("oci_httpx_auth").addHandler(logging.NullHandler())
    logging.getLogger("oci_httpx_auth").propagate = False
    results: deque[Result] = deque()
    with tempfile.TemporaryDirectory() as directory:
        remote = Remote(directory, options.seed)
        for turn in range(1, options.rounds + 1):
            for mode in modes:
                part = mode.share / share / options.rounds
                seconds, requests = options.minutes * 60 * part, options.requests * part
                outage = options.outage if turn == options.rounds else min(options.outage, 3.0)
                results.append(run(mode, turn, remote, seconds, requests, outage, options.seed + turn))
        remote.close()
    wrong = verdict(list(results), options.requests, options.credentials)
    text = report(list(results), wrong, options.seed)
    print(text)
    if options.report:
        Path(options.report).write_text(text, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
