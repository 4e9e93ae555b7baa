"""How far each server's clock is ahead of ours, and which dates teach it."""

from __future__ import annotations

import pytest

from oci_httpx_auth._signing.clock import ClockOffsets, parse_http_date

from ..standin import FakeOCI


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT"])
def test_a_date_of_another_millennium_is_ignored(date: str) -> None:
    """A clock corrected to it would soon have no date that HTTP can write."""
    assert parse_http_date(date) is None


def test_offsets_are_kept_for_a_bounded_number_of_hosts(oci: FakeOCI) -> None:
    """Clock offsets are kept for a bounded number of hosts."""
    clocks = ClockOffsets(lambda: 0.0)
    for number in range(1100):
        assert clocks.learn("https", f"h{number}.example", 401, "Thu, 01 Jan 1970 01:00:00 GMT", used=0.0)
    assert clocks.offset("h1099.example") == 3600
    assert clocks.offset("h0.example") == 0
    assert not clocks.learn("https", "h.example", 401, "no date", used=0.0)
    assert not clocks.learn("https", "h.example", 401, "x" * 65, used=0.0)


LATER = "Thu, 01 Jan 1970 01:00:00 GMT"


def test_the_date_of_a_refusal_teaches_an_offset() -> None:
    """Of its host alone, in seconds by which that host is ahead."""
    clocks = ClockOffsets(lambda: 600.0)
    assert clocks.learn("https", "h.example", 401, LATER, used=0.0)
    assert clocks.offset("h.example") == 3000
    assert clocks.offset("other.example") == 0


@pytest.mark.parametrize(
    ("scheme", "host", "status", "date", "used"),
    [
        ("https", "h.example", 403, LATER, 0.0),
        ("https", "h.example", 401, None, 0.0),
        ("https", "h.example", 401, LATER, 3570.0),
        ("http", "h.example", 401, LATER, 0.0),
        ("http", "169.254.169.254", 401, LATER, 0.0),
    ],
    ids=["another refusal", "no date", "signed with nearly that offset", "over plain http", "over the link"],
)
def test_an_offset_is_learned_only_if_it_explains_the_refusal(
    scheme: str, host: str, status: int, date: str | None, used: float
) -> None:
    """Signing again would not help, or somebody on the network could shift a signature's date."""
    clocks = ClockOffsets(lambda: 0.0)
    assert not clocks.learn(scheme, host, status, date, used=used)
    assert clocks.offset(host) == 0


def test_a_server_on_this_machine_is_believed_unless_a_proxy_answers_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx uses proxies for loopback too, and a proxy may make up a date."""
    clocks = ClockOffsets(lambda: 0.0)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert not clocks.learn("http", "localhost", 401, LATER, used=0.0)
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert clocks.learn("http", "localhost", 401, LATER, used=0.0)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [(LATER, 3600.0), ("Thu, 01 Jan 1970 02:00:00 +0100", 3600.0), ("Thu, 99 Jan 1970 01:00:00 GMT", None), ("", None)],
)
def test_a_date_header_is_seconds_since_the_epoch(date: str, seconds: float | None) -> None:
    """In any time zone; a malformed one has no meaning."""
    assert parse_http_date(date) == seconds
