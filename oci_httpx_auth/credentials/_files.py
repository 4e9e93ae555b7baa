"""Files with secrets: read whole or not at all, replaced at once or not at all."""

from __future__ import annotations

import contextlib
import os
import stat

from .._errors import ConfigError
from .._secrecy import secret_in_place_of


def read_small_file(path: str | os.PathLike[str], what: str, *, limit: int = 1 << 20) -> bytes:
    """Read a whole file of at most `limit` bytes. `what` names its role in errors, e.g. "key_file of profile X".

    Raises `ConfigError` that says why it cannot be read and what to check.
    """
    if complaint := secret_in_place_of(what, os.fspath(path)):
        raise ConfigError(complaint)
    resolved = os.path.expanduser(path)
    try:
        mode = os.stat(resolved).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            # A pipe would be waited for, and be empty when the file is read again.
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
        raise ConfigError(f"{what} is larger than {limit} bytes: {resolved}. It is surely another file.")
    return data


def replace_secret_file(path: str, text: str) -> None:
    """Write a secret file so that a reader sees the old or the new one, whole, and nobody else sees either.

    The temporary file has one name: what a crash left behind is removed by the next process to come this way.
    """
    path = os.path.realpath(path)
    temporary = f"{path}.renewed"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
