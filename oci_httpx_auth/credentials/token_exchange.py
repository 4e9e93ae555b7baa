"""Workload identity federation: exchanges another issuer's JWT for an OCI token, so that no key needs to be stored.

Source: `TokenExchangeSigner` of Oracle's Python SDK, and the variables of the TypeScript SDK's provider.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable

from .._auth_service.service import AuthService, Call
from .._auth_service.tokens import JWT, parse_security_token, token_of
from .._credential import Credential
from .._errors import ConfigError, CredentialsUnavailableError, InvalidTokenError, OCIAuthError
from .._hosts import is_loopback
from .._secrecy import hidden, hides_locals, quote_path, quote_value
from ._config import check_region, env_value, join_names
from ._keys import generate_private_key, public_key_text
from ._provider import Provider

_VARIABLES = ("OCI_IAM_DOMAIN_HOST", "OCI_CLIENT_CREDENTIALS", "OCI_SUBJECT_TOKEN")

_REMEDIES = {
    400: "The identity domain refused the subject token. Check that it has not expired, and that the domain has an "
    "identity propagation trust for its issuer, subject and this client.",
    401: "The identity domain refused the client. Check client_id and client_secret, and that the application is "
    "active.",
    404: "There is no such identity domain, or it does not exchange tokens. Check the domain's URL.",
}

SubjectToken = str | os.PathLike[str] | Callable[[], str]


class TokenExchange(Provider):
    """Signs as the user or service that an identity domain maps a JWT of GitHub Actions, Kubernetes or another issuer to.

    domain: the identity domain's URL, `https://idcs-….identity.oraclecloud.com`, or its bare id.
    client_id, client_secret: those of a confidential application in the domain.
    subject_token: the JWT; or the path of its file, absolute or a `Path`, read again for each exchange; or a function
        that returns it, called on a worker thread.

    Raises `ConfigError` for an invalid domain or an unreadable file, and `InvalidTokenError` for text that is not a JWT.
    `fetch` raises `CredentialsUnavailableError` if the domain refuses the subject token, the client or the exchange, and
    says which.
    """

    mode = "token_exchange"
    tenancy: str | None = None

    @hides_locals
    def __init__(
        self,
        *,
        domain: str,
        client_id: str,
        client_secret: str,
        subject_token: SubjectToken,
        region: str | None = None,
        _service: AuthService | None = None,
    ) -> None:
        if not client_id or not client_secret:
            raise ConfigError("client_id or client_secret is empty. The domain's confidential application shows both.")
        super().__init__(f"the identity domain {quote_value(domain)}", service=_service)
        self._url = f"{_domain_url(domain)}/oauth2/v1/token"
        self._basic = hidden(base64.b64encode(f"{client_id}:{client_secret}".encode()).decode())
        self._given: SubjectToken = subject_token
        if isinstance(subject_token, str) and not os.path.isabs(subject_token):
            self._given = hidden(subject_token)
        self.region: str | None = check_region(region, "region")
        if not callable(subject_token):
            self._subject_token()

    @classmethod
    @hides_locals
    def from_env(cls) -> TokenExchange:
        """From the variables of Oracle's TypeScript SDK, and `OCI_REGION`.

        They are `OCI_IAM_DOMAIN_HOST`, `OCI_CLIENT_CREDENTIALS` (the client's id and secret, joined by a colon, in
        base64) and `OCI_SUBJECT_TOKEN` (a JWT, or the absolute path of a file).

        Raises as the constructor does, and `ConfigError` naming all missing variables at once.
        """
        values = {name: env_value((name,)) or "" for name in _VARIABLES}
        if missing := [name for name, value in values.items() if not value]:
            raise ConfigError(f"The environment has no {join_names(missing)}. Set what is missing.")
        domain, credentials, subject_token = values.values()
        try:
            client_id, _, client_secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client_id = client_secret = ""
        if not client_id or not client_secret:
            raise ConfigError(
                "OCI_CLIENT_CREDENTIALS is not the base64 encoding of the client's id and secret, joined by a colon. Create it with "
                "`printf '%s' \"$ID:$SECRET\" | base64 -w0`."
            )
        self = cls(
            domain=domain,
            client_id=client_id,
            client_secret=client_secret,
            subject_token=subject_token,
            region=env_value(("OCI_REGION",)),
        )
        self._recipe = cls.from_env
        return self

    @hides_locals
    def fetch(self) -> Credential:
        """Exchange the current JWT. Raises `CredentialsUnavailableError`, `ConfigError` and their subclasses."""
        subject_token = self._subject_token()
        session_key = generate_private_key()
        call = Call(
            "POST",
            self._url,
            payload={
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "requested_token_type": "urn:oci:token-type:oci-upst",
                "subject_token": subject_token,
                "subject_token_type": "jwt",
                "public_key": public_key_text(session_key),
            },
            form=True,
            headers={"authorization": f"Basic {self._basic!s}"},
            remedies=_REMEDIES,
        )
        with self._service.calls() as calls:
            credential = calls.token(call, session_key, "the identity domain")
        self.tenancy = parse_security_token(token_of(credential), self.source).text("tenant")
        return credential

    def _subject_token(self) -> str:
        given, label = self._given, "subject_token"
        if callable(given):
            try:
                token: object = given()
            except OCIAuthError:
                raise
            except Exception as error:
                # Not quoted: its message may contain anything about a request to an issuer.
                raise CredentialsUnavailableError(
                    f"The function that returns the subject token failed with {type(error).__name__}."
                ) from error
            label = "The subject token that the function returned"
        elif isinstance(given, str) and not os.path.isabs(given):
            token = str(given)
        else:
            label = f"The subject token in {quote_path(given)}"
            token = self._read_text(given, "The file of subject_token")
        token = token.strip() if isinstance(token, str) else ""
        if not token:
            raise InvalidTokenError(
                f"{label} is empty. It should be a JWT from an issuer that the identity domain trusts."
            )
        if not re.fullmatch(JWT, token):
            raise InvalidTokenError(f"{label} is not a JWT: a JWT is three base64url texts joined by dots.")
        return token


def _domain_url(domain: str) -> str:
    """The domain's URL; a bare id belongs to oraclecloud.com. Raises `ConfigError`."""
    if re.fullmatch(r"[A-Za-z0-9-]+", domain):
        return f"https://{domain}.identity.oraclecloud.com"
    url = domain if "://" in domain else f"https://{domain}"
    target = re.fullmatch(r"(?i)(https?)://([^\s/?#@:]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:/[^\s?#]*)?", url)
    if target is None or int(target[3] or 0) > 65535:
        raise ConfigError(
            f"domain is {quote_value(domain)}, which is not an identity domain. One looks like "
            "'https://idcs-0123.identity.oraclecloud.com', or is just the id at its beginning."
        )
    if target[1].lower() == "http" and not is_loopback(target[2]):
        raise ConfigError(
            f"domain is {quote_value(domain)}: a client secret is sent over https only. Use its https URL."
        )
    return url.rstrip("/")
