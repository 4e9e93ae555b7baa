"""Faults that stay: nobody waits longer than they asked, and nothing is asked more often than the pauses allow."""

from __future__ import annotations

import errno
import gc
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import (
    Credential,
    CredentialsUnavailableError,
    InstancePrincipal,
    OCIAuthError,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
)
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.testing import Fault

from ...conftest import Clock, settle
from ...standin import FakeOCI


def instance(oci: FakeOCI, clock: Callable[[], float] = time.time) -> OCISigner:
    provider = InstancePrincipal(
        metadata_url=oci.metadata_url, federation_endpoint=oci.federation_endpoint, _service=AuthService(clock=clock)
    )
    return OCISigner(provider, clock=clock)


def refuse_path(path: str):  # type: ignore[no-untyped-def]
    """A host that always says 401, here a path that does."""

    def fault(service: str, record) -> Fault | None:  # type: ignore[no-untyped-def]
        return Fault(status=401) if record.target.startswith(path) else None

    return fault


AUTH_SERVICES = {
    "instance_principal": "federation",
    "oke_workload_identity": "workload_identity",
    "security_token": "session_refresh",
}


@pytest.fixture(params=AUTH_SERVICES)
def mode(request: pytest.FixtureRequest) -> str:
    """Each mode whose credential an auth service replaces."""
    return str(request.param)


@pytest.fixture
def signer(oci: FakeOCI, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OCISigner:
    """A signer of this mode, with the stand-in for its auth service."""
    if mode == "instance_principal":
        return instance(oci)
    if mode == "security_token":
        config = oci.write_config(tmp_path, session=True)
        return OCISigner(SecurityToken.from_config(config_file=config, auth_endpoint=oci.auth_endpoint))
    for name, value in oci.environment("oke_workload_identity", directory=tmp_path).items():
        monkeypatch.setenv(name, value)
    return OCISigner(OKEWorkloadIdentity(port=oci.tls_port))


def test_a_host_that_always_refuses_costs_a_few_calls(oci: FakeOCI, signer: OCISigner, mode: str) -> None:
    """Fifty requests in a row: the caller sees each 401, the auth service next to nothing of them."""
    oci.fault_source = refuse_path("/bad")
    with httpx.Client(auth=signer) as client:
        answers = [client.get(f"{oci.url}/bad").status_code for _ in range(50)]
    asked = Counter(record.service for record in oci.records)
    assert answers == [401] * 50
    assert 1 <= asked[AUTH_SERVICES[mode]] <= 4
    assert asked["echo"] <= 65


def test_many_threads_and_a_host_that_always_refuses_cost_a_few_calls(oci: FakeOCI) -> None:
    """Eight threads, for four seconds of the signer's clock: the credential is replaced anew after pauses that double."""
    clock = oci.clock = Clock()
    oci.fault_source = refuse_path("/bad")
    signer = instance(oci, clock)
    one_step = threading.Lock()
    answers: Counter[int] = Counter()

    def send() -> None:
        with httpx.Client(auth=signer) as client:
            for _ in range(20):
                answer = client.get(f"{oci.url}/bad").status_code
                with one_step:
                    answers[answer] += 1
                    clock.now += 4 / 160

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {401: 160}
    assert 2 < [record.service for record in oci.records].count("federation") <= 6


def test_a_good_host_loses_nothing_to_one_that_refuses(oci: FakeOCI) -> None:
    """One signer serves both: each request to the good one is answered at the first try."""
    oci.fault_source = refuse_path("/bad")
    with httpx.Client(auth=instance(oci)) as client:
        for _ in range(30):
            assert client.get(f"{oci.url.replace('127.0.0.1', 'localhost')}/bad").status_code == 401
            assert client.get(f"{oci.url}/good").status_code == 200
    asked = Counter(record.service for record in oci.records)
    assert asked["federation"] <= 2
    assert [record.status for record in oci.records if record.target == "/good"] == [200] * 30


class Hanging:
    """A provider whose fetch does not come back until the test lets it."""

    source = "the test"

    def __init__(self, oci: FakeOCI) -> None:
        self.oci, self.release = oci, threading.Event()

    def fetch(self) -> Credential:
        assert self.release.wait(30)
        session = self.oci.add_session()
        return Credential(f"ST${session.token}", session.private_key)


@pytest.mark.parametrize("service", ["federation", "metadata"])
@pytest.mark.parametrize(
    "fault", [Fault(hang=True), Fault(status=503), Fault(reset=True)], ids=["hangs", "503", "resets"]
)
def test_a_service_that_is_down_holds_no_request_beyond_its_timeouts(oci: FakeOCI, service: str, fault: Fault) -> None:
    """It gets its error while the fetch still tries."""
    oci.fault_source = lambda asked, record: fault if asked == service else None
    signer = instance(oci)
    with httpx.Client(auth=signer, timeout=0.3) as client, pytest.raises(CredentialsUnavailableError, match="yet: "):
        client.get(f"{oci.url}/x")
    assert signer.status().refreshing_since is not None


@pytest.mark.parametrize("mode", ["oke_workload_identity", "security_token"], indirect=True)
def test_a_rejected_credential_holds_no_request_beyond_its_timeouts(oci: FakeOCI, signer: OCISigner, mode: str) -> None:
    """Its auth service hangs, so the caller gets the 401 while the fetch still tries."""
    with httpx.Client(auth=signer, timeout=5) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        oci.revoke_tokens()
        oci.fault_source = lambda service, record: Fault(hang=True) if service == AUTH_SERVICES[mode] else None
        assert client.get(f"{oci.url}/x", timeout=0.3).status_code == 401
    assert signer.status().refreshing_since is not None


@pytest.mark.parametrize("mode", ["instance_principal", "oke_workload_identity"], indirect=True)
@pytest.mark.parametrize("status", [403, 429])
def test_a_service_that_refuses_is_left_alone(oci: FakeOCI, signer: OCISigner, mode: str, status: int) -> None:
    """It is not called again within the fetch, nor by the next requests, whose error is the last one, at once."""
    refusal = Fault(status=status, headers={"retry-after": "120"} if status == 429 else {})
    oci.fault_source = lambda service, record: refusal if service == AUTH_SERVICES[mode] else None
    errors = []
    with httpx.Client(auth=signer) as client:
        for _ in range(10):
            with pytest.raises(CredentialsUnavailableError, match=f"answered {status}") as raised:
                client.get(f"{oci.url}/x")
            errors.append(raised.value)
    assert len({id(error) for error in errors}) == 10  # each caller has its own, with its own traceback
    assert [record.service for record in oci.records].count(AUTH_SERVICES[mode]) == 1
    if status == 429:
        assert signer._cache._state.retry_at - signer._cache._state.paused_at >= 120


def test_a_refused_response_holds_no_connection_while_another_credential_is_fetched(oci: FakeOCI) -> None:
    """With a pool of one connection, somebody else's request gets through meanwhile."""
    provider = Hanging(oci)
    provider.release.set()
    with httpx.Client(auth=OCISigner(provider), limits=httpx.Limits(max_connections=1), timeout=20) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        provider.release.clear()
        oci.revoke_tokens()
        refused = threading.Thread(target=client.get, args=(f"{oci.url}/x",))
        refused.start()
        while not any(record.status == 401 for record in oci.records):
            pass
        assert client.get(f"{oci.url}/y", auth=lambda request: request).status_code == 401  # of nobody, but an answer
        provider.release.set()
        refused.join(20)
    assert [record.status for record in oci.records if record.target == "/x"][-1] == 200


def test_a_log_handler_may_send_with_the_same_signer(oci: FakeOCI) -> None:
    """The refresh is logged when its result is there for everybody, so a handler that ships logs to OCI does not hang."""
    provider = Hanging(oci)
    provider.release.set()
    signer = OCISigner(provider)
    sent: list[int] = []

    class Shipping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "of the test refreshed" in record.getMessage():
                with httpx.Client(auth=signer, timeout=5) as client:
                    sent.append(client.get(f"{oci.url}/logs").status_code)

    logger, handler = logging.getLogger("oci_httpx_auth"), Shipping()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{oci.url}/x").status_code == 200
        settle()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert sent == [200]


def test_an_exception_in_a_log_filter_does_not_fail_a_good_refresh(oci: FakeOCI) -> None:
    """It is not what the refresh was about."""

    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("a bug in the filter")

    provider = Hanging(oci)
    provider.release.set()
    logger = logging.getLogger("oci_httpx_auth")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addFilter(broken)
    try:
        with httpx.Client(auth=OCISigner(provider)) as client:
            assert client.get(f"{oci.url}/x").status_code == 200
        settle()
    finally:
        logger.removeFilter(broken)
        logger.setLevel(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_renews_an_idle_session_as_its_parent_does(oci: FakeOCI, tmp_path: Path) -> None:
    """The timer's thread does not survive a fork, so the child starts its own."""
    clock = Clock()
    oci.clock = clock
    config = oci.write_config(tmp_path, session=True)
    provider = SecurityToken.from_config(
        config_file=config, auth_endpoint=oci.auth_endpoint, _service=AuthService(clock=clock)
    )
    signer = OCISigner(provider, clock=clock)
    assert signer.signed_headers("GET", f"{oci.url}/x")
    settle()

    def names(threads: multiprocessing.Queue[list[str]]) -> None:
        threads.put([thread.name for thread in threading.enumerate()])

    context = multiprocessing.get_context("fork")
    threads: multiprocessing.Queue[list[str]] = context.Queue()
    child = context.Process(target=names, args=(threads,))
    child.start()
    assert "oci-credential-timer" in threads.get(timeout=20)
    child.join(20)


SIGNALS = """
import json, random, signal, sys, httpx
from oci_httpx_auth import Credential, OCISigner, SecurityToken
config, url, count = sys.argv[1:]
credential = SecurityToken.from_config(config_file=config).fetch()

class Provider:
    def fetch(self):
        return credential

answers = []
client = httpx.Client(timeout=5)

def handle(number, frame):
    answers.append(client.get(url, auth=signer).status_code)

signal.signal(signal.SIGALRM, handle)
signer = OCISigner(Provider())
for number in range(int(count)):
    interrupted = OCISigner(Provider())
    signer = interrupted
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00001, 0.0008))
    assert interrupted.signed_headers("GET", url)
    while len(answers) == number:
        pass  # the signal comes within a millisecond
print(json.dumps([len(answers), sorted(set(answers))]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no such signals")
def test_a_signal_handler_sends_a_signed_request_at_any_moment(oci: FakeOCI, tmp_path: Path) -> None:
    """Also while the thread that it interrupts is about to fetch the same signer's credential."""
    arguments = [os.fspath(oci.write_config(tmp_path, session=True)), f"{oci.url}/x", "300"]
    done = subprocess.run([sys.executable, "-c", SIGNALS, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[300, [200]]\n", "")


TIMERS = """
import signal, sys, threading
from oci_httpx_auth import Credential
from oci_httpx_auth._signing.cache import CredentialCache, _renew_in_time

class Idle(CredentialCache):
    def _renewal_at(self):
        return 0.0

class Timer(threading.Thread):
    started = []

    def start(self):
        self.started.append(self._args[1:])

threading.Thread = Timer  # the timers' work is done here, where a signal interrupts it
signal.signal(signal.SIGALRM, lambda number, frame: None)
idle = Idle(None, clock=float)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
for _ in range(int(sys.argv[1])):
    idle._timer = None
    idle._set_timer()
    _renew_in_time(lambda: None, *Timer.started.pop())
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no such signals")
def test_a_timer_starts_however_often_it_is_interrupted() -> None:
    """With Python 3.10, `SimpleQueue.get(timeout=0)` never returns if a microsecond passes in the middle of it."""
    done = subprocess.run([sys.executable, "-c", TIMERS, "50000"], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("done\n", "")


FILES = """
import logging, os, resource, sys
from oci_httpx_auth import CredentialsUnavailableError, InstancePrincipal, OCISigner
from oci_httpx_auth._auth_service.http import Client
from oci_httpx_auth._auth_service.service import AuthService

logging.disable()
metadata, federation = sys.argv[1:]
service = AuthService(patient=False)
instance = InstancePrincipal(metadata_url=metadata, federation_endpoint=federation, _service=service)

def sign():
    return OCISigner(instance).signed_headers("GET", "https://host.example/")

def ask(url):
    with Client() as client:
        client.send("GET", url, {}, b"", 5.0)

sign()  # what is imported late is imported now
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
failures = 0
for _ in range(4):
    for act in lambda: ask("https://127.0.0.1:9/"), lambda: ask(metadata), instance.fetch, sign:
        try:
            act()
        except CredentialsUnavailableError as error:
            failures += "Too many open files" in str(error)
    os.close(held.pop())
while held:
    os.close(held.pop())
print(failures >= 5, "authorization" in sign())
"""


def test_a_process_without_file_descriptors_gets_our_own_error(oci: FakeOCI) -> None:
    """From the provider as well as from the signer, whichever step lacks one; both work again when there are some."""
    pytest.importorskip("resource")
    arguments = [sys.executable, "-c", FILES, oci.metadata_url, oci.federation_endpoint]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_a_machine_without_ipv4_gets_our_own_error(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a socket can be made there."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    def look_up(host: str, port: int, *arguments: object) -> list[object]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))]

    monkeypatch.delenv("OCI_METADATA_BASE_URL")
    provider = InstancePrincipal(_service=AuthService(patient=False))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(CredentialsUnavailableError, match="Address family not supported"):
        provider.fetch()


# Nobody listens there.
ENDPOINT = "http://somebody:hunter2@127.0.0.1:9/base?code=hunter3"


def endpoint_of(where: str, oci: FakeOCI, directory: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Any:
    """A provider to which `where` gives this endpoint, and the stand-in's for all the rest."""
    service = AuthService(patient=False)
    if where == "metadata":
        return InstancePrincipal(metadata_url=endpoint, _service=service)
    if where == "federation":
        return InstancePrincipal(metadata_url=oci.metadata_url, federation_endpoint=endpoint, _service=service)
    if where == "session":
        config = oci.write_config(directory, session=True)
        provider = SecurityToken.from_config(config_file=config, auth_endpoint=endpoint, _service=service)
        provider.fetch()  # the token of the file; the next one has to be renewed
        return provider
    for name, value in oci.environment("resource_principal", version="2.1.2").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(f"OCI_RESOURCE_PRINCIPAL_{where}", endpoint)
    return ResourcePrincipal(_service=service)


@pytest.mark.parametrize("endpoint", [ENDPOINT, ENDPOINT.replace("http:", "ftp:"), ENDPOINT.replace(":9", ":nine")])
@pytest.mark.parametrize("where", ["metadata", "federation", "session", "RPT_ENDPOINT", "RPST_ENDPOINT"])
def test_user_info_and_query_of_an_endpoint_show_in_no_error(
    oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, endpoint: str
) -> None:
    """Whether nobody is there or it is no URL at all: they may be a password and a key."""
    provider = endpoint_of(where, oci, tmp_path, monkeypatch, endpoint)
    with pytest.raises(OCIAuthError) as raised:
        provider.fetch()
    links: list[BaseException] = [raised.value]
    while (link := links[-1].__cause__ or links[-1].__context__) is not None:
        links.append(link)
    assert "127.0.0.1" in str(raised.value)
    assert not [link for link in links if "hunter" in f"{link!s}{link!r}"]


def test_a_failed_refresh_leaves_no_circle_of_references(oci: FakeOCI) -> None:
    """A signer that nobody has any more goes at once, although its last error has a traceback."""
    oci.fault_source = lambda service, record: Fault(status=403) if service == "federation" else None
    others = set(threading.enumerate())
    signer = instance(oci)
    with pytest.raises(CredentialsUnavailableError):
        signer.signed_headers("GET", f"{oci.url}/x")
    for thread in set(threading.enumerate()) - others:
        if thread.name.startswith("oci-"):
            thread.join(20)
    gone = weakref.ref(signer._provider)
    gc.collect()
    gc.disable()
    try:
        del signer
        assert gone() is None
    finally:
        gc.enable()
