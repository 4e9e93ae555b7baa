"""The table of everything that goes wrong, in words."""

from __future__ import annotations

import re
from pathlib import Path

import oci_httpx_auth
from oci_httpx_auth._verdicts import cause as verdicts
from oci_httpx_auth.diagnosis.verdicts import cause as checks


def test_every_row_of_the_tables_is_used() -> None:
    """A verdict that nothing names would be dead, and one that is missing a crash in the middle of a report."""
    package = Path(oci_httpx_auth.__file__).parent
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    assert not [key for key in (*verdicts.rows, *checks.rows) if f'"{key}"' not in code]
    named = re.findall(r'(?<![a-z]_)cause\(\s*"([\w/-]+)"', code)
    assert len(named) > 60
    assert not [key for key in named if key not in verdicts.rows and key not in checks.rows]
