"""The services that hand out identities: instance metadata, federation, session refresh, workload identity."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ._certificates import InstanceCertificate, check_chain, fingerprints_of
from ._exchange import Endpoint, Exchange, compile_path
from ._identity import Identities, made_up_ocid
from ._services import REGION_KEYS
from ._tokens import read_public_key
from ._verify import Principal
from ._wire import Refused, Reply

CERTIFICATE_LIFETIME = 7200.0  # seconds

_FEDERATION_KEY_ID = re.compile(r"([^/]+)/(fed-x509|fed-x509-sha256)/([0-9A-Fa-f:]+)")


_EXCHANGE_FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "requested_token_type": "urn:oci:token-type:oci-upst",
    "subject_token_type": "jwt",
}


class AuthServices:
    """The identity side of the stand-in. Its methods are called under the stand-in's lock."""

    def __init__(self, identities: Identities, session_limit: float) -> None:
        self._expired_on_purpose = False
        self._identities = identities
        self._session_limit = session_limit
        self.instance = made_up_ocid("instance", identities.region)
        self.instance_tenancy = identities.tenancy
        self._certificate: InstanceCertificate | None = None
        self._issued: dict[int, InstanceCertificate] = {}
        self.enhanced_cluster = True
        self.domain_client = ("client", "domain-client-secret")

    def endpoints(self) -> Iterator[Endpoint]:
        """What is served."""
        for service, path, methods, act, signed in (
            ("metadata", "/opc/v2/.*", ["GET", "HEAD"], self.metadata, False),
            ("federation", "/v1/x509", ["POST"], self.federation, False),
            ("session_refresh", "/v1/authentication/refresh", ["POST"], self.session_refresh, True),
            ("token_exchange", "/oauth2/v1/token", ["POST"], self.token_exchange, False),
            ("workload_identity", "/resourcePrincipalSessionTokens", ["POST"], self.workload_identity, False),
        ):
            yield Endpoint(service, compile_path(path), methods, act, signed)

    def rotate_certificate(
        self, lifetime: float = CERTIFICATE_LIFETIME, tenancy: str | None = None
    ) -> InstanceCertificate:
        """Give the instance a new certificate and key, valid for `lifetime` seconds."""
        self.instance_tenancy = tenancy or self.instance_tenancy
        self._expired_on_purpose = lifetime <= 0
        now = self._identities.now()
        self._certificate = InstanceCertificate(
            self.instance_tenancy, self._identities.compartment, self.instance, now, lifetime
        )
        self._issued[self._certificate.serial_number] = self._certificate
        return self._certificate

    def metadata(self, exchange: Exchange) -> Reply:
        request = exchange.request
        for name in ("forwarded", "x-forwarded-for", "x-forwarded-host"):
            if request.values(name):
                raise Refused(f"the request came through a proxy: {name}", status=403)
        if request.values("authorization") != ["Bearer Oracle"]:
            raise Refused("the header Authorization: Bearer Oracle is missing")
        what = request.path.removeprefix("/opc/v2/")
        region = self._identities.region
        if what == "instance/region":
            return Reply.content(region.encode())
        if what == "instance/id":
            return Reply.content(self.instance.encode())
        if what == "instance/regionInfo":
            return Reply.json(
                {
                    "realmKey": "oc1",
                    "realmDomainComponent": "oraclecloud.com",
                    "regionKey": REGION_KEYS.get(region, "ORD"),
                    "regionIdentifier": region,
                }
            )
        certificate = self._certificate
        stale = certificate is None or certificate.expires_at < exchange.now + CERTIFICATE_LIFETIME / 2
        if certificate is None or (stale and not self._expired_on_purpose):
            certificate = self.rotate_certificate()
        pem = {
            "identity/cert.pem": certificate.certificate_pem,
            "identity/key.pem": certificate.key_pem,
            "identity/intermediate.pem": certificate.intermediate_pem,
        }.get(what)
        if pem is None:
            raise Refused("the metadata service has no such path", status=404)
        return Reply.content(pem)

    def federation(self, exchange: Exchange) -> Reply:
        """An instance's certificate against a token that is bound to a session key."""

        def find(key_id: str) -> Principal:
            match = _FEDERATION_KEY_ID.fullmatch(key_id)
            if match is None:
                raise Refused("the key id is not that of a federation request")
            document = exchange.request.json()
            leaf = _certificate(document.get("certificate"))
            others = document.get("intermediateCertificates", [])
            if not isinstance(others, list):
                raise Refused("intermediateCertificates is not a list", status=400)
            check_chain(leaf, [_certificate(other) for other in others], exchange.now)
            tenancy, form, fingerprint = match.groups()
            expected = fingerprints_of(leaf)[form]
            # Go spells the SHA-256 in lower case and Java in upper case; the SHA-1 is upper case only.
            if fingerprint != expected and not (form == "fed-x509-sha256" and fingerprint.upper() == expected):
                raise Refused("the key id's fingerprint is not that of the certificate")
            if document.get("fingerprintAlgorithm", "SHA256") != "SHA256" or (
                "fingerprintAlgorithm" in document and form != "fed-x509-sha256"
            ):
                raise Refused("fingerprintAlgorithm does not fit the key id", status=400)
            issued, key = self._issued.get(leaf.serial_number), leaf.public_key()
            if issued is None or tenancy != issued.tenancy:
                raise Refused("the key id's tenancy is not that of the certificate")
            instance = issued.instance
            assert isinstance(key, rsa.RSAPublicKey)
            return Principal(f"instance {instance}", "instance_principal", tenancy, instance, key, kind="leaf")

        principal = exchange.verify(find, host_required=False)
        key = read_public_key(exchange.request.json().get("publicKey"), field_name="publicKey")
        claims = {
            "sub": principal.identifier,
            "tenant": principal.tenancy,
            "opc-instance": principal.identifier,
        }
        return exchange.token_reply("instance", key, {**claims, "opc-tenant": principal.tenancy})

    def session_refresh(self, exchange: Exchange) -> Reply:
        """A session's token against a new one, until the session has lasted `session_limit` seconds."""
        principal = exchange.verify()
        document = exchange.request.json()
        if principal.kind != "session":
            raise Refused(f"a {principal.kind} token is no session")
        if document.get("currentToken") != principal.token:
            raise Refused("currentToken is not the token that signed the request")
        claims = self._identities.tokens.verify(principal.token).claims
        start = claims["session_start"]
        if exchange.now >= start + self._session_limit:
            raise Refused("the session has reached its limit and needs a new authentication")
        key = principal.public_key
        if "newPublicKey" in document:
            key = read_public_key(document["newPublicKey"], field_name="newPublicKey", pem_allowed=True)
        return exchange.token_reply("session", key, {"sub": principal.identifier, "session_start": start})

    def token_exchange(self, exchange: Exchange) -> Reply:
        """A trusted issuer's JWT against a token for a key, as an identity domain does it: RFC 8693 with OCI's own types."""
        request = exchange.request
        expected = base64.b64encode(":".join(self.domain_client).encode()).decode()
        if request.header("authorization") != f"Basic {expected}":
            return _oauth_error("invalid_client", "Client authentication failed.", 401)
        if request.header("content-type") != "application/x-www-form-urlencoded":
            return _oauth_error("invalid_request", "The body is not a form.")
        form = dict(parse_qsl(request.body.decode("latin-1")))
        for name, value in _EXCHANGE_FORM.items():
            if form.get(name) != value:
                return _oauth_error(
                    "unsupported_grant_type" if name == "grant_type" else "invalid_request", f"Invalid {name}."
                )
        try:
            subject = self._identities.tokens.verify(form.get("subject_token", ""))
        except Refused as refused:
            return _oauth_error("invalid_request", f"Invalid subject token: {refused.reason}.")
        if subject.kind != "subject":
            return _oauth_error("invalid_request", "The subject token's issuer is not trusted.")
        key = read_public_key(form.get("public_key"), field_name="public_key")
        name = str(subject.claims["sub"])
        exchange.findings.principal = Principal(
            f"workload {name}", "token_exchange", self._identities.tenancy, name, key
        )
        return exchange.token_reply("upst", key, {"sub": name, "ptype": "user", "tenant": self._identities.tenancy})

    def workload_identity(self, exchange: Exchange) -> Reply:
        """A pod's service account token against a session token, as OKE's proxymux answers it."""
        request = exchange.request
        if not request.secure:
            raise Refused("proxymux is reached by TLS only", status=400)
        if not self.enhanced_cluster:
            raise Refused("the cluster is a basic one", status=403)
        values = request.values("authorization")
        if len(values) != 1 or not values[0].startswith("Bearer "):
            raise Refused("there is no service account token")
        token = self._identities.tokens.verify(values[0].removeprefix("Bearer "))
        if token.kind != "service_account":
            raise Refused(f"a {token.kind} token is no service account token")
        subject = str(token.claims["sub"])
        document = request.json()
        key = read_public_key(document.get("podKey"), field_name="podKey", pem_allowed=True)
        exchange.findings.principal = Principal(
            f"workload {subject}", "oke_workload_identity", self._identities.tenancy, subject, key
        )
        issued = exchange.issue("workload", key, {"workload": subject})
        answer = {} if issued is None else {"token": f"ST${issued}"}
        encoded = base64.b64encode(json.dumps(answer).encode()).decode()
        return Reply.content(f'"{encoded}"'.encode(), "application/json")


def _oauth_error(code: str, description: str, status: int = 400) -> Reply:
    return Reply.json({"error": code, "error_description": description}, status)


def _certificate(text: object) -> x509.Certificate:
    if not isinstance(text, str):
        raise Refused("a certificate is missing", status=400)
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        usable = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    except ValueError:
        raise Refused("a certificate is not the base64 text of a certificate", status=400) from None
    if not usable:
        raise Refused("a certificate's key is not an RSA key", status=400)
    return certificate
