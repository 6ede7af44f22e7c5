"""Tests of API keys: what is taken, what is not, and that a secret stays one."""

from datetime import UTC, datetime, timedelta

import pytest
from gistwire_server.errors import CredentialsRejectedError
from gistwire_server.security.api_keys import ApiKeys, new_api_key
from gistwire_server.security.callers import Caller, Role
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def test_a_key_tells_whose_it_is() -> None:
    site = new_api_key("site", [Role.SEARCH], ["red"])
    crawler = new_api_key("crawler", [Role.INGEST, Role.SEARCH], None)
    keys = ApiKeys([site.kept, crawler.kept])
    assert keys.caller_of(site.secret) == Caller("key:site", frozenset({Role.SEARCH}), frozenset({"red"}))
    assert keys.caller_of(crawler.secret) == Caller(
        "key:crawler", frozenset({Role.INGEST, Role.SEARCH}), None
    )


def test_a_key_is_taken_until_it_expires() -> None:
    key = new_api_key("site", [Role.SEARCH], None, expires=NOW)
    ApiKeys([key.kept], lambda: NOW - timedelta(seconds=1)).caller_of(key.secret)
    with pytest.raises(CredentialsRejectedError) as raised:
        ApiKeys([key.kept], lambda: NOW).caller_of(key.secret)
    assert raised.value.why == "key_expired"


def test_a_key_that_differs_in_one_digit_is_not_taken() -> None:
    key = new_api_key("site", [Role.SEARCH], None)
    keys = ApiKeys([key.kept])
    for place in range(len("gw_"), len(key.secret)):
        digit = "0" if key.secret[place] != "0" else "1"
        with pytest.raises(CredentialsRejectedError):
            keys.caller_of(key.secret[:place] + digit + key.secret[place + 1 :])


def test_the_hash_is_no_key() -> None:
    key = new_api_key("site", [Role.SEARCH], None).kept
    with pytest.raises(CredentialsRejectedError):
        ApiKeys([key]).caller_of(f"gw_{key.id}_{key.sha256}")


@given(st.text() | st.from_regex(r"gw_[0-9a-f]{12}_[0-9a-f]{64}\n?", fullmatch=True))
def test_nothing_else_is_taken_or_breaks_it(text: str) -> None:
    key = new_api_key("site", [Role.SEARCH], None)
    with pytest.raises(CredentialsRejectedError):
        ApiKeys([key.kept]).caller_of(text)


def test_no_two_keys_are_alike_and_none_is_shown_by_accident() -> None:
    first, second = (new_api_key("site", [Role.SEARCH], None) for _ in range(2))
    assert first.secret != second.secret
    assert first.kept.id != second.kept.id
    secret = first.secret.rpartition("_")[2]
    assert secret not in repr(first)
    assert secret not in repr(first.kept)
    with pytest.raises(CredentialsRejectedError) as raised:
        ApiKeys([second.kept]).caller_of(first.secret)
    assert secret not in str(raised.value) + raised.value.why
