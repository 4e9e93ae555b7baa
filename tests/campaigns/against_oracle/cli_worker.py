"""What the OCI CLI itself finds: a process that answers one case per line, for `test_cli_resolution`.

A case sets the whole environment and gives the command line's options. The CLI's own command is run up to the point
where it has its configuration and signer; only the classes that would ask the metadata service are replaced.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any

import click
import oci
from oci_cli import cli_util
from oci_cli.cli_root import cli

FIELDS = ("user", "tenancy", "fingerprint", "key_file", "key_content", "pass_phrase", "security_token_file")

found: dict[str, Any] = {}


class Instance:
    """In the place of the SDK's instance principals: keeps what it was made of."""

    def __init__(self, **options: Any) -> None:
        found["delegation_token"] = options.get("delegation_token")


class Delegated(Instance):
    """In the place of the SDK's instance principals with a delegation token."""


oci.auth.signers.InstancePrincipalsSecurityTokenSigner = Instance
oci.auth.signers.InstancePrincipalsDelegationTokenSigner = Delegated


@cli.command("find")
@click.pass_context
@cli_util.wrap_exceptions
def find(ctx: click.Context) -> None:
    """What every command does before its request."""
    config = cli_util.create_config_and_signer_based_on_click_context(ctx).config
    found.update({field: config.get(field) for field in FIELDS})
    region = config.get("region")
    found["region"] = oci.regions.get_region_from_short_name(region) if region else None
    found["mode"] = ctx.obj["auth"]


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """The fields that the CLI has found, or its error."""
    found.clear()
    os.environ.clear()
    os.environ.update(case["environment"])
    sys.stdin, said = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.main([*case["options"], "find"], prog_name="oci", standalone_mode=False)
    except (Exception, SystemExit) as error:
        return {"error": f"{type(error).__name__}: {error} {said.getvalue()}"}
    return {"found": dict(found)}


if __name__ == "__main__":
    cases, answers = sys.stdin, sys.stdout
    for line in cases:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
