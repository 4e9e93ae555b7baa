"""Sign requests for Oracle Cloud Infrastructure with httpx and httpx2."""

from ._credential import Credential, CredentialProvider
from ._errors import (
    ConfigError,
    CredentialsUnavailableError,
    InvalidKeyError,
    InvalidTokenError,
    NoCredentialsFoundError,
    OCIAuthError,
    ProfileNotFoundError,
    ServiceRefusedError,
    ServiceUnreachableError,
    SessionExpiredError,
    SigningError,
)
from ._signer import OCISigner, SignerStatus
from .credentials._default import default_credentials
from .credentials.api_key import APIKey
from .credentials.delegation import DelegationToken
from .credentials.instance_principal import InstancePrincipal
from .credentials.resource_principal import ResourcePrincipal
from .credentials.sdk import SDKSigner
from .credentials.security_token import SecurityToken
from .credentials.token_exchange import TokenExchange
from .credentials.workload_identity import OKEWorkloadIdentity

__all__ = [
    "APIKey",
    "ConfigError",
    "Credential",
    "CredentialProvider",
    "CredentialsUnavailableError",
    "DelegationToken",
    "InstancePrincipal",
    "InvalidKeyError",
    "InvalidTokenError",
    "NoCredentialsFoundError",
    "OCIAuthError",
    "OCISigner",
    "OKEWorkloadIdentity",
    "ProfileNotFoundError",
    "ResourcePrincipal",
    "SDKSigner",
    "SecurityToken",
    "ServiceRefusedError",
    "ServiceUnreachableError",
    "SessionExpiredError",
    "SignerStatus",
    "SigningError",
    "TokenExchange",
    "default_credentials",
]
