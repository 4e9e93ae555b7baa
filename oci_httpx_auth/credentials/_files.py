"""Files with secrets: read completely, replaced atomically, and compared with an earlier state."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .._errors import ConfigError, InvalidTokenError
from .._secrecy import secret_in_place_of

T = TypeVar("T")

_LEFTOVER = 600.0  # seconds after which a temporary file counts as abandoned


def read_small_file(path: str | os.PathLike[str], what: str, *, limit: int = 1 << 20) -> bytes:
    """Read a whole file of at most `limit` bytes. `what` names its role in errors, e.g. "key_file of profile X".

    Raises a `ConfigError` that says why it cannot be read and what to check.
    """
    if complaint := secret_in_place_of(what, os.fspath(path)):
        raise ConfigError(complaint)
    resolved = os.path.expanduser(path)
    try:
        mode = os.stat(resolved).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            # Reading a pipe would block, and it would be empty when read again.
            raise ConfigError(f"{what} is a pipe or a device: {resolved}. Give the path of an ordinary file.")
        with open(resolved, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise ConfigError(f"{what} does not exist: {resolved}. Correct the path, or create the file.") from None
    except IsADirectoryError:
        raise ConfigError(f"{what} is a directory: {resolved}. Give the path of a file.") from None
    except PermissionError:
        raise ConfigError(f"{what} may not be read by this user: {resolved}. Check its owner and mode.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{what} cannot be read: {resolved} ({reason}).") from None
    if len(data) > limit:
        raise ConfigError(f"{what} is larger than {limit} bytes: {resolved}. Check that the path is right.")
    return data


def read_pair(read: Callable[[], T]) -> T:
    """Read a token and its key, again if the token is invalid: they are replaced one after the other.

    Raises what `read` raises; `InvalidTokenError` only after several attempts, in about 0.1 s.
    """
    for _ in range(5):
        try:
            return read()
        except InvalidTokenError:
            time.sleep(0.02)
    return read()


def replace_secret_file(path: str, text: str, *, instead_of: bytes) -> bool:
    """Replace a secret file atomically, unless its content has changed. Returns whether it was replaced.

    instead_of: the expected content. The file keeps its owner and mode, except access for others; a missing file is
    created.

    Raises `OSError`.
    """
    path = os.path.realpath(path)
    directory, name = os.path.split(path)
    before = os.stat(path) if os.path.exists(path) else None
    _remove_leftovers(directory, name)
    descriptor, temporary = tempfile.mkstemp(".renewed", f".{name}.", directory)  # mode 0600, a unique name
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            if before is not None and hasattr(os, "fchown"):
                with contextlib.suppress(PermissionError):  # only root may give files away, and only root needs to
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), before.st_mode & 0o660 | 0o600)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as present:
            if present.read() != instead_of:
                os.unlink(temporary)
                return False
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def _remove_leftovers(directory: str, name: str) -> None:
    """Remove temporary files of processes that were killed while writing."""
    with contextlib.suppress(OSError):
        for path in Path(directory).iterdir():
            ours = path.name.startswith(f".{name}.") and path.name.endswith(".renewed")
            if ours and time.time() - path.lstat().st_mtime > _LEFTOVER:
                path.unlink()


def file_state(path: str | os.PathLike[str]) -> object:
    """A value that differs once the file has been replaced, changed, created or deleted. The file is not read."""
    try:
        found = os.stat(os.path.expanduser(path))
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
