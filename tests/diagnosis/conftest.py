"""What the tests of `check` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..conftest import Key
from ..standin import FakeOCI
from .broken import SERVERS, Broken


@pytest.fixture(autouse=True)
def no_server_left() -> Any:
    yield
    while SERVERS:
        server = SERVERS.pop()
        server.shutdown()
        server.server_close()


@pytest.fixture
def setting(oci: FakeOCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key, other_key: Key) -> Broken:
    return Broken(oci, tmp_path, monkeypatch, key, other_key)
