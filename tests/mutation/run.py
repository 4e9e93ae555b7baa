"""Break the code in small ways, one at a time, and see that a test notices: `tox -e mutation`.

Works on a copy of the tree. Fails for a mutant that survives and is not listed as EQUIVALENT. With the name of a part as
the argument, such as `_signing/cache`, only that one is broken. Each part's outcomes are counted. A mutant that is stopped
because its tests take too long counts as noticed and is listed by name: it should hang, and not the machine be busy.

mutmut leaves decorated functions, a module's constants and a class's attributes alone: break those by hand after a change.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[2]

# What is mutated, and the tests that have to notice: signing as a whole, and of `_signer` what a request goes through.
# Each part has its own tests alone: a mutant that survives takes the time of all of them.
FLOW = "sync_auth_flow async_auth_flow _steps _wait_for _check_transport signed_headers _bare_request _without_host wait wait_async"
REQUESTS = ["signing/test_request.py", "test_signer.py", "test_signer_zstd.py"]
PARTS = (
    ("_signing/signature", ["*"], ["signing/test_signature.py"]),
    ("_signing/cache", ["*"], ["signing/test_cache.py"]),
    ("_signing/request", ["*"], REQUESTS),
    (
        "_signer",
        [f"*{name}__mutmut*" for name in FLOW.split()],
        [*REQUESTS, "test_log.py", "campaigns/secrets/test_secrets.py"],
    ),
)
CHOSEN = "not thousand and not travels and not threads_that_meet and not circle and not (secrets and not sdks)"
CONFIG = """
[tool.mutmut]
source_paths = ["oci_httpx_auth"]
only_mutate = ["oci_httpx_auth/{module}.py"]
also_copy = ["tests"]
timeout_constant = 3  # 15 times that, in seconds, so that a test which waits 20 seconds fails and is not cut off
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:unraisableexception", "--timeout=20", "-k", "{chosen}"]
"""

# Survivors that may survive, since nothing is different: function and lines as the run prints them, below the reason.
EQUIVALENT = """
A body of just this size has the same digest, whether it is hashed at once or in pieces.
@@ content_digest @@
-    if len(body) > _SMALL_BODY:
+    if len(body) >= _SMALL_BODY:
A header that is not there asks for no coding, whatever stands for it.
@@ sign_request @@
-    accepted = before.get(b"accept-encoding", b"")
+    accepted = before.get(b"accept-encoding", b"XXXX")
The names of headers and of encodings may be in capitals.
@@ is_streamed_upload @@
-    if request.method != "PUT" or hasattr(request, "_content") or "content-length" not in request.headers:
+    if request.method != "PUT" or hasattr(request, "_content") or "CONTENT-LENGTH" not in request.headers:
@@ change_after_signing @@
-    method, _, target = covered.request_line.decode("latin-1").partition(" ")
+    method, _, target = covered.request_line.decode("LATIN-1").partition(" ")
@@ change_after_signing @@
-    if sent.extensions.get("target", sent.url.raw_path) != target.encode("latin-1"):
+    if sent.extensions.get("target", sent.url.raw_path) != target.encode("LATIN-1"):
A request line has one blank, and a signature one list of headers.
@@ change_after_signing @@
-    method, _, target = covered.request_line.decode("latin-1").partition(" ")
+    method, _, target = covered.request_line.decode("latin-1").rpartition(" ")
@@ change_after_signing @@
-    names = signed[b"authorization"].partition(b'headers="')[2].partition(b'"')[0].split()
+    names = signed[b"authorization"].rpartition(b'headers="')[2].partition(b'"')[0].split()
No clock shows these moments: the first of 1970, and the one at which a minute is over to the nanosecond.
@@ _after_success @@
-    retry_at, extend_at = now + _back_off(failures), 0.0
+    retry_at, extend_at = now + _back_off(failures), 1.0
@@ _only_refused_here @@
-    accepted = self._accepted is current and time.monotonic() - self._accepted_at < _RECENTLY
+    accepted = self._accepted is current and time.monotonic() - self._accepted_at <= _RECENTLY
Not read before a credential was accepted.
@@ __init__ @@
-    self._accepted_at = 0.0  # by the monotonic clock
+    self._accepted_at = None  # by the monotonic clock
@@ __init__ @@
-    self._accepted_at = 0.0  # by the monotonic clock
+    self._accepted_at = 1.0  # by the monotonic clock
No credential, no host and no thread is like these either, and nobody asks when a failed fetch began.
@@ __init__ @@
-    self._accepted: Credential | None = None  # the latest that any server accepted
+    self._accepted: Credential | None = ""  # the latest that any server accepted
@@ acquire @@
-    host: str = "",
+    host: str = "XXXX",
@@ _start @@
-    flight.owner = None
+    flight.owner = ""
@@ _failed @@
-    flight = Flight(self._clock(), None)
+    flight = Flight(None, None)
A shortcut, which leads to the same credential.
@@ acquire @@
-    current = self._state.credential
+    current = None
@@ acquire @@
-    if current is not None and current is not rejected and current.expires_at is None and not self._follows_files:
+    if current is None and current is not rejected and current.expires_at is None and not self._follows_files:
The longest pause is reached before the exponent's limit.
@@ _back_off @@
-    return min(first * 2.0 ** min(failures, 10), longest) * _random.uniform(0.5, 1.0)
+    return min(first * 2.0 ** min(failures, 11), longest) * _random.uniform(0.5, 1.0)
The timer looks at the clock a second earlier or later.
@@ _renew_in_time @@
-        if sleep <= 0:
+        if sleep <= 1:
@@ _renew_in_time @@
-            sleep = 1.0
+            sleep = 2.0
`None` is as false as `False`.
@@ __init__ @@
-    self._follows_files = bool(getattr(provider, "follows_files", False))
+    self._follows_files = bool(getattr(provider, "follows_files", None))
@@ _renewal_at @@
-    if status.next_refresh is None or not getattr(self._provider, "ends_when_idle", False):
+    if status.next_refresh is None or not getattr(self._provider, "ends_when_idle", None):
@@ async_auth_flow @@
-    steps = self._steps(request, may_block=False)
+    steps = self._steps(request, may_block=None)
@@ _steps @@
-        if getattr(credential.private_key, "blocking", False):
+        if getattr(credential.private_key, "blocking", None):
The names of headers and of schemes may be in capitals.
@@ _steps @@
-        date = response.headers.get("date")
+        date = response.headers.get("DATE")
@@ _bare_request @@
-    scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
+    scheme = {"ws": "HTTP", "wss": "https"}.get(scheme.lower(), scheme)
@@ _bare_request @@
-    scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
+    scheme = {"ws": "http", "wss": "HTTPS"}.get(scheme.lower(), scheme)
A streamed body keeps the length that its header gives, and only some methods have their bodies' digests signed.
@@ _steps @@
-    length, digest = (0, None) if streamed else (yield _ReadBody(request))
+    length, digest = (1, None) if streamed else (yield _ReadBody(request))
@@ wait @@
-    return len(body), content_digest(body) if self._request.method in BODY_METHODS else None
+    return len(body), content_digest(body) if (self._request.method in BODY_METHODS) or True else None
What aiohttp has written its way it writes the same way again.
@@ _steps @@
-            request.url, rewritten = sent, True  # now sign it as aiohttp writes it
+            request.url, rewritten = sent, False  # now sign it as aiohttp writes it
The headers of a credential are on each request that it has signed.
@@ _steps @@
-            request.headers.pop(name, None)
+            request.headers.pop(name, )
"""


def survivors(module: str, names: list[str], tests: list[str]) -> list[tuple[str, str]]:
    """The mutants of a module that no test notices: their names, and the function and lines that changed."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        work = Path(directory)
        for name in ("oci_httpx_auth", "tests"):
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__", "mutation"))
        config = CONFIG.format(module=module, tests=[f"tests/{test}" for test in tests], chosen=CHOSEN)
        (work / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + config)
        for path in (work / "tests").rglob("test_*.py"):  # hundreds of examples for each mutant take hours
            path.write_text(re.sub(r"max_examples=\d+", "max_examples=25, database=None", path.read_text()))
        (work / "mutants").mkdir()  # before Python looks for it, since it remembers what is not there
        environment = {**os.environ, "PYTHONPATH": str(work / "mutants")}

        def mutmut(*arguments: str) -> str:
            command = [sys.executable, "-W", "ignore", "-m", "mutmut", *arguments]
            done = subprocess.run(command, cwd=work, env=environment, text=True, stdout=subprocess.PIPE)
            if done.returncode:
                sys.exit(done.stdout.replace("\r", "\n")[-5000:])
            return done.stdout

        chosen = [f"oci_httpx_auth.{module.replace('/', '.')}.{name}" for name in names]
        mutmut("run", "--max-children=2", *chosen)
        counts, found = Counter[str](), []
        for line in mutmut("results", "--all=true").splitlines():
            name, _, outcome = line.strip().partition(": ")
            if not any(fnmatchcase(name, pattern) for pattern in chosen):
                continue
            counts[outcome] += 1
            if outcome == "killed":
                continue
            function = re.split(r"ǁ|\.x_", name.rpartition("__mutmut_")[0])[-1]
            diff = [text for text in mutmut("show", name).splitlines() if re.match(r"[-+](?![-+]{2} )", text)]
            changed = "\n".join([f"@@ {function} @@", *diff])
            if outcome == "timeout":
                print(f"{name} (timeout)\n{changed}")
            else:
                found.append((f"{name} ({outcome})", changed))
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        print(f"{module}: {counts.total()} mutants, {told}", flush=True)
        return found


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else None
    found = [mutant for part in PARTS if only in (None, part[0]) for mutant in survivors(*part)]
    unknown = [f"{name}\n{changed}" for name, changed in found if changed not in EQUIVALENT]
    print(f"{len(found)} survive, of which {len(unknown)} are not known to be equivalent", *unknown, sep="\n")
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())
