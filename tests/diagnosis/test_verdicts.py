"""The table of what `check` says."""

from __future__ import annotations

import string

import pytest

from oci_httpx_auth._verdicts import cause as shared
from oci_httpx_auth.diagnosis.verdicts import cause


@pytest.mark.parametrize("key", sorted({*cause.rows, *shared.rows}))
def test_every_verdict_says_what_is_wrong_and_what_to_do(key: str) -> None:
    """In whole sentences, filled in without a placeholder left over; the code is the part before the slash."""
    table = cause if key in cause.rows else shared
    _, *texts = table.rows[key]
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    finding = table(key, **dict.fromkeys(names, 7))
    assert finding.code == key.partition("/")[0]
    assert finding.severity in ("error", "unknown", "warning")
    assert finding.cause
    assert finding.remedy
