"""Signed clients of the `openai` package, version 1, 2 or 3: new ones, or existing ones made to sign.

These clients raise this library's errors, e.g. a `ConfigError`, unchanged and at once. If you pass a signer to a client
of openai 1 or 2 yourself, the client retries such an error and then raises "Connection error.", with the reason as its
`__cause__`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload
from urllib.parse import urlsplit

try:
    import openai
except ImportError as _error:
    raise ImportError(
        "oci_httpx_auth.openai needs the openai package. Install it with: pip install 'oci-httpx-signer[openai]'"
    ) from _error

from ._auth_service.regions import inference_endpoint, is_known, region_id, similar_region
from ._credential import CredentialProvider
from ._errors import ConfigError
from ._hosts import is_loopback
from ._openai_http import PerLoopAsyncClient, SyncClient, attach_signer, copy_client, send_api_key
from ._signer import OCISigner, as_signer
from .credentials._config import GENERATIVE_AI, check_header, env_value, generative_ai_key

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "PLACEHOLDER_API_KEY",
    "ClientOptions",
    "PerLoopAsyncClient",
    "create_async_openai",
    "create_openai",
    "sign_openai_client",
]

log: logging.Logger = logging.getLogger("oci_httpx_auth")

PLACEHOLDER_API_KEY = "placeholder-oci-httpx-auth-signs-instead"
"""The API key of a signed client. A request that reaches a server with it bypassed the signer."""

AsyncClientT = TypeVar("AsyncClientT", bound=openai.AsyncOpenAI)
ClientT = TypeVar("ClientT", bound=openai.OpenAI)
AnyClientT = TypeVar("AnyClientT", bound="openai.AsyncOpenAI | openai.OpenAI")


class ClientOptions(TypedDict, total=False):
    """The options of `create_openai`, `create_async_openai`, `OCIProvider` and the models for openai-agents.

    signer: an `OCISigner` or a credential provider. Without it one is made from auth, profile and config_file.
    api_key: a Generative AI API key, sent instead of a signature; no credentials are searched. It belongs to one
        region and needs no compartment. Defaults to `OCI_GENAI_API_KEY`, unless signer, auth, profile, config_file or
        `OCI_CLI_AUTH` is given.
    region: id or short code; else `OCI_GENAI_REGION`, `OCI_CLI_REGION` or `OCI_REGION`, else the credentials' source;
        on an instance, the metadata service is asked now, for a second at most, since a client needs its URL.
    compartment_id: sent as `opc-compartment-id`; else `OCI_COMPARTMENT_ID`, else the source's.
    project_id: sent as `OpenAI-Project`; else `OCI_PROJECT_ID`, `OCI_GENAI_PROJECT_ID` or `OCI_GENAI_PROJECT`, else the
        source's.
    conversation_store_id: sent as `opc-conversation-store-id`.
    base_url: the whole base URL, e.g. of a model deployment; or service_endpoint, to which `/openai/v1` is added; else
        `OCI_GENAI_BASE_URL`, which overrides any region.
    http_client: your own HTTP client; it is given the signer, and its redirects are turned off. An async one works in a
        single event loop, unless it is a `PerLoopAsyncClient`.

    The other options are openai's own.
    """

    signer: OCISigner | CredentialProvider | None
    auth: str | None
    profile: str | None
    config_file: str | os.PathLike[str] | None
    region: str | None
    compartment_id: str | None
    project_id: str | None
    conversation_store_id: str | None
    base_url: str | None
    service_endpoint: str | None
    api_key: str | None
    http_client: Any
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, object] | None
    timeout: float | openai.Timeout | None
    max_retries: int
    organization: str | None
    webhook_secret: str | None
    websocket_base_url: str | None


# Passed on only if given: openai distinguishes `None` from an omitted option.
_OPENAI_OPTIONS = ("default_query", "timeout", "max_retries", "webhook_secret", "websocket_base_url")


@overload
def create_async_openai(**options: Unpack[ClientOptions]) -> openai.AsyncOpenAI: ...
@overload
def create_async_openai(
    *, client_class: Callable[..., AsyncClientT], **options: Unpack[ClientOptions]
) -> AsyncClientT: ...
def create_async_openai(*, client_class: Callable[..., Any] = openai.AsyncOpenAI, **options: Any) -> Any:
    """An `AsyncOpenAI` whose requests are signed for OCI Generative AI. `ClientOptions` describes the options.

    client_class: a subclass of `AsyncOpenAI` to create instead; use `functools.partial` for options of the subclass.

    One client works in any number of event loops, one after the other or at once. It can be pickled, and copies share its
    connections.

    Raises `ConfigError` if no region is known, or neither a compartment nor a project where the service needs one, and
    `TypeError` for an unknown option.
    """
    return _create("create_async_openai", client_class, PerLoopAsyncClient, options)


@overload
def create_openai(**options: Unpack[ClientOptions]) -> openai.OpenAI: ...
@overload
def create_openai(*, client_class: Callable[..., ClientT], **options: Unpack[ClientOptions]) -> ClientT: ...
def create_openai(*, client_class: Callable[..., Any] = openai.OpenAI, **options: Any) -> Any:
    """An `OpenAI` whose requests are signed for OCI Generative AI. Otherwise like `create_async_openai`."""
    return _create("create_openai", client_class, SyncClient, options)


def sign_openai_client(
    client: AnyClientT,
    signer: OCISigner | CredentialProvider,
    *,
    compartment_id: str | None = None,
    project_id: str | None = None,
    conversation_store_id: str | None = None,
) -> AnyClientT:
    """Make an existing client, and its future `with_options` copies, sign all requests. Returns the client.

    Other clients that share its HTTP client, such as the one it was derived from, are not changed: it gets a copy with the
    same connections, proxies, limits and hooks, or a new one in place of openai's default. The copy follows no redirects,
    since a redirected request would carry a stale signature. The API key is replaced by the placeholder.

    Compartment, project and conversation store have the same defaults as in the factories; the client's own headers win.
    Raises `ConfigError` as the factories do.
    """
    if not isinstance(client, (openai.OpenAI, openai.AsyncOpenAI)):
        kind = client.__name__ if isinstance(client, type) else f"a {type(client).__name__} object"
        raise ConfigError(f"sign_openai_client needs a client, an instance of OpenAI or AsyncOpenAI, not {kind}.")
    signer = as_signer(signer)
    # openai takes an unnamed project from OPENAI_PROJECT_ID, which belongs to another service.
    own_project = client.project if client.project != os.environ.get("OPENAI_PROJECT_ID") else None
    options = {
        "compartment_id": compartment_id or dict(client.default_headers).get("opc-compartment-id"),
        "project_id": project_id or own_project,
        "conversation_store_id": conversation_store_id,
    }
    headers, project = _headers(signer, str(client.base_url), options)
    http_client = copy_client(client._client)
    http_client.headers = {**http_client.headers, **headers}
    attach_signer(http_client, signer)
    client._client, client.project, client.api_key = http_client, project, PLACEHOLDER_API_KEY
    return client


def check_options(caller: str, options: Mapping[str, Any]) -> None:
    """Raises `TypeError` for unknown options, and `ConfigError` for contradictory ones."""
    if unknown := sorted(options.keys() - ClientOptions.__annotations__.keys()):
        what = "unexpected keyword arguments" if len(unknown) > 1 else "an unexpected keyword argument"
        raise TypeError(f"{caller}() got {what} {', '.join(map(repr, unknown))}")
    given = {name for name, value in options.items() if value is not None}
    if "signer" in given and given & {"auth", "profile", "config_file"}:
        raise ConfigError("Pass either signer, or auth, profile and config_file, not both.")
    if "api_key" in given and given & {"signer", "auth", "profile", "config_file"}:
        raise ConfigError(
            "Pass either api_key, or signer, auth, profile and config_file, not both: a key replaces signing."
        )
    if given >= {"base_url", "service_endpoint"}:
        raise ConfigError("Pass either base_url or service_endpoint, not both.")


def _create(caller: str, client_class: Callable[..., Any], http_class: type[Any], options: Mapping[str, Any]) -> Any:
    check_options(caller, options)
    signer, *source = (options.get(name) for name in ("signer", "auth", "profile", "config_file"))
    api_key = options.get("api_key") or generative_ai_key(signer, *source)
    if api_key is None:
        auth, profile, config_file = source
        signer = OCISigner(auth=auth, profile=profile, config_file=config_file) if signer is None else as_signer(signer)
    url = _base_url(signer, options)
    if api_key is not None:
        _check_api_key(api_key, url)
    headers, project = _headers(signer, url, options)
    organization, http_client = options.get("organization"), options.get("http_client")
    if http_client is None:
        http_client = http_class()
    client = client_class(
        base_url=url,
        api_key=api_key or PLACEHOLDER_API_KEY,
        project=project,
        organization=organization,
        default_headers={**headers, **(options.get("default_headers") or {})},
        http_client=http_client,
        **{name: options[name] for name in _OPENAI_OPTIONS if name in options},
    )
    # Given None, openai takes these from OPENAI_PROJECT_ID and OPENAI_ORG_ID, which belong to another service.
    client.project, client.organization = project, organization
    if signer is None:
        send_api_key(http_client)
    else:
        attach_signer(http_client, signer)
    return client


def _check_api_key(api_key: object, url: str) -> None:
    """Raises `ConfigError`, without quoting the key, if it is malformed or would travel over plain http."""
    if not isinstance(api_key, str) or not re.fullmatch(r"[!-~]+", api_key):
        raise ConfigError(
            "api_key is not a Generative AI API key: it is empty, not a string, or has blanks or other characters that a header "
            "cannot carry. Copy the key's secret again; it begins with sk-."
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(f"An API key is not sent to {parts.scheme}://{parts.hostname}, over plain http. Use https.")


def _base_url(signer: OCISigner | None, options: Mapping[str, Any]) -> str:
    for name in ("base_url", "service_endpoint"):
        if value := options.get(name):
            url = _check_filled_in(str(value), name, "your own URL")
            return url if name == "base_url" else f"{url.rstrip('/').removesuffix('/openai/v1')}/openai/v1"
    if base_url := env_value(GENERATIVE_AI["base_url"]):
        return _check_filled_in(base_url, "OCI_GENAI_BASE_URL", "your own URL")
    region = options.get("region") or env_value(GENERATIVE_AI["region"])
    ocids = [options.get("compartment_id") or env_value(GENERATIVE_AI["compartment_id"])]
    if signer is not None:
        region = region or signer.region or _discover(signer)
        ocids += [signer.compartment, signer.tenancy]
    if region is None:
        whose = "this API key, which works only in the region where it was created" if signer is None else repr(signer)
        raise ConfigError(
            f"No region is known for {whose}. Pass region, e.g. 'us-chicago-1', or base_url, or set OCI_REGION."
        )
    try:
        # The OCIDs name the realm of a region that is newer than our tables.
        endpoint, name = inference_endpoint(region, *ocids), region_id(region)
    except ValueError as error:
        raise ConfigError(f"region: {error}") from None
    if "." not in name and not is_known(name):
        similar = similar_region(name)
        guess = f": did you mean {similar!r}?" if similar else ", so its domain is a guess"
        log.warning("Region %r is not known to this version%s. Requests will go to %s.", name, guess, endpoint)
    return f"{endpoint}/openai/v1"


def _discover(signer: OCISigner) -> str | None:
    """The region from the instance metadata service, for providers that use it."""
    discover: Callable[[], str | None] = getattr(signer._provider, "discover_region", lambda: None)
    return discover()


def _headers(signer: OCISigner | None, url: str, options: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
    """The headers for compartment and conversation store, and the project, whose header openai sends itself."""
    store = options.get("conversation_store_id")
    own = (None, None) if signer is None else (signer.compartment, signer.project)
    compartment = options.get("compartment_id") or env_value(GENERATIVE_AI["compartment_id"]) or own[0]
    project = options.get("project_id") or env_value(GENERATIVE_AI["project_id"]) or own[1]
    if signer is not None and not compartment and not project and "generativeai" in (urlsplit(url).hostname or ""):
        raise ConfigError(
            "OCI Generative AI needs the compartment or the project of a request. Pass compartment_id or "
            "project_id, or set OCI_COMPARTMENT_ID or OCI_PROJECT_ID."
        )
    for name, value in (("compartment_id", compartment), ("project_id", project), ("conversation_store_id", store)):
        if value:
            check_header(_check_filled_in(value, name, "your own OCID"), name)
    # CompartmentId is the service's older name; Oracle's own client sends both.
    headers = {"opc-compartment-id": compartment, "CompartmentId": compartment, "opc-conversation-store-id": store}
    return {name: value for name, value in headers.items() if value}, project


def _check_filled_in(value: str, name: str, what: str) -> str:
    """The value. Raises `ConfigError` for a placeholder from the documentation."""
    if re.search(r"…|\.\.\.$|<.*>", value):
        raise ConfigError(f"{name} is still a placeholder: replace it with {what}.")
    return value
