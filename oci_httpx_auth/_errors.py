"""Every failure of this library is an `OCIAuthError`:

- OCIAuthError
    - ConfigError                  a file, profile, variable or argument is missing or malformed
        - InvalidKeyError          a private key cannot be used
        - InvalidTokenError        a security token cannot be used
        - ProfileNotFoundError     the config file has no such profile
    - CredentialsUnavailableError  no valid credential is available right now
        - NoCredentialsFoundError  no source of credentials is configured here
        - ServiceRefusedError      an auth service refused the request
        - ServiceUnreachableError  a metadata or auth service sent no complete response
        - SessionExpiredError      a person has to authenticate again
    - SigningError                 this request cannot or must not be signed

None derives from an HTTP library's exceptions: a client that retries its transport errors must not
retry a wrong configuration. No message ever contains a key, a token or a passphrase.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._secrecy import hide_secrets


class OCIAuthError(Exception):
    """Base class of everything this library raises. Never raised directly.

    Keys and tokens in a message are masked: people paste them where paths and names belong.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(hide_secrets(item) if isinstance(item, str) else item for item in arguments))


class ConfigError(OCIAuthError):
    """Correct the file, profile, variable or argument that the message names."""


class InvalidKeyError(ConfigError):
    """Supply another private key, or its passphrase: the message says which, and why."""


class InvalidTokenError(ConfigError):
    """Supply another security token: the message says where it was read and what is wrong with it."""


class ProfileNotFoundError(ConfigError):
    """Name a profile that the config file has: the message lists them."""


class CredentialsUnavailableError(OCIAuthError):
    """No valid credential could be obtained. The cause is chained; a later request tries again."""


class NoCredentialsFoundError(CredentialsUnavailableError):
    """Configure one of the sources that the message lists. `likely` says what is probably wrong, `remedy` what to do."""

    def __init__(self, likely: str, tried: list[str]) -> None:
        self.likely: str = hide_secrets(f"No OCI credentials were found. Most likely reason: {likely}")
        self.remedy = "Run `oci setup config` or `oci session authenticate`, or give credentials explicitly."
        listed = "".join(f"  - {reason}\n" for reason in tried)
        super().__init__(f"{self.likely}\nLooked at:\n{listed}{self.remedy}")


class ServiceRefusedError(CredentialsUnavailableError):
    """Read the auth service's reason, which the message repeats.

    status: its HTTP status, or 0 for an unusable 200. retry_after: how many seconds it asked us to wait.
    """

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ServiceUnreachableError(CredentialsUnavailableError):
    """Check the network: there was no complete response (refused, reset, timed out, too slow, too large)."""


class SessionExpiredError(CredentialsUnavailableError):
    """The session has ended for good. Run the command that the message gives."""


class SigningError(OCIAuthError):
    """The request was not signed and not sent, because a signature for it would be unsafe or invalid."""


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error, then its causes."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        # httpcore hides the errors that it translates; each is the argument of its translation.
        hidden = link.args[0] if link.args and isinstance(link.args[0], BaseException) else None
        link = link.__cause__ or hidden or link.__context__


def error_text(error: BaseException) -> str:
    """An error's message. For foreign errors only the class, since their text may hold anything; they stay chained."""
    return str(error) if isinstance(error, OCIAuthError) else f"{type(error).__name__} was raised by the provider."
