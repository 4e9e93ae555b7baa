"""Instance metadata, federation, session refresh, workload identity, and Identity's list of regions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

from cryptography.hazmat.primitives import hashes

from ._certificates import InstanceCertificate, check_chain, read_certificate
from ._exchange import Endpoint, Exchange, compile_path
from ._identity import Identities, made_up_ocid
from ._tokens import read_public_key
from ._verify import Principal
from ._wire import Refused, Reply

CERTIFICATE_LIFETIME = 7200.0  # seconds

REGIONS = {"ORD": "us-chicago-1", "PHX": "us-phoenix-1", "IAD": "us-ashburn-1", "FRA": "eu-frankfurt-1"}

METADATA = r"/opc/v2/(?:instance/(?:id|region|regionInfo)|identity/(?:cert|key|intermediate)\.pem)"

_FEDERATION_KEY_ID = re.compile(r"([^/]+)/(fed-x509|fed-x509-sha256)/([0-9A-Fa-f:]+)")


class AuthServices:
    """The identity side of the stand-in. Its methods are called under the stand-in's lock."""

    def __init__(self, identities: Identities, session_limit: float) -> None:
        self._identities = identities
        self._session_limit = session_limit
        self.instance = made_up_ocid("instance", identities.region)
        self.instance_tenancy = identities.tenancy
        self._certificates: dict[int, InstanceCertificate] = {}  # all that were issued, by serial number
        self.rotate_at = 0.0

    def endpoints(self) -> Iterator[Endpoint]:
        """The paths of these services."""
        for service, path, methods, act in (
            ("metadata", METADATA, ["GET"], self.metadata),
            ("metadata", "/opc/v2(?:/.*)?", [], self.metadata),
            ("federation", "/v1/x509", ["POST"], self.federation),
            ("session_refresh", "/v1/authentication/refresh", ["POST"], self.session_refresh),
            ("workload_identity", "/resourcePrincipalSessionTokens", ["POST"], self.workload_identity),
            ("identity", "/20160918/regions", ["GET"], self.regions),
        ):
            yield Endpoint(service, compile_path(path), methods, act)

    def rotate_certificate(self, lifetime: float = CERTIFICATE_LIFETIME) -> None:
        """Give the instance a new certificate and key, valid for `lifetime` seconds. Expired ones are kept."""
        now, compartment = self._identities.now(), self._identities.compartment
        issued = InstanceCertificate(self.instance_tenancy, compartment, self.instance, now, lifetime)
        self._certificates[issued.serial_number] = issued
        self.rotate_at = now + lifetime - CERTIFICATE_LIFETIME / 2

    def metadata(self, exchange: Exchange) -> Reply:
        request = exchange.request
        for name in ("forwarded", "x-forwarded-for", "x-forwarded-host"):
            if request.values(name):
                raise Refused(f"the request came through a proxy: {name}", status=403)
        if request.values("authorization") != ["Bearer Oracle"]:
            raise Refused("the header Authorization: Bearer Oracle is missing")
        what = request.path.removeprefix("/opc/v2/")
        region = self._identities.region
        if what == "instance/regionInfo":
            realm = {"realmKey": "oc1", "realmDomainComponent": "oraclecloud.com"}
            key = {name: key for key, name in REGIONS.items()}.get(region, region.upper())
            return Reply.json({**realm, "regionKey": key, "regionIdentifier": region})
        short = {"us-ashburn-1": "iad", "us-phoenix-1": "phx"}.get(region, region)
        texts = {"instance/region": short.encode(), "instance/id": self.instance.encode()}
        if what.startswith("identity/"):
            if exchange.now > self.rotate_at:
                self.rotate_certificate()
            texts = next(reversed(self._certificates.values())).files
        if what not in texts:
            raise Refused("the metadata service has no such path", status=404)
        return Reply.content(texts[what])

    def federation(self, exchange: Exchange) -> Reply:
        """Exchange an instance's certificate for a token that is bound to a session key."""

        def find(key_id: str) -> Principal:
            match = _FEDERATION_KEY_ID.fullmatch(key_id)
            if match is None:
                raise Refused("the key id is not that of a federation request")
            document = exchange.request.json()
            leaf, key = read_certificate(document.get("certificate"))
            others = document.get("intermediateCertificates", [])
            if not isinstance(others, list):
                raise Refused("intermediateCertificates is not a list", status=400)
            check_chain(leaf, [read_certificate(other)[0] for other in others], exchange.now)
            tenancy, form, fingerprint = match.groups()
            algorithm = hashes.SHA1() if form == "fed-x509" else hashes.SHA256()
            expected = leaf.fingerprint(algorithm).hex(":").upper()
            # Go spells the SHA-256 in lower case and Java in upper case; the SHA-1 is upper case only.
            if fingerprint != expected and not (form == "fed-x509-sha256" and fingerprint.upper() == expected):
                raise Refused("the key id's fingerprint is not that of the certificate")
            fits = document.get("fingerprintAlgorithm") == "SHA256" and form == "fed-x509-sha256"
            if "fingerprintAlgorithm" in document and not fits:
                raise Refused("fingerprintAlgorithm does not fit the key id", status=400)
            issued = self._certificates.get(leaf.serial_number)
            if issued is None or tenancy != issued.tenancy:
                raise Refused("the key id's tenancy is not that of the certificate")
            name = f"instance {issued.instance}"
            return Principal(name, "instance_principal", tenancy, issued.instance, key, kind="leaf")

        principal = exchange.verify(find, host_required=False)
        key = read_public_key(exchange.request.json().get("publicKey"), field_name="publicKey")
        instance, tenancy = principal.identifier, principal.tenancy
        claims = {"sub": instance, "tenant": tenancy, "opc-instance": instance, "opc-tenant": tenancy}
        return exchange.token_reply("instance", key, claims)

    def session_refresh(self, exchange: Exchange) -> Reply:
        """Exchange a session's token for a new one, until the session has lasted `session_limit` seconds."""
        principal = exchange.verify()
        document = exchange.request.json()
        if principal.kind != "session":
            raise Refused(f"a {principal.kind} token is not a session")
        if document.get("currentToken") != principal.token:
            raise Refused("currentToken is not the token that signed the request")
        claims = self._identities.tokens.verify(principal.token).claims
        start = claims["session_start"]
        if exchange.now >= start + self._session_limit:
            raise Refused("the session has reached its limit and needs a new authentication")
        key = principal.public_key
        if "newPublicKey" in document:
            key = read_public_key(document["newPublicKey"], field_name="newPublicKey", pem_allowed=True)
        renewed = {"sub": principal.identifier, "session_start": start}
        if exchange.fault.token == "same_expiry":
            renewed["exp"] = claims["exp"]
        return exchange.token_reply("session", key, renewed)

    def workload_identity(self, exchange: Exchange) -> Reply:
        """Exchange a pod's service account token for a session token, as OKE's proxymux does."""
        request = exchange.request
        if not request.secure:
            raise Refused("proxymux is reached by TLS only", status=400)
        values = request.values("authorization")
        if len(values) != 1 or not values[0].startswith("Bearer "):
            raise Refused("there is no service account token")
        token = self._identities.tokens.verify(values[0].removeprefix("Bearer "))
        if token.kind != "service_account":
            raise Refused(f"a {token.kind} token is not a service account token")
        name = str(token.claims["sub"])
        key = read_public_key(request.json().get("podKey"), field_name="podKey", pem_allowed=True)
        exchange.identify(Principal(f"workload {name}", "oke_workload_identity", self._identities.tenancy, name, key))
        issued = exchange.issue("workload", key, {"workload": name})
        answer = {} if issued is None else {"token": f"ST${issued}"}
        encoded = base64.b64encode(json.dumps(answer).encode()).decode()
        return Reply.content(f'"{encoded}"'.encode(), "application/json")

    def regions(self, exchange: Exchange) -> Reply:
        """The regions to which the tenancy is subscribed, as Identity lists them."""
        exchange.verify()
        return Reply.json([{"key": key, "name": name} for key, name in REGIONS.items()])
