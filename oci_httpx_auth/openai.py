"""Factories for, and injection into, the clients of the `openai` package, version 1, 2 or 3."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

try:
    import openai
except ImportError as error:
    raise ImportError(
        "oci_httpx_auth.openai needs the openai package. Install it with: pip install 'oci-httpx-signer[openai]'"
    ) from error

from ._auth_service.regions import inference_endpoint
from ._credential import CredentialProvider
from ._errors import ConfigError
from ._signer import OCISigner
from .credentials._config import check_header, env_value

PLACEHOLDER_API_KEY = "placeholder-oci-httpx-auth-signs-instead"
"""What the client carries as its API key. Seen by a server, it says that a request slipped past the signer."""

AsyncClientT = TypeVar("AsyncClientT", bound=openai.AsyncOpenAI)
ClientT = TypeVar("ClientT", bound=openai.OpenAI)
AnyClientT = TypeVar("AnyClientT", openai.AsyncOpenAI, openai.OpenAI)


@overload
def create_async_openai(*, client_class: type[AsyncClientT], **options: Any) -> AsyncClientT: ...
@overload
def create_async_openai(
    *,
    signer: OCISigner | CredentialProvider | None = None,
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    region: str | None = None,
    compartment_id: str | None = None,
    project_id: str | None = None,
    conversation_store_id: str | None = None,
    base_url: str | None = None,
    service_endpoint: str | None = None,
    **options: Any,
) -> openai.AsyncOpenAI: ...
def create_async_openai(*, client_class: Any = openai.AsyncOpenAI, **options: Any) -> Any:
    """An `AsyncOpenAI` whose requests are signed for OCI Generative AI.

    signer: an `OCISigner` or a credential provider. Without it one is made of auth, profile and config_file.
    region: id or short code; else `OCI_REGION`, else what the credentials' source says.
    compartment_id: sent as `opc-compartment-id`; else `OCI_COMPARTMENT_ID`, else the source's.
    project_id: sent as `OpenAI-Project`; else `OCI_PROJECT_ID` or `OCI_GENAI_PROJECT_ID`, else the source's.
    conversation_store_id: sent as `opc-conversation-store-id`.
    base_url: the whole base URL, e.g. of a model deployment; or service_endpoint, to which `/openai/v1` is added.
    client_class: a subclass of `AsyncOpenAI` to make instead.
    http_client: your own HTTP client, e.g. for a proxy; it is given the signer, and its redirects are turned off.
    All other options are openai's own (timeout, max_retries, default_headers, …) and passed on.

    Raises `ConfigError` if no region is known, or neither a compartment nor a project where the service needs one.
    """
    return _create(client_class, openai.DefaultAsyncHttpxClient, **options)


@overload
def create_openai(*, client_class: type[ClientT], **options: Any) -> ClientT: ...
@overload
def create_openai(
    *,
    signer: OCISigner | CredentialProvider | None = None,
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    region: str | None = None,
    compartment_id: str | None = None,
    project_id: str | None = None,
    conversation_store_id: str | None = None,
    base_url: str | None = None,
    service_endpoint: str | None = None,
    **options: Any,
) -> openai.OpenAI: ...
def create_openai(*, client_class: Any = openai.OpenAI, **options: Any) -> Any:
    """An `OpenAI` whose requests are signed for OCI Generative AI. Everything else as in `create_async_openai`."""
    return _create(client_class, openai.DefaultHttpxClient, **options)


def sign_openai_client(client: AnyClientT, signer: OCISigner | CredentialProvider) -> AnyClientT:
    """Have an existing client, and what `with_options` makes of it, sign all requests. Returns the client.

    Its HTTP client is kept, with its proxies, limits and hooks, and follows no redirects from now on: a redirected
    request would carry a stale signature. Its API key is replaced by the placeholder.
    """
    _inject(client._client, as_signer(signer))
    client.api_key = PLACEHOLDER_API_KEY
    return client


def as_signer(signer: OCISigner | CredentialProvider) -> OCISigner:
    return signer if isinstance(signer, OCISigner) else OCISigner(signer)


def _create(
    client_class: Any,
    http_class: Any,
    *,
    signer: OCISigner | CredentialProvider | None = None,
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    region: str | None = None,
    compartment_id: str | None = None,
    project_id: str | None = None,
    conversation_store_id: str | None = None,
    base_url: str | None = None,
    service_endpoint: str | None = None,
    http_client: Any = None,
    default_headers: Mapping[str, str] | None = None,
    **options: Any,
) -> Any:
    if "api_key" in options:
        raise ConfigError("A signed client takes no api_key: its requests are signed. Leave it out.")
    if signer is None:
        signer = OCISigner(auth=auth, profile=profile, config_file=config_file)
    elif auth is not None or profile is not None or config_file is not None:
        raise ConfigError("Give either signer, or auth, profile and config_file, and not both.")
    signer = as_signer(signer)
    url = _base_url(signer, region, base_url, service_endpoint)
    compartment = compartment_id or env_value(("OCI_COMPARTMENT_ID",)) or signer.compartment
    project = project_id or env_value(("OCI_PROJECT_ID", "OCI_GENAI_PROJECT_ID")) or signer.project
    if not compartment and not project and "generativeai" in (urlsplit(url).hostname or ""):
        raise ConfigError(
            "OCI Generative AI needs to know the compartment or the project of a request. Pass compartment_id or "
            "project_id, or set OCI_COMPARTMENT_ID or OCI_PROJECT_ID."
        )
    values = {"compartment_id": compartment, "project_id": project, "conversation_store_id": conversation_store_id}
    for name, value in values.items():
        if value:
            check_header(value, name)
    headers: dict[str, str] = {}
    if compartment:
        # The second name is the service's older one; Oracle's own client sends both.
        headers |= {"opc-compartment-id": compartment, "CompartmentId": compartment}
    if conversation_store_id:
        headers["opc-conversation-store-id"] = conversation_store_id
    if http_client is None:
        http_client = http_class(auth=signer, follow_redirects=False)
    else:
        _inject(http_client, signer)
    organization = options.pop("organization", None)
    client = client_class(
        base_url=url,
        api_key=PLACEHOLDER_API_KEY,
        project=project,
        organization=organization,
        default_headers={**headers, **(default_headers or {})},
        http_client=http_client,
        **options,
    )
    # Given None, openai takes these from OPENAI_PROJECT_ID and OPENAI_ORG_ID, which are about another service.
    client.project, client.organization = project, organization
    return client


def _base_url(signer: OCISigner, region: str | None, base_url: str | None, service_endpoint: str | None) -> str:
    if base_url and service_endpoint:
        raise ConfigError("Give either base_url or service_endpoint, and not both.")
    if base_url:
        return base_url
    if service_endpoint:
        return f"{service_endpoint.rstrip('/')}/openai/v1"
    name = region or env_value(("OCI_REGION",)) or signer.region
    if name is None:
        raise ConfigError(
            f"No region is known from the arguments, OCI_REGION, or {signer!r}. Pass region='us-chicago-1' (or whichever "
            "region serves your models), or base_url."
        )
    try:
        return f"{inference_endpoint(name)}/openai/v1"
    except ValueError as error:
        raise ConfigError(f"region: {error}") from None


def _inject(http_client: Any, signer: OCISigner) -> None:
    http_client.auth = signer
    http_client.follow_redirects = False
