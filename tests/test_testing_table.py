"""docs/stand-in.md lists what is served: no more, no less. And the objects of `openai_objects` answer openai's client."""

from __future__ import annotations

import importlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from endpoints import openai_files, openai_objects

from oci_httpx_auth.testing import FakeOCI, Request
from oci_httpx_auth.testing._exchange import Endpoint, route

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "stand-in.md").read_text()
ROW = re.compile(r"^\| `([A-Za-z, ]+) (/\S*?(?: \S+)?)` \| (\w+) \| .+ \| (.+) \|$", re.MULTILINE)
OWN, ADDED = (ROW.findall(part) for part in TEXT.split("\n## What the examples add\n"))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MODULES = sorted(
    path.stem for path in (ROOT / "examples" / "endpoints").glob("*.py") if "def add_to" in path.read_text()
)
BASES = [
    "/20231130/actions/v1",
    "/20231130/openai/v1",
    "/ocid1.datasciencemodeldeployment.oc1..a/predict/v1",
    "/ocid1.datasciencemodeldeployment.oc1..a/predictWithResponseStream/v1",
]


def named(table: list[tuple[str, str, str, str]], of: str) -> list[tuple[str, str]]:
    """The methods and paths that a table's rows name for a service or a module."""
    rows = [(methods, path) for methods, path, name, _ in table if name == of]
    return [
        (method, re.sub(r"\{[^}]*\}", "x", path))
        for methods, path in rows
        for method in (METHODS if methods == "any" else methods.split(", "))
    ]


def endpoint_for(oci: FakeOCI, method: str, path: str) -> Endpoint:
    return route(oci._endpoints, Request(method, path, (), b""), oci._otherwise)


def patterns(endpoints: list[Endpoint], names: list[tuple[str, str]], oci: FakeOCI) -> set[tuple[str, str]]:
    """Which methods of which endpoints these requests reach."""
    reached = {(endpoint_for(oci, method, path).pattern.pattern, method) for method, path in names}
    return reached & {(e.pattern.pattern, method) for e in endpoints for method in e.methods or METHODS}


def test_each_row_has_a_source_or_is_unverified() -> None:
    """None is empty, and the tables were read at all."""
    assert (len(OWN), len(ADDED)) >= (12, 15)
    assert all(source.strip() for *_, source in OWN + ADDED)


@pytest.mark.parametrize("service", sorted({endpoint.service for endpoint in FakeOCI()._endpoints} | {"echo"}))
def test_the_stand_in_serves_what_the_table_lists(service: str) -> None:
    """Each method of each endpoint has a row, and each row is served, below every base path."""
    oci = FakeOCI()
    rows = named(OWN, service)
    own = [endpoint for endpoint in [*oci._endpoints, oci._otherwise] if endpoint.service == service]
    assert patterns(own, rows, oci) == {(e.pattern.pattern, method) for e in own for method in e.methods or METHODS}
    for method, path in rows:
        for base in BASES if path.startswith("/openai/v1") else ["/openai/v1"]:
            endpoint = endpoint_for(oci, method, path.replace("/openai/v1", base))
            assert endpoint.service == service
            assert not endpoint.methods or method in endpoint.methods


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_serve_what_the_table_lists(module: str) -> None:
    """As above, for the endpoints that are added."""
    oci = FakeOCI()
    before = len(oci._endpoints)
    importlib.import_module(f"endpoints.{module}").add_to(oci)
    own = oci._endpoints[: len(oci._endpoints) - before]
    assert patterns(own, named(ADDED, module), oci) == {(e.pattern.pattern, m) for e in own for m in e.methods}


def test_what_openais_client_keeps_at_the_examples_endpoints(tmp_path: Path) -> None:
    """Batches, vector stores, containers and their files, images and audio: made, listed, read, deleted."""
    factories = pytest.importorskip("oci_httpx_auth.openai")
    with FakeOCI() as oci:
        openai_files.add_to(oci)
        openai_objects.add_to(oci)
        options = {"config_file": oci.write_config(tmp_path), "base_url": oci.openai_url, "project_id": "p"}
        with factories.create_openai(**options) as client:
            batch = client.batches.create(
                input_file_id="file_x", endpoint="/v1/chat/completions", completion_window="24h"
            )
            assert client.batches.cancel(batch.id).status == "cancelled"
            store = client.vector_stores.create(name="papers")
            member = client.vector_stores.files.create(store.id, file_id="file_x")
            assert [each.id for each in client.vector_stores.files.list(store.id)] == [member.id] == ["file_x"]
            assert client.vector_stores.delete(store.id).deleted
            container = client.containers.create(name="box")
            client.containers.files.create(container.id, file=io.BytesIO(b"content"))
            assert [each.name for each in client.containers.list()] == ["box"]
            assert len(list(client.containers.files.list(container.id))) == 1
            assert client.images.generate(prompt="a fish", model="openai.gpt-image-1").data[0].b64_json
            assert client.audio.speech.create(input="hi", model="openai.tts", voice="v").read() == b"sound of hi"
            heard: Any = client.audio.transcriptions.create(file=io.BytesIO(b"hi"), model="openai.whisper")
            assert heard.text == "hi"
            for refused in (
                lambda: client.batches.retrieve("batch_x"),
                lambda: client.images.edit(image=b"", prompt=""),
            ):
                with pytest.raises(Exception, match="404"):
                    refused()
        assert all(record.signed for record in oci.records)
