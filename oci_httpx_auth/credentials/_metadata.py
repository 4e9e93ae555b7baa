"""The instance metadata service and its certificates."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._auth_service.http import Response
from .._auth_service.service import DEADLINE, Call, Calls
from .._errors import CredentialsUnavailableError, OCIAuthError, ServiceRefusedError, ServiceUnreachableError
from .._signing.waiting import in_thread
from ._keys import load_private_key

if TYPE_CHECKING:
    from cryptography import x509

T = TypeVar("T")

_IPV4 = "http://169.254.169.254/opc/v2"
_IPV6 = "http://[fd00:c1::a9fe:a9fe]/opc/v2"

# While an instance boots, its metadata may not be there yet.
_BOOTING = frozenset({404})

_FROM_ORACLE = {"authorization": "Bearer Oracle"}  # proves that no browser was tricked into sending the request


class Metadata:
    """The instance metadata service, version 2.

    url: its base URL; else `OCI_METADATA_BASE_URL`; else the link-local address, over IPv4 or, on a machine without
    IPv4 routes, IPv6.
    """

    def __init__(self, url: str | None) -> None:
        self._given = url

    def read(self, calls: Calls, path: str, parse: Callable[[str], T], *, patience: float = DEADLINE) -> T:
        """The text at this path, converted by `parse`.

        parse: raises a `ValueError` or an `OCIAuthError` for an unusable text, which is then requested again.
        patience: seconds.

        Raises `CredentialsUnavailableError`, with a hint that this only works on OCI.
        """
        failure: CredentialsUnavailableError | None = None
        for base in self._candidates():
            call = Call("GET", f"{base}{path}", headers=_FROM_ORACLE, retried=_BOOTING, patience=patience)
            try:
                return calls.send(call, partial(_parse_text, parse))
            except ServiceUnreachableError as error:  # the only failure after which the next address is tried
                failure = error
            except ServiceRefusedError as error:
                failure = error
                break
        raise CredentialsUnavailableError(
            f"The instance metadata service failed: {failure} Instance principals work on OCI compute instances only."
        ) from failure

    def certificate(self, calls: Calls, name: str) -> x509.Certificate:
        """The instance's certificate (`cert`) or its issuer's (`intermediate`). Raises as `read` does."""
        return self.read(calls, f"/identity/{name}.pem", load_certificate)

    def leaf(self, calls: Calls) -> tuple[x509.Certificate, RSAPrivateKey]:
        """The instance's certificate and its key, read again if they were rotated in between. Raises as `read` does."""
        attempts_left = 3
        while True:
            reading = in_thread(partial(self.read, calls, "/identity/key.pem", _load_key), "oci-metadata")
            certificate = self.certificate(calls, "cert")
            private_key = reading.result()
            attempts_left -= 1
            if certificate.public_key() == private_key.public_key() or not attempts_left:
                return certificate, private_key

    @property
    def hosts(self) -> list[str]:
        """The service's hosts, which must be reached without a proxy."""
        hosts = (base.partition("://")[2].partition("/")[0] for base in self._candidates())
        return [host for host in hosts if re.fullmatch(r"(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?", host)]

    def _candidates(self) -> list[str]:
        given = (self._given or os.environ.get("OCI_METADATA_BASE_URL", "")).strip()
        if given:
            return [given.rstrip("/")]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("169.254.169.254", 80))  # sends nothing, but needs a route
            return [_IPV4]
        return [_IPV6, _IPV4]


def _parse_text(parse: Callable[[str], T], response: Response, _: float) -> T:
    try:
        text = response.content.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ServiceRefusedError("The instance metadata service answered without text.")
    try:
        return parse(text)
    except (ValueError, OCIAuthError) as error:
        raise ServiceRefusedError(f"The instance metadata service answered with something else: {error}") from None


def load_certificate(pem: str) -> x509.Certificate:
    """A certificate from PEM text. Raises `CredentialsUnavailableError`."""
    from cryptography import x509  # here, because it takes as long to import as the rest of this package

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        # Some parts are parsed only on access.
        _ = _subject(certificate), certificate.public_key()
        return certificate
    except (ValueError, IndexError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CredentialsUnavailableError("The instance's certificate cannot be read; it is not PEM.") from None


def tenancy_of(certificate: x509.Certificate) -> str:
    """The tenancy's OCID, from the subject. Raises `CredentialsUnavailableError`."""
    for value in _subject(certificate):
        if named := re.fullmatch(r"opc-(?:tenant|identity):([!-~]+)", value):
            return named[1]
    raise CredentialsUnavailableError(
        "The instance's certificate names no tenancy, so OCI did not issue it to an instance."
    )


def _load_key(pem: str) -> RSAPrivateKey:
    return load_private_key(pem, None, "The instance's private key")


def _subject(certificate: x509.Certificate) -> list[str]:
    """The values of the subject's attributes, in order.

    Parsed from the DER: `certificate.subject` warns about values of more than 64 characters, and OCI's are longer.
    """
    sequences = [
        content for tag, content in _elements(_elements(certificate.tbs_certificate_bytes)[0][1]) if tag == 0x30
    ]
    subject = sequences[3]  # after the signature's algorithm, the issuer and the validity
    attributes = [_elements(content) for _, part in _elements(subject) for _, content in _elements(part)]
    return [attribute[1][1].decode(errors="replace") for attribute in attributes]


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """The tag and content of each consecutive element. Raises `IndexError` for data that is not DER."""
    elements, start = [], 0
    while start < len(der):
        tag, length = der[start], der[start + 1]
        start += 2
        if length > 0x80:  # then its low bits are the number of bytes that hold the length
            start, length = start + length - 0x80, int.from_bytes(der[start : start + length - 0x80], "big")
        elements.append((tag, der[start : start + length]))
        start += length
    return elements
