"""Files with secrets: read whole or not at all, replaced at once or not at all, and watched for changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oci_httpx_auth import ConfigError

from ..conftest import Key
from ..world import World


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users to become")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, key: Key, other_key: Key) -> None:
    """An unreadable key file has its own error; it isn't called a bad key."""
    world = World(tmp_path, key, other_key)
    world.key_file.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # the superuser may read every file, so be nobody
    try:
        with pytest.raises(ConfigError, match=r"key_file may not be read by this user.*owner and mode") as caught:
            world.api_key()
    finally:
        os.seteuid(user)
    assert type(caught.value) is ConfigError


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path, key: Key, other_key: Key) -> None:
    """Reading a key file that is a pipe without a writer would never end."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"key_file is a pipe or a device: .*ordinary file"):
        World(tmp_path, key, other_key).api_key(key_file=tmp_path / "pipe")
