"""What one walk of `check` was asked for, and what it has learned so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._credential import CredentialProvider
from .._signer import OCISigner
from ..credentials._config import Profile
from ..credentials._settings import Settings
from .bearer import BearerKey
from .report import Notebook


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
    settings: Settings | None = None
    profile: Profile | None = None
    chosen_by: str = ""
    fallen_through: str = ""  # why a pod's workload identity was passed over, if it was
    provider: CredentialProvider = field(init=False)
    signer: OCISigner | BearerKey = field(init=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    service_account: str = ""  # as the pod's token names it: system:serviceaccount:<namespace>:<name>
    account_expired: str = ""  # that this token has, if it has
    expires_at: float | None = None
