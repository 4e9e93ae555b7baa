"""The services of resource principals that tests/standin.py adds to the stand-in."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..byhand import Draft, Holder, accepted, get, post, stripped
from ..standin import FakeCredential, FakeOCI, Fault, claims_of

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
def test_the_second_step_refuses_incomplete_requests(
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
    assert get(oci, holder, f"{OWN}{form}/deeper/{resource}").status == 404
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
    assert url == f"{oci.url}/20180711/parentResourcePrincipalToken/loop"
    answer = Draft(leaf, "GET", url.removeprefix(oci.url), body=b"", host=oci.url[7:]).sign().send(oci.url)
    assert answer.headers["opc-parent-rpt-url"] == url


def test_only_a_resource_has_parents_and_only_so_many(oci: FakeOCI) -> None:
    """An instance has none; a resource none beyond the last."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = "/20180711/parentResourcePrincipalToken"
    holders = [
        Holder(f"ST${oci.issue_token(private_key.public_key(), kind=kind)}", private_key)
        for kind in ("instance", "resource")
    ]
    answers = [
        Draft(holder, "GET", f"{path}/{level}", body=b"").sign().send(oci.url).status
        for holder, level in [(holders[0], "1/1"), (holders[1], "2/1"), (holders[1], "1/1")]
    ]
    assert answers == [401, 404, 200]


def test_a_key_pair_that_nobody_registered_gets_no_token(oci: FakeOCI, key: FakeCredential) -> None:
    """Whatever its key id says of itself."""
    holder = Holder("resource/v2.1/ocid1.fnfunc.oc1..a", key.private_key)
    path = "/20180711/resourcePrincipalTokenV2/ocid1.fnfunc.oc1..a"
    assert Draft(holder, "GET", path, body=b"").sign().send(oci.url).status == 401
    assert oci.records[-1].reason == "no key pair is registered under the key id"


@pytest.mark.parametrize("flaw", ["missing", "garbage", "expired", "wrong_key"])
def test_the_two_tokens_of_a_resource_can_be_bad(oci: FakeOCI, flaw: str) -> None:
    """Not there, or none that the second step takes; the next request gets good ones."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = oci.issue_token(private_key.public_key(), kind="instance", sub=oci.instance)
    draft = Draft(
        Holder(f"ST${token}", private_key), "GET", f"/20180711/resourcePrincipalToken/{oci.instance}", body=b""
    ).sign()
    oci.fail("rpt", Fault(token=flaw))
    bad, good = draft.send(oci.url), draft.send(oci.url)
    assert (bad.status, good.status) == (200, 200)
    names = ["resourcePrincipalToken", "servicePrincipalSessionToken"]
    assert sorted(good.json()) == names
    assert bad.json() == ({} if flaw == "missing" else dict.fromkeys(names, "this-is-no-token"))
