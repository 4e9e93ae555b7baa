"""gunicorn with --preload: one signer, made and warmed in the parent, is used by every worker after the fork.

python examples/frameworks/with_gunicorn.py
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from _common import OCI, make_signer, oci
from endpoints import object_storage

WORKERS = 2

# What gunicorn preloads. An OCISigner knows that it has been forked; an HTTP client with open connections does not, so
# every worker makes its own.
url = os.environ.get("NAMESPACE_URL")
if url:
    signer = make_signer()
    httpx.get(url, auth=signer).raise_for_status()
    clients: dict[int, httpx.Client] = {}


def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application that asks OCI something for each of its own requests."""
    client = clients.setdefault(os.getpid(), httpx.Client(auth=signer))
    status = client.get(url or "").status_code
    start_response("200 OK" if status == 200 else "502 Bad Gateway", [])
    return [str(os.getpid()).encode()]


def main(place: OCI) -> None:
    config = {"OCI_CLI_CONFIG_FILE": place.config_file} if place.config_file else {}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        command = [sys.executable, "-m", "gunicorn", "--preload", f"--workers={WORKERS}", "--log-level=warning"]
        server = subprocess.Popen(
            [*command, f"--bind=fd://{listening.fileno()}", f"{Path(__file__).stem}:application"],
            cwd=Path(__file__).parent,
            env={**os.environ, "NAMESPACE_URL": f"{place.storage}/n", **config},
            pass_fds=[listening.fileno()],
        )
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: httpx.get(address, timeout=60), range(20)))
    finally:
        server.terminate()
        server.wait(30)
    print("answers:", *{answer.status_code for answer in answers})
    print("workers:", len({answer.text for answer in answers}))


if __name__ == "__main__":
    with oci(object_storage.add_to) as place:
        main(place)
