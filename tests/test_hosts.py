"""Which hosts are reached without crossing a network."""

from __future__ import annotations

import pytest

from oci_httpx_auth._hosts import is_link_local, is_loopback


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.10", "::1", "[::1]"])
def test_this_machine_is_loopback(host: str) -> None:
    """By name, with or without the root's dot, and by any of its addresses; it is not link-local as well."""
    assert is_loopback(host)
    assert not is_link_local(host)


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1%eth0", "[fe80::1]", "fd00:c1::a9fe:a9fe"])
def test_the_metadata_service_is_link_local(host: str) -> None:
    """At either of its addresses, and so is every other host on the same link."""
    assert is_link_local(host)
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["localhost.example", "127.0.0.1.example", "notlocalhost", "10.0.0.1", "fd00::1", "0.0.0.0", "2130706433", ""],
)
def test_everything_else_is_on_a_network(host: str) -> None:
    """Names that look like this machine's, private networks, and other spellings of an address."""
    assert not is_loopback(host)
    assert not is_link_local(host)
