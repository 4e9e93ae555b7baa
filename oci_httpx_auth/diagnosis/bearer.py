"""An API key of Generative AI itself: a bearer, with which nothing is signed."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx

from .._secrecy import hidden


class BearerKey(httpx.Auth):
    """Sends the key with each request. Has what `check` asks a signer for."""

    mode = "generative_ai_api_key"
    source = "OCI_GENAI_API_KEY"
    region: str | None = None
    tenancy: str | None = None
    compartment: str | None = None
    project: str | None = None

    def __init__(self, key: str) -> None:
        self._key = hidden(key)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, Any, None]:
        request.headers["authorization"] = f"Bearer {self._key}"
        yield request

    def __repr__(self) -> str:
        return f"<BearerKey of {self.source}>"
