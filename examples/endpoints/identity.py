"""A tenancy's compartments, in pages, as Identity lists them."""

from __future__ import annotations

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Reply, Request

from .pages import page

NAMES = ("development", "testing", "production", "sandbox", "archive")


def add_to(oci: FakeOCI) -> None:
    def compartments(request: Request, principal: Principal) -> Reply:
        if request.query.get("compartmentId") != principal.tenancy:
            raise Refused("compartmentId does not name the tenancy", status=404)
        own = {"id": oci.compartment, "name": "examples"}
        others = [{"id": f"{own['id']}{name}", "name": name} for name in NAMES]
        state = {"compartmentId": principal.tenancy, "lifecycleState": "ACTIVE"}
        return page(request, [{**compartment, **state} for compartment in (own, *others)])

    oci.add_endpoint("/20160918/compartments/?", compartments, methods=["GET"], service="identity")
