"""`python -m oci_httpx_auth`, or `oci-httpx-signer`: `check` says why OCI would reject a call, `curl` sends a signed one."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from ._curl import parse_data, parse_header, parse_url, send_request
from ._secrecy import hide_secrets
from .credentials._default import MODES
from .diagnosis import DEFAULT_MODEL, check
from .diagnosis.report import Page

_STATUS = {"works": 0, "fails": 1, "unknown": 3}

_CHECK_HELP = """\
exit status:
  0  calls work (there may be warnings)
  1  calls will not work; the verdict says why
  2  wrong usage
  3  could not tell: a service did not respond, or has problems itself

examples:
  %(prog)s
  %(prog)s --profile PROD --region us-chicago-1
  %(prog)s --compartment ocid1.compartment.oc1..aaaa --model openai.gpt-oss-120b
  %(prog)s --json | jq .verdict
"""
_CURL_HELP = """\
The body goes to standard output as it arrives, the status and request id to standard error.

exit status:
  0  the response's status was below 400
  1  it was 400 or more, or there was no complete response
  2  wrong usage

examples:
  %(prog)s https://identity.us-chicago-1.oci.oraclecloud.com/20160918/regions
  %(prog)s -X DELETE -i https://…
  %(prog)s POST https://… -d @body.json -H 'opc-compartment-id: ocid1.compartment.oc1..aaaa'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status, as documented by `--help`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # some terminals lack characters that we print
    try:
        options = _parser().parse_args(arguments)
        status = _check(options) if options.command == "check" else send_request(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader closed the pipe; keep the interpreter from flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """Quotes what it does not understand, but never a key or token."""

    def error(self, message: str) -> NoReturn:
        super().error(hide_secrets(message))


def _parser() -> argparse.ArgumentParser:
    prog = "oci-httpx-signer" if Path(sys.argv[0]).stem == "oci-httpx-signer" else "python -m oci_httpx_auth"
    parser = _Parser(prog=prog, description="Signed requests to OCI.")
    parser.add_argument("--version", action="version", version=_versions())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, about: str, epilog: str) -> argparse.ArgumentParser:
        description, form = f"{about.capitalize()}.", argparse.RawDescriptionHelpFormatter
        added = commands.add_parser(name, help=about, description=description, epilog=epilog, formatter_class=form)
        added.add_argument("--auth", choices=MODES, help="how to authenticate (default: detected, as OCISigner does)")
        added.add_argument("--profile", help="profile of the config file")
        added.add_argument("--config-file", metavar="FILE")
        return added

    add = command("check", "say why OCI would reject a call", _CHECK_HELP).add_argument
    add("--region", help="id or short code (default: OCI_REGION, else the profile's)")
    add("--compartment", dest="compartment_id", metavar="OCID", help="call Generative AI too, for this compartment")
    add("--project", dest="project_id", metavar="OCID", help="call Generative AI too, for this project")
    add("--model", default=DEFAULT_MODEL, help=f"which model to call there (default: {DEFAULT_MODEL})")
    add("--endpoint", metavar="URL", help="the Identity service, if not the region's")
    add("--base-url", metavar="URL", help="Generative AI, if not the region's")
    add("--json", action="store_true", help="print the report as JSON")
    add("--full", action="store_true", help="print OCIDs in full")

    curl = command("curl", "send one signed request", _CURL_HELP)
    add = curl.add_argument
    method = curl.add_mutually_exclusive_group()
    method.add_argument("-X", "--request", dest="method", metavar="METHOD", help="the same as METHOD")
    method.add_argument(
        "method", metavar="METHOD", nargs="?", default=argparse.SUPPRESS, help="default: GET, or POST with data"
    )
    add("url", metavar="URL", type=parse_url)
    add("-d", "--data", type=parse_data, help="the body; @FILE reads a file, @- standard input")
    add("-H", "--header", metavar="NAME: VALUE", type=parse_header, action="append", default=[], help="may be repeated")
    add("-i", "--include", action="store_true", help="print the response's status and headers before its body")
    add("-o", "--output", metavar="FILE", help="write to a file instead of standard output")
    add("--print-headers", action="store_true", help="print the signed headers instead of sending; keep them secret")
    return parser


def _versions() -> str:
    def version_of(name: str) -> str:
        return next((found.version for found in metadata.distributions(name=name)), "(not installed)")

    own, *others = (f"{name} {version_of(name)}" for name in ("oci-httpx-signer", "httpx", "cryptography"))
    return ", ".join((own, f"Python {platform.python_version()}", *others))


def _check(options: argparse.Namespace) -> int:
    logging.getLogger("oci_httpx_auth").addHandler(logging.NullHandler())  # the report says it all
    page = Page(sys.stdout, full=options.full)
    asked = {name: value for name, value in vars(options).items() if name not in ("command", "json", "full")}
    report = check(**asked, listener=None if options.json else page.show)
    report = report if options.full else report.shortened()
    if options.json:
        print(json.dumps(report.as_dict(), indent=2))
        return _STATUS[report.outcome]
    page.print("", "")
    page.print("Verdict: ", report.verdict, "ok" if report.ok else "error")
    if report.next_step:
        page.print("Next:    ", report.next_step)
    for finding in report.findings[1:]:
        page.print("Also:    ", str(finding), "warning" if finding.severity == "warning" else "error")
    return _STATUS[report.outcome]


if __name__ == "__main__":
    sys.exit(main())
