"""`OCISigner` on real clients and real sockets, against a server that verifies for real."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import APIKey, Credential, CredentialsUnavailableError, OCISigner, SignerStatus, SigningError

from .conftest import LIBRARIES, Clock, parts, settle
from .providers import Sessions
from .standin import FakeOCI, Fault

# What is signed is what is sent


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "PROPFIND", "QUERY"])
@pytest.mark.parametrize(
    "body", [None, b"", b"\x00\xff binary", "ünïcode".encode()], ids=["none", "empty", "binary", "text"]
)
def test_every_method_verifies(oci: FakeOCI, signer: OCISigner, library: Any, method: str, body: bytes | None) -> None:
    """With a body, with an empty one, and without."""
    with library.Client(auth=signer) as client:
        response = client.request(method, f"{oci.url}/things/1", content=body)
    assert response.status_code == 200, oci.records[-1].reason
    record = oci.records[-1]
    assert record.signed
    assert record.body == (body or b"")
    assert ("x-content-sha256" in record.signed_headers) is (method in ("POST", "PUT", "PATCH"))


# Clients of all kinds


def test_one_signer_serves_all_clients(oci: FakeOCI, signer: OCISigner, run: Any) -> None:
    """Sync and async clients of both libraries share it."""

    async def main() -> list[int]:
        statuses = []
        for library in LIBRARIES:
            with library.Client(auth=signer) as client:
                statuses.append(client.get(f"{oci.url}/x").status_code)
            async with library.AsyncClient(auth=signer) as client:
                statuses.append((await client.get(f"{oci.url}/x")).status_code)
        return statuses

    assert set(run(main)) == {200}
    assert all(isinstance(signer, library.Auth) for library in LIBRARIES)


def test_the_plain_auth_flow_signs_too(signer: OCISigner) -> None:
    """Wrappers of other people drive `auth_flow` itself."""
    request = httpx.Request("GET", "https://example.com/x")
    next(signer.auth_flow(request))
    assert request.headers["authorization"].startswith("Signature ")


def test_signed_headers_are_accepted_from_another_stack(oci: FakeOCI, signer: OCISigner) -> None:
    """The standard library's client sends what `signed_headers` returns."""
    import urllib.request

    headers = signer.signed_headers("POST", f"{oci.url}/x?y=1", {"content-type": "text/plain"}, b"body")
    request = urllib.request.Request(f"{oci.url}/x?y=1", b"body", headers, method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    assert oci.records[-1].signed
    assert "host" not in headers
    assert "host" in signer.signed_headers("GET", oci.url, {"Host": "other.example"})


@pytest.mark.parametrize("scheme", ["ws", "WS", "http"])
@pytest.mark.parametrize("target", ["/x", "/x?then=https://elsewhere.example/"])
def test_headers_for_a_websocket_are_those_of_http(oci: FakeOCI, signer: OCISigner, scheme: str, target: str) -> None:
    """Whose handshake is an HTTP request."""
    headers = signer.signed_headers("GET", f"{scheme}{oci.url.removeprefix('http')}{target}")
    assert httpx.get(f"{oci.url}{target}", headers=headers).status_code == 200


def test_async_signed_headers_are_the_same(oci: FakeOCI, tmp_path: Path, run: Any) -> None:
    """Same request, same second, same headers; also for a large content, hashed on a thread."""
    signer = OCISigner(config_file=oci.write_config(tmp_path), clock=lambda: 1_790_000_000.0)
    for content in (b"", b"x" * 2_000_000):
        arguments = ("PUT", "wss://realtime.example/x", {"a": "b"}, content)
        assert run(signer.asigned_headers, *arguments) == signer.signed_headers(*arguments)


def test_copies_share_the_signer_and_pickles_carry_its_recipe(oci: FakeOCI, signer: OCISigner) -> None:
    """Frameworks copy their settings; workers make a signer of their own from the same profile."""
    assert copy.copy(signer) is signer
    assert copy.deepcopy({"auth": [signer]})["auth"][0] is signer
    worker = pickle.loads(pickle.dumps(signer))
    with httpx.Client(auth=worker) as client:
        assert client.get(f"{oci.url}/x").status_code == 200


def test_a_signer_travels_to_a_process_that_shares_nothing(oci: FakeOCI, signer: OCISigner) -> None:
    """What multiprocessing, Ray and Dask do: it is pickled here and signs there."""
    program = """
import pickle, sys, httpx
with httpx.Client(auth=pickle.load(sys.stdin.buffer)) as client:
    print(client.get(sys.argv[1]).status_code)
"""
    arguments = [sys.executable, "-c", program, f"{oci.url}/x"]
    done = subprocess.run(arguments, input=pickle.dumps(signer), capture_output=True, timeout=60, check=True)
    assert done.stdout.split() == [b"200"]


# 401


@pytest.mark.slow
@pytest.mark.parametrize("count", [1000])
def test_a_thousand_async_requests_that_meet_a_401_cause_one_refresh(
    oci: FakeOCI, library: Any, run: Any, count: int
) -> None:
    """All are answered 200."""
    provider = Sessions(oci)
    signer = OCISigner(provider)

    async def main() -> list[int]:
        timeout = library.Timeout(60)
        async with library.AsyncClient(
            auth=signer, timeout=timeout, limits=library.Limits(max_connections=50)
        ) as client:
            assert (await client.get(f"{oci.url}/x")).status_code == 200
            oci.revoke_tokens()
            oci.records.clear()
            statuses: list[int] = []

            async def one() -> None:
                statuses.append((await client.get(f"{oci.url}/x")).status_code)

            if run_is_trio(run):
                import trio

                async with trio.open_nursery() as nursery:
                    for _ in range(count):
                        nursery.start_soon(one)
            else:
                await asyncio.gather(*(one() for _ in range(count)))
            return statuses

    assert run(main) == [200] * count
    assert provider.fetches == 2
    refused = sum(record.status == 401 for record in oci.records)
    assert refused > count // 2  # all that were signed before the replacement was there


def run_is_trio(run: Any) -> bool:
    return getattr(run, "__module__", "").startswith("trio")


@pytest.mark.slow
def test_threads_that_meet_a_401_cause_one_refresh(oci: FakeOCI, library: Any) -> None:
    """A thousand requests of fifty threads, all signed with the revoked token."""
    provider = Sessions(oci)
    signer = OCISigner(provider)
    with library.Client(auth=signer, limits=library.Limits(max_connections=50), timeout=60) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        oci.revoke_tokens()
        with ThreadPoolExecutor(50) as pool:
            responses = list(pool.map(lambda _: client.get(f"{oci.url}/x").status_code, range(1000)))
    assert responses == [200] * 1000
    assert provider.fetches == 2


def test_cancelled_requests_harm_no_other(oci: FakeOCI, run: Any) -> None:
    """Half of the requests that wait for a refresh are cancelled; the others are answered."""
    provider = Sessions(oci)
    signer = OCISigner(provider)
    provider.gate.clear()

    async def main() -> list[int]:
        statuses: list[int] = []
        async with httpx.AsyncClient(auth=signer, timeout=60) as client:

            async def one() -> None:
                statuses.append((await client.get(f"{oci.url}/x")).status_code)

            if run_is_trio(run):
                import trio
                import trio.testing

                async with trio.open_nursery() as nursery, trio.open_nursery() as doomed:
                    for _ in range(20):
                        nursery.start_soon(one)
                        doomed.start_soon(one)
                    await trio.testing.wait_all_tasks_blocked()
                    doomed.cancel_scope.cancel()
                    provider.gate.set()
            else:
                tasks = [asyncio.create_task(one()) for _ in range(40)]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                for task in tasks[::2]:
                    task.cancel()
                provider.gate.set()
                await asyncio.gather(*tasks, return_exceptions=True)
        return statuses

    assert run(main) == [200] * 20
    assert provider.fetches == 1


def test_a_key_that_was_rotated_on_disk_heals_a_401(oci: FakeOCI, tmp_path: Path) -> None:
    """The profile is read again when OCI has refused its key."""
    config = oci.write_config(tmp_path)
    signer = OCISigner(config_file=config)
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        with FakeOCI() as stranger:
            config.write_bytes(stranger.write_config(tmp_path / "other").read_bytes())
        assert OCISigner(config_file=config)._provider.fetch() is not None
        signer_of_unknown_key = OCISigner(config_file=config)
        client.auth = signer_of_unknown_key
        assert client.get(f"{oci.url}/x").status_code == 401
        config.unlink()
        oci.write_config(tmp_path)
        assert client.get(f"{oci.url}/x").status_code == 200


@pytest.mark.parametrize("offset", [600.0, -600.0, 86400.0, -86400.0])
def test_a_wrong_clock_simply_works(
    oci: FakeOCI, signer: OCISigner, library: Any, offset: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten minutes or a day off: the first request is refused once and healed, the others never notice."""
    caplog.set_level(logging.INFO, "oci_httpx_auth")
    oci.clock_offset = offset
    with library.Client(auth=signer) as client:
        statuses = [client.post(f"{oci.url}/x", json={"n": n}).status_code for n in range(5)]
    assert statuses == [200] * 5
    assert [record.status for record in oci.records] == [401] + [200] * 5
    assert sum("The clock of" in record.getMessage() for record in caplog.records) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_wrong_clock_and_a_revoked_token_are_healed_in_one_request(
    oci: FakeOCI, library: Any, asynchronous: bool
) -> None:
    """Each is answered once: two refusals, then the answer."""
    provider = Sessions(oci)
    signer = OCISigner(provider)

    def upset() -> None:
        oci.revoke_tokens()
        oci.clock_offset = 1000.0
        oci.records.clear()

    async def main() -> int:
        async with library.AsyncClient(auth=signer) as client:
            assert (await client.get(f"{oci.url}/x")).status_code == 200
            upset()
            return (await client.get(f"{oci.url}/x")).status_code

    if asynchronous:
        assert asyncio.run(main()) == 200
    else:
        with library.Client(auth=signer) as client:
            assert client.get(f"{oci.url}/x").status_code == 200
            upset()
            assert client.get(f"{oci.url}/x").status_code == 200
    assert [record.status for record in oci.records] == [401, 401, 200]
    assert provider.fetches == 2


def test_a_corrected_clock_works_again(oci: FakeOCI, signer: OCISigner) -> None:
    """The offset is learned anew as often as it takes."""
    with httpx.Client(auth=signer) as client:
        for oci.clock_offset in (3600.0, 0.0, -3600.0):
            assert client.get(f"{oci.url}/x").status_code == 200


def test_the_offset_is_kept_per_host(oci: FakeOCI, signer: OCISigner) -> None:
    """One server with a wrong clock does not spoil the others."""
    with FakeOCI() as wrong, httpx.Client(auth=signer) as client:
        wrong.clock_offset = 7200.0
        assert client.get(wrong.url.replace("127.0.0.1", "localhost") + "/x").status_code == 401  # knows no such key
        assert signer._clocks.offset("localhost") == pytest.approx(7200, abs=5)
        assert client.get(f"{oci.url}/x").status_code == 200
    assert len(oci.records) == 1


def test_no_offset_is_learned_over_plain_http(oci: FakeOCI, tmp_path: Path) -> None:
    """Whoever can alter an answer on the network could otherwise have us date a signature in the future."""
    signer = OCISigner(config_file=oci.write_config(tmp_path), allow_insecure_http=True)
    oci.clock_offset = 7200.0
    with httpx.Client(auth=signer, transport=oci.httpx_transport()) as client:
        assert client.get("http://intranet.example/x").status_code == 401
        assert client.get("https://intranet.example/x").status_code == 200


def test_other_failures_pass_through(oci: FakeOCI, signer: OCISigner) -> None:
    """429 and 5xx come back at once; retrying them is the client's business."""
    with httpx.Client(auth=signer) as client:
        for status in (400, 403, 404, 429, 500, 503):
            oci.fail("echo", Fault(status=status))
            assert client.get(f"{oci.url}/x").status_code == status
    assert len(oci.records) == 6


def test_a_redirected_401_is_not_answered_with_another_signature(oci: FakeOCI, signer: OCISigner, caplog: Any) -> None:
    """The client followed a redirect with the first signature: the log says what to do."""
    oci.fail("echo", Fault(status=307, headers={"location": "/elsewhere"}))
    with httpx.Client(auth=signer, follow_redirects=True) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert [record.status for record in oci.records] == [307, 401]
    assert "Turn off redirects." in caplog.text


def test_plain_http_is_refused_before_anything_is_sent(oci: FakeOCI, signer: OCISigner, tmp_path: Path) -> None:
    """Only loopback and link-local hosts get a signature over plain http, unless told otherwise."""
    transport = oci.httpx_transport()
    with httpx.Client(auth=signer, transport=transport) as client, pytest.raises(SigningError, match="https only"):
        client.get("http://api.example.com/x")
    assert not oci.records
    trusting = OCISigner(config_file=oci.write_config(tmp_path), allow_insecure_http=True)
    with httpx.Client(auth=trusting, transport=transport) as client:
        assert client.get("http://api.example.com/x").status_code == 200


def test_without_credentials_the_request_fails_with_the_cause(oci: FakeOCI, run: Any) -> None:
    """And the next one after a pause tries anew."""

    class Flaky(Sessions):
        def fetch(self) -> Credential:
            if not self.fetches:
                self.fetches += 1
                raise CredentialsUnavailableError("the auth service is down")
            return super().fetch()

    oci.clock = clock = Clock()

    async def main() -> int:
        async with httpx.AsyncClient(auth=OCISigner(Flaky(oci), clock=clock)) as client:
            for _ in range(2):  # at once, and during the pause
                with pytest.raises(CredentialsUnavailableError, match="the test: the auth service is down"):
                    await client.get(f"{oci.url}/x")
            clock.now += 1
            return (await client.get(f"{oci.url}/x")).status_code

    assert run(main) == 200


def test_the_status_is_a_snapshot(oci: FakeOCI, signer: OCISigner) -> None:
    """Mode and source at once, times after the first request."""
    assert signer.status() == SignerStatus("api_key", signer._provider.source, None, None, None, None, None)  # type: ignore[attr-defined]
    session = OCISigner(Sessions(oci))
    with httpx.Client(auth=session) as client:
        client.get(f"{oci.url}/x")
    status = session.status()
    assert status.last_refresh is not None
    assert status.next_refresh is not None
    assert status.expires_at is not None
    assert status.last_refresh < status.next_refresh < status.expires_at
    assert json.dumps(status.__dict__)
    with pytest.raises(AttributeError):
        status.mode = "another"  # type: ignore[misc]


def test_what_is_known_without_io_is_reported(signer: OCISigner, oci: FakeOCI) -> None:
    """Region and tenancy come from the profile; a provider of one's own need not know them."""
    assert (signer.mode, signer.region, signer.tenancy) == ("api_key", oci.region, oci.tenancy)

    class Bare:
        def fetch(self) -> Credential:
            raise AssertionError("no I/O")

    bare = OCISigner(Bare())
    assert (bare.mode, bare.region, bare.tenancy, bare.compartment, bare.project) == ("custom", None, None, None, None)
    assert "Bare" in repr(bare)
    assert isinstance(signer._provider, APIKey)


# What the flow does and leaves alone, seen from both sides.


class Numbered:
    """A provider of credentials that live an hour by this machine's clock, each another one."""

    source = "the test"

    def __init__(self, oci: FakeOCI, clock: Any) -> None:
        self.oci, self.clock, self.fetches, self.fails = oci, clock, 0, False

    def fetch(self) -> Credential:
        self.fetches += 1
        if self.fails:
            raise CredentialsUnavailableError("there is none")
        session = self.oci.add_session(lifetime=1e6)
        return Credential(f"ST${session.token}", session.private_key, expires_at=self.clock() + 3600)


@pytest.fixture
def numbered(oci: FakeOCI) -> tuple[Numbered, OCISigner, Clock]:
    clock = Clock()
    oci.clock = clock
    provider = Numbered(oci, clock)
    return provider, OCISigner(provider, clock=clock), clock


def refused(request: Any, clock: Clock, offset: float = 0.0) -> Any:
    """A 401 by a server whose clock is ahead of ours."""
    return httpx.Response(401, headers={"date": formatdate(clock.now + offset, usegmt=True)}, request=request)


def test_a_request_that_is_healed_by_the_clock_keeps_its_credential(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock]
) -> None:
    """Two requests and one fetch: once it is accepted, nothing more is done."""
    provider, signer, _ = numbered
    oci.clock_offset = -900
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert [record.status for record in oci.records] == [401, 200]
    assert provider.fetches == 1


def test_a_401_is_answered_by_one_correction_and_one_replacement(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], caplog: pytest.LogCaptureFixture
) -> None:
    """Then it is the caller's, even if the server's clock runs away all the time."""
    caplog.set_level(logging.INFO, "oci_httpx_auth")
    provider, signer, clock = numbered
    request = httpx.Request("GET", f"{oci.url}/x")
    flow = signer.sync_auth_flow(request)
    next(flow)
    for number in (1, 2):
        flow.send(refused(request, clock, 7200.0 * number))
    with pytest.raises(StopIteration):
        flow.send(refused(request, clock, 7200.0 * 3))
    assert provider.fetches == 2
    told = [
        record.getMessage() for record in caplog.records if record.levelno == logging.INFO and "clock" in record.msg
    ]
    assert told == ["The clock of 127.0.0.1 is +7200 s from ours; its requests are dated accordingly."]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("127.0.0.1 answered 401 to a signed GET request.")


def test_a_redirected_401_costs_no_credential(oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock]) -> None:
    """Another credential would not make the first target's signature hold for the second."""
    provider, signer, _ = numbered
    oci.fail("echo", Fault(status=307, headers={"location": "/elsewhere"}))
    with httpx.Client(auth=signer, follow_redirects=True) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert provider.fetches == 1


def test_a_credential_is_judged_by_the_clock_of_the_host_that_is_asked(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock]
) -> None:
    """For a server that is two hours ahead, what has an hour to live by our clock has ended."""
    provider, signer, clock = numbered
    first = httpx.Request("GET", f"{oci.url}/x")
    flow = signer.sync_auth_flow(first)
    next(flow)
    flow.send(refused(first, clock, 7200))  # the clock is learned from this
    flow.close()
    assert provider.fetches == 1
    next(signer.sync_auth_flow(httpx.Request("GET", "http://localhost:1/x")))
    assert provider.fetches == 1
    next(signer.sync_auth_flow(httpx.Request("GET", f"{oci.url}/x")))
    assert provider.fetches == 2


@pytest.mark.parametrize(("offset", "fetches"), [(0.0, 2), (7200.0, 3)])
def test_a_replacement_is_judged_by_that_clock_too(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], offset: float, fetches: int
) -> None:
    """What another request has brought meanwhile serves this one, unless it has ended for the server that is asked."""
    provider, signer, clock = numbered
    requests = [httpx.Request("GET", f"{host}/x") for host in (oci.url, "http://localhost:1")]
    flows = [signer.sync_auth_flow(request) for request in requests]
    for flow in flows:
        next(flow)
    flows[1].send(refused(requests[1], clock))
    assert provider.fetches == 2
    clock.now += 1  # the pause after a replacement that nobody has accepted yet
    flows[0].send(refused(requests[0], clock, offset))
    if offset:  # the first refusal was about the clock
        flows[0].send(refused(requests[0], clock, offset))
    assert provider.fetches == fetches
    for flow in flows:
        flow.close()


def test_the_log_gives_times_by_our_clock_and_the_servers_offset(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], caplog: pytest.LogCaptureFixture
) -> None:
    """For a server that is ten minutes ahead, a credential ends ten minutes earlier."""
    provider, signer, clock = numbered
    request = httpx.Request("GET", f"{oci.url}/x")
    flow = signer.sync_auth_flow(request)
    next(flow)
    flow.send(refused(request, clock, 600.0))
    provider.fails = True
    with pytest.raises(StopIteration):
        flow.send(refused(request, clock, 600.0))
    assert "expires in 3000 s, clock offset +600 s" in caplog.text


def test_a_streamed_upload_is_sent_once_and_its_401_is_logged(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], caplog: pytest.LogCaptureFixture
) -> None:
    """The clock, and then the credential, is corrected for the next request."""
    provider, signer, clock = numbered
    for _ in range(2):
        body, length = iter([b"body"]), {"content-length": "4"}
        request = httpx.Request("PUT", f"{oci.url}/n/space/b/bucket/o/name", content=body, headers=length)
        flow = signer.sync_auth_flow(request)
        assert "x-content-sha256" not in next(flow).headers
        with pytest.raises(StopIteration):
            flow.send(refused(request, clock, 1800.0))
    settle()
    assert caplog.text.count("answered 401 to a signed PUT request") == 2
    assert "clock offset +1800 s" in caplog.text
    assert provider.fetches == 2


def test_the_log_says_why_there_is_no_other_credential(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], caplog: pytest.LogCaptureFixture
) -> None:
    """In the words of the provider, with its name."""
    provider, signer, _ = numbered
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
        provider.fails = True
        oci.revoke_tokens()
        assert client.get(f"{oci.url}/x").status_code == 401
    assert "No newer credential could be obtained: No valid OCI credential from the test: there is none" in caplog.text


@pytest.mark.parametrize("given", [{}, {"Host": "h.example"}])
def test_headers_are_the_same_from_both_functions(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], run: Any, given: dict[str, str]
) -> None:
    """Without content an empty one is signed; `Host` comes back if it was given."""
    _, signer, _ = numbered

    async def main() -> dict[str, str]:
        return await signer.asigned_headers("POST", f"{oci.url}/x", given)

    headers = signer.signed_headers("POST", f"{oci.url}/x", given)
    assert run(main) == headers
    assert headers["content-length"] == "0"
    assert headers["x-content-sha256"] == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert headers.get("host") == given.get("Host")


class Key:
    """A key that does not show itself, as on a device, and notes which threads it signs on."""

    def __init__(self, oci: FakeOCI, *, on_a_device: bool) -> None:
        self.known, self.broken = oci.add_api_key(), False
        self.threads: set[str] = set()
        if on_a_device:
            self.blocking = True

    def fetch(self) -> Credential:
        return Credential(self.known.key_id, self)  # type: ignore[arg-type]

    def sign(self, *arguments: Any) -> bytes:
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise SigningError("The device was pulled out.")
        assert self.known.private_key is not None
        return self.known.private_key.sign(*arguments)


@pytest.mark.parametrize("on_a_device", [True, False])
def test_a_key_on_a_device_signs_on_a_thread_of_its_own(oci: FakeOCI, run: Any, on_a_device: bool) -> None:
    """It takes its time, and any other key none; what it raises reaches the caller."""
    key = Key(oci, on_a_device=on_a_device)
    signer = OCISigner(key)

    async def main() -> None:
        async with httpx.AsyncClient(auth=signer) as client:
            assert (await client.post(f"{oci.url}/x", json={})).status_code == 200
            key.broken = True
            with pytest.raises(SigningError, match="pulled out"):
                await client.get(f"{oci.url}/x")
            key.broken = False

    run(main)
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert key.threads == {"oci-signature" if on_a_device else threading.current_thread().name}


def test_the_refusal_of_plain_http_comes_with_a_remedy(signer: OCISigner) -> None:
    """The whole message."""
    with pytest.raises(SigningError) as caught:
        signer.signed_headers("GET", "http://api.example.com/x")
    assert str(caught.value) == (
        "A request to http://api.example.com is not signed: signatures travel over https only, except to loopback and "
        "link-local hosts. Use https, or OCISigner(allow_insecure_http=True) on a network that you trust."
    )


@pytest.mark.parametrize(("size", "threads"), [(1 << 20, []), ((1 << 20) + 1, ["oci-content-digest"])])
def test_a_body_of_more_than_a_mebibyte_is_hashed_off_the_event_loop(
    signer: OCISigner, run: Any, monkeypatch: pytest.MonkeyPatch, size: int, threads: list[str]
) -> None:
    """For a smaller one a thread would cost more than the hash."""
    started: list[str] = []
    start = threading.Thread.start

    def note(self: threading.Thread) -> None:
        started.append(self.name)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", note)
    run(signer.asigned_headers, "PUT", "https://h.example/x", None, b"x" * size)
    assert [name for name in started if name.startswith("oci-")] == [*threads, "oci-credential-refresh"]


def test_an_auth_that_wraps_this_one_sees_that_the_body_is_needed(oci: FakeOCI, signer: OCISigner, run: Any) -> None:
    """It reads the body before it drives `auth_flow`, as httpx does for every flow that asks for it."""

    class Around(httpx.Auth):
        requires_request_body = signer.requires_request_body

        def auth_flow(self, request: httpx.Request) -> Any:
            return signer.auth_flow(request)

    async def main() -> int:
        async with httpx.AsyncClient(auth=Around()) as client:
            return (await client.put(f"{oci.url}/x", content=parts())).status_code

    assert run(main) == 200


def test_a_request_is_signed_by_three_credentials_at_most(
    oci: FakeOCI, numbered: tuple[Numbered, OCISigner, Clock], caplog: pytest.LogCaptureFixture
) -> None:
    """Others may have replaced the credential twice while a server refused this one's. The last 401 is logged."""
    _provider, signer, _clock = numbered

    def replace_by_another_request() -> None:
        with httpx.Client(auth=signer) as client:
            oci.revoke_tokens()
            assert client.get(f"{oci.url}/x").status_code == 200

    request = httpx.Request("GET", "https://other.example/x")
    flow = signer.sync_auth_flow(request)
    keys = []
    sent = next(flow)
    while sent is not None:
        keys.append(sent.headers["authorization"])
        replace_by_another_request()
        try:
            sent = flow.send(httpx.Response(401, request=sent))
        except StopIteration:
            sent = None
    assert len(set(keys)) == len(keys) == 3
    assert caplog.text.count("other.example answered 401 to a signed GET request") == 1


def test_a_rejected_credentials_headers_are_removed_with_it(oci: FakeOCI) -> None:
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


# How long a request waits


def test_a_request_waits_no_longer_than_its_timeouts(oci: FakeOCI) -> None:
    """The fetch continues, the status says since when, and a later request uses its result."""
    provider = Sessions(oci)
    provider.gate.clear()
    signer = OCISigner(provider)
    with httpx.Client(auth=signer, timeout=0.2) as client:
        for seconds in ("0", "2."):
            with pytest.raises(CredentialsUnavailableError) as caught:
                client.get(f"{oci.url}/x")
            assert re.fullmatch(
                f"No OCI credential from the test yet: the fetch has taken {seconds} s so far, and this request waits no "
                r"longer than its own timeout\. The fetch continues; a later request uses its result\.",
                str(caught.value),
            )
            assert signer.status().refreshing_since is not None
            (flight,) = signer._cache._flights.values()
            flight.started_at -= 20
        provider.gate.set()
        settle()
        assert signer.status().refreshing_since is None
        assert client.get(f"{oci.url}/x").status_code == 200


def test_a_task_waits_no_longer_than_its_timeouts(oci: FakeOCI, run: Any) -> None:
    """On asyncio and on trio."""
    provider = Sessions(oci)
    provider.gate.clear()

    async def main() -> None:
        async with httpx.AsyncClient(auth=OCISigner(provider), timeout=0.2) as client:
            with pytest.raises(CredentialsUnavailableError, match="yet: "):
                await client.get(f"{oci.url}/x")

    run(main)
    provider.gate.set()
    settle()


@pytest.mark.parametrize(("timeouts", "longest"), [({"read": 0.1, "pool": 0.05}, 0.1), ({"read": None}, 30), ({}, 30)])
def test_the_wait_is_the_longest_of_a_requests_timeouts(
    oci: FakeOCI, timeouts: dict[str, float | None], longest: float
) -> None:
    """Or what is left of the fetch's deadline."""
    provider = Sessions(oci)
    provider.gate.clear()
    request = httpx.Request("GET", f"{oci.url}/x", extensions={"timeout": timeouts})
    steps = OCISigner(provider)._steps(request, may_block=True)
    pause = steps.send(next(steps).wait())
    assert 0 < pause._seconds <= longest
    provider.gate.set()
    settle()


def test_without_threads_only_a_thread_fetches_in_place(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop is never held up: its task gets an error, or the 401 that it had."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def ask(answers: int) -> None:
        request = httpx.Request("GET", f"{oci.url}/x")
        flow = signer.async_auth_flow(request)
        await flow.__anext__()
        for _ in range(answers):
            await flow.asend(httpx.Response(401, request=request))

    monkeypatch.setattr(threading.Thread, "start", start)
    provider = Sessions(oci)
    signer = OCISigner(provider)
    with pytest.raises(CredentialsUnavailableError, match="No thread can be started"):
        asyncio.run(ask(0))
    assert provider.fetches == 0
    signer = OCISigner(provider)
    request = httpx.Request("GET", f"{oci.url}/x")
    flow = signer.sync_auth_flow(request)
    next(flow)
    assert provider.fetches == 1
    flow.send(httpx.Response(401, request=request))
    assert provider.fetches == 2
    signer = OCISigner(provider)
    next(signer.sync_auth_flow(request))
    with pytest.raises(StopAsyncIteration):
        asyncio.run(ask(1))
    assert provider.fetches == 3


def test_an_invalid_url_is_not_signed(oci: FakeOCI, tmp_path: Path) -> None:
    """The error is this library's, not httpx's."""
    signer = OCISigner(config_file=oci.write_config(tmp_path))
    for url in ("https://h.example:port/", "https://[::1/"):
        with pytest.raises(SigningError, match="cannot be signed"):
            signer.signed_headers("GET", url)


@pytest.mark.parametrize("target", ["/a%7Eb", "/a?x=%2F", "/a?x=[1]", "/a?x=a|b", "/%e4", "/plain?x=1"])
def test_a_url_that_aiohttp_rewrites_is_signed_as_it_is_sent(oci: FakeOCI, tmp_path: Path, target: str) -> None:
    """Its transports are given a text and write some escapes their own way; the second request is signed like that."""
    aiohttp = pytest.importorskip("aiohttp")

    class Stream(httpx.AsyncByteStream):
        __module__ = "httpx_aiohttp.transport"  # what the package's own stream says

        def __init__(self, content: bytes) -> None:
            self._content = content

        async def __aiter__(self) -> Any:
            yield self._content

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            async with (
                aiohttp.ClientSession() as session,
                session.request(request.method, str(request.url), headers=dict(request.headers)) as answer,
            ):
                return httpx.Response(answer.status, headers=answer.headers, stream=Stream(await answer.read()))

    async def main() -> int:
        signer = OCISigner(config_file=oci.write_config(tmp_path))
        async with httpx.AsyncClient(auth=signer, transport=Transport()) as client:
            return (await client.get(f"{oci.url}{target}")).status_code

    assert asyncio.run(main()) == 200
    assert len(oci.records) == (1 if target.startswith("/plain") else 2)


def test_an_asynchronous_fetch_is_refused_at_once() -> None:
    """It would return a coroutine, which signs nothing."""

    class Asynchronous:
        async def fetch(self) -> Credential:
            raise AssertionError

    with pytest.raises(Exception, match="Make it a plain function"):
        OCISigner(Asynchronous())  # type: ignore[arg-type]

    class Lazy:
        def fetch(self) -> Any:
            return Asynchronous().fetch()

    with pytest.raises(CredentialsUnavailableError, match="Make it a plain function"):
        OCISigner(Lazy()).signed_headers("GET", "https://host.example/")
