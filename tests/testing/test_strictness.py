"""What the stand-in's Generative AI refuses: because OCI does, or because no source shows that OCI takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from endpoints import native_chat

from ..byhand import Answer, Draft
from ..standin import FakeOCI, Fault, Refused

BASES = ["/openai/v1", "/20231130/actions/v1", "/20231130/openai/v1"]
DEPLOYMENT = "/ocid1.datasciencemodeldeployment.oc1..a/predict/v1"
PROJECT = ["OpenAI-Project", "ocid1.generativeaiproject.oc1.us-chicago-1.example"]
MODEL = "openai.gpt-oss-120b"
MESSAGES = [{"role": "user", "content": "hi"}]


def send(oci: FakeOCI, target: str, document: Any = None, method: str = "POST", *headers: list[str]) -> Answer:
    """A signed request that names a project, or what `headers` say instead."""
    body = b"" if document is None else json.dumps(document).encode()
    return Draft(oci.add_api_key(), method, target, body, headers=list(headers) or [PROJECT]).sign().send(oci.url)


def chat(oci: FakeOCI, model: str, path: str = "/chat/completions", base: str = "/openai/v1") -> Answer:
    what = {"messages": MESSAGES} if path == "/chat/completions" else {"input": "hi"}
    return send(oci, base + path, {"model": model, **what})


def reason(oci: FakeOCI) -> str:
    return oci.records[-1].reason


# Names of models.


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "model",
    [
        "gpt-4.1",
        "claude-3.5-sonnet",
        ".",
        "openai.",
        "OpenAI.gpt-oss-120b",
        "openai.gpt-oss-120b\n",
        "anthropic.claude",
        "ocid1.compartment.oc1..a",
        "ocid1.generativeaiendpoint.",
    ],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_a_model_of_no_known_vendor_is_404(oci: FakeOCI, base: str, path: str, model: str) -> None:
    """A dot in its name is not enough."""
    answer = chat(oci, model, path, base)
    assert (answer.status, answer.json()) == (404, {"code": "404", "message": f"Entity with key {model} not found"})


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        "xai.grok-4-1-fast-reasoning",
        "google.gemini-2.5-pro",
        "meta.llama-3.3-70b-instruct",
        "ocid1.generativeaiendpoint.oc1.us-chicago-1.amaaaaaa",
    ],
)
def test_a_vendors_model_and_a_dedicated_endpoint_are_served(oci: FakeOCI, model: str) -> None:
    """As `model` of a chat; responses have no models of Meta's."""
    assert chat(oci, model).status == 200
    meta = model.startswith("meta.")
    assert chat(oci, model, "/responses").status == (400 if meta else 200)
    assert ("Meta's models" in reason(oci)) == meta


@pytest.mark.parametrize("model", ["cohere.command-a-03-2025", "Cohere.command-a-03-2025", "COHERE.x"])
@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_coheres_models_are_400_in_any_letter_case(oci: FakeOCI, model: str, path: str) -> None:
    """They are served by OCI's own operation."""
    assert chat(oci, model, path).status == 400
    assert reason(oci) == "Cohere's models are served by OCI's own chat operation"


def test_a_model_deployment_takes_any_name() -> None:
    """As does a lenient stand-in."""
    with FakeOCI() as strict, FakeOCI(lenient=True) as lenient:
        assert chat(strict, "odsc-llm", base=DEPLOYMENT).status == 200
        assert chat(lenient, "gpt-4.1").status == chat(lenient, "meta.llama", "/responses").status == 200
        asked = {"model": "gpt-4.1", "messages": MESSAGES}
        assert lenient.complete(asked, compartment="mine")["content"] == "You said: hi"


@pytest.mark.parametrize(
    "path", ["", "/", "/responses", "/conversations", "/responses/resp_x", "/completions", "/models"]
)
def test_a_model_deployment_keeps_nothing(oci: FakeOCI, path: str) -> None:
    """It only completes chats; and it has an OCID, or else it is no model deployment."""
    assert chat(oci, "odsc-llm", path, base=DEPLOYMENT).status == 404
    assert reason(oci) == "no endpoint serves this path of OCI's form"
    assert chat(oci, "odsc-llm", base=DEPLOYMENT.replace(".oc1.", "-dev.oc1.")).json().get("choices") is None
    assert oci.records[-1].service != "inference"


def test_an_endpoint_of_ones_own_knows_the_same_models(oci: FakeOCI) -> None:
    """`complete` refuses the others, and takes Cohere's, which chat completions do not."""
    with pytest.raises(Refused, match="no model has this name"):
        oci.complete({"model": "gpt-4.1", "messages": MESSAGES})
    with pytest.raises(Refused, match="model is missing"):
        oci.complete({"messages": MESSAGES})
    assert oci.complete({"model": "cohere.command-a-03-2025", "messages": MESSAGES})["content"] == "You said: hi"


# Codes.


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/responses/resp_x", b"", 404),
        ("GET", "/conversations/conv_x", b"", 404),
        ("GET", "/conversations/conv_x/items/item_x", b"", 404),
        ("POST", "/responses", b'{"model": "openai.gpt-oss-20b", "input": "x", "conversation": "conv_x"}', 404),
        ("GET", "/nothing", b"", 404),
        ("PUT", "/responses/resp_x", b"{}", 405),
        ("POST", "/chat/completions", b"not json", 400),
        ("POST", "/responses", b"[]", 400),
        ("POST", "/chat/completions", b"{}", 400),
    ],
)
def test_the_code_is_the_status_as_a_text(oci: FakeOCI, method: str, path: str, body: bytes, status: int) -> None:
    """Whatever is wrong; a 400 has OpenAI's error inside of its message."""
    draft = Draft(oci.add_api_key(), method, f"/openai/v1{path}", body, headers=[PROJECT])
    answer = draft.sign().send(oci.url)
    assert (answer.status, answer.json()["code"]) == (status, str(status))
    if status == 400:
        assert json.loads(answer.json()["message"])["error"]["type"] == "invalid_request_error"


def test_a_framing_error_has_such_a_code_too(oci: FakeOCI) -> None:
    """Only a fault names another."""
    oci.fail("inference", Fault(status=404, code="NotAuthorizedOrNotFound"))
    assert chat(oci, MODEL).json()["code"] == "NotAuthorizedOrNotFound"
    reply = oci.handle("POST", "/openai/v1/chat/completions", [("host", "a"), ("host", "b")], b"")
    assert json.loads(b"".join(reply.chunks))["code"] == "400"


# API keys of Generative AI.


def bearer(oci: FakeOCI, target: str, document: Any, *headers: tuple[str, str], method: str = "POST") -> int:
    body = json.dumps(document).encode()
    given = [("host", "a"), ("content-length", str(len(body))), *headers]
    return oci.handle(method, target, given, body).status


def test_an_api_key_needs_no_compartment_but_what_is_stored_needs_its_place(oci: FakeOCI) -> None:
    """On each base path of Generative AI."""
    key = ("authorization", f"Bearer {oci.add_bearer_key()}")
    for base in BASES:
        assert bearer(oci, f"{base}/chat/completions", {"model": MODEL, "messages": MESSAGES}, key) == 200
        stored = {"model": MODEL, "input": "hi"}
        assert bearer(oci, f"{base}/responses", stored, key) == 400
        assert bearer(oci, f"{base}/conversations", {}, key) == 400
        assert bearer(oci, f"{base}/responses", {**stored, "store": False}, key) == 200
        assert bearer(oci, f"{base}/responses", stored, key, ("openai-project", PROJECT[1])) == 200


def test_an_api_key_is_not_taken_by_a_model_deployment(oci: FakeOCI) -> None:
    """That is a service of Data Science."""
    key = ("authorization", f"Bearer {oci.add_bearer_key()}")
    for base in (DEPLOYMENT, DEPLOYMENT.replace("predict", "predictWithResponseStream")):
        assert bearer(oci, f"{base}/chat/completions", {"model": MODEL, "messages": MESSAGES}, key) == 401
        assert reason(oci) == "the authorization scheme is 'Bearer', not Signature"


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ([("authorization", "Bearer sk-other")], "authorization is sent more than once"),
        ([("x-api-key", "sk-other")], "another credential was left on the request: x-api-key"),
        ([("x-goog-api-key", "other")], "another credential was left on the request: x-goog-api-key"),
    ],
)
def test_an_api_key_is_the_only_credential(oci: FakeOCI, others: list[tuple[str, str]], why: str) -> None:
    """Beside it nothing else may be left on the request, in whichever order."""
    key = ("authorization", f"Bearer {oci.add_bearer_key()}")
    for headers in ([key, *others], [*others, key]):
        assert bearer(oci, "/openai/v1/chat/completions", {"model": MODEL, "messages": MESSAGES}, *headers) == 401
        assert reason(oci) == why


def test_an_unknown_api_key_is_refused(oci: FakeOCI) -> None:
    """Whoever made it up."""
    key = ("authorization", "Bearer sk-unknown")
    assert bearer(oci, "/openai/v1/chat/completions", {"model": MODEL, "messages": MESSAGES}, key) == 401
    assert reason(oci) == "no Generative AI API key has this secret"


# Places and messages.


@pytest.mark.parametrize("base", BASES)
def test_any_place_and_any_name_of_a_vendor_is_accepted(oci: FakeOCI, base: str) -> None:
    """Nobody made them: compartments, projects, conversation stores, models."""
    path, document = f"{base}/chat/completions", {"model": MODEL, "messages": MESSAGES}
    for place in (
        ["opc-compartment-id", "ocid1.compartment.oc1..nobodys"],
        ["CompartmentId", "ocid1.tenancy.oc1..nobodys"],
        ["OpenAI-Project", "ocid1.generativeaiproject.oc1.us-chicago-1.nobodys"],
    ):
        assert send(oci, path, document, "POST", place).status == 200
    store = ["opc-conversation-store-id", "ocid1.generativeaiconversationstore.oc1..nobodys"]
    place = ["opc-compartment-id", "ocid1.compartment.oc1..nobodys"]
    assert send(oci, f"{base}/conversations", {}, "POST", place, store).status == 200
    for vendor in ("google", "meta", "openai", "xai"):
        assert send(oci, path, {**document, "model": f"{vendor}.nobody-made-this"}).status == 200
    oci.fail("inference", Fault(status=404))
    assert send(oci, path, document).json()["message"] == "Authorization failed or requested resource not found."


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", ["opc-compartment-id", "CompartmentId"])
def test_a_compartment_is_an_ocid(oci: FakeOCI, base: str, name: str) -> None:
    """Of a compartment, or of the tenancy, which is one as well."""
    document = {"model": MODEL, "messages": MESSAGES}
    for compartment in ("c", "my compartment", "ocid1.user.oc1..a", "ocid1.compartment.oc1..", " "):
        assert send(oci, f"{base}/chat/completions", document, "POST", [name, compartment]).status == 400
        assert reason(oci)
    for compartment in (oci.compartment, oci.tenancy):
        assert send(oci, f"{base}/chat/completions", document, "POST", [name, compartment]).status == 200


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"role": "USER"}, "no message has the role 'USER'"),
        ({"role": "chatbot"}, "no message has the role 'chatbot'"),
        ({"role": None}, "no message has the role None"),
        ({"content": 7}, "content is neither a text nor a list of parts"),
        ({"content": None}, "content is neither a text nor a list of parts"),
        ({"content": ["hi"]}, "content is neither a text nor a list of parts"),
        ({"content": [{"text": "hi"}]}, "content is neither a text nor a list of parts"),
    ],
)
def test_a_message_has_a_role_and_content(oci: FakeOCI, change: dict[str, Any], why: str) -> None:
    """In chats, responses and conversations."""
    messages = [*MESSAGES, {**MESSAGES[0], **change}]
    for path, document in (
        ("/chat/completions", {"model": MODEL, "messages": messages}),
        ("/responses", {"model": MODEL, "input": messages}),
        ("/conversations", {"items": messages}),
    ):
        assert send(oci, f"/openai/v1{path}", document).status == 400
        assert reason(oci) == why


CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("path", "change", "why"),
    [
        ("chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, "a tool's message has no tool_call_id"),
        ("chat/completions", {"messages": [{"role": "user", "content": []}]}, "content is an empty list"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "bogus"}]}]},
            "no part has the type 'bogus'",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "assistant", "tool_calls": []}]},
            "an assistant's message has neither content nor tool_calls",
        ),
        ("chat/completions", {"stream": "false"}, "stream is not a boolean"),
        ("chat/completions", {"tools": [{"type": "web_search"}]}, "no tool has the type 'web_search'"),
        (
            "chat/completions",
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice names 'f', which is no tool of the request",
        ),
        ("responses", {"input": None}, "there is no input, prompt, previous_response_id or conversation"),
        ("responses", {"input": [{"type": "bogus"}]}, "no item has the type 'bogus'"),
        ("responses", {"input": [OUTPUT]}, "no function was called with the call_id 'call_1'"),
        ("responses", {"stream": 1}, "stream is not a boolean"),
        ("responses", {"tools": [{"type": "bogus"}]}, "no tool has the type 'bogus'"),
        (
            "responses",
            {"conversation": "conv_1", "previous_response_id": "resp_1"},
            "conversation and previous_response_id exclude each other",
        ),
        (
            "responses",
            {"tool_choice": {"type": "function", "name": "f"}},
            "tool_choice names 'f', which is no tool of the request",
        ),
        ("conversations", {"items": [{"type": "bogus"}]}, "no item has the type 'bogus'"),
    ],
)
def test_a_body_that_openais_api_refuses_is_refused(oci: FakeOCI, path: str, change: dict[str, Any], why: str) -> None:
    """Before a scripted answer is used up."""
    oci.script("scripted")
    valid = {"chat/completions": {"model": MODEL, "messages": MESSAGES}, "responses": {"model": MODEL, "input": "hi"}}
    answer = send(oci, f"/openai/v1/{path}", {**valid.get(path, {}), **change})
    assert answer.status == 400
    assert json.loads(answer.json()["message"])["error"]["message"] == why == reason(oci)
    assert oci.complete({"model": MODEL, "messages": MESSAGES})["content"] == "scripted"


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (
            "chat/completions",
            {"messages": [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}]},
        ),
        ("chat/completions", {"messages": [*MESSAGES, {"role": "assistant", "refusal": "No."}]}),
        ("chat/completions", {"stream": None, "tools": None, "tool_choice": None}),
        ("chat/completions", {"tools": [{"type": "custom", "custom": {"name": "c"}}]}),
        ("responses", {"input": None, "prompt": {"id": "pmpt_1"}}),
        ("responses", {"input": [CALL, OUTPUT]}),
        ("responses", {"input": [{"type": "item_reference", "id": "fc_1"}, OUTPUT]}),
        ("responses", {"input": [{"id": "fc_1"}, OUTPUT]}),
        ("responses", {"input": [{"type": "message", "role": "assistant", "content": []}]}),
        ("responses", {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}),
    ],
)
def test_a_body_that_openais_api_accepts_is_accepted(oci: FakeOCI, path: str, change: dict[str, Any]) -> None:
    """The counterparts of the above."""
    valid = {"chat/completions": {"model": MODEL, "messages": MESSAGES}, "responses": {"model": MODEL, "input": "hi"}}
    answer = send(oci, f"/openai/v1/{path}", {**valid[path], **change})
    assert answer.status == 200, reason(oci)


def test_other_parameters_are_not_validated(oci: FakeOCI) -> None:
    """Out of range, of a wrong type, unknown, or without effect."""
    odd = {"max_tokens": -1, "temperature": "hot", "n": 3, "nonsense": True}
    assert (
        len(send(oci, "/openai/v1/chat/completions", {"model": MODEL, "messages": MESSAGES, **odd}).json()["choices"])
        == 1
    )
    response = send(oci, "/openai/v1/responses", {"model": MODEL, "input": "hi", "background": True, **odd})
    assert response.json()["status"] == "completed"


def test_what_is_kept_belongs_to_the_place_that_made_it(oci: FakeOCI) -> None:
    """Another project, or a compartment, does not find it."""
    response = send(oci, "/openai/v1/responses", {"model": MODEL, "input": "hi"}).json()["id"]
    conversation = send(oci, "/openai/v1/conversations", {}).json()["id"]
    for place in (["OpenAI-Project", f"{PROJECT[1]}2"], ["opc-compartment-id", oci.compartment]):
        for path in (f"responses/{response}", f"conversations/{conversation}", f"conversations/{conversation}/items"):
            assert send(oci, f"/openai/v1/{path}", None, "GET", place).status == 404
    for more in ({"previous_response_id": response}, {"conversation": conversation}):
        document = {"model": MODEL, "input": "hi", **more}
        assert send(oci, "/openai/v1/responses", document, "POST", ["OpenAI-Project", f"{PROJECT[1]}2"]).status == 404
        assert send(oci, "/openai/v1/responses", document).status == 200


# Paths and methods.


@pytest.fixture
def kept(oci: FakeOCI) -> Iterator[dict[str, str]]:
    """A response, a conversation and its one item; all of them are still there afterwards."""
    conversation = send(oci, "/openai/v1/conversations", {"items": MESSAGES}).json()["id"]
    items = f"/openai/v1/conversations/{conversation}/items"
    ids = {
        "response": send(oci, "/openai/v1/responses", {"model": MODEL, "input": "hi"}).json()["id"],
        "conversation": conversation,
        "item": send(oci, items, method="GET").json()["data"][0]["id"],
    }
    yield ids
    assert send(oci, f"/openai/v1/responses/{ids['response']}", method="GET").status == 200
    assert [each["id"] for each in send(oci, items, method="GET").json()["data"]] == [ids["item"]]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/responses", 405),
        ("POST", "/responses/{response}", 405),
        ("GET", "/responses/{response}/whatever", 404),
        ("DELETE", "/responses/{response}/input_items", 405),
        ("POST", "/responses/{response}/input_items", 405),
        ("GET", "/responses/{response}/cancel", 405),
        ("GET", "/responses/{response}/input_items/x", 404),
        ("GET", "/responses/{response}/", 404),
        ("GET", "/conversations", 405),
        ("PUT", "/conversations/{conversation}", 405),
        ("GET", "/conversations/{conversation}/nonsense", 404),
        ("DELETE", "/conversations/{conversation}/items", 405),
        ("POST", "/conversations/{conversation}/items/{item}", 405),
        ("GET", "/conversations/{conversation}/items/{item}/x", 404),
        ("DELETE", "/conversations/{conversation}/nonsense/{item}", 404),
        ("POST", "/chat/completions/", 404),
    ],
)
def test_there_are_no_paths_but_the_documented_ones(
    oci: FakeOCI, kept: dict[str, str], method: str, path: str, status: int
) -> None:
    """An unknown path is 404, a method that a path does not have is 405; neither changes what is kept."""
    document = {} if method in ("POST", "PUT") else None
    assert send(oci, f"/openai/v1{path.format(**kept)}", document, method).status == status


@pytest.mark.parametrize("path", ["instance/", "instance/regionInfo/x", "identity/cert.pem/", "anything", ""])
def test_metadata_has_no_other_path(oci: FakeOCI, path: str) -> None:
    """404 for those who may ask."""
    headers = [("host", "a"), ("authorization", "Bearer Oracle")]
    assert oci.handle("GET", f"/opc/v2/{path}", headers, b"").status == 404


# OCI's own operation.


def test_the_native_operation_knows_the_same_vendors(oci: FakeOCI) -> None:
    """A model's name, and an endpoint's OCID."""
    native_chat.add_to(oci)
    request = {"apiFormat": "GENERIC", "messages": [{"role": "USER", "content": [{"type": "TEXT", "text": "hi"}]}]}
    for model, status in (("xai.grok-4.3", 200), ("gpt-4.1", 404), ("ocid1.compartment.oc1..a", 404)):
        mode = {"servingType": "ON_DEMAND", "modelId": model}
        document = {"compartmentId": oci.compartment, "servingMode": mode, "chatRequest": request}
        assert send(oci, "/20231130/actions/chat", document).status == status
