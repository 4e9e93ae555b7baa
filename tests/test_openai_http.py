"""The HTTP clients under signed OpenAI clients: they pickle, are copied, and follow their event loops."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import OCISigner

from .conftest import all_signed
from .standin import FakeOCI, Fault

openai = pytest.importorskip("openai")

from oci_httpx_auth._openai_http import send_api_key  # noqa: E402
from oci_httpx_auth.openai import PerLoopAsyncClient, create_async_openai, create_openai, sign_openai_client  # noqa: E402

pytestmark = pytest.mark.usefixtures("quick_collections")

MESSAGES = [{"role": "user", "content": "hello"}]


def ask_twice(client: Any) -> Callable[[], Coroutine[Any, Any, list[str]]]:
    """What asks two questions at once, so that two connections are open."""

    async def main() -> list[str]:
        async def one() -> str:
            answer = await client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
            return str(answer.choices[0].message.content)

        return [await one(), await one()]

    return main


def test_one_client_serves_run_after_run(
    oci: FakeOCI, options: dict[str, Any], run: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Each question is sent once, and each run ends its connections: nothing is left to the garbage collector."""
    client = create_async_openai(**options)
    gc.collect()  # what other tests have left
    with warnings.catch_warnings(record=True) as caught:
        gc.collect()  # what earlier tests left behind
        caught.clear()
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(3):
            assert run(ask_twice(client)) == ["You said: hello"] * 2
        gc.collect()
    assert [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)] == []
    assert len(oci.records) == 6
    assert all_signed(oci)


def test_asyncio_and_trio_share_a_client(oci: FakeOCI, options: dict[str, Any]) -> None:
    """One after the other, in both orders."""
    trio = pytest.importorskip("trio")
    client = create_async_openai(**options)
    for start in (trio.run, lambda main: asyncio.run(main()), trio.run):
        assert start(ask_twice(client)) == ["You said: hello"] * 2
    assert len(oci.records) == 6
    assert all_signed(oci)


def test_loops_of_many_threads_share_a_client(oci: FakeOCI, options: dict[str, Any]) -> None:
    """At once; and one that closes the client ends its own connections, not those of loops at work."""
    client = create_async_openai(**options)
    together = threading.Barrier(4)

    def work() -> list[str]:
        async def main() -> list[str]:
            answers: list[str] = []
            for _ in range(3):
                together.wait(20)
                answers += await ask_twice(client)()
                await client.close()
            return answers

        return asyncio.run(main())

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work) for _ in range(4)]
        assert [future.result(60) for future in futures] == [["You said: hello"] * 6] * 4
    assert len(oci.records) == 24
    assert all_signed(oci)


def test_a_closed_loop_is_forgotten(oci: FakeOCI, options: dict[str, Any]) -> None:
    """Its connections cannot be ended any more, and neither requests nor `close()` in other loops mind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        client = create_async_openai(**options)
        for closes in (False, True, False):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(ask_twice(client)())
            loop.close()
            if closes:
                asyncio.run(client.close())
        assert asyncio.run(ask_twice(client)()) == ["You said: hello"] * 2
        del loop, client
        gc.collect()
    assert any("unclosed" in str(warning.message) for warning in caught)
    assert len(oci.records) == 8
    assert all_signed(oci)


def test_a_loop_at_rest_has_its_connections_closed_from_another(oci: FakeOCI, options: dict[str, Any]) -> None:
    """And opens new ones when it goes on."""
    client = create_async_openai(**options)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(ask_twice(client)())
        asyncio.run(client.close())
        loop.run_until_complete(ask_twice(client)())
        loop.run_until_complete(client.close())
    finally:
        loop.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert len(oci.records) == 4


def test_a_custom_per_loop_client(oci: FakeOCI, options: dict[str, Any], run: Callable[..., Any]) -> None:
    """With the options of openai's HTTP client, by itself too: as a context manager, and redirects are not followed."""
    seen: list[str] = []

    async def note(request: Any) -> None:
        seen.append(str(request.url))

    http_client = PerLoopAsyncClient(event_hooks={"request": [note]}, headers={"x-hook": "kept"}, verify=False)
    client = create_async_openai(**options, http_client=http_client)

    async def direct() -> int:
        async with http_client:
            oci.fail("inference", Fault(status=307, headers={"location": f"{oci.openai_url}/models"}))
            response = await http_client.get(f"{oci.openai_url}/models")
            return int(response.status_code)

    for _ in range(2):
        assert run(ask_twice(client)) == ["You said: hello"] * 2
        assert run(direct) == 307
    assert len(oci.records) == len(seen) == 6
    assert {record.header("x-hook") for record in oci.records} == {"kept"}
    assert all(record.header("authorization").startswith("Signature ") for record in oci.records)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda client: pickle.loads(pickle.dumps(client))])
def test_clients_copy_and_pickle(
    oci: FakeOCI, options: dict[str, Any], asynchronous: bool, way: Callable[[Any], Any]
) -> None:
    """As frameworks copy their settings, and multiprocessing ships them; what comes out signs as the original does."""
    made: Any = (create_async_openai if asynchronous else create_openai)(max_retries=7, **options)
    for client in (made, sign_openai_client(way(made), OCISigner(config_file=options["config_file"]))):
        copied = way(client)
        assert (type(copied), copied.max_retries) == (type(made), 7)
        question = {"model": "openai.gpt-oss-20b", "messages": MESSAGES}
        answer = copied.chat.completions.create(**question)
        if asynchronous:

            async def main(pending: Any) -> Any:
                return await pending

            answer = asyncio.run(main(answer))
        else:
            copied.close()
            client.close()
        assert answer.choices
    assert len(oci.records) == 2
    assert {record.header("opc-compartment-id") for record in oci.records} == {oci.compartment}
    assert all_signed(oci)


def test_no_key_is_pickled(oci: FakeOCI, options: dict[str, Any], config: Path) -> None:
    """Only the recipe of the signer is."""
    with create_openai(**options) as client:
        assert client.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES).choices
        pickled = pickle.dumps(client)
    assert b"PRIVATE KEY" not in pickled
    assert config.parent.name.encode() in pickled


def test_a_signed_client_that_is_collected_leaves_the_original_its_connections(oci: FakeOCI, config: Path) -> None:
    """They share them, and the original's requests may be under way."""
    http_client = openai.DefaultHttpxClient()
    for options in ({}, {"http_client": http_client}):
        with openai.OpenAI(api_key="sk-real", base_url=oci.openai_url, max_retries=0, **options) as original:
            with pytest.raises(openai.AuthenticationError):
                original.models.list()
            derived = sign_openai_client(original.with_options(), OCISigner(config_file=config), compartment_id="c")
            del derived
            gc.collect()
            assert not original.is_closed()
            with pytest.raises(openai.AuthenticationError):
                original.models.list()


def test_a_client_with_an_auth_of_its_own_pickles_with_it() -> None:
    """The factories' HTTP client takes any `auth`."""
    client = PerLoopAsyncClient()
    client.auth = ("user", "password-of-mine")
    assert type(copy.copy(client).auth) is type(client.auth)


@pytest.mark.parametrize("way", [copy.copy, lambda client: pickle.loads(pickle.dumps(client))])
def test_the_copy_of_a_client_with_an_api_key_follows_no_redirects(way: Callable[[Any], Any]) -> None:
    """They would take the key along."""
    copied = way(create_openai(region="us-chicago-1", api_key="sk-0123456789abcdef"))
    assert copied._client.follow_redirects is False


@pytest.mark.parametrize(("asked", "sent"), [("gzip, zstd", "gzip"), ("gzip, br", "gzip, br")])
def test_a_client_of_httpx_with_an_api_key_does_not_ask_for_zstd(asked: str, sent: str) -> None:
    """It would break off each stream after the first event."""
    with httpx.Client(headers={"accept-encoding": asked}, follow_redirects=True) as client:
        send_api_key(client)
        assert client.headers["accept-encoding"] == sent
        assert not client.follow_redirects
