"""Provider and models for openai-agents: the SDK's own, on a signed client.

```python
from agents import Agent, RunConfig, Runner
from oci_httpx_auth.agents import OCIProvider

provider = OCIProvider(region="us-chicago-1", compartment_id="ocid1.compartment.oc1..…")
result = await Runner.run(Agent(name="Helper"), "Hello!", run_config=RunConfig(model_provider=provider))
```

Streaming, tools, handoffs, structured output and `previous_response_id` are the SDK's, unchanged. To make the client
the default of the whole process, keep its placeholder API key from the exporter of traces:
`set_default_openai_client(provider.client, use_for_tracing=False)`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypedDict

try:
    from agents import Model, ModelProvider, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel
    from agents.models import get_default_model_settings
except ImportError as error:
    raise ImportError(
        "oci_httpx_auth.agents needs the openai-agents package. Install it with: pip install 'oci-httpx-signer[agents]'"
    ) from error
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from ._credential import CredentialProvider
from ._errors import ConfigError
from ._signer import OCISigner
from .openai import create_async_openai

if TYPE_CHECKING:
    from agents.items import ModelResponse, TResponseStreamEvent
    from typing_extensions import Unpack

DEFAULT_MODEL = "openai.gpt-oss-120b"
"""The model of an agent that names none."""

_RESPONSES = "responses:"


class ClientOptions(TypedDict, total=False):
    """What `OCIProvider` and the models take besides a model's name: a client, or what makes one.

    client: an `AsyncOpenAI` that signs. It stands alone, and whoever made it closes it.
    signer: an `OCISigner` or a credential provider; or auth, profile and config_file, of which one is made.
    region, compartment_id, project_id, base_url: as `create_async_openai` takes them, and looks for them otherwise.
    timeout: openai's, in seconds or as a `Timeout`.
    """

    client: AsyncOpenAI | None
    signer: OCISigner | CredentialProvider | None
    auth: str | None
    profile: str | None
    config_file: str | os.PathLike[str] | None
    region: str | None
    compartment_id: str | None
    project_id: str | None
    base_url: str | None
    timeout: Any


class OCIProvider(ModelProvider):
    """Models on OCI Generative AI for `RunConfig(model_provider=…)`, or for `MultiProviderMap` under a prefix.

    A model's name means chat completions, with `responses:` before it the Responses API. default_model, which may have
    that prefix too, is for agents that name none. The options are those of `ClientOptions`.

    One client serves all models, from any event loop. It is made when first asked for, which raises `ConfigError` if
    credentials, region or compartment are missing; options that contradict each other raise it at once.
    """

    def __init__(self, *, default_model: str = DEFAULT_MODEL, **options: Unpack[ClientOptions]) -> None:
        _check(options)
        self._default_model, self._options = default_model, options
        self._client: AsyncOpenAI | None = None
        self._lock = threading.Lock()

    @property
    def client(self) -> AsyncOpenAI:
        """The client of all models."""
        with self._lock:
            if self._client is None:
                self._client = _client(self._options)
            return self._client

    def get_model(self, model_name: str | None) -> Model:
        """The model of that name, or the default model."""
        name = model_name or self._default_model
        if name.startswith(_RESPONSES):
            bare = name.removeprefix(_RESPONSES) or self._default_model.removeprefix(_RESPONSES)
            return OCIResponsesModel(bare, client=self.client)
        return OCIChatCompletionsModel(name, client=self.client)

    async def aclose(self) -> None:
        """Close the connections, unless the client was given. A later run opens new ones."""
        if self._client is not None and self._options.get("client") is None:
            await self._client.close()


class _OCIModel(Model):
    """What both models have in common. The SDK's own model comes next in their order of resolution."""

    _owned: AsyncOpenAI | None

    async def get_response(
        self, system_instructions: Any, input: Any, model_settings: ModelSettings, *arguments: Any, **options: Any
    ) -> ModelResponse:
        settings = _without_openai_defaults(model_settings)
        return await super().get_response(system_instructions, input, settings, *arguments, **options)  # type: ignore[safe-super]

    def stream_response(
        self, system_instructions: Any, input: Any, model_settings: ModelSettings, *arguments: Any, **options: Any
    ) -> AsyncIterator[TResponseStreamEvent]:
        settings = _without_openai_defaults(model_settings)
        return super().stream_response(system_instructions, input, settings, *arguments, **options)  # type: ignore[safe-super]

    async def close(self) -> None:
        """Close the connections, unless the client was given. A later run opens new ones."""
        if self._owned is not None:
            await self._owned.close()


class OCIChatCompletionsModel(_OCIModel, OpenAIChatCompletionsModel):
    """A model on OCI by chat completions, for an agent's `model=`. The options are those of `ClientOptions`.

    Raises `ConfigError` as `create_async_openai` does.
    """

    def __init__(self, model: str = DEFAULT_MODEL, **options: Unpack[ClientOptions]) -> None:
        client = _client(options)
        self._owned = client if options.get("client") is None else None
        super().__init__(model, client)


class OCIResponsesModel(_OCIModel, OpenAIResponsesModel):
    """A model on OCI by the Responses API. Everything else as in `OCIChatCompletionsModel`."""

    def __init__(self, model: str = DEFAULT_MODEL, **options: Unpack[ClientOptions]) -> None:
        client = _client(options)
        self._owned = client if options.get("client") is None else None
        super().__init__(model, client)


class _HTTPClientPerLoop(DefaultAsyncHttpxClient):
    """Sends each request through a client of the running event loop.

    Connections belong to the loop that opened them, while agents are kept across `asyncio.run` and `Runner.run_sync`.
    Closing ends the connections of this loop and of loops at rest; those of a loop that runs elsewhere are in use.
    """

    def __init__(self) -> None:
        super().__init__()
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        self._guard = threading.Lock()

    async def send(self, request: Any, **options: Any) -> Any:
        return await self._of_this_loop().send(request, **options)

    async def aclose(self) -> None:
        here = asyncio.get_running_loop()
        with self._guard:
            ended = [loop for loop in self._clients if loop is here or not loop.is_running()]
            clients = [client for loop in ended if (client := self._clients.pop(loop)) and not loop.is_closed()]
        for client in clients:
            await client.aclose()

    def _of_this_loop(self) -> Any:
        loop = asyncio.get_running_loop()
        with self._guard:
            if loop not in self._clients:
                self._clients = {loop: client for loop, client in self._clients.items() if not loop.is_closed()}
                # The factory has given this object the signer.
                self._clients[loop] = DefaultAsyncHttpxClient(auth=self.auth, follow_redirects=self.follow_redirects)
            return self._clients[loop]


def _check(options: ClientOptions) -> None:
    """Find what is wrong with the options alone, before anything is made of them."""
    if unknown := options.keys() - ClientOptions.__annotations__.keys():
        raise TypeError(f"there is no option {', '.join(map(repr, sorted(unknown)))}")
    client = options.get("client")
    others = sorted(name for name, value in options.items() if value is not None and name != "client")
    if client is not None and others:
        raise ConfigError(f"Give either client, or {', '.join(others)}, and not both: a client has all of that.")
    if client is not None and not isinstance(client, AsyncOpenAI):
        raise ConfigError(
            f"client must be an AsyncOpenAI, as create_async_openai makes it, not {type(client).__name__}."
        )
    if "signer" in others and {"auth", "profile", "config_file"} & set(others):
        raise ConfigError("Give either signer, or auth, profile and config_file, and not both.")


def _client(options: ClientOptions) -> AsyncOpenAI:
    """The client that was given, or a new one."""
    _check(options)
    if (client := options.get("client")) is not None:
        return client
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    made: AsyncOpenAI = create_async_openai(http_client=_HTTPClientPerLoop(), **given)
    return made


def _without_openai_defaults(settings: ModelSettings) -> ModelSettings:
    """The settings of an agent without those that the SDK gave it for OpenAI's default model.

    An agent that names no model gets them, e.g. a `verbosity` that few other models know. They are told from a user's
    own by being there all together.
    """
    implied = {name: value for name, value in vars(get_default_model_settings()).items() if value is not None}
    if any(getattr(settings, name) is None for name in implied):
        return settings
    return dataclasses.replace(
        settings, **{name: None for name, value in implied.items() if getattr(settings, name) == value}
    )
