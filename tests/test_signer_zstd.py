"""OCI compresses each server-sent event as a zstd frame of its own, which httpx cannot read beyond the first."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

import httpx
import pytest

from oci_httpx_auth import OCISigner

from .standin import FakeOCI

CHAT = {"model": "openai.gpt-oss-120b", "messages": [{"role": "user", "content": "one two three"}]}
ANSWER = "You said: one two three"


def stream(client: Any, oci: FakeOCI, signer: OCISigner, **headers: str) -> bytes:
    """The body of a streamed chat completion."""
    scope = {"opc-compartment-id": oci.compartment, **headers}
    url = f"{oci.openai_url}/chat/completions"
    with client.stream("POST", url, json={**CHAT, "stream": True}, headers=scope, auth=signer) as answer:
        assert answer.status_code == 200
        return b"".join(answer.iter_bytes())


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate, br"),
        ("gzip;q=1.0,ZSTD;q=0.5,br", "gzip;q=1.0, br"),
        ("zstd", "identity"),
        ("gzip, deflate", "gzip, deflate"),
        ("*;q=0", "*;q=0"),
    ],
)
def test_a_signed_request_of_httpx_does_not_ask_for_zstd(
    oci: FakeOCI, signer: OCISigner, asked: str, sent: str
) -> None:
    """Whatever the client accepts otherwise stays as it is."""
    with httpx.Client(trust_env=False) as client:
        assert b"data: [DONE]" in stream(client, oci, signer, **{"accept-encoding": asked})
    assert oci.records[-1].header("accept-encoding") == sent
    assert "accept-encoding" not in oci.records[-1].signed_headers


def test_a_signed_request_of_httpx2_may_ask_for_zstd(oci: FakeOCI, signer: OCISigner) -> None:
    """It reads frame after frame."""
    httpx2 = pytest.importorskip("httpx2")
    with (
        httpx2.Client(trust_env=False) as client,
        client.stream(
            "POST",
            f"{oci.openai_url}/chat/completions",
            json={**CHAT, "stream": True},
            headers={"accept-encoding": "zstd", "opc-compartment-id": oci.compartment},
            auth=signer,
        ) as answer,
    ):
        frames = list(answer.iter_raw())
    assert answer.headers["content-encoding"] == "zstd"
    assert len(frames) > 3
    assert all(frame.startswith(b"\x28\xb5\x2f\xfd") for frame in frames)


def test_a_stream_through_a_client_that_accepts_zstd_is_read_to_its_end(oci: FakeOCI, signer: OCISigner) -> None:
    """With zstandard installed httpx asks for it by itself, and breaks off without the signer's help."""
    pytest.importorskip("zstandard")
    with httpx.Client(trust_env=False) as client:
        if "zstd" not in client.headers["accept-encoding"]:
            pytest.skip(f"httpx {httpx.__version__} knows no zstd")
        signed = signer.signed_headers("POST", f"{oci.openai_url}/chat/completions")
        assert b"data: [DONE]" in stream(client, oci, signer)
        assert "accept-encoding" not in signed


@pytest.mark.parametrize("credential", ["signer", "api_key"])
@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_openai_reads_a_stream_to_its_end(oci: FakeOCI, signer: OCISigner, name: str, credential: str) -> None:
    """Sync and async, on whichever library this openai is built, with a signature or a Generative AI API key."""
    pytest.importorskip("zstandard")
    openai = pytest.importorskip("openai")
    library = pytest.importorskip(name)
    if not issubclass(openai.DefaultHttpxClient, library.Client):
        pytest.skip(f"openai {openai.__version__} is not built on {name}")
    if name == "httpx2" and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")  # without it httpx2 does not ask for zstd
    factories = importlib.import_module("oci_httpx_auth.openai")
    value = signer if credential == "signer" else oci.add_bearer_key()
    where = {credential: value, "base_url": oci.openai_url, "project_id": "p"}
    with factories.create_openai(**where) as client:
        raw = client.chat.completions.with_raw_response.create(**CHAT, stream=True)
        assert raw.headers.get("content-encoding") == ("zstd" if name == "httpx2" else None)
        chunks = list(raw.parse())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER

    async def main() -> str:
        async with factories.create_async_openai(**where) as client:
            events = await client.responses.create(model="openai.gpt-oss-120b", input="one two three", stream=True)
            deltas = [event.delta async for event in events if event.type == "response.output_text.delta"]
        return "".join(deltas)

    assert asyncio.run(main()) == ANSWER
    assert [(record.status, record.signed) for record in oci.records] == [(200, credential == "signer")] * 2
