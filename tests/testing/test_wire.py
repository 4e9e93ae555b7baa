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


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("zstd", True),
        ("gzip, ZSTD;q=0.5", True),
        ("gzip;q=0, zstd ; q=1.0", True),
        ("zstd;q=0", False),
        ("gzip, zstd; q=0.000", False),
        ("gzip, zstdx, x-zstd", False),
        ("*", False),
        ("", False),
    ],
)
def test_events_are_compressed_for_who_accepts_zstd(
    oci: FakeOCI, key: FakeCredential, accepted: str, compressed: bool
) -> None:
    """A weight of 0 refuses it. The wildcard, which nobody sends, asks for nothing in particular."""
    body = b'{"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
    headers = [["opc-compartment-id", oci.compartment], ["accept-encoding", accepted]]
    answer = Draft(key, target="/openai/v1/chat/completions", body=body, headers=headers).sign().send(oci.url)
    assert ("content-encoding" in answer.headers) == compressed
    assert answer.body.startswith(b"\x28\xb5\x2f\xfd" if compressed else b"data: ")


def test_header_names_are_recorded_in_the_case_they_came_in(oci: FakeOCI, key: FakeCredential) -> None:
    """And found in whatever case they are asked for."""
    Draft(key, "GET", body=b"", headers=[["X-CuStOm", "1"]]).sign().send(oci.url)
    assert ("X-CuStOm", "1") in oci.records[-1].headers
    assert oci.records[-1].header("x-custom") == "1"
    assert oci.records[-1].header("x-other") is None
