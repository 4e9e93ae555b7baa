"""README's table of frameworks is true: its versions are those that were tested, its examples are there, all of them."""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "frameworks"
# Where the versions are pinned. Elsewhere a newer release would make the table wrong overnight.
PINNED = bool(os.environ.get("OCI_HTTPX_AUTH_REQUIRE_FRAMEWORKS"))

# The frameworks as the table calls them, and what they are distributed as.
DISTRIBUTIONS = {
    "openai": "openai",
    "openai-agents": "openai-agents",
    "LangChain": "langchain-openai",
    "pydantic-ai": "pydantic-ai-slim",
    "LlamaIndex": "llama-index-llms-openai-like",
    "instructor": "instructor",
    "LiteLLM": "litellm",
    "smolagents": "smolagents",
    "anthropic": "anthropic",
    "google-genai": "google-genai",
    "MCP": "mcp",
    "httpx": "httpx",
    "websockets": "websockets",
}


def rows() -> list[tuple[str, list[str], str]]:
    """Of each row: the framework, the versions it was tested with, and the file that its first cell links to."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Frameworks\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    assert lines[0] == "| framework | tested with | how | mind |"
    found = []
    for line in lines[1:]:
        if set(line) <= set("|- "):
            continue
        name, versions, _, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        link = re.fullmatch(r"\[(.+)\]\((examples/[\w/]+\.py)\)", name)
        assert link, f"{name} links to no example"
        found.append((link[1], versions.split(", "), link[2]))
    return found


def test_every_row_links_to_an_example_and_every_example_has_a_row() -> None:
    """And every framework is known to this file, so that its version is looked at."""
    links = {link for _, _, link in rows()}
    assert all((ROOT / link).is_file() for link in links)
    assert {f"examples/frameworks/{path.name}" for path in EXAMPLES.glob("with_*.py")} <= links
    assert {name for name, _, _ in rows()} <= set(DISTRIBUTIONS)


def test_the_versions_of_the_table_are_those_that_are_installed() -> None:
    """As major.minor; where the same code was tested with several versions the cell has them all."""
    if not PINNED:
        pytest.skip("versions are pinned in the tox environments of the frameworks only")
    installed = 0
    for name, versions, _ in rows():
        try:
            version = metadata.version(DISTRIBUTIONS[name])
        except metadata.PackageNotFoundError:
            continue
        installed += 1
        assert ".".join(version.split(".")[:2]) in versions, f"{name} is tested with {version}, not with {versions}"
    assert installed
