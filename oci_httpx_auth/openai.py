"""Factories for, and injection into, the clients of the `openai` package, version 1, 2 or 3.

The caller of a client made or signed here gets this library's errors, e.g. a `ConfigError`, unchanged and at once.
A client of openai 1 or 2 that was given a signer by hand retries it and raises "Connection error."; the reason is that
error's `__cause__`.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import os
import re
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload
from urllib.parse import urlsplit

import httpx

try:
    import openai
except ImportError as _error:
    raise ImportError(
        "oci_httpx_auth.openai needs the openai package. Install it with: pip install 'oci-httpx-signer[openai]'"
    ) from _error

from ._auth_service.regions import inference_endpoint, is_known, region_id, similar_region
from ._credential import CredentialProvider
from ._errors import ConfigError, OCIAuthError
from ._hosts import is_loopback
from ._signer import OCISigner
from ._signing.waiting import trio_token
from .credentials._config import check_header, env_value

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

log: logging.Logger = logging.getLogger("oci_httpx_auth")

PLACEHOLDER_API_KEY = "placeholder-oci-httpx-auth-signs-instead"
"""What a signed client carries as its API key. A server that sees it received a request that bypassed the signer."""

AsyncClientT = TypeVar("AsyncClientT", bound=openai.AsyncOpenAI)
ClientT = TypeVar("ClientT", bound=openai.OpenAI)
AnyClientT = TypeVar("AnyClientT", bound="openai.AsyncOpenAI | openai.OpenAI")


class ClientOptions(TypedDict, total=False):
    """The options of `create_openai`, `create_async_openai`, `OCIProvider` and the models for openai-agents.

    signer: an `OCISigner` or a credential provider. Without it one is made from auth, profile and config_file.
    api_key: a Generative AI API key, sent instead of a signature; no credentials are looked for. It belongs to one
        region and needs no compartment. Without signer, auth, profile, config_file and `OCI_CLI_AUTH`, else
        `OCI_GENAI_API_KEY`.
    region: id or short code; else `OCI_GENAI_REGION`, `OCI_CLI_REGION` or `OCI_REGION`, else what the credentials' source
        says; on an instance, the metadata service is asked now, for a second at most, since a client needs its URL.
    compartment_id: sent as `opc-compartment-id`; else `OCI_COMPARTMENT_ID`, else the source's.
    project_id: sent as `OpenAI-Project`; else `OCI_PROJECT_ID`, `OCI_GENAI_PROJECT_ID` or `OCI_GENAI_PROJECT`, else the
        source's.
    conversation_store_id: sent as `opc-conversation-store-id`.
    base_url: the whole base URL, e.g. of a model deployment; or service_endpoint, to which `/openai/v1` is added; else
        `OCI_GENAI_BASE_URL`, which goes over any region.
    http_client: your own HTTP client; it is given the signer, and its redirects are turned off. An async one serves a
        single event loop, unless it is a `PerLoopAsyncClient`.

    The others are openai's own.
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


# Passed on only if given: to openai, `None` is different from nothing.
_OPENAI_OPTIONS = ("default_query", "timeout", "max_retries", "webhook_secret", "websocket_base_url")


class _Portable:
    """Pickles as the options that it was made with, the headers and the signer; deep copies share the connections."""

    _given: Any = {}  # noqa: RUF012

    def __reduce__(self: Any) -> Any:
        return _rebuild, (type(self), self._given, self.auth, dict(self.headers))

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class _SyncClient(_Portable, openai.DefaultHttpxClient):
    """The HTTP client of `create_openai`."""


class PerLoopAsyncClient(_Portable, openai.DefaultAsyncHttpxClient):
    """An async HTTP client for any number of event loops, one after the other or at once, of asyncio and trio.

    Connections belong to the loop that opened them. Each loop gets its own, which end with it: when `asyncio.run`
    returns, or with `aclose()`, which closes those of the running loop and of loops at rest. Later requests open new
    ones. The options are those of `openai.DefaultAsyncHttpxClient`: proxy, limits, event_hooks, ….
    """

    def __init__(self, **options: Any) -> None:
        # What is sent goes through a client of the loop, so this one needs no connections of its own.
        super().__init__(**{**options, "transport": httpx.AsyncBaseTransport()})
        self._given = self._options = options
        if options.keys().isdisjoint(("verify", "cert", "trust_env", "transport")):
            # One TLS context for all loops: to make one takes some 40 ms, during which no loop should stand still.
            library = sys.modules[openai.DefaultAsyncHttpxClient.__mro__[1].__module__]
            self._options = {**options, "verify": library.create_ssl_context()}
        self._clients: dict[Any, tuple[Any, AsyncGenerator[Any, None]]] = {}

    async def send(self, request: Any, **options: Any) -> Any:
        """Send the request through the client of the running event loop."""
        loop = trio_token() or asyncio.get_running_loop()
        client, _ = self._clients.get(loop, (None, None))
        if client is None or client.is_closed:
            for other, (old, _) in self._clients.copy().items():
                if old.is_closed or _is_closed(other):
                    self._clients.pop(other, None)
            lifetime = self._lifetime()
            client = await lifetime.__anext__()  # waits for nothing, so no other task of this loop comes between
            self._clients[loop] = client, lifetime
        client.auth, client.follow_redirects = self.auth, self.follow_redirects
        return await client.send(request, **options)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and of loops at rest. Later requests open new ones."""
        here = trio_token() or asyncio.get_running_loop()
        for loop in list(self._clients):
            if loop is here or (isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_running()):
                _, lifetime = self._clients.pop(loop, (None, None))
                if lifetime is not None and not _is_closed(loop):
                    await lifetime.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _lifetime(self) -> AsyncGenerator[Any, None]:
        """Yields a client. An event loop that ends closes the generators it finds open, and so the client."""
        client = openai.DefaultAsyncHttpxClient(**self._options)
        try:
            yield client
        finally:
            await client.aclose()


@overload
def create_async_openai(**options: Unpack[ClientOptions]) -> openai.AsyncOpenAI: ...
@overload
def create_async_openai(
    *, client_class: Callable[..., AsyncClientT], **options: Unpack[ClientOptions]
) -> AsyncClientT: ...
def create_async_openai(*, client_class: Callable[..., Any] = openai.AsyncOpenAI, **options: Any) -> Any:
    """An `AsyncOpenAI` whose requests are signed for OCI Generative AI. `ClientOptions` describes the options.

    client_class: a subclass of `AsyncOpenAI` to make instead; `functools.partial` adds options of its own.

    One client serves any number of event loops, one after the other or at once. It pickles, and copies share its
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
    """An `OpenAI` whose requests are signed for OCI Generative AI. Everything else as in `create_async_openai`."""
    return _create("create_openai", client_class, _SyncClient, options)


def sign_openai_client(
    client: AnyClientT,
    signer: OCISigner | CredentialProvider,
    *,
    compartment_id: str | None = None,
    project_id: str | None = None,
    conversation_store_id: str | None = None,
) -> AnyClientT:
    """Have an existing client, and what `with_options` makes of it from now on, sign all requests. Returns the client.

    Other clients that share its HTTP client, such as the one that it was derived from, stay as they are: it gets a copy
    with the same connections, proxies, limits and hooks, or one of its own in place of openai's default. That follows no
    redirects, since a redirected request would carry a stale signature. The API key is replaced by the placeholder.

    Compartment, project and conversation store are looked for as by the factories; headers of the client's own win.
    Raises `ConfigError` as they do.
    """
    if not isinstance(client, (openai.OpenAI, openai.AsyncOpenAI)):
        kind = client.__name__ if isinstance(client, type) else f"a {type(client).__name__} object"
        raise ConfigError(f"sign_openai_client needs a client, an instance of OpenAI or AsyncOpenAI, not {kind}.")
    signer = as_signer(signer)
    # openai takes a project that nobody named from OPENAI_PROJECT_ID, which is about another service.
    own_project = client.project if client.project != os.environ.get("OPENAI_PROJECT_ID") else None
    options = {
        "compartment_id": compartment_id or dict(client.default_headers).get("opc-compartment-id"),
        "project_id": project_id or own_project,
        "conversation_store_id": conversation_store_id,
    }
    headers, project = _headers(signer, str(client.base_url), options)
    http_client = _copy(client._client)
    http_client.headers = {**http_client.headers, **headers}
    _attach(http_client, signer)
    client._client, client.project, client.api_key = http_client, project, PLACEHOLDER_API_KEY
    return client


def as_signer(signer: OCISigner | CredentialProvider) -> OCISigner:
    """The signer itself, or one of this provider."""
    return signer if isinstance(signer, OCISigner) else OCISigner(signer)


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
    api_key = options.get("api_key") or _api_key_of_environment(options)
    signer = options.get("signer")
    if api_key is None and signer is None:
        signer = OCISigner(
            auth=options.get("auth"), profile=options.get("profile"), config_file=options.get("config_file")
        )
    signer = None if signer is None else as_signer(signer)
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
    # Given None, openai takes these from OPENAI_PROJECT_ID and OPENAI_ORG_ID, which are about another service.
    client.project, client.organization = project, organization
    if signer is None:
        http_client.follow_redirects = False  # which would take the key along
    else:
        _attach(http_client, signer)
    return client


def _api_key_of_environment(options: Mapping[str, Any]) -> str | None:
    """`OCI_GENAI_API_KEY`, unless an option or variable asks for signatures."""
    if any(options.get(name) is not None for name in ("signer", "auth", "profile", "config_file")):
        return None
    return None if env_value(("OCI_CLI_AUTH",)) else env_value(("OCI_GENAI_API_KEY",))


def _check_api_key(api_key: object, url: str) -> None:
    """Raises `ConfigError`, without quoting the key, if it is malformed or would travel over plain http."""
    if not isinstance(api_key, str) or not re.fullmatch(r"[!-~]+", api_key):
        raise ConfigError(
            "api_key is not a Generative AI API key: it is empty, not a text, or has blanks or other characters that no header "
            "can carry. Copy the key's secret again; it begins with sk-."
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(f"An API key is not sent to {parts.scheme}://{parts.hostname}, over plain http. Use https.")


def _base_url(signer: OCISigner | None, options: Mapping[str, Any]) -> str:
    if base_url := options.get("base_url"):
        return str(base_url)
    if service_endpoint := options.get("service_endpoint"):
        return f"{service_endpoint.rstrip('/').removesuffix('/openai/v1')}/openai/v1"
    if base_url := env_value(("OCI_GENAI_BASE_URL",)):
        return base_url
    name = options.get("region") or env_value(("OCI_GENAI_REGION", "OCI_CLI_REGION", "OCI_REGION"))
    if name is None and signer is not None:
        name = signer.region or _discover(signer)
    if name is None and signer is None:
        raise ConfigError(
            "No region is known for this API key, which works in the region where it was made. Pass region= or set "
            "OCI_GENAI_REGION."
        )
    if name is None:
        raise ConfigError(
            f"No region is known from the arguments, OCI_REGION, or {signer!r}. Pass region='us-chicago-1' (or whichever "
            "region serves your models), or base_url."
        )
    try:
        # The realm of a region that is newer than our tables is in the OCIDs.
        compartment = options.get("compartment_id") or env_value(("OCI_COMPARTMENT_ID",))
        own = (signer.compartment, signer.tenancy) if signer is not None else ()
        endpoint, region = inference_endpoint(name, compartment, *own), region_id(name)
    except ValueError as error:
        raise ConfigError(f"region: {error}") from None
    if "." not in region and not is_known(region):
        similar = similar_region(region)
        log.warning(
            "Region %r is not known to this version%s. Requests will go to %s.",
            region,
            f": did you mean {similar!r}?" if similar else ", so its domain is a guess",
            endpoint,
        )
    return f"{endpoint}/openai/v1"


def _discover(signer: OCISigner) -> str | None:
    """The region by the instance metadata service, for providers that ask it."""
    discover: Callable[[], str | None] = getattr(signer._provider, "discover_region", lambda: None)
    return discover()


def _headers(signer: OCISigner | None, url: str, options: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
    """The headers that name compartment and conversation store, and the project, whose header openai sends."""
    store = options.get("conversation_store_id")
    own = (None, None) if signer is None else (signer.compartment, signer.project)
    compartment = options.get("compartment_id") or env_value(("OCI_COMPARTMENT_ID",)) or own[0]
    projects = ("OCI_PROJECT_ID", "OCI_GENAI_PROJECT_ID", "OCI_GENAI_PROJECT")
    project = options.get("project_id") or env_value(projects) or own[1]
    if signer is not None and not compartment and not project and "generativeai" in (urlsplit(url).hostname or ""):
        raise ConfigError(
            "OCI Generative AI needs to know the compartment or the project of a request. Pass compartment_id or "
            "project_id, or set OCI_COMPARTMENT_ID or OCI_PROJECT_ID."
        )
    for name, value in (("compartment_id", compartment), ("project_id", project), ("conversation_store_id", store)):
        if value and re.search(r"…|\.\.\.$|<.*>", value):
            raise ConfigError(f"{name} is still a placeholder: replace it with the OCID of your own.")
        if value:
            check_header(value, name)
    # CompartmentId is the service's older name; Oracle's own client sends both.
    headers = {"opc-compartment-id": compartment, "CompartmentId": compartment, "opc-conversation-store-id": store}
    return {name: value for name, value in headers.items() if value}, project


def _attach(http_client: Any, signer: OCISigner) -> None:
    """Make the HTTP client of an OpenAI client sign its requests, and raise this library's errors unchanged."""
    http_client.auth = signer
    http_client.follow_redirects = False
    if int(openai.__version__.split(".")[0]) >= 3:
        return
    # openai 1 and 2 retry and wrap whatever sending raises, but not what `raise_for_status` of a response raises.
    send = http_client.send

    def send_sync(request: Any, **options: Any) -> Any:
        try:
            return send(request, **options)
        except OCIAuthError as error:
            return _NotSent(error)

    async def send_async(request: Any, **options: Any) -> Any:
        try:
            return await send(request, **options)
        except OCIAuthError as error:
            return _NotSent(error)

    http_client.send = send_async if inspect.iscoroutinefunction(send) else send_sync


class _NotSent:
    """Replaces the response to a request that could not be signed, and raises the reason."""

    status_code, reason_phrase, headers = 0, "not sent", httpx.Headers()

    def __init__(self, error: OCIAuthError) -> None:
        self._error = error

    def raise_for_status(self) -> None:
        raise self._error


def _copy(http_client: Any) -> Any:
    """A copy of the HTTP client for one OpenAI client alone."""
    kind = type(http_client)
    if kind.__module__.startswith("openai.") and hasattr(kind, "__del__"):
        # openai's default, which nobody configured. A copy would close the original's connections when it is collected.
        return PerLoopAsyncClient() if inspect.iscoroutinefunction(http_client.send) else _SyncClient()
    copied = copy.copy(http_client)
    vars(copied).pop("send", None)  # which `_attach` may have set, and which sends by the original
    return copied


def _rebuild(kind: type[Any], options: dict[str, Any], auth: Any, headers: dict[str, str]) -> Any:
    http_client = kind(**options)
    http_client.headers = headers
    if isinstance(auth, OCISigner):
        _attach(http_client, auth)
    else:
        http_client.auth = auth
    return http_client


def _is_closed(loop: Any) -> bool:
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()
