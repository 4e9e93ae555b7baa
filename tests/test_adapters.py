"""Our signer where other libraries want one of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from oci_httpx_auth import OCISigner, SigningError
from oci_httpx_auth.adapters import RequestSigner

from .standin import FakeOCI


def test_requests_signs_with_our_signer(oci: FakeOCI, tmp_path: Path) -> None:
    """Its real sessions, with and without a body."""
    requests = pytest.importorskip("requests")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    assert requests.get(f"{oci.url}/x", params={"q": "a b"}, auth=signer, timeout=5).status_code == 200
    assert requests.post(f"{oci.url}/x", json={"text": "ä"}, auth=signer, timeout=5).status_code == 200
    assert requests.put(f"{oci.url}/x", data="ä", auth=signer, timeout=5).status_code == 200
    with pytest.raises(SigningError, match="streamed"):
        requests.post(f"{oci.url}/x", data=iter([b"a"]), auth=signer, timeout=5)


def test_the_adapter_works_like_the_sdks_signers(oci: FakeOCI, tmp_path: Path) -> None:
    """It signs a prepared request in place, and shows nothing secret."""
    requests = pytest.importorskip("requests")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    prepared = requests.Request("POST", f"{oci.url}/x", json={"a": 1}).prepare()
    signed = signer.do_request_sign(prepared)
    assert requests.Session().send(signed, timeout=5).status_code == 200
    assert repr(signer).startswith("<RequestSigner of <OCISigner mode=api_key")


def test_an_answer_that_another_library_streams_through_httpx_is_read_to_its_end(oci: FakeOCI, tmp_path: Path) -> None:
    """LiteLLM takes the signed headers to a client of httpx, which would ask for zstd and break off after one event."""
    pytest.importorskip("zstandard")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    chat = {"model": "openai.gpt-oss-120b", "messages": [{"role": "user", "content": "one two"}], "stream": True}
    request = SimpleNamespace(
        method="POST",
        url=f"{oci.openai_url}/chat/completions",
        headers={"content-type": "application/json", "opc-compartment-id": oci.compartment},
        body=json.dumps(chat),
    )
    headers = signer.do_request_sign(request).headers
    with (
        httpx.Client(trust_env=False) as client,
        client.stream("POST", request.url, content=request.body, headers=headers) as answer,
    ):
        assert b"data: [DONE]" in b"".join(answer.iter_bytes())


def test_what_a_library_accepts_by_itself_stays(oci: FakeOCI, tmp_path: Path) -> None:
    """`requests` decodes frame after frame."""
    requests = pytest.importorskip("requests")
    signer = RequestSigner(OCISigner(config_file=oci.write_config(tmp_path)))
    assert requests.get(f"{oci.url}/x", auth=signer, headers={"Accept-Encoding": "br"}, timeout=5).status_code == 200
    assert oci.records[-1].header("accept-encoding") == "br"
