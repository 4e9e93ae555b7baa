"""The endpoints that the examples add to the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from endpoints import (
    anthropic_messages,
    google_content,
    identity,
    object_storage,
    openai_files,
    websockets,
)
from models import STAND_IN_DEPLOYMENT

from ..byhand import Draft, connect, events_of, get, post
from ..standin import FakeCredential, FakeOCI, ToolCall
from .clients import say

openai = pytest.importorskip("openai")


def test_objects_are_kept(oci: FakeOCI) -> None:
    """Put, read, listed by bucket, deleted; a put need not have its body signed."""
    object_storage.add_to(oci)
    key = oci.add_api_key()
    namespace = get(oci, key, "/n").json()
    path = f"/n/{namespace}/b/bucket/o/a%2Fb"
    draft = Draft(key, "PUT", path, body=b"content")
    draft.names = draft.names[:3]
    assert draft.sign().send(oci.url).status == 200
    assert get(oci, key, path).body == b"content"
    assert Draft(key, "DELETE", path, body=b"").sign().send(oci.url).status == 204
    assert get(oci, key, path).json()["code"] == "ObjectNotFound"
    assert post(oci, key, path, {}).status == 405


def test_buckets_are_those_of_a_compartment(oci: FakeOCI) -> None:
    """There are no others, nothing can be put into one that is not there, and a list needs its compartment."""
    object_storage.add_to(oci, buckets=["letters", "notes"])
    key = oci.add_api_key()
    root = object_storage.ROOT

    def names(compartment: str) -> list[str]:
        return [bucket["name"] for bucket in get(oci, key, f"{root}?compartmentId={compartment}").json()]

    assert names(oci.compartment) == ["letters", "notes"]
    assert names("ocid1.compartment.oc1..another") == []
    assert get(oci, key, root).status == 400
    assert get(oci, key, f"{root}/notes").json()["name"] == "notes"
    for target, status in ((f"{root}/notes", 200), (f"{root}/photos", 404), (root, 405), ("/n/another/b/notes", 404)):
        assert Draft(key, "HEAD", target, body=b"").sign().send(oci.url).status == status
    for bucket, code in (
        (f"{root}/photos", "BucketNotFound"),
        ("/n/another/b/notes", "NotAuthorizedOrNotFound"),
    ):
        answer = Draft(key, "PUT", f"{bucket}/o/a", body=b"x").sign().send(oci.url)
        assert (answer.status, answer.json()["code"]) == (404, code)
        assert get(oci, key, bucket).json()["code"] == code
        assert get(oci, key, f"{bucket}/o").json()["code"] == code


def test_compartments_are_listed_page_by_page(oci: FakeOCI) -> None:
    """Each page but the last names the next one in a header; what names no page and no tenancy is refused."""
    identity.add_to(oci)
    key = oci.add_api_key()
    path = f"/20160918/compartments?compartmentId={oci.tenancy}"
    whole = get(oci, key, path)
    assert whole.json()[0]["id"] == oci.compartment
    assert "opc-next-page" not in whole.headers
    paged, page = [], ""
    for _ in range(3):
        answer = get(oci, key, f"{path}&limit=2&page={quote(page, safe='')}")
        paged += answer.json()
        page = answer.headers.get("opc-next-page", "")
    assert (paged, page) == (whole.json(), "")
    assert get(oci, key, f"{path}&page=x").status == 400
    assert get(oci, key, f"{path}&page=LTE=").status == 400  # -1
    assert get(oci, key, f"{path}&limit=0").status == 400
    assert get(oci, key, "/20160918/compartments?compartmentId=x").status == 404


def test_objects_are_listed_from_where_the_last_list_ended(oci: FakeOCI) -> None:
    """By prefix, with the first name that was left out; buckets have pages as everything else."""
    object_storage.add_to(oci, buckets=["one", "two"])
    key = oci.add_api_key()
    namespace = get(oci, key, "/n").json()
    for bucket, name in [("one", "a%20a"), ("one", "ab"), ("one", "b"), ("two", "c")]:
        assert Draft(key, "PUT", f"/n/{namespace}/b/{bucket}/o/{name}", body=b"x").sign().send(oci.url).status == 200
    path = f"/n/{namespace}/b/one/o"
    first = get(oci, key, f"{path}?limit=2").json()
    assert (first["objects"], first["nextStartWith"]) == ([{"name": "a a"}, {"name": "ab"}], "b")
    assert get(oci, key, f"{path}?limit=2&start=b").json() == {"objects": [{"name": "b"}], "prefixes": []}
    assert [found["name"] for found in get(oci, key, f"{path}?prefix=a").json()["objects"]] == ["a a", "ab"]
    assert get(oci, key, f"/n/{namespace}/b/three/o").json()["code"] == "BucketNotFound"
    buckets = f"/n/{namespace}/b?compartmentId={oci.compartment}"
    page = get(oci, key, f"{buckets}&limit=1").headers["opc-next-page"]
    assert [bucket["name"] for bucket in get(oci, key, f"{buckets}&page={quote(page)}").json()] == ["two"]


STORES, DEPLOYMENT = "/20231130/openai/v1/vector_stores", STAND_IN_DEPLOYMENT
BATCH = {"input_file_id": "file_x", "endpoint": "/v1/chat/completions", "completion_window": "24h"}


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{STORES}/{{store}}/bogus/x", 404),
        ("POST", f"{STORES}/{{store}}/search", 404),
        ("POST", "/openai/v1/vector_stores/{store}/search", 404),
        ("POST", "/openai/v1/vector_stores/{store}/file_batches", 404),
        ("DELETE", f"{STORES}/{{store}}/nonsense", 404),
        ("GET", "/openai/v1/vector_stores/{store}", 404),
        ("POST", "/openai/v1/vector_stores", 404),
        ("DELETE", STORES, 405),
        ("DELETE", "/openai/v1/batches", 405),
        ("DELETE", "/openai/v1/batches/{batch}", 405),
        ("POST", "/openai/v1/batches/{batch}", 405),
        ("DELETE", "/openai/v1/files", 405),
        ("DELETE", "/openai/v1/files/{file}/zzz", 404),
        ("DELETE", "/openai/v1/files/{file}/content", 405),
        ("POST", "/openai/v1/containers/x", 405),
        ("POST", "/openai/v1/images/edits", 404),
        ("POST", "/openai/v1/embeddings", 404),
        ("GET", f"{DEPLOYMENT}/embeddings", 405),
        ("POST", "/v1beta/models/google.gemini-2.5-pro:generateContent", 404),
        ("POST", "/google/v2/models/google.gemini-2.5-pro:generateContent", 404),
        ("POST", "/google/v1beta/a/models/google.gemini-2.5-pro:generateContent", 404),
        ("POST", "/google/v1beta/models/google.gemini-2.5-pro:countTokens", 404),
        ("GET", "/google/v1beta/models/google.gemini-2.5-pro:generateContent", 405),
        ("POST", "/anthropic/v1/complete", 404),
        ("GET", "/anthropic/v1/messages", 405),
        ("GET", "/n/axfakenamespace/b/bucket/l", 404),
        ("DELETE", "/n/axfakenamespace/b/bucket", 405),
    ],
)
def test_no_other_path_or_method_is_served(ask: Callable[..., Any], method: str, path: str, status: int) -> None:
    """And what is there stays: a store, a batch and a file."""
    compartment = {"opc_compartment_id": "ocid1.compartment.oc1..a"}
    upload = FILE + b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n'
    ids = {
        "store": ask(STORES, {"name": "papers"}, **compartment).json()["id"],
        "batch": ask("/openai/v1/batches", BATCH).json()["id"],
        "file": ask("/openai/v1/files", upload, content_type=FORM).json()["id"],
    }
    answer = ask(path.format(**ids), {} if method == "POST" else None, method=method, **compartment)
    assert answer.status == status
    if not path.startswith("/n/"):
        assert answer.json()["code"] == str(status)
    for kept in (f"{STORES}/{{store}}", "/openai/v1/batches/{batch}", "/openai/v1/files/{file}"):
        assert ask(kept.format(**ids), method="GET", **compartment).status == 200


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        *(
            ("/openai/v1/batches", {**BATCH, name: given}, f"{name} is missing")
            for name in BATCH
            for given in (None, "", 5)
        ),
        ("/openai/v1/batches", {}, "is missing"),
        ("/openai/v1/batches", b"", "not JSON"),
        ("/openai/v1/containers", {}, "name is missing"),
        ("/openai/v1/images/generations", {"model": "m"}, "prompt is missing"),
        ("/openai/v1/images/generations", [], "not a JSON object"),
        ("/openai/v1/audio/speech", {"model": "m", "voice": "v"}, "input is missing"),
        ("/openai/v1/audio/speech", {"model": "m", "input": "hi"}, "voice is missing"),
        ("/openai/v1/audio/transcriptions", {}, "not a multipart form"),
        (f"{DEPLOYMENT}/embeddings", b"{", "not JSON"),
        (f"{DEPLOYMENT}/embeddings", ["a"], "not a JSON object"),
        (f"{DEPLOYMENT}/embeddings", {"input": "a"}, "model is missing"),
        (f"{DEPLOYMENT}/embeddings", {"model": "m", "input": []}, "input is neither"),
        (f"{DEPLOYMENT}/embeddings", {"model": "m", "input": 5}, "input is neither"),
        (f"{DEPLOYMENT}/embeddings", {"model": "m", "input": "a", "dimensions": -1}, "dimensions"),
        (f"{DEPLOYMENT}/embeddings", {"model": "m", "input": "a", "dimensions": "8"}, "dimensions"),
        (f"{DEPLOYMENT}/embeddings", {"model": "m", "input": "a", "dimensions": 10**9}, "dimensions"),
        ("/anthropic/v1/messages", {"model": "openai.gpt-oss-20b"}, "is missing"),
        ("/anthropic/v1/messages", {"model": "openai.gpt-oss-20b", "messages": [5]}, "expected form"),
        ("/google/v1beta/models/google.gemini-2.5-pro:generateContent", {}, "expected form"),
        ("/google/v1beta/models/google.gemini-2.5-pro:generateContent", b"", "not JSON"),
    ],
)
def test_what_is_incomplete_or_malformed_is_400(
    oci: FakeOCI, ask: Callable[..., Any], path: str, body: Any, reason: str
) -> None:
    """With OpenAI's error inside of OCI's, as Generative AI's own paths have it."""
    answer = ask(path, body)
    assert (answer.status, answer.json()["code"]) == (400, "400")
    assert reason in json.loads(answer.json()["message"])["error"]["message"]
    assert reason in oci.records[-1].reason


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/anthropic/v1/messages"),
        ("POST", "/google/v1beta/models/google.gemini-2.5-pro:generateContent"),
        ("GET", "/openai/v1/realtime"),
        ("GET", "/openai/v1/files"),
        ("GET", "/openai/v1/batches"),
        ("GET", STORES),
        ("GET", "/openai/v1/containers"),
        ("POST", "/openai/v1/images/generations"),
    ],
)
@pytest.mark.parametrize("header", ["opc-compartment-id", "CompartmentId"])
def test_an_added_path_needs_a_compartment_that_is_one(
    oci: FakeOCI, ask: Callable[..., Any], method: str, path: str, header: str
) -> None:
    """By either header. A project will do instead, but not in the control plane; a malformed compartment never."""
    document = {} if method == "POST" else None
    malformed = ask(path, document, method=method, **{header: "nonsense"})
    assert (malformed.status, oci.records[-1].reason) == (400, f"{header.lower()} is not the OCID of a compartment")
    body = b"" if document is None else b"{}"
    unnamed = Draft(oci.add_api_key(), method, path, body=body).sign().send(oci.url)
    assert (unnamed.status, unnamed.json()["message"].split()[0]) == (400, "Missing")
    if path == STORES:
        assert ask(path, method=method).status == 400
        assert ask(path, method=method, **{header: oci.compartment}).status == 200


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize("model", ["openai.gpt-oss-120b", "cohere.command-a-03-2025", "meta.llama-3.3-70b-instruct"])
def test_google_serves_its_own_models(ask: Callable[..., Any], model: str) -> None:
    """No other vendor's."""
    document = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    answer = ask(f"/google/v1beta/models/{model}:generateContent", document)
    assert (answer.status, answer.json()["message"]) == (404, f"Entity with key {model} not found")


@pytest.mark.usefixtures("further_endpoints")
def test_embeddings_are_a_model_deployments(oci: FakeOCI) -> None:
    """Which needs no compartment, and has one vector for each text."""
    document = {"model": "mine", "input": ["a", "b"], "dimensions": 3}
    answer = post(oci, oci.add_api_key(), f"{DEPLOYMENT}/embeddings", document).json()
    assert [len(each["embedding"]) for each in answer["data"]] == [3, 3]


FORM = "multipart/form-data; boundary=b"


FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n'


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (FILE + b"--b--\r\n", "no file or no purpose"),
        (FILE, "cut off"),
        (b"--b\r\nno head\r\n--b--\r\n", "malformed"),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n--b--\r\n', "malformed"),
    ],
)
def test_an_incomplete_form_is_refused(oci: FakeOCI, ask: Callable[..., Any], body: bytes, reason: str) -> None:
    """With the reason in the record."""
    assert ask("/openai/v1/files", body, content_type=FORM).status == 400
    assert reason in oci.records[-1].reason


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/openai/v1/models", {"Upgrade": "websocket"}, 404),
        ("/openai/v1/realtime", {"Upgrade": "websocket"}, 400),
        ("/openai/v1/realtime", {"Upgrade": "h2c", "Sec_WebSocket_Key": "a"}, 400),
    ],
)
def test_an_invalid_handshake_is_refused(
    ask: Callable[..., Any], target: str, headers: dict[str, str], status: int
) -> None:
    """There are websockets in two places, and they have a key."""
    assert ask(target, method="GET", Connection="Upgrade", **headers).status == status


@pytest.mark.usefixtures("further_endpoints")
def test_a_message_without_a_model_is_refused(ask: Callable[..., Any]) -> None:
    """As one without messages is."""
    assert ask("/anthropic/v1/messages", {"messages": [{"role": "user", "content": "Hi"}]}).status == 400
    assert ask("/anthropic/v1/messages", {"model": "openai.gpt-oss-20b"}).status == 400


@pytest.mark.usefixtures("further_endpoints")
def test_a_tool_call_is_streamed_in_anthropics_form(ask: Callable[..., Any]) -> None:
    """Its arguments come as pieces of JSON."""
    tools = [{"name": "add", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}]
    document = {
        "model": "openai.gpt-oss-20b",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": tools,
        "stream": True,
    }
    events = events_of(ask("/anthropic/v1/messages", document).body)
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(delta["partial_json"] for delta in deltas)) == {"a": 1}
    assert events[1]["content_block"]["input"] == {}


@pytest.mark.usefixtures("further_endpoints")
def test_a_stream_of_googles_is_a_list_unless_events_are_asked_for(ask: Callable[..., Any]) -> None:
    """And its schemas' lists are read as its objects are."""
    path = "/google/v1beta/models/google.gemini-2.5-pro:streamGenerateContent"
    document: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "good morning"}]}]}
    texts = [step["candidates"][0]["content"]["parts"][0]["text"] for step in ask(path, document).json()]
    assert "".join(texts) == "You said: good morning"
    parameters = {"type": "OBJECT", "properties": {"a": {"anyOf": [{"type": "INTEGER"}]}}, "required": ["a"]}
    document["tools"] = [{"functionDeclarations": [{"name": "add", "parameters": parameters}]}]
    (step,) = ask(path, document).json()
    assert step["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == {"a": 1}


def on_demand(model: str) -> dict[str, str]:
    return {"servingType": "ON_DEMAND", "modelId": model}


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("mode", "status"),
    [
        ({"servingType": "DEDICATED", "endpointId": "ocid1.generativeaiendpoint.oc1.us-chicago-1.a"}, 200),
        ({"servingType": "DEDICATED", "endpointId": "ocid1.generativeaimodel.oc1.us-chicago-1.a"}, 404),
        ({"servingType": "DEDICATED", "endpointId": "xai.grok-4.3"}, 404),
        (on_demand("ocid1.generativeaiendpoint.oc1.us-chicago-1.a"), 404),
        (on_demand("gpt-4o"), 404),
    ],
)
def test_a_native_chat_is_served_by_name_or_by_endpoint(
    ask: Callable[..., Any], mode: dict[str, str], status: int
) -> None:
    """Each serving mode has its own identifier. What a dedicated endpoint hosts speaks any form."""
    for chat in (HELLO, COHERE) if status == 200 else (HELLO,):
        assert ask("/20231130/actions/chat", native(chat, servingMode=mode)).status == status


TEXT = [{"type": "TEXT", "text": "Hi"}]
HELLO = {"apiFormat": "GENERIC", "messages": [{"role": "USER", "content": TEXT}]}
COHERE = {"apiFormat": "COHERE", "message": "Hi"}
COHERE_V2 = {"apiFormat": "COHEREV2", "messages": [{"role": "USER", "content": TEXT}]}


def native(chat: Any, **changes: Any) -> dict[str, Any]:
    cohere = isinstance(chat, dict) and chat["apiFormat"].startswith("COHERE")
    mode = {"servingType": "ON_DEMAND", "modelId": "cohere.command-a-03-2025" if cohere else "xai.grok-4.3"}
    return {"compartmentId": "ocid1.compartment.oc1..a", "servingMode": mode, "chatRequest": chat} | changes


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (native(HELLO, compartmentId=None), "compartmentId is missing"),
        (native(HELLO, compartmentId=""), "not the OCID of a compartment"),
        (native(HELLO, compartmentId="mine"), "not the OCID of a compartment"),
        (native(HELLO, compartmentId="ocid1.tenancy."), "not the OCID of a compartment"),
        (native(HELLO, compartmentId="ocid1.compartment.!!"), "not the OCID of a compartment"),
        (native(None), "chatRequest is missing"),
        (native({**HELLO, "apiFormat": "OTHER"}), "none of GENERIC, COHERE, COHEREV2"),
        (native(HELLO, servingMode=None), "servingMode is missing"),
        (native(HELLO, servingMode={"modelId": "xai.grok-4.3"}), "servingType is missing"),
        (native(HELLO, servingMode={"servingType": "OTHER"}), "servingType is none of ON_DEMAND, DEDICATED"),
        (native(HELLO, servingMode={"servingType": "DEDICATED"}), "endpointId is missing"),
        (
            native(HELLO, servingMode={"servingType": "ON_DEMAND", "endpointId": "xai.grok-4.3"}),
            "modelId is missing",
        ),
        (native(HELLO, servingMode=on_demand("cohere.command-a-03-2025")), "not speak GENERIC"),
        (native(COHERE, servingMode=on_demand("meta.llama-3.3-70b-instruct")), "not speak COHERE"),
        (native(COHERE_V2, servingMode=on_demand("xai.grok-4.3")), "not speak COHEREV2"),
        (native({**HELLO, "messages": []}), "messages is missing"),
        *(
            (native({**HELLO, "messages": [message]}), reason)
            for message, reason in [
                ({"content": TEXT}, "messages[0].role is missing"),
                ({"role": "user", "content": TEXT}, "role is none of SYSTEM, DEVELOPER, USER, TOOL, ASSISTANT"),
                ({"role": "CHATBOT", "content": TEXT}, "role is none of"),
                ({"role": "USER"}, "content is missing"),
                ({"role": "USER", "content": None}, "content is missing"),
                ({"role": "USER", "content": "Hi"}, "content is not of the type list"),
                ({"role": "USER", "content": [{"text": "Hi"}]}, "content[0].type is missing"),
                ({"role": "USER", "content": [{"type": "text", "text": "Hi"}]}, "type is none of TEXT, IMAGE"),
                ({"role": "USER", "content": [{"type": "TEXT", "text": 1}]}, "text is not of the type str"),
                ({"role": "USER", "content": ["Hi"]}, "content[0] is not of the type dict"),
            ]
        ),
        *(
            (native({**HELLO, **option}), reason)
            for option, reason in [
                ({"isStream": "no"}, "isStream is not of the type bool"),
                ({"maxTokens": "1"}, "maxTokens is not of the type int"),
                ({"maxTokens": True}, "maxTokens is not of the type int"),
                ({"temperature": "0"}, "temperature is not of the type float"),
                ({"reasoningEffort": "high"}, "reasoningEffort is none of NONE, MINIMAL"),
                ({"toolChoice": {"type": "any"}}, "toolChoice.type is none of NONE, AUTO"),
                ({"tools": [{"name": "add"}]}, "tools[0].type is missing"),
            ]
        ),
        (native({"apiFormat": "COHERE"}), "message is missing"),
        (native({**COHERE_V2, "apiFormat": "COHERE"}), "message is missing"),
        (native({**COHERE, "chatHistory": [{"role": "ASSISTANT", "message": "Hi"}]}), "role is none of USER"),
        (native({**COHERE, "chatHistory": [{"role": "USER"}]}), "chatHistory[0].message is missing"),
        (native({**COHERE, "tools": [{"name": "add"}]}), "tools[0].description is missing"),
        (native({**COHERE, "toolResults": [{"outputs": []}]}), "toolResults[0].call is missing"),
        (native({**COHERE, "apiFormat": "COHEREV2"}), "messages is missing"),
        (native({**COHERE_V2, "messages": [{"role": "ASSISTANT"}]}), "content is missing"),
        (native({**COHERE_V2, "messages": [{"role": "TOOL", "content": TEXT}]}), "toolCallId is missing"),
    ],
)
def test_an_incomplete_native_chat_is_refused(
    oci: FakeOCI, ask: Callable[..., Any], document: Any, reason: str
) -> None:
    """With the reason in the record, and in OpenAI's error inside of OCI's."""
    answer = ask("/20231130/actions/chat", document)
    assert (answer.status, answer.json()["code"]) == (400, "400")
    assert reason in json.loads(answer.json()["message"])["error"]["message"]
    assert reason in oci.records[-1].reason


@pytest.mark.usefixtures("further_endpoints")
def test_a_native_chat_calls_tools_in_the_generic_form(ask: Callable[..., Any]) -> None:
    """Plain and streamed, chosen by the model or by name."""
    tool = {"type": "FUNCTION", "name": "add", "parameters": {"properties": {"a": {"type": "integer"}}}}
    chat: dict[str, Any] = {**HELLO, "tools": [tool], "temperature": 1, "maxTokens": None}
    answer = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]["choices"][0]
    (call,) = answer["message"]["toolCalls"]
    assert (answer["finishReason"], call["name"], json.loads(call["arguments"])) == ("tool_calls", "add", {"a": 1})
    chat |= {"isStream": True, "toolChoice": {"type": "FUNCTION", "name": "add"}}
    first, last = events_of(ask("/20231130/actions/chat", native(chat)).body)
    assert first["message"]["toolCalls"][0]["name"] == "add"
    assert last["finishReason"] == "tool_calls"


@pytest.mark.usefixtures("further_endpoints")
def test_a_native_chat_calls_tools_in_coheres_form(oci: FakeOCI, ask: Callable[..., Any]) -> None:
    """Whose types are Python's. What the tool answered comes back as results."""
    types = {"s": "str", "i": "int", "f": "float", "b": "bool"}
    definitions = {name: {"type": kind} for name, kind in types.items()}
    chat: dict[str, Any] = {
        "apiFormat": "COHERE",
        "message": "Hi",
        "chatHistory": [{"role": "CHATBOT", "message": "Yes?"}],
    }
    chat["tools"] = [{"name": "add", "description": "Adds.", "parameterDefinitions": definitions}]
    (call,) = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]["toolCalls"]
    assert call == {"name": "add", "parameters": {"s": "s", "i": 1, "f": 0.5, "b": True}}
    *_, first, last = events_of(ask("/20231130/actions/chat", native({**chat, "isStream": True})).body)
    assert first == {"apiFormat": "COHERE", "text": "I will call add.", "toolCalls": [call]}
    assert (last["text"], last["toolCalls"], last["finishReason"]) == ("I will call add.", [call], "COMPLETE")
    chat["toolResults"] = [{"call": call, "outputs": [{"sum": 7}]}]
    answer = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]
    assert answer["text"] == 'The tool answered: [{"sum": 7}]'
    assert [turn["role"] for turn in answer["chatHistory"]] == ["CHATBOT", "USER", "TOOL", "CHATBOT"]
    oci.script([ToolCall("a"), ToolCall("b")])
    calls = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]["toolCalls"]
    assert [call["name"] for call in calls] == ["a", "b"]


def test_a_file_is_uploaded_byte_for_byte(client: Any, oci: FakeOCI) -> None:
    """Line ends, boundaries lookalikes and names with quotes included."""
    openai_files.add_to(oci)
    content = b"\r\n--not-the-boundary\r\n\r\n\x00\xff--\r\n"
    uploaded = client.files.create(file=("my file.bin", content), purpose="user_data")
    assert (uploaded.bytes, uploaded.filename, uploaded.purpose) == (len(content), "my file.bin", "user_data")
    assert client.files.content(uploaded.id).read() == content
    assert [file.id for file in client.files.list()] == [uploaded.id]
    assert client.files.retrieve(uploaded.id).bytes == len(content)
    client.files.delete(uploaded.id)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(uploaded.id)


def post_signed(oci: FakeOCI, target: str, document: dict[str, Any]) -> Any:
    headers = [["opc-compartment-id", oci.compartment]]
    body = json.dumps(document).encode()
    return Draft(oci.add_api_key(), target=target, body=body, headers=headers).sign().send(oci.url)


def test_messages_are_answered_in_anthropics_form(oci: FakeOCI) -> None:
    """A text, a tool call, its result, and the same as events."""
    anthropic_messages.add_to(oci)
    document: dict[str, Any] = {"model": "openai.gpt-oss-20b", "max_tokens": 9, "messages": say("good morning")}
    assert post_signed(oci, "/anthropic/v1/messages", document).json()["content"] == [
        {"type": "text", "text": "You said: good morning"}
    ]
    events = events_of(post_signed(oci, "/anthropic/v1/messages", {**document, "stream": True}).body)
    deltas = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(deltas) == "You said: good morning"
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    document["tools"] = [{"name": "add", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}]
    called = post_signed(oci, "/anthropic/v1/messages", document).json()
    assert (called["stop_reason"], called["content"][0]["input"]) == ("tool_use", {"a": 1})
    result = {"type": "tool_result", "tool_use_id": called["content"][0]["id"], "content": "7"}
    document["messages"] += [
        {"role": "assistant", "content": called["content"]},
        {"role": "user", "content": [result]},
    ]
    assert post_signed(oci, "/anthropic/v1/messages", document).json()["content"][0]["text"] == "The tool answered: 7"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1beta1/publishers/google"])
def test_each_version_of_googles_api_has_its_path(oci: FakeOCI, version: str) -> None:
    """Releases of google-genai differ in it, and `vertexai=True` has one of its own."""
    google_content.add_to(oci)
    document: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "good morning"}]}]}
    for verb in ("generateContent", "streamGenerateContent"):
        answer = post_signed(oci, f"/google/{version}/models/google.gemini-2.5-pro:{verb}", document)
        assert (answer.status, oci.records[-1].reason) == (200, "")
    assert post_signed(oci, "/google/v2/models/google.gemini-2.5-pro:generateContent", document).status == 404


def test_content_is_generated_in_googles_form(oci: FakeOCI) -> None:
    """Plain and streamed. A key in the query is a credential left behind."""
    google_content.add_to(oci)
    base = "/google/v1beta/models/google.gemini-2.5-pro"
    document: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "good morning"}]}]}
    plain = post_signed(oci, f"{base}:generateContent", document).json()
    assert plain["candidates"][0]["content"]["parts"] == [{"text": "You said: good morning"}]
    steps = events_of(post_signed(oci, f"{base}:streamGenerateContent?alt=sse", document).body)
    texts = [step["candidates"][0]["content"]["parts"][0]["text"] for step in steps]
    assert "".join(texts) == "You said: good morning"
    assert len(texts) > 1
    parameters = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
    document["tools"] = [{"functionDeclarations": [{"name": "add", "parameters": parameters}]}]
    called = post_signed(oci, f"{base}:generateContent", document).json()
    call = called["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert call == {"name": "add", "args": {"a": 1}}
    document["contents"].append(
        {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"sum": 7}}}]}
    )
    answered = post_signed(oci, f"{base}:generateContent", document).json()
    assert answered["candidates"][0]["content"]["parts"][0]["text"] == 'The tool answered: {"sum": 7}'
    assert post_signed(oci, f"{base}:generateContent?key=secret", document).status == 401
    assert oci.records[-1].reason.endswith("the query parameter key")
    assert post_signed(oci, f"{base}:somethingElse", document).status == 404


@pytest.mark.parametrize("path", ["/openai/v1/responses", "/openai/v1/realtime"])
def test_a_websocket_handshake_is_verified_accepted_and_closed(oci: FakeOCI, key: FakeCredential, path: str) -> None:
    """The accept value is that of RFC 6455's example; the first frame is a close frame."""
    websockets.add_to(oci)
    headers = [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
        ["OpenAI-Project", "ocid1.generativeaiproject.oc1..a"],
    ]
    draft = Draft(key, "GET", f"{path}?model=m", body=b"", headers=headers)
    assert draft.send(oci.url).status == 401
    with connect(oci.url) as connection:
        connection.sendall(draft.sign().wire())
        with connection.makefile("rb") as file:
            head = b"".join(iter(file.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            assert file.read(4) == b"\x88\x02\x03\xe8"
            connection.sendall(b"\x88\x80\0\0\0\0")
            assert file.read() == b""
