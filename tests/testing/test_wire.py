"""The plain values that pass between the stand-in's parts."""

from __future__ import annotations

import pytest

from ..byhand import Draft
from ..standin import FakeCredential, FakeOCI


@pytest.mark.parametrize("size", [0, 1, 200, 300, 1 << 17, 300_000])
def test_the_stand_ins_frames_are_zstd(size: int) -> None:
    """As a library that others wrote reads them."""
    zstandard = pytest.importorskip("zstandard")
    from oci_httpx_auth.testing._wire import zstd_frame

    content = bytes(range(256)) * (size // 256 + 1)
    assert zstandard.ZstdDecompressor().decompress(zstd_frame(content[:size])) == content[:size]


def test_header_names_are_recorded_in_the_case_they_came_in(oci: FakeOCI, key: FakeCredential) -> None:
    """And found in whatever case they are asked for."""
    Draft(key, "GET", body=b"", headers=[["X-CuStOm", "1"]]).sign().send(oci.url)
    assert ("X-CuStOm", "1") in oci.records[-1].headers
    assert oci.records[-1].header("x-custom") == "1"
    assert oci.records[-1].header("x-other") is None
