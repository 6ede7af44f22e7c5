"""Tests of addresses that keep coming with credentials that are not good."""

import pytest
from gistwire_server.errors import OverloadedError
from gistwire_server.security.failed_attempts import FailedAttempts, address_of

PEER = "ipv4:192.0.2.1:50000"


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_address_that_fails_too_often_waits_for_the_rest_of_the_minute() -> None:
    clock = Clock()
    attempts = FailedAttempts(3, clock)
    for _ in range(3):
        attempts.check(PEER, "bad")
        attempts.failed(PEER)
    clock.now += 20
    with pytest.raises(OverloadedError) as raised:
        attempts.check("ipv4:192.0.2.1:50001", "another")
    assert raised.value.retry_after_s == pytest.approx(40)
    attempts.check("ipv4:192.0.2.2:50000", "bad")
    clock.now += 40
    attempts.check(PEER, "bad")
    attempts.failed(PEER)
    attempts.check(PEER, "bad")


def test_failures_of_long_ago_do_not_count() -> None:
    clock = Clock()
    attempts = FailedAttempts(2, clock)
    for _ in range(5):
        attempts.failed(PEER)
        clock.now += 61
        attempts.failed(PEER)
        attempts.check(PEER, "bad")
        clock.now += 61


def test_credentials_that_were_good_are_always_checked() -> None:
    attempts = FailedAttempts(1, Clock())
    attempts.succeeded("good")
    attempts.failed(PEER)
    attempts.check(PEER, "good")
    with pytest.raises(OverloadedError):
        attempts.check(PEER, "bad")


def test_without_a_limit_nobody_is_turned_away() -> None:
    attempts = FailedAttempts(None)
    for _ in range(1_000):
        attempts.failed(PEER)
    attempts.check(PEER, "bad")


def test_what_is_remembered_is_bounded() -> None:
    attempts = FailedAttempts(1, Clock())
    for number in range(20_000):
        attempts.failed(f"ipv4:10.{number // 65_536}.{number // 256 % 256}.{number % 256}:1")
        attempts.succeeded(str(number))
    attempts.check("ipv4:10.0.0.0:1", "bad")
    with pytest.raises(OverloadedError):
        attempts.check(f"ipv4:10.0.{19_999 // 256}.{19_999 % 256}:1", "0")
    attempts.check(f"ipv4:10.0.{19_999 // 256}.{19_999 % 256}:1", "19999")


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:50000", "192.0.2.1"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:50000", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2:ffff::1]:50000", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:50000", "192.0.2.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:50000", "fe80::/64"),
        ("unix:", None),
        ("", None),
        ("ipv4:nonsense", None),
    ],
)
def test_addresses(peer: str, address: str | None) -> None:
    assert address_of(peer) == address
