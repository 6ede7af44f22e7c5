"""Tests of `PreparedArticles`: what is kept, for which articles, and how much of it."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest
from gistwire_indexer.article import Article
from gistwire_indexer.index import IndexedArticle
from gistwire_models.summarizer import Candidate, Origin
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.summary_policy import Evidence, SummaryPolicy
from gistwire_server.policy.text_rules import rules_of
from gistwire_server.prepared_articles import PreparedArticles


class _CountingPolicy(SummaryPolicy):
    """Counts the articles that it read."""

    def __init__(self) -> None:
        super().__init__(rules_of(PolicyConfig()))
        self.read: list[str] = []

    def evidence(self, article: Article) -> Evidence:
        self.read.append(article.headline)
        return super().evidence(article)


@pytest.fixture
def policy() -> _CountingPolicy:
    return _CountingPolicy()


def indexed_article(
    headline: str, *, article_id: str = "a", body: str = "Crews met at the quay."
) -> IndexedArticle:
    article = Article(id=article_id, headline=headline, body=body, language="en")
    embedding = np.full(4, 0.5, np.float32)
    return IndexedArticle(
        article=article,
        embedding=embedding,
        duplicate_of=None,
        revision=article.revision(),
        indexed=datetime(2026, 11, 1, tzinfo=UTC),
    )


async def test_an_article_is_prepared_once(policy: _CountingPolicy) -> None:
    articles = PreparedArticles(policy, max_characters=1_000)
    first = await articles.prepare(indexed_article("Harbour strike"))
    assert await articles.prepare(indexed_article("Harbour strike")) is first
    assert policy.read == ["Harbour strike"]
    assert first.evidence.text == "Harbour strike\nCrews met at the quay."


async def test_articles_are_prepared_in_the_order_they_were_asked_for(policy: _CountingPolicy) -> None:
    articles = PreparedArticles(policy, max_characters=1_000)
    wanted = [indexed_article(f"Harbour {number}", article_id=f"a{number}") for number in (1, 2, 3, 1)]
    prepared = await asyncio.gather(*map(articles.prepare, wanted))
    assert policy.read == ["Harbour 1", "Harbour 2", "Harbour 3"]
    assert prepared[0] is prepared[3]


async def test_the_profile_is_made_when_it_is_asked_for(policy: _CountingPolicy) -> None:
    prepared = await PreparedArticles(policy, max_characters=1_000).prepare(indexed_article("Harbour strike"))
    before = prepared.has_profile
    candidate = Candidate("Crews met at the quay.", Origin.EXTRACTED)
    assert prepared.profile.describe(candidate).features.copied_pairs == 1.0
    assert (before, prepared.has_profile) == (False, True)
    assert prepared.profile.has_described(candidate, has_embedding=False, max_tokens=None)


async def test_a_new_revision_is_another_article(policy: _CountingPolicy) -> None:
    articles = PreparedArticles(policy, max_characters=1_000)
    await articles.prepare(indexed_article("Harbour strike"))
    revised = await articles.prepare(indexed_article("Harbour strike ends"))
    assert revised.evidence.headline == "Harbour strike ends"


async def test_no_more_text_is_kept_than_may_be(policy: _CountingPolicy) -> None:
    articles = PreparedArticles(policy, max_characters=150)
    for article_id in ("a", "b", "a", "c", "b"):
        await articles.prepare(
            indexed_article(f"Harbour {article_id}", article_id=article_id, body="word " * 10)
        )
    assert policy.read == ["Harbour a", "Harbour b", "Harbour c", "Harbour b"]
    for _ in range(2):
        await articles.prepare(indexed_article("Harbour long", article_id="long", body="word " * 100))
    assert policy.read[4:] == ["Harbour long", "Harbour long"]


async def test_nothing_may_be_kept(policy: _CountingPolicy) -> None:
    articles = PreparedArticles(policy, max_characters=0)
    for _ in range(2):
        await articles.prepare(indexed_article("Harbour strike"))
    assert len(policy.read) == 2
