"""`python -m oci_httpx_auth.testing`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import oci_httpx_auth.testing
from oci_httpx_auth import OCISigner

from ..byhand import exchange
from ..standin import FakeOCI


def test_a_taken_port_is_named_on_the_command_line(oci: FakeOCI) -> None:
    """Status 1, and no traceback."""
    port = oci.url.rpartition(":")[2]
    command = [sys.executable, "-m", "oci_httpx_auth.testing", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"cannot serve on port {port}: ")


@pytest.mark.parametrize("lenient", [False, True])
def test_the_command_serves_leniently_if_it_is_asked_to(tmp_path: Path, lenient: bool) -> None:
    """Any model's name is taken then, and only then."""
    command = [sys.executable, "-m", "oci_httpx_auth.testing", "--directory", str(tmp_path)]
    process = subprocess.Popen([*command, *(["--lenient"] if lenient else [])], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    exported = {}
    for line in process.stdout:
        name, _, value = line.removeprefix("export ").strip().partition("=")
        exported[name] = value
        if line.startswith("Stop with"):
            break
    scope = {"opc-compartment-id": exported["OCI_COMPARTMENT_ID"]}
    signer = OCISigner(config_file=exported["OCI_CLI_CONFIG_FILE"])
    url = f"{exported['OCI_GENAI_BASE_URL']}/chat/completions"
    document = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(url, json=document, headers=scope, auth=signer, trust_env=False)
    assert answer.status_code == (200 if lenient else 404)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_the_command_serves_and_prints_its_verdict_on_each_request(tmp_path: Path) -> None:
    """The config file it writes works; what it prints holds no secret; Ctrl-C ends it quietly."""
    process = subprocess.Popen(
        [sys.executable, "-m", "oci_httpx_auth.testing", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(oci_httpx_auth.testing.__file__).parents[2],
    )
    assert process.stdout is not None
    exported = {}
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            exported[name] = value
        if line.startswith("Stop with"):
            break
    assert Path(exported["OCI_CLI_CONFIG_FILE"]) == (tmp_path / "config").resolve()
    url = exported["OCI_GENAI_BASE_URL"].removesuffix("/openai/v1")
    answer = exchange(
        url,
        b"GET /opc/v2/instance/id?token=hidden HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hidden\r\n\r\n",
    )
    assert answer.status == 401
    answer = exchange(url, b"GET /opc/v2/instance/id HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer Oracle\r\n\r\n")
    assert answer.body.startswith(b"ocid1.instance.")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    refused, served = rest.splitlines()
    assert refused.startswith("401 GET /opc/v2/instance/id")
    assert "refused: the header Authorization" in refused
    assert served == "200 GET /opc/v2/instance/id  nobody known  accepted unsigned"
    assert "hidden" not in rest
