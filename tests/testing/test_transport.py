"""The stand-in as a transport inside the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from oci_httpx_auth import OCISigner

from ..byhand import Draft, events_of
from ..standin import FakeOCI, Fault, Reply
from .conftest import SCOPE


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


def test_a_transport_refuses_a_wrong_content_length(oci: FakeOCI) -> None:
    """Which no server would get to see."""
    with httpx.Client(transport=oci.httpx_transport()) as client:
        answer = client.post("http://h.example/x", content=b"abc", headers={"content-length": "2"})
    assert answer.status_code == 400
    assert oci.records[-1].reason == "content-length is 2, but the body has 3 bytes"


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_transports_responses_have_the_servers_headers(oci: FakeOCI, tmp_path: Path, name: str) -> None:
    """Chunks are announced for a stream, and not where there is no body."""
    library = pytest.importorskip(name)
    oci.add_endpoint("/nothing", lambda request, principal: Reply(204))
    oci.add_endpoint("/events", lambda request, principal: Reply.events([b"data: 1\n\n"]))
    options: dict[str, Any] = {"auth": OCISigner(config_file=oci.write_config(tmp_path)), "base_url": oci.url}
    seen: list[list[set[str]]] = []
    for transport in (oci.transport(library), None):
        with library.Client(transport=transport, **options) as client:
            requests = [(method, path) for method in ("GET", "HEAD") for path in ("/nothing", "/events", "/x")]
            seen.append([{*client.request(*request).headers} - {"connection"} for request in requests])
    assert seen[0] == seen[1]
    assert ["transfer-encoding" in names for names in seen[0]] == [False, True, False, False, False, False]


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_the_transport_serves_the_clients_of_both_libraries(run: Callable[..., object], name: str) -> None:
    """Without a server, routed by path whatever the host, sync and async."""
    library = pytest.importorskip(name)
    oci = FakeOCI()
    transport = oci.httpx_transport() if name == "httpx" else oci.httpx2_transport()
    draft = Draft(oci.add_api_key(), host="inference.example", target="/x//y%2Fz?").sign()
    headers = [(name, value) for name, value in draft.headers if name.lower() != "content-length"]
    url = "https://inference.example/x//y%2Fz?"
    with library.Client(transport=transport) as client:
        assert client.post(url, headers=headers, content=draft.body).json()["principal"] == f"user {oci.user}"

    async def post() -> int:
        async with library.AsyncClient(transport=transport) as client:
            return (await client.post(url, headers=headers, content=draft.body)).status_code

    oci.latency["*"] = 0.01
    assert run(post) == 200
    assert [record.target for record in oci.records] == ["/x//y%2Fz?"] * 2


def test_the_transport_has_the_faults_of_a_network() -> None:
    """As the exceptions that the library has for them, and at once."""
    oci = FakeOCI()
    oci.fail("metadata", Fault(reset=True), Fault(hang=True), Fault(truncate=True))
    with httpx.Client(transport=oci.httpx_transport(), headers={"Authorization": "Bearer Oracle"}) as client:
        for error in (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError):
            with pytest.raises(error):
                client.get("http://169.254.169.254/opc/v2/instance/region")
        assert client.get("http://169.254.169.254/opc/v2/instance/region").text == oci.region
