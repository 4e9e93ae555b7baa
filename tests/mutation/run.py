"""Break the code in small ways, one at a time, and see that a test notices: `tox -e mutation`.

Works on a copy of the tree. Fails for a mutant that survives and is not in SURVIVORS.md. A part of a mutant's name as
the argument, such as `_back_off`, runs those alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# All of two modules, and of the third what a request goes through.
NAMES = (
    "oci_httpx_auth._signature.*",
    "oci_httpx_auth._cache.*",
    *(
        f"oci_httpx_auth._signer.*{name}__mutmut*"
        for name in (
            *("sync_auth_flow", "async_auth_flow", "_steps", "_replace", "ǁ_sign", "_check_transport"),
            *("signed_headers", "_was_redirected", "_without_host", "_digest_async"),
        )
    ),
)
CONFIG = """
[tool.mutmut]
source_paths = ["oci_httpx_auth"]
only_mutate = ["oci_httpx_auth/_signature.py", "oci_httpx_auth/_cache.py", "oci_httpx_auth/_signer.py"]
also_copy = ["tests"]
pytest_add_cli_args_test_selection = [
    "tests/test_signature.py", "tests/test_api_key.py", "tests/test_cache.py", "tests/test_signer.py",
]
pytest_add_cli_args = ["-p", "no:cacheprovider", "--timeout=20", "-k", "not thousand and not travels and not threads_that_meet"]
"""


def main() -> int:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        work = Path(directory)
        for name in ("oci_httpx_auth", "tests"):
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__", "mutation"))
        (work / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + CONFIG)
        for path in (work / "tests").glob("test_*.py"):  # hundreds of examples for each mutant take hours
            path.write_text(
                re.sub(r"max_examples=\d+", "max_examples=25, derandomize=True, database=None", path.read_text())
            )
        (work / "mutants").mkdir()  # before Python looks for it, since it remembers what is not there
        environment = {**os.environ, "PYTHONPATH": str(work / "mutants")}

        def mutmut(*arguments: str) -> str:
            command = [sys.executable, "-W", "ignore", "-m", "mutmut", *arguments]
            done = subprocess.run(command, cwd=work, env=environment, text=True, stdout=subprocess.PIPE, check=False)
            if done.returncode:
                sys.exit(done.stdout.replace("\r", "\n")[-5000:])
            return done.stdout

        mutmut("run", *((f"*{only}*",) if only else NAMES))
        survivors = []
        for line in mutmut("results").splitlines():
            name, _, outcome = line.strip().partition(": ")
            if outcome in ("survived", "no tests", "suspicious"):
                changed = [text for text in mutmut("show", name).splitlines() if re.match(r"[-+](?![-+]{2} )", text)]
                survivors.append((f"{name} ({outcome})", "\n".join(changed)))
    known = (HERE / "SURVIVORS.md").read_text(encoding="utf-8")
    unknown = [f"{name}\n{changed}" for name, changed in survivors if changed not in known]
    print(f"{len(survivors)} survive, of which {len(unknown)} are not in SURVIVORS.md", *unknown, sep="\n")
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())
