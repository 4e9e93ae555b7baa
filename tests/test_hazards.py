"""Concurrency hazards: what threads, tasks, loops, processes and signals of the time can do to a signer between two steps."""

from __future__ import annotations

from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from oci_httpx_auth import Credential, OCISigner, SecurityToken
from oci_httpx_auth.testing import FakeOCI, Fault, Record

from .conftest import Clock


class Sessions:
    """A provider whose every fetch is a new session of the stand-in."""

    def __init__(self, oci: FakeOCI) -> None:
        self.oci, self.fetches = oci, 0
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def fetch(self) -> Credential:
        self.fetches += 1
        session = self.oci.add_session(private_key=self.key)
        return Credential(key_id=session.key_id, private_key=self.key, expires_at=session.expires_at)


# Several requests at once


def test_all_requests_under_way_are_healed_when_the_clock_is_off(oci: FakeOCI, tmp_path: Path) -> None:
    """One of them learns the offset; the others, refused for the same reason, are dated anew and not given up."""
    signer = OCISigner(config_file=oci.write_config(tmp_path))
    oci.clock_offset = 600.0
    with httpx.Client() as client:
        flows = [signer.sync_auth_flow(httpx.Request("GET", f"{oci.url}/x")) for _ in range(3)]
        refused = [client.send(next(flow)) for flow in flows]
        assert [response.status_code for response in refused] == [401] * 3
        again = [flow.send(response) for flow, response in zip(flows, refused, strict=True)]
        assert [client.send(request).status_code for request in again] == [200] * 3


def test_a_credential_that_is_revoked_while_it_replaces_another_is_replaced_too(oci: FakeOCI) -> None:
    """The replacement was fetched before the revocation that hits it; a third credential can be had, and is."""
    provider = Sessions(oci)
    signer = OCISigner(provider)
    with httpx.Client() as client:
        flow = signer.sync_auth_flow(httpx.Request("GET", f"{oci.url}/x"))
        request = next(flow)
        for status in (401, 401, 200):
            if status == 401:
                oci.revoke_tokens()
            response = client.send(request)
            assert response.status_code == status
            if status == 401:
                request = flow.send(response)
    assert provider.fetches == 3


def test_a_server_that_refuses_every_credential_is_not_asked_for_ever(oci: FakeOCI) -> None:
    """Two replacements, then the caller gets the 401."""
    provider = Sessions(oci)
    oci.on_record = lambda record: oci.revoke_tokens()
    oci.revoke_tokens()
    oci.fault_source = lambda service, record: oci.revoke_tokens()
    with httpx.Client(auth=OCISigner(provider)) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert provider.fetches == 3
    assert len(oci.records) == 3


# Files that change under way


class Laptop:
    """A session profile whose token is due for its renewal, and a person who authenticates again while it is renewed."""

    def __init__(self, oci: FakeOCI, directory: Path) -> None:
        self.oci, self.directory = oci, directory
        self.clock = Clock()
        oci.clock = self.clock
        self.provider = SecurityToken.from_config(
            config_file=oci.write_config(directory, session=True), auth_endpoint=oci.auth_endpoint, clock=self.clock
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
    assert laptop.provider._read()[1].key_id == used.key_id  # token and key belong together


def test_a_new_session_is_found_when_the_old_one_is_refused(oci: FakeOCI, tmp_path: Path) -> None:
    """The old session ends while it is renewed, and nobody is told so, since the new one is there."""
    laptop = Laptop(oci, tmp_path)

    def ended(service: str, record: Record) -> Fault | None:
        laptop.authenticate_during_the_renewal(service, record)
        return Fault(status=401)

    oci.fault_source = ended
    used = laptop.provider.fetch()
    (token_file,) = tmp_path.rglob("token")
    assert used.key_id == f"ST${token_file.read_text()}"
