"""The errors that callers catch."""

from __future__ import annotations

import pickle
import re

import httpx
import pytest

import oci_httpx_auth
from oci_httpx_auth import NoCredentialsFoundError, OCIAuthError, _errors

KINDS = [kind for kind in vars(_errors).values() if isinstance(kind, type) and issubclass(kind, OCIAuthError)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each error is listed once, indented below the class that it derives from."""
    stack: list[str] = []
    drawn = {}
    for indent, name in re.findall(r"^( *)- (\w+)", _errors.__doc__ or "", re.MULTILINE):
        del stack[len(indent) // 4 :]
        drawn[name] = stack[-1] if stack else "Exception"
        stack.append(name)
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in KINDS if kind.__base__}


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_public_and_not_of_an_http_library(kind: type[OCIAuthError]) -> None:
    """A client that retries its transport errors must not retry a wrong configuration."""
    assert getattr(oci_httpx_auth, kind.__name__) is kind
    assert not issubclass(kind, (httpx.HTTPError, OSError))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not NoCredentialsFoundError])
def test_an_error_travels_to_another_process(kind: type[OCIAuthError]) -> None:
    """With its message, as multiprocessing, Dask and Ray send it."""
    error = pickle.loads(pickle.dumps(kind("Correct it.")))
    assert type(error) is kind
    assert str(error) == "Correct it."


def test_an_error_about_all_sources_lists_them() -> None:
    """What is probably wrong comes first, and what to do last."""
    error = NoCredentialsFoundError(
        "There is no config file.", ["config file: missing", "instance metadata: no answer"]
    )
    first, *listed, last = str(error).splitlines()
    assert first == error.likely
    assert first.endswith("Most likely reason: There is no config file.")
    assert listed == ["Looked at:", "  - config file: missing", "  - instance metadata: no answer"]
    assert last == error.remedy
