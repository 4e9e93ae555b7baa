"""The stand-in's identity services: what each demands, and what it hands out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from endpoints import identity, object_storage

from oci_httpx_auth import DelegationToken, OCISigner, SecurityToken, SessionExpiredError

from ..byhand import Answer, Draft, answers, connect, exchange
from ..standin import FakeCredential, FakeOCI, Fault


class Holder:
    """A key id and the private key that goes with it."""

    def __init__(self, key_id: str, private_key: Any) -> None:
        self.key_id = key_id
        self.private_key = private_key


@pytest.fixture(scope="module")
def session_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def stripped(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def post(oci: FakeOCI, holder: Any, path: str, document: object) -> Answer:
    return Draft(holder, target=path, body=json.dumps(document).encode()).sign().send(oci.url)


def get(oci: FakeOCI, holder: Any, path: str, headers: list[list[str]] | None = None) -> Answer:
    return Draft(holder, "GET", path, body=b"", headers=headers or []).sign().send(oci.url)


def accepted(oci: FakeOCI, holder: Any) -> bool:
    return Draft(holder).sign().send(oci.url).status == 200


# Instance metadata.


def metadata(oci: FakeOCI, path: str, *headers: str, method: str = "GET") -> Answer:
    lines = [f"{method} /opc/v2/{path} HTTP/1.1", "Host: x", *headers]
    return exchange(oci.url, "\r\n".join(lines).encode() + b"\r\n\r\n")


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


def test_an_intermediate_is_no_instance(instance: Instance) -> None:
    """The chain is right, but what it certifies is an authority."""
    instance.leaf = instance.intermediate
    instance.document["certificate"] = instance.base64(instance.leaf)
    assert instance.federate().status == 401
    assert instance.oci.records[-1].reason == "the certificate is no instance's leaf"


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


def test_session_refresh_refuses(oci: FakeOCI, session_key: rsa.RSAPrivateKey) -> None:
    """Another token in the body, a revoked one, one of another kind, and an API key."""
    session = oci.add_session()
    assert refresh(oci, session, currentToken=oci.add_session().token).status == 401
    assert oci.records[-1].reason == "currentToken is not the token that signed the request"
    instance = oci.issue_token(session_key.public_key(), kind="instance", sub="ocid1.instance.x")
    assert refresh(oci, Holder(f"ST${instance}", session_key)).status == 401
    assert oci.records[-1].reason == "a instance token is no session"
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


# Resource principals.

OWN = "/20180711/resourcePrincipalToken"
SESSION = "/v1/resourcePrincipalSessionToken"


@pytest.fixture
def on_instance(oci: FakeOCI, session_key: rsa.RSAPrivateKey) -> Holder:
    token = oci.issue_token(session_key.public_key(), kind="instance", sub=oci.instance)
    return Holder(f"ST${token}", session_key)


def with_key_pair(oci: FakeOCI, version: str, **options: Any) -> tuple[Holder, str, str]:
    variables = {
        name.removeprefix("OCI_RESOURCE_PRINCIPAL_"): value
        for name, value in oci.environment("resource_principal", version=version, **options).items()
    }
    tenancy = f"{variables['TENANCY_ID']}/" if version != "2.1" else ""
    key = load_pem_private_key(variables["PRIVATE_PEM"].encode(), None)
    resource = variables["RESOURCE_ID"]
    return Holder(f"resource/v{version}/{tenancy}{resource}", key), resource, variables.get("SECURITY_CONTEXT", "")


def tokens_for(oci: FakeOCI, holder: Holder, path: str, **changes: object) -> dict[str, Any]:
    answer = get(oci, holder, path)
    assert answer.status == 200, oci.records[-1].reason
    return {**answer.json(), "sessionPublicKey": stripped(holder.private_key), **changes}


def test_an_instances_resource_gets_its_token_in_two_steps(oci: FakeOCI, on_instance: Holder) -> None:
    """The two tokens of the first step are what the second one demands."""
    answer = post(oci, on_instance, SESSION, tokens_for(oci, on_instance, f"{OWN}/{oci.instance}"))
    token = answer.json()["token"]
    claims = claims_of(token)
    assert (claims["res_tenant"], claims["res_compartment"]) == (oci.tenancy, oci.compartment)
    assert claims["res_id"] == oci.instance
    assert accepted(oci, Holder(f"ST${token}", on_instance.private_key))
    assert oci.records[-1].mode == "resource_principal"


def test_only_the_instance_itself_gets_its_resources_tokens(oci: FakeOCI, on_instance: Holder) -> None:
    """Not another resource's, not by an API key, and on no path there is not."""
    assert get(oci, on_instance, f"{OWN}/ocid1.instance.of.another").status == 404
    assert get(oci, oci.add_api_key(), f"{OWN}/{oci.instance}").status == 401
    assert get(oci, on_instance, f"{OWN}Other/{oci.instance}").status == 404
    assert get(oci, on_instance, f"{OWN}V2/{oci.instance}").status == 401
    assert oci.records[-1].reason.startswith("only a resource's key pair")


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"resourcePrincipalToken": None}, 400, "resourcePrincipalToken is missing"),
        ({"servicePrincipalSessionToken": ""}, 400, "servicePrincipalSessionToken is missing"),
        ({"resourcePrincipalToken": "a.b.c"}, 401, "the token is not a JWT"),
        ({"sessionPublicKey": None}, 400, "sessionPublicKey is missing"),
    ],
)
def test_the_second_step_refuses_what_is_not_whole(
    oci: FakeOCI, on_instance: Holder, change: dict[str, object], status: int, reason: str
) -> None:
    """Each field is needed and looked at."""
    document = tokens_for(oci, on_instance, f"{OWN}/{oci.instance}", **change)
    assert post(oci, on_instance, SESSION, document).status == status
    assert oci.records[-1].reason == reason


def test_the_second_step_refuses_tokens_that_do_not_belong(oci: FakeOCI, on_instance: Holder) -> None:
    """Swapped, of two exchanges, or somebody else's."""
    first, second = (tokens_for(oci, on_instance, f"{OWN}/{oci.instance}") for _ in range(2))
    other = "servicePrincipalSessionToken"
    assert post(oci, on_instance, SESSION, {**first, other: second[other]}).status == 401
    assert oci.records[-1].reason == "the two tokens do not belong together"
    assert post(oci, on_instance, SESSION, {**first, other: first["resourcePrincipalToken"]}).status == 401
    assert oci.records[-1].reason == f"{other} holds a token of another kind"
    assert post(oci, oci.add_api_key(), SESSION, first).status == 401
    assert oci.records[-1].reason == "resourcePrincipalToken was issued to somebody else"


@pytest.mark.parametrize(("version", "form"), [("2.1", "V2"), ("2.1.1", "V2"), ("2.1.2", "V212")])
def test_a_resource_with_a_key_pair_signs_with_its_own_key_id(oci: FakeOCI, version: str, form: str) -> None:
    """Each version on its own path, and for itself alone."""
    holder, resource, _ = with_key_pair(oci, version, security_context="")
    document = tokens_for(oci, holder, f"{OWN}{form}/{resource}")
    assert post(oci, holder, SESSION, document).status == 200
    assert get(oci, holder, f"{OWN}{form}/ocid1.another").status == 404
    wrong_form = "V212" if form == "V2" else "V2"
    assert get(oci, holder, f"{OWN}{wrong_form}/{resource}").status == 404
    assert get(oci, holder, f"{OWN}{form}/deeper/{resource}").status == 200
    assert not accepted(oci, holder)


def test_a_security_context_is_demanded_where_there_is_one(oci: FakeOCI) -> None:
    """It is not part of the signature."""
    holder, resource, context = with_key_pair(oci, "2.1.2")
    path = f"{OWN}V212/{resource}"
    assert get(oci, holder, path).status == 401
    assert "security-context" in oci.records[-1].reason
    assert get(oci, holder, path, [["security-context", "another"]]).status == 401
    assert get(oci, holder, path, [["security-context", context]]).status == 200


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_chain_of_parents_is_climbed_level_by_level(oci: FakeOCI, depth: int) -> None:
    """Each parent's token is asked for by its child; the header names the next parent until there is none."""
    variables = oci.environment("resource_principal", version="3.0", depth=depth)
    prefix = "OCI_RESOURCE_PRINCIPAL_"
    key = load_pem_private_key(variables[f"{prefix}PRIVATE_PEM_FOR_LEAF_RESOURCE"].encode(), None)
    leaf = child = Holder(f"ST${variables[f'{prefix}RPST_FOR_LEAF_RESOURCE']}", key)
    url = variables[f"{prefix}RPT_URL_FOR_PARENT_RESOURCE"]
    for level in range(1, depth + 1):
        path = url.removeprefix(oci.url)
        answer = Draft(child, "GET", path, body=b"", host=oci.url[7:]).sign().send(oci.url)
        if level > 1:
            assert get(oci, leaf, path).status == 401
            assert oci.records[-1].reason == "the signer is not the child of this parent"
        document = {**answer.json(), "sessionPublicKey": stripped(key)}  # type: ignore[arg-type]
        child = Holder(f"ST${post(oci, child, SESSION, document).json()['token']}", key)
        url = answer.headers.get("opc-parent-rpt-url", "")
        assert bool(url) == (level < depth)
    assert accepted(oci, child)
    assert oci.records[-1].principal.startswith(f"resource ocid1.parent{depth}.")


def test_a_parent_can_name_itself_as_its_parent(oci: FakeOCI) -> None:
    """So that clients can be tested for not running in circles."""
    variables = oci.environment("resource_principal", version="3.0", cycle=True)
    key = load_pem_private_key(variables["OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_FOR_LEAF_RESOURCE"].encode(), None)
    leaf = Holder(f"ST${variables['OCI_RESOURCE_PRINCIPAL_RPST_FOR_LEAF_RESOURCE']}", key)
    url = variables["OCI_RESOURCE_PRINCIPAL_RPT_URL_FOR_PARENT_RESOURCE"]
    answer = Draft(leaf, "GET", url.removeprefix(oci.url), body=b"", host=oci.url[7:]).sign().send(oci.url)
    assert answer.headers["opc-parent-rpt-url"] == url


def test_the_variables_of_2_2_are_literals_or_files(oci: FakeOCI, tmp_path: Path) -> None:
    """Token, key and passphrase alike."""
    prefix = "OCI_RESOURCE_PRINCIPAL_"
    literal = oci.environment("resource_principal", passphrase="secret")
    filed = oci.environment("resource_principal", directory=tmp_path, passphrase="secret")
    assert literal[f"{prefix}VERSION"] == filed[f"{prefix}VERSION"] == "2.2"
    for name in ("RPST", "PRIVATE_PEM", "PRIVATE_PEM_PASSPHRASE"):
        path = Path(filed[prefix + name])
        assert path.is_absolute()
        assert path.stat().st_mode & 0o777 == 0o600
    for token, pem in [
        (literal[f"{prefix}RPST"], literal[f"{prefix}PRIVATE_PEM"].encode()),
        (Path(filed[f"{prefix}RPST"]).read_text(), Path(filed[f"{prefix}PRIVATE_PEM"]).read_bytes()),
    ]:
        assert accepted(oci, Holder(f"ST${token}", load_pem_private_key(pem, b"secret")))


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
    """Anything but a service account's valid token, over TLS, to an enhanced cluster."""
    good, key = oci.service_account_token(), stripped(session_key)
    cases = [
        (pod_request("", key), 401, "there is no service account token"),
        (pod_request("nonsense", key), 401, "the token is not a JWT"),
        (pod_request(oci.service_account_token(lifetime=-10), key), 401, "the token expired"),
        (pod_request(oci.add_session().token, key), 401, "a session token is no service account token"),
        (pod_request(good, None), 400, "podKey is missing"),
        (pod_request(good, "-----BEGIN PUBLIC KEY-----"), 400, "podKey is not a public key"),
    ]
    for data, status, reason in cases:
        assert tls(data).status == status
        assert reason in oci.records[-1].reason
    assert exchange(oci.url, pod_request(good, key)).status == 400
    assert oci.records[-1].reason == "proxymux is reached by TLS only"
    oci.enhanced_cluster = False
    assert tls(pod_request(good, key)).status == 403


def test_a_service_accounts_token_outlives_the_revocation_of_ocis_tokens(
    oci: FakeOCI, tls: Callable[[bytes], Answer], session_key: rsa.RSAPrivateKey
) -> None:
    """It is Kubernetes' own, but can be revoked by itself."""
    token = oci.service_account_token()
    oci.revoke_tokens()
    assert tls(pod_request(token, stripped(session_key))).status == 200
    oci.revoke(token)
    assert tls(pod_request(token, stripped(session_key))).status == 401


# Object Storage and Identity.


def test_objects_are_kept(oci: FakeOCI) -> None:
    """Put, read, listed by bucket, deleted; a put need not have its body signed."""
    object_storage.add_to(oci)
    key = oci.add_api_key()
    namespace = get(oci, key, "/n").json()
    path = f"/n/{namespace}/b/bucket/o/a%2Fb"
    draft = Draft(key, "PUT", path, body=b"content")
    draft.names = draft.names[:3]
    assert draft.sign().send(oci.url).status == 200
    assert get(oci, key, path).body == b"content"
    assert [bucket["name"] for bucket in get(oci, key, f"/n/{namespace}/b").json()] == ["bucket"]
    assert Draft(key, "DELETE", path, body=b"").sign().send(oci.url).status == 204
    assert get(oci, key, path).json()["code"] == "ObjectNotFound"
    assert get(oci, key, "/n/another/b").json()["code"] == "NotAuthorizedOrNotFound"
    assert post(oci, key, path, {}).status == 405


def test_regions_are_listed(oci: FakeOCI) -> None:
    """For whoever signs."""
    regions = get(oci, oci.add_api_key(), "/20160918/regions").json()
    assert {"key": "ORD", "name": "us-chicago-1"} in regions
    assert exchange(oci.url, b"GET /20160918/regions HTTP/1.1\r\nHost: x\r\n\r\n").status == 401


def test_compartments_are_listed_page_by_page(oci: FakeOCI) -> None:
    """Each page but the last names the next one in a header; what names no page and no tenancy is refused."""
    identity.add_to(oci)
    key = oci.add_api_key()
    path = f"/20160918/compartments?compartmentId={oci.tenancy}"
    whole = get(oci, key, path)
    assert whole.json()[0]["id"] == oci.compartment
    assert "opc-next-page" not in whole.headers
    paged, page = [], ""
    for _ in range(3):
        answer = get(oci, key, f"{path}&limit=2&page={quote(page, safe='')}")
        paged += answer.json()
        page = answer.headers.get("opc-next-page", "")
    assert (paged, page) == (whole.json(), "")
    assert get(oci, key, f"{path}&page=x").status == 400
    assert get(oci, key, f"{path}&limit=0").status == 400
    assert get(oci, key, "/20160918/compartments?compartmentId=x").status == 404


def test_objects_are_listed_from_where_the_last_list_ended(oci: FakeOCI) -> None:
    """By prefix, with the first name that was left out; buckets have pages as everything else."""
    object_storage.add_to(oci)
    key = oci.add_api_key()
    namespace = get(oci, key, "/n").json()
    for bucket, name in [("one", "a%20a"), ("one", "ab"), ("one", "b"), ("two", "c")]:
        assert Draft(key, "PUT", f"/n/{namespace}/b/{bucket}/o/{name}", body=b"x").sign().send(oci.url).status == 200
    path = f"/n/{namespace}/b/one/o"
    first = get(oci, key, f"{path}?limit=2").json()
    assert (first["objects"], first["nextStartWith"]) == ([{"name": "a a"}, {"name": "ab"}], "b")
    assert get(oci, key, f"{path}?limit=2&start=b").json() == {"objects": [{"name": "b"}], "prefixes": []}
    assert [found["name"] for found in get(oci, key, f"{path}?prefix=a").json()["objects"]] == ["a a", "ab"]
    assert get(oci, key, f"/n/{namespace}/b/three/o").json()["code"] == "BucketNotFound"
    page = get(oci, key, f"/n/{namespace}/b?limit=1").headers["opc-next-page"]
    assert [bucket["name"] for bucket in get(oci, key, f"/n/{namespace}/b?page={quote(page)}").json()] == ["two"]


def test_a_session_of_the_stand_in_says_what_it_is(oci: FakeOCI) -> None:
    """Its attributes are those of the token."""
    session: FakeCredential = oci.add_session(lifetime=120)
    claims = claims_of(session.token)
    assert (session.tenancy, session.user, session.region) == (claims["tenant"], claims["sub"], oci.region)
    assert session.expires_at == claims["exp"]


def test_a_session_of_a_profile_is_renewed_where_it_is_from(oci: FakeOCI, tmp_path: Path) -> None:
    """Neither a renewal nor a revocation leads to the real host of the profile's region."""
    session = SecurityToken.from_config(config_file=oci.write_config(tmp_path, session=True))
    first = session.fetch()
    renewed = session.fetch()
    oci.revoke_tokens()
    with pytest.raises(SessionExpiredError):  # it has been revoked, so it cannot be renewed
        session.fetch()
    assert renewed.key_id != first.key_id
    assert next((record.service, record.status) for record in oci.records) == ("session_refresh", 200)
    assert {(record.service, record.status) for record in oci.records[1:]} == {("session_refresh", 401)}


def test_a_session_without_a_server_leads_to_nobody(tmp_path: Path) -> None:
    """A profile that is written before the stand-in serves still names no real host for its renewal."""
    path = FakeOCI().write_config(tmp_path, session=True)
    assert "auth_endpoint = http://127.0.0.1:9\n" in path.read_text()


def test_an_instance_takes_answers_of_every_make(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Date, no connection that stays open, headers twice and in capitals, and metadata that comes late while it boots."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)
    odd = {"date": "", "connection": "close", "OPC-REQUEST-ID": "A", "X-Unknown": "b"}
    booting = [Fault(status=404), Fault(status=503), Fault(delay=0.2)]
    oci.fail("metadata", *booting)
    oci.fault_source = lambda service, record: Fault(headers=odd)
    with httpx.Client(auth=OCISigner(auth="instance_principal"), trust_env=False) as client:
        answers = [client.get(oci.url) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "date" not in answers[0].headers
    assert answers[0].headers["connection"] == "close"
    assert len(answers[0].headers.get_list("opc-request-id")) == 2


def test_a_token_exchange_is_a_form_of_one_kind(oci: FakeOCI) -> None:
    """Another content type, and another grant, are refused in OAuth's words."""
    client = oci.domain_client
    url = f"{oci.url}/oauth2/v1/token"
    answer = httpx.post(url, json={}, auth=client)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = httpx.post(url, data={"grant_type": "password"}, auth=client)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_only_a_delegation_token_delegates(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another token of the same issuer does not."""
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)
    provider = DelegationToken(token=oci.subject_token())
    with httpx.Client(auth=OCISigner(provider), trust_env=False) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert "a subject token delegates nothing" in oci.records[-1].reason
