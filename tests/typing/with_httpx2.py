"""As `api.py`, where httpx2 is installed."""

# pyright: reportUnnecessaryTypeIgnoreComment=true
from __future__ import annotations

import httpx2

from oci_httpx_auth import OCISigner


def sign_with_httpx2(signer: OCISigner) -> None:
    httpx2.get("https://objectstorage.us-chicago-1.oraclecloud.com/n/", auth=signer)
    httpx2.Client(auth=signer)
    httpx2.AsyncClient(auth=signer)
    signer.no_such_attribute  # type: ignore[attr-defined]  # noqa: B018
