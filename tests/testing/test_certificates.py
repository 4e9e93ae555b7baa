"""Certificates: an instance's, and the one of the stand-in's own TLS."""

from __future__ import annotations

import base64
import json
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ..byhand import Draft, Holder, answers, connect
from ..standin import FakeCredential, FakeOCI


def test_a_certificate_of_an_elliptic_curve_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """OCI's instances have RSA keys."""
    private_key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder(name, name, private_key.public_key(), 1, now, now + timedelta(days=1))
        .sign(private_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    body = json.dumps({"certificate": base64.b64encode(certificate).decode(), "intermediateCertificates": []}).encode()
    holder = Holder(f"{oci.tenancy}/fed-x509/{'00:' * 19}00", key.private_key)
    assert Draft(holder, target="/v1/x509", body=body).sign().send(oci.url).status == 400
    assert oci.records[-1].reason == "a certificate's key is not an RSA key"


def test_tls_is_certified_by_the_stand_ins_own_authority(oci: FakeOCI, key: FakeCredential) -> None:
    """For the address and for the name; nobody else's trust is enough."""
    context = ssl.create_default_context(cadata=oci.ca_pem.decode())
    assert oci.tls_url == f"https://127.0.0.1:{oci.tls_port}"
    for host in ("127.0.0.1", "localhost"):
        with (
            connect(f"http://{host}:{oci.tls_port}") as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(Draft(key).sign().wire())
            assert next(answers(secure)).status == 200
    with connect(f"http://127.0.0.1:{oci.tls_port}") as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
