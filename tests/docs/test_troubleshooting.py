"""The verdicts that docs/troubleshooting.md lists are those that `check` gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oci_httpx_auth.diagnosis.report import shorten

from ..campaigns.set_ups.running import Start, in_this_process, run
from ..campaigns.set_ups.set_ups import SET_UPS
from ..conftest import Key
from ..diagnosis.broken import Broken, first_finding
from ..diagnosis.conftest import no_server_left, setting

__all__ = ["in_this_process", "no_server_left", "setting"]  # fixtures

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text()

# The rows of the first table, in their order: the set-ups of test_diagnosis that make them.
TROUBLE = (
    "key_deleted",
    "wrong_fingerprint",
    "inherits_a_stale_fingerprint",
    "expired_session_token",
    "no_source_at_all",
    "metadata_unreachable",
    "dynamic_group_missing",
    "wrong_compartment",
    "region_not_subscribed",
    "clock_ahead",
    "login_page_in_the_way",
    "misspelt_region",
)

# The rows of the second table: the names in set_ups.py.
MORE = (
    "a good key in a region that is not subscribed",
    "user and tenancy swapped",
    "a user cut off",
    "a region of another realm",
    "quotes around a path",
    "$HOME in a path",
    "the console's placeholder",
    "a file in UTF-16",
    "a key in OCI_CLI_KEY_FILE",
    "the base URL ends with /v1",
    "a model that is not there",
    "a region without the service, through a proxy",
    "a node that may not do what the pod may",
    "a certificate that has expired",
    "a certificate of another authority",
    "a proxy that is down",
)


def rows(section: str) -> list[list[str]]:
    """The rows of a section's table: symptom, verdict, remedy."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    found = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in found if not row[0].startswith((" symptom", " ---"))]


def pattern_of(verdict: str) -> str:
    return ".*".join(map(re.escape, verdict.strip("`").split("…")))


def test_each_row_has_its_set_up() -> None:
    """As many rows as set-ups."""
    assert (len(rows("Symptoms")), len(rows("More symptoms"))) == (len(TROUBLE), len(MORE))


@pytest.mark.parametrize("number", range(len(TROUBLE)), ids=TROUBLE)
def test_check_says_what_the_page_says_it_does(number: int, setting: Broken) -> None:
    """The verdict, word by word; `…` stands for what differs from case to case."""
    report, *_ = first_finding(setting, TROUBLE[number])
    _, verdict, remedy = rows("Symptoms")[number]
    said = " ".join(shorten(report.verdict).split())
    assert re.fullmatch(pattern_of(verdict), said), f"{said!r} is not {verdict!r}"
    assert remedy
    assert report.next_step


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("number", range(len(MORE)), ids=[name.replace("/", "|") for name in MORE])
def test_check_says_what_the_second_table_says(number: int, tmp_path: Path, key: Key, in_this_process: Start) -> None:
    """The beginning of verdict and next step, word by word."""
    (setup,) = [setup for setup in SET_UPS if setup.name == MORE[number]]
    words = run(setup, tmp_path, key, in_this_process).verdict
    verdict = rows("More symptoms")[number][1]
    said = " ".join(words.replace("Next: ", "").split())
    assert re.match(pattern_of(verdict), said), f"{said!r} does not begin with {verdict!r}"
