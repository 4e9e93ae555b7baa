"""OKE workload identity: signs as the workload that a Kubernetes service account belongs to."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import ssl
from typing import Any

import httpx

from .._auth_service.service import AuthService, Call
from .._auth_service.tokens import parse_security_token, token_of
from .._credential import KEY_ID, Credential
from .._errors import ConfigError, InvalidTokenError, ServiceRefusedError
from .._secrecy import hides_locals, quote_path
from ._config import check_region, env_value
from ._keys import generate_private_key, public_key_text
from ._provider import Provider

_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_SOURCE = "the workload identity proxy"


class OKEWorkloadIdentity(Provider):
    """Signs as the workload that a Kubernetes service account represents, on an enhanced OKE cluster.

    host: the API server's host; else `KUBERNETES_SERVICE_HOST`. port: the port of the cluster's identity proxy.
    ca_file: the cluster's certificate authority, the only one trusted for the proxy; else
        `OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH`, else the mounted one.
    token_file: the service account's token, which Kubernetes rotates; else
        `OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH`, else the mounted one. Each `fetch` reads it again.
    region: else `OCI_RESOURCE_PRINCIPAL_REGION`.

    Raises `ConfigError` if there is no host, or a file is missing. `fetch` raises `CredentialsUnavailableError`.
    """

    mode = "oke_workload_identity"
    tenancy: str | None = None

    @hides_locals
    def __init__(
        self,
        *,
        host: str | None = None,
        port: int = 12250,
        ca_file: str | os.PathLike[str] | None = None,
        token_file: str | os.PathLike[str] | None = None,
        region: str | None = None,
        _service: AuthService | None = None,
    ) -> None:
        address = host or env_value(("KUBERNETES_SERVICE_HOST",))
        if not address:
            raise ConfigError(
                "KUBERNETES_SERVICE_HOST is not set. It is set in every pod; workload identity works only in OKE clusters."
            )
        super().__init__(f"the service account of this pod, at {quote_path(address)}", service=_service)
        host_of_url = f"[{address}]" if ":" in address and not address.startswith("[") else address
        self._url = f"https://{host_of_url}:{port}/resourcePrincipalSessionTokens"
        self._ca_file = os.path.expanduser(
            ca_file or env_value(("OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH",)) or f"{_ACCOUNT}/ca.crt"
        )
        self._token_file = os.path.expanduser(
            token_file or env_value(("OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH",)) or f"{_ACCOUNT}/token"
        )
        self.region: str | None = check_region(
            region or env_value(("OCI_RESOURCE_PRINCIPAL_REGION",)), "OCI_RESOURCE_PRINCIPAL_REGION"
        )
        self._check_authorities()
        self._account_token()

    @hides_locals
    def fetch(self) -> Credential:
        """Exchange the service account's token. Raises `CredentialsUnavailableError` and `ConfigError`."""
        self._note_again()
        self._check_authorities()
        account_token = self._account_token()
        claims = parse_security_token(account_token, f"The service account token ({self._token_file})")
        remedies = {403: "Workload identity needs an enhanced cluster. Check the cluster's type."}
        if claims.expires_at <= self._service.clock():  # shown only after a refusal: our clock may be fast
            remedies[401] = (
                f"The service account token in {self._token_file} has expired. Kubernetes rotates it: check the pod's "
                "projected volume, and this machine's clock."
            )
        session_key = generate_private_key()
        call = Call(
            "POST",
            self._url,
            payload={"podKey": public_key_text(session_key)},
            headers={
                "authorization": f"Bearer {account_token}",
                "opc-request-id": "/".join(secrets.token_hex(16) for _ in range(3)),
            },
            remedies=remedies,
        )
        with self._service.calls(direct=True, ca_file=self._ca_file) as calls:
            credential = calls.token(call, session_key, _SOURCE, _decode)
        issued = parse_security_token(token_of(credential), self.source)
        self.tenancy = issued.text("res_tenant")
        self.compartment: str | None = issued.text("res_compartment")
        return credential

    def _account_token(self) -> str:
        token = self._read_text(self._token_file, "The service account token")
        if not re.fullmatch(KEY_ID, token):
            raise InvalidTokenError(f"The service account token in {self._token_file} is not a token.")
        return token

    def _check_authorities(self) -> None:
        self._read_file(self._ca_file, "The cluster's CA file")
        try:
            ssl.create_default_context(cafile=self._ca_file)
        except (ssl.SSLError, OSError):
            raise ConfigError(f"The cluster's CA file holds no certificate: {self._ca_file}.") from None


def _decode(response: httpx.Response, source: str) -> dict[str, Any]:
    """The proxy's JSON object, from a response in base64, with or without double quotes. Raises `ServiceRefusedError`."""
    try:
        fields = json.loads(base64.b64decode(response.content.strip().strip(b'"'), validate=True))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ServiceRefusedError(f"{source} answered with something other than a JSON object in base64.")
    return fields
