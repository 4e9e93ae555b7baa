"""`examples/native_chat.py` survives what streams and answers of OCI's own chat operation may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import models
import native_chat
import pytest
from endpoints import native_chat as endpoint

from oci_httpx_auth import OCISigner

from ..standin import FakeOCI

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


TOOL = {"name": "add", "description": "Adds.", "parameterDefinitions": {"a": {"type": "int", "isRequired": True}}}


def test_a_tool_call_of_coheres_is_streamed_without_saying_the_text_twice(oci: FakeOCI, client: httpx.Client) -> None:
    """The frame with the call has the whole text once more, and so has the last."""
    mode, request = native_chat.on_demand(models.COHERE), native_chat.cohere("x") | {"tools": [TOOL]}
    pieces = list(native_chat.ask_streamed(client, oci.compartment, mode, request))
    assert "".join(pieces) == native_chat.ask(client, oci.compartment, mode, request) == "I will call add."
    assert pieces[-2:] == ["", ""]
    assert all(pieces[:-2])


@pytest.mark.parametrize("tools", [[], [TOOL]], ids=["text", "tool call"])
def test_coheres_frames_that_have_the_text_once_more_can_be_told_apart(
    oci: FakeOCI, client: httpx.Client, tools: list[Any]
) -> None:
    """They have `toolCalls` or `chatHistory`, and the others have neither. litellm reads them so."""
    earlier = [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Yes?"}]
    request = {**native_chat.cohere(QUESTION), "chatHistory": earlier, "tools": tools}
    body = {"compartmentId": oci.compartment, "servingMode": native_chat.on_demand(models.COHERE)}
    whole = client.post(native_chat.PATH, json={**body, "chatRequest": request}).json()["chatResponse"]
    streamed = client.post(native_chat.PATH, json={**body, "chatRequest": {**request, "isStream": True}}).text
    frames = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    again = [frame for frame in frames if frame.keys() & {"toolCalls", "chatHistory"}]
    assert again == frames[-len(again) :]
    assert [frame.keys() & {"toolCalls", "chatHistory"} for frame in again] == (
        [{"toolCalls"}, {"toolCalls", "chatHistory"}] if tools else [{"chatHistory"}]
    )
    assert {frame["text"] for frame in again} == {whole["text"]}
    assert "".join(frame["text"] for frame in frames[: -len(again)]) == whole["text"]
    calls = {"toolCalls": whole["toolCalls"]} if tools else {}
    said = [{"role": "USER", "message": QUESTION}, {"role": "CHATBOT", "message": whole["text"], **calls}]
    assert frames[-1]["chatHistory"] == whole["chatHistory"] == earlier + said


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
