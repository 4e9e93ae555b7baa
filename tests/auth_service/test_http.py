"""The blocking HTTP client of fetches: what it trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

from oci_httpx_auth._auth_service.http import Client

from ..standin import FakeOCI


def test_a_clusters_authority_is_verified_as_before_python_3_13(tmp_path: Path) -> None:
    """3.13 requires extensions that Kubernetes' authorities lack. Chain, dates and name are still verified."""
    with FakeOCI() as oci:
        (tmp_path / "ca.crt").write_bytes(oci.ca_pem)
    with Client(ca_file=str(tmp_path / "ca.crt")) as client:
        client.load_authorities()
        assert client._loading is not None
        client._loading.result(20)
        context = client._context
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
