"""`python -m oci_httpx_auth.testing`: run the stand-in, and print its verdict on each request."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from ._fake import FakeOCI
from ._wire import Record


def describe(record: Record) -> str:
    """One line about a request, without secrets."""
    verdict = "verified" if record.signed else "accepted unsigned"
    if record.reason:
        verdict = f"refused: {record.reason}"
    # A client may have put a credential into the query.
    target = record.target.partition("?")[0] + ("?…" if "?" in record.target else "")
    line = f"{record.status} {record.method} {target}  {record.principal or 'nobody known'}  {verdict}"
    return "".join(character if character.isprintable() else "?" for character in line)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m oci_httpx_auth.testing", description="Serve a stand-in for OCI.")
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--directory", help="where to write a config file (default: a new temporary directory)")
    parser.add_argument(
        "--lenient", action="store_true", help="accept any model and compartment, and store without a project"
    )
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    oci = FakeOCI(
        port=options.port, lenient=options.lenient, on_record=lambda record: print(describe(record), flush=True)
    )
    directory = options.directory or tempfile.mkdtemp(prefix="fake-oci-")
    with ExitStack() as stack:
        try:
            stack.enter_context(oci)
        except OSError as error:
            print(f"cannot serve on port {options.port}: {error.strerror}", file=sys.stderr)
            return 1
        print(f"The stand-in runs at {oci.url}. Paste these lines into the shell of your program:\n")
        variables = {
            "OCI_CLI_CONFIG_FILE": str(oci.write_config(directory)),
            "OCI_COMPARTMENT_ID": oci.compartment,
            "OCI_GENAI_BASE_URL": oci.openai_url,
            **oci.environment("instance_principal"),
        }
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
        print("\nStop with Ctrl-C.", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
