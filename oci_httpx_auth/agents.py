"""Provider and models for openai-agents: the SDK's own, on a signed client.

```python
from agents import Agent, RunConfig, Runner
from oci_httpx_auth.agents import OCIProvider

provider = OCIProvider(region="us-chicago-1", compartment_id="ocid1.compartment.oc1..…")
result = await Runner.run(Agent(name="Helper"), "Hello!", run_config=RunConfig(model_provider=provider))
```

Streaming, tools, handoffs, structured output and `previous_response_id` are the SDK's, unchanged. If you make the client
the default of the whole process, keep its placeholder API key from the trace exporter:
`set_default_openai_client(provider.client, use_for_tracing=False)`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

try:
    from agents import Model, ModelProvider, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel
    from agents.models import get_default_model_settings
except ImportError as _error:
    raise ImportError(
        "oci_httpx_auth.agents needs the openai-agents package. Install it with: pip install 'oci-httpx-signer[agents]'"
    ) from _error
from openai import AsyncOpenAI

from ._errors import ConfigError
from .openai import ClientOptions, check_options, create_async_openai

if TYPE_CHECKING:
    from agents.items import ModelResponse, TResponseStreamEvent
    from typing_extensions import Self, Unpack

DEFAULT_MODEL = "openai.gpt-oss-120b"
"""The model for agents that don't name one."""

_RESPONSES = "responses:"


class OCIProvider(ModelProvider):
    """Models on OCI Generative AI for `RunConfig(model_provider=…)`, or for `MultiProviderMap` under a prefix.

    A model's name selects chat completions; with the prefix `responses:`, the Responses API. default_model, which may have
    the prefix too, is for agents that don't name a model. client: a signing `AsyncOpenAI`, which you close yourself; or
    pass the options of `create_async_openai`.

    All models share one client, in any event loop. It is created when first needed, which raises `ConfigError` if
    credentials, region or compartment are missing; contradictory options raise it at once. `async with`
    closes its connections at the end.
    """

    _client: AsyncOpenAI

    def __init__(
        self, *, default_model: str = DEFAULT_MODEL, client: AsyncOpenAI | None = None, **options: Unpack[ClientOptions]
    ) -> None:
        _check("OCIProvider", client, options)
        self._default_model, self._options, self._owns_client = default_model, options, client is None
        if client is not None:
            self._client = client

    @property
    def client(self) -> AsyncOpenAI:
        """The client that all models share."""
        if "_client" not in vars(self):
            # Of several threads that create one at once, the first wins for all.
            vars(self).setdefault("_client", create_async_openai(**self._options))
        return self._client

    def get_model(self, model_name: str | None) -> Model:
        """The model with this name, or the default model."""
        name = model_name or self._default_model
        if name.startswith(_RESPONSES):
            bare = name.removeprefix(_RESPONSES) or self._default_model.removeprefix(_RESPONSES)
            return OCIResponsesModel(bare, client=self.client)
        return OCIChatCompletionsModel(name, client=self.client)

    async def aclose(self) -> None:
        """Close the connections, unless the client was given. A later run opens new ones."""
        if self._owns_client and "_client" in vars(self):
            await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _OCIModel(Model):
    """Common base of both models. The SDK's own model comes next in their method resolution order."""

    def __init__(
        self, model: str = DEFAULT_MODEL, *, client: AsyncOpenAI | None = None, **options: Unpack[ClientOptions]
    ) -> None:
        _check(type(self).__name__, client, options)
        self._owned = create_async_openai(**options) if client is None else None
        super().__init__(model, client or self._owned)  # type: ignore[call-arg]

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
    """A model on OCI through chat completions, for an agent's `model=`. client and options are those of `OCIProvider`.

    Raises `ConfigError` as `create_async_openai` does.
    """


class OCIResponsesModel(_OCIModel, OpenAIResponsesModel):
    """A model on OCI through the Responses API. Otherwise like `OCIChatCompletionsModel`."""


def _check(caller: str, client: Any, options: ClientOptions) -> None:
    """Raise for unknown or contradictory options, before anything is created."""
    check_options(caller, options)
    if client is not None and not isinstance(client, AsyncOpenAI):
        raise ConfigError(
            f"client must be an AsyncOpenAI, such as create_async_openai returns, not {type(client).__name__}."
        )
    if client is not None and (others := sorted(name for name, value in options.items() if value is not None)):
        raise ConfigError(f"Pass either client, or {', '.join(others)}, not both: a client has all of them.")


def _without_openai_defaults(settings: ModelSettings) -> ModelSettings:
    """An agent's settings without those that the SDK added for OpenAI's default model.

    It adds them to agents that don't name a model, e.g. a `verbosity` that few other models support. They are
    recognised by being present all together.
    """
    implied = {name: value for name, value in vars(get_default_model_settings()).items() if value is not None}
    if any(getattr(settings, name) is None for name in implied):
        return settings
    return dataclasses.replace(
        settings, **{name: None for name, value in implied.items() if getattr(settings, name) == value}
    )
