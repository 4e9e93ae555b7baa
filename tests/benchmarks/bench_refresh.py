"""How long an event loop stands still while a credential is refreshed: ours, and oci-genai-auth where it is installed.

    python tests/benchmarks/bench_refresh.py [--seconds N]

A stand-in for OCI in another process plays an instance whose metadata service takes 50 ms and whose federation takes
500 ms to answer. An asyncio program sends signed requests, and beside them a task that wants to run every millisecond
notes how late it is. That is what a server's other connections would feel.

The HTTP library is warmed up, and what it has loaded is kept from the garbage collector: importing modules and looking
through all objects take 20 ms each, in any program, whoever signs its requests.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any

import httpx

from oci_httpx_auth import InstancePrincipal, OCISigner
from oci_httpx_auth.testing import FakeOCI

METADATA_LATENCY, FEDERATION_LATENCY = 0.05, 0.5  # seconds
LIFETIME = 8.0  # seconds; a refresh falls due after 6.0 to 7.2 of them
BEAT = 0.001  # seconds


def serve(connection: Connection) -> None:
    """The stand-in's process. Does as it is told until the other end hangs up."""
    with FakeOCI(token_lifetime=LIFETIME) as oci:
        oci.latency = {"metadata": METADATA_LATENCY, "federation": FEDERATION_LATENCY}
        connection.send((oci.url, oci.metadata_url, oci.federation_endpoint))
        while True:
            try:
                command = connection.recv()
            except EOFError:
                return
            if command == "revoke":
                oci.revoke_tokens()
            else:
                oci.token_lifetime = command
            connection.send(sum(record.service == "federation" for record in oci.records))


@dataclass
class Service:
    url: str
    metadata_url: str
    federation_endpoint: str
    connection: Connection

    def tell(self, command: Any) -> int:
        """Returns how many tokens were issued so far."""
        self.connection.send(command)
        return int(self.connection.recv())


class Heartbeat:
    """A task that wants to run every millisecond."""

    def __init__(self) -> None:
        self.largest_gap = 0.0

    async def __aenter__(self) -> Heartbeat:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0.05)
        self.largest_gap = 0.0
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0.05)
        self._task.cancel()

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(BEAT)
            now = time.perf_counter()
            self.largest_gap = max(self.largest_gap, now - last - BEAT)
            last = now


async def requests_for(seconds: float, client: httpx.AsyncClient, auth: Any, url: str) -> float:
    """Send requests, one after the other, for so long. Returns how long the slowest took."""
    slowest, end = 0.0, time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        response = await client.get(url, auth=auth)
        slowest = max(slowest, time.perf_counter() - started)
        assert response.status_code == 200, response.text
        if time.perf_counter() >= end:
            return slowest
        await asyncio.sleep(0.02)


async def measure(name: str, make: Callable[[], Any], service: Service, seconds: float) -> None:
    """One library: its first token, requests without a refresh, a refresh ahead of the expiry, a revoked token."""
    url = f"{service.url}/20231130/things"
    async with httpx.AsyncClient() as client:

        async def row(what: str, seconds: float) -> None:
            before = service.tell(LIFETIME)
            async with Heartbeat() as heartbeat:
                slowest = await requests_for(seconds, client, auth, url)
            tokens = service.tell(LIFETIME) - before
            print(
                f"{name:16} {what:28} {heartbeat.largest_gap * 1000:10.1f} ms {slowest * 1000:12.1f} ms {tokens:8}",
                flush=True,
            )

        await client.get(url)
        await asyncio.to_thread(httpx.get, url, trust_env=False)
        gc.collect()
        gc.freeze()
        before = service.tell(LIFETIME)
        async with Heartbeat() as heartbeat:
            started = time.perf_counter()
            auth = make()
            await client.get(url, auth=auth)
            took = time.perf_counter() - started
        tokens = service.tell(LIFETIME) - before
        print(
            f"{name:16} {'first token':28} {heartbeat.largest_gap * 1000:10.1f} ms {took * 1000:12.1f} ms {tokens:8}",
            flush=True,
        )
        await row("token valid, no refresh", 2.0)
        await row("refreshes ahead of expiry", seconds)
        service.tell("revoke")
        await row("token revoked by the server", 1.0)


def oci_genai_auth(service: Service) -> Callable[[], Any]:
    from oci_genai_auth import OciInstancePrincipalAuth

    # It counts the time from its making; with this it refreshes as often as we do.
    return lambda: OciInstancePrincipalAuth(refresh_interval=6, federation_endpoint=service.federation_endpoint)


def ours(service: Service) -> OCISigner:
    return OCISigner(
        InstancePrincipal(metadata_url=service.metadata_url, federation_endpoint=service.federation_endpoint)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to watch the refreshes")
    options = parser.parse_args()
    logging.disable(logging.INFO)

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    there.close()
    service = Service(*here.recv(), here)
    os.environ["OCI_METADATA_BASE_URL"] = service.metadata_url  # by which the SDK finds it

    print(f"metadata {METADATA_LATENCY * 1000:.0f} ms, federation {FEDERATION_LATENCY * 1000:.0f} ms, ", end="")
    print(f"tokens of {LIFETIME:.0f} s, requests for {options.seconds:.0f} s, ", end="")
    print(f"cryptography {metadata.version('cryptography')} (48 and newer make keys beside other threads)\n")
    print(f"{'':16} {'':28} {'largest gap':>13} {'slowest request':>15} {'tokens':>8}")
    asyncio.run(measure("oci_httpx_auth", lambda: ours(service), service, options.seconds))
    try:
        theirs = oci_genai_auth(service)
    except ImportError:
        print("\noci-genai-auth is not installed, so there is nothing to compare with: pip install oci-genai-auth")
    else:
        asyncio.run(measure("oci-genai-auth", theirs, service, options.seconds))
    here.close()
    process.join(5)


if __name__ == "__main__":
    main()
