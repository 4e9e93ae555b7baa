"""The stand-in's identity services: what each demands, and what it hands out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from oci_httpx_auth import InstancePrincipal, testing

from ..byhand import (
    Answer,
    Draft,
    Holder,
    accepted,
    answers,
    connect,
    exchange,
    get,
    metadata,
    post,
    public_pem,
    stripped,
)
from ..standin import FakeOCI, Fault, Request, claims_of

# Instance metadata.


def test_metadata_describes_the_instance(oci: FakeOCI) -> None:
    """Region, id, certificates and key, as text or JSON."""
    bearer = "Authorization: Bearer Oracle"
    assert metadata(oci, "instance/region", bearer).body.decode() == oci.region
    assert metadata(oci, "instance/id", bearer).body.decode() == oci.instance
    about = metadata(oci, "instance/regionInfo", bearer).json()
    assert about["regionIdentifier"] == oci.region
    assert set(about) == {"realmKey", "realmDomainComponent", "regionKey", "regionIdentifier"}
    leaf = x509.load_pem_x509_certificate(metadata(oci, "identity/cert.pem", bearer).body)
    intermediate = x509.load_pem_x509_certificate(metadata(oci, "identity/intermediate.pem", bearer).body)
    key = load_pem_private_key(metadata(oci, "identity/key.pem", bearer).body, None)
    leaf.verify_directly_issued_by(intermediate)
    assert key.public_key() == leaf.public_key()
    assert f"opc-tenant:{oci.tenancy}".encode() in leaf.tbs_certificate_bytes


@pytest.mark.parametrize(("region", "short"), [("us-ashburn-1", "iad"), ("us-phoenix-1", "phx")])
def test_metadata_calls_the_two_oldest_regions_by_their_codes(region: str, short: str) -> None:
    """And everybody who asks makes the region's id of it."""
    with FakeOCI(region=region) as oci:
        assert metadata(oci, "instance/region", "Authorization: Bearer Oracle").body.decode() == short
        provider = InstancePrincipal(metadata_url=oci.metadata_url, federation_endpoint=oci.federation_endpoint)
        assert provider.discover_region() == region


@pytest.mark.parametrize(("region", "key"), [("us-chicago-1", "ORD"), ("xx-new-1", "XX-NEW-1")])
def test_a_region_is_of_the_commercial_realm(region: str, key: str) -> None:
    """As the stand-in that is shipped describes it, which has no table of all regions; that of the tests has one."""
    request = Request("GET", "/opc/v2/instance/regionInfo", (("host", "a"), ("authorization", "Bearer Oracle")), b"")
    about = json.loads(b"".join(testing.FakeOCI(region=region)._handle(request).chunks))
    realm = {"realmKey": "oc1", "realmDomainComponent": "oraclecloud.com"}
    assert about == {**realm, "regionKey": key, "regionIdentifier": region}


def test_the_tests_stand_in_knows_every_realm() -> None:
    """And of a region that nobody knows it says what the shipped one says."""
    for region, realm, domain in (
        ("us-luke-1", "oc2", "oraclegovcloud.com"),
        ("eu-madrid-2", "oc19", "oraclecloud.eu"),
        ("xx-new-1", "oc1", "oraclecloud.com"),
    ):
        with FakeOCI(region=region) as oci:
            about = metadata(oci, "instance/regionInfo", "Authorization: Bearer Oracle").json()
        assert (about["realmKey"], about["realmDomainComponent"], about["regionIdentifier"]) == (realm, domain, region)


def test_a_certificate_is_rotated_at_half_its_life(oci: FakeOCI) -> None:
    """Not before, and the instance is served with the new one."""
    bearer = "Authorization: Bearer Oracle"
    first = metadata(oci, "identity/cert.pem", bearer).body
    oci.clock_offset = 3500.0
    assert metadata(oci, "identity/cert.pem", bearer).body == first
    oci.clock_offset = 3700.0
    assert metadata(oci, "identity/cert.pem", bearer).body != first


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        ("instance/id", [], 401, "Bearer Oracle is missing"),
        ("instance/id", ["Authorization: Bearer oracle"], 401, "Bearer Oracle is missing"),
        (
            "instance/id",
            ["Authorization: Bearer Oracle", "X-Forwarded-For: 1.2.3.4"],
            403,
            "through a proxy: x-forwarded-for",
        ),
        (
            "instance/id",
            ["Authorization: Bearer Oracle", "X-Forwarded-Host: h"],
            403,
            "through a proxy: x-forwarded-host",
        ),
        ("instance/id", ["Authorization: Bearer Oracle", "Forwarded: for=x"], 403, "through a proxy: forwarded"),
        ("instance/nothing", ["Authorization: Bearer Oracle"], 404, "no such path"),
    ],
)
def test_metadata_refuses(oci: FakeOCI, path: str, headers: list[str], status: int, reason: str) -> None:
    """What comes without the header, and what comes through a proxy."""
    assert metadata(oci, path, *headers).status == status
    assert reason in oci.records[-1].reason


def test_metadata_is_read_only(oci: FakeOCI) -> None:
    """Other methods are not allowed."""
    assert metadata(oci, "instance/id", "Authorization: Bearer Oracle", method="DELETE").status == 405


# Federation.


class Instance:
    """What a program on the instance reads from the metadata service, and the federation request it makes of it."""

    def __init__(self, oci: FakeOCI, session_key: rsa.RSAPrivateKey) -> None:
        self.oci = oci
        bearer = "Authorization: Bearer Oracle"
        self.leaf, self.intermediate = (
            x509.load_pem_x509_certificate(metadata(oci, f"identity/{name}.pem", bearer).body)
            for name in ("cert", "intermediate")
        )
        self.key = load_pem_private_key(metadata(oci, "identity/key.pem", bearer).body, None)
        match = re.search(rb"opc-tenant:(ocid1\.tenancy\.oc1\.\.[a-z2-7]+)", self.leaf.tbs_certificate_bytes)
        assert match is not None
        self.tenancy = match[1].decode()
        self.document: dict[str, Any] = {
            "certificate": self.base64(self.leaf),
            "intermediateCertificates": [self.base64(self.intermediate)],
            "publicKey": stripped(session_key),
        }

    @staticmethod
    def base64(certificate: x509.Certificate) -> str:
        return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()

    def key_id(self, form: str = "fed-x509", *, upper: bool = True) -> str:
        digest = hashlib.new("sha1" if form == "fed-x509" else "sha256", self.leaf.public_bytes(Encoding.DER))
        fingerprint = digest.digest().hex(":")
        return f"{self.tenancy}/{form}/{fingerprint.upper() if upper else fingerprint}"

    def federate(self, key_id: str | None = None, *, sign_host: bool = False) -> Answer:
        draft = Draft(
            Holder(key_id or self.key_id(), self.key), target="/v1/x509", body=json.dumps(self.document).encode()
        )
        if not sign_host:
            draft.names.remove("host")
        return draft.sign().send(self.oci.url)


@pytest.fixture
def instance(oci: FakeOCI, session_key: rsa.RSAPrivateKey) -> Instance:
    return Instance(oci, session_key)


@pytest.mark.parametrize("sign_host", [False, True])
@pytest.mark.parametrize(("form", "upper"), [("fed-x509", True), ("fed-x509-sha256", True), ("fed-x509-sha256", False)])
def test_a_certificate_is_exchanged_for_a_token(
    instance: Instance, session_key: rsa.RSAPrivateKey, form: str, upper: bool, sign_host: bool
) -> None:
    """In the forms of the Python, Go and Java SDKs. The token is bound to the session key."""
    if form != "fed-x509":
        instance.document |= {"fingerprintAlgorithm": "SHA256", "purpose": "DEFAULT"}
    answer = instance.federate(instance.key_id(form, upper=upper), sign_host=sign_host)
    assert answer.status == 200
    assert instance.oci.records[-1].principal == f"instance {instance.oci.instance}"
    token = answer.json()["token"]
    assert claims_of(token)["exp"] - claims_of(token)["iat"] == instance.oci.token_lifetime
    assert accepted(instance.oci, Holder(f"ST${token}", session_key))
    assert instance.oci.records[-1].mode == "instance_principal"


def with_field(name: str, value: object) -> Callable[[Instance], Answer]:
    def act(instance: Instance) -> Answer:
        instance.document[name] = value
        return instance.federate()

    return act


def with_key_id(change: Callable[[Instance], str]) -> Callable[[Instance], Answer]:
    return lambda instance: instance.federate(change(instance))


def another_fingerprint(instance: Instance) -> str:
    """The key id with another last digit."""
    key_id = instance.key_id()
    return key_id[:-1] + ("1" if key_id.endswith("0") else "0")


def self_signed(instance: Instance) -> Answer:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    instance.leaf = (
        x509.CertificateBuilder()
        .subject_name(instance.intermediate.subject)
        .issuer_name(instance.leaf.issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(instance.leaf.not_valid_before_utc)
        .not_valid_after(instance.leaf.not_valid_after_utc)
        .sign(key, instance.leaf.signature_hash_algorithm)  # type: ignore[arg-type]
    )
    instance.key = key
    instance.document["certificate"] = instance.base64(instance.leaf)
    return instance.federate()


def expired(instance: Instance) -> Answer:
    late = instance.leaf.not_valid_after_utc.timestamp() + 1
    instance.oci.clock = lambda: late
    draft = Draft(Holder(instance.key_id(), instance.key), target="/v1/x509", now=late)
    draft.body = json.dumps(instance.document).encode()
    draft.fit_body()
    return draft.sign().send(instance.oci.url)


def other_key(instance: Instance) -> Answer:
    instance.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return instance.federate()


def of_another_stand_in(instance: Instance) -> Answer:
    with FakeOCI() as elsewhere:
        there = Instance(elsewhere, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    there.oci = instance.oci
    return there.federate()


def with_a_small_key(instance: Instance) -> Answer:
    instance.document["publicKey"] = stripped(rsa.generate_private_key(public_exponent=65537, key_size=1024))
    return instance.federate()


@pytest.mark.parametrize(
    ("act", "status", "reason"),
    [
        (with_field("intermediateCertificates", []), 401, "not issued by the intermediates"),
        (with_field("intermediateCertificates", "x"), 400, "not a list"),
        (with_field("certificate", None), 400, "a certificate is missing"),
        (with_field("certificate", "-----BEGIN"), 400, "not the base64 text of a certificate"),
        (with_field("publicKey", None), 400, "publicKey is missing"),
        (with_field("publicKey", "AAAA"), 400, "publicKey is not a public key"),
        (with_field("publicKey", "AAAA\r"), 400, "publicKey is not a public key"),
        (with_a_small_key, 400, "at least 2048 bits"),
        (with_field("fingerprintAlgorithm", "SHA256"), 400, "fingerprintAlgorithm does not fit"),
        (with_key_id(another_fingerprint), 401, "fingerprint is not that of the certificate"),
        (with_key_id(lambda i: i.key_id(upper=False)), 401, "fingerprint is not that of the certificate"),
        (with_key_id(lambda i: "x" + i.key_id()), 401, "tenancy is not that of the certificate"),
        (with_key_id(lambda i: i.tenancy), 401, "not that of a federation request"),
        (self_signed, 401, "not issued by the intermediates"),
        (expired, 401, "not valid at this time"),
        (other_key, 401, "the signature does not fit"),
        (of_another_stand_in, 401, "tenancy is not that of the certificate"),
    ],
)
def test_federation_refuses(instance: Instance, act: Callable[[Instance], Answer], status: int, reason: str) -> None:
    """A request with one thing wrong in certificate, chain, key id or keys."""
    assert act(instance).status == status
    assert reason in instance.oci.records[-1].reason


def test_an_intermediate_certificate_is_not_an_instances(instance: Instance) -> None:
    """The chain is right, but what it certifies is an authority."""
    instance.leaf = instance.intermediate
    instance.document["certificate"] = instance.base64(instance.leaf)
    assert instance.federate().status == 401
    assert instance.oci.records[-1].reason == "the certificate is not an instance's leaf"


def test_a_rotated_certificate_is_another_one(instance: Instance, session_key: rsa.RSAPrivateKey) -> None:
    """The new pair works; the new certificate with the old key does not."""
    instance.oci.rotate_instance_certificate()
    renewed = Instance(instance.oci, session_key)
    assert renewed.leaf != instance.leaf
    assert renewed.federate().status == 200
    renewed.key = instance.key
    assert renewed.federate().status == 401


def test_an_instance_can_change_its_tenancy(instance: Instance, session_key: rsa.RSAPrivateKey) -> None:
    """Certificate and token name the new one."""
    tenancy = instance.oci.change_tenancy()
    moved = Instance(instance.oci, session_key)
    assert moved.tenancy == tenancy != instance.tenancy
    assert claims_of(moved.federate().json()["token"])["tenant"] == tenancy


# Session refresh.


def refresh(oci: FakeOCI, session: Any, **changes: object) -> Answer:
    return post(oci, session, "/v1/authentication/refresh", {"currentToken": session.key_id[3:], **changes})


def test_a_session_is_renewed_with_its_own_token(oci: FakeOCI) -> None:
    """The new token is another one, for the same key and user, and can be renewed in turn."""
    session = oci.add_session(lifetime=60)
    answer = refresh(oci, session)
    assert answer.status == 200
    token = answer.json()["token"]
    assert token != session.token
    assert claims_of(token)["sub"] == oci.user
    assert claims_of(token)["exp"] - claims_of(token)["iat"] == oci.token_lifetime
    renewed = Holder(f"ST${token}", session.private_key)
    assert accepted(oci, renewed)
    assert refresh(oci, renewed).status == 200


@pytest.mark.parametrize("form", [stripped, public_pem])
def test_a_session_may_change_its_key(
    oci: FakeOCI, session_key: rsa.RSAPrivateKey, form: Callable[[rsa.RSAPrivateKey], str]
) -> None:
    """The new token is bound to newPublicKey."""
    session = oci.add_session()
    token = refresh(oci, session, newPublicKey=form(session_key)).json()["token"]
    assert accepted(oci, Holder(f"ST${token}", session_key))
    assert not accepted(oci, Holder(f"ST${token}", session.private_key))


def test_a_session_ends_at_its_limit(oci: FakeOCI) -> None:
    """Counted from the first authentication, however often it was renewed."""
    start = int(oci.now())
    limited = FakeOCI(session_limit=100, token_lifetime=80, clock=lambda: start)
    with limited:
        session: Any = limited.add_session()
        for elapsed, status in [(60, 200), (99, 200), (101, 401)]:
            limited.clock = lambda elapsed=elapsed: start + elapsed  # type: ignore[misc]
            body = json.dumps({"currentToken": session.key_id[3:]}).encode()
            draft = Draft(session, target="/v1/authentication/refresh", body=body, now=start + elapsed)
            answer = draft.sign().send(limited.url)
            assert answer.status == status
            if status == 200:
                session = Holder(f"ST${answer.json()['token']}", session.private_key)
        assert "reached its limit" in limited.records[-1].reason


def test_a_renewal_may_extend_nothing(oci: FakeOCI) -> None:
    """The new token is another one, which expires when the old one does. Source: oci-cli#970."""
    session = oci.add_session(lifetime=600)
    oci.clock_offset = 60
    oci.fail("session_refresh", Fault(token="same_expiry"))
    tokens = [session.token, *(refresh(oci, session).json()["token"] for _ in range(2))]
    first, same, extended = (oci._identities.tokens.verify(token).claims["exp"] for token in tokens)
    assert first == same < extended
    assert tokens[0] != tokens[1]


def test_session_refresh_refuses(oci: FakeOCI, session_key: rsa.RSAPrivateKey) -> None:
    """Another token in the body, a revoked one, one of another kind, and an API key."""
    session = oci.add_session()
    assert refresh(oci, session, currentToken=oci.add_session().token).status == 401
    assert oci.records[-1].reason == "currentToken is not the token that signed the request"
    instance = oci.issue_token(session_key.public_key(), kind="instance", sub="ocid1.instance.x")
    assert refresh(oci, Holder(f"ST${instance}", session_key)).status == 401
    assert oci.records[-1].reason == "a instance token is not a session"
    assert refresh(oci, oci.add_api_key()).status == 401
    oci.revoke(session.token)
    assert refresh(oci, session).status == 401
    assert oci.records[-1].reason == "the token was revoked"


@pytest.mark.parametrize("flaw", ["expired", "missing", "wrong_key", "garbage"])
def test_a_token_service_can_hand_out_bad_tokens(oci: FakeOCI, flaw: str) -> None:
    """With status 200, once."""
    session = oci.add_session()
    oci.fail("session_refresh", Fault(token=flaw))
    answer = refresh(oci, session)
    assert answer.status == 200
    if flaw == "missing":
        assert answer.json() == {}
    else:
        assert not accepted(oci, Holder(f"ST${answer.json()['token']}", session.private_key))
        reasons = {"expired": "the token expired", "wrong_key": "does not fit", "garbage": "not a JWT"}
        assert reasons[flaw] in oci.records[-1].reason
    assert accepted(oci, Holder(f"ST${refresh(oci, session).json()['token']}", session.private_key))


# Workload identity.


@pytest.fixture
def tls(oci: FakeOCI) -> Iterator[Callable[[bytes], Answer]]:
    context = ssl.create_default_context(cadata=oci.ca_pem.decode())

    def send(data: bytes) -> Answer:
        with connect(oci.tls_url) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            secure.sendall(data)
            return next(answers(secure))

    return send


def pod_request(token: str, pod_key: object) -> bytes:
    body = json.dumps({"podKey": pod_key}).encode()
    head = ["POST /resourcePrincipalSessionTokens HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("form", [stripped, public_pem])
def test_a_pod_exchanges_its_service_accounts_token(
    oci: FakeOCI,
    tls: Callable[[bytes], Answer],
    session_key: rsa.RSAPrivateKey,
    form: Callable[[rsa.RSAPrivateKey], str],
) -> None:
    """The key as Python and as Go send it; the answer in quotes and base64, its token with the key id's prefix."""
    answer = tls(pod_request(oci.service_account_token(), form(session_key)))
    assert answer.status == 200
    assert answer.body.startswith(b'"')
    assert answer.body.endswith(b'"')
    token = json.loads(base64.b64decode(answer.body[1:-1], validate=True))["token"]
    assert token.startswith("ST$")
    assert accepted(oci, Holder(token, session_key))
    assert oci.records[-1].mode == "oke_workload_identity"


def test_workload_identity_refuses(
    oci: FakeOCI, tls: Callable[[bytes], Answer], session_key: rsa.RSAPrivateKey
) -> None:
    """Anything but a service account's valid token, over TLS."""
    good, key = oci.service_account_token(), stripped(session_key)
    cases = [
        (pod_request("", key), 401, "there is no service account token"),
        (pod_request("nonsense", key), 401, "the token is not a JWT"),
        (pod_request(oci.service_account_token(lifetime=-10), key), 401, "the token expired"),
        (pod_request(oci.add_session().token, key), 401, "a session token is not a service account token"),
        (pod_request(good, None), 400, "podKey is missing"),
        (pod_request(good, "-----BEGIN PUBLIC KEY-----"), 400, "podKey is not a public key"),
    ]
    for data, status, reason in cases:
        assert tls(data).status == status
        assert reason in oci.records[-1].reason
    assert exchange(oci.url, pod_request(good, key)).status == 400
    assert oci.records[-1].reason == "proxymux is reached by TLS only"


def test_a_basic_cluster_has_no_workload_identity(
    oci: FakeOCI, tls: Callable[[bytes], Answer], session_key: rsa.RSAPrivateKey
) -> None:
    """403, whatever is asked."""
    oci.enhanced_cluster = False
    for token in (oci.service_account_token(), "nonsense"):
        assert tls(pod_request(token, stripped(session_key))).status == 403
        assert oci.records[-1].reason == "the cluster is a basic one"


def test_a_service_accounts_token_outlives_the_revocation_of_ocis_tokens(
    oci: FakeOCI, tls: Callable[[bytes], Answer], session_key: rsa.RSAPrivateKey
) -> None:
    """It is Kubernetes' own, but can be revoked by itself."""
    token = oci.service_account_token()
    oci.revoke_tokens()
    assert tls(pod_request(token, stripped(session_key))).status == 200
    oci.revoke(token)
    assert tls(pod_request(token, stripped(session_key))).status == 401


# The identity domain, and the auth endpoint.


def test_a_token_exchange_is_a_form_of_one_kind(oci: FakeOCI) -> None:
    """Another content type, and another grant, are refused in OAuth's words."""
    client = oci.domain_client
    url = f"{oci.url}/oauth2/v1/token"
    answer = httpx.post(url, json={}, auth=client)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = httpx.post(url, data={"grant_type": "password"}, auth=client)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_a_session_is_renewed_at_the_auth_endpoint(oci: FakeOCI) -> None:
    """The address is one to append the path to."""
    session = oci.add_session()
    body = json.dumps({"currentToken": session.token}).encode()
    url = urlsplit(f"{oci.auth_endpoint}/v1/authentication/refresh")
    answer = Draft(session, target=url.path, body=body).sign().send(url.geturl())
    assert (answer.status, oci.records[-1].service) == (200, "session_refresh")
    assert Draft(Holder(f"ST${answer.json()['token']}", session.private_key)).sign().send(oci.url).status == 200


# Identity.


def test_regions_are_listed(oci: FakeOCI) -> None:
    """For whoever signs."""
    regions = get(oci, oci.add_api_key(), "/20160918/regions").json()
    assert {"key": "ORD", "name": "us-chicago-1"} in regions
    assert exchange(oci.url, b"GET /20160918/regions HTTP/1.1\r\nHost: x\r\n\r\n").status == 401
