"""LiteLLM by its process-wide HTTP clients, and its Router; sync and async, plain and streamed.

python examples/frameworks/with_litellm_sessions.py
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
from _common import OCI, oci

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY

# While it is imported, litellm would fetch a list of prices from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
import litellm

HELLO = [{"role": "user", "content": "Say hello."}]


def router(place: OCI) -> litellm.Router:
    options = {"api_base": place.base_url, "api_key": PLACEHOLDER_API_KEY, "extra_headers": place.headers}
    return litellm.Router(
        model_list=[{"model_name": "chat", "litellm_params": {"model": f"openai/{place.model}", **options}}]
    )


def text(answer: Any) -> str:
    return str(answer.choices[0].message.content)


async def asynchronous(routed: litellm.Router) -> None:
    print("async completion:", text(await routed.acompletion("chat", HELLO)))
    chunks = await routed.acompletion("chat", HELLO, stream=True)
    print("async stream:", "".join([chunk.choices[0].delta.content or "" async for chunk in chunks]))


def main() -> None:
    litellm.telemetry = False
    with oci() as place:
        # Both, and before the first call: litellm keeps the clients that it makes of them. They serve completions,
        # embeddings, transcriptions and images; responses, moderations, files and batches go past them, unsigned.
        litellm.client_session = httpx.Client(auth=place.signer, timeout=600)
        litellm.aclient_session = httpx.AsyncClient(auth=place.signer, timeout=600)
        routed = router(place)
        print("completion:", text(routed.completion("chat", HELLO)))
        chunks = routed.completion("chat", HELLO, stream=True)
        print("stream:", "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
        asyncio.run(asynchronous(routed))


if __name__ == "__main__":
    main()
