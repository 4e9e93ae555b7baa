"""Instance principals: a compute instance signs with the identity that its certificate gives it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from .._auth_service.http import Answer
from .._auth_service.regions import auth_endpoint, region_id
from .._auth_service.service import DEADLINE, AuthService, Call, Calls
from .._credential import Credential
from .._errors import CredentialsUnavailableError, OCIAuthError, ServiceRefusedError, ServiceUnreachableError
from .._secrecy import hides_locals
from .._signing.waiting import in_thread
from ._config import env_value
from ._keys import generate_private_key, load_private_key, public_key_text
from ._provider import Provider

if TYPE_CHECKING:
    from cryptography import x509

_IPV4 = "http://169.254.169.254/opc/v2"
_IPV6 = "http://[fd00:c1::a9fe:a9fe]/opc/v2"

# While an instance boots, its metadata may not be there yet.
_BOOTING = frozenset({404})

_FROM_ORACLE = {"authorization": "Bearer Oracle"}  # what tells a request from one that a browser was tricked into

_OCID = r"[!-~]+"


class Metadata:
    """The instance metadata service, version 2.

    url: its base URL; else `OCI_METADATA_BASE_URL`; else the link-local address, over IPv4 or, on a machine without
    IPv4 routes, IPv6.
    """

    def __init__(self, url: str | None) -> None:
        self._given = url

    def read(self, calls: Calls, path: str, check: Callable[[str], Any] = bool, *, patience: float = DEADLINE) -> str:
        """The text at this path, stripped.

        check: raises a `ValueError` or an `OCIAuthError` for a text of no use, which is then asked for again.
        patience: seconds.

        Raises `CredentialsUnavailableError`, with a hint that this only works on OCI.
        """
        failure: CredentialsUnavailableError | None = None
        for base in self._candidates():
            call = Call("GET", f"{base}{path}", headers=_FROM_ORACLE, retried=_BOOTING, patience=patience)
            try:
                return calls.send(call, partial(_text, check))
            except ServiceUnreachableError as error:  # only then the next address is tried
                failure = error
            except ServiceRefusedError as error:
                failure = error
                break
        raise CredentialsUnavailableError(
            f"The instance metadata service failed: {failure} Instance principals work on OCI compute instances only."
        ) from failure

    @property
    def hosts(self) -> list[str]:
        """Its hosts, to which no proxy leads."""
        hosts = (base.partition("://")[2].partition("/")[0] for base in self._candidates())
        return [host for host in hosts if re.fullmatch(r"(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?", host)]

    def _candidates(self) -> list[str]:
        given = (self._given or os.environ.get("OCI_METADATA_BASE_URL", "")).strip()
        if given:
            return [given.rstrip("/")]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("169.254.169.254", 80))  # sends nothing: it asks for a route
            return [_IPV4]
        return [_IPV6, _IPV4]


class InstancePrincipal(Provider):
    """Signs as the compute instance that this program runs on.

    metadata_url: base URL of the metadata service, e.g. `http://169.254.169.254/opc/v2`; found by itself if not given.
    federation_endpoint: where a certificate is exchanged for a token, with its path `/v1/x509`; else
        `OCI_CLI_FEDERATION_ENDPOINT`, else the auth service of the instance's region.

    Each `fetch` reads the certificates again, because they rotate, generates a new session key, and raises
    `CredentialsUnavailableError` if the metadata or auth service fails. `region` and `tenancy` are known after the first
    one.
    """

    mode = "instance_principal"

    def __init__(
        self,
        *,
        metadata_url: str | None = None,
        federation_endpoint: str | None = None,
        _service: AuthService | None = None,
    ) -> None:
        # Imported only if needed, because it takes as long as the rest of this package, and now rather than in the
        # middle of a request.
        import cryptography.x509  # noqa: F401

        super().__init__(
            "the instance metadata service",
            {"metadata_url": metadata_url, "federation_endpoint": federation_endpoint},
        )
        self.region: str | None = None
        self.tenancy: str | None = None
        self._service = _service or AuthService()
        self._metadata = Metadata(metadata_url)
        self._endpoint = federation_endpoint or env_value(("OCI_CLI_FEDERATION_ENDPOINT",))

    @hides_locals
    def fetch(self) -> Credential:
        """Exchange the instance's certificate for a token. Raises `CredentialsUnavailableError`, `ConfigError` and children."""
        with self._calls() as calls:
            return self._fetch(calls)

    def _calls(self) -> contextlib.AbstractContextManager[Calls]:
        return self._service.calls(direct_to=self._metadata.hosts)

    def _fetch(self, calls: Calls) -> Credential:
        if not (self._endpoint or "").startswith("http:"):
            calls.client.load_authorities()
        # All at once: three documents, the region if it's unknown, and the key on this thread.
        region: Future[Any] = in_thread(partial(self._known_region, calls), "oci-metadata")
        leaf: Future[Any] = in_thread(partial(self._leaf, calls), "oci-metadata")
        intermediate: Future[Any] = in_thread(
            partial(self._metadata.read, calls, "/identity/intermediate.pem", _certificate), "oci-metadata"
        )
        session_key = generate_private_key()
        for reading in as_completed([region, leaf, intermediate]):
            reading.result()  # the first failure is the fetch's
        certificate, private_key = leaf.result()
        tenancy = _tenancy(certificate)
        if self.tenancy is not None and tenancy != self.tenancy:
            raise CredentialsUnavailableError(
                f"The instance's certificate names tenancy {tenancy}, and before it named {self.tenancy}. "
                "An instance does not change its tenancy; restart the program if this is meant."
            )
        # SHA-256 as the Go and Java SDKs have it; the Python SDK's SHA-1 form is older, and accepted as well.
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest().hex(":")
        call = Call(
            "POST",
            self._endpoint or f"{self._regional_auth_endpoint(calls)}/v1/x509",
            Credential(key_id=f"{tenancy}/fed-x509-sha256/{digest}", private_key=private_key),
            {
                "certificate": _pem_body(certificate.public_bytes(Encoding.PEM).decode()),
                "publicKey": public_key_text(session_key),
                "intermediateCertificates": [_pem_body(intermediate.result())],
                "fingerprintAlgorithm": "SHA256",
            },
            sign_host=False,
        )
        try:
            credential = calls.token(call, session_key, "the federation endpoint")
        except ServiceRefusedError as error:
            if not 400 <= error.status < 500 or error.status == 429:
                raise
            raise CredentialsUnavailableError(
                f"{error} The instance's certificate was refused. Check that the instance is in a dynamic group that a policy "
                "names, and that its clock is right; a new instance, group or policy takes a few minutes to be known."
            ) from error
        self.tenancy = tenancy
        return credential

    @hides_locals
    def look_up_region(self, *, patience: float = DEADLINE) -> str:
        """The instance's region, asked for if it is not known yet, for so many seconds at most.

        Raises `CredentialsUnavailableError`.
        """
        with self._calls() as calls:
            return self._known_region(calls, patience=patience)

    def discover_region(self) -> str:
        """The region, for callers that need a URL before the first request. Waits for a second at most.

        Raises `CredentialsUnavailableError`.
        """
        return self.look_up_region(patience=1.0)

    def _known_region(self, calls: Calls, *, patience: float = DEADLINE) -> str:
        if self.region is None:
            self.region = region_id(self._metadata.read(calls, "/instance/region", region_id, patience=patience))
        return self.region

    def _regional_auth_endpoint(self, calls: Calls) -> str:
        """The auth service of the instance's region and realm. Raises `CredentialsUnavailableError`."""
        try:
            return auth_endpoint(self._known_region(calls), realm_domain=partial(self._realm_domain, calls))
        except ValueError as error:
            raise CredentialsUnavailableError(f"The instance's region has no auth service: {error}") from None

    def _realm_domain(self, calls: Calls) -> str | None:
        """The realm of a region that is newer than our tables, from the instance itself."""
        try:
            described = json.loads(self._metadata.read(calls, "/instance/regionInfo"))
            domain = described["realmDomainComponent"]
        except (CredentialsUnavailableError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return domain if isinstance(domain, str) else None

    def _leaf(self, calls: Calls) -> tuple[x509.Certificate, RSAPrivateKey]:
        """Certificate and key as one: a rotation between the two requests would mix them."""
        attempts_left = 3
        while True:
            reading = in_thread(partial(self._metadata.read, calls, "/identity/key.pem", _key), "oci-metadata")
            certificate = _certificate(self._metadata.read(calls, "/identity/cert.pem", _certificate))
            private_key = _key(reading.result())
            attempts_left -= 1
            if certificate.public_key() == private_key.public_key() or not attempts_left:
                return certificate, private_key


def read_certificates(provider: InstancePrincipal) -> tuple[x509.Certificate, x509.Certificate]:
    """The instance's certificate and the intermediate one. Raises `CredentialsUnavailableError`."""
    with provider._calls() as calls:
        leaf, issuer = (
            provider._metadata.read(calls, f"/identity/{name}.pem", _certificate) for name in ("cert", "intermediate")
        )
    return _certificate(leaf), _certificate(issuer)


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
        "The instance's certificate names no tenancy, so OCI did not issue it to an instance."
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
    """The tag and content of each consecutive element. Raises `IndexError` for data that is not DER."""
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
