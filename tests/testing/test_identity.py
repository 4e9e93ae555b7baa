"""Who may call: API keys and sessions, as tests register them."""

from __future__ import annotations

import pytest

from oci_httpx_auth import testing

from ..byhand import Draft
from ..standin import FakeCredential, FakeOCI, claims_of


@pytest.mark.generates_keys
def test_every_profile_of_the_stand_in_has_a_key_of_its_own(oci: FakeOCI) -> None:
    """Two API keys of one user have two fingerprints, and key ids that end with them."""
    first, second = oci.add_api_key(), oci.add_api_key()
    assert first.key_id != second.key_id


def test_a_session_has_the_attributes_of_its_token(oci: FakeOCI) -> None:
    """Its attributes are those of the token."""
    session: FakeCredential = oci.add_session(lifetime=120)
    claims = claims_of(session.token)
    assert (session.tenancy, session.user, session.region) == (claims["tenant"], claims["sub"], oci.region)
    assert session.expires_at == claims["exp"]


def test_a_custom_public_key_can_be_registered(oci: FakeOCI) -> None:
    """The private half never leaves its owner."""
    with FakeOCI() as elsewhere:
        private_key = elsewhere.add_api_key().private_key
    assert private_key is not None
    key = oci.add_api_key(private_key.public_key())
    with pytest.raises(ValueError, match="public half"):
        key.private_key_pem()
    draft = Draft(key)
    draft.credential = type("Credential", (), {"key_id": key.key_id, "private_key": private_key})
    assert draft.sign().send(oci.url).status == 200


def test_a_deleted_key_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """From one request to the next."""
    assert Draft(key).sign().send(oci.url).status == 200
    oci.remove_api_key(key)
    assert Draft(key).sign().send(oci.url).status == 401


def test_keys_come_in_the_forms_that_key_files_have(oci: FakeOCI, key: FakeCredential) -> None:
    """PKCS#8 and PKCS#1, plain and encrypted."""
    assert key.private_key_pem().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert key.private_key_pem(pkcs1=True).startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert key.private_key_pem("secret").startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert oci.add_session().private_key_pem().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_nothing_secret_is_in_any_repr(oci: FakeOCI, key: FakeCredential) -> None:
    """Of identities and of records, which tests print when they fail."""
    session = oci.add_session()
    Draft(session).sign().send(oci.url)
    for thing in (key, session, oci.records[-1], oci):
        assert session.token not in repr(thing)
        assert "PrivateKey" not in repr(thing)


def test_nobody_is_acted_for_where_no_delegation_tokens_are_issued(oci: FakeOCI) -> None:
    """The stand-in that is shipped refuses such a token, as it refuses API keys of Generative AI."""
    instance = oci.issue_token(oci.add_session().private_key.public_key(), kind="instance")
    with testing.FakeOCI() as shipped:
        draft = Draft(shipped._identities.add_api_key(), headers=[["opc-obo-token", instance]])
        draft.names.append("opc-obo-token")
        assert draft.sign().send(shipped.url).status == 401
        assert shipped.records[-1].reason == "the delegation token was not issued by this stand-in"
        headers = [("host", "a"), ("content-length", "2"), ("authorization", f"Bearer {oci.add_bearer_key()}")]
        request = testing.Request("POST", "/openai/v1/chat/completions", tuple(headers), b"{}")
        assert shipped._handle(request).status == 401
        assert shipped.records[-1].reason == "the authorization scheme is 'Bearer', not Signature"
