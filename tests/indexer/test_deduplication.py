"""Tests of gistwire_indexer.deduplication."""

import pytest
from gistwire_indexer.deduplication import (
    NEAR_DUPLICATE_THRESHOLD,
    ArticleToCompare,
    KnownArticle,
    fingerprint,
    resolve_duplicates,
    similarity,
)
from hypothesis import given
from hypothesis import strategies as st

STORY = (
    "Solar panels produced more electricity than coal in Kaldria throughout July, the first calendar month in"
    " which they have done so, grid figures showed on Monday. Wind fell to its lowest share since March."
)
COPY = STORY.replace("Monday", "Tuesday")
OTHER = (
    "A retired couple were awarded a sum by a court, which found that the water board had ignored many"
    " letters about a leaking main under their house for almost forty years, and ordered it to apologise."
)
CHINESE = (
    "云浦茶业登陆霁川交易所首日收涨百分之十八，主营高山绿茶的公司此次发行六千万股，募资用于扩建青岭茶园。"
)


def compared(id_: str, text: str) -> ArticleToCompare:
    return ArticleToCompare(id_, text, fingerprint(text))


def test_fingerprints_are_the_same_in_every_version() -> None:
    """Pinned: indexes hold fingerprints, and other ones would no longer match them."""
    assert fingerprint(STORY)[:3] == (575912246598087824, -3366000778917927549, 1871324713070089170)


def test_fingerprints_are_signed_64_bit_integers() -> None:
    values = fingerprint(STORY)
    assert len(values) == 20
    assert all(-(2**63) <= value < 2**63 for value in values)
    assert any(value < 0 for value in values)


@pytest.mark.parametrize("text", ["", "Rates rise", "DEKALB CORP 2ND QTR FEB 28 NET", "同步A股首秀"])
def test_texts_that_say_too_little_have_no_fingerprint(text: str) -> None:
    assert fingerprint(text) == ()


@pytest.mark.parametrize(
    ("text", "copy"), [(STORY, COPY), (CHINESE, CHINESE.replace("首日", "当日")), (STORY, STORY.upper())]
)
def test_near_copies_share_a_value_and_are_similar(text: str, copy: str) -> None:
    assert set(fingerprint(text)) & set(fingerprint(copy))
    assert similarity(text, copy) >= NEAR_DUPLICATE_THRESHOLD


def test_different_stories_share_nothing() -> None:
    assert not set(fingerprint(STORY)) & set(fingerprint(OTHER))
    assert similarity(STORY, OTHER) < 0.1


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_one_for_the_same_text(text_a: str, text_b: str) -> None:
    assert similarity(text_a, text_a) == 1
    assert similarity(text_a, text_b) == similarity(text_b, text_a)
    assert 0 <= similarity(text_a, text_b) <= 1


def test_the_earliest_similar_candidate_is_the_original() -> None:
    known = {
        "first": KnownArticle(STORY, None),
        "second": KnownArticle(COPY, None),
        "far": KnownArticle(OTHER, None),
    }
    assert resolve_duplicates([compared("new", STORY)], [["far", "first", "second"]], known) == ["first"]


def test_candidates_that_are_not_similar_do_not_count() -> None:
    assert resolve_duplicates([compared("new", STORY)], [["far"]], {"far": KnownArticle(OTHER, None)}) == [
        None
    ]


def test_copies_within_a_batch_are_found() -> None:
    articles = [compared("a", STORY), compared("b", COPY), compared("c", OTHER), compared("d", STORY)]
    assert resolve_duplicates(articles, [[], [], [], []], {}) == [None, "a", None, "a"]


def test_a_chain_leads_to_its_root() -> None:
    known = {"root": KnownArticle(OTHER, None), "middle": KnownArticle(STORY, "root")}
    assert resolve_duplicates([compared("new", COPY)], [["middle"]], known) == ["root"]


def test_a_chain_whose_root_was_deleted_ends_before_it() -> None:
    known = {"middle": KnownArticle(STORY, "deleted")}
    assert resolve_duplicates([compared("new", COPY)], [["middle"]], known) == ["middle"]


def test_a_circle_ends() -> None:
    known = {"a": KnownArticle(STORY, "b"), "b": KnownArticle(STORY, "a")}
    assert resolve_duplicates([compared("new", COPY)], [["a", "b"]], known) in (["a"], ["b"])


def test_an_update_is_no_duplicate_of_itself_nor_of_its_own_copies() -> None:
    known = {"a": KnownArticle(STORY, None), "copy": KnownArticle(COPY, "a")}
    assert resolve_duplicates([compared("a", COPY)], [["a", "copy"]], known) == [None]


def test_an_update_is_not_led_to_an_original_by_its_own_earlier_text() -> None:
    known = {"a": KnownArticle(STORY, "other"), "other": KnownArticle(OTHER, None)}
    assert resolve_duplicates([compared("a", COPY)], [["a"]], known) == [None]


def test_indexed_articles_are_earlier_than_those_of_the_batch() -> None:
    words = [f"word{number}" for number in range(100)]
    indexed = " ".join(["other"] * 22 + words[22:])
    in_batch = " ".join(words[:78] + ["another"] * 22)
    known = {"indexed": KnownArticle(indexed, None)}
    articles = [compared("first", in_batch), compared("second", " ".join(words))]
    assert resolve_duplicates(articles, [["indexed"], []], known) == [None, "first"]
    assert resolve_duplicates(articles, [["indexed"], ["indexed"]], known) == [None, "indexed"]


def test_an_article_is_compared_with_what_the_batch_made_of_a_candidate() -> None:
    known = {"a": KnownArticle(STORY, None)}
    articles = [compared("a", OTHER), compared("new", STORY)]
    assert resolve_duplicates(articles, [["a"], ["a"]], known) == [None, None]
