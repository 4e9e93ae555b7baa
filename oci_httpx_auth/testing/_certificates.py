"""X.509: the certificates of an instance, and the TLS certificate of the stand-in."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ._tokens import new_key
from ._wire import Refused

_EARLY = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
_LATE = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)


class InstanceCertificate:
    """A leaf certificate with its key and its intermediate, as the metadata service of one instance serves them."""

    def __init__(self, tenancy: str, compartment: str, instance: str, now: float, lifetime: float) -> None:
        intermediate, intermediate_key, _ = _authority()
        key = new_key()
        units = (
            "opc-certtype:instance",
            f"opc-compartment:{compartment}",
            f"opc-instance:{instance}",
            f"opc-tenant:{tenancy}",
        )
        # The four units are one multi-valued part of OCI's names.
        unit_parts = [_attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
        name_parts = [_attribute(NameOID.COMMON_NAME, instance)]
        subject = x509.Name([x509.RelativeDistinguishedName(part) for part in (unit_parts, name_parts)])
        builder = _builder(
            subject, intermediate.subject, key.public_key(), min(now, now + lifetime) - 60, now + lifetime
        )
        leaf = builder.sign(intermediate_key, hashes.SHA256())
        self.tenancy, self.instance, self.expires_at = tenancy, instance, now + lifetime
        self.serial_number = leaf.serial_number
        self.certificate_pem = leaf.public_bytes(Encoding.PEM)
        self.intermediate_pem = intermediate.public_bytes(Encoding.PEM)
        self.key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """An attribute of a name, of OCI's lengths: X.520 has 64 characters at most, and `cryptography` insists."""
    attribute = x509.NameAttribute(oid, "placeholder")
    attribute._value = value
    return attribute


def check_chain(leaf: x509.Certificate, intermediates: list[x509.Certificate], now: float) -> None:
    """Refuse a leaf that does not lead, through the intermediates, to the root of instances."""
    moment = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    root = _authority()[2]
    certificate, left = leaf, list(intermediates)
    while True:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise Refused("a certificate of the chain is not valid at this time")
        if _issued_by(certificate, root):
            # An instance's leaf comes from an intermediate; only intermediates come from the root.
            if certificate is leaf:
                raise Refused("the certificate is no instance's leaf")
            return
        issuer = next((candidate for candidate in left if _issued_by(certificate, candidate)), None)
        if issuer is None:
            raise Refused("the certificate was not issued by the intermediates that were sent")
        left.remove(issuer)
        certificate = issuer


def fingerprints_of(leaf: x509.Certificate) -> dict[str, str]:
    """The leaf's fingerprints by the key id's middle part, as upper-case hex with colons."""
    der = leaf.public_bytes(Encoding.DER)
    digests = {
        "fed-x509": hashlib.sha1(der, usedforsecurity=False).hexdigest(),
        "fed-x509-sha256": hashlib.sha256(der).hexdigest(),
    }
    return {
        name: ":".join(digest[i : i + 2] for i in range(0, len(digest), 2)).upper() for name, digest in digests.items()
    }


def server_certificate() -> tuple[bytes, bytes]:
    """The CA in PEM; key and certificate chain of a server on this machine in one PEM."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Stand-in TLS authority")
    ca = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_EARLY)
        .not_valid_after(_LATE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    leaf = (
        x509.CertificateBuilder()
        .subject_name(_name("localhost"))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_EARLY)
        .not_valid_after(_LATE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            # Python 3.13 verifies strictly, and asks for this one.
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ca.public_bytes(Encoding.PEM), key_pem + leaf.public_bytes(Encoding.PEM)


@functools.cache
def _authority() -> tuple[x509.Certificate, rsa.RSAPrivateKey, x509.Certificate]:
    """Intermediate, its key, and the root: one set for the process, since keys are slow to make."""
    root_key, intermediate_key = new_key(), new_key()
    root_name, name = _name("Stand-in instance root"), _name("Stand-in instance intermediate")
    early, late = _EARLY.timestamp(), _LATE.timestamp()
    root = _builder(root_name, root_name, root_key.public_key(), early, late).sign(root_key, hashes.SHA256())
    builder = _builder(name, root_name, intermediate_key.public_key(), early, late)
    return builder.sign(root_key, hashes.SHA256()), intermediate_key, root


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, start: float, end: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(start, datetime.timezone.utc))
        .not_valid_after(datetime.datetime.fromtimestamp(end, datetime.timezone.utc))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
