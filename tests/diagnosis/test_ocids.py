"""What OCIDs themselves tell."""

from __future__ import annotations

import pytest

from oci_httpx_auth.diagnosis.ocids import cut_off_cause, elsewhere_cause, identity_cause, parse_ocid, place_cause

USER = f"ocid1.user.oc1..{'a' * 60}"
TENANCY = f"ocid1.tenancy.oc1..{'b' * 60}"
PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.c"


def test_an_ocid_has_a_kind_a_realm_a_region_and_a_unique_part() -> None:
    """The region is empty for what belongs to the whole realm."""
    project, user = parse_ocid(PROJECT), parse_ocid(USER)
    assert project is not None
    assert project.groupdict() == {
        "kind": "generativeaiproject",
        "realm": "oc1",
        "region": "us-chicago-1",
        "unique": "c",
    }
    assert user is not None
    assert user["region"] == ""


@pytest.mark.parametrize("value", [None, 5, "", "jane@example.com", "ocid1.user", "ocid2.user.oc1..a", f"{USER} "])
def test_anything_else_is_not_an_ocid(value: object) -> None:
    """It has errors of its own."""
    assert parse_ocid(value) is None


@pytest.mark.parametrize(
    ("user", "tenancy", "region", "code"),
    [
        (USER, TENANCY, "us-chicago-1", None),
        ("not an OCID", TENANCY, None, None),
        (TENANCY, USER, "us-chicago-1", "ocids-swapped"),
        (TENANCY, TENANCY, "us-chicago-1", "ocid-of-another-kind"),
        (USER, TENANCY.replace("oc1", "oc2"), "us-chicago-1", "other-realm"),
    ],
)
def test_the_ocids_of_an_api_key_are_compared(user: str, tenancy: str, region: str | None, code: str | None) -> None:
    """With their names and with the region's realm; OCI would only say 401."""
    found = identity_cause(user, tenancy, region)
    assert (None if found is None else found.code) == code


def test_an_ocid_that_lost_its_end_is_noticed_by_its_length() -> None:
    """Only users, tenancies and compartments have one length."""
    assert cut_off_cause(user=USER, tenancy=TENANCY, project=PROJECT) is None
    found = cut_off_cause(user=USER, tenancy=TENANCY[:-3])
    assert found is not None
    assert found.code == "ocid-cut-off"
    assert "57" in str(found)


def test_a_compartment_is_not_a_project() -> None:
    """A tenancy is a compartment, its root."""
    assert place_cause("compartment", TENANCY, ("compartment", "tenancy")) is None
    found = place_cause("compartment", PROJECT, ("compartment", "tenancy"))
    assert found is not None
    assert found.code == "not-a-compartment"
    assert "generativeaiproject" in str(found)


@pytest.mark.parametrize(
    ("value", "region", "code"),
    [
        (PROJECT, "us-chicago-1", None),
        (PROJECT, "eu-frankfurt-1", "project-elsewhere"),
        (PROJECT, "us-langley-1", "other-realm"),
        (PROJECT, None, None),
        (None, "us-chicago-1", None),
    ],
)
def test_a_project_belongs_to_a_region(value: str | None, region: str | None, code: str | None) -> None:
    """In another one it cannot be found."""
    found = elsewhere_cause(region, project=value)
    assert (None if found is None else found.code) == code
