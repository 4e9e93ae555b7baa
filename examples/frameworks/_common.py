"""What the framework examples share: the real service or its stand-in, and the proof at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oci_httpx_auth import OCISigner
from oci_httpx_auth.testing import FakeOCI

# Where the endpoints are that some examples add to the stand-in.
sys.path.append(str(Path(__file__).parent.parent))


@dataclass(frozen=True)
class OCI:
    """Where an example sends its requests, and who signs them. `fake` is the stand-in, if it is one."""

    signer: OCISigner
    region: str
    url: str
    compartment: str
    fake: FakeOCI | None = None
    model: str = "openai.gpt-oss-120b"

    @property
    def base_url(self) -> str:
        """What OpenAI clients call base_url."""
        return f"{self.url}/openai/v1"

    @property
    def headers(self) -> dict[str, str]:
        """What OCI Generative AI wants to know besides the signature: the compartment, and the project if there is one."""
        project = os.environ.get("OCI_PROJECT_ID")
        return {"opc-compartment-id": self.compartment, **({"OpenAI-Project": project} if project else {})}


@contextmanager
def oci(*add_endpoints: Callable[[FakeOCI], None]) -> Iterator[OCI]:
    """The real service where OCI_COMPARTMENT_ID is set, else a stand-in, which at the end tells what it verified.

    Each of `add_endpoints` gives the stand-in something to serve that it does not have by itself.
    """
    if compartment := os.environ.get("OCI_COMPARTMENT_ID"):
        signer = OCISigner()
        region = os.environ.get("OCI_REGION") or signer.region
        if not region:
            raise SystemExit("No region is known: set OCI_REGION.")
        yield OCI(signer, region, f"https://inference.generativeai.{region}.oci.oraclecloud.com", compartment)
        return
    with FakeOCI() as fake, tempfile.TemporaryDirectory() as directory:
        for add_to in add_endpoints:
            add_to(fake)
        signer = OCISigner(config_file=fake.write_config(directory))
        yield OCI(signer, signer.region or "", fake.url, fake.compartment, fake)
    good = sum(record.signed and record.status < 400 for record in fake.records)
    print(f"the server verified {good} of {len(fake.records)} requests")
    if not good or good < len(fake.records):
        raise SystemExit(1)
