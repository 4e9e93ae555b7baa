"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .interceptor import Interceptor
from .standin import FakeOCI

pytestmark = pytest.mark.slow

README = (Path(__file__).parent.parent / "README.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
COMMANDS = [
    command
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    for command in block.splitlines()
]


def title(snippet: str) -> str:
    imports = [line for line in snippet.splitlines() if "oci_httpx_auth" in line]
    return imports[-1] if imports else snippet.splitlines()[0]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=title)
def test_a_snippet_runs_as_it_stands(snippet: str, oci: FakeOCI, tmp_path: Path, clean_environment: Path) -> None:
    """With the compartment and project filled in, as a newcomer would; every request it makes is verified."""
    for module in ("openai", "agents"):
        if re.search(rf"^(from|import) {module}\b", snippet, re.MULTILINE) or f"oci_httpx_auth.{module}" in snippet:
            pytest.importorskip(module)
    oci.write_config(clean_environment / ".oci").replace(clean_environment / ".oci" / "config")
    snippet = re.sub(r"ocid1\.compartment\.oc1\.\.…", oci.compartment, snippet)
    snippet = re.sub(r"ocid1\.generativeaiproject\.oc1\.[a-z0-9-]+\.…", "ocid1.generativeaiproject.oc1..aaaa", snippet)
    assert "…" not in snippet, "what else has to be filled in?"
    program = tmp_path / "snippet.py"
    program.write_text(snippet)
    with Interceptor(oci, tmp_path) as interceptor:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(program)],
            env={**os.environ, **interceptor.environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(record.signed for record in oci.records), oci.records
    if "FakeOCI" in snippet:
        return  # it has a stand-in of its own
    assert oci.records, "it made no request"
    assert done.stdout.strip(), "it showed nothing"


def test_the_commands_of_the_tool_exist(oci: FakeOCI, tmp_path: Path, clean_environment: Path) -> None:
    """`check` and `curl` as they are shown; installing, the quickstart and the tests are run by who builds the project."""
    oci.write_config(clean_environment / ".oci")
    shown = [command for command in COMMANDS if command.startswith("python -m oci_httpx_auth ")]
    assert {command.split()[3] for command in shown} == {"check", "curl"}
    with Interceptor(oci, tmp_path) as interceptor:
        for command in shown:
            filled = command.replace("ocid1.compartment.oc1..…", oci.compartment).replace("python", sys.executable, 1)
            done = subprocess.run(
                filled,
                shell=True,
                env={**os.environ, **interceptor.environment},
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert all(record.signed for record in oci.records)
