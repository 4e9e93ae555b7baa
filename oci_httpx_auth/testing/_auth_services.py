"""The services that hand out identities: instance metadata, federation, session refresh, resource principals, OKE."""

from __future__ import annotations

import base64
import json
import re

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ._certificates import InstanceCertificate, check_chain, fingerprints_of, instance_of, tenancy_of
from ._exchange import Exchange
from ._identity import Identities, made_up_ocid
from ._tokens import read_public_key
from ._verify import Principal
from ._wire import Refused, Reply, bytes_reply, json_reply, text_reply

REGION_KEYS = {"us-chicago-1": "ORD", "us-phoenix-1": "PHX", "us-ashburn-1": "IAD", "eu-frankfurt-1": "FRA"}
DEEPEST_PARENT = 32

_FEDERATION_KEY_ID = re.compile(r"([^/]+)/(fed-x509|fed-x509-sha256)/([0-9A-Fa-f:]+)")
_RPT_PATH = re.compile(r"/20180711/(resourcePrincipalToken|resourcePrincipalTokenV2(?:12)?)/(?:.*/)?([^/]+)")
_PARENT_PATH = re.compile(r"/20180711/parentResourcePrincipalToken/(loop|\d{1,3})(?:/(\d{1,3}))?")


class AuthServices:
    """The identity side of the stand-in. Its methods are called under the stand-in's lock."""

    def __init__(self, identities: Identities, session_limit: float) -> None:
        self._identities = identities
        self._session_limit = session_limit
        self.instance = made_up_ocid("instance", identities.region)
        self.instance_tenancy = identities.tenancy
        self._tenancies = {identities.tenancy}
        self._certificate: InstanceCertificate | None = None
        self._parents: dict[int, str] = {}
        self.enhanced_cluster = True

    def rotate_certificate(self, lifetime: float, tenancy: str | None = None) -> None:
        """Give the instance a new certificate and key, valid for `lifetime` seconds."""
        if tenancy is not None:
            self.instance_tenancy = tenancy
            self._tenancies.add(tenancy)
        now = self._identities.now()
        self._certificate = InstanceCertificate(
            self.instance_tenancy, self._identities.compartment, self.instance, now, lifetime
        )

    def metadata(self, exchange: Exchange) -> Reply:
        request = exchange.request
        exchange.require_method("GET", "HEAD")
        for name in ("forwarded", "x-forwarded-for", "x-forwarded-host"):
            if request.values(name):
                raise Refused(f"the request came through a proxy: {name}", status=403)
        if request.values("authorization") != ["Bearer Oracle"]:
            raise Refused("the header Authorization: Bearer Oracle is missing")
        what = request.path.removeprefix("/opc/v2/")
        region = self._identities.region
        if what == "instance/region":
            return text_reply(region)
        if what == "instance/id":
            return text_reply(self.instance)
        if what == "instance/regionInfo":
            return json_reply(
                {
                    "realmKey": "oc1",
                    "realmDomainComponent": "oraclecloud.com",
                    "regionKey": REGION_KEYS.get(region, "ORD"),
                    "regionIdentifier": region,
                }
            )
        if self._certificate is None:
            self.rotate_certificate(30 * 86400)
        assert self._certificate is not None
        pem = {
            "identity/cert.pem": self._certificate.certificate_pem,
            "identity/key.pem": self._certificate.key_pem,
            "identity/intermediate.pem": self._certificate.intermediate_pem,
        }.get(what)
        if pem is None:
            raise Refused("the metadata service has no such path", status=404)
        return bytes_reply(pem, "text/plain")

    def federation(self, exchange: Exchange) -> Reply:
        """An instance's certificate against a token that is bound to a session key."""
        exchange.require_method("POST")

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
            if tenancy != tenancy_of(leaf) or tenancy not in self._tenancies:
                raise Refused("the key id's tenancy is not that of the certificate")
            instance, key = instance_of(leaf), leaf.public_key()
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
        exchange.require_method("POST")
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

    def resource_principal_token(self, exchange: Exchange) -> Reply:
        """The pair of tokens that stands for a resource: its own, and that of the service it belongs to."""
        exchange.require_method("GET")
        principal = exchange.verify(self._identities.find_with_key_pairs)
        request = exchange.request
        headers: list[tuple[str, str]] = []
        parent = _PARENT_PATH.fullmatch(request.path)
        own = _RPT_PATH.fullmatch(request.path)
        if parent is not None:
            resource, following = self._parent(principal, parent[1], int(parent[2] or 1))
            if following:
                scheme = "https" if request.secure else "http"
                headers = [("opc-parent-rpt-url", f"{scheme}://{request.header('host')}{following}")]
        elif own is not None and own[1] == "resourcePrincipalToken":
            if principal.kind != "instance":
                raise Refused("only an instance principal may ask for this resource principal token")
            if own[2] != principal.identifier:
                raise Refused("the instance asks for the token of another resource", status=404)
            resource = principal.identifier
        elif own is not None:
            resource = self._key_pair_resource(exchange, own[1], own[2])
        else:
            raise Refused("there is no such resource principal token path", status=404)
        pair = {"for": principal.identifier, "res_id": resource, "pair": made_up_ocid("pair")}
        issue = self._identities.issue
        tokens = {
            "resourcePrincipalToken": issue("rpt", None, None, pair),
            "servicePrincipalSessionToken": issue("spst", None, None, pair),
        }
        flaw = exchange.fault.token if exchange.fault else ""
        if flaw == "missing":
            tokens = {}
        elif flaw:
            tokens = dict.fromkeys(tokens, "this-is-no-token")
        return json_reply(tokens, headers=headers)

    def resource_principal_session_token(self, exchange: Exchange) -> Reply:
        """The two tokens of a resource against a session token for it."""
        exchange.require_method("POST")
        principal = exchange.verify(self._identities.find_with_key_pairs)
        document = exchange.request.json()
        claims = []
        for field_name, kind in (("resourcePrincipalToken", "rpt"), ("servicePrincipalSessionToken", "spst")):
            text = document.get(field_name)
            if not isinstance(text, str) or not text:
                raise Refused(f"{field_name} is missing", status=400)
            token = self._identities.tokens.verify(text)
            if token.kind != kind:
                raise Refused(f"{field_name} holds a token of another kind")
            if token.claims["for"] != principal.identifier:
                raise Refused(f"{field_name} was issued to somebody else")
            claims.append(token.claims)
        if claims[0]["pair"] != claims[1]["pair"]:
            raise Refused("the two tokens do not belong together")
        key = read_public_key(document.get("sessionPublicKey"), field_name="sessionPublicKey")
        return exchange.token_reply("resource", key, {"res_id": claims[0]["res_id"]})

    def workload_identity(self, exchange: Exchange) -> Reply:
        """A pod's service account token against a session token, as OKE's proxymux answers it."""
        exchange.require_method("POST")
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
        return text_reply(f'"{encoded}"', content_type="application/json")

    def _parent(self, principal: Principal, level_text: str, depth: int) -> tuple[str, str]:
        """The parent resource of one level, and the path of the next parent's token if there is one."""
        if principal.kind != "resource":
            raise Refused("only a resource principal may ask for its parent's token")
        prefix = "/20180711/parentResourcePrincipalToken"
        if level_text == "loop":
            return self._parent_resource(0), f"{prefix}/loop"
        level = int(level_text)
        if not 1 <= level <= depth <= DEEPEST_PARENT:
            raise Refused("there is no such parent", status=404)
        if level > 1 and principal.identifier != self._parent_resource(level - 1):
            raise Refused("the signer is not the child of this parent")
        following = f"{prefix}/{level + 1}/{depth}" if level < depth else ""
        return self._parent_resource(level), following

    def _parent_resource(self, level: int) -> str:
        return self._parents.setdefault(level, made_up_ocid(f"parent{level}"))

    def _key_pair_resource(self, exchange: Exchange, path_form: str, resource: str) -> str:
        pair = self._identities.key_pairs.get(exchange.findings.key_id)
        if pair is None:
            raise Refused("only a resource's key pair may ask for this resource principal token")
        expected = "resourcePrincipalTokenV212" if pair.version == "2.1.2" else "resourcePrincipalTokenV2"
        if path_form != expected or resource != pair.resource:
            raise Refused("the key pair asks for the token of another resource", status=404)
        context = exchange.request.values("security-context")
        if pair.security_context is not None and context != [pair.security_context]:
            raise Refused("security-context is missing or not that of the resource")
        return pair.resource


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
