"""What the README and the pages of docs/ show works as it is written there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import models
import pytest

from ..conftest import as_the_cli_writes
from ..interceptor import Interceptor
from ..standin import FakeOCI

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
REPOSITORY = "https://github.com/oci-httpx-signer/oci-httpx-signer"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, without their fences."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


SNIPPETS = [snippet for page in PAGES.values() for snippet in blocks(page, "python")]
QUICKSTARTS = blocks(README, "python")[:3]


def test_the_models_of_the_pages_are_those_of_the_examples() -> None:
    """One that OCI retires is changed in examples/models.py, and then this says where else."""
    name = re.compile(
        r"\b(?:cohere|google|meta|openai|xai)\.[a-z]*-?(?:llama|command|embed|gemini|gpt|grok)[a-z0-9.-]*[a-z0-9]"
    )
    found = {page: set(name.findall(text)) for page, text in PAGES.items()}
    assert found["README.md"]
    assert found["clients.md"]
    known = [value for value in vars(models).values() if isinstance(value, str)]
    assert {page: names.difference(known) for page, names in found.items() if names.difference(known)} == {}


def title(snippet: str) -> str:
    imports = [line for line in snippet.splitlines() if "oci_httpx_auth" in line]
    return imports[-1] if imports else snippet.splitlines()[0]


def skip_without_packages(snippet: str) -> None:
    for module in ("openai", "agents"):
        if re.search(rf"^(from|import) {module}\b", snippet, re.MULTILINE) or f"oci_httpx_auth.{module}" in snippet:
            pytest.importorskip(module)


def run(
    command: list[str] | str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=title)
def test_a_snippet_runs_as_it_is(snippet: str, oci: FakeOCI, tmp_path: Path, clean_environment: Path) -> None:
    """A newcomer fills in the compartment and sets the project's variable, nothing else; every request is verified."""
    skip_without_packages(snippet)
    oci.write_config(clean_environment / ".oci").replace(clean_environment / ".oci" / "config")
    snippet = re.sub(r"ocid1\.compartment\.oc1\.\.…", oci.compartment, snippet)
    assert "…" not in snippet, "what else has to be filled in?"
    is_test = "import pytest" in snippet
    program = tmp_path / ("test_snippet.py" if is_test else "snippet.py")
    program.write_text(snippet)
    command = [sys.executable, "-W", "ignore", *(["-m", "pytest", "-q"] if is_test else []), str(program)]
    with Interceptor(oci, tmp_path) as interceptor:
        project = {"OCI_PROJECT_ID": "ocid1.generativeaiproject.oc1..aaaa"}
        done = run(command, interceptor.environment | project, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(record.signed for record in oci.records), oci.records
    if is_test:
        assert "1 passed" in done.stdout
        return  # it has a stand-in of its own
    assert oci.records or "signed_headers" in snippet, "it made no request"
    assert done.stdout.strip(), "it printed nothing"


@pytest.mark.slow
def test_the_quickstarts_run_against_the_command_line_stand_in(tmp_path: Path) -> None:
    """In a shell that pasted the lines which `python -m oci_httpx_auth.testing` prints, as the README says to do it."""
    serving = [sys.executable, "-m", "oci_httpx_auth.testing", "--directory", str(tmp_path / "it's here")]
    process = subprocess.Popen(serving, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if line.startswith("Stop with"):
            break
        lines.append(line)
    try:
        exports = "".join(line for line in lines if line.startswith("export "))
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", lines[0])
        for number, snippet in enumerate(QUICKSTARTS):
            skip_without_packages(snippet)
            snippet = snippet.replace("https://identity.us-chicago-1.oci.oraclecloud.com", url)
            snippet = snippet.replace(', compartment_id="ocid1.compartment.oc1..…"', "")
            (tmp_path / f"{number}.py").write_text(snippet)
            done = run(f"{exports}\n'{sys.executable}' -W ignore {number}.py", cwd=tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.strip(), "it printed nothing"
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert len(rest.splitlines()) >= len(QUICKSTARTS)
    assert all(line.endswith("verified") for line in rest.splitlines()), rest


@pytest.mark.slow
def test_a_placeholder_that_was_left_in_is_named(oci: FakeOCI, clean_environment: Path) -> None:
    """The last line of the traceback says which argument to fill in; nothing was sent."""
    skip_without_packages(QUICKSTARTS[1])
    oci.write_config(clean_environment / ".oci").replace(clean_environment / ".oci" / "config")
    done = run([sys.executable, "-W", "ignore", "-c", QUICKSTARTS[1]])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "ConfigError: compartment_id is still a placeholder: replace it with your own OCID."
    )


@pytest.mark.slow
def test_the_output_of_check_is_what_the_readme_shows(oci: FakeOCI, tmp_path: Path, clean_environment: Path) -> None:
    """A session that has ended: the same lines, but for OCIDs and the home directory."""
    oci.clock_offset = -3900.0
    as_the_cli_writes(oci.write_config(clean_environment / ".oci", session=True))
    oci.clock_offset = 0.0
    (block,) = (text for text in blocks(README, "console") if "$ oci-httpx-signer check" in text)
    with Interceptor(oci, tmp_path) as interceptor:
        done = run([sys.executable, "-m", "oci_httpx_auth", "check"], interceptor.environment)
    # The proxy is the test's.
    lines = [line for line in done.stdout.splitlines() if not re.match(r"note +proxy ", line)]
    printed = "\n".join(lines).replace(str(clean_environment), "/home/ada")
    printed = re.sub(r"…[a-z0-9]{6}", "…", printed)
    assert printed == re.sub(r"…[a-z0-9]{6}", "…", block.partition("\n")[2].rstrip()), done.stdout


@pytest.mark.slow
def test_the_commands_of_the_tool_run(oci: FakeOCI, tmp_path: Path, clean_environment: Path) -> None:
    """`check` and `curl` as docs/troubleshooting.md shows them."""
    oci.write_config(clean_environment / ".oci")
    commands = [line for block in blocks(PAGES["troubleshooting.md"], "console") for line in block.splitlines()]
    assert {command.split()[3] for command in commands} == {"check", "curl"}
    with Interceptor(oci, tmp_path) as interceptor:
        for command in commands:
            filled = command.replace("ocid1.compartment.oc1..…", oci.compartment).replace("python", sys.executable, 1)
            done = run(filled, interceptor.environment)
            assert done.returncode == 0, done.stdout + done.stderr
    assert all(record.signed for record in oci.records)


def test_the_readme_is_short() -> None:
    """At most 1,000 words, counted as `wc -w` counts them."""
    assert len(README.split()) <= 1000


def test_links_of_the_readme_work_on_pypi_and_in_a_clone() -> None:
    """All are absolute, and what they name in the repository is there."""
    links = re.findall(r"\]\((\S+)\)", README)
    assert links
    assert all(link.startswith("https://") for link in links), links
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com")
    for link in links:
        path = re.sub(rf"^({re.escape(REPOSITORY)}/blob|{re.escape(raw)})/main/", "", link)
        assert path == link or (ROOT / path).is_file(), link


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_of_the_docs_lead_somewhere(page: str) -> None:
    """Relative ones name a file of the repository."""
    for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / "docs" / page).read_text()):
        assert link.startswith(("https://", "#")) or (ROOT / "docs" / link.partition("#")[0]).exists(), link


def test_the_gate_finds_its_commands() -> None:
    """Each marker that `.ci/run` looks for comes right before a block of one line."""
    for name in ("demo", "tests"):
        found = re.findall(rf"^<!-- command: {name} -->\n```console\n(.+)\n```$", README, re.MULTILINE)
        assert len(found) == 1, name
        assert f"command_of {name}" in (ROOT / ".ci" / "run").read_text()
