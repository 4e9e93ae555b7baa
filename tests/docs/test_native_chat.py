"""`examples/native_chat.py` survives what streams and answers of OCI's own chat operation may hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import models
import native_chat
import pytest
from endpoints import native_chat as endpoint
from endpoints._turns import event

from oci_httpx_auth import OCISigner

from ..standin import FakeOCI, Reply

QUESTION = "one two three"
ANSWER = f"You said: {QUESTION}"
FORMS = {
    "GENERIC": (native_chat.generic, [models.NATIVE, "meta.llama-3.3-70b-instruct", models.CHAT]),
    "COHERE": (native_chat.cohere, [models.COHERE]),
    "COHEREV2": (native_chat.cohere_v2, ["cohere.command-a-vision-07-2025"]),
}
SERVED = [(form, model) for form, (_, names) in FORMS.items() for model in names]


@pytest.fixture
def client(oci: FakeOCI, tmp_path: Path) -> Iterator[httpx.Client]:
    endpoint.add_to(oci)
    signer = OCISigner(config_file=oci.write_config(tmp_path))
    with httpx.Client(auth=signer, base_url=oci.url, trust_env=False) as client:
        yield client
    assert all(record.signed and record.status == 200 for record in oci.records)


@pytest.mark.parametrize("limit", [None, 1], ids=["", "maxTokens=1"])
@pytest.mark.parametrize("usage", [None, False, True], ids=["", "no usage", "usage"])
@pytest.mark.parametrize(("form", "model"), SERVED)
@pytest.mark.parametrize("dedicated", [False, True], ids=["on demand", "dedicated"])
def test_every_form_is_read_whole_and_streamed(
    oci: FakeOCI, client: httpx.Client, form: str, model: str, usage: bool | None, limit: int | None, dedicated: bool
) -> None:
    """With empty frames, usage before or after the last one, `[DONE]` of Meta's models, and no message at all."""
    request = FORMS[form][0](QUESTION)
    if usage is not None:
        request["streamOptions"] = {"isIncludeUsage": usage}
    if limit:
        request["maxTokens"] = limit
    mode = native_chat.dedicated(native_chat.STAND_IN_ENDPOINT) if dedicated else native_chat.on_demand(model)
    expected = "" if limit else ANSWER
    assert native_chat.ask(client, oci.compartment, mode, request) == expected
    pieces = list(native_chat.ask_streamed(client, oci.compartment, mode, request))
    assert "".join(pieces) == expected
    assert (sum(map(bool, pieces)) > 3) == (not limit)


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_is_read_as_it_is_on_the_wire(oci: FakeOCI, client: httpx.Client, form: str) -> None:
    """What the forms have in common and where they differ, so that the test above has seen it."""
    request = {**FORMS[form][0](QUESTION), "isStream": True, "streamOptions": {"isIncludeUsage": True}}
    for model in FORMS[form][1]:
        body = {
            "compartmentId": oci.compartment,
            "servingMode": native_chat.on_demand(model),
            "chatRequest": request,
        }
        lines = client.post(native_chat.PATH, json=body).text.split("\n")
        assert "data:" in lines
        assert ("data: [DONE]" in lines) == model.startswith("meta.")
        assert '"usage"' in [line for line in lines if line.startswith("data: {")][-1]


def test_a_tool_call_of_coheres_is_streamed_without_saying_the_text_twice(oci: FakeOCI, client: httpx.Client) -> None:
    """The frame with the call has the whole text once more, and so has the last."""
    frames = [
        {"apiFormat": "COHERE", "text": "I will "},
        {"apiFormat": "COHERE", "text": "look."},
        {"apiFormat": "COHERE", "text": "I will look.", "toolCalls": [{"name": "look", "parameters": {}}]},
        {"apiFormat": "COHERE", "text": "I will look.", "chatHistory": [], "finishReason": "COMPLETE"},
    ]
    oci.add_endpoint(
        endpoint.PATH,
        lambda *_: Reply.events([event(frame) for frame in frames]),
        methods=["POST"],
        service="inference",
    )
    mode = native_chat.on_demand(models.COHERE)
    pieces = native_chat.ask_streamed(client, oci.compartment, mode, native_chat.cohere("x"))
    assert list(pieces) == ["I will ", "look.", "", ""]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-chicago-1", "inference.generativeai.us-chicago-1.oci.oraclecloud.com"),
        ("eu-frankfurt-2", "inference.generativeai.eu-frankfurt-2.oci.oraclecloud.eu"),
        ("uk-gov-london-1", "inference.generativeai.uk-gov-london-1.oci.oraclegovcloud.uk"),
    ],
)
def test_the_host_is_that_of_the_regions_realm(oci: FakeOCI, tmp_path: Path, region: str, host: str) -> None:
    """Not every region is below oraclecloud.com."""
    signer = OCISigner(config_file=oci.write_config(tmp_path))
    assert native_chat.address(signer, region, oci.compartment) == f"https://{host}"
