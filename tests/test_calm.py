"""Faults that stay: nobody waits longer than they asked, and nothing is asked more often than the pauses allow."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from oci_httpx_auth import Credential, CredentialsUnavailableError, InstancePrincipal, OCISigner, SecurityToken
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.testing import Fault

from .conftest import Clock, settle
from .standin import FakeOCI


@pytest.fixture
def oci() -> Iterator[FakeOCI]:
    with FakeOCI() as oci:
        yield oci


def instance(oci: FakeOCI) -> OCISigner:
    return OCISigner(InstancePrincipal(metadata_url=oci.metadata_url, federation_endpoint=oci.federation_endpoint))


def refuse_path(path: str):  # type: ignore[no-untyped-def]
    """A host that always says 401, here a path that does."""

    def fault(service: str, record) -> Fault | None:  # type: ignore[no-untyped-def]
        return Fault(status=401) if record.target.startswith(path) else None

    return fault


def test_a_host_that_always_refuses_costs_a_few_calls(oci: FakeOCI) -> None:
    """Fifty requests in a row: the caller sees each 401, the auth service next to nothing of them."""
    oci.fault_source = refuse_path("/bad")
    with httpx.Client(auth=instance(oci)) as client:
        answers = [client.get(f"{oci.url}/bad").status_code for _ in range(50)]
    asked = Counter(record.service for record in oci.records)
    assert answers == [401] * 50
    assert asked["federation"] <= 4
    assert asked["echo"] <= 65


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


def test_a_request_waits_no_longer_than_its_timeouts(oci: FakeOCI) -> None:
    """The fetch goes on, the status says since when, and a later request finds its result."""
    provider = Hanging(oci)
    signer = OCISigner(provider)
    with httpx.Client(auth=signer, timeout=0.2) as client:
        for _ in range(2):
            with pytest.raises(CredentialsUnavailableError, match=r"yet: it has been asked for .* The fetch goes on"):
                client.get(f"{oci.url}/x")
            assert signer.status().refreshing_since is not None
        provider.release.set()
        settle()
        assert signer.status().refreshing_since is None
        assert client.get(f"{oci.url}/x").status_code == 200


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


def test_retry_after_is_respected(oci: FakeOCI) -> None:
    """A service that asks for two minutes is not called again within the fetch, and not by the next requests."""
    oci.fault_source = lambda service, record: (
        Fault(status=429, headers={"retry-after": "120"}) if service == "federation" else None
    )
    with httpx.Client(auth=instance(oci)) as client:
        for _ in range(10):
            with pytest.raises(CredentialsUnavailableError, match="429"):
                client.get(f"{oci.url}/x")
    assert [record.service for record in oci.records].count("federation") == 1


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


def test_a_rejected_credentials_own_headers_leave_with_it(oci: FakeOCI) -> None:
    """The replacement does not carry another's delegation token."""

    class Delegated:
        fetches = 0

        def fetch(self) -> Credential:
            self.fetches += 1
            session = oci.add_session()
            headers = {"opc-obo-token": "first"} if self.fetches == 1 else {}
            return Credential(f"ST${session.token}", session.private_key, headers=headers)

    with httpx.Client(auth=OCISigner(Delegated())) as client:
        request = client.build_request("GET", f"{oci.url}/x")
        oci.fault_source = lambda service, record: oci.revoke_tokens() if len(oci.records) == 0 else None
        assert client.send(request).status_code == 200
    assert [record.header("opc-obo-token") for record in oci.records] == ["first", None]


def test_an_asynchronous_fetch_is_refused_at_once() -> None:
    """It would return a coroutine, which signs nothing."""

    class Asynchronous:
        async def fetch(self) -> Credential:
            raise AssertionError

    with pytest.raises(Exception, match="Make it a plain function"):
        OCISigner(Asynchronous())  # type: ignore[arg-type]


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
