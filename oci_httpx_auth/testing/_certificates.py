"""X.509: the certificates of an instance, and the TLS certificate of the stand-in."""

from __future__ import annotations

import base64
import functools
import ipaddress
from datetime import datetime, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ._tokens import new_key
from ._wire import Refused

_EARLY = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LATE = datetime(2100, 1, 1, tzinfo=timezone.utc)


class InstanceCertificate:
    """A leaf certificate with its key and intermediate. `files` has them by their path at the metadata service."""

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
        start, end = (_utc(when) for when in (min(now, now + lifetime) - 60, now + lifetime))
        leaf = _issue(subject, key, intermediate.subject, intermediate_key, start=start, end=end)
        self.tenancy, self.instance, self.serial_number = tenancy, instance, leaf.serial_number
        self.files = {
            "identity/cert.pem": leaf.public_bytes(Encoding.PEM),
            "identity/key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
            "identity/intermediate.pem": intermediate.public_bytes(Encoding.PEM),
        }


def read_certificate(text: object) -> tuple[x509.Certificate, rsa.RSAPublicKey]:
    """A certificate from a request, where it is base64, and its public key."""
    if not isinstance(text, str):
        raise Refused("a certificate is missing", status=400)
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        key = certificate.public_key()
    except ValueError:
        raise Refused("a certificate is not the base64 text of a certificate", status=400) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refused("a certificate's key is not an RSA key", status=400)
    return certificate, key


def check_chain(leaf: x509.Certificate, intermediates: list[x509.Certificate], now: float) -> None:
    """Refuse a leaf that does not chain to the root of instances through one of the intermediates."""
    root = _authority()[2]
    if _issued_by(leaf, root):
        # An instance's leaf comes from an intermediate; only intermediates come from the root.
        raise Refused("the certificate is not an instance's leaf")
    issuer = next((other for other in intermediates if _issued_by(leaf, other) and _issued_by(other, root)), None)
    if issuer is None:
        raise Refused("the certificate was not issued by the intermediates that were sent")
    for certificate in (leaf, issuer):
        if not certificate.not_valid_before_utc <= _utc(now) <= certificate.not_valid_after_utc:
            raise Refused("a certificate of the chain is not valid at this time")


def fingerprints_of(leaf: x509.Certificate) -> dict[str, str]:
    """The leaf's fingerprints as upper-case hex with colons, by the middle part of the key id."""
    algorithms: dict[str, hashes.HashAlgorithm] = {"fed-x509": hashes.SHA1(), "fed-x509-sha256": hashes.SHA256()}
    return {name: leaf.fingerprint(algorithm).hex(":").upper() for name, algorithm in algorithms.items()}


def server_certificate() -> tuple[bytes, bytes]:
    """The CA in PEM; key and certificate of a server on this machine in one PEM."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Stand-in TLS authority")
    # Of the nine usages, the CA has two: key_cert_sign and crl_sign.
    signs_certificates = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    # Python 3.13 verifies strictly, and requires the identifiers of both keys.
    ca = _issue(
        ca_name,
        ca_key,
        ca_name,
        ca_key,
        x509.BasicConstraints(ca=True, path_length=0),
        signs_certificates,
        x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()),
    )
    leaf = _issue(
        _name("localhost"),
        key,
        ca_name,
        ca_key,
        x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ca.public_bytes(Encoding.PEM), key_pem + leaf.public_bytes(Encoding.PEM)


@functools.cache
def _authority() -> tuple[x509.Certificate, rsa.RSAPrivateKey, x509.Certificate]:
    """The intermediate, its key, and the root: one set per process, since keys are slow to generate."""
    root_key, key = new_key(), new_key()
    root_name, name = _name("Stand-in instance root"), _name("Stand-in instance intermediate")
    return _issue(name, key, root_name, root_key), key, _issue(root_name, root_key, root_name, root_key)


def _issue(
    subject: x509.Name,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
    start: datetime = _EARLY,
    end: datetime = _LATE,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), start, end)
    for extension in extensions:
        critical = isinstance(extension, (x509.BasicConstraints, x509.KeyUsage))
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """An attribute of a name, as long as OCI's: X.520 allows at most 64 characters, and `cryptography` enforces it."""
    attribute = x509.NameAttribute(oid, "placeholder")
    attribute._value = value
    return attribute


def _utc(when: float) -> datetime:
    return datetime.fromtimestamp(when, timezone.utc)
