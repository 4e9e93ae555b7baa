"""What one walk of `check` was asked for, and what it has learned so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from .._credential import CredentialProvider
from .._secrecy import hidden
from .._signer import OCISigner
from ..credentials._config import Profile
from .report import Notebook


class BearerKey(httpx.Auth):
    """An API key of Generative AI, sent with each request; nothing is signed. Has what `check` asks a signer for."""

    mode = "generative_ai_api_key"
    region: str | None = None
    tenancy: str | None = None
    compartment: str | None = None
    project: str | None = None

    def __init__(self, key: str) -> None:
        self._key = hidden(key)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, Any, None]:
        request.headers["authorization"] = f"Bearer {self._key}"
        yield request


@dataclass
class Walk:
    """Filled in from top to bottom while `check` goes on."""

    notes: Notebook
    clock: Callable[[], float]
    # What was asked for.
    auth: str | None
    profile_name: str | None
    config_file: str | os.PathLike[str] | None
    region: str | None
    compartment: str | None
    project: str | None
    model: str
    endpoint: str | None
    base_url: str | None
    # What was found.
    profile: Profile | None = None
    chosen_by: str = ""
    fallen_through: str = ""  # why a pod's workload identity was passed over, if it was
    provider: CredentialProvider = field(init=False)
    signer: OCISigner | BearerKey = field(init=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    service_account: str = ""  # as the pod's token names it: system:serviceaccount:<namespace>:<name>
    account_expired: str = ""  # how long ago this token expired, if it has
    expires_at: float | None = None
