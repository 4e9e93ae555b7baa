"""Regions, realms and endpoints are the OCI SDK's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oci_httpx_auth._auth_service import regions


def test_the_tables_are_the_sdks() -> None:
    """Every region, short code and domain that the SDK knows, and none other."""
    definitions = pytest.importorskip("oci.regions_definitions")
    expected = {region: definitions.REALMS[realm] for region, realm in definitions.REGION_REALMS.items()}
    ours = {region: regions.region_domain(region) for region in regions._DOMAINS}
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
def test_what_cannot_be_a_host_name_is_no_region(name: str) -> None:
    """It would become part of a URL."""
    with pytest.raises(ValueError, match="is not a region"):
        regions.region_id(name)


def test_endpoints_follow_the_realm() -> None:
    """The auth service has no `oci` label; a region with a dot is a domain already."""
    assert regions.auth_endpoint("FRA") == "https://auth.eu-frankfurt-1.oraclecloud.com"
    assert regions.auth_endpoint("us-langley-1") == "https://auth.us-langley-1.oraclegovcloud.com"
    assert regions.inference_endpoint("str") == "https://inference.generativeai.eu-frankfurt-2.oci.oraclecloud.eu"
    assert (
        regions.inference_endpoint("r1.oci.private.example") == "https://inference.generativeai.r1.oci.private.example"
    )


def test_a_new_region_can_be_declared(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By file, by variable, or by its realm's domain alone; the file first."""

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
