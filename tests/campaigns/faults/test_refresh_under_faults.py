"""Refreshes that meet trouble, in simulated time: what a caller notices, which is nothing as long as there is a way."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from oci_httpx_auth import CredentialsUnavailableError, InstancePrincipal, OCISigner
from oci_httpx_auth._auth_service import service

from ...conftest import refreshes, settle
from ...standin import FakeOCI, Fault, Record

pytestmark = pytest.mark.slow

DAY, HOUR, MINUTE = 86400, 3600, 60  # seconds


class Time:
    """The time of server and client, which passes when somebody sleeps or the test says so."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Instance:
    """An instance with a signer, and the federation that it depends on."""

    def __init__(self, token_lifetime: float) -> None:
        self.time = Time()
        self.oci = FakeOCI(clock=self.time, token_lifetime=token_lifetime)
        self.oci.on_record = self.count
        self.answers: Counter[tuple[str, int]] = Counter()
        self.reasons: set[str] = set()

    def start(self) -> None:
        self.oci.start()
        self.url = f"{self.oci.url}/things"
        self.signer = OCISigner(
            InstancePrincipal(
                metadata_url=self.oci.metadata_url,
                federation_endpoint=self.oci.federation_endpoint,
                _service=service.AuthService(clock=self.time, sleep=self.time.sleep),
            ),
            clock=self.time,
        )

    def count(self, record: Record) -> None:
        self.answers[record.service, record.status] += 1
        if record.service == "echo" and record.status != 200:
            self.reasons.add(record.reason)
        self.oci.records.clear()  # a day's worth of them would fill the memory

    def go_down(self, *services: str) -> None:
        faults = itertools.cycle([Fault(status=503), Fault(reset=True), Fault(status=500), Fault(status=429)])
        self.oci.fault_source = lambda service, record: next(faults) if service in services else None

    def come_back(self) -> None:
        self.oci.fault_source = None

    @property
    def expires_at(self) -> float:
        expires_at = self.signer.status().expires_at
        assert expires_at is not None
        return expires_at


@pytest.fixture
def instance(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """With tokens of as many seconds as the test's parameter says."""
    instance = Instance(request.param)
    try:
        instance.start()
        yield instance
    finally:
        instance.oci.stop()
        settle()


@pytest.fixture
def ready_made_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Session keys from a stock: a day needs thousands, and making one takes longer than all the rest of a refresh."""
    make = rsa.generate_private_key
    stock = itertools.cycle([make(public_exponent=65537, key_size=2048) for _ in range(12)])
    monkeypatch.setattr(rsa, "generate_private_key", lambda **_: next(stock))


FAULTS = {
    "429": Fault(status=429),
    "500": Fault(status=500),
    "503": Fault(status=503),
    "timeout": Fault(hang=True),
    "reset": Fault(reset=True),
    "half a body": Fault(truncate=True),
    "not JSON": Fault(status=200, body=b"<html>busy</html>"),
    "no token": Fault(token="missing"),
    "expired token": Fault(token="expired"),
    "wrong key": Fault(token="wrong_key"),
}


@pytest.mark.usefixtures("ready_made_keys")
@pytest.mark.parametrize("instance", [20.0], indirect=True)
@pytest.mark.parametrize("third", [1, 2, 3])
def test_nobody_notices_a_day_of_federation_faults(
    instance: Instance, third: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens of 20 seconds, a fault in one of twenty exchanges, busy hours and quiet ones: every answer is a 200."""
    # Ten seconds in real life; a day has several, and each is waited for.
    monkeypatch.setattr(service, "_ATTEMPT", 0.3)
    chance = random.Random(20 + third)
    kinds = itertools.cycle(FAULTS)
    met: Counter[str] = Counter()

    def trouble(service: str, record: Record) -> Fault | None:
        if service != "federation" or chance.random() >= 0.05:
            return None
        kind = next(kinds)
        met[kind] += 1
        return FAULTS[kind]

    instance.oci.fault_source = trouble
    time = instance.time
    midnight = time.now
    with httpx.Client(auth=instance.signer) as client:
        while time.now < midnight + DAY / 3:
            assert client.get(instance.url).status_code == 200
            settle()
            busy = int((time.now - midnight) / HOUR) % 8 == 7
            time.now += chance.expovariate(1 / 3.0 if busy else 1 / 60.0)

    assert set(met) == set(FAULTS)
    assert {status for service, status in instance.answers if service == "echo"} == {200}, instance.reasons
    assert instance.answers["federation", 200] > 400


@pytest.mark.parametrize("services", [("federation",), ("metadata", "federation")], ids="+".join)
@pytest.mark.parametrize("instance", [3600.0], indirect=True)
def test_an_outage_of_ten_minutes_goes_unnoticed(instance: Instance, services: tuple[str, ...]) -> None:
    """The refresh falls due while the service is down; the token that is there serves until it is back."""
    time = instance.time
    with httpx.Client(auth=instance.signer) as client:
        assert client.get(instance.url).status_code == 200
        first = instance.expires_at
        # A refresh falls due in the last quarter of a token's life, and not in the last tenth.
        time.now = first - 950
        instance.go_down(*services)
        while time.now < first - 350:
            assert client.get(instance.url).status_code == 200
            settle()
            time.now += 10
        assert instance.signer.status().last_error is not None
        assert instance.expires_at == first
        instance.come_back()
        while time.now < first + 100:
            assert client.get(instance.url).status_code == 200
            settle()
            time.now += 10
    assert instance.expires_at > first
    assert instance.signer.status().last_error is None
    assert {status for service, status in instance.answers if service == "echo"} == {200}, instance.reasons
    assert sum(number for (service, status), number in instance.answers.items() if status == 503) >= 2


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(status=503, code="ServiceUnavailable", message="closed for today"), r"/v1/x509 answered 503.*closed"),
        (Fault(reset=True), r"/v1/x509 could not be reached"),
        (Fault(token="expired"), "had already expired when it arrived"),
        (Fault(token="wrong_key"), "was issued for another private key"),
        (Fault(token="missing"), "the federation endpoint answered without a token"),
    ],
    ids=["503", "reset", "expired token", "wrong key", "no token"],
)
@pytest.mark.parametrize("instance", [600.0], indirect=True)
def test_an_outage_longer_than_the_tokens_life_is_named_and_survived(
    instance: Instance, fault: Fault, cause: str
) -> None:
    """Once nothing valid is left requests fail and say why; the first one after the outage succeeds."""
    with httpx.Client(auth=instance.signer) as client:
        assert client.get(instance.url).status_code == 200
        instance.oci.fault_source = lambda service, record: fault if service == "federation" else None
        end = instance.expires_at
        while instance.time.now < end - 1:
            assert client.get(instance.url).status_code == 200
            settle()
            instance.time.now += 20
        instance.time.now = max(instance.time.now, end + 1)
        for _ in range(3):
            with pytest.raises(CredentialsUnavailableError, match=cause):
                client.get(instance.url)
            instance.time.now += 60
        instance.come_back()
        assert client.get(instance.url).status_code == 200
    assert {status for service, status in instance.answers if service == "echo"} == {200}, instance.reasons


@pytest.mark.parametrize("instance", [600.0], indirect=True)
def test_all_that_wait_fail_together_and_go_on_together(instance: Instance, run: Callable[..., Any]) -> None:
    """Twenty tasks wait for one refresh: while the service is down each gets its error, afterwards its answer."""
    outcomes: list[Any] = []

    async def one(client: httpx.AsyncClient) -> None:
        try:
            outcomes.append((await client.get(instance.url)).status_code)
        except CredentialsUnavailableError as error:
            outcomes.append(error)

    async def all_at_once() -> list[Any]:
        outcomes.clear()
        async with httpx.AsyncClient(auth=instance.signer) as client, anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one, client)
        return list(outcomes)

    instance.go_down("federation")
    failed = run(all_at_once)
    assert len({id(error) for error in failed}) == 20
    assert all(isinstance(error, CredentialsUnavailableError) for error in failed)
    assert instance.answers["metadata", 200] <= 8  # region and certificates, once or twice, for twenty tasks
    instance.come_back()
    instance.time.now += 1  # the pause after a failure
    assert run(all_at_once) == [200] * 20
    assert instance.answers["federation", 200] == 1


@pytest.mark.parametrize("instance", [3600.0], indirect=True)
def test_nobody_waits_for_a_refresh_while_the_token_is_valid(instance: Instance) -> None:
    """The federation hangs, and requests are answered all the same."""
    with httpx.Client(auth=instance.signer) as client:
        assert client.get(instance.url).status_code == 200
        expires_at = instance.expires_at
        instance.oci.fault_source = lambda service, record: Fault(hang=True) if service == "federation" else None
        instance.time.now = expires_at - 300
        for _ in range(10):
            assert client.get(instance.url).status_code == 200
        assert len(refreshes()) == 1  # still under way
        assert instance.expires_at == expires_at
    instance.oci.stop()


@pytest.mark.parametrize("instance", [3600.0], indirect=True)
def test_the_event_loop_goes_on_while_a_request_waits_for_its_token(
    instance: Instance, run: Callable[..., Any]
) -> None:
    """The first request has to wait for the federation, which hangs; other tasks do not."""
    failures: list[BaseException] = []

    async def request(client: httpx.AsyncClient) -> None:
        try:
            await client.get(instance.url)
        except CredentialsUnavailableError as error:
            failures.append(error)

    async def main() -> None:
        instance.oci.fault_source = lambda service, record: Fault(hang=True) if service == "federation" else None
        async with httpx.AsyncClient(auth=instance.signer) as client, anyio.create_task_group() as group:
            group.start_soon(request, client)
            while not any(service == "federation" for service, _ in list(instance.answers)):
                await anyio.sleep(0)
            for _ in range(1000):
                await anyio.sleep(0)
            assert not failures
            assert len(refreshes()) == 1
            await anyio.to_thread.run_sync(instance.oci.stop)

    run(main)
    assert len(failures) == 1


@pytest.mark.parametrize("instance", [3600.0], indirect=True)
def test_trouble_leaves_no_secret_behind(instance: Instance, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Neither the certificate's key nor a token of a failed exchange gets into errors and logs."""
    caplog.set_level("DEBUG")
    secrets: list[str] = []

    def note(record: Record) -> None:
        secrets.append(record.key_id.removeprefix("ST$")) if record.key_id.startswith("ST$") else None
        secrets.append(record.header("authorization"))

    instance.oci.on_record = note
    with httpx.Client(auth=instance.signer) as client:
        assert client.get(instance.url).status_code == 200
        instance.oci.fault_source = lambda service, record: (
            Fault(token="wrong_key") if service == "federation" else None
        )
        instance.time.now = instance.expires_at + 1
        with pytest.raises(CredentialsUnavailableError) as caught:
            client.get(instance.url)
    shown = f"{caught.value} {caught.value.__cause__!r} {caplog.text} {instance.signer.status()!r}"
    assert len(secrets) > 5
    assert not [secret for secret in secrets if secret and secret != "Bearer Oracle" and secret in shown]
    assert "PRIVATE KEY" not in shown
