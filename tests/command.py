"""`python -m oci_httpx_auth`, run as people run it: in a process, in a pipe, in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

pty = pytest.importorskip("pty", reason="there are no such terminals on Windows")

SOMEBODY_ELSE = f"ocid1.user.oc1..{'somebody' * 7}else"
COMMAND = [sys.executable, "-m", "oci_httpx_auth"]


def run(*arguments: str, environment: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """In a process whose output goes into pipes."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def in_terminal(*arguments: str, columns: int = 80, **environment: str) -> str:
    """What a person sees: the output on a terminal of so many columns."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    settings = {"TERM": "xterm-256color", **environment}
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen([*COMMAND, *arguments], env={**inherited, **settings}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = bytearray()
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:
        pass  # the other end was closed
    finally:
        os.close(ours)
        process.wait(60)
    return seen.decode().replace("\r\n", "\n")
