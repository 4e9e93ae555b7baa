"""API keys: a user's long-lived RSA key, whose public half was uploaded to OCI."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .._credential import Credential, Recipe, pickled_as
from .._errors import ConfigError, InvalidKeyError
from .._secrecy import hidden, hides_locals, quote_path
from ._config import check_fingerprint, check_ocid, check_region
from ._files import FileWatch, read_small_file
from ._keys import fingerprint as fingerprint_of
from ._keys import load_private_key
from ._settings import COMPARTMENT, PROJECT, Settings, rebuild, resolve_environment, resolve_profile


class APIKey:
    """Signs as a user, with an API key.

    Give the key as `key_file` (a path; `~` is expanded) or as `private_key` (PEM text, or a loaded RSA key).

    Raises `ConfigError` for values that are missing or malformed, `InvalidKeyError` for a key that cannot be read or
    whose fingerprint is different.

    A key file is read again when a server has rejected the key, so a rotated key is picked up.
    """

    mode = "api_key"

    compartment: str | None = None
    project: str | None = None
    _settings: Settings | None = None
    _recipe: Recipe | None = None

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
    ) -> None:
        if (key_file is None) == (private_key is None):
            raise ConfigError("Pass either key_file or private_key, not both.")
        self._set(
            tenancy=tenancy,
            user=user,
            fingerprint=fingerprint,
            key_file=key_file,
            private_key=private_key,
            passphrase=passphrase,
            region=region,
            labels={},
            source="the APIKey arguments" if key_file is None else f"the API key in {quote_path(key_file)}",
        )
        if private_key is None and passphrase is None:
            self._recipe = partial(
                type(self), tenancy=tenancy, user=user, fingerprint=fingerprint, key_file=key_file, region=region
            )

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
        """The API key that the CLI's variables (`OCI_CLI_USER`, …) or Terraform's describe.

        Raises `ConfigError` (naming all missing variables at once) and `InvalidKeyError`.
        """
        return cls.from_settings(resolve_environment())

    @classmethod
    def from_settings(cls, settings: Settings) -> APIKey:
        """The API key that these settings describe. Raises `ConfigError` and `InvalidKeyError`."""
        self = cls.__new__(cls)
        self._load(settings)
        return self

    def _load(self, settings: Settings) -> None:
        content = settings.get("key_content")  # wins over the file, as in the CLI
        values = settings.require("user", "tenancy", "fingerprint", *([] if content else ["key_file"]))
        names = {"private_key": "key_content", "passphrase": "pass_phrase"}
        fields = ("tenancy", "user", "fingerprint", "key_file", "private_key", "passphrase", "region")
        self._set(
            tenancy=values["tenancy"],
            user=values["user"],
            fingerprint=values["fingerprint"],
            key_file=values.get("key_file"),
            private_key=content,
            passphrase=settings.get("pass_phrase", "passphrase"),
            region=settings.get("region"),
            labels={field: settings.label(names.get(field, field)) for field in fields},
            source=settings.source,
        )
        self.compartment, self.project = settings.get(*COMPARTMENT), settings.get(*PROJECT)
        self._settings = settings
        self._recipe = partial(rebuild, type(self), settings.again)

    def _set(
        self,
        *,
        tenancy: str,
        user: str,
        fingerprint: str,
        key_file: str | os.PathLike[str] | None,
        private_key: str | bytes | RSAPrivateKey | None,
        passphrase: str | bytes | None,
        region: str | None,
        labels: dict[str, str],
        source: str,
    ) -> None:
        def label(name: str) -> str:
            return labels.get(name, name)

        self.source = source
        self.tenancy: str = check_ocid(tenancy, label("tenancy"))
        self.user: str = check_ocid(user, label("user"))
        self.fingerprint: str = check_fingerprint(fingerprint, label("fingerprint"))
        self.region: str | None = check_region(region, label("region"))
        self._key_file, self._label, self._passphrase = key_file, label("key_file"), hidden(passphrase)
        self._watch = FileWatch()
        self._fixed: RSAPrivateKey | None = None
        if isinstance(private_key, RSAPrivateKey):
            self._fixed = private_key
        elif private_key is not None:
            self._fixed = load_private_key(private_key, passphrase, label("private_key"))
        self._read()

    @hides_locals
    def fetch(self) -> Credential:
        """Read profile and key again, and check them. Raises `ConfigError` and `InvalidKeyError`."""
        if self._settings is not None:
            settings = self._settings.again()
            if settings != self._settings:
                self._load(settings)
        return self._read()

    def changed(self) -> bool:
        """Whether the files have changed since they were read."""
        return self._watch.changed()

    def _read(self) -> Credential:
        key = self._fixed
        profile = self._settings.profile if self._settings else None
        files = (self._key_file, None if profile is None else profile.path)
        self._watch.note(*(path for path in files if path is not None))
        if key is None:
            assert self._key_file is not None
            where = f"{self._label} ({os.path.expanduser(self._key_file)})"
            key = load_private_key(read_small_file(self._key_file, self._label), self._passphrase, where)
        actual = fingerprint_of(key)
        if actual != self.fingerprint:
            raise InvalidKeyError(
                f"The private key of {self.source} has the fingerprint {actual}, but {self.fingerprint} is configured. "
                "Use the key file that belongs to the fingerprint, or the fingerprint that the console shows for this key."
            )
        return Credential(key_id=f"{self.tenancy}/{self.user}/{self.fingerprint}", private_key=key)

    def __reduce__(self) -> Any:
        return pickled_as(self._recipe, self)

    def __repr__(self) -> str:
        return f"<APIKey of {self.source}>"
