"""Sign requests for Oracle Cloud Infrastructure with httpx and httpx2."""

from ._chain import default_credentials
from ._credential import Credential, CredentialProvider
from ._errors import (
    ConfigError,
    CredentialsUnavailableError,
    InvalidKeyError,
    InvalidTokenError,
    OCIAuthError,
    ProfileNotFoundError,
    SessionExpiredError,
    SigningError,
)
from ._signer import OCISigner, SignerStatus
from .credentials.api_key import APIKey
from .credentials.security_token import SecurityToken

__all__ = [
    "APIKey",
    "ConfigError",
    "Credential",
    "CredentialProvider",
    "CredentialsUnavailableError",
    "InvalidKeyError",
    "InvalidTokenError",
    "OCIAuthError",
    "OCISigner",
    "ProfileNotFoundError",
    "SecurityToken",
    "SessionExpiredError",
    "SignerStatus",
    "SigningError",
    "default_credentials",
]
