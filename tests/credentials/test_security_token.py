"""Session tokens: read from the profile, renewed before they end, and written back so that nobody is harmed."""

from __future__ import annotations

import errno
import gc
import logging
import math
import os
import pickle
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from oci_httpx_auth import (
    ConfigError,
    InvalidTokenError,
    OCISigner,
    SecurityToken,
    SessionExpiredError,
    default_credentials,
)
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth._signing import cache

from ..conftest import Clock, Key, as_the_cli_writes, settle
from ..standin import FakeOCI, Fault, Record
from ..world import World


class Laptop:
    """A machine with a session profile, and OCI to talk to, in one time."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.oci = FakeOCI(clock=self.clock)
        self.directory = directory

    def authenticate(self, profile: str = "DEFAULT", **options: object) -> Path:
        """What `oci session authenticate` does."""
        self.config = self.oci.write_config(self.directory, profile=profile, session=True, **options)  # type: ignore[arg-type]
        return self.config

    def later(self, seconds: float) -> None:
        """Let time pass, once no fetch is under way any more."""
        settle()
        self.clock.now += seconds

    def provider(self, profile: str | None = None) -> SecurityToken:
        return SecurityToken.from_config(
            profile,
            self.config,
            auth_endpoint=self.oci.auth_endpoint,
            _service=AuthService(clock=self.clock, sleep=lambda _: None),
        )

    def signer(self) -> OCISigner:
        return OCISigner(self.provider(), clock=self.clock)

    @property
    def token_file(self) -> Path:
        (path,) = self.directory.rglob("token")
        return path

    def services(self) -> list[str]:
        return [record.service for record in self.oci.records]


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path)
    with laptop.oci:
        laptop.authenticate()
        yield laptop


def test_the_profile_says_that_it_is_a_session(laptop: Laptop) -> None:
    """Nobody has to name the mode."""
    assert isinstance(default_credentials(config_file=laptop.config), SecurityToken)
    assert OCISigner(config_file=laptop.config).mode == "security_token"


@pytest.mark.parametrize("passphrase", [None, "of the session"])
def test_requests_are_signed_with_the_token(tmp_path: Path, passphrase: str | None) -> None:
    """Also with an encrypted session key."""
    with FakeOCI() as oci:
        signer = OCISigner(config_file=oci.write_config(tmp_path, session=True, passphrase=passphrase))
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{oci.url}/x").status_code == 200
        assert oci.records[-1].mode == "security_token"
        assert oci.records[-1].key_id.startswith("ST$")


@pytest.mark.slow
def test_a_day_of_requests_outlives_the_first_hour(laptop: Laptop, caplog: pytest.LogCaptureFixture) -> None:
    """A request every five minutes for 23 hours: all answered, the token renewed in the background, none refused."""
    with httpx.Client(auth=laptop.signer()) as client:
        for _ in range(23 * 12):
            assert client.get(f"{laptop.oci.url}/x").status_code == 200
            laptop.later(300)
    renewals = laptop.services().count("session_refresh")
    assert 23 < renewals <= 31  # each after three quarters to nine tenths of an hour, on the grid of five minutes
    assert all(record.status == 200 for record in laptop.oci.records)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_an_idle_session_is_renewed_after_a_laptops_sleep(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers stand still while a laptop sleeps, and the clock does not: it is looked at again and again."""
    monkeypatch.setattr(cache, "_LONGEST_SLEEP", 0.05)
    renewed = threading.Semaphore(0)
    laptop.oci.on_record = lambda record: renewed.release() if record.service == "session_refresh" else None
    with httpx.Client(auth=laptop.signer()) as client:
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
        for _ in range(3):
            laptop.later(3500)
            assert renewed.acquire(timeout=20)
            settle()
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
    assert laptop.services() == ["echo", *["session_refresh"] * 3, "echo"]


def test_a_session_that_is_not_extended_is_renewed_a_few_times(
    laptop: Laptop, caplog: pytest.LogCaptureFixture
) -> None:
    """OCI answers the renewals of some sessions with the same expiry. The log says once when the session will end."""
    end = laptop.clock.now + 3600
    laptop.oci.fault_source = lambda service, _: Fault(token="same_expiry") if service == "session_refresh" else None
    signer = laptop.signer()
    with httpx.Client(auth=signer) as client:
        while laptop.clock.now < end - 1:  # the issuer's clock, which shows whole seconds, may be one ahead
            assert client.get(f"{laptop.oci.url}/x").status_code == 200
            settle()
            expires_at, next_refresh = signer.status().expires_at, signer.status().next_refresh
            assert expires_at in (end, end - 1)
            assert next_refresh is not None
            laptop.clock.now = math.ceil(next_refresh)
    assert 1 <= laptop.services().count("session_refresh") <= 8
    assert caplog.text.count("without extending it, so it ends at 2026-09-21 15:13:20 UTC") == 1


@pytest.mark.slow
def test_an_idle_program_keeps_its_session(tmp_path: Path) -> None:
    """An expired token could not be renewed any more, so it is renewed in time although nobody sends a request."""
    renewed = threading.Event()
    begun_before = 0.0

    def now() -> float:
        return time.time() + begun_before

    def watch(record: Record) -> None:
        if record.service == "session_refresh":
            renewed.set()

    with FakeOCI(clock=now, token_lifetime=100, on_record=watch) as oci:
        config = oci.write_config(tmp_path, session=True)
        begun_before = 72  # of the 100 seconds; the renewal is due in 3 to 18 seconds
        provider = SecurityToken.from_config(
            config_file=config, auth_endpoint=oci.auth_endpoint, _service=AuthService(clock=now)
        )
        signer = OCISigner(provider, clock=now)
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{oci.url}/x").status_code == 200
            first = signer.status().expires_at
            assert renewed.wait(40)
            settle()
            status = signer.status()
            assert first is not None
            assert status.expires_at is not None
            assert status.expires_at > first
            assert client.get(f"{oci.url}/x").status_code == 200
    assert [(record.service, record.status) for record in oci.records] == [
        ("echo", 200),
        ("session_refresh", 200),
        ("echo", 200),
    ]


def test_a_collected_signer_renews_nothing(laptop: Laptop) -> None:
    """Its timer goes with it."""
    signer = laptop.signer()
    with httpx.Client(auth=signer) as client:
        client.get(f"{laptop.oci.url}/x")
    settle()
    timers = [thread for thread in threading.enumerate() if thread.name == "oci-credential-timer"]
    assert timers
    del signer, client
    gc.collect()
    for timer in timers:
        timer.join(20)
        assert not timer.is_alive()
    assert laptop.services() == ["echo"]


def test_the_renewed_token_is_written_back(laptop: Laptop) -> None:
    """Mode 0600, under the same name, readable by the next process, and nothing else is left in the directory."""
    before = laptop.token_file.read_text()
    beside = sorted(path.name for path in laptop.token_file.parent.iterdir())
    with httpx.Client(auth=laptop.signer()) as client:
        client.get(f"{laptop.oci.url}/x")
        laptop.later(3590)
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
        settle()
    assert laptop.token_file.read_text() != before
    assert stat.S_IMODE(laptop.token_file.stat().st_mode) == 0o600
    assert sorted(path.name for path in laptop.token_file.parent.iterdir()) == beside
    laptop.oci.records.clear()
    with httpx.Client(auth=laptop.signer()) as client:
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
    assert laptop.services() == ["echo"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_a_renewal_by_root_leaves_the_file_to_its_owner(laptop: Laptop) -> None:
    """With `sudo`, say: whoever owns the session could not read its token any more. The group keeps its access."""
    os.chown(laptop.token_file, 12345, 23456)
    laptop.token_file.chmod(0o644)
    before = laptop.token_file.read_text()
    provider = laptop.provider()
    laptop.later(3500)
    provider.fetch()
    after = laptop.token_file.stat()
    assert laptop.token_file.read_text() != before
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (12345, 23456, 0o640)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_was_forked_during_a_renewal_does_not_keep_the_lock(laptop: Laptop) -> None:
    """It inherits the locked directory, and may live for long."""
    fcntl = pytest.importorskip("fcntl")
    provider = laptop.provider()
    provider.fetch()
    asked, forked = threading.Event(), threading.Event()

    def hold(service: str, record: object) -> None:
        asked.set()
        assert forked.wait(20)

    laptop.oci.fault_source = hold
    renewal = threading.Thread(target=provider.fetch)
    renewal.start()
    assert asked.wait(20)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)  # until the test is over
        os._exit(0)
    directory = os.open(laptop.token_file.parent, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        forked.set()
        renewal.join(20)
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        forked.set()
        for descriptor in (directory, reader, writer):
            os.close(descriptor)
        os.waitpid(child, 0)


def test_the_token_file_keeps_its_place_behind_a_symbolic_link(laptop: Laptop) -> None:
    """The file is replaced where it lies; the link stays a link."""
    real = laptop.directory / "elsewhere"
    laptop.token_file.rename(real)
    link = next(laptop.directory.rglob("sessions")) / "DEFAULT" / "token"
    link.symlink_to(real)
    before = real.read_text()
    laptop.later(3500)
    laptop.provider().fetch()
    assert link.is_symlink()
    assert real.read_text() != before


def test_leftovers_of_a_crash_are_removed(laptop: Laptop) -> None:
    """Once it is so old that nobody can be writing it any more."""
    leftover = laptop.token_file.with_name(".token.abc.renewed")
    leftover.write_text("half a tok")
    os.utime(leftover, (0, 0))
    recent = laptop.token_file.with_name(".token.def.renewed")
    recent.write_text("half a tok")
    laptop.later(3500)
    laptop.provider().fetch()
    assert not leftover.exists()
    assert recent.exists()


def test_a_token_that_the_cli_renewed_is_picked_up(laptop: Laptop) -> None:
    """The file is looked at before the auth service is asked."""
    with httpx.Client(auth=laptop.signer()) as client:
        client.get(f"{laptop.oci.url}/x")
        laptop.later(3590)
        laptop.authenticate()
        client.get(f"{laptop.oci.url}/x")
        settle()
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
    assert "session_refresh" not in laptop.services()
    assert laptop.oci.records[-1].key_id == f"ST${laptop.token_file.read_text().strip()}"


def test_a_revoked_token_is_replaced_by_the_files_newer_one(laptop: Laptop) -> None:
    """A 401 makes the signer look at the files again, key and token together."""
    with httpx.Client(auth=laptop.signer()) as client:
        client.get(f"{laptop.oci.url}/x")
        laptop.oci.revoke_tokens()
        laptop.authenticate()
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
    assert [record.status for record in laptop.oci.records] == [200, 401, 200]


def test_a_token_that_is_refused_is_renewed(laptop: Laptop) -> None:
    """Where the file has nothing newer, the auth service has."""
    with httpx.Client(auth=laptop.signer()) as client:
        client.get(f"{laptop.oci.url}/x")
        laptop.oci.fail("echo", Fault(status=401))
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
    assert laptop.services() == ["echo", "echo", "session_refresh", "echo"]


@pytest.mark.slow
def test_the_end_of_the_session_is_reported_with_the_command(laptop: Laptop) -> None:
    """The token is used to its end; then the error says what to run, and running it is all that is needed."""
    laptop.authenticate("WORK", lifetime=3600)
    laptop.oci.session_limit = 5000.0
    provider = laptop.provider("WORK")
    signer = OCISigner(provider, clock=laptop.clock)
    with httpx.Client(auth=signer) as client:
        ends = 0.0
        while laptop.clock.now < ends or not ends:
            assert client.get(f"{laptop.oci.url}/x").status_code == 200
            laptop.later(300)
            ends = signer.status().expires_at or 0.0
        assert laptop.clock.now > 1_790_000_000 + 5000 - 300
        with pytest.raises(SessionExpiredError) as caught:
            client.get(f"{laptop.oci.url}/x")
        command = f"oci session authenticate --profile-name WORK --region {laptop.oci.region}"
        assert command in str(caught.value)
        assert "SessionExpiredError" not in (signer.status().last_error or "")
        laptop.authenticate("WORK")
        assert client.get(f"{laptop.oci.url}/x").status_code == 200


@pytest.mark.parametrize("offset", [86400.0, -86400.0, 600.0, -600.0])
def test_a_wrong_clock_does_not_end_a_session(laptop: Laptop, offset: float) -> None:
    """A token that seems to have expired yesterday, or tomorrow, is renewed in its issuer's time."""
    laptop.oci.clock_offset = offset
    laptop.authenticate()
    signer = laptop.signer()
    with httpx.Client(auth=signer) as client:
        for _ in range(30):
            assert client.get(f"{laptop.oci.url}/x").status_code == 200
            laptop.later(300)
    refused = [record for record in laptop.oci.records if record.status == 401]
    assert len(refused) <= 3  # each host refuses once until its clock is known, and the token may be renewed once more
    assert 2 <= laptop.services().count("session_refresh") <= 6


def test_a_failing_auth_service_goes_unnoticed_while_the_token_lives(laptop: Laptop) -> None:
    """The request is answered with what there is, and the renewal tried again later."""
    with httpx.Client(auth=laptop.signer()) as client:
        client.get(f"{laptop.oci.url}/x")
        laptop.later(3400)
        for status in (400, 403, 501):
            laptop.oci.fail("session_refresh", Fault(status=status))
            assert client.get(f"{laptop.oci.url}/x").status_code == 200
            settle()
            laptop.later(10)
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
        settle()
    assert laptop.services().count("session_refresh") == 4


def test_a_token_near_its_end_is_used_when_the_auth_service_cannot_be_reached(
    laptop: Laptop, caplog: pytest.LogCaptureFixture
) -> None:
    """A new program finds a token with five minutes left and no network: the token is good, and so is the request."""
    laptop.later(3300)
    refusing = socket.create_server(("127.0.0.1", 0))
    port = refusing.getsockname()[1]
    refusing.close()
    provider = SecurityToken.from_config(
        None,
        laptop.config,
        auth_endpoint=f"http://127.0.0.1:{port}",
        _service=AuthService(clock=laptop.clock, sleep=lambda _: None),
    )
    with httpx.Client(auth=OCISigner(provider, clock=laptop.clock)) as client:
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
    assert "used until it expires" in caplog.text
    assert "could not be reached" in caplog.text


PASSING = {
    "refused for now": [Fault(status=500), Fault(status=429), Fault(status=503)],
    "no whole answer": [Fault(reset=True), Fault(truncate=True)],
    "an answer of no use": [Fault(status=200, body=b"{}"), Fault(status=200, body=b"not json"), Fault(token="missing")],
    "a token of no use": [Fault(token="garbage"), Fault(token="expired"), Fault(token="wrong_key")],
}


@pytest.mark.parametrize("faults", PASSING)
def test_temporary_faults_are_retried_within_one_refresh(laptop: Laptop, faults: str) -> None:
    """What an auth service that is overloaded answers is not the end, nor an answer that is of no use."""
    laptop.oci.fail("session_refresh", *PASSING[faults])
    laptop.later(3590)
    laptop.provider().fetch()
    assert laptop.services() == ["session_refresh"] * (len(PASSING[faults]) + 1)


def test_a_service_that_says_no_is_not_asked_again(laptop: Laptop) -> None:
    """A 400 is explained, with the service's own code."""
    laptop.oci.fail("session_refresh", Fault(status=400, code="InvalidParameter", message="no such thing"))
    laptop.later(3700)
    with (
        httpx.Client(auth=laptop.signer()) as client,
        pytest.raises(Exception, match="answered 400 InvalidParameter: no such thing"),
    ):
        client.get(f"{laptop.oci.url}/x")
    assert laptop.services() == ["session_refresh"]


def read_only(*_: object, **__: object) -> None:
    """A directory on a read-only file system, in the words of the operating system: root is refused nowhere else."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_directory_that_cannot_be_written_costs_nothing_but_a_warning(
    laptop: Laptop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewed token is used all the same, from memory."""
    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    provider = laptop.provider()
    before = laptop.token_file.read_text()
    laptop.later(3500)
    renewed = provider.fetch()
    assert renewed.key_id != f"ST${before}"
    assert laptop.token_file.read_text() == before
    assert "could not be written" in caplog.text
    laptop.later(3500)  # the token in the file has expired since
    with httpx.Client(auth=OCISigner(provider, clock=laptop.clock)) as client:
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
        monkeypatch.undo()
        laptop.later(3500)
        assert client.get(f"{laptop.oci.url}/x").status_code == 200
        settle()
    assert laptop.token_file.read_text() != before


def test_a_new_session_counts_more_than_a_token_that_could_not_be_written(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person has authenticated since; the renewed token of the session before is forgotten."""
    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    provider = laptop.provider()
    laptop.later(3500)
    provider.fetch()
    monkeypatch.undo()
    laptop.authenticate()
    assert provider.fetch().key_id == f"ST${laptop.token_file.read_text()}"


def replace(path: Path, data: bytes | None) -> None:
    path.unlink()
    if data is not None:
        path.write_bytes(data)


@pytest.mark.parametrize("left", [None, b"half a tok"])
def test_a_renewed_token_is_used_whatever_happened_to_its_file(laptop: Laptop, left: bytes | None) -> None:
    """A file that is gone is written again; one that somebody is writing is left to them."""
    provider, token_file = laptop.provider(), laptop.token_file
    provider.fetch()

    def meddle(service: str, record: object) -> None:
        replace(token_file, left)
        laptop.oci.fault_source = None

    laptop.oci.fault_source = meddle
    renewed = provider.fetch()
    assert renewed.key_id.startswith("ST$")
    assert token_file.read_bytes() == (renewed.key_id[3:].encode() if left is None else left)


@pytest.mark.parametrize("left", [None, b"half a tok"])
def test_a_failed_renewal_is_reported_whatever_happened_to_its_file(laptop: Laptop, left: bytes | None) -> None:
    """What is there is of no use, so the service's word counts: the session has ended."""
    provider, token_file = laptop.provider(), laptop.token_file
    provider.fetch()

    def meddle(service: str, record: object) -> Fault:
        replace(token_file, left)
        return Fault(status=401)

    laptop.oci.fault_source = meddle
    with pytest.raises(SessionExpiredError, match="has ended"):
        provider.fetch()


@pytest.mark.parametrize("trouble", ["no locks", "a lock that is never free"])
def test_a_session_is_renewed_without_a_lock_where_none_can_be_had(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """On a file system that has none, and beside a process that hangs with it."""
    fcntl = pytest.importorskip("fcntl")
    provider = laptop.provider()
    before = provider.fetch()
    directory = os.open(laptop.token_file.parent, os.O_RDONLY)
    try:
        if trouble == "no locks":

            def refuse(*arguments: object) -> None:
                raise OSError(errno.ENOLCK, "No locks available")

            monkeypatch.setattr(fcntl, "flock", refuse)
        else:
            fcntl.flock(directory, fcntl.LOCK_EX)
            monkeypatch.setattr("oci_httpx_auth.credentials.security_token._LOCK_WAIT", 0.1)
        assert provider.fetch().key_id != before.key_id
    finally:
        os.close(directory)


def test_a_system_without_file_locks_renews_anyway(oci: FakeOCI, tmp_path: Path) -> None:
    """Such as Windows, whose Python has no `fcntl`."""
    program = """
import sys
sys.modules["fcntl"] = None
from oci_httpx_auth import SecurityToken
provider = SecurityToken.from_config(config_file=sys.argv[1], auth_endpoint=sys.argv[2])
print(provider.fetch().key_id != provider.fetch().key_id)
"""
    arguments = [sys.executable, "-W", "error", "-c", program, str(oci.write_config(tmp_path, session=True))]
    done = subprocess.run([*arguments, oci.auth_endpoint], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert [record.service for record in oci.records] == ["session_refresh"]


def test_a_session_given_by_its_files_may_have_a_passphrase(tmp_path: Path) -> None:
    """Which is a secret in memory, so that such a provider is not pickled."""
    with FakeOCI() as oci:
        oci.write_config(tmp_path, session=True, passphrase="of the session")
        (token_file,), (key_file,) = tmp_path.rglob("token"), tmp_path.rglob("oci_api_key.pem")
        provider = SecurityToken(token_file=token_file, key_file=key_file, passphrase="of the session")
        with httpx.Client(auth=OCISigner(provider)) as client:
            assert client.get(f"{oci.url}/x").status_code == 200
    with pytest.raises(ConfigError, match="secrets in memory"):
        pickle.dumps(provider)


def test_token_and_key_of_two_sessions_are_distinguished(laptop: Laptop, tmp_path: Path) -> None:
    """A pair that does not belong together is refused when the signer is made."""
    (key_file,) = tmp_path.rglob("oci_api_key.pem")
    key_file.write_bytes(laptop.oci.add_session().private_key_pem())
    with pytest.raises(InvalidTokenError, match=r"different sessions.*oci session authenticate --profile-name DEFAULT"):
        laptop.provider()


def test_threads_that_share_a_profile_renew_it_once(laptop: Laptop) -> None:
    """Ten signers with the same file: one asks the auth service, nine find what it wrote."""
    providers = [laptop.provider() for _ in range(10)]
    laptop.later(3500)
    laptop.oci.latency["session_refresh"] = 0.05
    with ThreadPoolExecutor(10) as pool:
        credentials = list(pool.map(lambda provider: provider.fetch(), providers))
    assert len({credential.key_id for credential in credentials}) == 1
    assert laptop.services().count("session_refresh") == 1


@pytest.mark.slow
def test_processes_that_share_a_profile_do_not_harm_each_other(tmp_path: Path) -> None:
    """Four processes renew one token at about the same time, each with requests of its own: all are answered."""
    program = """
import sys, time, httpx
from oci_httpx_auth import OCISigner, SecurityToken
from oci_httpx_auth._auth_service.service import AuthService
config, url, auth, begun_before = sys.argv[1:]
clock = lambda: time.time() + float(begun_before)
provider = SecurityToken.from_config(config_file=config, auth_endpoint=auth, _service=AuthService(clock=clock))
with httpx.Client(auth=OCISigner(provider, clock=clock)) as client:
    end = time.monotonic() + 14
    while time.monotonic() < end:
        response = client.get(url)
        assert response.status_code == 200, response.text
        time.sleep(0.02)  # four busy loops would take both processors, and renewals are what this is about
"""
    begun_before = 0
    with FakeOCI(clock=lambda: time.time() + begun_before, token_lifetime=40) as oci:
        config = oci.write_config(tmp_path, session=True)
        begun_before = 28  # of the 40 seconds; renewals are due in 2 to 8 seconds
        arguments = [sys.executable, "-c", program, os.fspath(config), f"{oci.url}/x", oci.auth_endpoint]
        processes = [subprocess.Popen([*arguments, str(begun_before)], stderr=subprocess.PIPE) for _ in range(4)]
        outcomes = [(process.communicate()[1].decode(), process.returncode) for process in processes]
        assert outcomes == [("", 0)] * 4
        assert sum(record.service == "session_refresh" for record in oci.records) >= 1
        (token_file,) = tmp_path.rglob("token")
        assert token_file.read_text().count(".") == 2


def test_it_pickles_as_its_recipe(oci: FakeOCI, tmp_path: Path) -> None:
    """No token and no key travels; the worker reads its own files."""
    config = oci.write_config(tmp_path, session=True)
    (token_file,), (key_file,) = tmp_path.rglob("token"), tmp_path.rglob("oci_api_key.pem")
    token = token_file.read_text().strip()
    for provider in (
        SecurityToken.from_config(config_file=config),
        SecurityToken(token_file=token_file, key_file=key_file, region="ORD"),
    ):
        pickled = pickle.dumps(provider)
        assert token.encode() not in pickled
        worker = pickle.loads(pickled)
        assert worker.fetch().key_id == f"ST${token}"
        assert worker.region == "us-chicago-1"


def test_nothing_secret_is_shown(laptop: Laptop, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in reprs nor in the log, at any level, through a renewal and a failure."""
    caplog.set_level(logging.DEBUG)
    signer = laptop.signer()
    with httpx.Client(auth=signer) as client:
        first = laptop.token_file.read_text().strip()
        client.get(f"{laptop.oci.url}/x")
        laptop.later(3590)
        laptop.oci.fail("session_refresh", Fault(status=400))
        client.get(f"{laptop.oci.url}/x")
        settle()
        laptop.later(9)
        client.get(f"{laptop.oci.url}/x")
        settle()
    shown = f"{signer!r} {signer._provider!r} {signer._provider.fetch()!r} {signer.status()!r} {caplog.text}"
    for token in (first, laptop.token_file.read_text().strip()):
        assert token not in shown
        assert token.split(".")[2] not in shown


def test_a_session_that_ends_in_the_year_9999_sets_no_impossible_timer(
    tmp_path: Path, key: Key, other_key: Key
) -> None:
    """Its early renewal is further away than a timer can wait."""
    world = World(tmp_path, key, other_key)
    signer = world.session(world.token(exp=253402300799))
    assert "authorization" in signer.signed_headers("GET", "https://x.example/")
    settle()
    assert signer._cache._timer is not None
    assert any(thread.name == "oci-credential-timer" for thread in threading.enumerate())


def test_security_token_without_region_or_endpoint_still_signs(tmp_path: Path, key: Key, other_key: Key) -> None:
    """The region is needed to renew the token, not to use it."""
    world = World(tmp_path, key, other_key)
    token = SecurityToken(token_file=world.token_file, key_file=world.key_file)
    assert token.fetch().key_id == f"ST${world.token_file.read_text()}"


def test_a_session_without_a_region_cannot_be_renewed(oci: FakeOCI, tmp_path: Path) -> None:
    """It signs until its token expires."""
    config = as_the_cli_writes(oci.write_config(tmp_path, session=True))
    config.write_text(re.sub(r"(?m)^region.*", "", config.read_text()))
    clock = Clock()
    provider = SecurityToken.from_config(config_file=config, _service=AuthService(clock=clock, sleep=lambda _: None))
    oci.clock = clock
    assert provider.region is None
    provider.fetch()
    with pytest.raises(ConfigError, match=r"is not known, so its token cannot be renewed\. Add region"):
        provider.fetch()
