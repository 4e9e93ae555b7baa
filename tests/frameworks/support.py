"""What the tests of frameworks have in common."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..standin import FakeOCI

EXAMPLES = Path(__file__).parents[2] / "examples" / "frameworks"


# Read here: the tests themselves see no variable of this prefix.
ENVIRONMENT = os.environ.get("OCI_HTTPX_AUTH_FRAMEWORKS", "").removeprefix("frameworks-")


REQUIREMENTS = EXAMPLES / "requirements" / f"{ENVIRONMENT}.txt"


REQUIRED = {
    canonicalize_name(Requirement(line).name)
    for line in (REQUIREMENTS.read_text().splitlines() if ENVIRONMENT else [])
    if not line.startswith("#")
}


UNSIGNED = "the request bypassed the signer, with the placeholder API key"


HELLO = "You said: Say hello."


def need(framework: str, *others: str) -> None:
    """Skip the test where something is not installed; in a tox environment that should have it all, fail."""
    required = {canonicalize_name(Requirement(name).name) for name in (framework, *others)} <= REQUIRED
    if ENVIRONMENT and not required:
        pytest.skip(f"{framework} belongs to another environment")
    for requirement in map(Requirement, (framework, *others)):
        try:
            found = requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
        except metadata.PackageNotFoundError:
            found = False
        if not found:
            (pytest.fail if required else pytest.skip)(f"{requirement} is not installed")


def load(module: str) -> Any:
    """Import a framework, whose warnings about itself are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(module)


def only_one_signs(oci: FakeOCI, signed: Callable[[], str], unsigned: Callable[[], str]) -> None:
    """The first of two calls is answered; the other is refused, since it went out with the placeholder key."""
    import openai

    assert signed() == HELLO
    with pytest.raises(openai.AuthenticationError):
        unsigned()
    assert [record.signed for record in oci.records] == [True, False]
    assert oci.records[-1].reason.startswith(UNSIGNED)
