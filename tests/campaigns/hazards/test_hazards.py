"""Concurrency hazards: what threads, tasks, loops, processes and signals can do to a signer between two steps."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from oci_httpx_auth import OCISigner, SecurityToken
from oci_httpx_auth._auth_service.service import AuthService

from ...conftest import Clock, settle
from ...providers import Sessions
from ...standin import FakeOCI, Fault, Record

pytestmark = pytest.mark.slow

RENEWALS = int(os.environ.get("OCI_HTTPX_AUTH_RENEWALS", "300"))  # of one session by two processes, each


# Several requests at once


def test_all_requests_under_way_are_healed_when_the_clock_is_off(oci: FakeOCI, tmp_path: Path) -> None:
    """One of them learns the offset; the others, refused for the same reason, are signed again with it."""
    signer = OCISigner(config_file=oci.write_config(tmp_path))
    oci.clock_offset = 600.0
    with httpx.Client() as client:
        flows = [signer.sync_auth_flow(httpx.Request("GET", f"{oci.url}/x")) for _ in range(3)]
        refused = [client.send(next(flow)) for flow in flows]
        assert [response.status_code for response in refused] == [401] * 3
        again = [flow.send(response) for flow, response in zip(flows, refused, strict=True)]
        assert [client.send(request).status_code for request in again] == [200] * 3


def test_a_replacement_that_is_refused_as_well_is_replaced_after_a_pause(oci: FakeOCI) -> None:
    """Until then the server might reject every credential, so its 401 is returned."""
    provider, oci.clock = Sessions(oci), Clock()
    with httpx.Client(auth=OCISigner(provider, clock=oci.clock)) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        oci.on_record = lambda record: oci.revoke_tokens() if record.status == 401 else None
        oci.revoke_tokens()
        oci.fault_source = lambda service, record: oci.revoke_tokens()  # the replacement, too, as soon as it is there
        assert client.get(f"{oci.url}/x").status_code == 401
        oci.fault_source = oci.on_record = None
        assert client.get(f"{oci.url}/x").status_code == 401
        assert provider.fetches == 2
        oci.clock.now += 1
        assert client.get(f"{oci.url}/x").status_code == 200
        assert provider.fetches == 3


def test_a_server_that_refuses_every_credential_is_not_asked_indefinitely(oci: FakeOCI) -> None:
    """One replacement, then the caller gets the 401."""
    provider = Sessions(oci)
    oci.fault_source = lambda service, record: oci.revoke_tokens()
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert provider.fetches == 2
    assert len(oci.records) == 2


# Files that change under way


class Laptop:
    """A session profile whose token is due for renewal, and a person who authenticates again meanwhile."""

    def __init__(self, oci: FakeOCI, directory: Path) -> None:
        self.oci, self.directory = oci, directory
        self.clock = Clock()
        oci.clock = self.clock
        self.provider = SecurityToken.from_config(
            config_file=oci.write_config(directory, session=True),
            auth_endpoint=oci.auth_endpoint,
            _service=AuthService(clock=self.clock),
        )
        self.provider.fetch()
        self.clock.now += 3500

    def authenticate_during_the_renewal(self, service: str, record: Record) -> Fault | None:
        if service == "session_refresh":
            self.oci.fault_source = None
            self.oci.write_config(self.directory, session=True)
        return None


def test_a_new_session_is_not_overwritten_by_the_renewal_of_the_old_one(oci: FakeOCI, tmp_path: Path) -> None:
    """`oci session authenticate` finishes while the old token is renewed: its files stay, and are used."""
    laptop = Laptop(oci, tmp_path)
    oci.fault_source = laptop.authenticate_during_the_renewal
    used = laptop.provider.fetch()
    (token_file,) = tmp_path.rglob("token")
    assert used.key_id == f"ST${token_file.read_text()}"
    assert laptop.provider._newest().key_id == used.key_id  # token and key belong together


def test_a_new_session_is_found_when_the_old_one_is_refused(oci: FakeOCI, tmp_path: Path) -> None:
    """The old session ends while it is renewed; nobody notices, because the new one is used."""
    laptop = Laptop(oci, tmp_path)

    def ended(service: str, record: Record) -> Fault | None:
        laptop.authenticate_during_the_renewal(service, record)
        return Fault(status=401)

    oci.fault_source = ended
    used = laptop.provider.fetch()
    (token_file,) = tmp_path.rglob("token")
    assert used.key_id == f"ST${token_file.read_text()}"


# Cancellations and event loops


class CancelledAt:
    """Awaits something, and cancels the scope when it suspends for the k-th time."""

    def __init__(self, awaited: Awaitable[Any], suspension: int, scope: anyio.CancelScope) -> None:
        self.awaited, self.suspension, self.scope = awaited, suspension, scope
        self.suspended = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self.awaited.__await__()
        sent: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = steps.send(sent) if error is None else steps.throw(error)
            except StopIteration as finished:
                return finished.value
            self.suspended += 1
            if self.suspended == self.suspension:
                self.scope.cancel()
            sent = error = None
            try:
                sent = yield step
            except BaseException as thrown:
                error = thrown


@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")  # theirs; one of ours would be an error
@pytest.mark.parametrize("size", [10, 1_500_000])
def test_a_request_can_be_cancelled_at_every_await(oci: FakeOCI, run: Any, size: int) -> None:
    """While a body is hashed, the credential fetched or replaced, or the response arrives: the next request works."""
    provider = Sessions(oci)
    signer = OCISigner(provider)

    caught = []

    async def one(suspension: int) -> int:
        """One request whose token has been revoked. Returns how often it was suspended."""
        async with httpx.AsyncClient(auth=signer, timeout=60) as client:
            oci.revoke_tokens()
            with anyio.CancelScope() as scope:
                cancelled = CancelledAt(client.post(f"{oci.url}/x", content=b"x" * size), suspension, scope)
                assert (await cancelled).status_code == 200
            caught.append(scope.cancelled_caught)
            assert (await client.post(f"{oci.url}/x", content=b"y")).status_code == 200
            return cancelled.suspended

    async def main() -> None:
        suspension = 1
        while await one(suspension) >= suspension:
            suspension += 1
            assert suspension < 500

    run(main)
    # At the end, when the answer is there, a cancellation may come too late.
    assert all(caught[:8])
    assert caught[-1] is False
    settle()
    assert not signer._cache._flights


def test_a_loop_that_is_closed_with_a_request_waiting_harms_no_other(oci: FakeOCI) -> None:
    """Nobody cancels the task: its loop just stops and is closed. The fetch continues, and others get its credential."""
    provider = Sessions(oci)
    signer = OCISigner(provider)
    provider.gate.clear()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # it would complain of the task that is left

    async def request() -> None:
        await signer.asigned_headers("GET", f"{oci.url}/x")

    task = loop.create_task(request())
    loop.run_until_complete(asyncio.sleep(0))
    assert not task.done()
    loop.close()
    provider.gate.set()
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    settle()
    assert provider.fetches == 1
    task.get_coro().close()


def test_a_thousand_short_lived_loops_share_a_signer(oci: FakeOCI) -> None:
    """Each signs once and ends; every hundredth finds the credential expired, and none leaves anything behind."""
    clock = Clock()
    oci.clock = clock
    provider = Sessions(oci)
    signer = OCISigner(provider, clock=clock)
    signer.signed_headers("GET", f"{oci.url}/x")
    settle()
    threads, loops = threading.active_count(), open_loops()

    def loop(_: int) -> bool:
        return "authorization" in asyncio.run(signer.asigned_headers("GET", f"{oci.url}/x"))

    for _ in range(10):
        clock.now += 4000
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(loop, range(100)))
    settle()
    assert provider.fetches == 11
    assert threading.active_count() <= threads
    assert open_loops() == loops


def open_loops() -> int:
    gc.collect()
    return sum(isinstance(found, asyncio.AbstractEventLoop) for found in gc.get_objects())


def test_a_task_waits_while_another_thread_is_importing_trio(tmp_path: Path) -> None:
    """httpcore imports trio if it is installed, and a half-imported module lacks names."""
    (tmp_path / "trio.py").write_text("import gates\ngates.importing.set()\nassert gates.finish.wait(30)\n")
    (tmp_path / "gates.py").write_text("import threading\nimporting, finish = threading.Event(), threading.Event()\n")
    program = """
import asyncio, threading
import gates
from oci_httpx_auth import Credential, OCISigner
from cryptography.hazmat.primitives.asymmetric import rsa
class Provider:
    def fetch(self):
        importer = threading.Thread(target=__import__, args=("trio",))
        importer.start()
        assert gates.importing.wait(30)
        loop.call_soon_threadsafe(waiting.set)
        assert fetch.wait(30)
        importer.join()
        return Credential("key", rsa.generate_private_key(public_exponent=65537, key_size=2048))
fetch, waiting = threading.Event(), asyncio.Event()
async def main():
    global loop
    loop = asyncio.get_running_loop()
    signer = OCISigner(Provider())
    signer._cache.acquire()
    await waiting.wait()
    signing = asyncio.create_task(signer.asigned_headers("GET", "https://host.example/"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    fetch.set()
    gates.finish.set()
    print("authorization" in await signing)
asyncio.run(main())
"""
    arguments = [sys.executable, "-W", "error", "-c", program]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, env=environment)
    assert (done.stdout, done.stderr) == ("True\n", "")


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("refreshing", [False, True])
def test_workers_that_are_forked_sign_at_once(oci: FakeOCI, refreshing: bool) -> None:
    """As gunicorn does with a preloaded application, even in the middle of a refresh."""
    provider = Sessions(oci)
    signer = OCISigner(provider)
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    first = signer._cache._state.credential
    refused = None
    if refreshing:
        provider.gate.clear()
        provider.started.clear()
        refused = signer._cache.acquire(rejected=first)
        assert provider.started.wait(20)
    context = multiprocessing.get_context("fork")
    channel = context.SimpleQueue()

    def worker() -> None:
        provider.gate.set()
        with httpx.Client(auth=signer) as client:
            statuses = [client.get(f"{oci.url}/x").status_code for _ in range(20)]
        # A child can sign with what it inherited; for what it lacks it has to start a refresh of its own.
        flight = signer._cache.acquire(rejected=signer._cache._state.credential)
        channel.put((statuses, flight is not refused))

    processes = [context.Process(target=worker) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert [channel.get() for _ in processes] == [([200] * 20, True)] * 4
    provider.gate.set()
    settle()
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert provider.fetches == 1 + refreshing


@pytest.mark.parametrize("waiter", ["thread", "loop", "nobody"])
def test_the_interpreter_exits_while_a_real_refresh_hangs(oci: FakeOCI, waiter: str) -> None:
    """The federation endpoint doesn't answer; the program still exits at once and silently."""
    program = """
import asyncio, sys, threading
from oci_httpx_auth import InstancePrincipal, OCISigner
metadata, federation, waiter = sys.argv[1:]
signer = OCISigner(InstancePrincipal(metadata_url=metadata, federation_endpoint=federation))
def wait():
    if waiter == "loop":
        asyncio.run(signer.asigned_headers("GET", "https://host.example/"))
    elif waiter == "thread":
        signer.signed_headers("GET", "https://host.example/")
if waiter == "nobody":
    signer._cache.acquire()
threading.Thread(target=wait, daemon=True).start()
sys.stdin.readline()
"""
    asked = threading.Event()

    def hang(service: str, record: Record) -> Fault | None:
        if service != "federation":
            return None
        asked.set()
        return Fault(hang=True)

    oci.fault_source = hang
    arguments = [sys.executable, "-W", "error", "-c", program, oci.metadata_url, oci.federation_endpoint, waiter]
    with subprocess.Popen(arguments, stdin=-1, stdout=-1, stderr=-1) as process:
        assert asked.wait(60)
        # Less than the ten seconds that an attempt takes, were anybody to wait for it.
        assert process.communicate(b"\n", timeout=9) == (b"", b"")
    assert process.returncode == 0


def test_two_processes_renew_one_session_over_and_over(tmp_path: Path) -> None:
    """A reader never finds a torn token, and the session is never lost."""
    program = """
import sys
from oci_httpx_auth import SecurityToken
config, auth, count = sys.argv[1:]
provider = SecurityToken.from_config(config_file=config, auth_endpoint=auth)
for _ in range(int(count)):
    provider.fetch()
"""
    with FakeOCI() as oci:
        config = oci.write_config(tmp_path, session=True)
        (token_file,) = tmp_path.rglob("token")
        arguments = [sys.executable, "-c", program, os.fspath(config), oci.auth_endpoint, str(RENEWALS)]
        processes = [subprocess.Popen(arguments, stderr=subprocess.PIPE) for _ in range(2)]
        found = set()
        while any(process.poll() is None for process in processes):
            token = token_file.read_text()
            if token not in found:
                found.add(token)
                oci._identities.tokens.verify(token)  # whole, and signed by its issuer
                assert token_file.stat().st_mode & 0o777 == 0o600
            time.sleep(0.001)  # the processes need the processors more
        outcomes = [(process.communicate()[1].decode(), process.returncode) for process in processes]
        assert outcomes == [("", 0)] * 2
        assert len(found) > 10
        assert {record.status for record in oci.records} == {200}
        assert len(oci.records) >= RENEWALS  # a token that the other one has renewed is taken from the file
        assert [path.name for path in token_file.parent.iterdir() if "renewed" in path.name] == []
        SecurityToken.from_config(config_file=config, auth_endpoint=oci.auth_endpoint).fetch()
