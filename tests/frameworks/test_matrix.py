"""What the matrix of frameworks says is what is documented, installed and run, and each example notices a withheld signature."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from ..examples import run_example
from . import matrix
from .support import ENVIRONMENT, HELLO, need

pytestmark = pytest.mark.slow
pytest.importorskip("tomllib")

MATRIX = matrix.read()
ROWS = [row for row in MATRIX.frameworks if (matrix.EXAMPLES.parent.parent / row.example).parent == matrix.EXAMPLES]

# What the examples print before their last line, those apart whose lines `test_frameworks` has.
PRINTED = {
    "agent_framework": [
        *(f"{name}: {HELLO}" for name in ("OpenAIChatCompletionClient", "OpenAIChatClient")),
        *(f"{name}, streamed: {HELLO} in parts" for name in ("OpenAIChatCompletionClient", "OpenAIChatClient")),
        *(
            f"{name}, with a tool: The tool answered: 21 degrees in city"
            for name in ("OpenAIChatCompletionClient", "OpenAIChatClient")
        ),
    ],
    "agno": [
        *(
            f"{mode}{name}{how}: {HELLO}"
            for mode in ("", "async ")
            for name in ("OpenAIChat", "OpenAIResponses")
            for how in ("", ", streamed")
        ),
        "with a tool: The tool answered: 21 degrees in city",
    ],
    "autogen": [f"create: {HELLO}", f"stream: {HELLO}", "assistant: 21 degrees in city"],
    "crewai": [f"call: {HELLO}", f"async call: {HELLO}", f"call, streamed: {HELLO}", "crew: Hello!"],
    "dspy": [f"model: {HELLO}", "predicted: answer", "async predicted: answer", "async streamed: answer"],
    "fastapi": [f"answers: {HELLO}", f"streamed: {HELLO}"],
    "fastmcp": ["tools: temperature", "called: 21 degrees in Lisbon", "by a transport: 21 degrees in Porto"],
    "google_adk": [
        f"agent: {HELLO}",
        f"agent, streamed: {HELLO}",
        'agent with a tool: The tool answered: {"result": "21 degrees in city"}',
    ],
    "guardrails": ["answered: Hello!", "stopped by the guardrail", "async, answered: Hello again!"],
    "gunicorn": ["answers: 200", "workers: 2"],
    "haystack": [f"{how}: {HELLO}" for how in ("run", "stream", "async run", "async stream", "pipeline")],
    "langchain_mcp": ["tools: temperature", "called: 21 degrees in Lisbon"],
    "langchain_oci": [f"{how}: {HELLO}" for how in ("invoke", "stream", "ainvoke", "astream")],
    "langgraph": [
        "agent: The tool answered: 21 degrees in city",
        f"async graph: {HELLO}",
        "async agent, streamed: The tool answered: 21 degrees in city",
    ],
    "litellm_sessions": [f"{mode}{how}: {HELLO}" for mode in ("", "async ") for how in ("completion", "stream")],
    "mem0": ["found: I live in Lisbon.", f"model: {HELLO}"],
    "opentelemetry": ["regions: 200", "async regions: 200", "span: GET with headers"],
    "outlines": [
        *(f"{mode}text{how}: {HELLO}" for mode in ("", "async ") for how in ("", ", streamed")),
        "typed: city='city' days=1",
    ],
    "ragas": ["model: answer", "similarity: 1.0", "async model: answer"],
    "semantic_kernel": [
        f"chat: {HELLO}",
        f"chat, streamed: {HELLO}",
        "agent with a tool: The tool answered: 21 degrees in city",
    ],
    "strands": [
        *(f"{how}: {HELLO}" for how in ("first call", "second call", "streamed")),
        "with a tool: The tool answered: 21 degrees in city",
    ],
}


def select(row: matrix.Framework) -> None:
    """Skip a row that this environment does not run; where it should, fail for what is not installed."""
    if ENVIRONMENT and ENVIRONMENT.removeprefix("core-") != row.environment:
        pytest.skip(f"runs in frameworks-{row.environment}")
    if ENVIRONMENT.startswith("core-") and not row.core:
        pytest.skip("is not of the core")
    need(row.requirement if ENVIRONMENT else row.package)


def test_the_table_of_the_docs_and_the_requirements_are_made_from_the_matrix() -> None:
    """Run `python -m tests.frameworks.matrix` after a change of it."""
    assert matrix.PAGE.read_text(encoding="utf-8") == matrix.page(MATRIX)
    assert {path: path.read_text() for path in matrix.REQUIREMENTS.iterdir()} == MATRIX.files()


def test_every_example_has_a_row_and_every_row_an_example() -> None:
    """And every row is in an environment that tox has."""
    examples = {row.example for row in MATRIX.frameworks}
    assert all((matrix.ROOT / example).is_file() for example in examples)
    assert {f"examples/frameworks/{path.name}" for path in matrix.EXAMPLES.glob("with_*.py")} <= examples
    assert {row.environment for row in MATRIX.frameworks} == set(MATRIX.environments)
    environments = re.search(r"\[testenv:frameworks-\{(.*)\}\]", (matrix.ROOT / "tox.ini").read_text())
    assert environments
    assert set(environments[1].split(",")) == {path.stem for path in MATRIX.files()}


def test_openai_versions_of_all_environments_are_documented() -> None:
    """Each environment's openai is among the versions that openai's row names."""
    versions = next(row.versions for row in MATRIX.frameworks if row.name == "openai")
    pins = [line for about in MATRIX.environments.values() for line in about if line.startswith("openai==")]
    assert pins
    assert all(re.sub(r"openai==(.*)\.\*", r"\1", pin) in versions for pin in pins)


@pytest.mark.parametrize("row", MATRIX.frameworks, ids=lambda row: row.name)
def test_the_version_of_a_row_is_the_one_that_is_installed(row: matrix.Framework) -> None:
    """As major.minor."""
    if not ENVIRONMENT:
        pytest.skip("versions are pinned in the tox environments of the frameworks only")
    select(row)
    assert ".".join(metadata.version(row.package).split(".")[:2]) == row.version


@pytest.mark.parametrize("row", [row for row in ROWS if row.example[25:-3] in PRINTED], ids=lambda row: row.name)
def test_every_request_of_an_example_is_signed(row: matrix.Framework) -> None:
    """It prints what it should, and the server has verified every request that it got."""
    select(row)
    lines = run_example(row.example.removeprefix("examples/")).splitlines()
    assert [line for line in PRINTED[row.example[25:-3]] if line not in lines] == []
    verified = [
        match for line in lines if (match := re.fullmatch(r"the server verified (\d+) of (\d+) requests", line))
    ]
    assert len(verified) == 1
    assert int(verified[0][1]) == int(verified[0][2]) > 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_example_fails_when_one_signature_is_withheld(row: matrix.Framework) -> None:
    """Whether the framework raises, tries again or says nothing: the stand-in has counted the request."""
    select(row)
    done = subprocess.run(
        [sys.executable, str(matrix.ROOT / row.example)],
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "EXAMPLES_WITHHOLD": "1"},
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    counts = re.search(r"the server verified (\d+) of (\d+) requests", done.stdout)
    assert counts, done.stdout + done.stderr
    assert int(counts[1]) < int(counts[2])
