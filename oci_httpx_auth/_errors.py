"""Every failure of this library is an `OCIAuthError`:

- OCIAuthError
    - ConfigError                  a file, profile, variable or argument is missing or malformed
        - InvalidKeyError          a private key cannot be used
        - InvalidTokenError        a security token cannot be used
        - ProfileNotFoundError     the config file has no such profile
    - CredentialsUnavailableError  no valid credential can be had at the moment
        - SessionExpiredError      a person has to authenticate again
    - SigningError                 this request must not, or cannot, be signed

None derives from an HTTP library's exceptions: a client that retries its transport errors must not
retry a wrong configuration. No message ever contains a key, a token or a passphrase.
"""

from __future__ import annotations


class OCIAuthError(Exception):
    """Superclass of everything this library raises. Never raised directly."""


class ConfigError(OCIAuthError):
    """Correct the file, profile, variable or argument that the message names."""


class InvalidKeyError(ConfigError):
    """Supply another private key, or its passphrase: the message says which, and why."""


class InvalidTokenError(ConfigError):
    """Supply another security token: the message says where it was read and what is wrong with it."""


class ProfileNotFoundError(ConfigError):
    """Name a profile that the config file has: the message lists them."""


class CredentialsUnavailableError(OCIAuthError):
    """No valid credential could be obtained. The cause is chained; the next request tries anew."""


class SessionExpiredError(CredentialsUnavailableError):
    """The session has ended for good. Run the command that the message gives."""


class SigningError(OCIAuthError):
    """The request was not signed and not sent, because a signature for it would be unsafe or invalid."""
