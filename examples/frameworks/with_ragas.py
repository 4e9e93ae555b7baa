"""ragas: metrics that ask a model and an embedder; sync and async.

Generative AI has no embeddings in OpenAI's form. OCI_EMBEDDINGS_URL is the base URL of your model deployment, which ends in
`/predict/v1`. Unverified: no public source shows a model deployment serving embeddings in this form.

python examples/frameworks/with_ragas.py
"""

from __future__ import annotations

import asyncio
import os

from _common import EMBEDDING_MODEL, OCI, oci
from endpoints import openai_embeddings
from pydantic import BaseModel

from oci_httpx_auth.openai import create_async_openai, create_openai

os.environ.setdefault("RAGAS_DO_NOT_TRACK", "true")
from ragas.embeddings.base import embedding_factory
from ragas.llms import llm_factory
from ragas.metrics.collections import SemanticSimilarity


class Opinion(BaseModel):
    answer: str


async def asynchronous(place: OCI) -> None:
    embedding = place.options | {"base_url": place.embeddings_url}
    async with create_async_openai(**place.options) as client, create_async_openai(**embedding) as embedding_client:
        embeddings = embedding_factory("openai", model=EMBEDDING_MODEL, client=embedding_client)
        similarity = SemanticSimilarity(embeddings=embeddings)
        score = await similarity.ascore(reference="Lisbon is warm.", response="Lisbon is warm.")
        print("similarity:", round(float(score.value), 2))
        llm = llm_factory(place.model, client=client)
        print("async model:", (await llm.agenerate("Is it warm?", Opinion)).answer)


def main() -> None:
    with oci(openai_embeddings.add_to) as place:
        with create_openai(**place.options) as client:
            print("model:", llm_factory(place.model, client=client).generate("Is it warm?", Opinion).answer)
        asyncio.run(asynchronous(place))


if __name__ == "__main__":
    main()
