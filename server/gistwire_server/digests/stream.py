"""A digest from its subject to the text, as one generator of events: retrieve or fetch, then compose.

The rules of the order are at StreamDigestResponse in summary.proto.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from gistwire.v1 import events_pb2, summary_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import GistwireModelError

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of
from gistwire_server.digests.composition import MODEL, Subject, compose_events
from gistwire_server.digests.plan import DigestPlan
from gistwire_server.engines import Engines
from gistwire_server.errors import ArticleNotFoundError
from gistwire_server.hit_messages import HitWriter
from gistwire_server.plan import SearchPlan
from gistwire_server.policy.shown_messages import show_hits
from gistwire_server.retrieval import FusedHit, retrieve, similarity
from gistwire_server.tally import Tally
from gistwire_server.topics.lookup import articles_of_topic

DigestStreamEvent = (
    events_pb2.Started
    | events_pb2.Hits
    | summary_pb2.DigestSentence
    | summary_pb2.Digest
    | events_pb2.Degraded
    | events_pb2.Completed
)

_ENCODE_SHARE = 0.3
"""Most of the time left that the query's embedding may take."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """An article that the digest draws on, and how it was found."""

    indexed: IndexedArticle
    signals: events_pb2.Signals
    duplicate_ids: tuple[str, ...] = ()


async def digest_events(
    plan: DigestPlan, engines: Engines, *, request_id: str
) -> AsyncGenerator[DigestStreamEvent, None]:
    """Carries out a StreamDigest.

    Args:
        plan: what to do.
        engines: what to do it with.
        request_id: identifier of the call.

    Yields:
        started; degraded if the encoder does not answer; hits; sentences; the digest; completed.

    Raises:
        ArticleNotFoundError: none of the given articles exists.
        TopicNotFoundError: there is no such topic.
        IndexUnavailableError: the index does not answer.
        TimeoutError: time ran out before the articles were there.

    Closing the generator stops all that is under way and waits for its end.
    """
    budget = Budget(plan.deadline_s, engines.costs)
    tally = Tally()
    yield _started(plan, engines, request_id)

    subject, degraded = await _subject(plan, engines, budget)
    if degraded is not None:
        tally.degraded += 1
        yield degraded
    hits = await _hits(plan, engines, budget, subject.embedding)
    tally.first_hit_s = budget.elapsed_s()
    writer = HitWriter(plan.query)
    messages = [
        writer.hit(f"h{place}", hit.indexed, hit.signals, duplicate_ids=hit.duplicate_ids)
        for place, hit in enumerate(hits, start=1)
    ]
    yield events_pb2.Hits(hits=await show_hits(messages, engines.policy), total=len(hits))

    events = compose_events(
        engines,
        [hit.indexed for hit in hits],
        budget=budget,
        subject=subject,
        max_sentences=plan.max_sentences,
    )
    async with aclosing(events):
        async for event in events:
            tally.degraded += isinstance(event, events_pb2.Degraded)
            if isinstance(event, summary_pb2.DigestSentence) and tally.first_summary_s is None:
                tally.first_summary_s = budget.elapsed_s()
            yield event
    yield tally.completed(budget, hit_count=len(hits))


def _started(plan: DigestPlan, engines: Engines, request_id: str) -> events_pb2.Started:
    models: Sequence[tuple[str, ModelVersion]] = (("encoder", engines.encoder.model), ("digest", MODEL))
    return events_pb2.Started(
        request_id=request_id,
        plan=plan.to_proto(),
        models=[
            events_pb2.ModelVersion(role=role, name=model.name, version=model.version)
            for role, model in models
        ],
    )


async def _subject(
    plan: DigestPlan, engines: Engines, budget: Budget
) -> tuple[Subject, events_pb2.Degraded | None]:
    """Embeds the query, if there is one; without an encoder its articles are found by words."""
    if plan.search is None:
        return Subject(), None
    try:
        with budget.spend(Step.ENCODE):
            async with asyncio.timeout(budget.remaining_s() * _ENCODE_SHARE):
                vectors = await engines.encoder.encode([plan.query], priority=Priority.QUERY)
    except (GistwireModelError, TimeoutError) as error:
        if plan.search.retrieval.lexical_weight <= 0:
            raise
        return Subject(plan.query), _lexical_only(error)
    return Subject(plan.query, vectors[0]), None


def _lexical_only(error: Exception) -> events_pb2.Degraded:
    return events_pb2.Degraded(
        stage=events_pb2.StageTime.ENCODE,
        reason=reason_of(error),
        action=events_pb2.Degraded.LEXICAL_ONLY,
    )


async def _hits(
    plan: DigestPlan, engines: Engines, budget: Budget, query_embedding: Embedding | None
) -> list[_Hit]:
    with budget.spend(Step.RETRIEVE):
        async with asyncio.timeout(budget.remaining_s()):
            if plan.search is not None:
                return await _retrieved(plan.search, engines, query_embedding)
            articles = await _given(plan, engines)
    chosen = [each for each in articles if plan.filter is None or plan.filter.matches(each.article)]
    return [_Hit(each, events_pb2.Signals()) for each in chosen[: plan.max_articles]]


async def _given(plan: DigestPlan, engines: Engines) -> list[IndexedArticle]:
    if plan.topic_id:
        return await articles_of_topic(engines, plan.topic_id)
    found = [each for each in await engines.index.get(plan.article_ids) if each is not None]
    if not found:
        raise ArticleNotFoundError("there is no article with any of these ids")
    return found


async def _retrieved(search: SearchPlan, engines: Engines, query_embedding: Embedding | None) -> list[_Hit]:
    """The top hits; one that was deleted since it was found is left out."""
    fused = await retrieve(
        search,
        engines.index,
        query_embedding,
        dense_weight_uncovered=engines.config.retrieval.dense_weight_uncovered,
    )
    fused = fused[: search.top_k]
    articles = await engines.index.get([hit.id for hit in fused])
    return [
        _Hit(indexed, _signals(hit, indexed, query_embedding), hit.duplicate_ids)
        for hit, indexed in zip(fused, articles, strict=True)
        if indexed is not None
    ]


def _signals(hit: FusedHit, indexed: IndexedArticle, query_embedding: Embedding | None) -> events_pb2.Signals:
    dense = hit.dense
    if query_embedding is not None:
        # Also for hits that only the lexical list has.
        dense = similarity(float(query_embedding @ indexed.embedding))
    return events_pb2.Signals(
        lexical=hit.lexical,
        dense=dense,
        fusion=hit.fusion,
        lexical_rank=hit.lexical_rank,
        dense_rank=hit.dense_rank,
    )
