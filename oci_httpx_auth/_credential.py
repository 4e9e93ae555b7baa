"""The immutable value that requests are signed with, and the protocol of its providers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ._errors import ConfigError, SigningError
from ._secrecy import Hidden

KEY_ID = r"[\x21\x23-\x7e]+"  # printable ASCII without space and double quote
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # "token" of RFC 9110, section 5.6.2
HEADER_VALUE = r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?"
END_OF_TIME = 253402300800  # seconds; no date beyond the year 9999


@dataclass(frozen=True)
class Credential:
    """Everything needed to sign a request. Immutable.

    key_id: the signature's `keyId`, e.g. `<tenancy>/<user>/<fingerprint>` or `ST$<token>`.
    private_key: the RSA key that belongs to the key id.
    expires_at, issued_at: seconds since the epoch by the issuer's clock; `None` if there is no such time.
    headers: sent and signed with every request, e.g. a delegation token.
    clock_offset: how many seconds the issuer's clock was ahead of ours when it issued this credential to us; `None`
        if the credential came from elsewhere, e.g. from a file.

    Raises `SigningError` for a key id or header that HTTP cannot carry, and for an invalid time.
    Its repr shows neither key id nor headers, since both can hold a token.
    """

    key_id: str = field(repr=False)
    private_key: RSAPrivateKey = field(repr=False, compare=False)
    expires_at: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    issued_at: float | None = None
    clock_offset: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(KEY_ID, self.key_id):
            raise SigningError(
                "The credential's key id is empty or has characters that an HTTP header cannot carry "
                "(spaces, quotes, line breaks, non-ASCII); check the OCIDs, the fingerprint or the token it is made of."
            )
        for name in ("expires_at", "issued_at", "clock_offset"):
            moment = getattr(self, name)
            # Infinities, NaN and absurd numbers must not reach the refresh schedule.
            if moment is not None and not (-END_OF_TIME < moment < END_OF_TIME):
                raise SigningError(f"The credential's {name} is not a point in time. Use None if it has none.")
        headers = {name.lower(): Hidden(value) for name, value in self.headers.items()}
        for name, value in headers.items():
            if not re.fullmatch(_HEADER_NAME, name) or not re.fullmatch(HEADER_VALUE, value):
                raise SigningError(f"The credential's header {name!r} has a name or value that HTTP cannot carry.")
        object.__setattr__(self, "headers", MappingProxyType(headers))
        object.__setattr__(self, "key_id", Hidden(self.key_id))

    def expiry(self, offset: float = 0.0) -> float | None:
        """When this credential ends by *our* clock, seconds since the epoch.

        `offset` is how far the issuer's clock is ahead of ours, as far as the caller knows. If an offset was measured when
        the credential was issued, it wins, because it is more precise.
        """
        if self.expires_at is None:
            return None
        return self.expires_at - (offset if self.clock_offset is None else self.clock_offset)

    def __reduce__(self) -> Any:
        raise TypeError("A Credential holds a private key and cannot be pickled; pickle the signer or the provider.")


@runtime_checkable
class CredentialProvider(Protocol):
    """A source of credentials. Implement `fetch` to add your own.

    `fetch` is plain blocking code. It runs on a worker thread, never twice at once for one signer: when there is no
    credential, when the current one is about to expire, and when a server has rejected it. It must return in finite
    time, or raise an `OCIAuthError`.

    Optional attributes, read without calling `fetch`: `mode`, `source` (a short text for logs), `region`,
    `tenancy`, `compartment`, `project`; `ends_when_idle`, true if a credential must be renewed before it
    expires even while no requests are sent; `follows_files`, true if changed files require a new credential before the
    present one ends; `changed()`, whether local files have changed since the last `fetch`. `changed` is
    called during the pause after a failed fetch, and should only call `stat`.
    """

    def fetch(self) -> Credential: ...


def fetch_from(provider: CredentialProvider) -> Credential:
    """The provider's credential. Raises what `fetch` raises, and `ConfigError` if it returns anything else."""
    fetched: object = provider.fetch()
    if isinstance(fetched, Credential):
        return fetched
    name = type(provider).__name__
    if inspect.iscoroutine(fetched):
        fetched.close()
        raise ConfigError(f"{name}.fetch() is asynchronous. Make it a plain function: it is called on a worker thread.")
    raise ConfigError(f"{name}.fetch() returned {type(fetched).__name__}. It has to return a Credential.")


def mode_of(provider: CredentialProvider) -> str:
    """How a provider authenticates, as the OCI CLI spells it; `custom` if it does not say."""
    return getattr(provider, "mode", "custom")


def describe_source(provider: CredentialProvider) -> str:
    """Where a provider's credentials come from, for logs and errors."""
    source = getattr(provider, "source", None)
    return source if isinstance(source, str) else type(provider).__name__
