"""What Generative AI refuses and in which words, as openai's clients raise it and as `check` reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth.diagnosis import check
from oci_httpx_auth.testing._verify import PLACEHOLDER

from ..standin import FakeOCI, Fault

openai = pytest.importorskip("openai")
factories = pytest.importorskip("oci_httpx_auth.openai")

MODEL = "openai.gpt-oss-20b"
MESSAGES = [{"role": "user", "content": "hello"}]
UNKNOWN = "Authorization failed or requested resource not found."
PLAIN = json.dumps(
    {"error": {"message": "temperature is not supported", "type": "invalid_request_error", "code": None}}
)


@pytest.fixture
def client(oci: FakeOCI, tmp_path: Path) -> Any:
    """A client that names a compartment alone."""
    options = {"config_file": oci.write_config(tmp_path), "base_url": oci.openai_url, "max_retries": 0}
    return factories.create_openai(**options, compartment_id=oci.compartment)


def chat(client: Any, **changes: Any) -> Any:
    return client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **changes})


def deny(oci: FakeOCI) -> None:
    oci.fail("inference", Fault(status=404))


def no_path(oci: FakeOCI) -> None:
    oci.fail("inference", Fault(status=404, message="HTTP 404 Not Found"))


def want_project(oci: FakeOCI) -> None:
    message = "Missing OpenAI-Project or opc-conversation-store-id header."
    oci.fail("inference", Fault(status=400, message=message))


def answer_plainly(oci: FakeOCI) -> None:
    oci.fail("inference", Fault(status=400, body=PLAIN.encode(), headers={"content-type": "application/json"}))


REFUSALS: dict[str, tuple[Callable[[FakeOCI], object], Callable[[Any], object], str, str | None, str]] = {
    "a key that is not known": (
        lambda oci: oci._identities.api_keys.clear(),
        chat,
        "Authentication",
        "401",
        "required",
    ),
    "no policy": (deny, chat, "NotFound", "404", UNKNOWN),
    "no such model": (
        lambda oci: None,
        lambda c: chat(c, model="gpt-4o"),
        "NotFound",
        "404",
        "Entity with key gpt-4o not",
    ),
    "no such path": (lambda oci: None, lambda c: c.models.list(), "NotFound", "404", "HTTP 404 Not Found"),
    "a parameter": (lambda oci: None, lambda c: chat(c, messages=[]), "BadRequest", "400", '"invalid_request_error"'),
    "a parameter, in OpenAI's form": (answer_plainly, chat, "BadRequest", None, "temperature"),
    "Cohere by OpenAI's API": (
        lambda oci: None,
        lambda c: chat(c, model="cohere.command-a"),
        "BadRequest",
        "400",
        "Cohere",
    ),
    "a response of a compartment": (
        lambda oci: None,
        lambda c: c.responses.create(model=MODEL, input="x"),
        "BadRequest",
        "400",
        "OpenAI-Project",
    ),
    "a conversation of a compartment": (
        lambda oci: None,
        lambda c: c.conversations.create(),
        "BadRequest",
        "400",
        "OpenAI-Project",
    ),
    "too many requests": (lambda oci: oci.fail("inference", Fault(status=429)), chat, "RateLimit", "429", "429"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_raised_by_openai_in_ocis_words(oci: FakeOCI, client: Any, name: str) -> None:
    """The status, its code as a text, and the message reach the one who called."""
    prepare, call, kind, code, words = REFUSALS[name]
    prepare(oci)
    with pytest.raises(getattr(openai, f"{kind}Error")) as caught:
        call(client)
    assert caught.value.code == code
    assert words in caught.value.response.text.replace('\\"', '"')
    assert caught.value.response.headers["opc-request-id"]


@pytest.mark.parametrize(
    ("prepare", "model", "code", "words"),
    [
        (deny, MODEL, "no-policy", "may not use Generative AI"),
        (no_path, MODEL, "wrong-path", "has nothing at the path '/openai/v1/chat/completions'"),
        (want_project, MODEL, "no-project", "requires a project: 400: Missing OpenAI-Project"),
        (None, "gpt-4o", "model-unknown", "does not serve the model gpt-4o"),
        (None, "cohere.command-a", "model-unknown", "Cohere's models are served by OCI's own chat operation"),
        (answer_plainly, MODEL, "bad-request", "invalid_request_error: temperature is not supported"),
    ],
)
def test_check_distinguishes_the_refusals(
    oci: FakeOCI, tmp_path: Path, prepare: Callable[[FakeOCI], None] | None, model: str, code: str, words: str
) -> None:
    """By what OCI says: a policy, a path, a project, a model, a parameter in either form."""
    if prepare is deny:
        oci.fault_source = lambda service, record: Fault(status=404) if service == "inference" else None
    elif prepare is not None:
        prepare(oci)
    where = {"config_file": oci.write_config(tmp_path), "endpoint": oci.url, "base_url": oci.openai_url}
    report = check(**where, compartment_id=oci.compartment, model=model)
    finding = report.findings[0]
    assert (finding.code, words in str(finding)) == (code, True), str(finding)


@pytest.mark.parametrize("headers", [{"OpenAI-Project": "p"}, {"opc-conversation-store-id": "s"}])
def test_what_is_stored_needs_a_project_or_a_conversation_store(client: Any, headers: dict[str, str]) -> None:
    """What is not stored belongs to a compartment alone."""
    assert client.responses.create(model=MODEL, input="x", extra_headers=headers).output_text
    assert client.conversations.create(extra_headers=headers).id
    assert client.responses.create(model=MODEL, input="x", store=False).output_text


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"authorization": f"Bearer {PLACEHOLDER}", "user-agent": "OpenAI/Python 3.54.0"}, "create_openai()"),
        ({"authorization": f"Bearer {PLACEHOLDER}", "user-agent": "AsyncOpenAI/Python 3"}, "as async_client="),
        ({"authorization": f"Bearer {PLACEHOLDER}", "user-agent": "Agents/Python 0.24"}, "set_default_openai_client"),
        ({"x-api-key": PLACEHOLDER, "user-agent": "Anthropic/Python 2"}, "http_client=httpx.Client(auth=OCISigner())"),
        ({"authorization": f"Bearer {PLACEHOLDER}", "user-agent": "curl/8"}, "signer.signed_headers()"),
    ],
)
def test_the_placeholder_key_names_the_remedy(oci: FakeOCI, headers: dict[str, str], words: str) -> None:
    """A request that bypassed the signer is refused as by OCI; the record says how to make its framework sign."""
    answer = httpx.post(f"{oci.openai_url}/chat/completions", json={"model": MODEL}, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (401, "401")
    assert oci.records[-1].reason.startswith("the request bypassed the signer")
    assert words in oci.records[-1].reason


def test_the_placeholder_key_is_the_factories() -> None:
    """Written down twice, so that the stand-in does not depend on what it judges."""
    assert PLACEHOLDER == factories.PLACEHOLDER_API_KEY


def test_a_lenient_stand_in_takes_any_model_and_compartment_and_needs_no_project(tmp_path: Path) -> None:
    """For programs whose configuration is not what is tested. Signatures are still verified."""
    with FakeOCI(lenient=True) as oci:
        options = {"config_file": oci.write_config(tmp_path), "base_url": oci.openai_url, "max_retries": 0}
        with factories.create_openai(**options, compartment_id="mine") as client:
            assert chat(client, model="gpt-4o").choices
            if hasattr(client, "conversations"):
                assert client.conversations.create().id
            assert client.responses.create(model="cohere.command-a", input="hello").output_text
        answer = httpx.post(f"{oci.openai_url}/chat/completions", json={"model": "gpt-4o", "messages": MESSAGES})
        assert answer.status_code == 401
