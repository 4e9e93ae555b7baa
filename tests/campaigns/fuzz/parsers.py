"""Coverage-guided fuzzing of everything that parses: `python tests/campaigns/fuzz/parsers.py -max_total_time=300`.

Needs `pip install atheris` (Linux, CPython 3.11 to 3.13). What is not an `OCIAuthError` ends the run.
"""

from __future__ import annotations

import base64
import contextlib
import sys
import tempfile
from pathlib import Path

import atheris
import httpx

with atheris.instrument_imports(include=["oci_httpx_auth", "configparser", "json", "email"]):
    from oci_httpx_auth import OCIAuthError
    from oci_httpx_auth._auth_service.service import _refusal
    from oci_httpx_auth._auth_service.tokens import json_object, parse_security_token
    from oci_httpx_auth._signing.clock import parse_http_date
    from oci_httpx_auth.credentials._config import load_profile
    from oci_httpx_auth.credentials._keys import load_private_key
    from oci_httpx_auth.credentials.instance_principal import load_certificate, tenancy_of
    from oci_httpx_auth.credentials.workload_identity import _decode

CONFIG = Path(tempfile.mkdtemp()) / "config"


def config(data: bytes) -> None:
    CONFIG.write_bytes(data)
    load_profile("A", CONFIG)


def claims(data: bytes) -> None:
    parse_security_token(f"e30.{base64.urlsafe_b64encode(data).rstrip(b'=').decode()}.e30", "the token")


def pem(data: bytes) -> None:
    load_private_key(
        b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(data) + b"\n-----END PRIVATE KEY-----", None, "k"
    )


def certificate(data: bytes) -> None:
    body = base64.b64encode(data).decode()
    tenancy_of(load_certificate(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"))


TARGETS = [
    config,
    claims,
    pem,
    certificate,
    lambda data: parse_security_token(data.decode("latin-1"), "the token"),
    lambda data: load_private_key(data, data[:8], "the key"),
    lambda data: parse_http_date(data.decode("latin-1")),
    lambda data: json_object(httpx.Response(200, content=data), "the service"),
    lambda data: _refusal(httpx.URL("https://x/"), httpx.Response(400, content=data)),
    lambda data: _decode(httpx.Response(200, content=data), "the proxy"),
]


def one(data: bytes) -> None:
    if data:
        with contextlib.suppress(OCIAuthError):
            TARGETS[data[0] % len(TARGETS)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
