"""OpenAI's embeddings below the base path of a model deployment.

Unverified: no public source shows a model deployment serving embeddings in this form, which is OpenAI's. Generative AI has no
such path: its own embeddings are an operation of another form (`embedText`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Refused, Request

from ._turns import serve, text_in

PATH = r"/ocid1\.datasciencemodeldeployment\.oc\d+\.[a-z0-9-]*\.\w+/predict/v1/embeddings"
MOST_DIMENSIONS = 4096


def add_to(oci: FakeOCI) -> None:
    serve(oci, "POST", PATH, embed, place="")


def embed(request: Request) -> dict[str, Any]:
    document = request.json()
    model, given, size = text_in(document, "model"), document.get("input"), document.get("dimensions", 8)
    if not given or not isinstance(given, (str, list)):
        raise Refused("input is neither a text nor a list", status=400)
    if type(size) is not int or not 1 <= size <= MOST_DIMENSIONS:
        raise Refused(f"dimensions is not a number from 1 to {MOST_DIMENSIONS}", status=400)
    data = []
    for index, text in enumerate([given] if isinstance(given, str) else given):
        vector: Any = [byte / 127.5 - 1 for byte in hashlib.shake_128(json.dumps(text).encode()).digest(size)]
        if document.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
