"""What the framework examples share: the real service or its stand-in, the models, and the proof at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oci_httpx_auth import OCISigner
from oci_httpx_auth.testing import FakeOCI

# Where the endpoints are that some examples add to the stand-in.
sys.path.append(str(Path(__file__).parent.parent))

import models

MODEL, EMBEDDING_MODEL, GOOGLE_MODEL = models.CHAT, models.EMBEDDING, models.GOOGLE
REALTIME_MODEL = models.REALTIME


@dataclass(frozen=True)
class OCI:
    """Where an example sends its requests, and who signs them. `fake` is the stand-in, if it is one, and
    `config_file` its OCI config file."""

    signer: OCISigner
    region: str
    url: str
    compartment: str
    fake: FakeOCI | None = None
    config_file: str | None = None
    model: str = MODEL

    @property
    def base_url(self) -> str:
        """What OpenAI clients call base_url."""
        return f"{self.url}/openai/v1"

    @property
    def embeddings_url(self) -> str:
        """The base URL of a model deployment that serves embeddings: OCI_EMBEDDINGS_URL, if this is the real service."""
        return f"{self.url}{models.STAND_IN_DEPLOYMENT}" if self.fake else os.environ["OCI_EMBEDDINGS_URL"]

    @property
    def identity(self) -> str:
        """Where the Identity service is."""
        return self.url if self.fake else f"https://identity.{self.region}.oci.{self.domain}"

    @property
    def storage(self) -> str:
        """Where Object Storage is."""
        return self.url if self.fake else f"https://objectstorage.{self.region}.{self.domain}"

    @property
    def domain(self) -> str:
        """That of the region's realm."""
        return self.url.partition(".oci.")[2]

    @property
    def project(self) -> str | None:
        """The project, without which OCI serves chat completions but no responses."""
        return os.environ.get("OCI_PROJECT_ID") or (models.STAND_IN_PROJECT if self.fake else None)

    @property
    def options(self) -> dict[str, Any]:
        """What `create_openai` and `create_async_openai` are given."""
        where = {"compartment_id": self.compartment, "project_id": self.project}
        return {"signer": self.signer, "base_url": self.base_url, **where}

    @property
    def headers(self) -> dict[str, str]:
        """What OCI Generative AI wants to know besides the signature: the compartment, and the project if there is one."""
        return {"opc-compartment-id": self.compartment, **({"OpenAI-Project": self.project} if self.project else {})}


class WithholdingSigner(OCISigner):
    """Leaves its first request unsigned, as a framework does that goes past the signer."""

    withheld = False

    def _withholds(self) -> bool:
        first, self.withheld = not self.withheld, True
        return first

    def sync_auth_flow(self, request: Any) -> Any:
        def unsigned() -> Any:
            yield request

        return unsigned() if self._withholds() else super().sync_auth_flow(request)

    def async_auth_flow(self, request: Any) -> Any:
        async def unsigned() -> Any:
            yield request

        return unsigned() if self._withholds() else super().async_auth_flow(request)

    def signed_headers(self, *args: Any, **options: Any) -> dict[str, str]:
        return {} if self._withholds() else super().signed_headers(*args, **options)

    async def asigned_headers(self, *args: Any, **options: Any) -> dict[str, str]:
        return {} if self._withholds() else await super().asigned_headers(*args, **options)


def make_signer(config_file: str | os.PathLike[str] | None = None) -> OCISigner:
    """The example's signer. With EXAMPLES_WITHHOLD set one signature is withheld, to see that the example fails then."""
    signer_class = WithholdingSigner if os.environ.get("EXAMPLES_WITHHOLD") else OCISigner
    return signer_class(config_file=config_file)


def inference_url(signer: OCISigner, region: str, compartment: str) -> str:
    """Generative AI's address without a path, in the domain of the region's realm, which the factories know."""
    from oci_httpx_auth.openai import create_openai

    with create_openai(signer=signer, region=region, compartment_id=compartment) as client:
        return str(client.base_url).partition("/openai/")[0]


@contextmanager
def oci(*add_endpoints: Callable[[FakeOCI], None]) -> Iterator[OCI]:
    """The real service where OCI_COMPARTMENT_ID is set, else a stand-in, which at the end reports what it verified.

    Each of `add_endpoints` gives the stand-in something to serve that it does not have by itself.
    The process exits with 1 if a single request reached the stand-in unsigned, whatever the framework made of it.
    """
    if compartment := os.environ.get("OCI_COMPARTMENT_ID"):
        signer = make_signer()
        region = os.environ.get("OCI_REGION") or signer.region
        if not region:
            raise SystemExit("No region is known: set OCI_REGION.")
        yield OCI(signer, region, inference_url(signer, region, compartment), compartment)
        return
    with FakeOCI() as fake, tempfile.TemporaryDirectory() as directory:
        for add_to in add_endpoints:
            add_to(fake)
        config_file = fake.write_config(directory)
        signer = make_signer(config_file)
        try:
            yield OCI(signer, signer.region or "", fake.url, fake.compartment, fake, str(config_file))
        finally:
            good = sum(record.signed and record.status < 400 for record in fake.records)
            print(f"the server verified {good} of {len(fake.records)} requests")
    if not good or good < len(fake.records):
        raise SystemExit(1)
