"""Our signer where other libraries want one of theirs."""

from __future__ import annotations

from pathlib import Path

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
