"""OpenAI's embeddings, `/openai/v1/embeddings`, as a model deployment serves them.

Generative AI has no such path: its own embeddings are an operation of another form (`embedText`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

from oci_httpx_auth.testing import FakeOCI, Principal, Refused, Request

from ._turns import require_scope


def add_to(oci: FakeOCI) -> None:
    oci.add_endpoint("/openai/v1/embeddings", embed, methods=["POST"], service="inference")


def embed(request: Request, _principal: Principal) -> dict[str, Any]:
    require_scope(request)
    document = json.loads(request.body)
    given, model = document.get("input"), document.get("model")
    if not given or not model:
        raise Refused("input or model is missing", status=400)
    size = int(document.get("dimensions") or 8)
    data = []
    for index, text in enumerate([given] if isinstance(given, str) else given):
        vector: Any = [byte / 127.5 - 1 for byte in hashlib.shake_128(json.dumps(text).encode()).digest(size)]
        if document.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
