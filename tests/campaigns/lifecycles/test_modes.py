"""What holds in every mode of a machine in the cloud: instance, resource and workload identity."""

from __future__ import annotations

import logging
import pickle

import httpx
import pytest

from oci_httpx_auth import OCISigner

from ...conftest import settle
from ...platforms import MODES, RENEWABLE, Platform
from ...standin import Fault


@pytest.mark.parametrize("name", MODES)
def test_requests_are_signed_in_every_mode(platform: Platform, name: str) -> None:
    """The token is obtained with the first request, by which the server knows who it is."""
    mode, options = MODES[name]
    provider = platform.become(mode, **options)
    assert not platform.oci.records  # nothing but local files was read so far
    with httpx.Client(auth=platform.signer(provider)) as client:
        for _ in range(3):
            response = client.post(f"{platform.oci.url}/x", json={})
            assert response.status_code == 200, platform.reasons()
    record = platform.oci.records[-1]
    assert record.mode == mode
    assert platform.services()[-3:] == ["echo"] * 3
    assert not platform.reasons()
    assert OCISigner(provider).mode == mode


@pytest.mark.slow
@pytest.mark.parametrize("name", RENEWABLE)
def test_a_day_passes_unnoticed_in_every_mode(platform: Platform, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every five minutes a request, tokens of one hour: no request is refused, and the log has no warning."""
    mode, options = MODES[name]
    provider = (
        platform.become(mode, lifetime=200_000.0, **options) if mode != "instance_principal" else platform.become(mode)
    )
    with httpx.Client(auth=platform.signer(provider)) as client:
        for _ in range(6 * 12):
            response = client.get(f"{platform.oci.url}/x")
            assert response.status_code == 200, platform.reasons()
            settle()
            platform.clock.now += 300
    assert not platform.reasons()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    tokens = {record.key_id for record in platform.oci.records if record.service == "echo"}
    assert len(tokens) > 5


@pytest.mark.parametrize("name", RENEWABLE)
def test_a_revoked_token_is_replaced_in_every_mode(platform: Platform, name: str) -> None:
    """The request that meets the 401 is answered after one exchange."""
    mode, options = MODES[name]
    provider = platform.become(mode, **options)
    with httpx.Client(auth=platform.signer(provider)) as client:
        assert client.get(f"{platform.oci.url}/x").status_code == 200
        platform.oci.revoke(platform.oci.records[-1].key_id.removeprefix("ST$"))
        assert client.get(f"{platform.oci.url}/x").status_code == 200
    echoes = [record.status for record in platform.oci.records if record.service == "echo"]
    assert echoes == [200, 401, 200]


@pytest.mark.parametrize("offset", [86400.0, -86400.0])
@pytest.mark.parametrize("name", MODES)
def test_a_wrong_clock_works_in_every_mode(platform: Platform, name: str, offset: float) -> None:
    """A machine that is a day off gets its token and signs with it."""
    mode, options = MODES[name]
    platform.oci.clock_offset = offset
    provider = platform.become(mode, **options)
    if mode == "oke_workload_identity":
        # The service account's token is issued by the cluster, in the cluster's time.
        (platform.directory / "token").write_text(platform.oci.service_account_token())
    with httpx.Client(auth=platform.signer(provider)) as client:
        for _ in range(3):
            assert client.get(f"{platform.oci.url}/x").status_code == 200, platform.reasons()
            settle()
    refused = [record for record in platform.oci.records if record.status == 401]
    assert len(refused) <= 3  # by the application's host, and by each auth service, until the clock is known


FAULTS = {
    "429": Fault(status=429),
    "500": Fault(status=500),
    "503": Fault(status=503),
    "reset": Fault(reset=True),
    "half a body": Fault(truncate=True),
    "not JSON": Fault(status=200, body=b"<html>"),
    "a list": Fault(status=200, body=b"[]"),
    "no token": Fault(token="missing"),
    "garbage": Fault(token="garbage"),
    "expired": Fault(token="expired"),
    "wrong key": Fault(token="wrong_key"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("instance principal", "federation"),
        ("workload identity", "workload_identity"),
        ("resource principal 1.1", "rpst"),
        ("resource principal 2.1.1", "rpst"),
    ],
)
def test_temporary_faults_of_an_auth_service_are_overcome(
    platform: Platform, name: str, service: str, fault: str
) -> None:
    """Each is tried again within the one fetch, and its caller sees nothing of it."""
    mode, options = MODES[name]
    provider = platform.become(mode, **options)
    platform.oci.fail(service, FAULTS[fault], FAULTS[fault])
    with httpx.Client(auth=platform.signer(provider)) as client:
        assert client.get(f"{platform.oci.url}/x").status_code == 200
    assert platform.services().count(service) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", MODES)
def test_each_provider_pickles_as_its_recipe(platform: Platform, name: str) -> None:
    """A worker makes its own from its own environment; no token and no key travels."""
    mode, options = MODES[name]
    provider = platform.become(mode, **options)
    token = provider.fetch().key_id.removeprefix("ST$")
    pickled = pickle.dumps(provider)
    assert token.encode() not in pickled
    assert b"PRIVATE KEY" not in pickled
    assert type(pickle.loads(pickled)) is type(provider)
    assert type(pickle.loads(pickle.dumps(OCISigner(provider))).__dict__["_provider"]) is type(provider)


@pytest.mark.parametrize("name", MODES)
def test_nothing_secret_is_shown_in_any_mode(platform: Platform, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in reprs, not in the log at any level."""
    caplog.set_level(logging.DEBUG)
    mode, options = MODES[name]
    provider = platform.become(mode, **options)
    signer = platform.signer(provider)
    with httpx.Client(auth=signer) as client:
        client.get(f"{platform.oci.url}/x")
        token = platform.oci.records[-1].key_id.removeprefix("ST$")
        platform.oci.revoke(token)
        client.get(f"{platform.oci.url}/x")
    shown = f"{provider!r} {signer!r} {signer.status()!r} {caplog.text}"
    assert token not in shown
    assert token.split(".")[2] not in shown
    assert "PRIVATE KEY" not in shown
