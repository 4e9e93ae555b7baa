"""API keys: a user's long-lived RSA key, whose public half was uploaded to OCI."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._auth_service.service import AuthService
from .._credential import Credential
from .._errors import ConfigError, InvalidKeyError
from .._secrecy import hidden, hides_locals, quote_path
from ._config import check_fingerprint, check_ocid, check_region
from ._keys import fingerprint as fingerprint_of
from ._keys import load_private_key
from ._provider import Provider
from ._settings import Settings, resolve_environment, resolve_profile


class APIKey(Provider):
    """Signs as a user, with an API key.

    Pass the key as `key_file` (a path; `~` is expanded) or as `private_key` (PEM text, or a loaded RSA key).

    A key file is read again when a server has rejected the key, so a rotated key is picked up.

    Raises `ConfigError` for missing or malformed values, and `InvalidKeyError` for a key that cannot be read or has a
    different fingerprint.
    """

    mode = "api_key"

    @hides_locals
    def __init__(
        self,
        *,
        tenancy: str,
        user: str,
        fingerprint: str,
        key_file: str | os.PathLike[str] | None = None,
        private_key: str | bytes | RSAPrivateKey | None = None,
        passphrase: str | bytes | None = None,
        region: str | None = None,
        _settings: Settings | None = None,
    ) -> None:
        if (key_file is None) == (private_key is None):
            raise ConfigError("Pass either key_file or private_key, not both.")
        super().__init__(
            "the APIKey arguments" if key_file is None else f"the API key in {quote_path(key_file)}", _settings
        )
        self.tenancy: str = check_ocid(tenancy, self._label("tenancy"))
        self.user: str = check_ocid(user, self._label("user"))
        self.fingerprint: str = check_fingerprint(fingerprint, self._label("fingerprint"))
        self.region: str | None = check_region(region, self._label("region"))
        self._key_file, self._passphrase = key_file, hidden(passphrase)
        if _settings is not None and _settings.profile is not None:
            self._note(_settings.profile.path)
        if private_key is not None and not isinstance(private_key, RSAPrivateKey):
            private_key = load_private_key(private_key, passphrase, self._label("private_key", "key_content"))
        self._fixed: RSAPrivateKey | None = private_key
        self._read()

    @classmethod
    @hides_locals
    def from_config(cls, profile: str | None = None, config_file: str | os.PathLike[str] | None = None) -> APIKey:
        """The API key of a config profile. Without arguments: the profile and file that the CLI and the SDK would use.

        Raises `ConfigError` (naming all missing fields at once) and `InvalidKeyError`.
        """
        return cls.from_settings(resolve_profile(profile, config_file))

    @classmethod
    @hides_locals
    def from_env(cls) -> APIKey:
        """The API key in the CLI's variables (`OCI_CLI_USER`, …) or Terraform's.

        Raises `ConfigError` (naming all missing variables at once) and `InvalidKeyError`.
        """
        return cls.from_settings(resolve_environment())

    @classmethod
    def from_settings(cls, settings: Settings, _service: AuthService | None = None) -> APIKey:
        """The API key that these settings describe. Raises `ConfigError` and `InvalidKeyError`."""
        content = settings.get("key_content")  # wins over the file, as in the CLI
        return cls(
            **settings.require("user", "tenancy", "fingerprint", *([] if content else ["key_file"])),
            private_key=content,
            passphrase=settings.get("pass_phrase", "passphrase"),
            region=settings.get("region"),
            _settings=settings,
        )

    @hides_locals
    def fetch(self) -> Credential:
        """Read the profile and the key again, and check them. Raises `ConfigError` and `InvalidKeyError`."""
        self._note_again()
        if self._settings is not None:
            settings = self._settings.again()
            if settings != self._settings:
                if key_file := settings.get("key_file"):
                    self._note(key_file)  # it may be missing, and come later
                vars(self).update(vars(self.from_settings(settings)))
        return self._read()

    def _read(self) -> Credential:
        key = self._fixed
        if self._key_file is not None:
            label = self._label("key_file")
            where = f"{label} ({os.path.expanduser(self._key_file)})"
            key = load_private_key(self._read_file(self._key_file, label), self._passphrase, where)
        assert key is not None
        actual = fingerprint_of(key)
        if actual != self.fingerprint:
            raise InvalidKeyError(
                f"The private key of {self.source} has the fingerprint {actual}, but {self.fingerprint} is configured. "
                "Use the key file that belongs to the fingerprint, or the fingerprint that the console shows for this key."
            )
        return Credential(key_id=f"{self.tenancy}/{self.user}/{self.fingerprint}", private_key=key)
