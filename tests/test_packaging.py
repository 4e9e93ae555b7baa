"""What pip installs: the wheel, its command and its metadata."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "oci_httpx_auth"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sources with the hatchling that is installed, so that no index is asked."""
    pytest.importorskip("hatchling")
    directory = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", str(directory)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=100)
    (path,) = directory.iterdir()
    return path


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, `py.typed` and the licence; no tests and no examples."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.py")}
    assert names == sources | {"oci_httpx_auth/py.typed"}
    assert any(name.endswith("/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_the_installed_command_runs(wheel: Path, tmp_path: Path, clean_environment: Path) -> None:
    """`oci-httpx-signer check`, as `uvx` and `pipx` call it, under its own name."""
    options = ["--no-deps", "--no-index", "-q", "--target", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True, timeout=100)
    command = tmp_path / "bin" / "oci-httpx-signer"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert run("--help").stdout.startswith("usage: oci-httpx-signer ")
    assert run("--version").stdout.startswith("oci-httpx-signer 0.")
    done = run("check")
    assert done.returncode == 1, done.stderr
    assert "Verdict: No OCI credentials were found" in done.stdout


def test_the_metadata_names_authors_extras_and_links(wheel: Path) -> None:
    """Extras are for users only: what developers need is in dependency groups, which a wheel does not have."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    lines = archive.read(name).decode().partition("\n\n")[0].splitlines()
    assert "Author: The oci-httpx-signer authors" in lines
    assert {line.partition(": ")[2] for line in lines if line.startswith("Provides-Extra")} == {
        "openai",
        "agents",
        "oci",
    }
    links = [line.partition(", ")[2] for line in lines if line.startswith("Project-URL: ")]
    assert len(links) == 4
    assert all(link.startswith("https://github.com/oci-httpx-signer/oci-httpx-signer") for link in links)
