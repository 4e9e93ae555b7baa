"""Files with secrets: read whole or not at all, replaced at once or not at all, and watched for changes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from oci_httpx_auth import ConfigError
from oci_httpx_auth.credentials._files import read_small_file, replace_secret_file
from oci_httpx_auth.credentials._provider import Provider

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


# Forks a writer for each line that it is given, and says its id, and when it is gone: only one interpreter has to start.
WRITERS = """
import os, sys
from oci_httpx_auth.credentials._files import read_small_file, replace_secret_file
path, size = sys.argv[1], int(sys.argv[2])
for _ in sys.stdin:
    writer = os.fork()
    number = 0
    while not writer:
        number += 1
        with open(path, "rb") as file:
            before = file.read()
        replace_secret_file(path, f"{number:08d}" * size, instead_of=before)
    print(writer, flush=True)
    os.waitpid(writer, 0)
    print("gone", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system does not kill like this")
@pytest.mark.slow
def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_file(tmp_path: Path) -> None:
    """At whatever moment: the token is the old or the new one, and the next write clears away what was left behind."""
    path, size = tmp_path / "token", 400
    leftovers = 0
    command = [sys.executable, "-c", WRITERS, str(path), str(size)]
    writers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert writers.stdin is not None
    assert writers.stdout is not None
    for round_ in range(15):
        before = path.read_bytes() if path.exists() else b""
        assert replace_secret_file(str(path), "-" * 8 * size, instead_of=before)
        print("start", file=writers.stdin, flush=True)
        writer = int(writers.stdout.readline())
        # Killed when the writer has come so many files far, at whatever it does at that moment.
        while not path.read_text().startswith(f"{round_ % 5 + 1:08d}") and path.read_text() < f"{round_ % 5 + 1:08d}":
            pass
        os.kill(writer, signal.SIGKILL)
        assert writers.stdout.readline() == "gone\n"
        text = path.read_text()
        assert text == text[:8] * size
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for entry in tmp_path.iterdir():
            if entry.name != "token":
                leftovers += 1
                assert re.fullmatch(r"\.token\..+\.renewed", entry.name)
                assert stat.S_IMODE(entry.stat().st_mode) == 0o600
                os.utime(entry, (0, 0))  # so old that nobody can be writing it any more
        assert replace_secret_file(str(path), "whole", instead_of=text.encode())
        assert [entry.name for entry in tmp_path.iterdir()] == ["token"]
    writers.communicate(timeout=20)
    assert leftovers, "no round was killed in the middle of a write"


@pytest.mark.parametrize("trouble", ["a text that is no token", "a directory in its place"])
def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, trouble: str) -> None:
    """The old file stays as it is, and there is no other."""
    path = tmp_path / "token"
    if trouble == "a directory in its place":
        path.mkdir()
        with pytest.raises(IsADirectoryError):
            replace_secret_file(str(path), "new", instead_of=b"old")
    else:
        path.write_text("old")
        with pytest.raises(UnicodeEncodeError):
            replace_secret_file(str(path), "n\xe9w", instead_of=b"old")
        assert not replace_secret_file(str(path), "new", instead_of=b"somebody else's")
        assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_two_writers_without_a_lock_do_not_tear_the_file(tmp_path: Path) -> None:
    """Each writes to a temporary file of its own, so a reader finds the whole text of one of them."""
    path = tmp_path / "token"
    path.write_text("a")
    wrote: list[bool] = []

    def write(letter: str) -> None:
        for length in range(20):
            before = path.read_bytes()
            wrote.append(replace_secret_file(os.fspath(path), letter * (200_000 + length), instead_of=before))

    writers = [threading.Thread(target=write, args=(letter,)) for letter in "bcde"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        text = path.read_text()
        assert len(text) == 1 or len(text) >= 200_000
        assert set(text) == {text[0]}
    assert len(wrote) == 80  # none of them has failed
    assert True in wrote
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "the token does not exist: .*Correct the path"),
        (lambda path: path.mkdir(), "the token is a directory: .*Give the path of a file"),
        (lambda path: path.write_bytes(b"x" * 11), "the token is larger than 10 bytes"),
    ],
    ids=["missing", "directory", "too large"],
)
def test_a_file_that_cannot_be_read_is_named_by_its_role(
    tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    """With its path and what to do."""
    path = tmp_path / "token"
    make(path)
    with pytest.raises(ConfigError, match=says) as caught:
        read_small_file(path, "the token", limit=10)
    assert str(path) in str(caught.value)


def test_a_file_of_just_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a path that may begin with the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_bytes(b"x" * 10)
    assert read_small_file("~/token", "the token", limit=10) == b"x" * 10


def test_a_file_that_somebody_else_has_written_is_left_to_them(tmp_path: Path) -> None:
    """Nothing else is left in the directory either."""
    path = tmp_path / "token"
    path.write_text("newer")
    assert not replace_secret_file(str(path), "ours", instead_of=b"old")
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]
    assert path.read_text() == "newer"


def test_a_replaced_file_is_closed_to_others_and_keeps_its_group(tmp_path: Path) -> None:
    """A missing one is created for its owner alone."""
    path = tmp_path / "token"
    assert replace_secret_file(str(path), "first", instead_of=b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o664)
    assert replace_secret_file(str(path), "second", instead_of=b"first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert path.read_text() == "second"


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text("longer"),
        lambda path: os.utime(path, ns=(0, 0)),
        lambda path: os.replace(shutil.copy2(path, path.with_name("copy")), path),
    ],
    ids=["deleted", "another size", "another time", "another file"],
)
def test_a_watch_notices_whatever_happens_to_a_file(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Without reading it, until it is noted again."""
    path = tmp_path / "key"
    path.write_text("key")
    provider = Provider("a test")
    provider._note(path)
    provider._note(tmp_path / "missing")
    assert not provider.changed()
    change(path)
    assert provider.changed()
    provider._note(path)
    assert not provider.changed()


def test_a_watch_notices_a_file_that_was_missing(tmp_path: Path) -> None:
    """A path that no system has is missing for good, and no error."""
    provider = Provider("a test")
    provider._note(tmp_path / "key")
    provider._note("a\0b")
    assert not provider.changed()
    (tmp_path / "key").touch()
    assert provider.changed()
