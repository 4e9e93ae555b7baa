"""`python -m oci_httpx_auth`, run as people run it: in a process, in a pipe, in a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from .standin import FakeOCI, Fault

pytestmark = pytest.mark.slow

pty = pytest.importorskip("pty", reason="there are no such terminals on Windows")

SOMEBODY_ELSE = f"ocid1.user.oc1..{'somebody' * 7}else"

COMMAND = [sys.executable, "-m", "oci_httpx_auth"]


@pytest.fixture
def config(oci: FakeOCI, tmp_path: Path) -> Path:
    return oci.write_config(tmp_path)


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


def test_what_will_not_work_is_status_1_and_wrong_usage_2(oci: FakeOCI, config: Path) -> None:
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


def test_what_else_is_wrong_is_reported_after_the_cause(oci: FakeOCI, config: Path) -> None:
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


def test_curl_prints_the_body_on_one_stream_and_the_status_on_the_other(oci: FakeOCI, config: Path) -> None:
    """Standard output can be piped on; the request was signed, its content type JSON."""
    body = json.dumps({"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}]})
    url, header = f"{oci.openai_url}/chat/completions", f"opc-compartment-id: {oci.compartment}"
    done = run("curl", "POST", url, "--config-file", str(config), "-d", body, "-H", header)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "You said: Hi"
    request_id = done.stderr.partition("opc-request-id ")[2].rstrip(")\n")
    assert done.stderr == f"200 OK (opc-request-id {request_id})\n"
    assert oci.records[-1].signed
    assert ("content-type", "application/json") in oci.records[-1].headers


def test_curl_takes_data_from_a_file_and_from_standard_input(oci: FakeOCI, config: Path, tmp_path: Path) -> None:
    """`-d @FILE` and `-d @-`, byte by byte; a file that is not there is a usage error that names it."""
    (tmp_path / "data").write_bytes(b"\x00\xff\n")
    options = ("--config-file", str(config), "-H", "Content-Type: application/octet-stream")
    assert run("curl", "PUT", f"{oci.url}/a", *options, "-d", f"@{tmp_path / 'data'}").returncode == 0
    assert oci.records[-1].body == b"\x00\xff\n"
    assert ("content-type", "application/octet-stream") in oci.records[-1].headers
    assert run("curl", "PUT", f"{oci.url}/a", *options, "-d", "@-", input="piped").returncode == 0
    assert oci.records[-1].body == b"piped"
    missing = run("curl", "PUT", f"{oci.url}/a", *options, "-d", "@/nowhere/file")
    assert missing.returncode == 2
    assert "/nowhere/file cannot be read" in missing.stderr


def test_curl_passes_chunks_on_as_they_come(oci: FakeOCI, config: Path) -> None:
    """The first words of a stream are there before its last were sent."""
    oci.script("one two three")
    oci.stream_delay = 0.5
    body = json.dumps({"model": "openai.gpt-oss-20b", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
    header = f"opc-compartment-id: {oci.compartment}"
    arguments = ("curl", "POST", f"{oci.openai_url}/chat/completions", "--config-file", str(config))
    with subprocess.Popen(
        [*COMMAND, *arguments, "-d", body, "-H", header], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert process.poll() is None  # it is still at it
        rest = process.stdout.read()
    assert first.startswith(b"data: ")
    assert b"[DONE]" not in first
    assert b"[DONE]" in rest


def test_curl_tells_a_refusal_by_status_and_its_probable_cause(oci: FakeOCI, config: Path) -> None:
    """Status 1; the log's warning says what is known."""
    config.write_text(config.read_text().replace(oci.user, SOMEBODY_ELSE))
    done = run("curl", "GET", f"{oci.url}/a", "--config-file", str(config))
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "NotAuthenticated"
    assert "it has no such API key" in done.stderr
    assert "401" in done.stderr.splitlines()[-1]


def test_curl_prints_headers_that_another_tool_can_send(oci: FakeOCI, config: Path) -> None:
    """`--print-headers` sends nothing; what it prints is accepted."""
    import httpx

    url = f"{oci.url}/print?me=%7E"
    done = run("curl", "GET", url, "--config-file", str(config), "--print-headers")
    assert oci.records == []
    headers = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert httpx.get(url, headers=headers).status_code == 200
    assert oci.records[-1].signed


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["GET", "nonsense"], 2, "is not a URL"),
        (["GET", "ftp://127.0.0.1/x"], 1, "https only"),
        (["GET", "http://127.0.0.1/", "-H", "no colon"], 2, "Name: value"),
        (["GET", "https://127.0.0.1:9/"], 1, "The host 127.0.0.1 refuses connections"),
        (["GET", "https://127.0.0.1:port/"], 2, "Invalid port"),
        (["GET", "http://example.com/"], 1, "https only"),
    ],
)
def test_curl_explains_what_it_cannot_do(config: Path, arguments: list[str], status: int, says: str) -> None:
    """One line on standard error, no traceback, nothing on standard output."""
    done = run("curl", *arguments, "--config-file", str(config))
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


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


def test_what_a_server_says_cannot_steer_the_terminal(oci: FakeOCI, config: Path) -> None:
    """Control characters of a message are not printed."""
    oci.fail("identity", Fault(status=503, code="X", message="\033]0;owned\007"))
    shown = in_terminal("check", "--config-file", str(config), "--endpoint", oci.url, NO_COLOR="1")
    assert "\033" not in shown
    assert "]0;owned" in shown


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


def test_lines_come_as_they_are_found_with_what_is_waited_for(oci: FakeOCI, config: Path) -> None:
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


def test_json_tells_its_version_and_outcome(oci: FakeOCI, config: Path) -> None:
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


def test_output_that_is_not_utf8_is_no_traceback(oci: FakeOCI, config: Path) -> None:
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


def test_curl_takes_the_method_and_headers_as_curl_does(oci: FakeOCI, config: Path, tmp_path: Path) -> None:
    """`-X`, a GET without it and a POST with data; a repeated `-H` goes out repeatedly."""
    options = ("--config-file", str(config))
    assert run("curl", f"{oci.url}/a", *options).returncode == 0
    assert run("curl", f"{oci.url}/a", *options, "-d", "{}").returncode == 0
    done = run("curl", "-X", "DELETE", f"{oci.url}/a", *options, "-H", "X-One: 1", "-H", "X-One: 2")
    assert done.returncode == 0, done.stderr
    assert [record.method for record in oci.records] == ["GET", "POST", "DELETE"]
    assert [value for name, value in oci.records[-1].headers if name.lower() == "x-one"] == ["1", "2"]
    assert all(record.signed for record in oci.records)
    assert run("curl", "-X", "PUT", "GET", f"{oci.url}/a", *options).returncode == 2


def test_curl_shows_headers_and_writes_to_a_file(oci: FakeOCI, config: Path, tmp_path: Path) -> None:
    """`-i` and `-o`; a file that cannot be written is said in one line."""
    target = tmp_path / "answer"
    done = run("curl", f"{oci.url}/a", "--config-file", str(config), "-i", "-o", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    head, _, body = target.read_bytes().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"opc-request-id: " in head.lower()
    assert json.loads(body)["method"] == "GET"
    failed = run("curl", f"{oci.url}/a", "--config-file", str(config), "-o", str(tmp_path / "no" / "answer"))
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert "No such file or directory" in failed.stderr


def test_curl_says_that_an_answer_broke_off(oci: FakeOCI, config: Path) -> None:
    """And after how many bytes; status 1."""
    oci.fail("echo", Fault(truncate=True))
    done = run("curl", f"{oci.url}/a", "--config-file", str(config))
    assert done.returncode == 1
    assert re.search(r"The answer broke off after \d+ bytes", done.stderr)
