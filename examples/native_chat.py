"""OCI's own chat operation through plain httpx: for models without an OpenAI-compatible form, such as Cohere's.

With credentials and OCI_COMPARTMENT_ID in place, this talks to the real service; --endpoint-id names a dedicated
endpoint to call as well. Otherwise it starts a stand-in for OCI on this machine, which verifies every signature:

    python examples/native_chat.py [--region us-chicago-1] [--endpoint-id ocid1.generativeaiendpoint.oc1…]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import models
from endpoints import native_chat

from oci_httpx_auth import OCISigner
from oci_httpx_auth.openai import create_openai
from oci_httpx_auth.testing import FakeOCI

PATH = "/20231130/actions/chat"
STAND_IN_ENDPOINT = "ocid1.generativeaiendpoint.oc1.us-chicago-1.example"


def generic(text: str) -> dict[str, Any]:
    """The chat request of most models."""
    return {"apiFormat": "GENERIC", "messages": [user_message(text)], "maxTokens": 200}


def cohere(text: str) -> dict[str, Any]:
    """The chat request of Cohere's Command models."""
    return {"apiFormat": "COHERE", "message": text, "maxTokens": 200}


def cohere_v2(text: str) -> dict[str, Any]:
    """The chat request of Cohere's models that see images, such as Command A Vision, on a dedicated AI cluster."""
    return {"apiFormat": "COHEREV2", "messages": [user_message(text)], "maxTokens": 200}


def user_message(text: str) -> dict[str, Any]:
    return {"role": "USER", "content": [{"type": "TEXT", "text": text}]}


FORMS = {"generic": generic, "cohere": cohere, "cohere_v2": cohere_v2}


def on_demand(model: str) -> dict[str, Any]:
    return {"servingType": "ON_DEMAND", "modelId": model}


def dedicated(endpoint_id: str) -> dict[str, Any]:
    """A model that is hosted on a dedicated AI cluster; its endpoint's OCID is used instead of its name."""
    return {"servingType": "DEDICATED", "endpointId": endpoint_id}


def text_of(frame: dict[str, Any]) -> str:
    """The text of a complete chat response, or of one frame of a stream.

    COHERE has `text`, COHEREV2 a `message`, and GENERIC `choices[0].message`; in a stream the frame may be that choice itself.
    A message may be null or missing: the model can spend all of `maxTokens` on its reasoning, and the last frames have none.
    """
    if "text" in frame:
        return str(frame["text"] or "")
    choice = frame["choices"][0] if frame.get("choices") else frame
    content = (choice.get("message") or {}).get("content") or []
    return "".join(part.get("text") or "" for part in content)


def ask(client: httpx.Client, compartment: str, mode: dict[str, Any], request: dict[str, Any]) -> str:
    """One reply, complete."""
    body = {"compartmentId": compartment, "servingMode": mode, "chatRequest": request}
    response = client.post(PATH, json=body)
    response.raise_for_status()
    return text_of(response.json()["chatResponse"])


def ask_streamed(
    client: httpx.Client, compartment: str, mode: dict[str, Any], request: dict[str, Any]
) -> Iterator[str]:
    """One reply, in pieces as they arrive."""
    body = {"compartmentId": compartment, "servingMode": mode, "chatRequest": {**request, "isStream": True}}
    with client.stream("POST", PATH, json=body) as response:
        response.raise_for_status()
        heard = ""
        for line in response.iter_lines():
            data = line.removeprefix("data:").strip()
            # Frames may be empty, to keep the connection alive, and some models end with an extra frame.
            if not line.startswith("data:") or data in ("", "[DONE]"):
                continue
            frame = json.loads(data)
            text = text_of(frame)
            # Cohere's last frame and those with tool calls repeat the whole text, or have it for the first time.
            if "text" in frame and frame.keys() & {"chatHistory", "finishReason", "toolCalls"}:
                text = text.removeprefix(heard)
            heard += text
            yield text


def address(signer: OCISigner, region: str, compartment: str) -> str:
    """The host of a region's models. The factory knows the domain of the region's realm."""
    with create_openai(signer=signer, region=region, compartment_id=compartment) as client:
        return str(client.base_url).partition("/openai/")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region", help="which region serves the models, if not the profile's")
    parser.add_argument("--endpoint-id", help="the OCID of a dedicated endpoint")
    parser.add_argument("--endpoint-form", choices=FORMS, default="generic", help="the form of its chat requests")
    parser.add_argument("--model", default=models.NATIVE)
    parser.add_argument("--cohere-model", default=models.COHERE)
    options = parser.parse_args()

    with ExitStack() as stack:
        fake, compartment = None, os.environ.get("OCI_COMPARTMENT_ID")
        if compartment:
            signer = OCISigner()
            region = options.region or os.environ.get("OCI_REGION") or signer.region
            if region is None:
                parser.error("no region is known; give --region, or set OCI_REGION")
            url, endpoint = address(signer, region, compartment), options.endpoint_id
        else:
            fake = stack.enter_context(FakeOCI())
            native_chat.add_to(fake)
            print("A stand-in for OCI verifies every request; set OCI_COMPARTMENT_ID for the real service.")
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            signer = OCISigner(config_file=fake.write_config(directory))
            url, compartment, endpoint = fake.url, fake.compartment, options.endpoint_id or STAND_IN_ENDPOINT
        client = stack.enter_context(httpx.Client(auth=signer, base_url=url, timeout=120))
        question = "Say hello to a newcomer."
        served = [
            ("generic, on demand", on_demand(options.model), generic(question)),
            ("Cohere, on demand", on_demand(options.cohere_model), cohere(question)),
        ]
        if endpoint:
            form = options.endpoint_form
            served.append((f"{form}, dedicated", dedicated(endpoint), FORMS[form](question)))
        for name, mode, request in served:
            print(f"{name}: {ask(client, compartment, mode, request)}")
            print(f"{name}, streamed: ", end="")
            for piece in ask_streamed(client, compartment, mode, request):
                print(piece, end="", flush=True)
            print()
        if fake:
            good = sum(record.signed and record.status == 200 for record in fake.records)
            print(f"the server verified {good} of {len(fake.records)} requests")


if __name__ == "__main__":
    main()
