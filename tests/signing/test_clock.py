"""How far each server's clock is ahead of ours, and which dates teach it."""

from __future__ import annotations

import pytest

from oci_httpx_auth._signing.clock import parse_http_date

from ..standin import FakeOCI


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT"])
def test_a_date_of_another_millennium_is_ignored(date: str) -> None:
    """A clock corrected to it would soon have no date that HTTP can write."""
    assert parse_http_date(date) is None


def test_a_host_that_is_met_for_the_thousandth_time_does_not_cost_memory(oci: FakeOCI) -> None:
    """Clock offsets are kept for a bounded number of hosts."""
    from oci_httpx_auth._signing.clock import ClockOffsets

    clocks = ClockOffsets(lambda: 0.0)
    for number in range(1100):
        assert clocks.learn("https", f"h{number}.example", 401, "Thu, 01 Jan 1970 01:00:00 GMT", used=0.0)
    assert clocks.offset("h1099.example") == 3600
    assert clocks.offset("h0.example") == 0
    assert not clocks.learn("https", "h.example", 401, "no date", used=0.0)
    assert not clocks.learn("https", "h.example", 401, "x" * 65, used=0.0)
