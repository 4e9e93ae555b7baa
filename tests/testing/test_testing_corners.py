"""The stand-in's rarer answers: each of them is what somebody's test will meet one day."""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from endpoints import anthropic_messages, google_content, native_chat, openai_files, websockets

from oci_httpx_auth import OCISigner

from ..byhand import Draft, connect, exchange
from ..standin import FakeCredential, FakeOCI, Fault, ToolCall

SCOPE = [["OpenAI-Project", "ocid1.generativeaiproject.oc1.us-chicago-1.a"]]


@pytest.fixture
def key(oci: FakeOCI) -> FakeCredential:
    return oci.add_api_key()


@pytest.fixture
def further_endpoints(oci: FakeOCI) -> None:
    """The stand-in with everything that the examples add to it."""
    for module in (anthropic_messages, google_content, native_chat, openai_files, websockets):
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


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]


# The model.


def deep(schema: dict[str, Any], levels: int) -> dict[str, Any]:
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


SCHEMAS: list[tuple[dict[str, Any], Any]] = [
    ({"const": 3}, 3),
    ({"enum": ["x", "y"]}, "x"),
    ({"type": ["null", "boolean"]}, True),
    ({"type": "object", "properties": {"whatever": True}}, {"whatever": None}),
    ({"allOf": [{"type": "integer"}]}, 1),
    (
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"type": "integer"}}}],
            "$defs": {"A": {"type": "object", "properties": {"a": {"type": "string"}}}},
        },
        {"a": "a", "b": 1},
    ),
    ({"anyOf": [{"type": "null"}, {"type": "number"}]}, 0.5),
    ({"type": "integer", "maximum": 0}, 0),
    ({"type": "integer", "exclusiveMaximum": 0}, -1),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["value", "value"]),
]


@pytest.mark.parametrize(("schema", "value"), SCHEMAS)
def test_a_structured_answer_fits_a_schema_of_any_kind(ask: Callable[..., Any], schema: Any, value: Any) -> None:
    """Constants, references, unions and bounds."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    document = {"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}], "response_format": form}
    answer = ask("/openai/v1/chat/completions", document).json()
    assert json.loads(answer["choices"][0]["message"]["content"]) == value


@pytest.mark.parametrize(
    ("schema", "end"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, {}),
        (
            {"anyOf": [{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, {"type": "null"}]},
            None,
        ),
        (deep({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, 10), True),
        (deep({"type": ["boolean", "null"]}, 10), None),
        (deep({"type": "array", "items": {"type": "string"}}, 10), []),
    ],
)
def test_a_schema_that_names_itself_comes_to_an_end(ask: Callable[..., Any], schema: Any, end: Any) -> None:
    """Deep down, what may be left out or null is."""
    document = {
        "model": "openai.gpt-oss-20b",
        "input": "Hi",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}},
    }
    value = json.loads(ask("/openai/v1/responses", document).json()["output"][0]["content"][0]["text"])
    while isinstance(value, dict) and "a" in value:
        value = value["a"]
    assert value == end


@pytest.mark.parametrize(
    ("form", "expected"),
    [({"type": "json_object"}, '{"answer": "answer"}'), ({"type": "text"}, "You said: Hi"), (7, "You said: Hi")],
)
def test_the_form_of_an_answer_is_asked_for_in_either_api(ask: Callable[..., Any], form: Any, expected: str) -> None:
    """Some JSON, or a text."""
    chat = {"model": "openai.gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}], "response_format": form}
    assert ask("/openai/v1/chat/completions", chat).json()["choices"][0]["message"]["content"] == expected
    response = ask(
        "/openai/v1/responses", {"model": "openai.gpt-oss-20b", "input": "Hi", "text": {"format": form}}
    ).json()
    assert response["output"][0]["content"][0]["text"] == expected


def test_a_choice_of_tools_that_names_none_leaves_it_to_the_model(ask: Callable[..., Any]) -> None:
    """As `auto` does."""
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    document = {
        "model": "openai.gpt-oss-20b",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [tool],
        "tool_choice": {},
    }
    (call,) = ask("/openai/v1/chat/completions", document).json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "add"


# Responses and conversations.


def test_an_item_of_unknown_kind_is_skipped(ask: Callable[..., Any]) -> None:
    """Such as what a model thought before."""
    given = [{"type": "reasoning", "summary": []}, {"role": "user", "content": "Hi"}]
    response = ask("/openai/v1/responses", {"model": "openai.gpt-oss-20b", "input": given}).json()
    assert response["output"][0]["content"][0]["text"] == "You said: Hi"


def test_a_response_can_be_cancelled_and_not_put(ask: Callable[..., Any]) -> None:
    """There is nothing left of it to cancel, which is no error."""
    path = f"/openai/v1/responses/{ask('/openai/v1/responses', {'model': 'openai.gpt-oss-20b', 'input': 'Hi'}).json()['id']}"
    assert ask(f"{path}/cancel").json()["status"] == "completed"
    assert ask(path, {}, "PUT").status == 405


def test_a_conversation_takes_items_and_gives_them_back(ask: Callable[..., Any]) -> None:
    """One that is not there is 404, and a list of all conversations is not to be had."""
    path = f"/openai/v1/conversations/{ask('/openai/v1/conversations', {}).json()['id']}"
    item = {"type": "message", "role": "user", "content": "Hi"}
    (added,) = ask(f"{path}/items", {"items": [item]}).json()["data"]
    assert ask(f"{path}/items/{added['id']}", method="GET").json() == added
    assert ask(f"{path}/items/msg_other", method="GET").status == 404
    assert ask("/openai/v1/conversations", method="GET").status == 405


# Files and websockets.

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
def test_a_form_that_is_not_whole_is_refused(oci: FakeOCI, ask: Callable[..., Any], body: bytes, reason: str) -> None:
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


# Other dialects.


@pytest.mark.usefixtures("further_endpoints")
def test_a_message_without_a_model_is_refused(ask: Callable[..., Any]) -> None:
    """As one without messages is."""
    assert ask("/v1/messages", {"messages": [{"role": "user", "content": "Hi"}]}).status == 400
    assert ask("/v1/messages", {"model": "openai.gpt-oss-20b"}).status == 400


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
    events = events_of(ask("/v1/messages", document).body)
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


# The native operation.


def native(chat: Any, **changes: Any) -> dict[str, Any]:
    mode = {"servingType": "ON_DEMAND", "modelId": "xai.grok-4.3"}
    return {"compartmentId": "ocid1.compartment.oc1..a", "servingMode": mode, "chatRequest": chat} | changes


@pytest.mark.usefixtures("further_endpoints")
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (native({"apiFormat": "GENERIC"}, compartmentId=""), "is missing"),
        (native(None), "is missing"),
        (native({"apiFormat": "GENERIC"}, servingMode=None), "is missing"),
        (native({"apiFormat": "OTHER"}), "none of GENERIC, COHERE, COHEREV2"),
    ],
)
def test_a_native_chat_that_is_not_whole_is_refused(
    oci: FakeOCI, ask: Callable[..., Any], document: Any, reason: str
) -> None:
    """With the reason in the record."""
    assert ask("/20231130/actions/chat", document).status == 400
    assert reason in oci.records[-1].reason


@pytest.mark.usefixtures("further_endpoints")
def test_a_native_chat_calls_tools_in_the_generic_form(ask: Callable[..., Any]) -> None:
    """Plain and streamed, chosen by the model or by name."""
    tool = {"type": "FUNCTION", "name": "add", "parameters": {"properties": {"a": {"type": "integer"}}}}
    said = {"role": "USER", "content": [{"type": "TEXT", "text": "Hi"}]}
    chat: dict[str, Any] = {"apiFormat": "GENERIC", "messages": [said], "tools": [tool]}
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
    chat["tools"] = [{"name": "add", "parameterDefinitions": definitions}]
    (call,) = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]["toolCalls"]
    assert call == {"name": "add", "parameters": {"s": "s", "i": 1, "f": 0.5, "b": True}}
    (event,) = events_of(ask("/20231130/actions/chat", native({**chat, "isStream": True})).body)
    assert (event["toolCalls"], event["finishReason"]) == ([call], "COMPLETE")
    chat["toolResults"] = [{"call": call, "outputs": [{"sum": 7}]}]
    text = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]["text"]
    assert text == 'The tool answered: [{"sum": 7}]'
    oci.script([ToolCall("a"), ToolCall("b")])
    calls = ask("/20231130/actions/chat", native(chat)).json()["chatResponse"]["toolCalls"]
    assert [call["name"] for call in calls] == ["a", "b"]


# Tokens, certificates and dates.


class Holder:
    def __init__(self, key_id: str, private_key: Any) -> None:
        self.key_id, self.private_key = key_id, private_key


def test_a_token_of_another_algorithm_is_refused(oci: FakeOCI) -> None:
    """Above all of none."""
    session = oci.add_session()
    _, claims, signature = session.token.split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    assert Draft(Holder(f"ST${head}.{claims}.{signature}", session.private_key)).sign().send(oci.url).status == 401
    assert oci.records[-1].reason == "the token is not an RS256 JWT"


@pytest.mark.parametrize("jwk", ["no JSON", "{}", "[]", '{"n": 1, "e": 2}'])
def test_a_token_whose_key_cannot_be_read_has_none(oci: FakeOCI, jwk: str) -> None:
    """It signs nothing."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = oci.issue_token(private_key.public_key(), jwk=jwk)
    assert Draft(Holder(f"ST${token}", private_key)).sign().send(oci.url).status == 401


def test_a_date_beyond_every_calendar_is_ignored(oci: FakeOCI, key: FakeCredential) -> None:
    """It is refused as one that cannot be read is."""
    draft = Draft(key)
    draft.set("date", "Fri, 31 Dec 99999 23:59:59 GMT")
    assert draft.sign().send(oci.url).status == 401
    assert oci.records[-1].reason == "date is not an RFC 1123 date in GMT"


def test_a_certificate_of_an_elliptic_curve_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """OCI's instances have RSA keys."""
    private_key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder(name, name, private_key.public_key(), 1, now, now + timedelta(days=1))
        .sign(private_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    body = json.dumps({"certificate": base64.b64encode(certificate).decode(), "intermediateCertificates": []}).encode()
    holder = Holder(f"{oci.tenancy}/fed-x509/{'00:' * 19}00", key.private_key)
    assert Draft(holder, target="/v1/x509", body=body).sign().send(oci.url).status == 400
    assert oci.records[-1].reason == "a certificate's key is not an RSA key"


def test_only_a_resource_has_parents_and_not_endlessly_many(oci: FakeOCI) -> None:
    """An instance has none; a resource none beyond the last."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = "/20180711/parentResourcePrincipalToken"
    holders = [
        Holder(f"ST${oci.issue_token(private_key.public_key(), kind=kind)}", private_key)
        for kind in ("instance", "resource")
    ]
    answers = [
        Draft(holder, "GET", f"{path}/{level}", body=b"").sign().send(oci.url).status
        for holder, level in [(holders[0], "1/1"), (holders[1], "2/1"), (holders[1], "1/1")]
    ]
    assert answers == [401, 404, 200]


def test_a_key_pair_that_nobody_registered_gets_no_token(oci: FakeOCI, key: FakeCredential) -> None:
    """Whatever its key id says of itself."""
    holder = Holder("resource/v2.1/ocid1.fnfunc.oc1..a", key.private_key)
    path = "/20180711/resourcePrincipalTokenV2/ocid1.fnfunc.oc1..a"
    assert Draft(holder, "GET", path, body=b"").sign().send(oci.url).status == 401
    assert oci.records[-1].reason == "no key pair is registered under the key id"


@pytest.mark.parametrize("flaw", ["missing", "garbage", "expired", "wrong_key"])
def test_the_two_tokens_of_a_resource_can_be_bad(oci: FakeOCI, flaw: str) -> None:
    """Not there, or none that the second step takes; the next request gets good ones."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = oci.issue_token(private_key.public_key(), kind="instance", sub=oci.instance)
    draft = Draft(
        Holder(f"ST${token}", private_key), "GET", f"/20180711/resourcePrincipalToken/{oci.instance}", body=b""
    ).sign()
    oci.fail("rpt", Fault(token=flaw))
    bad, good = draft.send(oci.url), draft.send(oci.url)
    assert (bad.status, good.status) == (200, 200)
    names = ["resourcePrincipalToken", "servicePrincipalSessionToken"]
    assert sorted(good.json()) == names
    assert bad.json() == ({} if flaw == "missing" else dict.fromkeys(names, "this-is-no-token"))


def test_a_session_is_renewed_at_the_auth_endpoint(oci: FakeOCI) -> None:
    """The address is one to append the path to."""
    session = oci.add_session()
    body = json.dumps({"currentToken": session.token}).encode()
    url = urlsplit(f"{oci.auth_endpoint}/v1/authentication/refresh")
    answer = Draft(session, target=url.path, body=body).sign().send(url.geturl())
    assert (answer.status, oci.records[-1].service) == (200, "session_refresh")
    assert Draft(Holder(f"ST${answer.json()['token']}", session.private_key)).sign().send(oci.url).status == 200


# Faults.


def test_a_fault_leaves_unsigned_what_was_not_signed(oci: FakeOCI, key: FakeCredential) -> None:
    """The fault is the answer, and the record says both."""
    oci.fail("echo", Fault(status=503))
    assert Draft(key).send(oci.url).status == 503
    record = oci.records[-1]
    assert (record.reason, record.signed, record.principal) == ("a fault: 503", False, "")


def test_a_faults_body_of_no_type_is_bytes(oci: FakeOCI, key: FakeCredential) -> None:
    """Its other headers come along."""
    oci.fail("echo", Fault(status=502, body=b"\0\1", headers={"Retry-After": "2"}))
    answer = Draft(key).sign().send(oci.url)
    assert (answer.status, answer.body) == (502, b"\0\1")
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == ("application/octet-stream", "2")


# The server.


def test_blank_lines_and_trailers_are_skipped(oci: FakeOCI, key: FakeCredential) -> None:
    """Both are allowed, and mean nothing."""
    draft = Draft(key, "DELETE", body=b"")
    draft.set("Transfer-Encoding", "chunked")
    wire = b"\r\n\r\n" + draft.sign().wire() + b"1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n"
    assert exchange(oci.url, wire).status == 200
    assert oci.records[-1].body == b"a"


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("head", b"GET /x HTTP/1.1\r\nHost"),
        ("body", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab"),
        ("body", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"),
    ],
)
def test_a_request_that_breaks_off_is_answered_and_recorded(oci: FakeOCI, part: str, sent: bytes) -> None:
    """In the middle of its head, or of its body."""
    with connect(oci.url) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            assert file.readline() == b"HTTP/1.1 400 Bad Request\r\n"
    assert oci.records[-1].reason == f"the connection ended inside the {part} of a request"


def test_a_status_that_nobody_knows_is_sent_all_the_same(oci: FakeOCI, key: FakeCredential) -> None:
    """By a name that says so."""
    oci.fail("echo", Fault(status=599))
    with connect(oci.url) as connection, connection.makefile("rb") as file:
        connection.sendall(Draft(key).sign().wire())
        assert file.readline() == b"HTTP/1.1 599 Unknown\r\n"


def test_a_hanging_service_takes_whatever_else_is_sent(oci: FakeOCI, key: FakeCredential) -> None:
    """It ends with its client, and serves the next one."""
    oci.fail("echo", Fault(hang=True))
    with connect(oci.url) as connection:
        connection.sendall(Draft(key).sign().wire())
        for _ in range(3):
            connection.sendall(b"x" * 1_000_000)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert Draft(key).sign().send(oci.url).status == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_stop_its_parents_stand_in(oci: FakeOCI, key: FakeCredential) -> None:
    """It has a copy without the thread."""
    process = multiprocessing.get_context("fork").Process(target=oci.stop)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert Draft(key).sign().send(oci.url).status == 200


def test_it_is_started_once(oci: FakeOCI) -> None:
    """A second start is the first one's."""
    url = oci.url
    assert oci.start().url == url


def test_what_was_set_can_be_read(oci: FakeOCI) -> None:
    """While it runs."""
    oci.token_lifetime, oci.enhanced_cluster, oci.stream_delay = 7.0, False, 0.25
    assert (oci.token_lifetime, oci.enhanced_cluster, oci.stream_delay) == (7.0, False, 0.25)


def test_a_taken_port_is_named_on_the_command_line(oci: FakeOCI) -> None:
    """Status 1, and no traceback."""
    port = oci.url.rpartition(":")[2]
    command = [sys.executable, "-m", "oci_httpx_auth.testing", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"cannot serve on port {port}: ")


# As a transport.


def test_a_transport_waits_where_it_should(oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before an answer, and between the pieces of one: in a thread with `time`, on an event loop with `anyio`."""
    slept: list[float] = []

    async def asleep(seconds: float) -> None:
        slept.append(-seconds)

    signer = OCISigner(config_file=oci.write_config(tmp_path))
    oci.script("one two three", "one two three")
    oci.latency["inference"], oci.stream_delay = 5.0, 7.0
    url = "https://h.example/openai/v1/chat/completions"
    document = {"model": "openai.gpt-oss-20b", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    options: dict[str, Any] = {"auth": signer, "transport": oci.httpx_transport(), "headers": dict([SCOPE[0]])}
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(anyio, "sleep", asleep)
    with httpx.Client(**options) as client:
        first = client.post(url, json=document)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(**options) as client:
            assert (await client.head("https://h.example/x")).status_code == 200
            return await client.post(url, json=document)

    second = asyncio.run(main())
    for response in (first, second):
        deltas = [choice["delta"] for event in events_of(response.content) for choice in event["choices"]]
        assert "".join(delta.get("content") or "" for delta in deltas) == "one two three"
    half = len(slept) // 2
    assert half > 3
    assert slept == [5.0, *[7.0] * (half - 1), -5.0, *[-7.0] * (half - 1)]


def test_a_transport_refuses_a_length_that_is_not_the_bodys(oci: FakeOCI) -> None:
    """Which no server would get to see."""
    with httpx.Client(transport=oci.httpx_transport()) as client:
        answer = client.post("http://h.example/x", content=b"abc", headers={"content-length": "2"})
    assert answer.status_code == 400
    assert oci.records[-1].reason == "content-length is 2, but the body has 3 bytes"
