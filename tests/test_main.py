"""`python -m oci_httpx_auth`, run as people run it: in a process, in a pipe, in a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from .command import COMMAND, SOMEBODY_ELSE, in_terminal, run
from .standin import FakeOCI, Fault

pytestmark = pytest.mark.slow


def test_check_in_a_pipe_has_one_line_for_each_thing_and_a_verdict(oci: FakeOCI, config: Path) -> None:
    """No colours, no wrapped lines, OCIDs shortened; status 0."""
    done = run("check", "--config-file", str(config), "--endpoint", oci.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\033" not in done.stdout
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:8]] == ["ok"] * 7 + ["note"]
    assert lines[-1] == "Verdict: Calls are signed and accepted."
    assert oci.tenancy not in done.stdout
    assert oci.tenancy[-6:] in done.stdout


def test_full_shows_ocids_whole(oci: FakeOCI, config: Path) -> None:
    """`--full`, for a person who has to compare them."""
    done = run("check", "--config-file", str(config), "--endpoint", oci.url, "--full")
    assert oci.tenancy in done.stdout
    assert oci.user in done.stdout


def test_the_exit_status_is_1_for_failures_and_2_for_wrong_usage(oci: FakeOCI, config: Path) -> None:
    """As scripts want it; warnings alone do not fail."""
    oci.fail("identity", Fault(status=503))
    failed = run("check", "--config-file", str(config), "--endpoint", oci.url)
    assert failed.returncode == 3  # it could not be told
    assert "Verdict: Identity answered 503" in failed.stdout
    assert failed.stderr == ""
    oci.clock_offset = 3600
    warned = run("check", "--config-file", str(config), "--endpoint", oci.url)
    assert warned.returncode == 0
    assert "Verdict: Calls are signed and accepted. But: This machine's clock is 60 min behind" in warned.stdout
    assert run("check", "--auth", "password").returncode == 2
    assert run().returncode == 2


@pytest.mark.parametrize("full", [False, True])
def test_json_is_for_machines(oci: FakeOCI, config: Path, full: bool) -> None:
    """The whole report, and nothing else on either stream."""
    options = ["--full"] if full else []
    done = run("check", "--config-file", str(config), "--endpoint", oci.url, "--json", *options)
    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert report["ok"] is True
    assert {line["state"] for line in report["lines"]} == {"ok", "note"}
    assert report["findings"] == []
    assert (oci.tenancy in done.stdout) is full


def test_a_terminal_has_colours_and_80_columns(oci: FakeOCI, config: Path) -> None:
    """Nothing is wider than the terminal, nothing is lost by wrapping, and what is broken is red."""
    oci.remove_api_key(oci.add_api_key())
    config.write_text(config.read_text().replace(oci.user, SOMEBODY_ELSE))
    arguments = ("check", "--config-file", str(config), "--endpoint", oci.url)
    shown = in_terminal(*arguments)
    assert "\033[31merror" in shown
    assert "\033[32mok" in shown
    plain = in_terminal(*arguments, NO_COLOR="1")
    assert "\033" not in plain
    lines = plain.splitlines()
    assert all(len(line) <= 80 or len(line.split()) == 1 for line in lines)  # a long path stays whole
    words = " ".join(plain.split())
    assert "Verdict: OCI has no API key" in words
    assert "a new key takes a minute to become active." in words
    assert "-----BEGIN PUBLIC KEY-----" in words
    assert "\033" not in in_terminal(*arguments, TERM="dumb")


def test_further_findings_follow_the_cause(oci: FakeOCI, config: Path) -> None:
    """The clock is off, and the key is not known either."""
    config.write_text(config.read_text().replace(oci.user, SOMEBODY_ELSE))
    oci.clock_offset = -7200.0
    done = run("check", "--config-file", str(config), "--endpoint", oci.url)
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if line.startswith(("Verdict: ", "Next: ", "Also: "))]
    assert [line.split(":")[0] for line in told] == ["Verdict", "Next", "Also"]
    assert "OCI has no API key" in told[0]
    assert "clock is 2 h ahead" in told[2]


def test_the_key_to_upload_can_be_copied_from_a_terminal(oci: FakeOCI, config: Path) -> None:
    """It is printed as PEM, which nothing has broken."""
    config.write_text(config.read_text().replace(oci.user, SOMEBODY_ELSE))
    shown = in_terminal("check", "--config-file", str(config), "--endpoint", oci.url, NO_COLOR="1")
    lines = [line.strip() for line in shown.splitlines()]
    key_file = Path(re.findall("^key_file = (.*)$", config.read_text(), re.MULTILINE)[0])
    pem = "\n".join(lines[lines.index("-----BEGIN PUBLIC KEY-----") : lines.index("-----END PUBLIC KEY-----") + 1])
    private = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert serialization.load_pem_public_key(pem.encode()) == private.public_key()


def test_a_closed_pipe_causes_no_traceback(oci: FakeOCI, config: Path) -> None:
    """As in `… | head -1`."""
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [*COMMAND, "check", "--config-file", str(config), "--endpoint", oci.url],
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    _, errors = process.communicate(timeout=60)
    assert errors == b""
    assert process.returncode == 1


def test_control_c_ends_it_without_a_traceback(oci: FakeOCI, config: Path) -> None:
    """Control-C is answered as shells expect: nothing more is said, and the status is 130."""
    asked = threading.Event()

    def hang(service: str, record: Any) -> Fault:
        asked.set()
        return Fault(hang=True)

    oci.fault_source = hang
    arguments = [*COMMAND, "curl", "GET", f"{oci.url}/x", "--config-file", str(config)]
    # Whoever runs the tests in the background may have it ignored, which children would inherit; a handler they do not.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, inherited)
    with process:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130


def test_help_has_examples_and_exit_statuses() -> None:
    """Of both commands; and the versions that a report of a mistake needs."""
    for command in ("check", "curl"):
        text = run(command, "--help").stdout
        assert "exit status:" in text
        assert "examples:" in text
        assert f"python -m oci_httpx_auth {command}" in text
    assert re.search(r"oci-httpx-signer .*, Python 3\.\d+\.\d+, httpx \d", run("--version").stdout)


def test_lines_appear_as_they_are_found_with_what_is_awaited(oci: FakeOCI, config: Path) -> None:
    """While Identity keeps silent, the lines before it are there; on a terminal also who is being waited for."""
    asked, go_on = threading.Event(), threading.Event()

    def hang(service: str, record: Any) -> None:
        if service == "identity":
            asked.set()
            go_on.wait(20)

    oci.fault_source = hang
    arguments = [*COMMAND, "check", "--config-file", str(config), "--endpoint", oci.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(4)]
        assert asked.wait(20)
        go_on.set()
        rest = process.stdout.read()
    assert [line.split()[1] for line in seen] == ["source", "profile", "user", "key"]
    assert "signed call" in rest
    shown = in_terminal("check", "--config-file", str(config), "--endpoint", oci.url, NO_COLOR="1")
    assert re.search(r"\.\.\. signed call: waiting for 127\.0\.0\.1:\d+, 5 s at most", shown)


def test_json_has_its_version_and_the_outcome(oci: FakeOCI, config: Path) -> None:
    """A program can tell a failure from what could not be told; OCIDs of commands stay whole."""
    oci.fail(
        "inference", Fault(status=404, code="404", message="Authorization failed or requested resource not found.")
    )
    oci.fail(
        "inference", Fault(status=404, code="404", message="Authorization failed or requested resource not found.")
    )
    options = ("--config-file", str(config), "--endpoint", oci.url, "--base-url", oci.openai_url)
    report = json.loads(run("check", *options, "--compartment", oci.compartment, "--json").stdout)
    assert (report["version"], report["ok"], report["outcome"]) == (1, False, "fails")
    assert oci.compartment in report["next_step"]
    assert oci.compartment not in report["verdict"]
    oci.fail("identity", Fault(status=503))
    assert json.loads(run("check", *options, "--json").stdout)["outcome"] == "unknown"


def test_output_that_is_not_utf8_causes_no_traceback(oci: FakeOCI, config: Path) -> None:
    """Letters that the terminal does not have are replaced."""
    done = run("check", "--config-file", str(config), "--endpoint", oci.url, environment={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Verdict: Calls are signed and accepted." in done.stdout


def test_a_limit_of_tokens_that_a_model_does_not_take_is_not_the_callers_fault(oci: FakeOCI, config: Path) -> None:
    """`check` asks again without it."""
    oci.fail("inference", Fault(status=400, code="400", message="Unsupported parameter: 'max_tokens'."))
    options = ("--config-file", str(config), "--endpoint", oci.url, "--base-url", oci.openai_url)
    done = run("check", *options, "--compartment", oci.compartment)
    assert done.returncode == 0, done.stdout
    assert [b"max_tokens" in record.body for record in oci.records if record.service == "inference"] == [True, False]
