"""The bridge to the `oci` package: any signer of Oracle's SDK, made usable from httpx."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx

from .._auth_service.tokens import parse_security_token, token_credential
from .._credential import Credential
from .._errors import ConfigError, CredentialsUnavailableError, InvalidTokenError, SigningError
from .._secrecy import hidden, hides_locals
from ._provider import Provider

# The SDK always signs these; each request's signature sets them itself.
_GENERIC = frozenset({"date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256"})


class SDKSigner(Provider):
    """Signs with any signer of the `oci` package: delegation tokens, token exchange, PKCS#11 keys, and the rest.

    signer: the SDK's object, which you create; `oci` itself is not imported here.

    The SDK refreshes its tokens on a worker thread, before they expire. Additional headers that it signs, such as
    `opc-obo-token`, are sent and signed. The object is used by one thread at a time; do not share it with others.

    Raises `ConfigError` for an object that is not a signer. `fetch` raises `CredentialsUnavailableError`, with the SDK's
    exception chained.
    """

    mode = "sdk"

    def __init__(self, signer: Any) -> None:
        if isinstance(signer, type) or not (callable(signer) and (hasattr(signer, "private_key") or _hardware(signer))):
            raise ConfigError(
                f"SDKSigner needs a signer object of the oci package, such as oci.signer.Signer, not {type(signer).__name__}."
            )
        super().__init__(f"the SDK's {type(signer).__name__}")
        self._signer: Any = signer
        self._last: str | None = None
        region = getattr(signer, "region", None)
        self.region: str | None = region if isinstance(region, str) else None
        tenancy = getattr(signer, "tenancy_id", None)
        self.tenancy: str | None = tenancy if isinstance(tenancy, str) else None

    @hides_locals
    def fetch(self) -> Credential:
        """The SDK's current credential. It is refreshed first, if possible, when it was already returned before.

        Raises `CredentialsUnavailableError`.
        """
        device = _hardware(self._signer)
        if device is not None:
            return self._credential(str(self._signer.keyid), _HardwareKey(device), {})
        credential = self._probe()
        if credential.key_id == self._last and callable(getattr(self._signer, "refresh_security_token", None)):
            try:
                self._signer.refresh_security_token()
            except Exception as error:
                raise self._unavailable(error) from error
            credential = self._probe()
        self._last = hidden(credential.key_id)
        return credential

    def _probe(self) -> Credential:
        """The key, key id and headers of a request that is signed by the SDK, refreshing as usual, but never sent."""
        headers = httpx.Headers()
        # The attributes of a `requests.PreparedRequest` that the SDK's signers use.
        request = SimpleNamespace(method="GET", url="https://probe.invalid/", path_url="/", body=None, headers=headers)
        try:
            self._signer(request)
            private_key = self._signer.private_key
        except Exception as error:
            raise self._unavailable(error) from error
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("authorization", "")))
        names = set(parameters.get("headers", "").lower().split()) - _GENERIC
        if "keyId" not in parameters or "headers" not in parameters or not names <= headers.keys():
            raise CredentialsUnavailableError(f"{self.source} put no version 1 signature on a request.")
        return self._credential(parameters["keyId"], private_key, {name: headers[name] for name in names})

    def _credential(self, key_id: str, private_key: Any, headers: dict[str, str]) -> Credential:
        token = key_id.removeprefix("ST$")
        on_device = getattr(private_key, "blocking", False)  # which does not show its public half
        try:
            if token != key_id and not on_device and _is_readable(token):
                return replace(token_credential(token, private_key, f"The token of {self.source}"), headers=headers)
            return Credential(key_id, private_key, headers=headers)
        except (InvalidTokenError, SigningError) as error:
            raise CredentialsUnavailableError(f"{self.source} cannot be used: {error}") from error

    def _unavailable(self, error: Exception) -> CredentialsUnavailableError:
        # The SDK's message may quote anything, so it is not repeated; the exception stays chained.
        return CredentialsUnavailableError(f"{self.source} raised {type(error).__name__}.")


def _is_readable(token: str) -> bool:
    """Whether a token has a readable expiry. Other tokens are used until a server rejects them."""
    try:
        parse_security_token(token, "the token")
    except InvalidTokenError:
        return False
    return True


def _hardware(signer: Any) -> Any:
    """The PKCS#11 key of a signer, if it has one."""
    device = getattr(signer, "pkcs11_signer", None)
    return device if callable(getattr(device, "sign", None)) and hasattr(signer, "keyid") else None


class _HardwareKey:
    """A key on a device, with the one method that signing needs."""

    blocking = True  # a device may be slow, or wait for a touch

    def __init__(self, device: Any) -> None:
        self._device = device

    def sign(self, data: bytes, _padding: object, _algorithm: object) -> bytes:
        # The device's default is what OCI requires: PKCS#1 v1.5 over SHA-256.
        try:
            return bytes(self._device.sign(data))
        except Exception as error:
            raise CredentialsUnavailableError(f"The PKCS#11 device did not sign: {type(error).__name__}.") from error
