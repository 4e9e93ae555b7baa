"""Instance, resource and workload identity on real sockets: obtained, refreshed, explained."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import (
    ConfigError,
    CredentialsUnavailableError,
    InstancePrincipal,
    InvalidTokenError,
    OCIAuthError,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    default_credentials,
)
from oci_httpx_auth._auth_service.service import AuthService

from ..conftest import Clock, settle
from ..standin import FakeOCI, Fault

PREFIX = "OCI_RESOURCE_PRINCIPAL_"


class Platform:
    """A machine in the cloud: its services, its environment variables, and a time in common."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.oci = FakeOCI(clock=self.clock)
        self.directory, self.monkeypatch = directory, monkeypatch
        self.options: dict[str, Any] = {"_service": AuthService(clock=self.clock, sleep=lambda _: None)}

    def set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def become(self, mode: str, **options: Any) -> Any:
        """Set the variables of a mode and return the provider that they lead to."""
        if mode == "oke_workload_identity":
            options.setdefault("directory", self.directory)
        self.set(self.oci.environment(mode, **options))
        self.monkeypatch.setenv("OCI_CLI_FEDERATION_ENDPOINT", self.oci.federation_endpoint)
        if mode == "instance_principal":
            return InstancePrincipal(**self.options)
        if mode == "resource_principal":
            return ResourcePrincipal(**self.options)
        return OKEWorkloadIdentity(port=self.oci.tls_port, **self.options)

    def signer(self, provider: Any) -> OCISigner:
        return OCISigner(provider, clock=self.clock)

    def services(self) -> list[str]:
        return [record.service for record in self.oci.records]

    def reasons(self) -> list[str]:
        return [f"{record.service}: {record.reason}" for record in self.oci.records if record.reason]


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    platform = Platform(tmp_path, monkeypatch)
    with platform.oci:
        yield platform


LEAVES = ("1.1", "2.1", "2.1.1", "2.1.2", "2.2")
RESOURCES: dict[str, dict[str, Any]] = {
    **{version: {"version": version} for version in LEAVES},
    **{f"3.0 over {leaf}": {"version": "3.0", "leaf": leaf} for leaf in LEAVES},
    "3.0, four levels": {"version": "3.0", "depth": 4},
    "2.1.2 without a security context": {"version": "2.1.2", "security_context": ""},
}
MODES: dict[str, tuple[str, dict[str, Any]]] = {
    "instance principal": ("instance_principal", {}),
    "workload identity": ("oke_workload_identity", {}),
    **{f"resource principal {name}": ("resource_principal", options) for name, options in RESOURCES.items()},
}
RENEWABLE = [name for name in MODES if name not in ("resource principal 2.2", "resource principal 3.0 over 2.2")]


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


# Instance principals


def test_region_and_tenancy_come_from_the_instance(platform: Platform) -> None:
    """Known after the first fetch, not guessed before."""
    provider = platform.become("instance_principal")
    assert (provider.region, provider.tenancy) == (None, None)
    provider.fetch()
    assert (provider.region, provider.tenancy) == (platform.oci.region, platform.oci.tenancy)


def test_metadata_is_asked_as_it_demands_and_never_through_a_proxy(platform: Platform) -> None:
    """Version 2 wants its own authorization; a proxy would see the instance's private key."""
    platform.set(
        {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    )
    platform.become("instance_principal").fetch()
    asked = [record for record in platform.oci.records if record.service == "metadata"]
    assert {record.target for record in asked} == {
        "/opc/v2/instance/region",
        "/opc/v2/identity/cert.pem",
        "/opc/v2/identity/key.pem",
        "/opc/v2/identity/intermediate.pem",
    }
    assert len(asked) == 4
    assert {record.header("authorization") for record in asked} == {"Bearer Oracle"}


INSTANCE = """
import socket, sys, threading
from oci_httpx_auth import InstancePrincipal
from oci_httpx_auth.testing import FakeOCI

def forward(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)

def relay(listener, port):
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=forward, args=pair, daemon=True).start()

address = sys.argv[1]
with FakeOCI() as oci:
    listener = socket.create_server((address, 80), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    threading.Thread(target=relay, args=(listener, int(oci.url.rpartition(":")[2])), daemon=True).start()
    provider = InstancePrincipal(federation_endpoint=f"{oci.url}/v1/x509")
    provider.fetch()
    print(*{record.header("host") for record in oci.records if record.service == "metadata"})
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("unshare") and shutil.which("ip") and os.geteuid() == 0),
    reason="needs the right to make a network namespace",
)
@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:c1::a9fe:a9fe"])
def test_the_metadata_service_is_found_over_ipv4_and_ipv6(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """At its real addresses, in a network namespace that has nothing but them."""
    monkeypatch.delenv("OCI_METADATA_BASE_URL")
    steps = f'ip link set lo up && ip addr add {address} dev lo && exec "$0" -c "$1" {address}'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", steps, sys.executable, INSTANCE], capture_output=True, text=True, timeout=60
    )
    if "unshare failed" in done.stderr:
        pytest.skip("this system grants no network namespace")
    assert (done.stdout.strip().strip("[]"), done.stderr) == (address, "")


def test_an_instance_that_is_still_booting_is_waited_for(platform: Platform) -> None:
    """Its metadata answers 404 for a while, or not at all."""
    provider = platform.become("instance_principal")
    platform.oci.fail("metadata", Fault(status=404), Fault(reset=True), Fault(status=500), Fault(status=404))
    provider.fetch()
    assert platform.services().count("metadata") == 8


def test_rotated_certificates_are_read_anew(platform: Platform) -> None:
    """Each refresh presents the certificate of the day, with a session key of its own."""
    provider = platform.become("instance_principal")
    first = provider.fetch()
    platform.oci.rotate_instance_certificate()
    second = provider.fetch()
    exchanges = [record for record in platform.oci.records if record.service == "federation"]
    assert [record.status for record in exchanges] == [200, 200]
    assert exchanges[0].key_id != exchanges[1].key_id
    assert exchanges[0].body != exchanges[1].body
    assert first.private_key.public_key() != second.private_key.public_key()


def test_a_rotation_between_certificate_and_key_is_noticed(platform: Platform) -> None:
    """The two are read as one: a key of another certificate is not signed with."""

    def rotate_in_between(service: str, record: Any) -> None:
        if record.target.endswith("/key.pem") and not rotated:
            rotated.append(True)
            platform.oci.rotate_instance_certificate()

    rotated: list[bool] = []
    platform.oci.fault_source = rotate_in_between
    platform.become("instance_principal").fetch()
    assert rotated
    assert [record.status for record in platform.oci.records if record.service == "federation"] == [200]


def test_a_tenancy_that_changes_is_refused(platform: Platform) -> None:
    """An instance does not move to another tenancy in the middle of a program."""
    provider = platform.become("instance_principal")
    provider.fetch()
    before = provider.tenancy
    platform.oci.change_tenancy()
    with pytest.raises(CredentialsUnavailableError, match=r"names tenancy .* does not change its tenancy"):
        provider.fetch()
    assert provider.tenancy == before


def test_a_refused_certificate_is_explained_and_not_tried_again(platform: Platform) -> None:
    """A 4xx will not become right by asking again: the message says where to look."""
    provider = platform.become("instance_principal")
    platform.oci.fail("federation", Fault(status=400, code="InvalidParameter", message="unknown instance"))
    with pytest.raises(CredentialsUnavailableError, match=r"unknown instance.*dynamic group.*policy.*clock"):
        provider.fetch()
    assert platform.services().count("federation") == 1


def test_metadata_that_does_not_serve_is_explained(platform: Platform) -> None:
    """Off OCI there is none, and the message says so."""
    provider = platform.become("instance_principal")
    platform.oci.fail("metadata", Fault(status=403))
    with pytest.raises(CredentialsUnavailableError, match="work on OCI compute instances only"):
        provider.fetch()


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("region", b"not a region!", "is not a region"),
        ("region", b"\xff\xfe", "without text"),
        ("cert.pem", b"nonsense", "certificate cannot be read"),
        ("key.pem", b"nonsense", "does not hold a private key"),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "damaged"),
    ],
)
def test_nonsense_in_the_metadata_is_named(platform: Platform, path: str, body: bytes, message: str) -> None:
    """Each part of it by its own error, and none by a traceback of somebody else's."""
    provider = platform.become("instance_principal")
    platform.oci.fault_source = lambda service, record: (
        Fault(status=200, body=body) if record.target.endswith(path) else None
    )
    # What is of no use is asked for again until time is up.
    read = partial(provider.look_up_region, patience=0.2) if path == "region" else provider.fetch
    with pytest.raises(CredentialsUnavailableError, match=message):
        read()


@pytest.mark.parametrize("path", ["region", "cert.pem", "key.pem", "intermediate.pem"])
def test_temporary_nonsense_is_requested_again(platform: Platform, path: str) -> None:
    """A busy metadata service answers with a page for people, once."""
    provider = platform.become("instance_principal")
    pages = [b"<html>busy</html>"]
    platform.oci.fault_source = lambda service, record: (
        Fault(status=200, body=pages.pop()) if record.target.endswith(path) and pages else None
    )
    assert provider.fetch().key_id.startswith("ST$")
    assert not pages


def auth_endpoint_of(provider: InstancePrincipal) -> str:
    with provider._calls() as calls:
        return provider._regional_auth_endpoint(calls)


def test_a_region_that_nobody_knows_gets_its_realm_from_the_instance(tmp_path: Path, monkeypatch: Any) -> None:
    """A region newer than our tables, in a realm that is not the commercial one."""
    with FakeOCI(region="eu-frankfurt-2") as oci:
        provider = InstancePrincipal(metadata_url=oci.metadata_url)
        assert auth_endpoint_of(provider) == "https://auth.eu-frankfurt-2.oraclecloud.eu"
        oci.fault_source = lambda service, record: (
            Fault(status=200, body=b"xx-new-9")
            if record.target.endswith("/region")
            else Fault(status=200, body=b'{"realmDomainComponent": "new-realm.example"}')
            if record.target.endswith("/regionInfo")
            else None
        )
        provider = InstancePrincipal(metadata_url=oci.metadata_url)
        assert auth_endpoint_of(provider) == "https://auth.xx-new-9.new-realm.example"


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"realmDomainComponent": 7}'])
def test_a_region_of_unknown_realm_is_taken_for_a_commercial_one(platform: Platform, answer: bytes) -> None:
    """As the SDK does."""
    platform.oci.fault_source = lambda service, record: Fault(
        status=200, body=b"xx-new-9" if record.target.endswith("/region") else answer
    )
    provider = platform.become("instance_principal")
    assert auth_endpoint_of(provider) == "https://auth.xx-new-9.oraclecloud.com"


def test_a_realm_that_is_no_domain_is_named(platform: Platform) -> None:
    """A key is not sent to whatever the metadata says."""
    answers = {"region": b"xx-new-9", "regionInfo": b'{"realmDomainComponent": "evil.example/#"}'}
    platform.oci.fault_source = lambda service, record: Fault(
        status=200, body=answers[record.target.rpartition("/")[2]]
    )
    with pytest.raises(CredentialsUnavailableError, match="The instance's region has no auth service"):
        auth_endpoint_of(platform.become("instance_principal"))


def test_a_certificate_that_names_no_tenancy_is_refused(platform: Platform) -> None:
    """It is not one that OCI gave to an instance."""
    provider = platform.become("instance_principal")
    platform.oci.change_tenancy("two words")
    with pytest.raises(CredentialsUnavailableError, match="certificate names no tenancy"):
        provider.fetch()
    assert "federation" not in platform.services()


def test_an_instance_whose_key_is_never_its_certificates_is_not_waited_for(platform: Platform) -> None:
    """Three times they are read; then the auth service says what it thinks of it."""
    provider = platform.become("instance_principal")
    other = platform.oci.add_session().private_key_pem()
    platform.oci.fault_source = lambda service, record: (
        Fault(status=200, body=other) if record.target.endswith("/key.pem") else None
    )
    with pytest.raises(CredentialsUnavailableError, match="certificate was refused"):
        provider.fetch()
    assert [record.target for record in platform.oci.records].count("/opc/v2/identity/key.pem") == 3


# Resource principals


def test_the_claims_can_be_read(platform: Platform) -> None:
    """Tenancy and compartment of the resource, at once where the token is injected."""
    provider = platform.become("resource_principal", version="2.2")
    signer = platform.signer(provider)
    assert (signer.tenancy, signer.compartment) == (platform.oci.tenancy, platform.oci.compartment)
    assert signer.region == platform.oci.region
    assert provider.claim("res_tenant") == platform.oci.tenancy
    assert provider.claim("nothing") is None
    assert not platform.oci.records


def test_the_openai_factories_use_the_compartment_of_the_resource(platform: Platform) -> None:
    """When none is given."""
    pytest.importorskip("openai")
    from oci_httpx_auth.openai import create_openai

    signer = platform.signer(platform.become("resource_principal", version="2.2"))
    client = create_openai(signer=signer)
    assert client.default_headers["opc-compartment-id"] == platform.oci.compartment
    assert platform.oci.region in str(client.base_url)


@pytest.mark.parametrize("passphrase", [None, "of the platform"])
def test_injected_files_are_read_again_as_the_platform_rotates_them(platform: Platform, passphrase: str | None) -> None:
    """Token and key of the same rotation, without a refused request, for a day."""
    options: dict[str, Any] = {"version": "2.2", "directory": platform.directory, "passphrase": passphrase}
    provider = platform.become("resource_principal", **options)
    tokens = set()
    with httpx.Client(auth=platform.signer(provider)) as client:
        for step in range(5 * 12):
            if step % 8 == 7:
                platform.oci.environment("resource_principal", **options)  # writes new files in the same place
            assert client.get(f"{platform.oci.url}/x").status_code == 200
            tokens.add(platform.oci.records[-1].key_id)
            settle()
            platform.clock.now += 300
    assert not platform.reasons()
    assert len(tokens) >= 5


def test_token_and_key_of_two_rotations_are_never_mixed(platform: Platform) -> None:
    """While only one of the two files has been replaced, the other is waited for; in the end it is an error."""
    options: dict[str, Any] = {"version": "2.2", "directory": platform.directory}
    variables = platform.oci.environment("resource_principal", **options)
    provider = platform.become("resource_principal", **options)
    token_file = Path(os.environ[f"{PREFIX}RPST"])
    old = token_file.read_text()
    platform.oci.environment("resource_principal", **options)
    new = token_file.read_text()
    token_file.write_text(old)
    with pytest.raises(InvalidTokenError, match="different sessions"):
        provider.fetch()

    class LateWriter(threading.Thread):
        def run(self) -> None:
            token_file.write_text(new)

    writer = LateWriter()
    writer.start()
    assert provider.fetch().key_id == f"ST${new.strip()}"
    writer.join(20)
    assert variables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{PREFIX}VERSION": ""}, "OCI_RESOURCE_PRINCIPAL_VERSION is not set"),
        ({f"{PREFIX}VERSION": "9.9"}, "'9.9', which is unknown.*1.1, 2.1, 2.1.1, 2.1.2, 2.2 and 3.0"),
        ({f"{PREFIX}RPST": ""}, "RPST is not set"),
        ({f"{PREFIX}RPST": "", f"{PREFIX}PRIVATE_PEM": ""}, "RPST and OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM are not set"),
        ({f"{PREFIX}RPST": "/no/such/token"}, "RPST names does not exist"),
        ({f"{PREFIX}RPST": "nonsense"}, "RPST is not a security token"),
        ({f"{PREFIX}PRIVATE_PEM": "nonsense"}, "PRIVATE_PEM does not hold a private key"),
        ({f"{PREFIX}RPST": "/no/token", f"{PREFIX}PRIVATE_PEM": "/no/key"}, "PRIVATE_PEM names does not exist"),
        ({f"{PREFIX}REGION": "no region"}, "REGION: 'no region' is not a region"),
        ({f"{PREFIX}VERSION": "3.0"}, "VERSION_FOR_LEAF_RESOURCE is not set"),
        ({f"{PREFIX}VERSION": "1.1"}, "RPT_ENDPOINT is not set"),
        ({f"{PREFIX}VERSION": "2.1.1"}, "RPT_ENDPOINT, .*RPST_ENDPOINT, .*RESOURCE_ID and .*TENANCY_ID are not set"),
    ],
)
def test_what_the_platform_left_out_is_named(platform: Platform, change: dict[str, str], message: str) -> None:
    """All missing variables at once, found when the provider is made."""
    platform.set(platform.oci.environment("resource_principal", version="2.2"))
    platform.set(change)
    with pytest.raises(ConfigError, match=message):
        ResourcePrincipal()


@pytest.mark.parametrize(("times", "found"), [(1, True), (2, False)])
def test_what_is_revoked_between_two_exchanges_is_fetched_again(platform: Platform, times: int, found: bool) -> None:
    """Each exchange is signed with the previous one's token; from the beginning once, not indefinitely."""
    provider = platform.become("resource_principal", version="3.0", leaf="1.1")
    revocations: list[str] = []

    def revoke(service: str, record: Any) -> None:
        if service == "rpst" and len(revocations) < times:
            revocations.append(service)
            platform.oci.revoke_tokens()

    platform.oci.fault_source = revoke
    if found:
        assert provider.fetch().key_id.startswith("ST$")
    else:
        with pytest.raises(CredentialsUnavailableError, match="answered 401"):
            provider.fetch()
    assert platform.services().count("federation") == 2


@pytest.mark.parametrize(
    "path", [".evil.example/{id}", "@evil.example/{id}", ":80/{id}", "//evil.example/{}", "\\evil"]
)
def test_a_path_of_its_own_does_not_lead_to_another_host(platform: Platform, path: str) -> None:
    """Behind the endpoint's host and port it would become a part of them, were it not for a slash."""
    platform.become("resource_principal", version="2.1.2")
    platform.monkeypatch.setenv(f"{PREFIX}RPT_PATH", path)
    provider = ResourcePrincipal(**platform.options)
    with pytest.raises(CredentialsUnavailableError, match=f"{platform.oci.url}/"):
        provider.fetch()
    assert platform.oci.records


def test_parents_that_name_each_other_are_found_out(platform: Platform) -> None:
    """Nested resources come to an end, or the platform is at fault."""
    provider = platform.become("resource_principal", version="3.0", cycle=True)
    with pytest.raises(CredentialsUnavailableError, match="do not come to an end"):
        provider.fetch()


# Workload identity


def test_a_rotated_service_account_token_is_read_again(platform: Platform) -> None:
    """The kubelet replaces the file; each exchange presents what it holds."""
    provider = platform.become("oke_workload_identity")
    provider.fetch()
    (platform.directory / "token").write_text(platform.oci.service_account_token() + "\n")
    provider.fetch()
    first, second = (record.header("authorization") for record in platform.oci.records)
    assert first != second


def test_an_expired_service_account_token_is_named(platform: Platform) -> None:
    """When the proxy has refused it: it might have been our clock that is wrong."""
    provider = platform.become("oke_workload_identity")
    platform.clock.now += 4000
    with pytest.raises(CredentialsUnavailableError, match=r"token in .*/token has expired"):
        provider.fetch()
    assert [record.status for record in platform.oci.records] == [401]


def test_a_basic_cluster_is_explained(platform: Platform) -> None:
    """A 403 says what the cluster lacks."""
    platform.oci.enhanced_cluster = False
    provider = platform.become("oke_workload_identity")
    with pytest.raises(CredentialsUnavailableError, match="enhanced cluster"):
        provider.fetch()
    assert len(platform.oci.records) == 1


def test_the_proxy_is_verified_against_the_clusters_authority_alone(platform: Platform) -> None:
    """Another cluster's proxy gets no service account token."""
    provider = platform.become("oke_workload_identity")
    with FakeOCI() as stranger:
        (platform.directory / "ca.crt").write_bytes(stranger.ca_pem)
        with pytest.raises(OCIAuthError, match="CERTIFICATE_VERIFY_FAILED"):
            provider.fetch()
    assert not platform.oci.records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.monkeypatch.delenv("KUBERNETES_SERVICE_HOST"), "KUBERNETES_SERVICE_HOST is not set"),
        (lambda p: (p.directory / "token").unlink(), "service account token does not exist"),
        (lambda p: (p.directory / "token").write_text("a b"), "is not a token"),
        (lambda p: (p.directory / "ca.crt").unlink(), "CA file does not exist"),
        (lambda p: (p.directory / "ca.crt").write_text("nonsense"), "CA file holds no certificate"),
    ],
)
def test_what_the_pod_lacks_is_named(platform: Platform, change: Any, message: str) -> None:
    """Found when the provider is made."""
    platform.become("oke_workload_identity")
    change(platform)
    with pytest.raises(ConfigError, match=message):
        OKEWorkloadIdentity()


def test_an_ipv6_host_gets_its_brackets(platform: Platform) -> None:
    """Kubernetes gives the bare address."""
    platform.become("oke_workload_identity")
    assert OKEWorkloadIdentity(host="fd00::1")._url.startswith("https://[fd00::1]:12250/")


# The chain, pickles, secrets


@pytest.mark.parametrize("mode", ["instance_principal", "resource_principal", "oke_workload_identity"])
@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
def test_the_chain_finds_each_mode(platform: Platform, mode: str, named: bool) -> None:
    """By its variables, or by name; the instance last."""
    platform.become(mode)
    if named:
        platform.monkeypatch.setenv("OCI_CLI_AUTH", mode)
    signer = OCISigner(clock=platform.clock)
    assert signer.mode == mode
    assert OCISigner(auth=mode, clock=platform.clock).mode == mode
    if mode != "oke_workload_identity":  # whose port is fixed
        with httpx.Client(auth=signer) as client:
            assert client.get(f"{platform.oci.url}/x").status_code == 200


def test_the_chain_lists_what_it_tried(platform: Platform) -> None:
    """In the first request's error, after a second at most for the metadata service."""
    signer = OCISigner()
    with httpx.Client(auth=signer) as client, pytest.raises(CredentialsUnavailableError) as caught:
        client.get(f"{platform.oci.url}/x")
    for tried in (
        "config file",
        "API key in the environment",
        "resource principal",
        "OKE workload",
        "instance metadata",
    ):
        assert f"  - {tried}" in str(caught.value)


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


def test_default_credentials_prefers_a_profile(platform: Platform, clean_environment: Path) -> None:
    """A machine in the cloud on which somebody has put a profile signs as that somebody."""
    platform.become("resource_principal", version="2.2")
    assert isinstance(default_credentials(), ResourcePrincipal)
    platform.oci.write_config(clean_environment / ".oci")
    assert not isinstance(default_credentials(), ResourcePrincipal)


@pytest.mark.parametrize("path", ["/20180711/resourcePrincipalTokenV212/{}", "/20180711/resourcePrincipalTokenV212"])
def test_a_path_names_the_place_of_the_resource_in_either_way_or_not_at_all(platform: Platform, path: str) -> None:
    """As the SDKs have it: `{id}`, `{}` at the end, or nothing, and the resource follows."""
    platform.set({f"{PREFIX}RPT_PATH": path})
    provider = platform.become("resource_principal", version="2.1.2")
    assert provider.fetch().key_id.startswith("ST$")
    assert platform.oci.records[0].target.startswith("/20180711/resourcePrincipalTokenV212/ocid1.")


@pytest.mark.parametrize("options", [{"version": "1.1"}, {"version": "3.0", "leaf": "1.1"}])
def test_the_region_of_an_instances_resource_is_known_once_it_was_asked_for(
    platform: Platform, options: dict[str, Any]
) -> None:
    """No variable names it, so it is the instance's."""
    provider = platform.become("resource_principal", **options)
    assert provider.region is None
    provider.fetch()
    assert provider.region == platform.oci.region


def test_an_injected_file_that_is_not_text_is_named(platform: Platform) -> None:
    """A token is ASCII; what is not may be anything but a token."""
    provider = platform.become("resource_principal", version="2.2", directory=platform.directory)
    (platform.directory / "rpst").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="RPST names is not text"):
        provider.fetch()
