"""The table of everything that goes wrong, in words."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import oci_httpx_auth
from oci_httpx_auth._secrecy import hide_secrets
from oci_httpx_auth._verdicts import cause, rows


def test_every_row_of_the_table_is_used() -> None:
    """A verdict that nothing names would be dead, and one that is missing a crash in the middle of a report."""
    package = Path(oci_httpx_auth.__file__).parent
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    assert not [key for key in rows() if f'"{key}"' not in code]
    named = re.findall(r'(?<![a-z]_)cause\(\s*"([\w/{}-]+)"', code)
    assert len(named) > 50
    assert not [key for key in named if key not in rows()]


@pytest.mark.parametrize("key", sorted(rows()))
def test_every_verdict_says_what_is_wrong_and_what_to_do(key: str) -> None:
    """In whole sentences, filled in without a placeholder left over; the code is the part before the slash."""
    _, *texts = rows()[key]
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    values = dict.fromkeys(names, 7)
    finding = cause(key, **values)
    assert finding.code == key.partition("/")[0].format(**values)
    assert finding.severity in ("error", "unknown", "warning")
    assert finding.cause
    assert finding.remedy


@pytest.mark.parametrize("key", sorted(rows()))
def test_no_words_of_the_table_are_taken_for_a_secret(key: str) -> None:
    """Findings mask secrets, and would mask an example of a password as well."""
    _, *texts = rows()[key]
    assert [hide_secrets(text) for text in texts] == texts
