"""Instance principals: a compute instance signs with the identity in its certificate."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from .._auth_service.regions import auth_endpoint, is_known, region_id
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

T = TypeVar("T")

# The metadata service, version 2.
_IPV4 = "http://169.254.169.254/opc/v2"
_IPV6 = "http://[fd00:c1::a9fe:a9fe]/opc/v2"
_FROM_ORACLE = {"authorization": "Bearer Oracle"}  # proves that no browser was tricked into sending the request
_BOOTING = frozenset({404})  # while an instance boots, its metadata may not be there yet

_REMEDY = (
    "The instance's certificate was refused. Check that the instance is in a dynamic group that a policy names, and that "
    "its clock is right; a new instance, group or policy takes a few minutes to take effect."
)


class InstancePrincipal(Provider):
    """Signs as the compute instance that this program runs on.

    metadata_url: base URL of the metadata service; else `OCI_METADATA_BASE_URL`; else the link-local address, over IPv4 or,
        on a machine without IPv4 routes, IPv6.
    federation_endpoint: the URL where a certificate is exchanged for a token, including `/v1/x509`; else
        `OCI_CLI_FEDERATION_ENDPOINT`, else the auth service of the instance's region.

    Each `fetch` reads the certificates again, because they rotate, and raises `CredentialsUnavailableError` if the
    metadata or auth service fails. `region` and `tenancy` are known after the first one.
    """

    mode = "instance_principal"

    def __init__(
        self,
        *,
        metadata_url: str | None = None,
        federation_endpoint: str | None = None,
        _service: AuthService | None = None,
    ) -> None:
        import cryptography.x509  # noqa: F401 - slow, so only if needed; and now rather than during a request

        super().__init__("the instance metadata service", service=_service)
        self.region: str | None = None
        self.tenancy: str | None = None
        self._metadata_url = metadata_url
        self._endpoint = federation_endpoint or env_value(("OCI_CLI_FEDERATION_ENDPOINT",))

    @hides_locals
    def fetch(self) -> Credential:
        """Exchange the instance's certificate for a token. Raises `CredentialsUnavailableError` and `ConfigError`."""
        with self._calls() as calls:
            return self._fetch(calls)

    def _calls(self) -> contextlib.AbstractContextManager[Calls]:
        """The calls of one fetch. Metadata never goes through a proxy, because the private key is part of it."""
        return self._service.calls(direct_to=self._given_url())

    def _fetch(self, calls: Calls) -> Credential:
        if not (self._endpoint or "").startswith("http:"):
            calls.client.load_authorities()
        # All at once: three documents, the region if it's unknown, and the key on this thread.
        region = in_thread(partial(self._known_region, calls), "oci-metadata")
        leaf = in_thread(partial(self._leaf, calls), "oci-metadata")
        intermediate = in_thread(partial(self._certificate, calls, "intermediate"), "oci-metadata")
        session_key = generate_private_key()
        readings: list[Future[Any]] = [region, leaf, intermediate]
        for reading in as_completed(readings):
            reading.result()  # the first failure fails the fetch
        certificate, private_key = leaf.result()
        tenancy = tenancy_of(certificate)
        if self.tenancy is not None and tenancy != self.tenancy:
            raise CredentialsUnavailableError(
                f"The instance's certificate names tenancy {tenancy}, but named {self.tenancy} before. "
                "An instance does not change its tenancy; restart the program if this is intended."
            )
        # SHA-256 as in the Go and Java SDKs; the Python SDK's SHA-1 form is older, and accepted as well.
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest().hex(":")
        call = Call(
            "POST",
            self._endpoint or f"{self._regional_auth_endpoint(calls)}/v1/x509",
            Credential(key_id=f"{tenancy}/fed-x509-sha256/{digest}", private_key=private_key),
            {
                "certificate": _pem_body(certificate),
                "publicKey": public_key_text(session_key),
                "intermediateCertificates": [_pem_body(intermediate.result())],
                "fingerprintAlgorithm": "SHA256",
            },
            sign_host=False,
            remedies={400: _REMEDY},
        )
        credential = calls.token(call, session_key, "the federation endpoint")
        self.tenancy = tenancy
        return credential

    @hides_locals
    def discover_region(self, *, patience: float = 1.0) -> str:
        """The region, for callers that need a URL before the first request. Waits for `patience` seconds at most.

        Raises `CredentialsUnavailableError`.
        """
        with self._calls() as calls:
            return self._known_region(calls, patience=patience)

    def _known_region(self, calls: Calls, *, patience: float = DEADLINE) -> str:
        if self.region is None:
            self.region = self.read_metadata(calls, "/instance/region", region_id, patience=patience)
        return self.region

    def _regional_auth_endpoint(self, calls: Calls) -> str:
        """The auth service of the instance's region and realm. Raises `CredentialsUnavailableError`."""
        region = self._known_region(calls)
        try:
            if "." not in region and not is_known(region) and (domain := self._realm_domain(calls)):
                region = region_id(f"{region}.{domain}")
            return auth_endpoint(region)
        except ValueError as error:
            raise CredentialsUnavailableError(f"The instance's region has no auth service: {error}") from None

    def _realm_domain(self, calls: Calls) -> str | None:
        """The domain of a region that is newer than our tables, from the instance itself."""
        try:
            domain = json.loads(self.read_metadata(calls, "/instance/regionInfo", str))["realmDomainComponent"]
        except (CredentialsUnavailableError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return domain if isinstance(domain, str) else None

    def read_metadata(self, calls: Calls, path: str, parse: Callable[[str], T], *, patience: float = DEADLINE) -> T:
        """The metadata at this path, converted by `parse`.

        parse: raises a `ValueError` or an `OCIAuthError` for an unusable text, which is then requested again.
        patience: seconds.

        Raises `CredentialsUnavailableError`, with a hint that this only works on OCI.
        """
        failure: CredentialsUnavailableError | None = None
        for base in self._metadata_urls():
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

    def _certificate(self, calls: Calls, name: str) -> x509.Certificate:
        """The instance's certificate (`cert`) or its issuer's (`intermediate`). Raises as `read_metadata` does."""
        return self.read_metadata(calls, f"/identity/{name}.pem", load_certificate)

    def _leaf(self, calls: Calls) -> tuple[x509.Certificate, RSAPrivateKey]:
        """The instance's certificate and its key, read again if they were rotated in between. Raises as `read_metadata` does."""
        load_key = partial(load_private_key, passphrase=None, source="The instance's private key")
        attempts_left = 3
        while True:
            reading = in_thread(partial(self.read_metadata, calls, "/identity/key.pem", load_key), "oci-metadata")
            certificate = self._certificate(calls, "cert")
            private_key = reading.result()
            attempts_left -= 1
            if certificate.public_key() == private_key.public_key() or not attempts_left:
                return certificate, private_key

    def _given_url(self) -> str:
        return (self._metadata_url or os.environ.get("OCI_METADATA_BASE_URL", "")).strip().rstrip("/")

    def _metadata_urls(self) -> list[str]:
        if given := self._given_url():
            return [given]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("169.254.169.254", 80))  # sends nothing, but needs a route
            return [_IPV4]
        return [_IPV6, _IPV4]


def read_certificates(provider: InstancePrincipal) -> tuple[x509.Certificate, x509.Certificate]:
    """The instance's certificate and the intermediate one. Raises `CredentialsUnavailableError`."""
    with provider._calls() as calls:
        return provider._certificate(calls, "cert"), provider._certificate(calls, "intermediate")


def _pem_body(certificate: x509.Certificate) -> str:
    """A certificate in PEM form without its first and last line, on one line."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


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

    Found in the DER, where each text follows a tag and its length in bytes: `certificate.subject` warns about texts of
    more than 64 characters, and OCI's are longer.
    """
    for found in re.finditer(
        rb"(?s)[\x0c\x13\x14\x16]\x81?(.)(opc-(?:tenant|identity):[!-~]+)", certificate.tbs_certificate_bytes
    ):
        length, value = found[1][0], found[2]
        if len(value) >= length and (tenancy := value[:length].partition(b":")[2]):
            return tenancy.decode()
    raise CredentialsUnavailableError(
        "The instance's certificate names no tenancy, so OCI did not issue it to an instance."
    )
