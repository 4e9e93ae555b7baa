"""The report as people read it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from oci_httpx_auth._verdicts import Finding
from oci_httpx_auth.diagnosis.report import Line, Page, Report, printable

from ..command import in_terminal
from ..standin import FakeOCI, Fault


@pytest.mark.slow
def test_a_servers_message_cannot_steer_the_terminal(oci: FakeOCI, config: Path) -> None:
    """Control characters of a message are not printed."""
    oci.fail("identity", Fault(status=503, code="X", message="\033]0;owned\007"))
    shown = in_terminal("check", "--config-file", str(config), "--endpoint", oci.url, NO_COLOR="1")
    assert "\033" not in shown
    assert "]0;owned" in shown


OCID = f"ocid1.tenancy.oc1..{'a' * 54}ending"


@pytest.mark.parametrize(("full", "shown"), [(False, "ocid1.tenancy.oc1..…ending"), (True, OCID)])
def test_ocids_are_shortened_unless_all_of_them_is_asked_for(full: bool, shown: str) -> None:
    """A report is often shown to others."""
    stream = io.StringIO()
    Page(stream, full=full).show(Line("ok", "user", f"of {OCID}"))
    assert stream.getvalue() == f"ok      user           of {shown}\n"


def test_a_line_in_a_pipe_is_one_line() -> None:
    """State and subject in columns, no colours; what is waited for isn't printed."""
    stream = io.StringIO()
    page = Page(stream, full=True)
    page.show("an answer")
    page.show(Line("ok", "region", "us-chicago-1 " * 20))
    assert stream.getvalue() == f"ok      region         {'us-chicago-1 ' * 20}\n"


def test_a_shared_report_has_whole_ocids_in_commands_alone() -> None:
    """They are to be copied."""
    report = Report((Line("ok", "user", OCID),), (Finding("error", "a-code", f"{OCID} is wrong.", f"Use {OCID}."),))
    shared = report.shortened()
    assert shared.lines[0].text == "ocid1.tenancy.oc1..…ending"
    assert shared.findings[0].cause == "ocid1.tenancy.oc1..…ending is wrong."
    assert shared.findings[0].remedy == f"Use {OCID}."


def test_control_characters_are_made_visible() -> None:
    """Line ends stay."""
    assert printable("a\x1b[31m\r\nb\u202e") == "a?[31m?\nb?"
