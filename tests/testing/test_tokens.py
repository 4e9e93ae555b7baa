"""Security tokens: what they say, and which are refused."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ..byhand import Draft, Holder
from ..standin import FakeCredential, FakeOCI


def test_a_token_of_another_algorithm_is_refused(oci: FakeOCI) -> None:
    """Above all of none."""
    session = oci.add_session()
    _, claims, signature = session.token.split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    assert Draft(Holder(f"ST${head}.{claims}.{signature}", session.private_key)).sign().send(oci.url).status == 401
    assert oci.records[-1].reason == "the token is not an RS256 JWT"


@pytest.mark.parametrize("jwk", ["no JSON", "{}", "[]", '{"n": 1, "e": 2}'])
def test_a_token_whose_key_cannot_be_read_has_none(oci: FakeOCI, jwk: str) -> None:
    """It signs nothing."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = oci.issue_token(private_key.public_key(), jwk=jwk)
    assert Draft(Holder(f"ST${token}", private_key)).sign().send(oci.url).status == 401


def test_a_session_signs_with_its_token(oci: FakeOCI) -> None:
    """The token's jwk is the key that must verify."""
    session = oci.add_session()
    assert Draft(session).sign().send(oci.url).status == 200
    assert (oci.records[-1].mode, oci.records[-1].principal) == ("security_token", f"session of user {oci.user}")


@pytest.mark.parametrize("kind", ["session", "instance", "resource", "workload"])
def test_a_token_carries_the_claims_of_its_kind(oci: FakeOCI, key: FakeCredential, kind: str) -> None:
    """Three parts, RS256, and a jwk that is a JSON text."""
    assert key.private_key is not None
    token = oci.issue_token(key.private_key.public_key(), kind=kind, lifetime=60, colour="green")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header["alg"] == "RS256"
    assert claims["exp"] == claims["iat"] + 60
    assert claims["tenant"] == oci.tenancy
    assert claims["colour"] == "green"
    assert set(json.loads(claims["jwk"])) == {"kid", "n", "e", "kty", "alg", "use"}
    assert claims["iss"] == "authService.oracle.com"
    if kind == "session":
        assert (claims["sub"], claims["ptype"], claims["ttype"], claims["aud"]) == (oci.user, "user", "login", "oci")
        assert abs(claims["session_start"] - claims["iat"]) <= 1
        assert set(claims) == {
            *[
                "iss",
                "jti",
                "kind",
                "iat",
                "exp",
                "jwk",
                "tenant",
                "aud",
                "ptype",
                "sub",
                "ttype",
                "session_start",
                "colour",
            ]
        }
    else:  # what a published token of an instance has
        names = (
            "sub opc-certtype iss fprint ptype aud opc-tag ttype opc-instance exp opc-compartment iat jti tenant jwk"
        )
        assert {*names.split(), "opc-tenant"} <= set(claims)
        assert claims["opc-instance"].startswith("ocid1.instance.oc1.")
        assert (claims["sub"] == claims["opc-instance"]) == (kind == "instance")
        assert 1500 < len(token) < 3000
    if kind in ("resource", "workload"):
        assert (claims["res_tenant"], claims["res_compartment"]) == (oci.tenancy, oci.compartment)


class Bearer:
    """A token with a key, which need not belong together."""

    def __init__(self, token: str, key: FakeCredential) -> None:
        self.key_id = f"ST${token}"
        self.private_key = key.private_key


@pytest.mark.parametrize("age", ["still valid", "expired"])
def test_a_token_is_valid_until_its_exp(oci: FakeOCI, age: str) -> None:
    """To the second, by the stand-in's own clock."""
    session = oci.add_session(lifetime=100)
    assert session.expires_at == pytest.approx(oci.now() + 100, abs=30)
    now = session.expires_at + (0 if age == "expired" else -1)
    oci.clock = lambda: now
    answer = Draft(session, now=now).sign().send(oci.url)
    assert answer.status == (401 if age == "expired" else 200)
    assert oci.records[-1].reason == ("the token expired 0 s ago" if age == "expired" else "")


def test_a_token_bound_to_another_key_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """Who steals a token cannot use it."""
    Draft(Bearer(oci.add_session().token, key)).sign().send(oci.url)
    assert "does not fit" in oci.records[-1].reason


def test_a_token_without_a_key_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """Without a jwk there is nothing to verify with."""
    Draft(Bearer(oci.issue_token(None), key)).sign().send(oci.url)
    assert oci.records[-1].reason == "the token has no usable jwk"


def test_a_token_without_an_end_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """A claim of None is left out."""
    assert key.private_key is not None
    Draft(Bearer(oci.issue_token(key.private_key.public_key(), exp=None), key)).sign().send(oci.url)
    assert oci.records[-1].reason == "the token has no exp"


def test_a_changed_token_is_refused(oci: FakeOCI) -> None:
    """The token's own signature is verified."""
    session = oci.add_session()
    header, claims, signature = session.token.split(".")
    loaded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    longer = base64.urlsafe_b64encode(json.dumps({**loaded, "exp": loaded["exp"] + 1}).encode()).decode().rstrip("=")
    draft = Draft(session)
    draft.parameters["keyId"] = f"ST${header}.{longer}.{signature}"
    draft.sign().send(oci.url)
    assert oci.records[-1].reason == "the token's own signature is wrong"


def test_a_token_of_another_stand_in_is_refused(oci: FakeOCI) -> None:
    """Each issues its own."""
    Draft(FakeOCI().add_session()).sign().send(oci.url)
    assert oci.records[-1].reason == "the token was issued by somebody else"


def test_a_service_accounts_token_does_not_sign(oci: FakeOCI, key: FakeCredential) -> None:
    """It is a bearer token, for one service."""
    Draft(Bearer(oci.service_account_token(), key)).sign().send(oci.url)
    assert oci.records[-1].reason == "a service_account token does not sign requests"


def test_a_revoked_token_is_refused_and_others_are_not(oci: FakeOCI) -> None:
    """By its text, or all that there are so far."""
    first, second = oci.add_session(), oci.add_session()
    oci.revoke(first.token)
    assert [Draft(s).sign().send(oci.url).status for s in (first, second)] == [401, 200]
    assert oci.records[-2].reason == "the token was revoked"
    oci.revoke_tokens()
    third = oci.add_session()
    assert [Draft(s).sign().send(oci.url).status for s in (second, third)] == [401, 200]


def test_stand_ins_may_be_first_used_in_many_threads_at_once() -> None:
    """They share the keys that take a while to make, of which there is one each."""
    program = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from oci_httpx_auth.testing._certificates import _intermediate
from oci_httpx_auth.testing._tokens import issuer_key
barrier = Barrier(8)
def get(_):
    barrier.wait(20)
    return id(issuer_key()), id(_intermediate())
with ThreadPoolExecutor(8) as pool:
    print(len({*pool.map(get, range(8))}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (b"1", b"")
