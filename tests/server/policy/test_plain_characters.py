"""Tests of `plain`: the same places, whatever the characters."""

import unicodedata

import pytest
from gistwire_server.policy.plain_characters import plain
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("plain 0-9", "plain 0-9"),
        ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
        ("\U0001d7d8\U0001d7ff", "09"),
        ("\uff21\uff5e\uff11\uff20", "A~1@"),
        ("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-------"),
        ("a\u00a0b\u2007c\u2009d\u202fe\u3000f", "a b c d e f"),
        ("Zürich 苏黎世 ½ ² Ⅷ", "Zürich 苏黎世 ½ ² Ⅷ"),
    ],
)
def test_reads(text: str, read: str) -> None:
    assert plain(text) == read
    # What was met before is read as the first time.
    assert plain(text) == read


@given(st.text())
def test_each_character_becomes_one_and_digits_keep_their_value(text: str) -> None:
    read = plain(text)
    assert len(read) == len(text)
    for before, after in zip(text, read, strict=True):
        if unicodedata.category(before) == "Nd":
            assert after == str(unicodedata.digit(before))
        elif after != before:
            assert after.isascii()
