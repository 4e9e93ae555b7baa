"""The instance metadata service and its certificates."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

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

    def _candidates(self) -> list[str]:
        given = (self._given or os.environ.get("OCI_METADATA_BASE_URL", "")).strip()
        if given:
            return [given.rstrip("/")]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("169.254.169.254", 80))  # sends nothing, but needs a route
            return [_IPV4]
        return [_IPV6, _IPV4]


def _parse_text(parse: Callable[[str], T], response: httpx.Response, _: float) -> T:
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
        _ = certificate.public_key()  # parsed only now
        return certificate
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CredentialsUnavailableError("The instance's certificate cannot be read; it is not PEM.") from None


def tenancy_of(certificate: x509.Certificate) -> str:
    """The tenancy's OCID, from the subject. Raises `CredentialsUnavailableError`.

    Found in the DER, where each value follows its length in bytes: `certificate.subject` warns about values of more than
    64 characters, and OCI's are longer.
    """
    for found in re.finditer(rb"(?s)(.)opc-(?:tenant|identity):[!-~]+", certificate.tbs_certificate_bytes):
        length, value = found[1][0], found[0][1:]
        if len(value) >= length and (tenancy := value[:length].partition(b":")[2]):
            return tenancy.decode()
    raise CredentialsUnavailableError(
        "The instance's certificate names no tenancy, so OCI did not issue it to an instance."
    )


def _load_key(pem: str) -> RSAPrivateKey:
    return load_private_key(pem, None, "The instance's private key")
