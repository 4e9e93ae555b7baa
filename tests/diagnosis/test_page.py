"""The report as people read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..command import in_terminal
from ..standin import FakeOCI, Fault


@pytest.mark.slow
def test_what_a_server_says_cannot_steer_the_terminal(oci: FakeOCI, config: Path) -> None:
    """Control characters of a message are not printed."""
    oci.fail("identity", Fault(status=503, code="X", message="\033]0;owned\007"))
    shown = in_terminal("check", "--config-file", str(config), "--endpoint", oci.url, NO_COLOR="1")
    assert "\033" not in shown
    assert "]0;owned" in shown
