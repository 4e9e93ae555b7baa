"""The requests of `check`, and why there was no answer."""

from __future__ import annotations

import httpx

from oci_httpx_auth._causes import network_cause
from oci_httpx_auth.diagnosis.network import failure_cause


def test_a_failure_that_nobody_thought_of_is_named_by_its_kind() -> None:
    """As is one of an HTTP library that kept no request: there is no host to be named."""
    assert failure_cause(KeyError("x"), "https://h.example").cause == "The request failed with KeyError."
    assert network_cause(httpx.ConnectTimeout("")).cause == "The host did not answer in time."
