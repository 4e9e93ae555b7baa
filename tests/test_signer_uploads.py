"""Uploads to Object Storage are streamed, not read into memory."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from endpoints import object_storage

from oci_httpx_auth import OCISigner

from .standin import FakeOCI

OBJECT = f"{object_storage.ROOT}/bucket/o/folder/an%20object"


def pieces() -> Iterator[bytes]:
    yield from (b"some ", b"bytes")


async def async_pieces() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


@pytest.fixture
def signer(oci: FakeOCI, tmp_path: Path) -> OCISigner:
    object_storage.add_to(oci)
    return OCISigner(config_file=oci.write_config(tmp_path))


def test_a_stream_of_known_length_is_signed_without_its_body(oci: FakeOCI, signer: OCISigner) -> None:
    """Sync from a generator and a file, async from an async generator; what arrives is whole."""
    length = {"content-length": "10"}
    with httpx.Client(auth=signer) as client:
        for body in (pieces(), io.BytesIO(b"some bytes")):
            assert client.put(f"{oci.url}{OBJECT}", content=body, headers=length).status_code == 200
            assert oci.records[-1].signed_headers == ("date", "(request-target)", "host")
        assert client.get(f"{oci.url}{OBJECT}").content == b"some bytes"

    async def upload() -> int:
        async with httpx.AsyncClient(auth=signer) as client:
            return (await client.put(f"{oci.url}{OBJECT}", content=async_pieces(), headers=length)).status_code

    assert asyncio.run(upload()) == 200
    assert oci.records[-1].body == b"some bytes"


def test_bytes_and_streams_of_unknown_length_are_signed_with_their_digest(oci: FakeOCI, signer: OCISigner) -> None:
    """They are in memory already, or must be read to learn their length."""
    with httpx.Client(auth=signer) as client:
        for body in (b"some bytes", pieces()):
            assert client.put(f"{oci.url}{OBJECT}", content=body).status_code == 200
            assert "x-content-sha256" in oci.records[-1].signed_headers


def test_a_refused_upload_is_not_sent_again(oci: FakeOCI, tmp_path: Path, signer: OCISigner) -> None:
    """Its body is gone. The next request is signed with another credential."""
    config = oci.write_config(tmp_path, profile="S", session=True)
    session = OCISigner(profile="S", config_file=config, auth="security_token")
    with httpx.Client(auth=session) as client:
        oci.revoke((tmp_path / "sessions" / "S" / "token").read_text())
        answer = client.put(f"{oci.url}{OBJECT}", content=pieces(), headers={"content-length": "10"})
    assert answer.status_code == 401
    assert [record.method for record in oci.records if record.service == "object_storage"] == ["PUT"]


PROGRAM = """
import resource, socket, sys, threading
import httpx
from oci_httpx_auth import OCISigner

total, piece = 300 << 20, b"x" * (1 << 16)
listener = socket.create_server(("127.0.0.1", 0))

def serve():
    connection, _ = listener.accept()
    buffer, left, head = memoryview(bytearray(1 << 16)), None, b""
    while left is None or left > 0:
        count = connection.recv_into(buffer)
        if left is None:
            head += bytes(buffer[:count])
            if b"\\r\\n\\r\\n" in head:
                left = total - len(head.partition(b"\\r\\n\\r\\n")[2])
        else:
            left -= count
    connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n")

threading.Thread(target=serve, daemon=True).start()
url = f"http://127.0.0.1:{listener.getsockname()[1]}/n/ns/b/bucket/o/object"
signer = OCISigner(config_file=sys.argv[1])
with httpx.Client(auth=signer, timeout=60) as client:
    signer.signed_headers("GET", url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = (piece for _ in range(total // len(piece)))
    assert client.put(url, content=body, headers={"content-length": str(total)}).status_code == 200
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_300_megabytes_take_no_memory(oci: FakeOCI, tmp_path: Path, signer: OCISigner) -> None:
    """Memory grows by less than 20 MB in a process that does nothing else."""
    arguments: list[Any] = [sys.executable, "-c", PROGRAM, str(tmp_path / "config")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20 * 1024, f"{done.stdout} kB"


def test_a_refused_upload_teaches_the_clock_to_the_next_one(oci: FakeOCI, signer: OCISigner) -> None:
    """It is not sent again itself."""
    oci.clock_offset = 3600
    with httpx.Client(auth=signer) as client:
        statuses = [
            client.put(f"{oci.url}{OBJECT}", content=pieces(), headers={"content-length": "10"}).status_code
            for _ in range(2)
        ]
    assert statuses == [401, 200]
    assert len(oci.records) == 2
