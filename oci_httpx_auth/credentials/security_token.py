"""Session tokens: `oci session authenticate` writes them into a profile, and this keeps them alive."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator

from .._auth_service.regions import auth_endpoint as regional_auth_endpoint
from .._auth_service.service import AuthService, Call
from .._auth_service.tokens import token_credential, token_of
from .._credential import Credential
from .._errors import ConfigError, InvalidTokenError, OCIAuthError, ServiceRefusedError, SessionExpiredError
from .._secrecy import hidden, hides_locals, quote_path
from ._config import check_region
from ._files import read_pair, replace_secret_file
from ._keys import load_private_key
from ._provider import Provider
from ._settings import Settings, resolve_profile

try:
    import fcntl
except ImportError:  # Windows: two processes may then refresh at once, which is harmless but costs an extra call
    fcntl = None  # type: ignore[assignment]

log: logging.Logger = logging.getLogger("oci_httpx_auth")

_JUST_ISSUED = 5.0  # seconds
_FRESH = 0.25  # a token in the file is used if more than this fraction of its life is left
_RENEWAL = 12.0  # seconds for asking the auth service, including retries
_LOCK_WAIT = 15.0  # seconds; longer than the work under the lock, and with it shorter than a fetch may take


class SecurityToken(Provider):
    """Signs with a session token and its key, read from files, and renews the token before it expires.

    token_file, key_file: as `oci session authenticate` wrote them; `~` is expanded.
    region: its auth service renews the token; or auth_endpoint, that service's base URL.

    A token that the CLI or another process has renewed is picked up from the file; otherwise the auth service is
    asked for a new one, as by `oci session refresh`, and the file is replaced: atomically, mode 0600.

    Raises `ConfigError`, `InvalidKeyError` and `InvalidTokenError` for files that are missing, malformed, or from two
    different sessions. `fetch` raises `SessionExpiredError` once the session itself has ended.
    """

    mode = "security_token"
    ends_when_idle = True  # an expired session token cannot be renewed, so renewal must not wait for a request

    @hides_locals
    def __init__(
        self,
        *,
        token_file: str | os.PathLike[str],
        key_file: str | os.PathLike[str],
        passphrase: str | bytes | None = None,
        region: str | None = None,
        tenancy: str | None = None,
        auth_endpoint: str | None = None,
        _settings: Settings | None = None,
        _service: AuthService | None = None,
    ) -> None:
        super().__init__(f"the session token in {quote_path(token_file)}", _settings, _service)
        self._endpoint = auth_endpoint
        self._token_file, self._key_file = os.path.expanduser(token_file), os.path.expanduser(key_file)
        self._token_label = self._label("token_file", "security_token_file")
        self._key_label = self._label("key_file")
        self._passphrase = hidden(passphrase)
        self.region: str | None = check_region(region, self._label("region"))
        self.tenancy: str | None = tenancy
        self._clock = self._service.clock
        self._on_file = hidden("")  # the token file, when it was last read
        self._last: str | None = None  # the key id of the last fetch
        self._unwritten: Credential | None = None  # the last renewal, if it could not be written to the file
        self._final_expiry: float | None = None  # the expiry that a renewal did not extend
        self._newest()

    @classmethod
    @hides_locals
    def from_config(
        cls,
        profile: str | None = None,
        config_file: str | os.PathLike[str] | None = None,
        *,
        auth_endpoint: str | None = None,
        _service: AuthService | None = None,
    ) -> SecurityToken:
        """The session of a config profile, as created by `oci session authenticate --profile-name …`.

        Raises as the constructor does, and `ConfigError` naming all missing fields at once.
        """
        return cls.from_settings(resolve_profile(profile, config_file, auth_endpoint=auth_endpoint), _service)

    @classmethod
    def from_settings(cls, settings: Settings, _service: AuthService | None = None) -> SecurityToken:
        """The session that these settings describe. Raises as the constructor does.

        A profile may name its `auth_endpoint`; those of `oci_httpx_auth.testing` do, so that the stand-in renews the session.
        """
        token_file, key_file = settings.require("security_token_file", "key_file").values()
        return cls(
            token_file=token_file,
            key_file=key_file,
            passphrase=settings.get("pass_phrase"),
            region=settings.get("region"),
            tenancy=settings.get("tenancy"),
            auth_endpoint=settings.get("auth_endpoint"),
            _settings=settings,
            _service=_service,
        )

    @hides_locals
    def fetch(self) -> Credential:
        """The file's token if it is new and has time left; otherwise a renewed one.

        Raises `SessionExpiredError` when a person has to authenticate again, `ConfigError` for unusable files
        and settings, and `CredentialsUnavailableError` when the auth service fails.
        """
        self._note_again()
        credential = self._newest()
        if not self._is_new(credential):
            with _directory_lock(self._token_file):
                # The lock's last holder may have renewed it, or a person may have authenticated again.
                credential = self._newest()
                if not self._is_new(credential):
                    credential = self._renew(credential)
        self._last = credential.key_id
        return credential

    def _newest(self) -> Credential:
        """The credential in the files, or the renewed one that could not be written to them, if that is newer."""
        try:
            credential, unwritten = read_pair(self._read), self._unwritten
        except InvalidTokenError as error:
            raise InvalidTokenError(f"{error} Run `{self._command()}`.") from None
        if unwritten is not None:
            same_session = unwritten.private_key.public_key() == credential.private_key.public_key()
            if same_session and (unwritten.expires_at or 0) > (credential.expires_at or 0):
                return unwritten
        return credential

    def _is_new(self, credential: Credential) -> bool:
        if credential.key_id == self._last or credential.expires_at is None:
            return False
        life = credential.expires_at - (credential.issued_at or self._clock())
        return credential.expires_at - self._clock() > life * _FRESH

    def _renew(self, old: Credential) -> Credential:
        before = self._on_file.encode(errors="surrogateescape")
        url, payload = f"{self._auth_endpoint()}/v1/authentication/refresh", {"currentToken": token_of(old)}
        try:
            with self._service.calls() as calls:
                call = Call("POST", url, old, payload, patience=_RENEWAL)
                renewed = calls.token(call, old.private_key, "the auth service")
        except OCIAuthError as error:
            if (newer := self._written_meanwhile()) is not None:
                return newer
            if old.key_id != self._last and old.expires_at is not None and self._clock() < old.expires_at:
                log.warning(
                    "The session token of %s could not be renewed and is used until it expires: %s", self.source, error
                )
                return old
            if isinstance(error, ServiceRefusedError) and error.status == 401:
                raise SessionExpiredError(
                    f"The session of {self.source} has ended and cannot be renewed. Run `{self._command()}`, then go on: "
                    "the new token is picked up automatically."
                ) from error
            raise
        self._log_final_expiry(old, renewed)
        self._unwritten = None
        try:
            if replace_secret_file(self._token_file, token_of(renewed), instead_of=before):
                self._note(self._token_file)
                return renewed
            # These files belong to another session and must not be mixed with this one's token.
            if (newer := self._written_meanwhile()) is not None:
                return newer
        except OSError as error:
            log.warning(
                "The renewed session token of %s is used, but could not be written to %s (%s): other processes will not see it.",
                self.source,
                self._token_file,
                error.strerror,
            )
        self._unwritten = renewed
        return renewed

    def _log_final_expiry(self, before: Credential, renewed: Credential) -> None:
        """Log once when the session will end, if OCI renews it without extending it.

        OCI does so for sessions of `oci session authenticate --no-browser`, which last at most 60 minutes (oci-cli#970).
        """
        end, issued_at = before.expires_at, before.issued_at or 0.0
        if end is None or renewed.expires_at is None or renewed.expires_at > end or end == self._final_expiry:
            return
        if self._clock() - issued_at < _JUST_ISSUED:  # e.g. by another process, so the new token could not expire later
            return
        self._final_expiry = end
        log.warning(
            "OCI renewed the session of %s without extending it, so it ends at %s. Run `%s` before then.",
            self.source,
            time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(end)),
            self._command(),
        )

    def _written_meanwhile(self) -> Credential | None:
        """The token that someone else has written since the renewal began, if it is usable."""
        try:
            credential = self._newest()
        except OCIAuthError:
            return None
        return credential if self._is_new(credential) else None

    def _read(self) -> Credential:
        self._on_file = hidden(self._read_file(self._token_file, self._token_label))
        pem = self._read_file(self._key_file, self._key_label)
        key = load_private_key(pem, self._passphrase, f"{self._key_label} ({self._key_file})")
        return token_credential(self._on_file.strip(), key, f"{self._token_label} ({self._token_file})")

    def _auth_endpoint(self) -> str:
        if self._endpoint is not None:
            return self._endpoint.rstrip("/")
        if self.region is None:
            raise ConfigError(f"The region of {self.source} is not known, so its token cannot be renewed. Add region.")
        return regional_auth_endpoint(self.region)

    def _command(self) -> str:
        profile = self._settings.profile if self._settings else None
        name = f" --profile-name {profile.name}" if profile else ""
        region = f" --region {self.region}" if self.region else ""
        return f"oci session authenticate{name}{region}"


@contextlib.contextmanager
def _directory_lock(path: str) -> Iterator[None]:
    """Let only one process at a time renew tokens in this file's directory.

    The directory itself is locked, so no lock file is left behind, and the lock ends with its process. If the lock
    cannot be taken, continue without it: the file is replaced only if it still holds the old token.
    """
    with contextlib.ExitStack() as stack:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                directory = os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY)
                stack.callback(os.close, directory)
                deadline = time.monotonic() + _LOCK_WAIT
                while time.monotonic() < deadline:
                    try:
                        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        time.sleep(0.02)
                    else:
                        # Explicitly, because a child that was forked meanwhile shares the descriptor.
                        stack.callback(fcntl.flock, directory, fcntl.LOCK_UN)
                        break
        yield
