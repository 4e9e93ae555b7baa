"""Regions, realms and endpoints are the OCI SDK's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oci_httpx_auth import ConfigError
from oci_httpx_auth._auth_service import regions

from ..conftest import Key


def test_the_tables_are_the_sdks() -> None:
    """Exactly the regions, short codes and domains that the SDK knows."""
    definitions = pytest.importorskip("oci.regions_definitions")
    expected = {region: definitions.REALMS[realm] for region, realm in definitions.REGION_REALMS.items()}
    ours = {region.name: regions.region_domain(region.name) for region in regions._table()}
    assert {region: ours.get(region) for region in expected} == expected
    assert {
        code: regions.region_id(code) for code in definitions.REGIONS_SHORT_NAMES
    } == definitions.REGIONS_SHORT_NAMES


@pytest.mark.parametrize(
    ("name", "region"), [("ORD", "us-chicago-1"), (" us-Chicago-1 ", "us-chicago-1"), ("xx-1", "xx-1")]
)
def test_a_short_code_or_an_id_names_a_region(name: str, region: str) -> None:
    """In any letter case."""
    assert regions.region_id(name) == region


@pytest.mark.parametrize("name", ["", "a b", "us-chicago-1/x", "ü", "a\nb", "-x", "x@y", "a..b", "x" * 300])
def test_a_region_must_fit_a_host_name(name: str) -> None:
    """It would become part of a URL."""
    with pytest.raises(ValueError, match="is not a region"):
        regions.region_id(name)


def test_a_key_in_place_of_a_region_is_masked_alone(key: Key) -> None:
    """What is wrong, and what a region looks like, is said all the same."""
    with pytest.raises(
        ValueError, match=r"^\(a key or token\?\) is not a region\. A region looks like 'us-chicago-1'\.$"
    ):
        regions.region_id(key.pem())


def test_endpoints_follow_the_realm() -> None:
    """The auth service's host has no `oci` label; a region with a dot is already a domain."""
    assert regions.auth_endpoint("FRA") == "https://auth.eu-frankfurt-1.oraclecloud.com"
    assert regions.auth_endpoint("us-langley-1") == "https://auth.us-langley-1.oraclegovcloud.com"
    assert regions.inference_endpoint("str") == "https://inference.generativeai.eu-frankfurt-2.oci.oraclecloud.eu"
    assert (
        regions.inference_endpoint("r1.oci.private.example") == "https://inference.generativeai.r1.oci.private.example"
    )


def test_a_new_region_can_be_declared(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file, in a variable, or by its realm's domain; the file wins."""

    def declared(code: str, domain: str) -> dict[str, str]:
        return {
            "realmKey": "OC99",
            "realmDomainComponent": domain,
            "regionKey": code,
            "regionIdentifier": "xx-new-1",
        }

    monkeypatch.setenv("OCI_DEFAULT_REALM", "default.example")
    assert regions.region_domain("xx-new-1") == "default.example"
    monkeypatch.setenv("OCI_REGION_METADATA", json.dumps(declared("VAR", "Variable.example")))
    assert regions.auth_endpoint("var") == "https://auth.xx-new-1.variable.example"
    file = clean_environment / ".oci" / "regions-config.json"
    file.parent.mkdir()
    file.write_text(json.dumps([{"regionKey": "incomplete"}, declared("FIL", "file.example")]))
    assert regions.auth_endpoint("FIL") == "https://auth.xx-new-1.file.example"
    for nothing in ("not json", "[1, {}]", "{}"):
        file.write_text(nothing)
        assert regions.region_domain("xx-new-1") == "variable.example"
    assert regions.region_domain("xx-other-1") == "default.example"
    assert regions.auth_endpoint("NEW") == "https://auth.new.default.example"  # a code that nobody has declared
    monkeypatch.setenv("OCI_REGION_METADATA", "{not json")
    assert regions.region_domain("xx-new-1") == "default.example"
    assert regions.region_domain("us-chicago-1") == "oraclecloud.com"


@pytest.mark.parametrize(
    "stray", ["evil.example/", "evil.example#", "evil.example?", "u@evil.example", "a b", "a..b", "ü"]
)
def test_a_default_realm_must_be_a_domain(stray: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would become part of a URL, and could lead to another host. Regions of the tables do not need it."""
    monkeypatch.setenv("OCI_DEFAULT_REALM", stray)
    with pytest.raises(ConfigError, match=r"OCI_DEFAULT_REALM is .*, which is not a domain"):
        regions.auth_endpoint("xx-new-1")
    with pytest.raises(ConfigError, match="OCI_DEFAULT_REALM"):
        regions.inference_endpoint("xx-new-1")
    assert regions.auth_endpoint("fra") == "https://auth.eu-frankfurt-1.oraclecloud.com"


@pytest.mark.parametrize(
    ("ocid", "domain"),
    [
        ("ocid1.compartment.oc19..aaaa", "oraclecloud.eu"),
        ("ocid1.tenancy.oc4..aaaa", "oraclegovcloud.uk"),
        ("ocid1.tenancy.oc999..aaaa", "oraclecloud.com"),
        ("not an ocid", "oraclecloud.com"),
    ],
)
def test_an_unknown_region_is_in_the_realm_of_its_ocids(ocid: str, domain: str) -> None:
    """OCIDs don't move a known region."""
    newest = regions.inference_endpoint("xx-newest-1", None, ocid)
    assert newest == f"https://inference.generativeai.xx-newest-1.oci.{domain}"
    assert regions.inference_endpoint("ord", ocid).endswith("us-chicago-1.oci.oraclecloud.com")


def test_dual_stack_has_a_label_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the SDK's templates: before `oci`, and not for the auth service."""
    monkeypatch.setenv("OCI_DUAL_STACK_ENDPOINT_ENABLED", "True")
    assert regions.inference_endpoint("ord") == "https://inference.generativeai.us-chicago-1.ds.oci.oraclecloud.com"
    assert regions.auth_endpoint("ord") == "https://auth.us-chicago-1.oraclecloud.com"


@pytest.mark.parametrize("named", [True, False])
def test_a_dedicated_cloud_has_its_own_regions_alone(
    clean_environment: Path, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another region is an error rather than a request to another cloud, unless both are allowed."""
    path = clean_environment / ("elsewhere.json" if named else ".oci/developer-tool-configuration.json")
    path.parent.mkdir(exist_ok=True)
    if named:
        monkeypatch.setenv("OCI_DEVELOPER_TOOL_CONFIGURATION_FILE_PATH", str(path))
    own = {"realmKey": "d1", "realmDomainComponent": "dedicated.example", "regionKey": "DED", "regionIdentifier": "d-1"}
    path.write_text(json.dumps({"services": [], "regions": [own]}))
    assert regions.inference_endpoint("ded") == "https://inference.generativeai.d-1.oci.dedicated.example"
    assert regions.is_known("d-1")
    assert not regions.is_known("us-chicago-1")
    with pytest.raises(ValueError, match="not declared in the developer tool configuration"):
        regions.inference_endpoint("us-chicago-1")
    monkeypatch.setenv("OCI_ALLOW_ONLY_DEVELOPER_TOOL_CONFIGURATION_REGIONS", "true")
    assert regions.inference_endpoint("us-chicago-1").endswith("us-chicago-1.oci.oraclecloud.com")
    path.write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        regions.inference_endpoint("ord")


def test_the_realm_of_a_declared_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the tables, by this machine's owner, or by nobody."""
    region = {
        "realmKey": "OC99",
        "realmDomainComponent": "x.example",
        "regionKey": "VAR",
        "regionIdentifier": "xx-new-1",
    }
    monkeypatch.setenv("OCI_REGION_METADATA", json.dumps(region))
    assert regions.region_realm("us-langley-1") == "oc2"
    assert regions.region_realm("xx-new-1") == "oc99"
    assert regions.region_realm("xx-other-1") is None
