"""mem0: what a conversation tells is remembered, and found again. Its model and its embedder each need the client.

Generative AI has no embeddings in OpenAI's form. OCI_EMBEDDINGS_URL is the base URL of your model deployment, which ends in
`/predict/v1`. Unverified: no public source shows a model deployment serving embeddings in this form.

python examples/frameworks/with_mem0.py
"""

from __future__ import annotations

import os
import tempfile

from _common import EMBEDDING_MODEL, OCI, oci
from endpoints import openai_embeddings

from oci_httpx_auth.openai import PLACEHOLDER_API_KEY, create_openai

os.environ.setdefault("MEM0_TELEMETRY", "False")
from mem0 import Memory

DIMENSIONS = 1536  # of the embedding model's vectors


def remember(place: OCI, directory: str) -> None:
    placeholder = {"api_key": PLACEHOLDER_API_KEY, "openai_base_url": place.base_url}
    memory = Memory.from_config(
        {
            "llm": {"provider": "openai", "config": {"model": place.model, **placeholder}},
            "embedder": {
                "provider": "openai",
                "config": {"model": EMBEDDING_MODEL, "embedding_dims": DIMENSIONS, **placeholder},
            },
            "vector_store": {
                "provider": "qdrant",
                "config": {"path": f"{directory}/vectors", "embedding_model_dims": DIMENSIONS},
            },
            "history_db_path": f"{directory}/history.db",
        }
    )
    embedding = place.options | {"base_url": place.embeddings_url}
    with create_openai(**place.options) as client, create_openai(**embedding) as embedding_client:
        # Its configuration takes no client. Replace both: with the model's alone, the embeddings go out unsigned.
        memory.llm.client = client
        memory.embedding_model.client = embedding_client
        memory.add("I live in Lisbon.", user_id="ann", infer=False)
        print(
            "found:",
            *(found["memory"] for found in memory.search("I live in Lisbon.", filters={"user_id": "ann"})["results"]),
        )
        print("model:", memory.llm.generate_response([{"role": "user", "content": "Say hello."}]))
    memory.close()


if __name__ == "__main__":
    with oci(openai_embeddings.add_to) as place, tempfile.TemporaryDirectory() as directory:
        remember(place, directory)
