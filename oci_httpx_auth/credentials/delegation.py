"""Delegation tokens: an instance or a resource acts on behalf of a user, as in Cloud Shell."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace

from .._auth_service.service import AuthService
from .._auth_service.tokens import parse_security_token
from .._credential import KEY_ID, Credential, CredentialProvider
from .._errors import ConfigError, InvalidTokenError, SessionExpiredError
from .._secrecy import hidden, hides_locals, quote_path
from ._config import check_region
from ._provider import Provider
from ._settings import Settings
from .instance_principal import InstancePrincipal


class DelegationToken(Provider):
    """Signs as an instance or a resource that a user has authorized: each request carries and signs `opc-obo-token`.

    token_file: the delegation token's file, read again at each refresh; or token, its text.
    base: the principal that presents the token, e.g. `ResourcePrincipal()`; by default an instance principal.
    region: by default the base's.

    Raises `ConfigError` for an unreadable file and `InvalidTokenError` for a token that a header cannot carry. `fetch`
    raises `SessionExpiredError` once the token has expired, and whatever the base raises.
    """

    mode = "instance_obo_user"
    follows_files = True

    @hides_locals
    def __init__(
        self,
        *,
        token_file: str | os.PathLike[str] | None = None,
        token: str | None = None,
        base: CredentialProvider | None = None,
        region: str | None = None,
        _settings: Settings | None = None,
        _service: AuthService | None = None,
    ) -> None:
        if (token_file is None) == (token is None):
            raise ConfigError("Pass either token_file or token, not both.")
        super().__init__(
            "the given delegation token" if token_file is None else f"the delegation token in {quote_path(token_file)}",
            _settings,
            _service,
        )
        self._token_file, self._fixed = token_file, hidden(token)
        self._what = "token" if token_file is None else self._label("token_file", "delegation_token_file")
        self._base = base or InstancePrincipal(_service=self._service)
        self._region = check_region(region, self._label("region"))
        self._token()

    @classmethod
    @hides_locals
    def from_settings(cls, settings: Settings, _service: AuthService | None = None) -> DelegationToken:
        """The delegation token from these settings, presented by the instance. Raises as the constructor does."""
        [token_file] = settings.require("delegation_token_file").values()
        return cls(token_file=token_file, region=settings.get("region"), _settings=settings, _service=_service)

    @property
    def region(self) -> str | None:
        """The given region, else the base's; `None` if neither is known without I/O."""
        return self._region or getattr(self._base, "region", None)

    @property
    def tenancy(self) -> str | None:
        """The tenancy's OCID; `None` if it is not known yet."""
        named = self._settings.get("tenancy") if self._settings else None
        return named or getattr(self._base, "tenancy", None)

    def discover_region(self) -> str | None:
        """The region, discovered by the base if it is not known. Raises as the base does."""
        discover: Callable[[], str | None] = getattr(self._base, "discover_region", lambda: None)
        return self.region or discover()

    @hides_locals
    def fetch(self) -> Credential:
        """A new credential of the base, with the current token. Raises as the base does, and `SessionExpiredError`."""
        token = self._token()
        try:
            ends_at: float | None = parse_security_token(token, self._what).expires_at
        except InvalidTokenError:
            ends_at = None  # unverified: whether every delegation token is a JWT
        credential = self._base.fetch()
        if ends_at is not None and ends_at <= self._service.clock() + (credential.clock_offset or 0.0):
            raise SessionExpiredError(
                f"The delegation token of {self.source} has expired. In Cloud Shell, open a new session; elsewhere, replace "
                "the token."
            )
        expiries = [moment for moment in (ends_at, credential.expires_at) if moment is not None]
        headers = {**credential.headers, "opc-obo-token": token}
        return replace(credential, headers=headers, expires_at=min(expiries, default=None))

    def _token(self) -> str:
        file = self._token_file
        token = str(self._fixed).strip() if file is None else self._read_text(file, self._what)
        if not token:
            raise InvalidTokenError(f"{self._what} is empty. It should hold a delegation token.")
        if not re.fullmatch(KEY_ID, token):
            raise InvalidTokenError(
                f"{self._what} is not a delegation token: it has blanks or other characters that a header cannot carry."
            )
        return token
