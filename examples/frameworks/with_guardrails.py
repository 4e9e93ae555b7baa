"""openai-guardrails: the client that answers and the one that checks are two, and both have to be signed; sync and async.

python examples/frameworks/with_guardrails.py
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from _common import OCI, oci
from guardrails import GuardrailsAsyncOpenAI, GuardrailsOpenAI, GuardrailTripwireTriggered
from guardrails.context import GuardrailsContext, set_context

from oci_httpx_auth.openai import create_async_openai, create_openai

HELLO = [{"role": "user", "content": "Say hello."}]


def config(place: OCI) -> dict[str, Any]:
    check = {
        "name": "Custom Prompt Check",
        "config": {
            "model": place.model,
            "confidence_threshold": 0.7,
            "system_prompt_details": "Flag whatever is not about hello.",
        },
    }
    return {"version": 1, "pre_flight": {"version": 1, "guardrails": [check]}}


def guarding(place: OCI) -> dict[str, Any]:
    # Without raise_guardrail_errors a check that could not be made counts as passed: the guardrail fails open.
    return {"config": config(place), "raise_guardrail_errors": True}


def synchronous(place: OCI) -> None:
    with create_openai(**place.options) as checking:
        # Without this the checks are made by a client that guardrails makes itself, and that signs nothing.
        set_context(GuardrailsContext(guardrail_llm=checking))
        guarded = partial(GuardrailsOpenAI, **guarding(place))
        with create_openai(client_class=guarded, **place.options) as client:
            if place.fake:
                place.fake.script(
                    '{"flagged": false, "confidence": 0.1}', "Hello!", '{"flagged": true, "confidence": 1}'
                )
            answer = client.chat.completions.create(model=place.model, messages=HELLO)
            print("answered:", answer.choices[0].message.content)
            try:
                client.chat.completions.create(model=place.model, messages=HELLO)
            except GuardrailTripwireTriggered:
                print("stopped by the guardrail")


async def asynchronous(place: OCI) -> None:
    async with create_async_openai(**place.options) as checking:
        set_context(GuardrailsContext(guardrail_llm=checking))
        guarded = partial(GuardrailsAsyncOpenAI, **guarding(place))
        async with create_async_openai(client_class=guarded, **place.options) as client:
            if place.fake:
                place.fake.script('{"flagged": false, "confidence": 0.1}', "Hello again!")
            answer = await client.chat.completions.create(model=place.model, messages=HELLO)
            print("async, answered:", answer.choices[0].message.content)


if __name__ == "__main__":
    with oci() as place:
        synchronous(place)
        asyncio.run(asynchronous(place))
