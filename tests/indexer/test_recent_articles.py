"""Tests of gistwire_indexer.recent_articles."""

import numpy as np
import pytest
from gistwire_indexer.article import Article
from gistwire_indexer.deduplication import KnownArticle
from gistwire_indexer.index import ArticleToIndex
from gistwire_indexer.recent_articles import RecentArticles


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recent(clock: Clock) -> RecentArticles:
    return RecentArticles(kept_s=6, max_kept=3, clock=clock)


def article(article_id: str, *fingerprint: int, duplicate_of: str | None = None) -> ArticleToIndex:
    embedding = np.zeros(1, dtype=np.float32)
    return ArticleToIndex(
        Article(id=article_id, headline=f"News {article_id}", language="en"),
        embedding,
        fingerprint,
        duplicate_of,
    )


def test_articles_that_share_a_value_are_found_earliest_first(recent: RecentArticles) -> None:
    recent.begin([article("z", 1, 2), article("y", 3), article("a", 2, 4)])
    assert recent.sharing((2, 9)) == ["z", "a"]
    assert recent.sharing((9,)) == []
    assert recent.sharing(()) == []


def test_what_is_being_written_is_known(recent: RecentArticles) -> None:
    recent.begin([article("a", 1, duplicate_of="o")])
    assert recent.being_written("a") == KnownArticle("News a", "o")
    assert recent.being_written("b") is None
    recent.end(["a"], visible=False)
    assert recent.being_written("a") is None


def test_what_became_visible_is_forgotten_at_once(recent: RecentArticles) -> None:
    recent.begin([article("a", 1)])
    recent.end(["a"], visible=True)
    assert recent.sharing((1,)) == []
    assert len(recent) == 0


def test_what_did_not_is_kept_for_a_while(recent: RecentArticles, clock: Clock) -> None:
    recent.begin([article("a", 1)])
    recent.end(["a"], visible=False)
    clock.now_s += 5.9
    assert recent.sharing((1,)) == ["a"]
    clock.now_s += 0.2
    assert recent.sharing((1,)) == []
    assert len(recent) == 0


def test_only_so_many_are_kept(recent: RecentArticles) -> None:
    for article_id in "abcde":
        recent.begin([article(article_id, 1)])
        recent.end([article_id], visible=False)
    assert recent.sharing((1,)) == ["c", "d", "e"]


def test_those_that_are_being_written_make_no_room(recent: RecentArticles) -> None:
    recent.begin([article(article_id, 1) for article_id in "abcde"])
    assert recent.sharing((1,)) == list("abcde")


def test_a_new_revision_takes_the_place_of_the_old(recent: RecentArticles, clock: Clock) -> None:
    recent.begin([article("a", 1)])
    recent.end(["a"], visible=False)
    clock.now_s += 3
    recent.begin([article("a", 2)])
    assert recent.sharing((1,)) == []
    # The time of the old revision is over, not that of the new one.
    clock.now_s += 4
    assert recent.sharing((2,)) == ["a"]
