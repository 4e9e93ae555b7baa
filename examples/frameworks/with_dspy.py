"""DSPy: a language model and a predictor by LiteLLM's process-wide HTTP clients; sync and async, streamed.

python examples/frameworks/with_dspy.py
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
import dspy
import litellm


async def asynchronous(predict: dspy.Predict) -> None:
    print("async predicted:", (await predict.acall(question="How warm is it?")).answer)
    streamed = dspy.streamify(predict)
    async for item in streamed(question="How warm is it?"):
        if isinstance(item, dspy.Prediction):
            print("async streamed:", item.answer)


def main() -> None:
    litellm.telemetry = False
    with oci() as place:
        # Both, and before the first call: litellm keeps the clients that it makes of them. DSPy's own engine ("auto")
        # uses no client of httpx at all. LM(client=create_openai(…)) serves sync calls alone.
        litellm.client_session = httpx.Client(auth=place.signer, timeout=600)
        litellm.aclient_session = httpx.AsyncClient(auth=place.signer, timeout=600)
        lm = dspy.LM(f"openai/{place.model}", engine="litellm", cache=False, **options(place))
        print("model:", lm("Say hello.")[0])
        dspy.configure(lm=lm, adapter=dspy.JSONAdapter())
        predict = dspy.Predict("question -> answer")
        print("predicted:", predict(question="How warm is it?").answer)
        asyncio.run(asynchronous(predict))


def options(place: OCI) -> dict[str, Any]:
    return {"api_base": place.base_url, "api_key": PLACEHOLDER_API_KEY, "extra_headers": place.headers}


if __name__ == "__main__":
    main()
