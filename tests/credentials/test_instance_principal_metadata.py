"""The metadata service of an instance, and the certificates that it has."""

from __future__ import annotations

import base64
import datetime
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from oci_httpx_auth import CredentialsUnavailableError, InstancePrincipal
from oci_httpx_auth.credentials.instance_principal import load_certificate, tenancy_of

from ..conftest import Key
from ..platforms import Platform
from ..standin import FakeOCI, Fault


def test_a_certificate_of_an_unknown_version_is_reported_as_unreadable(key: Key) -> None:
    """cryptography raises its own kind of error for one."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    der = builder.sign(key.private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    version = b"\xa0\x03\x02\x01"
    changed = base64.b64encode(der.replace(version + b"\x02", version + b"\x07", 1)).decode()
    with pytest.raises(CredentialsUnavailableError, match="certificate cannot be read"):
        load_certificate(f"-----BEGIN CERTIFICATE-----\n{changed}\n-----END CERTIFICATE-----\n")


def test_metadata_is_requested_with_its_header_and_without_a_proxy(platform: Platform) -> None:
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


def test_unavailable_metadata_is_explained(platform: Platform) -> None:
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
    read = partial(provider.discover_region, patience=0.2) if path == "region" else provider.fetch
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


def test_a_certificate_that_names_no_tenancy_is_refused(platform: Platform) -> None:
    """It is not one that OCI gave to an instance."""
    provider = platform.become("instance_principal")
    platform.oci.change_tenancy("two words")
    with pytest.raises(CredentialsUnavailableError, match="certificate names no tenancy"):
        provider.fetch()
    assert "federation" not in platform.services()


def test_a_tenancy_is_not_found_inside_another_text(key: Key) -> None:
    """Only where a text of the certificate begins, whatever the byte before it looks like."""
    texts = ["+opc-tenant:ocid1.tenancy.oc1..not-this-one-at-all", "opc-tenant:ocid1.tenancy.oc1..aaaa"]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text) for text in texts])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    assert tenancy_of(builder.sign(key.private, hashes.SHA256())) == "ocid1.tenancy.oc1..aaaa"


def test_threads_read_certificates_at_once(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them changes the process's warning filters, which belong to all threads."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)
    tenancies: list[str | None] = []

    def fetch() -> None:
        provider = InstancePrincipal()
        provider.fetch()
        tenancies.append(provider.tenancy)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert tenancies == [oci.tenancy] * 8
