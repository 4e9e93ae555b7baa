"""Oracle's own clients of Generative AI are answered by the stand-in as each of them expects: langchain-oci, oci-openai, oci-genai-auth.

Where they belong to the environment, one that is missing is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("OCI_HTTPX_AUTH_FRAMEWORKS") in ("frameworks-core-openai2", "frameworks-openai2"):
    import langchain_oci
    import oci_genai_auth
    import oci_openai
    import zstandard  # noqa: F401
else:
    langchain_oci = pytest.importorskip("langchain_oci")
    oci_genai_auth = pytest.importorskip("oci_genai_auth")
    oci_openai = pytest.importorskip("oci_openai")
    pytest.importorskip("zstandard")

import httpx
import openai
from endpoints import native_chat, openai_embeddings, openai_files, openai_objects

from ..standin import FakeOCI

pytestmark = pytest.mark.filterwarnings("ignore")

MODEL = "openai.gpt-oss-120b"
PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.example"
STORE = "ocid1.generativeaiconversationstore.oc1..example"


@pytest.fixture
def config(oci: FakeOCI, tmp_path: Path) -> str:
    return str(oci.write_config(tmp_path))


@pytest.fixture
def client(oci: FakeOCI, config: str) -> Iterator[Any]:
    """oci-openai's, with its own signatures."""
    auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
    with oci_openai.OciOpenAI(
        service_endpoint=oci.url, auth=auth, compartment_id=oci.compartment, conversation_store_id=STORE, max_retries=0
    ) as client:
        yield client
    assert oci.records
    assert all(record.signed for record in oci.records)


@pytest.mark.parametrize("model", ["meta.llama-3.3-70b-instruct", "cohere.command-a-03-2025", "xai.grok-4.3"])
def test_langchain_oci_chats_natively(oci: FakeOCI, config: str, model: str) -> None:
    """The SDK's signature, in the form that langchain-oci chooses for the vendor: whole and streamed."""
    native_chat.add_to(oci)
    llm = langchain_oci.ChatOCIGenAI(
        model_id=model,
        service_endpoint=oci.url,
        compartment_id=oci.compartment,
        auth_type="API_KEY",
        auth_profile="DEFAULT",
        auth_file_location=config,
    )
    assert llm.invoke("good morning").content == "You said: good morning"
    pieces = [chunk.content for chunk in llm.stream("good morning")]
    assert "".join(pieces) == "You said: good morning"
    assert len(pieces) > 2
    assert {(record.mode, record.status) for record in oci.records} == {("api_key", 200)}


def test_a_chat_of_oci_openai_is_answered(client: Any) -> None:
    """Whole, and in events."""
    messages: Any = [{"role": "user", "content": "good morning"}]
    whole = client.chat.completions.create(model=MODEL, messages=messages)
    assert whole.choices[0].message.content == "You said: good morning"
    plain = {"accept-encoding": "identity"}
    events = list(client.chat.completions.create(model=MODEL, messages=messages, stream=True, extra_headers=plain))
    assert len(events) > 2
    assert (
        "".join(event.choices[0].delta.content or "" for event in events if event.choices) == "You said: good morning"
    )


def test_a_zstd_stream_breaks_off_as_users_of_oci_openai_report(client: Any) -> None:
    """Each event is a frame of its own, and httpx 0.28 stops at the second. Source: ai-optimizer#592."""
    messages: Any = [{"role": "user", "content": "good morning"}]
    with pytest.raises(httpx.DecodingError, match="multiple times"):
        list(client.chat.completions.create(model=MODEL, messages=messages, stream=True))


def test_responses_of_oci_openai_are_kept(oci: FakeOCI, client: Any) -> None:
    """Made, continued, read, listed by item, deleted; all in the conversation store that the client names."""
    first = client.responses.create(model=MODEL, input="good morning")
    second = client.responses.create(model=MODEL, input="again", previous_response_id=first.id)
    assert (first.output_text, second.output_text) == ("You said: good morning", "You said: again")
    assert client.responses.retrieve(first.id).output_text == first.output_text
    assert [item.role for item in client.responses.input_items.list(first.id)] == ["user"]
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


def test_a_conversation_of_oci_openai_is_kept(client: Any) -> None:
    """Its items are those of the responses in it."""
    conversation = client.conversations.create()
    client.responses.create(model=MODEL, input="good morning", conversation=conversation.id)
    texts = [item.content[0].text for item in client.conversations.items.list(conversation.id, order="asc")]
    assert texts == ["good morning", "You said: good morning"]
    assert client.conversations.retrieve(conversation.id).id == conversation.id
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda client: client.models.list(), 404),
        (lambda client: client.embeddings.create(model=MODEL, input="x"), 404),
        (lambda client: client.chat.completions.create(model="gpt-oss-120b", messages=[]), 404),
        (lambda client: client.chat.completions.create(model="cohere.command-a-03-2025", messages=[]), 400),
    ],
    ids=["models", "embeddings", "no vendor", "cohere"],
)
def test_a_refusal_reaches_oci_openai_in_ocis_form(client: Any, ask: Callable[[Any], Any], status: int) -> None:
    """openai's exception has the status, OCI's code and a message."""
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client)
    assert (caught.value.status_code, caught.value.body["code"]) == (status, str(status))
    assert caught.value.body["message"]


def test_what_is_stored_needs_a_conversation_store(oci: FakeOCI, config: str) -> None:
    """A response that is not stored needs none."""
    auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
    with oci_openai.OciOpenAI(service_endpoint=oci.url, auth=auth, compartment_id=oci.compartment) as client:
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model=MODEL, input="hi")
        assert client.responses.create(model=MODEL, input="hi", store=False).output_text == "You said: hi"


def test_an_unknown_key_is_refused_to_oci_openai(oci: FakeOCI, config: str) -> None:
    """As OCI words it, with a code that is the status."""
    auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
    with (
        FakeOCI() as stranger,
        oci_openai.OciOpenAI(service_endpoint=stranger.url, auth=auth, compartment_id="c", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model=MODEL, messages=[])
    assert caught.value.body["code"] == "401"
    assert not oci.records


def test_a_model_deployments_embeddings_by_oci_openai(oci: FakeOCI, client: Any) -> None:
    """The path exists once the endpoint has been added."""
    openai_embeddings.add_to(oci)
    assert client.embeddings.create(model=MODEL, input=["a", "b"], encoding_format="float").data[1].embedding


def test_what_oci_openai_keeps_at_the_examples_endpoints(oci: FakeOCI, client: Any) -> None:
    """Files, batches, vector stores and containers are made and read; an image is drawn."""
    openai_files.add_to(oci)
    openai_objects.add_to(oci)
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert client.files.content(file.id).read() == b"{}"
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.retrieve(batch.id).input_file_id == file.id
    store = client.vector_stores.create(name="papers")
    assert client.vector_stores.files.create(store.id, file_id=file.id).id == file.id
    container = client.containers.create(name="box")
    assert client.containers.retrieve(container.id).name == "box"
    assert client.images.generate(prompt="a fish", model="openai.gpt-image-1").data[0].b64_json


@pytest.mark.parametrize("kind", ["OciUserPrincipalAuth", "OciSessionAuth"])
def test_a_signature_of_oci_genai_auth_is_accepted(oci: FakeOCI, tmp_path: Path, kind: str) -> None:
    """By an API key and by a session, for a project."""
    path = oci.write_config(tmp_path, session=kind == "OciSessionAuth")
    auth = getattr(oci_genai_auth, kind)(config_file=str(path), profile_name="DEFAULT")
    with (
        httpx.Client(auth=auth, headers={"accept-encoding": "gzip"}) as http_client,
        openai.OpenAI(
            base_url=oci.openai_url, api_key="not-used", project=PROJECT, http_client=http_client, max_retries=0
        ) as client,
    ):
        assert client.responses.create(model=MODEL, input="hi").output_text == "You said: hi"
        events = list(client.responses.create(model=MODEL, input="hi", stream=True))
        assert events[-1].type == "response.completed"
    mode = "security_token" if kind == "OciSessionAuth" else "api_key"
    assert [(record.mode, record.signed) for record in oci.records] == [(mode, True)] * 2


def test_an_api_key_by_oci_genai_auth(oci: FakeOCI) -> None:
    """Its readme gives a Generative AI API key to openai's client and needs nothing else; a signer would replace the key."""
    with openai.OpenAI(base_url=oci.openai_url, api_key=oci.add_bearer_key(), project=PROJECT, max_retries=0) as client:
        assert client.responses.create(model=MODEL, input="hi").output_text == "You said: hi"
    assert oci.records[-1].mode == "genai_api_key"
    assert not oci.records[-1].signed
