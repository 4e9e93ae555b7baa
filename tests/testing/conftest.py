"""What the stand-in's tests have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from endpoints import (
    anthropic_messages,
    google_content,
    native_chat,
    object_storage,
    openai_embeddings,
    openai_files,
    openai_objects,
    websockets,
)

from ..byhand import Draft
from ..standin import FakeCredential, FakeOCI

SCOPE = [["OpenAI-Project", "ocid1.generativeaiproject.oc1.us-chicago-1.a"]]


@pytest.fixture(scope="module")
def session_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key(oci: FakeOCI) -> FakeCredential:
    return oci.add_api_key()


@pytest.fixture
def further_endpoints(oci: FakeOCI) -> None:
    """The stand-in with everything that the examples add to it."""
    modules = (anthropic_messages, google_content, native_chat, object_storage, openai_embeddings, openai_files)
    for module in (*modules, openai_objects, websockets):
        module.add_to(oci)


@pytest.fixture
def ask(oci: FakeOCI, key: FakeCredential) -> Callable[..., Any]:
    """A signed request that names a project."""

    def send(target: str, document: Any = None, method: str = "POST", **headers: str) -> Any:
        body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
        draft = Draft(key, method, target, body=body, headers=[*SCOPE])
        for name, value in headers.items():
            draft.set(name.replace("_", "-"), value)
        return draft.sign().send(oci.url)

    return send


@pytest.fixture
def client(oci: FakeOCI) -> Iterator[Any]:
    """OpenAI's own client, whose requests name a project and are signed by hand."""
    openai = pytest.importorskip("openai")
    from .clients import PROJECT, default_client

    http_client = default_client(oci, "DefaultHttpxClient")
    with openai.OpenAI(
        base_url=oci.openai_url, api_key="unused", project=PROJECT, http_client=http_client, max_retries=0
    ) as client:
        yield client
