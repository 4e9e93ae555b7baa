"""Instance principals: a compute instance signs with the identity that its certificate gives it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from .._auth_service.http import Answer
from .._auth_service.regions import auth_endpoint, region_id
from .._auth_service.service import AuthService
from .._credential import Credential, Recipe, pickled_as
from .._errors import CredentialsUnavailableError, OCIAuthError, ServiceRefusedError, ServiceUnreachableError
from .._secrecy import hides_locals
from ._config import env_value
from ._keys import generate_private_key, load_private_key, public_key_text

if TYPE_CHECKING:
    from cryptography import x509

_IPV4 = "http://169.254.169.254/opc/v2"
_IPV6 = "http://[fd00:c1::a9fe:a9fe]/opc/v2"

# While an instance boots, its metadata may not be there yet.
_BOOTING = frozenset({404})

_OCID = r"[!-~]+"


class Metadata:
    """The instance metadata service, version 2.

    url: its base URL; else `OCI_METADATA_BASE_URL`; else the link-local address, over IPv4 or, on a machine without
    IPv4 routes, IPv6.
    """

    def __init__(self, url: str | None, service: AuthService) -> None:
        self._given = url
        self._service = service

    def read(self, path: str, check: Callable[[str], Any] = bool, **options: Any) -> str:
        """The text at this path, stripped.

        check: raises a `ValueError` or an `OCIAuthError` for a text of no use, which is then asked for again.

        Raises `CredentialsUnavailableError`, with a hint that this only works on OCI.
        """
        failure: CredentialsUnavailableError | ServiceUnreachableError | None = None
        for base in self._candidates():
            try:
                return self._service.call(
                    "GET",
                    f"{base}{path}",
                    None,
                    parse=partial(_text, check),
                    headers={"authorization": "Bearer Oracle"},
                    retried=_BOOTING,
                    direct=True,
                    **options,
                )
            except ServiceUnreachableError as error:  # only then the next address is tried
                failure = error
            except ServiceRefusedError as error:
                failure = error
                break
        raise CredentialsUnavailableError(
            f"The instance metadata service did not serve: {failure} Instance principals work on OCI compute instances only."
        ) from failure

    def _candidates(self) -> list[str]:
        given = (self._given or os.environ.get("OCI_METADATA_BASE_URL", "")).strip()
        if given:
            return [given.rstrip("/")]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("169.254.169.254", 80))  # sends nothing: it asks for a route
            except OSError:
                return [_IPV6, _IPV4]
        return [_IPV4]


class InstancePrincipal:
    """Signs as the compute instance that this program runs on.

    metadata_url: base URL of the metadata service, e.g. `http://169.254.169.254/opc/v2`; found out if not given.
    federation_endpoint: where a certificate is exchanged for a token, with its path `/v1/x509`; else
        `OCI_CLI_FEDERATION_ENDPOINT`, else the auth service of the instance's region.
    clock, sleep: for tests, seconds since the epoch, and how to pause.

    Each `fetch` reads the certificates anew, for they are rotated, makes a new session key, and raises
    `CredentialsUnavailableError` when metadata or federation do not serve. `region` and `tenancy` are known after the
    first.
    """

    mode = "instance_principal"
    source = "the instance metadata service"

    def __init__(
        self,
        *,
        metadata_url: str | None = None,
        federation_endpoint: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Imported by those who need it, for it takes as long as the rest of this package, and now rather than in the
        # middle of a request.
        import cryptography.x509  # noqa: F401

        self.region: str | None = None
        self.tenancy: str | None = None
        self._service = AuthService(clock=clock, sleep=sleep)
        self.metadata = Metadata(metadata_url, self._service)
        self._endpoint = federation_endpoint or env_value(("OCI_CLI_FEDERATION_ENDPOINT",))
        self._recipe: Recipe = partial(type(self), metadata_url=metadata_url, federation_endpoint=federation_endpoint)

    @hides_locals
    def fetch(self) -> Credential:
        """Exchange the instance's certificate for a token. Raises `CredentialsUnavailableError` and its children."""
        endpoint = self._federation_endpoint()
        certificate, private_key = self._leaf()
        tenancy = _tenancy(certificate)
        if self.tenancy is not None and tenancy != self.tenancy:
            raise CredentialsUnavailableError(
                f"The instance's certificate names tenancy {tenancy}, and before it named {self.tenancy}. "
                "An instance does not change its tenancy; restart the program if this is meant."
            )
        intermediate = self.metadata.read("/identity/intermediate.pem", _certificate)
        session_key = generate_private_key()
        # SHA-256 as the Go and Java SDKs have it; the Python SDK's SHA-1 form is older, and accepted as well.
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest().hex(":")
        _, credential = self._explained(
            endpoint,
            Credential(key_id=f"{tenancy}/fed-x509-sha256/{digest}", private_key=private_key),
            {
                "certificate": _pem_body(certificate.public_bytes(Encoding.PEM).decode()),
                "publicKey": public_key_text(session_key),
                "intermediateCertificates": [_pem_body(intermediate)],
                "fingerprintAlgorithm": "SHA256",
            },
            session_key,
        )
        self.tenancy = tenancy
        return credential

    def known_region(self, **options: Any) -> str:
        """The instance's region, asked for once. Raises `CredentialsUnavailableError`."""
        if self.region is None:
            self.region = region_id(self.metadata.read("/instance/region", region_id, **options))
        return self.region

    def regional_auth_endpoint(self) -> str:
        """The auth service of the instance's region and realm. Raises `CredentialsUnavailableError`."""
        region = self.known_region()
        try:
            return auth_endpoint(region, realm_domain=self._realm_domain)
        except ValueError as error:
            raise CredentialsUnavailableError(f"The instance's region has no auth service: {error}") from None

    def _realm_domain(self) -> str | None:
        """The realm of a region that is newer than our tables, from the instance itself."""
        try:
            described = json.loads(self.metadata.read("/instance/regionInfo"))
            domain = described["realmDomainComponent"]
        except (CredentialsUnavailableError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return domain if isinstance(domain, str) else None

    def _federation_endpoint(self) -> str:
        self.known_region()  # asked for in any case: it is what `region` tells
        return self._endpoint or f"{self.regional_auth_endpoint()}/v1/x509"

    def _leaf(self) -> tuple[x509.Certificate, RSAPrivateKey]:
        """Certificate and key as one: a rotation between the two requests would mix them."""
        attempts_left = 3
        while True:
            certificate = _certificate(self.metadata.read("/identity/cert.pem", _certificate))
            private_key = _key(self.metadata.read("/identity/key.pem", _key))
            attempts_left -= 1
            if certificate.public_key() == private_key.public_key() or not attempts_left:
                return certificate, private_key

    def _explained(
        self, endpoint: str, credential: Credential, payload: dict[str, Any], session_key: RSAPrivateKey
    ) -> tuple[str, Credential]:
        try:
            return self._service.token(
                endpoint, credential, payload, session_key, "the federation endpoint", sign_host=False
            )
        except ServiceRefusedError as error:
            if not 400 <= error.status < 500 or error.status == 429:
                raise
            raise CredentialsUnavailableError(
                f"{error} The instance's certificate was refused. Check that the instance is in a dynamic group that a policy "
                "names, and that its clock is right; a new instance, group or policy takes a few minutes to be known."
            ) from error

    def __reduce__(self) -> Any:
        return pickled_as(self._recipe, self)

    def __repr__(self) -> str:
        return "<InstancePrincipal>"


def _text(check: Callable[[str], Any], answer: Answer, _: float) -> str:
    try:
        text = answer.content.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ServiceRefusedError("The instance metadata service answered without text.")
    try:
        check(text)
    except (ValueError, OCIAuthError) as error:
        raise ServiceRefusedError(f"The instance metadata service answered with something else: {error}") from None
    return text


def _certificate(pem: str) -> x509.Certificate:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        # Some parts are only read when they are asked for.
        _ = _subject(certificate), certificate.public_key()
        return certificate
    except (ValueError, IndexError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CredentialsUnavailableError("The instance's certificate cannot be read; it is not PEM.") from None


def _key(pem: str) -> RSAPrivateKey:
    return load_private_key(pem, None, "The instance's private key")


def _tenancy(certificate: x509.Certificate) -> str:
    """The tenancy's OCID, from the first attribute of the subject that names one."""
    for value in _subject(certificate):
        for prefix in ("opc-tenant:", "opc-identity:"):
            if value.startswith(prefix) and re.fullmatch(_OCID, value[len(prefix) :]):
                return value[len(prefix) :]
    raise CredentialsUnavailableError(
        "The instance's certificate names no tenancy, so it is none that OCI has issued to an instance."
    )


def _subject(certificate: x509.Certificate) -> list[str]:
    """The values of the subject's attributes, in order.

    Read from the DER: `certificate.subject` warns of values of more than 64 characters, and OCI's are longer.
    """
    sequences = [
        content for tag, content in _elements(_elements(certificate.tbs_certificate_bytes)[0][1]) if tag == 0x30
    ]
    subject = sequences[3]  # after the signature's algorithm, the issuer and the validity
    attributes = [_elements(content) for _, part in _elements(subject) for _, content in _elements(part)]
    return [attribute[1][1].decode(errors="replace") for attribute in attributes]


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """The tag and the content of each element in a row. Raises `IndexError` if there is none to be read."""
    elements, start = [], 0
    while start < len(der):
        tag, length = der[start], der[start + 1]
        start += 2
        if length > 0x80:  # then it is the number of bytes that hold the length
            start, length = start + length - 0x80, int.from_bytes(der[start : start + length - 0x80], "big")
        elements.append((tag, der[start : start + length]))
        start += length
    return elements


def _pem_body(pem: str) -> str:
    """A PEM text without its begin and end lines, on one line."""
    return "".join(line.strip() for line in pem.strip().splitlines() if not line.startswith("-----"))
