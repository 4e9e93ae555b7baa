"""Generative AI from a GitHub Actions job, without any stored OCI key.

The job's OIDC token is exchanged for an OCI token at the identity domain, which needs an identity propagation trust
for `https://token.actions.githubusercontent.com`. In the workflow:

    permissions:
      id-token: write
    env:
      OCI_DOMAIN: https://idcs-….identity.oraclecloud.com
      OCI_CLIENT_ID: …
      OCI_CLIENT_SECRET: ${{ secrets.OCI_CLIENT_SECRET }}
      OCI_REGION: us-chicago-1
      OCI_COMPARTMENT_ID: ocid1.compartment.oc1..…
"""

from __future__ import annotations

import os

import httpx
import models

from oci_httpx_auth import OCISigner, TokenExchange
from oci_httpx_auth.openai import create_openai


def github_token() -> str:
    """A fresh OIDC token of this job. GitHub's tokens last five minutes, so each exchange requests a new one."""
    response = httpx.get(
        os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"],
        params={"audience": os.environ.get("OCI_AUDIENCE", "oci")},
        headers={"authorization": f"Bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
    )
    response.raise_for_status()
    return str(response.json()["value"])


def main() -> None:
    signer = OCISigner(
        TokenExchange(
            domain=os.environ["OCI_DOMAIN"],
            client_id=os.environ["OCI_CLIENT_ID"],
            client_secret=os.environ["OCI_CLIENT_SECRET"],
            subject_token=github_token,
        )
    )
    # OCI_BASE_URL is for the stand-in.
    with create_openai(signer=signer, base_url=os.environ.get("OCI_BASE_URL")) as client:
        completion = client.chat.completions.create(
            model=models.CHAT, messages=[{"role": "user", "content": "Say hello from GitHub Actions."}]
        )
    print(completion.choices[0].message.content)


if __name__ == "__main__":
    main()
