"""One side of the comparison: does what `run.py` asks for, in a process and an environment of its own.

    python worker.py {ours|oci-genai-auth|oci-openai|oci-httpx-auth|services}

A line of JSON on stdin is a command, a line of JSON on stdout its result. Times are seconds, sizes are bytes.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import importlib
import json
import logging
import os
import resource
import ssl
import statistics
import sys
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

WHO = sys.argv[1]
URL = "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/openai/v1/chat/completions"
HEADERS = {"accept": "application/json", "content-type": "application/json", "user-agent": "benchmark"}
BODY = b"x" * 2048
BEAT = 0.001  # seconds
KEYS: dict[str, Any] = {}
CONTEXT = ssl.create_default_context()  # of the clients, which every program has anyway


def make_auth(config: str, profile: str) -> Any:
    """What this library puts on an httpx client to sign with the API key of a profile."""
    if WHO == "ours":
        from oci_httpx_auth import OCISigner

        return OCISigner(config_file=config, profile=profile)
    if WHO == "oci-genai-auth":
        from oci_genai_auth import OciUserPrincipalAuth

        return OciUserPrincipalAuth(config_file=config, profile_name=profile)
    if WHO == "oci-openai":
        from oci_openai import OciUserPrincipalAuth as OpenAIUserPrincipalAuth

        return OpenAIUserPrincipalAuth(config_file=config, profile_name=profile)
    import configparser

    from oci_httpx_auth import Config, get_auth  # the other package of this name

    parser = configparser.ConfigParser()
    parser.read(config)
    values = parser[profile]
    return get_auth(
        Config(
            tenant_id=values["tenancy"],
            user_id=values["user"],
            api_key_fingerprint=values["fingerprint"],
            api_private_key_pem=Path(values["key_file"]).read_text(),
        )
    )


def bare_signature(config: str, profile: str) -> Callable[[], bytes]:
    """One RSA signature of a text as long as a signing string, and nothing else: the limit."""
    import configparser

    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    parser = configparser.ConfigParser()
    parser.read(config)
    key: Any = load_pem_private_key(Path(parser[profile]["key_file"]).read_bytes(), None)
    padding, algorithm, text = PKCS1v15(), SHA256(), b"x" * 300
    return lambda: key.sign(text, padding, algorithm)


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# One signature.


def signature(config: str, profile: str, count: int) -> dict[str, float]:
    """Medians over `count` turns, each of which builds and signs a request and then reaches for the limit."""
    import httpx

    if profile not in KEYS:
        KEYS[profile] = make_auth(config, profile), bare_signature(config, profile)
    auth, bare = KEYS[profile]
    clock = time.perf_counter
    limits, signed = [], []
    for _ in range(count):
        started = clock()
        httpx.Request("POST", URL, headers=HEADERS, content=BODY)
        bare()
        between = clock()
        request = httpx.Request("POST", URL, headers=HEADERS, content=BODY)
        flow = auth.sync_auth_flow(request)
        next(flow)
        ended = clock()
        flow.close()
        limits.append(between - started)
        signed.append(ended - between)
    assert "authorization" in request.headers
    found = {"limit": statistics.median(limits), "signed": statistics.median(signed)}
    return found | ({"without_rsa": without_rsa(auth, count)} if WHO == "ours" else {})


def without_rsa(auth: Any, count: int) -> float:
    """Median of what the flow takes in a tight loop with a key that signs in no time."""
    import dataclasses

    import httpx

    from oci_httpx_auth import OCISigner

    class Key:
        def sign(self, *_: object) -> bytes:
            return bytes(256)

    class Instant:
        def fetch(self) -> Any:
            return dataclasses.replace(auth._cache._state.credential, private_key=Key())

    instant, times = OCISigner(Instant()), []
    instant.signed_headers("GET", URL)
    for _ in range(count):
        request = httpx.Request("POST", URL, headers=HEADERS, content=BODY)
        started = time.perf_counter()
        flow = instant.sync_auth_flow(request)
        next(flow)
        times.append(time.perf_counter() - started)
        flow.close()
    return statistics.median(times)


# Large bodies, and what the event loop feels.


class Heartbeat:
    """A task that wants to run every millisecond, and how late it was."""

    async def __aenter__(self) -> Heartbeat:
        self.beats = [time.perf_counter()]
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0.02)
        self.beats = self.beats[-1:]
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0.02)
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self.beats.append(time.perf_counter())

    def largest_gap(self, start: float = 0.0, end: float = float("inf")) -> float:
        pairs = zip(self.beats, self.beats[1:], strict=False)
        return max((after - before - BEAT for before, after in pairs if after > start and before < end), default=0.0)


def body(config: str, size: int, rounds: int) -> dict[str, float]:
    import httpx

    auth, content = make_auth(config, "RSA2048"), b"x" * size

    async def sign() -> float:
        request = httpx.Request("POST", URL, headers=HEADERS, content=content)
        started = time.perf_counter()
        flow = auth.async_auth_flow(request)
        await flow.__anext__()
        took = time.perf_counter() - started
        await flow.aclose()
        return took

    async def measure() -> dict[str, float]:
        await sign()
        hashes, times, gaps, idle = [], [], [], []
        for _ in range(rounds):
            started = time.perf_counter()
            hashlib.sha256(content).digest()
            hashes.append(time.perf_counter() - started)
            async with Heartbeat() as heart:
                times.append(await sign())
            gaps.append(heart.largest_gap())
            async with Heartbeat() as heart:
                await asyncio.sleep(times[-1])
            idle.append(heart.largest_gap())
        tracemalloc.start()
        await sign()
        extra = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return {
            "sha256": statistics.median(hashes),
            "signed": statistics.median(times),
            "ratio": statistics.median(a / b for a, b in zip(times, hashes, strict=True)),
            "gap": statistics.median(gaps),
            "idle": statistics.median(idle),
            "extra": extra,
        }

    return asyncio.run(measure())


# Throughput.


def client_auth(library: Any, mode: str, config: str) -> Any:
    if mode == "none":
        return None
    if mode == "signed":
        if "auth" not in KEYS:
            KEYS["auth"] = make_auth(config, "RSA2048")
        return KEYS["auth"]
    sign = bare_signature(config, "RSA2048")
    headers: list[tuple[bytes, bytes]] = []
    if mode == "rsa and headers":  # those of some other signature, to be sent along
        signed = make_auth(config, "RSA2048").signed_headers("POST", URL, HEADERS, BODY)
        headers = [(name.encode(), value.encode()) for name, value in signed.items()]

    class BareSignature(library.Auth):
        def auth_flow(self, request: Any) -> Any:
            sign()
            if headers:
                request.headers = library.Headers([(b"host", request.url.netloc), *headers])
            yield request

    return BareSignature()


def summary(latencies: list[float], seconds: float) -> dict[str, float]:
    ordered = sorted(latencies)
    return {
        "rate": len(ordered) / seconds,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[int(len(ordered) * 0.99)],
    }


def context_switches() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


def throughput(
    library: str, config: str, mode: str, style: str, url: str, concurrent: int, count: int
) -> dict[str, float]:
    """Requests with a body of 2 KB over real sockets: how many per second, and how long each took."""
    http = importlib.import_module(library)
    auth = client_auth(http, mode, config)
    connections = min(concurrent, 100)  # the libraries' own limit
    limits = http.Limits(max_connections=connections, max_keepalive_connections=connections)
    options: Any = {"auth": auth, "limits": limits, "timeout": 120, "trust_env": False, "headers": HEADERS}
    share = max(count // concurrent, 1)
    latencies: list[float] = []

    async def many() -> float:
        async with http.AsyncClient(**options) as client:

            async def one(times: int) -> None:
                for _ in range(times):
                    started = time.perf_counter()
                    (await client.post(url, content=BODY)).raise_for_status()
                    latencies.append(time.perf_counter() - started)

            await asyncio.gather(*(one(1) for _ in range(concurrent)))  # connections are made
            latencies.clear()
            started = time.perf_counter()
            await asyncio.gather(*(one(share) for _ in range(concurrent)))
            return time.perf_counter() - started

    if style == "async":
        return summary(latencies, asyncio.run(many()))

    with http.Client(**options) as client:
        ready, go = threading.Barrier(concurrent + 1), threading.Event()

        def work() -> None:
            client.post(url, content=BODY).raise_for_status()
            ready.wait()
            go.wait()
            for _ in range(share):
                started = time.perf_counter()
                client.post(url, content=BODY).raise_for_status()
                latencies.append(time.perf_counter() - started)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(concurrent)]
        for thread in threads:
            thread.start()
        ready.wait(120)
        switches, started = context_switches(), time.perf_counter()
        go.set()
        for thread in threads:
            thread.join(120)
        seconds = time.perf_counter() - started
        return summary(latencies, seconds) | {"switches": (context_switches() - switches) / len(latencies)}


# What happens when a credential ends while a thousand requests are under way.

ANSWER = 2.0  # seconds until a request is answered


def expiry(config: str, mode: str, concurrent: int, seconds: float, lifetime: float, fetch: float) -> dict[str, float]:
    """Requests that are answered after two seconds, by nobody, so that all that is measured is the signing.

    mode: `none` without auth, `ahead` as the library is, `late` with ours waiting until the credential has ended.
    """
    import httpx

    fetches: list[float] = []
    auth: Any = None
    if mode != "none" and WHO == "ours":
        from oci_httpx_auth import APIKey, Credential, OCISigner
        from oci_httpx_auth._signing import cache as _cache

        key = APIKey.from_config("RSA2048", config).fetch().private_key

        class Slow:
            def fetch(self) -> Credential:
                fetches.append(time.time())
                time.sleep(fetch)
                now = time.time()
                return Credential(f"ST${len(fetches)}", key, issued_at=now, expires_at=now + lifetime)

        window = _cache._REFRESH_WINDOW
        if mode == "late":
            _cache._REFRESH_WINDOW = (0.0, 0.0)
        auth = OCISigner(Slow())
    elif mode != "none":
        from oci_genai_auth.auth import HttpxOciAuth

        signer = make_auth(config, "RSA2048").signer

        class SlowAuth(HttpxOciAuth):
            def _refresh_signer(self) -> None:
                fetches.append(time.time())
                time.sleep(fetch)

        auth = SlowAuth(signer, refresh_interval=lifetime)

    class Nobody(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: Any) -> Any:
            await asyncio.sleep(ANSWER)
            return httpx.Response(200)

    async def measure() -> dict[str, float]:
        latencies: list[float] = []
        async with httpx.AsyncClient(auth=auth, transport=Nobody(), trust_env=False) as client:
            await client.post(URL, content=BODY)
            fetches.clear()
            end = time.perf_counter() + seconds

            async def one(number: int) -> None:
                await asyncio.sleep(number / concurrent * ANSWER)  # evenly spread
                while time.perf_counter() < end:
                    started = time.perf_counter()
                    await client.post(URL, content=BODY)
                    latencies.append(time.perf_counter() - started - ANSWER)

            most = before = threading.active_count()
            async with Heartbeat() as heart:
                tasks = [asyncio.create_task(one(number)) for number in range(concurrent)]
                while time.perf_counter() < end:
                    most = max(most, threading.active_count())
                    await asyncio.sleep(0.01)
                await asyncio.gather(*tasks)
        return {
            "fetches": len(fetches),
            "threads": most - before,
            "gap": heart.largest_gap(),
            **summary(latencies, seconds),
        }

    gc.collect()
    gc.freeze()  # a look through all objects takes 20 ms, whoever signs
    try:
        return asyncio.run(measure())
    finally:
        gc.unfreeze()
        if WHO == "ours" and mode != "none":
            _cache._REFRESH_WINDOW = window


# Memory in the long run. Time does not matter here, so the key is short.


def million(count: int) -> dict[str, float]:
    import httpx
    from cryptography.hazmat.primitives.asymmetric import rsa

    from oci_httpx_auth import Credential, OCISigner

    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    class Fixed:
        def fetch(self) -> Credential:
            return Credential("ocid1.tenancy.oc1..a/ocid1.user.oc1..b/00", key, expires_at=time.time() + 86400)

    signer = OCISigner(Fixed())

    def sign(times: int) -> None:
        for number in range(times):
            request = httpx.Request("POST", f"{URL}/{number}", headers=HEADERS, content=BODY)
            flow = signer.sync_auth_flow(request)
            next(flow)
            flow.close()

    return grown(sign, count)


def refreshes(count: int, metadata_url: str, federation_endpoint: str) -> dict[str, float]:
    from oci_httpx_auth import InstancePrincipal, OCISigner

    shift = 0.0

    def clock() -> float:
        return time.time() + shift

    provider = InstancePrincipal(metadata_url=metadata_url, federation_endpoint=federation_endpoint)
    signer = OCISigner(provider, clock=clock)
    tokens = set()

    def refresh(times: int) -> None:
        nonlocal shift
        for _ in range(times):
            shift += 7200.0  # every token has ended
            tokens.add(hash(signer.signed_headers("GET", URL)["authorization"]))

    result = grown(refresh, count)
    assert len(tokens) >= count
    return result


def grown(work: Callable[[int], None], count: int) -> dict[str, float]:
    """How much memory and how many threads more there are after `count` turns than after the first tenth of them."""
    work(count // 10)
    gc.collect()
    before, threads = rss(), threading.active_count()
    work(count - count // 10)
    for thread in threading.enumerate():
        if thread.name.startswith("oci-"):
            thread.join(10)
    gc.collect()
    return {"bytes": rss() - before, "threads": threading.active_count() - threads}


def instance_auth(service: dict[str, str], lifetime: float = 3600.0) -> Any:
    """What this library puts on an httpx client to sign as an instance."""
    os.environ["OCI_METADATA_BASE_URL"] = service["metadata_url"]  # by which the SDK finds it
    endpoint = service["federation_endpoint"]
    if WHO == "ours":
        from oci_httpx_auth import InstancePrincipal, OCISigner

        return OCISigner(InstancePrincipal(metadata_url=service["metadata_url"], federation_endpoint=endpoint))
    from oci_genai_auth import OciInstancePrincipalAuth

    return OciInstancePrincipalAuth(refresh_interval=int(lifetime * 0.75), federation_endpoint=endpoint)


# The first answer of a process, and a host that refuses whatever it is sent.


def cold(service: dict[str, str], count: int, unavoidable: bool) -> dict[str, float]:
    """From nothing to the first answer as an instance, so many times: the median.

    unavoidable: what any program has to do, written out, with everything at once that can be.

    Chance decides how long RSA key generation takes, from 20 to 400 ms. Here it costs everybody the same processor time.
    """
    import httpx
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not unavoidable:
        instance_auth(service)  # imports what it needs
    rsa.generate_private_key = partial(_steady_key, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        if unavoidable:
            _first_answer(service)
        else:
            with httpx.Client(auth=instance_auth(service), verify=CONTEXT, trust_env=False) as client:
                client.get(f"{service['url']}/things").raise_for_status()
        seconds.append(time.perf_counter() - started)
    return {"seconds": statistics.median(seconds)}


def _steady_key(key: Any, public_exponent: int, key_size: int, backend: object = None) -> Any:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 150_000)  # which releases the interpreter lock, as key generation does
    return key


def _first_answer(service: dict[str, str]) -> None:
    import base64
    from concurrent.futures import ThreadPoolExecutor
    from email.utils import formatdate

    import httpx
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    def sign(key: Any, key_id: str, request: Any, names: list[str]) -> None:
        values = {**request.headers, "(request-target)": f"{request.method.lower()} {request.url.raw_path.decode()}"}
        text = "\n".join(f"{name}: {values[name]}" for name in names).encode()
        signature = base64.b64encode(key.sign(text, padding.PKCS1v15(), SHA256())).decode()
        request.headers["authorization"] = (
            f'Signature version="1",algorithm="rsa-sha256",headers="{" ".join(names)}",keyId="{key_id}",signature="{signature}"'
        )

    with httpx.Client(verify=CONTEXT, trust_env=False) as client, ThreadPoolExecutor(4) as pool:

        def read(path: str) -> str:
            return client.get(f"{service['metadata_url']}/{path}", headers={"authorization": "Bearer Oracle"}).text

        paths = ["instance/region", "identity/cert.pem", "identity/key.pem", "identity/intermediate.pem"]
        documents = [pool.submit(read, path) for path in paths]
        session_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _, leaf, key, intermediate = (document.result() for document in documents)
        certificate = x509.load_pem_x509_certificate(leaf.encode())
        digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest().hex(":")
        tenancy = leaf_tenancy(certificate)
        public = session_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        request = client.build_request(
            "POST",
            service["federation_endpoint"],
            json={
                "certificate": _body_of(leaf),
                "publicKey": _body_of(public.decode()),
                "intermediateCertificates": [_body_of(intermediate)],
                "fingerprintAlgorithm": "SHA256",
            },
            headers={"date": formatdate(usegmt=True)},
        )
        request.headers["x-content-sha256"] = base64.b64encode(hashlib.sha256(request.content).digest()).decode()
        names = ["date", "(request-target)", "content-length", "content-type", "x-content-sha256"]
        sign(
            serialization.load_pem_private_key(key.encode(), None),
            f"{tenancy}/fed-x509-sha256/{digest}",
            request,
            names,
        )
        token = client.send(request).raise_for_status().json()["token"]
        request = client.build_request("GET", f"{service['url']}/things", headers={"date": formatdate(usegmt=True)})
        sign(session_key, f"ST${token}", request, ["date", "(request-target)", "host"])
        client.send(request).raise_for_status()


def leaf_tenancy(certificate: Any) -> str:
    import re
    import warnings

    with warnings.catch_warnings(action="ignore"):
        return re.findall(r"opc-tenant:([\w.-]+)", certificate.subject.rfc4514_string())[0]


def _body_of(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def refusals(service: dict[str, str], count: int) -> dict[str, float]:
    """So many requests in a row to a host that always answers 401."""
    import httpx

    statuses = []
    with httpx.Client(auth=instance_auth(service), verify=CONTEXT, trust_env=False, timeout=20) as client:
        started = time.perf_counter()
        for _ in range(count):
            statuses.append(client.get(f"{service['url']}/refused").status_code)
    assert set(statuses) == {401}
    return {"seconds": time.perf_counter() - started}


# The heartbeat of a loop while a credential is refreshed, and while two refusals meet.


def heartbeat(service: dict[str, str], lifetime: float) -> dict[str, Any]:
    """A program with a token of `lifetime` seconds sends requests; then its token is revoked and two requests meet."""
    import httpx

    url = f"{service['url']}/things"
    moments: dict[str, float] = {}
    heart = Heartbeat()
    done = threading.Event()

    async def watch() -> None:
        auth = instance_auth(service, lifetime)
        async with httpx.AsyncClient(auth=auth, trust_env=False, timeout=20) as client:
            await client.get(url)
            gc.collect()
            gc.freeze()
            async with heart:
                start = moments["start"] = time.perf_counter()
                while time.perf_counter() < start + lifetime:  # a refresh falls due in the last quarter
                    assert (await client.get(url)).status_code == 200
                    await asyncio.sleep(0.02)
                moments["refusals"] = time.perf_counter()
                await client.post(f"{service['control']}/revoke", auth=None)
                answers = await asyncio.gather(client.get(url), client.get(url))
                moments["answers"] = time.perf_counter()
                assert [answer.status_code for answer in answers] == [200, 200]
                await asyncio.sleep(2.0)
        done.set()

    def trace() -> dict[str, Any]:
        start = moments["start"]
        quiet, refused = start + lifetime * 0.55, moments["refusals"]
        return {
            "beats": [round(beat - start, 4) for beat in list(heart.beats)],
            "refusals": refused - start,
            "end": time.perf_counter() - start,
            "stuck": "answers" not in moments,
            "idle": heart.largest_gap(start, quiet),
            "refresh": heart.largest_gap(quiet, refused),
            "after": heart.largest_gap(refused),
        }

    thread = threading.Thread(target=lambda: asyncio.run(watch()), daemon=True)
    thread.start()
    # A loop that has not come back by then never will.
    done.wait(lifetime + 8.0)
    if "refusals" not in moments:
        raise RuntimeError("the program did not get so far")
    return trace()


# What is installed.


def installed(distribution: str) -> dict[str, Any]:
    """Everything that comes along with a distribution, in bytes on disk."""
    from pip._vendor.packaging.requirements import Requirement

    found: dict[str, int] = {}
    queue = [distribution]
    while queue:
        name = queue.pop()
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        normal = package.metadata["Name"].lower().replace("_", "-")
        if normal in found:
            continue
        paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
        found[normal] = sum(path.stat().st_size for path in paths if path.is_file())
        for text in package.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return {
        "version": metadata.version(distribution),
        "packages": len(found),
        "bytes": sum(found.values()),
        "cryptography": metadata.version("cryptography"),
        "httpx": metadata.version("httpx"),
    }


# The servers, in a process of their own.


class Answering(asyncio.Protocol):
    """Answers every request with 200, as fast as may be."""

    ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

    def connection_made(self, transport: Any) -> None:
        self.transport, self.missing, self.head = transport, 0, b""

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
        else:
            self.head += data
            head, end, rest = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0) - len(rest)
        if self.missing <= 0:
            self.missing, self.head = 0, b""
            self.transport.write(self.ANSWER)


class Control(Answering):
    """Answers so too, after all tokens were revoked."""

    def data_received(self, data: bytes) -> None:
        KEYS["oci"].revoke_tokens()
        super().data_received(data)


def serve() -> dict[str, str]:
    sys.path.append(str(Path(__file__).parent.parent))
    from standin import FakeOCI

    oci = KEYS["oci"] = FakeOCI().start()
    addresses: list[str] = []
    ready = threading.Event()

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        for protocol in (Answering, Control):
            server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=2048)
            addresses.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            KEYS[protocol.__name__] = server
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(listen()), daemon=True).start()
    ready.wait(10)
    return {
        "url": oci.url,
        "metadata_url": oci.metadata_url,
        "federation_endpoint": oci.federation_endpoint,
        "fast": addresses[0],
        "control": addresses[1],
    }


def configure(lifetime: float, metadata_latency: float, federation_latency: float) -> None:
    KEYS["oci"].token_lifetime = lifetime
    KEYS["oci"].latency = {"metadata": metadata_latency, "federation": federation_latency, "echo": 0.05}
    KEYS["oci"].records.clear()


def refuse() -> None:
    """Answer 401 to whatever is sent to /refused."""
    from standin import Fault

    KEYS["oci"].fault_source = lambda service, record: Fault(status=401) if record.target == "/refused" else None


def counts() -> dict[str, int]:
    """The requests since `configure`, by service."""
    return dict(Counter(record.service for record in KEYS["oci"].records))


def write_config(directory: str) -> str:
    """A config file with a profile for each key size."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    lines = []
    for bits in (2048, 4096):
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        path = Path(directory, f"rsa{bits}.pem")
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = hashlib.md5(der).digest().hex(":")
        lines += [
            f"[RSA{bits}]",
            f"user=ocid1.user.oc1..{'a' * 60}",
            f"tenancy=ocid1.tenancy.oc1..{'b' * 60}",
            f"fingerprint={fingerprint}",
            f"key_file={path}",
            "region=us-chicago-1",
            "",
        ]
    config = Path(directory, "config")
    config.touch(mode=0o600)
    config.write_text("\n".join(lines))
    return str(config)


COMMANDS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        signature,
        body,
        throughput,
        expiry,
        million,
        refreshes,
        cold,
        refusals,
        heartbeat,
        installed,
        serve,
        configure,
        refuse,
        counts,
        write_config,
    )
}


def main() -> None:
    logging.disable(logging.WARNING)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"result": COMMANDS[command.pop("do")](**command)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # a thread of a library that stands still would hold up an ordinary exit


if __name__ == "__main__":
    main()
