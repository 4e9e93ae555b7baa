"""Every figure about speed and memory, measured side by side in one run: ours, the peers, and the limit of each.

    python tests/benchmarks/run.py [--quick] [--only ITEM ...] [--markdown FILE] [--svg FILE] [--environments DIR]

Each library has a virtual environment and a process of its own, which `worker.py` runs in; the work goes round from one
to the next, and what is reported are medians over the rounds. For Linux, since memory is read from /proc. The peers
take Python 3.12 or newer; what cannot be installed is reported as such.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import select
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from picture import draw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS = "ours"
PEERS = ["oci-genai-auth", "oci-openai", "oci-httpx-auth"]
PACKAGES = {
    # Without sniffio, httpx looks for it in vain with every request.
    OURS: [str(ROOT), "httpx2", "sniffio"],
    "oci-genai-auth": ["oci-genai-auth", "sniffio"],
    "oci-openai": ["oci-openai", "openai<3", "sniffio"],
    "oci-httpx-auth": ["oci-httpx-auth==0.11.0", "sniffio"],
}
NEEDED = "import httpx, httpx2, cryptography.hazmat.primitives.asymmetric.padding, cryptography.hazmat.primitives.serialization"
IMPORTS = {
    OURS: "import oci_httpx_auth",
    "oci-genai-auth": "import oci_genai_auth",
    "oci-openai": "import oci_openai",
    "oci-httpx-auth": "import oci_httpx_auth",
}
LIFETIME = 4.0  # seconds that a token lives while the heartbeat is watched
FEDERATION = 0.5  # seconds that the auth service takes meanwhile


class Failed(Exception):
    """A worker could not do what it was asked for."""


class Worker:
    """A process that runs `worker.py` in one of the environments."""

    def __init__(self, name: str, python: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-P", HERE / "worker.py", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean(),
        )

    def start(self, command: str, /, **arguments: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()

    def result(self, timeout: float = 300.0) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            self._process.kill()
            raise Failed(f"{self.name} did not answer within {timeout:.0f} s")
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process has ended"}
        if "error" in answer:
            raise Failed(f"{self.name}: {answer['error']}")
        return answer["result"]

    def ask(self, command: str, /, **arguments: Any) -> Any:
        self.start(command, **arguments)
        return self.result()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


def clean() -> dict[str, str]:
    """The environment without what would lead a library elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OCI_", "OPENAI_", "PYTHON")) and not name.lower().endswith("_proxy")
    }


def install(directory: Path, name: str) -> Path | None:
    """A virtual environment with one of the libraries; `None` if it cannot be had."""
    place = directory / name
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--compile"]
    done = subprocess.run([*pip, *PACKAGES[name]], env=clean(), capture_output=True, text=True)
    if name == OURS and done.returncode == 0:  # the sources may have changed since, the version has not
        again = [*pip, "--no-deps", "--force-reinstall", str(ROOT)]
        done = subprocess.run(again, env=clean(), capture_output=True, text=True)
    if done.returncode != 0:
        note(f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return python


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# How figures are written.


def duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1.0:
        return f"{seconds * 1e3:.3g} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s"


def size(count: float) -> str:
    return (
        f"{count / 1e3:.0f} kB"
        if abs(count) < 1e5
        else f"{count / 1e6:.1f} MB"
        if count < 1e8
        else f"{count / 1e6:.0f} MB"
    )


def rate(value: float) -> str:
    return f"{value:.0f}/s"


def median(rows: list[dict[str, float]], key: str) -> float:
    return statistics.median(row[key] for row in rows)


class Row:
    """One line of the table. `ratio` is ours over the limit; `target` what was aimed at, and whether it was met."""

    def __init__(
        self, what: str, limit: str, cells: dict[str, str], ratio: str = "", target: str = "", *, short: bool = False
    ) -> None:
        self.what, self.limit, self.cells, self.ratio, self.target, self.short = (
            what,
            limit,
            cells,
            ratio,
            target,
            short,
        )


def judged(text: str, met: bool) -> str:
    return f"{text} {'✓' if met else '✗ missed'}"


class Benchmark:
    def __init__(self, options: argparse.Namespace) -> None:
        self.quick: bool = options.quick
        self.rows: list[Row] = []
        self.traces: dict[str, dict[str, Any]] = {}
        directory = Path(options.environments)
        directory.mkdir(parents=True, exist_ok=True)
        self.pythons: dict[str, Path] = {}
        for name in PACKAGES:
            python = install(directory, name)
            if python is not None:
                self.pythons[name] = python
        if OURS not in self.pythons:
            raise SystemExit("this package itself cannot be installed")
        self.workers = {name: Worker(name, python) for name, python in self.pythons.items()}
        self.services = Worker("services", self.pythons[OURS])
        self.service: dict[str, str] = self.services.ask("serve")
        self.directory = tempfile.TemporaryDirectory()
        self.config = self.services.ask("write_config", directory=self.directory.name)

    def stop(self) -> None:
        for worker in [*self.workers.values(), self.services]:
            worker.stop()
        self.directory.cleanup()

    def rounds(self, count: int, turns: dict[str, Callable[[], Any]]) -> dict[str, list[Any]]:
        """Let everybody have a turn, so many times over. Who fails once takes no further part."""
        results: dict[str, list[Any]] = {name: [] for name in turns}
        for number in range(count):
            names = list(turns)[number % len(turns) :] + list(turns)[: number % len(turns)]
            for name in names:
                if name in turns:
                    try:
                        results[name].append(turns[name]())
                    except Failed as error:
                        note(str(error))
                        del turns[name], results[name]
        return results

    # The items.

    def everybody(self, rounds: int, command: str, /, **arguments: Any) -> dict[str, list[Any]]:
        turns = {name: partial(worker.ask, command, **arguments) for name, worker in self.workers.items()}
        return self.rounds(rounds, turns)

    def signature(self) -> None:
        for bits, target, count in ((2048, 1.08, 400), (4096, 1.02, 150)):
            found = self.everybody(
                3 if self.quick else 15,
                "signature",
                config=self.config,
                profile=f"RSA{bits}",
                count=40 if self.quick else count,
            )
            # Each against the limit in its own process, turn by turn.
            ratios = {
                name: statistics.median(row["signed"] / row["limit"] for row in rows) for name, rows in found.items()
            }
            limit = median(found[OURS], "limit")
            self.rows.append(
                Row(
                    f"one signature, 2 KB body, RSA-{bits}; limit: building the request and one bare RSA signature",
                    duration(limit),
                    {name: f"{duration(median(rows, 'signed'))} ({ratios[name]:.2f}×)" for name, rows in found.items()},
                    f"{ratios[OURS]:.3f}",
                    judged(f"≤ {target}", ratios[OURS] <= target),
                    short=True,
                )
            )
            added = statistics.median(row["signed"] - row["limit"] for row in found[OURS])
            alone = median(found[OURS], "without_rsa")
            what = f"– added to RSA-{bits}: here; in a tight loop with a key that signs in no time"
            self.rows.append(Row(what, "", {OURS: f"{duration(added)}; {duration(alone)}"}, short=True))

    def body(self) -> None:
        for megabytes in (2, 20) if self.quick else (20, 200):
            found = self.everybody(
                1 if self.quick else 3,
                "body",
                config=self.config,
                size=megabytes * 1_000_000,
                rounds=2 if self.quick else 5,
            )
            ours = found[OURS]
            ratio = median(ours, "ratio")
            big = megabytes >= 200
            self.rows.append(
                Row(
                    f"{megabytes} MB body, async; limit: SHA-256 of it",
                    duration(median(ours, "sha256")),
                    {
                        name: f"{duration(median(rows, 'signed'))} ({median(rows, 'ratio'):.2f}×)"
                        for name, rows in found.items()
                    },
                    f"{ratio:.3f}",
                    judged("≤ 1.1", ratio <= 1.1) if big else "",
                    short=big,
                )
            )
            extra = max(row["extra"] for row in ours)
            self.rows.append(
                Row(
                    f"{megabytes} MB body: memory beyond the body",
                    "0",
                    {name: size(max(row["extra"] for row in rows)) for name, rows in found.items()},
                    "",
                    judged("no second copy", extra < megabytes * 100_000) if big else "",
                )
            )
            gap = statistics.median(row["gap"] - row["idle"] for row in ours)
            self.rows.append(
                Row(
                    f"{megabytes} MB body: event loop stands still; limit: an idle loop",
                    duration(median(ours, "idle")),
                    {name: duration(median(rows, "gap")) for name, rows in found.items()},
                    "",
                    judged("≤ idle + 5 ms", gap < 0.005) if big else "",
                    short=big,
                )
            )

    def throughput(self) -> None:
        """With httpx beside the peers, which know nothing else; with httpx2 up to 1,000 at a time.

        httpx itself manages less than 100 requests per second from 100 concurrent asyncio tasks on.
        """
        for style in ("async", "sync"):
            for concurrent, count in ((1, 300), (10, 500), (100, 300 if style == "async" else 500)):
                self._throughput("httpx", style, concurrent, count)
            for concurrent, count in ((1, 300), (10, 500), (100, 1000), (1000, 2000)):
                self._throughput("httpx2", style, concurrent, count)

    def _throughput(self, library: str, style: str, concurrent: int, count: int) -> None:
        rounds = 3 if library == "httpx" else 5
        if style == "sync" and concurrent == 100:  # rounds differ by a factor of two
            rounds = 11
        if self.quick:
            count, rounds = max(count // 10, concurrent), 1
        url = f"{self.service['fast']}/openai/v1/chat/completions"

        def turn(worker: Worker, mode: str) -> Callable[[], Any]:
            return partial(
                worker.ask,
                "throughput",
                library=library,
                config=self.config,
                mode=mode,
                style=style,
                url=url,
                concurrent=concurrent,
                count=count,
            )

        workers = self.workers if library == "httpx" else {OURS: self.workers[OURS]}
        turns = {"none": turn(workers[OURS], "none"), "rsa": turn(workers[OURS], "rsa")}
        turns |= {name: turn(worker, "signed") for name, worker in workers.items()}
        if concurrent == 100:
            turns["rsa and headers"] = turn(workers[OURS], "rsa and headers")
        found = self.rounds(rounds, turns)
        rates = [row["rate"] for row in found[OURS]]

        def over(limit: str) -> float:
            return statistics.median(a / b["rate"] for a, b in zip(rates, found[limit], strict=True))

        ratio = over("rsa")
        self.rows.append(
            Row(
                f"requests per second (p50 / p99), {library}, {style}, {concurrent:,} concurrent; "
                "limit: the same client with a bare RSA signature",
                shown(found["rsa"]),
                {name: shown(found[name]) for name in workers if name in found},
                f"{ratio:.2f}",
                judged("≥ 0.9", ratio >= 0.9) if concurrent == 100 else "",
                short=concurrent == 100,
            )
        )
        self.rows.append(
            Row(
                "– limit: the same client without auth",
                shown(found["none"]),
                {OURS: shown(found[OURS])},
                f"{over('none'):.2f}",
            )
        )
        if concurrent == 100:
            what = "– limit: a bare RSA signature, and the headers of some signature sent along"
            limit = "rsa and headers"
            self.rows.append(
                Row(what, shown(found[limit]), {OURS: shown(found[OURS])}, f"{over(limit):.2f}", short=True)
            )
        if style == "sync" and concurrent == 100:
            switches = {name: f"{median(rows, 'switches'):.1f}" for name, rows in found.items()}
            what = "– context switches for each request; limit: with a bare RSA signature"
            self.rows.append(Row(what, switches.pop("rsa"), switches, short=True))

    def expiry(self) -> None:
        concurrent, seconds, lifetime, fetch = (50, 4.0, 3.0, 0.2) if self.quick else (1000, 10.0, 8.0, 0.5)
        who = {OURS: self.workers[OURS]}
        if "oci-genai-auth" in self.workers:
            who["oci-genai-auth"] = self.workers["oci-genai-auth"]

        def turn(worker: Worker, mode: str) -> Callable[[], Any]:
            return partial(
                worker.ask,
                "expiry",
                config=self.config,
                mode=mode,
                concurrent=concurrent,
                seconds=seconds,
                lifetime=lifetime,
                fetch=fetch,
            )

        turns = {"none": turn(who[OURS], "none"), "late": turn(who[OURS], "late")}
        turns |= {name: turn(worker, "ahead") for name, worker in who.items()}
        found = self.rounds(1 if self.quick else 2, turns)
        none = found["none"]
        for mode, what in ((OURS, "refresh ahead"), ("late", "no refresh ahead")):
            cells = {OURS: found[mode]}
            if mode == OURS and "oci-genai-auth" in found:
                cells["oci-genai-auth"] = found["oci-genai-auth"]
            self.rows.append(
                Row(
                    f"{concurrent:,} concurrent while the credential expires (a new one takes {fetch * 1000:.0f} ms), {what}: "
                    "waiting, p50 / p99; limit: without auth",
                    f"{duration(median(none, 'p50'))} / {duration(median(none, 'p99'))}",
                    {n: f"{duration(median(r, 'p50'))} / {duration(median(r, 'p99'))}" for n, r in cells.items()},
                    short=mode == OURS,
                )
            )
            self.rows.append(
                Row(
                    "– fetches, most additional threads, event loop stands still",
                    f"0, 0, {duration(median(none, 'gap'))}",
                    {
                        n: f"{median(r, 'fetches'):.0f}, {median(r, 'threads'):.0f}, {duration(median(r, 'gap'))}"
                        for n, r in cells.items()
                    },
                )
            )

    def imports(self) -> None:
        python = self.pythons[OURS]
        programs = {"needed": (python, NEEDED), OURS: (python, f"{NEEDED}; {IMPORTS[OURS]}")}
        programs |= {name: (self.pythons[name], IMPORTS[name]) for name in PEERS if name in self.pythons}

        def turn(python: Path, program: str) -> Callable[[], Any]:
            code = (
                f"import time; t = time.perf_counter(); exec({program!r}); t = time.perf_counter() - t; import os; "
                "m = int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE'); print(t, m)"
            )

            def run() -> dict[str, float]:
                done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
                seconds, memory = done.stdout.split()
                return {"seconds": float(seconds), "memory": float(memory)}

            return run

        turns = {name: turn(*program) for name, program in programs.items()}
        for run in turns.values():
            run()  # the files are in memory from now on
        found = self.rounds(3 if self.quick else 21, turns)
        ratio = statistics.median(
            a["seconds"] / b["seconds"] for a, b in zip(found[OURS], found["needed"], strict=True)
        )
        names = [name for name in found if name != "needed"]
        self.rows.append(
            Row(
                "import; limit: httpx, httpx2 and the needed parts of cryptography",
                duration(median(found["needed"], "seconds")),
                {name: duration(median(found[name], "seconds")) for name in names},
                f"{ratio:.3f}",
                judged("≤ 1.15", ratio <= 1.15),
                short=True,
            )
        )
        self.rows.append(
            Row(
                "memory after the import",
                size(median(found["needed"], "memory")),
                {name: size(median(found[name], "memory")) for name in names},
                f"{median(found[OURS], 'memory') / median(found['needed'], 'memory'):.2f}",
                short=True,
            )
        )
        distributions = {name: "oci-httpx-signer" if name == OURS else name for name in self.workers}
        sizes = {name: self.workers[name].ask("installed", distribution=one) for name, one in distributions.items()}
        self.rows.append(
            Row(
                "installed, with all dependencies",
                "",
                {name: f"{size(one['bytes'])}, {one['packages']} packages" for name, one in sizes.items()},
                short=True,
            )
        )

    def cold(self) -> None:
        """The services take as long as they do from inside a region: 3 ms for metadata, 30 ms for a federation call."""
        count, rounds = (5, 7) if self.quick else (15, 9)
        self.services.ask("configure", lifetime=3600.0, metadata_latency=0.003, federation_latency=0.03)
        ours = self.workers[OURS]
        turns: dict[str, Callable[[], Any]] = {
            "unavoidable": partial(ours.ask, "cold", service=self.service, count=count, unavoidable=True)
        }
        who = [name for name in (OURS, "oci-genai-auth") if name in self.workers]
        for name in who:
            turns[name] = partial(self.workers[name].ask, "cold", service=self.service, count=count, unavoidable=False)
        found = self.rounds(rounds, turns)
        pairs = zip(found[OURS], found["unavoidable"], strict=True)
        ratio = statistics.median(mine["seconds"] / limit["seconds"] for mine, limit in pairs)
        self.rows.append(
            Row(
                "first answer as an instance; limit: metadata at once, a key meanwhile, one federation call, one request",
                duration(median(found["unavoidable"], "seconds")),
                {name: duration(median(found[name], "seconds")) for name in who if name in found},
                f"{ratio:.3f}",
                judged("≤ 1.12", ratio <= 1.12),
                short=True,
            )
        )

    def refusals(self) -> None:
        self.services.ask("refuse")
        cells = {}
        for name in (OURS, "oci-genai-auth"):
            if name not in self.pythons:
                continue
            self.services.ask("configure", lifetime=3600.0, metadata_latency=0.003, federation_latency=0.03)
            worker = Worker(name, self.pythons[name])
            try:
                worker.ask("refusals", service=self.service, count=50)
                asked = self.services.ask("counts")
                cells[name] = f"{asked.get('federation', 0)}, {asked.get('metadata', 0)}, {asked['echo']}"
            except Failed as error:
                note(str(error))
            worker.stop()
        what = "50 requests to a host that always refuses: federation calls, metadata calls, requests on the wire"
        self.rows.append(Row(what, "1, 4, 50", cells, short=True))

    def memory(self) -> None:
        """Both at a time, in processes of their own: what is looked at is memory."""
        count, fetches = (20_000, 20) if self.quick else (1_000_000, 1_000)
        self.services.ask("configure", lifetime=3600.0, metadata_latency=0.0, federation_latency=0.0)
        signing, refreshing = (Worker(OURS, self.pythons[OURS]) for _ in range(2))
        signing.start("million", count=count)
        refreshing.start(
            "refreshes",
            count=fetches,
            metadata_url=self.service["metadata_url"],
            federation_endpoint=self.service["federation_endpoint"],
        )
        for what, worker in ((f"{count:,} signatures", signing), (f"{fetches:,} refreshes", refreshing)):
            try:
                found = worker.result(900)
            except Failed as error:
                note(str(error))
                continue
            flat = found["bytes"] < 1_000_000 and found["threads"] <= 0
            self.rows.append(
                Row(
                    f"growth over {what}: memory, threads",
                    "0, 0",
                    {OURS: f"{size(found['bytes'])}, {found['threads']}"},
                    "",
                    judged("< 1 MB, 0", flat),
                    short=True,
                )
            )
        signing.stop()
        refreshing.stop()

    def heartbeat(self) -> None:
        found: dict[str, list[dict[str, Any]]] = {OURS: [], "oci-genai-auth": []}
        for _ in range(1 if self.quick else 3):
            for name in found:
                if name not in self.pythons:
                    continue
                self.services.ask("configure", lifetime=LIFETIME, metadata_latency=0.05, federation_latency=FEDERATION)
                worker = Worker(name, self.pythons[name])  # a new one: a loop may never come back
                try:
                    found[name].append(worker.ask("heartbeat", service=self.service, lifetime=LIFETIME))
                except Failed as error:
                    note(str(error))
                worker.stop()
        found = {name: rows for name, rows in found.items() if rows}
        self.traces = {name: rows[len(rows) // 2] for name, rows in found.items()}
        if OURS not in found:
            return
        ours = found[OURS]
        gap = statistics.median(row["refresh"] - row["idle"] for row in ours)
        self.rows.append(
            Row(
                "refresh with 500 ms of federation: event loop stands still; limit: the same loop without a refresh",
                duration(median(ours, "idle")),
                {name: duration(median(rows, "refresh")) for name, rows in found.items()},
                "",
                judged("≤ idle + 5 ms", gap < 0.005),
                short=True,
            )
        )
        self.rows.append(
            Row(
                "two 401s meet: event loop stands still",
                duration(median(ours, "idle")),
                {
                    name: "indefinitely" if any(r["stuck"] for r in rows) else duration(median(rows, "after"))
                    for name, rows in found.items()
                },
                short=True,
            )
        )


def shown(rows: list[dict[str, float]]) -> str:
    return f"{rate(median(rows, 'rate'))} ({duration(median(rows, 'p50'))} / {duration(median(rows, 'p99'))})"


ITEMS = ["signature", "body", "throughput", "expiry", "imports", "cold", "refusals", "heartbeat", "memory"]


def table(rows: list[Row], names: list[str]) -> str:
    heads = [
        "oci-httpx-signer" if name == OURS else "oci-httpx-auth 0.11" if name == "oci-httpx-auth" else name
        for name in names
    ]
    lines = [["figure", "limit", *heads, "ours / limit", "target"]]
    lines += [
        [row.what, row.limit, *(row.cells.get(name, "–") for name in names), row.ratio, row.target] for row in rows
    ]
    text = [" | ".join(line) for line in lines]
    rule = "| --- | " + " | ".join("---:" for _ in lines[0][1:]) + " |"
    return "\n".join([f"| {text[0]} |", rule, *(f"| {line} |" for line in text[1:])])


def machine(versions: dict[str, Any]) -> str:
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, httpx {versions['httpx']}, "
        f"cryptography {versions['cryptography']}, {time.strftime('%Y-%m-%d')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything runs")
    parser.add_argument("--only", nargs="+", choices=ITEMS, default=ITEMS, metavar="ITEM", help=", ".join(ITEMS))
    parser.add_argument("--markdown", type=Path, help="write the tables into this file as well")
    parser.add_argument("--svg", type=Path, help="draw the heartbeat into this file")
    parser.add_argument(
        "--environments", default=str(ROOT / "build" / "benchmarks"), help="where to install the libraries"
    )
    options = parser.parse_args()

    benchmark = Benchmark(options)
    try:
        for item in ITEMS:
            if item in options.only:
                started = time.perf_counter()
                getattr(benchmark, item)()
                note(f"{item}: {time.perf_counter() - started:.0f} s")
        versions = benchmark.workers[OURS].ask("installed", distribution="oci-httpx-signer")
    finally:
        benchmark.stop()

    names = list(benchmark.workers)
    missing = [name for name in PEERS if name not in names]
    where = f"Medians of one run, side by side: {machine(versions)}."
    if missing:
        where += f" Not installable here: {', '.join(missing)}."
    print(f"\n{where}\n\n{table(benchmark.rows, names)}")
    if options.markdown is not None:
        short = [row for row in benchmark.rows if row.short]
        options.markdown.write_text(
            f"{where}\n\n{table(short, names)}\n\nEverything that was measured:\n\n{table(benchmark.rows, names)}\n"
        )
    if options.svg is not None and benchmark.traces:
        options.svg.write_text(draw(benchmark.traces, LIFETIME))


if __name__ == "__main__":
    main()
