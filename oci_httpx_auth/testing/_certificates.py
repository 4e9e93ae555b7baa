"""X.509: the certificates of an instance, and the TLS certificate of the stand-in."""

from __future__ import annotations

import base64
import ipaddress
from datetime import datetime, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ._tokens import new_key, once
from ._wire import Refused

_EARLY = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LATE = datetime(2100, 1, 1, tzinfo=timezone.utc)


class InstanceCertificate:
    """A leaf certificate with its key and intermediate. `files` has them by their path at the metadata service."""

    def __init__(self, tenancy: str, compartment: str, instance: str, now: float, lifetime: float) -> None:
        intermediate, intermediate_key = _intermediate()
        key = new_key()
        # The four units are one multi-valued part of OCI's names.
        units = ("certtype:instance", f"compartment:{compartment}", f"instance:{instance}", f"tenant:{tenancy}")
        unit_part = [_attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"opc-{unit}") for unit in units]
        subject = x509.Name([x509.RelativeDistinguishedName(unit_part), *_name(instance).rdns])
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
    """Refuse a leaf that the intermediate of instances has not issued, and a request without that intermediate."""
    issuer, _ = _intermediate()
    if leaf == issuer:
        raise Refused("the certificate is not an instance's leaf")
    try:
        leaf.verify_directly_issued_by(issuer)
        issued = issuer in intermediates
    except (ValueError, TypeError, InvalidSignature):
        issued = False
    if not issued:
        raise Refused("the certificate was not issued by the intermediates that were sent")
    if not leaf.not_valid_before_utc <= _utc(now) <= leaf.not_valid_after_utc:
        raise Refused("the certificate is not valid at this time")


def server_certificate() -> tuple[bytes, bytes]:
    """The CA in PEM; key and certificate of a server on this machine in one PEM."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Stand-in TLS authority")
    # Python 3.13 verifies strictly, and requires usages of the CA (of nine, to sign certificates and lists), and the
    # identifiers of both keys.
    extensions: list[x509.ExtensionType] = [
        x509.BasicConstraints(ca=True, path_length=0),
        x509.KeyUsage(False, False, False, False, False, True, True, False, False),
        x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()),
    ]
    ca = _issue(ca_name, ca_key, ca_name, ca_key, *extensions)
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    extensions = [
        x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
    ]
    leaf = _issue(_name("localhost"), key, ca_name, ca_key, *extensions)
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ca.public_bytes(Encoding.PEM), key_pem + leaf.public_bytes(Encoding.PEM)


@once
def _intermediate() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """What certifies instances, and its key: one per process, since keys are slow to generate."""
    key = new_key()
    return _issue(_name("Stand-in instance intermediate"), key, _name("Stand-in instance root"), new_key()), key


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


def _name(common_name: str) -> x509.Name:
    return x509.Name([_attribute(NameOID.COMMON_NAME, common_name)])


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """An attribute of a name, as long as OCI's: X.520 allows at most 64 characters, and `cryptography` enforces it."""
    attribute = x509.NameAttribute(oid, "placeholder")
    attribute._value = value
    return attribute


def _utc(when: float) -> datetime:
    return datetime.fromtimestamp(when, timezone.utc)
