"""Every example runs, and every request it makes is signed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..examples import run_example

pytestmark = pytest.mark.slow


def test_models_are_named_in_one_place() -> None:
    """A vendor's prefix, such as `meta.`, may be anywhere."""
    folder = Path(__file__).parents[2] / "examples"
    name = re.compile(r"""["'](?:cohere|google|meta|openai|xai)\.[a-z]*(?:llama|command|embed|gemini|gpt|grok)""")
    assert [path.name for path in folder.rglob("*.py") if name.search(path.read_text())] == ["models.py"]


@pytest.mark.parametrize("mode", ["api_key", "security_token", "instance_principal"])
def test_quickstart(mode: str) -> None:
    """It streams, runs an agent, and shows who was authenticated and what the server verified."""
    pytest.importorskip("agents")
    printed = run_example("quickstart.py", *(() if mode == "api_key" else ("--auth", mode)))
    assert f"authenticated by {mode}" in printed
    assert "the server verified 4 of 4 requests" in printed
    assert "REFUSED" not in printed
    for said in ("Hello, and welcome!", "All the best.", "21 degrees Celsius in Lisbon", "x-content-sha256"):
        assert said in printed


def test_dask_batch() -> None:
    """Two worker processes answer all prompts, each with credentials of its own."""
    pytest.importorskip("openai")
    pytest.importorskip("distributed")
    printed = run_example("dask_batch.py")
    assert "8 prompts answered by 2 processes with one signer" in printed
    assert "the server verified 8 of 8 requests" in printed


def test_agent() -> None:
    """Two agents, one per API, use a tool, hand over and answer by a schema."""
    pytest.importorskip("agents")
    printed = run_example("agent.py")
    assert "It is 21 degrees in Lisbon." in printed
    assert "handed over Planner: Trip(city='Lisbon', days=3)" in printed
    assert "the server verified 4 of 4 requests" in printed


@pytest.mark.parametrize("form", ["generic", "cohere_v2"])
def test_native_chat(form: str) -> None:
    """The forms of OCI's own chat, whole and streamed, on demand and on a dedicated endpoint, with httpx alone."""
    printed = run_example("native_chat.py", "--endpoint-form", form)
    for served in ("generic, on demand", "Cohere, on demand", f"{form}, dedicated"):
        assert f"{served}: You said: Say hello to a newcomer.\n" in printed
        assert f"{served}, streamed: You said: Say hello to a newcomer.\n" in printed
    assert "the server verified 6 of 6 requests" in printed
