"""`python -m oci_httpx_auth`: `check` says why OCI would reject a call, `curl` sends one that is signed."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import httpx

from ._causes import network_cause
from ._errors import OCIAuthError
from ._signer import OCISigner
from .credentials._default import MODES
from .diagnosis import DEFAULT_MODEL, Report, check

_OCID = re.compile(r"(ocid1\.[a-z0-9]+\.[a-z0-9-]+\.[a-z0-9-]*\.)([.a-zA-Z0-9_-]{12,})")
_COLOURS = {"ok": "32", "note": "2", "warning": "33", "error": "31"}
_SUBJECT = 14  # columns
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)  # seconds; a model may think for minutes


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, 1 (it will not work), 2 (usage)."""
    options = _parser().parse_args(arguments)
    try:
        status = _check(options) if options.command == "check" else _curl(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read has gone. Nothing more is written, also not when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    source = argparse.ArgumentParser(add_help=False)
    source.add_argument("--auth", choices=MODES, help="how to authenticate (default: found out, as OCISigner does)")
    source.add_argument("--profile", help="profile of the config file")
    source.add_argument("--config-file", metavar="FILE")
    parser = argparse.ArgumentParser(prog="python -m oci_httpx_auth", description="Signed requests to OCI.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    checking = commands.add_parser(
        "check",
        parents=[source],
        help="say why OCI would reject a call",
        description="Say why OCI would reject a call.",
    )
    checking.add_argument("--region", help="id or short code (default: OCI_REGION, else the profile's)")
    checking.add_argument("--compartment", metavar="OCID", help="call Generative AI too, for this compartment")
    checking.add_argument("--project", metavar="OCID", help="call Generative AI too, for this project")
    checking.add_argument("--model", default=DEFAULT_MODEL, help=f"whom to call there (default: {DEFAULT_MODEL})")
    checking.add_argument("--endpoint", metavar="URL", help="the Identity service, if not the region's")
    checking.add_argument("--base-url", metavar="URL", help="Generative AI, if not the region's")
    checking.add_argument("--json", action="store_true", help="print the report as JSON")
    checking.add_argument("--full", action="store_true", help="print OCIDs in full")

    sending = commands.add_parser(
        "curl", parents=[source], help="send one signed request", description="Send one signed request. "
        "The body goes to standard output as it comes, status and request id to standard error."
    )  # fmt: skip
    sending.add_argument("method", metavar="METHOD")
    sending.add_argument("url", metavar="URL")
    sending.add_argument("-d", "--data", metavar="DATA", help="the body; @FILE reads a file, @- standard input")
    sending.add_argument("-H", "--header", metavar="NAME: VALUE", action="append", default=[])
    sending.add_argument(
        "--print-headers", action="store_true", help="print the signed headers instead of sending; keep them secret"
    )
    return parser


def _check(options: argparse.Namespace) -> int:
    logging.getLogger("oci_httpx_auth").addHandler(logging.NullHandler())  # the report says it all
    report = check(
        auth=options.auth,
        profile=options.profile,
        config_file=options.config_file,
        region=options.region,
        compartment_id=options.compartment,
        project_id=options.project,
        model=options.model,
        endpoint=options.endpoint,
        base_url=options.base_url,
    )
    if options.json:
        text = json.dumps(report.as_dict(), indent=2)
        print(text if options.full else shorten(text))
    else:
        _print_report(report, sys.stdout, full=options.full)
    return 0 if report.ok else 1


def _print_report(report: Report, stream: TextIO, *, full: bool) -> None:
    terminal = stream.isatty()
    coloured = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    columns = max(shutil.get_terminal_size().columns, 40) if terminal else None

    def put(label: str, text: str, state: str = "") -> None:
        text = _printable(text if full else shorten(text))
        margin = " " * (len(label) if columns is None else min(len(label), columns // 2))
        for number, paragraph in enumerate(text.split("\n")):
            lines = [paragraph]
            if columns is not None:  # long words stay whole, since keys and commands are copied
                wrap = textwrap.TextWrapper(columns - len(margin), break_long_words=False, break_on_hyphens=False)
                lines = wrap.wrap(paragraph) or [""]
            for line in lines:
                shown = label if number == 0 and line is lines[0] else margin
                if coloured and state and shown == label:
                    shown = f"\033[{_COLOURS[state]}m{shown}\033[0m"
                print(f"{shown}{line}", file=stream)

    for line in report.lines:
        put(f"{line.state:<8}{line.subject:<{_SUBJECT}} ", line.text, line.state)
    print(file=stream)
    put("Verdict: ", report.verdict, "ok" if report.ok else "error")
    if report.next_step:
        put("Next:    ", report.next_step)
    for finding in report.findings[1:]:
        put("Also:    ", f"{finding.cause} {finding.remedy}", finding.severity)


def _curl(options: argparse.Namespace) -> int:
    try:
        headers, content = _headers(options.header), _data(options.data)
        if "://" not in options.url:
            raise ValueError(f"{options.url} is not a URL; it begins with https://")
    except ValueError as error:
        print(f"curl: {error}", file=sys.stderr)
        return 2
    if content is not None and "content-type" not in headers:
        headers["content-type"] = "application/json"
    try:
        signer = OCISigner(auth=options.auth, profile=options.profile, config_file=options.config_file)
        if options.print_headers:
            for name, value in signer.signed_headers(options.method, options.url, headers, content or b"").items():
                print(f"{name}: {value}")
            return 0
        return _send(signer, options.method, options.url, headers, content)
    except OCIAuthError as error:
        print(error, file=sys.stderr)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        print(f"{options.url}: {error}", file=sys.stderr)
        return 2
    except httpx.HTTPError as error:
        print(f"{options.url}: {network_cause(error)} ({error or type(error).__name__})", file=sys.stderr)
    return 1


def _send(signer: OCISigner, method: str, url: str, headers: dict[str, str], content: bytes | None) -> int:
    with (
        httpx.Client(auth=signer, timeout=_TIMEOUT, follow_redirects=False) as client,
        client.stream(method, url, headers=headers, content=content) as answer,
    ):
        request_id = answer.headers.get("opc-request-id", "none")
        print(
            _printable(f"{answer.status_code} {answer.reason_phrase} (opc-request-id {request_id})"),
            file=sys.stderr,
            flush=True,
        )
        for chunk in answer.iter_bytes():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return 0 if answer.status_code < 400 else 1


def _headers(given: Sequence[str]) -> dict[str, str]:
    """The `-H` options. Raises `ValueError`."""
    headers = {}
    for header in given:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ValueError("a header looks like 'Name: value'")
        headers[name.strip().lower()] = value.strip()
    return headers


def _data(given: str | None) -> bytes | None:
    """The `-d` option. Raises `ValueError` for a file that cannot be read."""
    if given is None or not given.startswith("@"):
        return None if given is None else given.encode(errors="surrogateescape")
    if given == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(given[1:]).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"{given[1:]} cannot be read: {error.strerror}") from None


def shorten(text: str) -> str:
    """OCIDs by their type and last characters: a report is often shown to others."""
    return _OCID.sub(lambda match: f"{match[1]}…{match[2][-6:]}", text)


def _printable(text: str) -> str:
    """What a server or a file says must not steer the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


if __name__ == "__main__":
    sys.exit(main())
