"""Every line of the table in docs/credentials.md makes what it promises; and the example of GitHub Actions runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import oci_httpx_auth
from oci_httpx_auth import OCISigner
from oci_httpx_auth.adapters import RequestSigner

from ..standin import FakeOCI

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "credentials.md").read_text().partition("\n## ")[0]
ROWS = re.findall(r"^\| (.+?) \| `(.+)` \|$", TABLE, re.MULTILINE)

MODES = {
    "a session of": "security_token",
    "a session token in CI": "security_token",
    "a compute instance": "instance_principal",
    "a function": "resource_principal",
    "a pod": "oke_workload_identity",
    "Cloud Shell": "instance_obo_user",
    "a delegation token": "instance_obo_user",
    "a JWT": "token_exchange",
    "the same, in the variables": "token_exchange",
    "a signer of": "sdk",
}


@pytest.mark.parametrize(("have", "write"), ROWS, ids=[have for have, _ in ROWS])
def test_a_row_makes_what_it_promises(
    have: str, write: str, oci: FakeOCI, tmp_path: Path, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has it, and nothing is left out of the table's code."""
    names: dict[str, Any] = {**vars(oci_httpx_auth), "RequestSigner": RequestSigner}
    home = clean_environment / ".oci"
    key = oci.add_api_key()
    delegation, token = tmp_path / "delegation_token", tmp_path / "jwt"
    delegation.write_text(oci.delegation_token())
    token.write_text(oci.subject_token())
    (clean_environment / "key.pem").write_bytes(key.private_key_pem())
    names |= {"tenancy": key.tenancy, "user": key.user, "fingerprint": key.fingerprint, "domain": oci.url}
    names |= {"client_id": oci.domain_client[0], "client_secret": oci.domain_client[1], "jwt": oci.subject_token()}
    names |= {"api_key": oci.add_bearer_key()}
    write = write.replace("/etc/oci/delegation_token", str(delegation))
    if "variables" in have and "APIKey.from_env" in write:
        variables = {"USER": key.user, "TENANCY": key.tenancy, "FINGERPRINT": key.fingerprint}
        for name, value in {**variables, "KEY_FILE": str(clean_environment / "key.pem")}.items():
            monkeypatch.setenv(f"OCI_CLI_{name}", value)
    elif have.startswith("a session token in CI"):
        oci.write_config(tmp_path / "ci", session=True)
        folder = tmp_path / "ci" / "sessions" / "DEFAULT"
        monkeypatch.setenv("OCI_CLI_SECURITY_TOKEN_FILE", str(folder / "token"))
        monkeypatch.setenv("OCI_CLI_KEY_FILE", str(folder / "oci_api_key.pem"))
    elif have.startswith("Cloud Shell"):
        monkeypatch.setenv("OCI_CLI_AUTH", "instance_obo_user")
        monkeypatch.setenv("OCI_CLI_DELEGATION_TOKEN_FILE", str(delegation))
    elif "TokenExchange.from_env" in write:
        import base64

        monkeypatch.setenv("OCI_IAM_DOMAIN_HOST", oci.url)
        monkeypatch.setenv("OCI_SUBJECT_TOKEN", str(token))
        monkeypatch.setenv("OCI_CLIENT_CREDENTIALS", base64.b64encode(":".join(oci.domain_client).encode()).decode())
    else:
        oci.write_config(home, session="session of" in have)
        oci.write_config(home, profile="WORK")
    for mode in ("instance_principal", "resource_principal", "oke_workload_identity"):
        if mode in write or (mode == "instance_principal" and ("elegat" in have or "Cloud" in have)):
            variables = oci.environment(mode, directory=tmp_path) if "oke" in mode else oci.environment(mode)
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
    if "ResourcePrincipal()" in write:
        for name, value in oci.environment("resource_principal").items():
            monkeypatch.setenv(name, value)
    if "sdk_signer" in write:
        sdk = pytest.importorskip("oci")
        path = str(clean_environment / "key.pem")
        names["sdk_signer"] = sdk.signer.Signer(key.tenancy, key.user, key.fingerprint, path)
    if "create_openai" in write:
        pytest.importorskip("openai")
        from oci_httpx_auth.openai import create_openai

        monkeypatch.setenv("OCI_GENAI_API_KEY", names["api_key"])
        with eval(write, {**names, "create_openai": create_openai}) as client:
            assert client.api_key == names["api_key"]
        return
    made = eval(write, names)
    signer = made.signer if isinstance(made, RequestSigner) else made
    assert isinstance(signer, OCISigner)
    assert signer.mode == next((mode for start, mode in MODES.items() if have.startswith(start)), "api_key")
    if signer.mode == "oke_workload_identity":
        return  # its proxy has a fixed port, which the tests of this mode turn
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{oci.url}/x").status_code == 200


def test_the_table_is_complete() -> None:
    """Every provider that the package exports is in it."""
    providers = {name for name in oci_httpx_auth.__all__ if hasattr(getattr(oci_httpx_auth, name), "fetch")}
    in_words = {"InstancePrincipal", "OKEWorkloadIdentity", "SecurityToken", "CredentialProvider"}
    assert len(ROWS) >= 18
    assert all(name in TABLE for name in providers - in_words)


class GitHub(BaseHTTPRequestHandler):
    """The address that a job asks for its OIDC token."""

    jwt = ""

    def do_GET(self) -> None:
        allowed = self.headers["authorization"] == "Bearer job" and "audience=oci" in self.path
        body = f'{{"value": "{self.jwt}"}}'.encode() if allowed else b""
        self.send_response(200 if allowed else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_the_example_of_github_actions(oci: FakeOCI) -> None:
    """From the job's token to an answer of the model, with no key stored anywhere."""
    pytest.importorskip("openai")
    GitHub.jwt = oci.subject_token()
    server = HTTPServer(("127.0.0.1", 0), GitHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    environment = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job",
        "OCI_DOMAIN": oci.url,
        "OCI_CLIENT_ID": oci.domain_client[0],
        "OCI_CLIENT_SECRET": oci.domain_client[1],
        "OCI_COMPARTMENT_ID": oci.compartment,
        "OCI_BASE_URL": oci.openai_url,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(ROOT / "examples" / "github_actions.py")],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert oci.records[-1].mode == "token_exchange"
