"""The plain values that pass between the stand-in's parts."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("size", [0, 1, 200, 300, 1 << 17, 300_000])
def test_the_stand_ins_frames_are_zstd(size: int) -> None:
    """As a library that others wrote reads them."""
    zstandard = pytest.importorskip("zstandard")
    from oci_httpx_auth.testing._wire import zstd_frame

    content = bytes(range(256)) * (size // 256 + 1)
    assert zstandard.ZstdDecompressor().decompress(zstd_frame(content[:size])) == content[:size]
