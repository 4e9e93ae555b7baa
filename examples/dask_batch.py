"""A batch of prompts on a local Dask cluster, with one signer for all workers.

The signer is sent as its recipe: each worker process loads its own credentials from the same profile, and no key is
sent. With OCI_COMPARTMENT_ID set the prompts go to the real service, otherwise to a stand-in:

    pip install 'oci-httpx-signer[openai]' distributed
    python examples/dask_batch.py [--profile NAME] [--model NAME]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from typing import Any

import models
from distributed import Client, LocalCluster

from oci_httpx_auth import OCISigner
from oci_httpx_auth.openai import create_openai
from oci_httpx_auth.testing import FakeOCI

PROMPTS = [f"Write a haiku about the number {number}." for number in range(8)]


def answer(prompt: str, signer: OCISigner, where: dict[str, Any], model: str) -> tuple[str, int]:
    """Runs on a worker. Dask gives all tasks of a worker the same signer, so they share one refresh."""
    with create_openai(signer=signer, **where) as client:
        completion = client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])
    return completion.choices[0].message.content or "", os.getpid()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help="profile of the OCI config file")
    parser.add_argument("--model", default=models.CHAT)
    options = parser.parse_args()

    with ExitStack() as stack:
        fake, where = None, {}
        if os.environ.get("OCI_COMPARTMENT_ID"):
            signer = OCISigner(profile=options.profile)
        else:
            fake = stack.enter_context(FakeOCI())
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            signer = OCISigner(config_file=fake.write_config(directory))
            where = {"base_url": fake.openai_url, "compartment_id": fake.compartment}
        cluster = stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address=None)
        )
        client = stack.enter_context(Client(cluster))
        shipped = client.scatter(signer, broadcast=True)
        answers = client.gather(
            [client.submit(answer, prompt, shipped, where, options.model, pure=False) for prompt in PROMPTS]
        )
        for prompt, (text, _) in zip(PROMPTS, answers, strict=True):
            print(f"{prompt}  {text}")
        print(f"{len(answers)} prompts answered by {len({worker for _, worker in answers})} processes with one signer")
        if fake is not None:
            signed = sum(record.signed for record in fake.records)
            print(f"the server verified {signed} of {len(fake.records)} requests")


if __name__ == "__main__":
    main()
