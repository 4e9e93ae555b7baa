"""`python -m oci_httpx_auth curl`, run as people run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from .command import COMMAND, SOMEBODY_ELSE, run
from .standin import FakeOCI, Fault

pytestmark = pytest.mark.slow


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


def test_curl_reports_a_refusal_with_its_status_and_probable_cause(oci: FakeOCI, config: Path) -> None:
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


def test_curl_does_not_quote_a_token_that_is_one_argument_too_many(oci: FakeOCI) -> None:
    """Of an argument that it does not know, standard error shows the words but not a secret."""
    token = oci.add_session().token
    done = run("curl", "GET", "https://api.example.com/", token)
    assert done.returncode == 2
    assert "unrecognized arguments" in done.stderr
    assert token[:20] not in done.stderr


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
    assert re.search(r"The response broke off after \d+ bytes", done.stderr)


def test_curl_into_a_closed_pipe_causes_no_traceback(oci: FakeOCI, config: Path) -> None:
    """As in `… | head -0`: the status line is all that is said."""
    read, write = os.pipe()
    os.close(read)
    command = [*COMMAND, "curl", f"{oci.url}/a", "--config-file", str(config)]
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True) as process:
        os.close(write)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(r"200 OK \(opc-request-id \w+\)\n", errors)
