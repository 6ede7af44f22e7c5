"""Tests of `shorten`, counting a token for each word and mark."""

import re

from gistwire_models.shortening import shorten
from hypothesis import given
from hypothesis import strategies as st


def count_tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def shortened(text: str, max_tokens: int) -> str:
    return shorten(text, max_tokens=max_tokens, count_tokens=count_tokens)


def test_cuts_after_a_clause_that_uses_most_of_the_room() -> None:
    text = "The council approved the bridge on Monday, although two members voted against it"
    assert shortened(text, 12) == "The council approved the bridge on Monday…"


def test_cuts_after_a_word_where_the_clause_is_too_short() -> None:
    text = "On Monday, the council approved the bridge that had been planned for thirty years"
    assert shortened(text, 12) == "On Monday, the council approved the bridge that had been…"


def test_numbers_stay_whole() -> None:
    text = "The government will pay the whole sum of 1,250,000 dollars to everyone who asks"
    assert shortened(text, 13) == "The government will pay the whole sum of…"


def test_cuts_ideographs_anywhere() -> None:
    count = len
    assert shorten("市议会周一批准了新桥的建设", max_tokens=7, count_tokens=count) == "市议会周一批…"


@given(st.text(alphabet="ab c,;—中，1", min_size=1, max_size=80).map(str.strip), st.integers(1, 30))
def test_keeps_to_the_limit_and_to_the_text(text: str, max_tokens: int) -> None:
    result = shortened(text, max_tokens)
    assert count_tokens(result) <= max_tokens
    assert text.startswith(result.removesuffix("…"))
