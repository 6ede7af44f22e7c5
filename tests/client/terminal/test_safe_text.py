"""Tests of gistwire_client.terminal.safe_text."""

import json
import unicodedata

import pytest
from gistwire_client.terminal.safe_text import escaped, folded, printable
from hypothesis import given
from hypothesis import strategies as st

hostile = st.text(st.one_of(st.characters(categories=["C"]), st.characters()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", "]8;;http://evil.exampleclick]8;;"),
        ("\x9b2Jgone", "2Jgone"),
        ("over\rwritten\nline", "over written line"),
        ("abc\u202edcba\u2066x\u2069", "abcdcbax"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800lone", "lone"),
        ("naïve — 海上风电 🌊", "naïve — 海上风电 🌊"),
        ("می\u200cخواهم 👩\u200d🚒", "می\u200cخواهم 👩\u200d🚒"),
    ],
)
def test_what_could_act_on_a_terminal_is_removed(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(hostile)
def test_nothing_is_left_but_what_can_be_seen(text: str) -> None:
    shown = printable(text)
    assert not [
        character
        for character in shown
        if character not in "\u200c\u200d"
        and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    ]
    assert printable(shown) == shown


@given(hostile)
def test_folded_text_has_single_spaces_between_words(text: str) -> None:
    shown = folded(text)
    assert shown == " ".join(shown.split())
    assert shown.split() == printable(text).split()


@given(hostile)
def test_escaped_json_means_the_same_and_can_all_be_seen(text: str) -> None:
    line = escaped(json.dumps({"text": text}, ensure_ascii=False))
    assert printable(line) == line
    assert json.loads(line) == {"text": text}
