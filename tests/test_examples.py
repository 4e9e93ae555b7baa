"""Every example runs, and every request it makes is signed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_example(name: str, *arguments: str) -> str:
    """Run one in a process of its own, in the clean environment of the tests; return what it printed."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [(), ("--session",)], ids=["API key", "session token"])
def test_quickstart(arguments: tuple[str, ...]) -> None:
    """It streams, runs an agent, and shows what the server verified."""
    pytest.importorskip("agents")
    printed = run_example("quickstart.py", *arguments)
    assert f"authenticated by {'security_token' if arguments else 'api_key'}" in printed
    assert "the server verified 4 of 4 requests" in printed
    assert "REFUSED" not in printed
    assert printed.count("x-content-sha256") == 4
