"""Oracle's own clients of Generative AI are answered by the stand-in as each of them expects: langchain-oci, oci-openai, oci-genai-auth.

Where they belong to the environment, one that is missing is a failure.
"""

from __future__ import annotations

import json
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
import oci as oci_sdk
import openai
from endpoints import native_chat, openai_embeddings, openai_files, openai_objects
from langchain_oci.common import param_compat
from models import STAND_IN_DEPLOYMENT

from ..standin import FakeOCI, Fault

pytestmark = pytest.mark.filterwarnings("ignore")

MODEL = "openai.gpt-oss-120b"
PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.example"
ENDPOINT = "ocid1.generativeaiendpoint.oc1.us-chicago-1.example"
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


def langchain(oci: FakeOCI, config: str, model: str, **options: Any) -> Any:
    """langchain-oci's client of OCI's own operation, with the SDK's signature."""
    native_chat.add_to(oci)
    return langchain_oci.ChatOCIGenAI(
        model_id=model,
        service_endpoint=oci.url,
        compartment_id=oci.compartment,
        auth_type="API_KEY",
        auth_profile="DEFAULT",
        auth_file_location=config,
        **options,
    )


FORMS = {
    "meta.llama-3.3-70b-instruct": "GENERIC",
    "xai.grok-4.3": "GENERIC",
    "openai.gpt-oss-120b": "GENERIC",
    "cohere.command-a-03-2025": "COHERE",
    "cohere.command-a-vision-07-2025": "COHEREV2",
}


@pytest.mark.parametrize("model", FORMS)
def test_langchain_oci_chats_natively(oci: FakeOCI, config: str, model: str) -> None:
    """In the form that it chooses for the vendor. COHEREV2 it does not stream."""
    llm = langchain(oci, config, model)
    assert llm.invoke("good morning").content == "You said: good morning"
    assert json.loads(oci.records[-1].body)["chatRequest"]["apiFormat"] == FORMS[model]
    if FORMS[model] != "COHEREV2":
        pieces = [chunk.content for chunk in llm.stream("good morning")]
        assert "".join(pieces) == "You said: good morning"
        assert len(pieces) > 2
    assert {(record.mode, record.status) for record in oci.records} == {("api_key", 200)}


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("model", ["xai.grok-4.3", "cohere.command-a-03-2025"])
def test_langchain_oci_reads_usage_if_it_asks_for_it(oci: FakeOCI, config: str, model: str, asked: bool) -> None:
    """At the end of a stream; a whole answer has it always."""
    llm = langchain(oci, config, model, stream_usage=asked)
    assert llm.invoke("good morning").usage_metadata["total_tokens"] > 2
    counts = [chunk.usage_metadata["total_tokens"] for chunk in llm.stream("good morning") if chunk.usage_metadata]
    assert len(counts) == asked
    assert all(count > 2 for count in counts)


@pytest.mark.parametrize("model", ["xai.grok-4.3", "meta.llama-3.3-70b-instruct", "cohere.command-a-03-2025"])
def test_langchain_oci_calls_tools(oci: FakeOCI, config: str, model: str) -> None:
    """Whole and streamed, and it hands back what the tool answered."""

    def add(a: int) -> int:
        """Adds."""
        return a

    llm = langchain(oci, config, model).bind_tools([add])
    answer = llm.invoke("1 + 1?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("add", {"a": 1})]
    first, *others = llm.stream("1 + 1?")
    for chunk in others:
        first += chunk
    assert {(call["name"], call["args"]["a"]) for call in first.tool_calls} == {("add", 1)}
    result = {"role": "tool", "content": "2", "tool_call_id": answer.tool_calls[0]["id"]}
    assert "The tool answered" in llm.invoke([{"role": "user", "content": "1 + 1?"}, answer, result]).content


@pytest.mark.parametrize("nested", [True, False])
def test_langchain_oci_reads_either_form_of_a_parameters_400(oci: FakeOCI, config: str, nested: bool) -> None:
    """OpenAI's error inside of OCI's message, and bare: the parameter is left out the second time."""
    error = {"error": {"message": "no", "type": "x", "param": "temperature", "code": "unsupported_value"}}
    body = {"code": "400", "message": json.dumps(error)} if nested else error
    llm = langchain(oci, config, "openai.gpt-5", temperature=0.5)
    oci.fail(
        "inference", Fault(status=400, body=json.dumps(body).encode(), headers={"content-type": "application/json"})
    )
    assert llm.invoke("good morning").content == "You said: good morning"
    sent = [json.loads(record.body)["chatRequest"] for record in oci.records]
    assert ["temperature" in each for each in sent] == [True, False]


def test_langchain_oci_learns_what_is_wrong(oci: FakeOCI, config: str) -> None:
    """A 400 of the stand-in's own, which names no parameter that could be left out, and a model's 404."""
    llm = langchain(oci, config, "ocid1.generativeaimodel.oc1..a", provider="generic")
    with pytest.raises(oci_sdk.exceptions.ServiceError) as caught:
        llm.invoke("good morning")
    assert (caught.value.status, caught.value.code) == (404, "404")
    with pytest.raises(oci_sdk.exceptions.ServiceError) as caught:
        langchain(oci, config, "cohere.command-a-03-2025", provider="generic").invoke("good morning")
    assert (caught.value.status, caught.value.code) == (400, "400")
    assert param_compat.extract_unsupported_param(caught.value) == (None, None)
    assert json.loads(caught.value.message)["error"]["type"] == "invalid_request_error"


def test_langchain_oci_stores_in_a_conversation_store(oci: FakeOCI, config: str) -> None:
    """Its client of responses is refused without one, unless nothing is stored; its chat completions need none."""

    def ask(**options: Any) -> str:
        auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
        place = {"compartment_id": oci.compartment, "service_endpoint": oci.url}
        return str(langchain_oci.ChatOCIOpenAI(auth=auth, model=MODEL, **place, **options).invoke("hi").text)

    with pytest.raises((openai.BadRequestError, ValueError), match=r"conversation.store|Conversation Store"):
        ask()
    for options in ({"conversation_store_id": STORE}, {"store": False}, {"use_responses_api": False}):
        assert ask(**options) == "You said: hi"


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


def test_a_response_of_oci_openai_can_be_cancelled(client: Any) -> None:
    """If it was made in the background; it is complete by then, and stays so."""
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(client.responses.create(model=MODEL, input="good morning").id)
    response = client.responses.create(model=MODEL, input="good morning", background=True)
    assert client.responses.cancel(response.id).status == "completed"
    assert client.responses.retrieve(response.id).output_text == "You said: good morning"


def test_items_and_metadata_of_oci_openai_are_kept(client: Any) -> None:
    """Items are added to a conversation, read, and deleted one by one; its metadata is replaced."""
    conversation = client.conversations.create(metadata={"topic": "fish"})
    message: Any = {"type": "message", "role": "user", "content": "good morning"}
    first, second = client.conversations.items.create(conversation.id, items=[message, message]).data
    assert first.id != second.id
    read = client.conversations.items.retrieve(first.id, conversation_id=conversation.id)
    assert read.content[0].text == "good morning"
    assert client.conversations.items.delete(first.id, conversation_id=conversation.id).id == conversation.id
    assert [item.id for item in client.conversations.items.list(conversation.id)] == [second.id]
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(first.id, conversation_id=conversation.id)
    assert client.conversations.update(conversation.id, metadata={"topic": "birds"}).metadata == {"topic": "birds"}
    assert client.conversations.retrieve(conversation.id).metadata == {"topic": "birds"}


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
        (lambda client: client.responses.create(model="meta.llama-3.3-70b-instruct", input="hi"), 400),
    ],
    ids=["models", "embeddings", "no vendor", "cohere", "meta"],
)
def test_a_refusal_reaches_oci_openai_in_ocis_form(client: Any, ask: Callable[[Any], Any], status: int) -> None:
    """openai's exception has the status, OCI's code and a message."""
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client)
    assert (caught.value.status_code, caught.value.body["code"]) == (status, str(status))
    assert caught.value.body["message"]


@pytest.mark.parametrize("model", [f"{vendor}.x" for vendor in ("google", "meta", "openai", "xai")] + [ENDPOINT])
def test_a_model_of_oci_openai_has_a_vendor_or_is_an_endpoint(client: Any, model: str) -> None:
    """Any name of these vendors, and the OCID of a dedicated endpoint; the same without its vendor is 404."""
    messages: Any = [{"role": "user", "content": "hi"}]
    assert client.chat.completions.create(model=model, messages=messages).choices[0].message.content == "You said: hi"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=model.rpartition(".")[2], messages=messages)


@pytest.mark.parametrize("compartment", ["c", "ocid1.user.oc1..a"])
def test_a_compartment_of_oci_openai_is_an_ocid(oci: FakeOCI, config: str, compartment: str) -> None:
    """Of a compartment, or of a tenancy. Any is accepted, as is any conversation store."""
    messages: Any = [{"role": "user", "content": "hi"}]
    for given, stored in ((compartment, False), ("ocid1.compartment.oc1..b", True), ("ocid1.tenancy.oc1..b", True)):
        auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
        options = {"compartment_id": given, "conversation_store_id": "a store of nobody's", "max_retries": 0}
        with oci_openai.OciOpenAI(service_endpoint=oci.url, auth=auth, **options) as client:
            if stored:
                assert client.chat.completions.create(model=MODEL, messages=messages).choices
                assert client.conversations.create().id
            else:
                with pytest.raises(openai.BadRequestError) as caught:
                    client.chat.completions.create(model=MODEL, messages=messages)
                assert caught.value.body["code"] == "400"


@pytest.mark.parametrize(
    "message",
    [{"role": "nobody", "content": "hi"}, {"content": "hi"}, {"role": "user"}, {"role": "user", "content": [{}]}],
)
def test_a_message_of_oci_openai_has_a_role_and_content(client: Any, message: Any) -> None:
    """In a chat, in a response, and in a conversation."""
    given: Any = {"type": "message", **message}
    for ask in (
        lambda: client.chat.completions.create(model=MODEL, messages=[message]),
        lambda: client.responses.create(model=MODEL, input=[given]),
        lambda: client.conversations.create(items=[given]),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask()
        assert caught.value.body["code"] == "400"


def test_a_body_of_oci_openai_may_be_refused(client: Any) -> None:
    """A tool's message without a call, and items that answer no call."""
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=[{"role": "tool", "content": "2"}])
    output: Any = {"type": "function_call_output", "call_id": "call_nobodys", "output": "2"}
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input=[output])


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


@pytest.mark.parametrize("path", ["predict/v1", "predictWithResponseStream/v1"])
def test_a_chat_of_oci_openai_with_a_model_deployment(oci: FakeOCI, config: str, path: str) -> None:
    """At the base URL that its readme gives, with the name that containers give their model; no response is made there."""
    auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
    base_url = f"{oci.url}/ocid1.datasciencemodeldeployment.oc1.iad.a/{path}"
    with oci_openai.OciOpenAI(base_url=base_url, auth=auth, compartment_id=oci.compartment, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "good morning"}]
        answer = client.chat.completions.create(model="odsc-llm", messages=messages)
        assert answer.choices[0].message.content == "You said: good morning"
        with pytest.raises(openai.NotFoundError):
            client.responses.create(model="odsc-llm", input="hi")


def test_a_model_deployments_embeddings_by_oci_openai(oci: FakeOCI, config: str) -> None:
    """At its own base URL, where the path exists once the endpoint has been added."""
    openai_embeddings.add_to(oci)
    auth = oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT")
    with oci_openai.OciOpenAI(base_url=f"{oci.url}{STAND_IN_DEPLOYMENT}", auth=auth, max_retries=0) as client:
        assert client.embeddings.create(model=MODEL, input=["a", "b"], encoding_format="float").data[1].embedding


def test_what_oci_openai_keeps_at_the_examples_endpoints(oci: FakeOCI, config: str, client: Any) -> None:
    """Files, batches, vector stores and containers are made and read; an image is drawn."""
    openai_files.add_to(oci)
    openai_objects.add_to(oci)
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert client.files.content(file.id).read() == b"{}"
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.retrieve(batch.id).input_file_id == file.id
    control = oci_openai.OciOpenAI(
        service_endpoint=f"{oci.url}/20231130",
        auth=oci_openai.OciUserPrincipalAuth(config_file=config, profile_name="DEFAULT"),
        compartment_id=oci.compartment,
        max_retries=0,
    )
    with control:
        store = control.vector_stores.create(name="papers")
        assert control.vector_stores.retrieve(store.id).name == "papers"
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
