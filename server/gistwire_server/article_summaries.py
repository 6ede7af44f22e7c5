"""Summaries of given articles, as one generator of events: read, summarize, score.

The events and their order are those of a search (pipeline.py) without a ranking.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from gistwire.v1 import article_pb2, events_pb2
from gistwire_indexer.article import Article
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.index import IndexedArticle
from gistwire_indexer.preprocessing import preprocess
from gistwire_models.encoder import Embedding, Priority
from gistwire_models.errors import GistwireModelError

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of
from gistwire_server.engines import Engines
from gistwire_server.errors import ArticleNotFoundError, FieldViolation, InvalidRequestError, status_of
from gistwire_server.hit_messages import HitWriter
from gistwire_server.ingest_stream import raw_article
from gistwire_server.pipeline import started_event
from gistwire_server.plan import SearchPlan, overload_degradations
from gistwire_server.policy.shown_messages import show_hits
from gistwire_server.retrieval import similarity
from gistwire_server.summarization import HitOutcome, HitToSummarize, summarize_hits
from gistwire_server.tally import Tally

SummarizeEvent = (
    events_pb2.Started
    | events_pb2.Hits
    | events_pb2.SummaryDelta
    | events_pb2.Summary
    | events_pb2.HitFailed
    | events_pb2.Degraded
    | events_pb2.Completed
)

_ENCODE_SHARE = 0.5
"""Most of the time left that the encoder is given; the rest is for summaries without it."""


@dataclass(frozen=True, slots=True)
class GivenArticles:
    """What is to be summarized.

    Attributes:
        ids: identifiers of indexed articles, each once.
        articles: articles that came with the request.
    """

    ids: tuple[str, ...]
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class _Embeddings:
    """What was embedded; of articles zeros, and of the query None, if the encoder could not."""

    query: Embedding | None
    articles: Sequence[Embedding]


def read_articles(messages: Sequence[article_pb2.Article]) -> tuple[Article, ...]:
    """Reads articles of a request as an ingest does. CPU work: call it in a thread.

    Raises:
        InvalidRequestError: articles break their limits; the error names the field of each.
    """
    articles = []
    violations = []
    for place, message in enumerate(messages):
        try:
            articles.append(preprocess(raw_article(message)))
        except ArticleError as error:
            violations.append(FieldViolation(f"articles[{place}].{error.field}", error.description))
    if violations:
        raise InvalidRequestError(violations)
    return tuple(articles)


async def summarize_events(
    plan: SearchPlan, given: GivenArticles, engines: Engines, *, request_id: str
) -> AsyncGenerator[SummarizeEvent, None]:
    """Summarizes given articles, those of the index first.

    Args:
        plan: how; its query may be empty.
        given: what.
        engines: with what.
        request_id: identifier of the call.

    Yields:
        started, degraded if the encoder does not answer, hits, and what each hit ends in; then completed. The hit of
        an identifier that there is no article with has nothing but that, and fails with NOT_FOUND.

    Raises:
        ArticleNotFoundError: none of the articles exists.
        IndexUnavailableError: the index does not answer.
        TimeoutError: time ran out before the articles were read.

    Closing the generator stops all that is under way and waits for its end.
    """
    budget = Budget(plan.deadline_s, engines.costs)
    tally = Tally()
    yield started_event(plan.to_proto(), engines, request_id)
    for given_up in overload_degradations(plan.given_up, events_pb2.StageTime.SUMMARIZE):
        tally.degraded += 1
        yield given_up

    found = await _fetch(given.ids, engines, budget)
    if not given.articles and not any(found):
        raise ArticleNotFoundError("there is no article with any of these ids")
    embeddings, degraded = await _embed(plan.query, given.articles, engines, budget)
    if degraded is not None:
        tally.degraded += 1
        yield degraded

    read = [_unindexed(*each) for each in zip(given.articles, embeddings.articles, strict=True)]
    places = {f"h{place}": each for place, each in enumerate([*found, *read], start=1)}
    missing = {
        f"h{place}": article_id
        for place, (article_id, each) in enumerate(zip(given.ids, found, strict=True), start=1)
        if each is None
    }
    indexed = {hit_id: each for hit_id, each in places.items() if each is not None}
    messages = await asyncio.to_thread(_messages, plan.query, indexed, embeddings.query)
    messages |= {hit_id: _missing_hit(hit_id, article_id) for hit_id, article_id in missing.items()}
    tally.first_hit_s = budget.elapsed_s()
    yield events_pb2.Hits(
        hits=await show_hits([messages[hit_id] for hit_id in places], engines.policy),
        attribution_token=engines.signer.attribution_token(
            request_id, plan, [each.article.id for each in indexed.values()]
        ),
        total=len(places),
    )

    for hit_id, article_id in missing.items():
        tally.outcomes += 1
        tally.failed += 1
        yield _not_found(hit_id, article_id)
    to_summarize = [
        HitToSummarize(hit_id, each, messages[hit_id].extract) for hit_id, each in indexed.items()
    ]
    async with aclosing(summarize_hits(to_summarize, plan, engines, budget, embeddings.query)) as events:
        async for event in events:
            tally.count(event, budget)
            yield event.event if isinstance(event, HitOutcome) else event
    yield tally.completed(budget, hit_count=len(places))


async def _fetch(ids: Sequence[str], engines: Engines, budget: Budget) -> list[IndexedArticle | None]:
    if not ids:
        return []
    with budget.spend(Step.RETRIEVE):
        async with asyncio.timeout(budget.remaining_s()):
            return await engines.index.get(ids)


async def _embed(
    query: str, articles: Sequence[Article], engines: Engines, budget: Budget
) -> tuple[_Embeddings, events_pb2.Degraded | None]:
    """Embeds the query and what is in no index; without an encoder summaries are chosen without similarities."""
    texts = [*(article.text for article in articles), *([query] if query else [])]
    if not texts:
        return _Embeddings(None, ()), None
    try:
        with budget.spend(Step.ENCODE):
            async with asyncio.timeout(budget.remaining_s() * _ENCODE_SHARE):
                vectors = await engines.encoder.encode(texts, priority=Priority.SUMMARY)
    except (GistwireModelError, TimeoutError) as error:
        unknown = np.zeros(engines.encoder.dimension, dtype=np.float32)
        return _Embeddings(None, [unknown] * len(articles)), _degraded(error)
    return _Embeddings(vectors[-1] if query else None, list(vectors[: len(articles)])), None


def _degraded(error: Exception) -> events_pb2.Degraded:
    return events_pb2.Degraded(
        stage=events_pb2.StageTime.ENCODE,
        reason=reason_of(error),
        action=events_pb2.Degraded.UNSCORED,
    )


def _unindexed(article: Article, embedding: Embedding) -> IndexedArticle:
    return IndexedArticle(article, article.revision(), datetime.now(UTC), None, embedding)


def _messages(
    query: str, indexed: dict[str, IndexedArticle], query_embedding: Embedding | None
) -> dict[str, events_pb2.Hit]:
    writer = HitWriter(query)
    messages = {}
    for hit_id, each in indexed.items():
        dense = None if query_embedding is None else similarity(float(query_embedding @ each.embedding))
        messages[hit_id] = writer.hit(hit_id, each, events_pb2.Signals(dense=dense))
    return messages


def _missing_hit(hit_id: str, article_id: str) -> events_pb2.Hit:
    return events_pb2.Hit(hit_id=hit_id, article=events_pb2.ArticleView(id=article_id))


def _not_found(hit_id: str, article_id: str) -> events_pb2.HitFailed:
    error = ArticleNotFoundError("there is no article with this id")
    return events_pb2.HitFailed(hit_id=hit_id, article_id=article_id, status=status_of(error))
