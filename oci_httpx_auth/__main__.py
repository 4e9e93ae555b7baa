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

from ._curl import send_request
from .credentials._default import MODES
from .diagnosis import DEFAULT_MODEL, check
from .diagnosis.page import Page, shorten_report

_STATUS = {"works": 0, "fails": 1, "unknown": 3}

_CHECK_HELP = """\
exit status:
  0  calls work (there may be warnings)
  1  calls will not work; the verdict says why
  2  wrong usage
  3  could not tell: a service did not answer, or has trouble of its own

examples:
  %(prog)s
  %(prog)s --profile PROD --region us-chicago-1
  %(prog)s --compartment ocid1.compartment.oc1..aaaa --model openai.gpt-oss-120b
  %(prog)s --json | jq .verdict
"""
_CURL_HELP = """\
The body goes to standard output as it comes, status and request id to standard error.

exit status:
  0  the answer's status was below 400
  1  it was 400 or more, or there was no whole answer
  2  wrong usage

examples:
  %(prog)s https://identity.us-chicago-1.oci.oraclecloud.com/20160918/regions
  %(prog)s -X DELETE -i https://…
  %(prog)s POST https://… -d @body.json -H 'opc-compartment-id: ocid1.compartment.oc1..aaaa'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, as `--help` lists them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows fewer letters than we use
    options = _parser().parse_args(arguments)
    try:
        status = _check(options) if options.command == "check" else send_request(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader closed the pipe; keep the interpreter from flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    source = argparse.ArgumentParser(add_help=False)
    source.add_argument("--auth", choices=MODES, help="how to authenticate (default: found out, as OCISigner does)")
    source.add_argument("--profile", help="profile of the config file")
    source.add_argument("--config-file", metavar="FILE")
    prog = "oci-httpx-signer" if Path(sys.argv[0]).stem == "oci-httpx-signer" else "python -m oci_httpx_auth"
    parser = argparse.ArgumentParser(prog=prog, description="Signed requests to OCI.")
    parser.add_argument("--version", action="version", version=_versions())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter

    about = "say why OCI would reject a call"
    checking = commands.add_parser(
        "check",
        parents=[source],
        help=about,
        description=f"{about.capitalize()}.",
        epilog=_CHECK_HELP,
        formatter_class=raw,
    )
    checking.add_argument("--region", help="id or short code (default: OCI_REGION, else the profile's)")
    checking.add_argument("--compartment", metavar="OCID", help="call Generative AI too, for this compartment")
    checking.add_argument("--project", metavar="OCID", help="call Generative AI too, for this project")
    checking.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"which model to call there (default: {DEFAULT_MODEL})"
    )
    checking.add_argument("--endpoint", metavar="URL", help="the Identity service, if not the region's")
    checking.add_argument("--base-url", metavar="URL", help="Generative AI, if not the region's")
    checking.add_argument("--json", action="store_true", help="print the report as JSON")
    checking.add_argument("--full", action="store_true", help="print OCIDs in full")

    about = "send one signed request"
    sending = commands.add_parser(
        "curl",
        parents=[source],
        help=about,
        description=f"{about.capitalize()}.",
        epilog=_CURL_HELP,
        formatter_class=raw,
    )
    sending.add_argument("target", metavar="[METHOD] URL", nargs="+", help="GET unless said, POST with data")
    sending.add_argument("-X", "--request", metavar="METHOD")
    sending.add_argument("-d", "--data", metavar="DATA", help="the body; @FILE reads a file, @- standard input")
    sending.add_argument("-H", "--header", metavar="NAME: VALUE", action="append", default=[], help="may be repeated")
    sending.add_argument(
        "-i", "--include", action="store_true", help="print the answer's status and headers before its body"
    )
    sending.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of standard output")
    sending.add_argument(
        "--print-headers", action="store_true", help="print the signed headers instead of sending; keep them secret"
    )
    return parser


def _versions() -> str:
    try:
        own = metadata.version("oci-httpx-signer")
    except metadata.PackageNotFoundError:
        own = "(not installed)"
    others = ", ".join(f"{name} {metadata.version(name)}" for name in ("httpx", "cryptography"))
    return f"oci-httpx-signer {own}, Python {platform.python_version()}, {others}"


def _check(options: argparse.Namespace) -> int:
    logging.getLogger("oci_httpx_auth").addHandler(logging.NullHandler())  # the report says it all
    page = Page(sys.stdout, full=options.full)
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
        listener=None if options.json else page.show,
    )
    if options.json:
        print(json.dumps(report.as_dict() if options.full else shorten_report(report.as_dict()), indent=2))
        return _STATUS[report.outcome]
    page.put("", "")
    page.put("Verdict: ", report.verdict, "ok" if report.ok else "error")
    if report.next_step:
        page.put("Next:    ", report.next_step, whole=True)
    for finding in report.findings[1:]:
        page.put(
            "Also:    ", f"{finding.cause} {finding.remedy}", "warning" if finding.severity == "warning" else "error"
        )
    return _STATUS[report.outcome]


if __name__ == "__main__":
    sys.exit(main())
