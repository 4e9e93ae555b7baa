"""Runs `check` on a set-up, in a process of its own or in this one."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from oci_httpx_auth.__main__ import main
from oci_httpx_auth.diagnosis import check

from ...conftest import Key
from ...interceptor import HOSTS, Interceptor
from ...standin import FakeOCI
from .set_ups import Machine, Plain, SetUp

Start = Callable[[Machine, dict[str, str]], tuple[int, str, str]]  # status, verdict with next step, everything printed


@dataclass
class Outcome:
    """status: of the process. verdict: with its next step. shown: everything that was printed."""

    status: int
    verdict: str
    shown: str
    seconds: float


def run(setup: SetUp, directory: Path, key: Key, start: Start) -> Outcome:
    """Build a set-up on a machine of its own, and have `start` run `check` there with the machine's variables."""
    home = directory / "home"
    home.mkdir(parents=True)
    with ExitStack() as stack:
        oci, stranger = (stack.enter_context(FakeOCI()) for _ in range(2))
        machine = Machine(oci, stranger, home, key)
        setup.build(machine)

        def route(host: str) -> FakeOCI | Plain | int | None:
            return next((chosen for start, chosen in machine.routes.items() if host.startswith(start)), None)

        names = machine.names or HOSTS
        interceptor = stack.enter_context(Interceptor(oci, directory, route=route, days=machine.days, names=names))
        led = interceptor.environment if machine.intercepted else {}
        variables = {"HOME": str(home), "USERPROFILE": str(home), **led, **machine.variables}
        started = time.monotonic()
        return Outcome(*start(machine, variables), time.monotonic() - started)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Start:
    """`check` by its function `main`, which is many times faster than a process."""

    def start(machine: Machine, variables: dict[str, str]) -> tuple[int, str, str]:
        monkeypatch.chdir(machine.home.parent)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if machine.resolves is not None:
            resolve, look_up = machine.resolves, socket.getaddrinfo
            near = ("127.0.0.1", "localhost", b"127.0.0.1")
            monkeypatch.setattr(
                socket, "getaddrinfo", lambda host, *a, **o: (look_up if host in near else resolve)(host, *a, **o)
            )
        arguments = ["check", *machine.arguments]
        if machine.credentials is not None:
            compartment = machine.oci.compartment if "--compartment" in arguments else None
            report = check(machine.credentials(), compartment_id=compartment)
            text = json.dumps(report.as_dict())
            status = {"works": 0, "fails": 1, "unknown": 3}[report.outcome]
            return status, f"{report.verdict} {report.next_step}", text
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            status = main([*arguments, "--full", "--json"])
        found = json.loads(output.getvalue())
        assert all(finding["remedy"] for finding in found["findings"]), output.getvalue()
        return status, f"{found['verdict']} {found['next_step']}", output.getvalue()

    return start
