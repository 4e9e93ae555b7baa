"""What answers for OCI's other services."""

from __future__ import annotations

from ..byhand import exchange, get
from ..standin import FakeOCI


def test_regions_are_listed(oci: FakeOCI) -> None:
    """For whoever signs."""
    regions = get(oci, oci.add_api_key(), "/20160918/regions").json()
    assert {"key": "ORD", "name": "us-chicago-1"} in regions
    assert exchange(oci.url, b"GET /20160918/regions HTTP/1.1\r\nHost: x\r\n\r\n").status == 401
