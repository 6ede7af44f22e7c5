"""The whole way of a query, as one generator of events: retrieve, summarize, score, rank.

Every step is told of as soon as it is known. The rules of the order are in events.proto; delivery.py bounds what
waits for a slow reader; budget.py decides what is still affordable.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gistwire.v1 import events_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import GistwireModelError, ModelOverloadedError

from gistwire_server.budget import Budget, Step
from gistwire_server.engines import Engines
from gistwire_server.hit_messages import HitWriter
from gistwire_server.paging import Page
from gistwire_server.plan import SearchPlan, duration
from gistwire_server.ranking import (
    RankedSignals,
    rank,
    ranking_event,
    recency,
    signals_message,
    source_quality,
)
from gistwire_server.retrieval import FusedHit, retrieve, similarity
from gistwire_server.summarization import HitOutcome, HitToSummarize, summarize_hits

SearchEvent = (
    events_pb2.Started
    | events_pb2.Hits
    | events_pb2.SummaryDelta
    | events_pb2.Summary
    | events_pb2.HitFailed
    | events_pb2.Ranking
    | events_pb2.Degraded
    | events_pb2.Completed
)

_STAGES = {
    Step.ENCODE: events_pb2.StageTime.ENCODE,
    Step.RETRIEVE: events_pb2.StageTime.RETRIEVE,
    Step.SUMMARIZE_ONE: events_pb2.StageTime.SUMMARIZE,
    Step.SUMMARIZE_SEVERAL: events_pb2.StageTime.SUMMARIZE,
    Step.SCORE: events_pb2.StageTime.SCORE,
}


@dataclass(frozen=True, slots=True)
class _Hit:
    """A hit with its article."""

    hit_id: str
    fused: FusedHit
    indexed: IndexedArticle


@dataclass(frozen=True, slots=True)
class _QueryEmbeddings:
    """What was embedded of a request; None and empty if the encoder could not."""

    query: Embedding | None
    interests: Sequence[Embedding] = ()


async def search_events(
    plan: SearchPlan, engines: Engines, *, request_id: str, page: Page | None = None
) -> AsyncGenerator[SearchEvent, None]:
    """Carries out a search.

    Args:
        plan: what to do.
        engines: what to do it with.
        request_id: identifier of the call.
        page: where an earlier page ended; None to retrieve afresh.

    Yields:
        The events of the search, in the order that events.proto promises.

    Raises:
        IndexUnavailableError: the index does not answer.
        GistwireModelError: the query could not be embedded, and the plan leaves lexical retrieval out.
        TimeoutError: time ran out before there were hits.

    Closing the generator stops all that is under way and waits for its end.
    """
    budget = Budget(plan.deadline_s, engines.costs)
    tally = _Tally()
    yield started_event(plan.to_proto(), engines, request_id)

    embeddings, encoder_degraded = await _embed(plan, engines, budget)
    for degraded in _expected_degradations(plan, encoder_degraded):
        tally.degraded += 1
        yield degraded

    fused = page.hits if page else await _retrieve(plan, engines, budget, embeddings.query)
    offset = page.offset if page else 0
    hits = await _with_articles(fused[offset : offset + plan.top_k], engines, budget)
    signals = {hit.hit_id: _initial_signals(hit, plan, engines, embeddings) for hit in hits}
    messages = _hit_messages(hits, signals, plan)
    tally.first_hit_s = budget.elapsed_s()
    yield events_pb2.Hits(
        hits=messages,
        attribution_token=engines.signer.attribution_token(
            request_id, plan, [hit.indexed.article.id for hit in hits]
        ),
        result_token=engines.signer.page_token(plan, fused, offset + plan.top_k),
        total=len(fused),
    )

    order = rank(list(signals.values()), plan.rank.weights)
    shown: list[str] = []
    to_summarize = [
        HitToSummarize(hit.hit_id, hit.indexed, message.extract)
        for hit, message in zip(hits, messages, strict=True)
    ]
    async with aclosing(summarize_hits(to_summarize, plan, engines, budget, embeddings.query)) as events:
        async for event in events:
            tally.count(event, budget)
            if not isinstance(event, HitOutcome):
                yield event
                continue
            yield event.event
            signals[event.hit_id] = replace(signals[event.hit_id], query_similarity=event.query_similarity)
            order = rank(list(signals.values()), plan.rank.weights)
            places = [each.signals.hit_id for each in order]
            if places != shown and tally.outcomes < len(hits):
                shown = places
                yield ranking_event(order, final=False)

    yield ranking_event(order, final=True)
    yield tally.completed(budget, hit_count=len(hits))


_ENCODE_SHARE = 0.5
"""Most of the time left that a search gives its encoder; the rest is for a search by words."""


@dataclass(slots=True)
class _Tally:
    """What the `completed` event tells of a search."""

    first_hit_s: float = 0.0
    first_summary_s: float | None = None
    outcomes: int = 0
    failed: int = 0
    stored: int = 0
    degraded: int = 0

    def count(
        self, event: events_pb2.SummaryDelta | events_pb2.Degraded | HitOutcome, budget: Budget
    ) -> None:
        if isinstance(event, events_pb2.Degraded):
            self.degraded += 1
            return
        if self.first_summary_s is None:
            self.first_summary_s = budget.elapsed_s()
        if isinstance(event, HitOutcome):
            self.outcomes += 1
            if isinstance(event.event, events_pb2.HitFailed):
                self.failed += 1
            else:
                self.stored += event.event.stored

    def completed(self, budget: Budget, *, hit_count: int) -> events_pb2.Completed:
        spans_s: dict[events_pb2.StageTime.Stage.ValueType, float] = {}
        for step, span_s in budget.spans_s().items():
            spans_s[_STAGES[step]] = max(span_s, spans_s.get(_STAGES[step], 0.0))
        return events_pb2.Completed(
            stages=[
                events_pb2.StageTime(stage=stage, duration=duration(span_s))
                for stage, span_s in spans_s.items()
            ],
            time_to_first_hit=duration(self.first_hit_s),
            time_to_first_summary=(None if self.first_summary_s is None else duration(self.first_summary_s)),
            total=duration(budget.elapsed_s()),
            hit_count=hit_count,
            failed_count=self.failed,
            stored_count=self.stored,
            degraded_count=self.degraded,
        )


def started_event(plan: events_pb2.Plan, engines: Engines, request_id: str) -> events_pb2.Started:
    """What will be done, and by which models."""
    models = (
        ("encoder", engines.encoder.model),
        ("summarizer", engines.summarizer.model),
        ("scorer", engines.scorer.model),
    )
    return events_pb2.Started(
        request_id=request_id,
        plan=plan,
        models=[_model_message(role, model) for role, model in models],
    )


def _model_message(role: str, model: ModelVersion) -> events_pb2.ModelVersion:
    return events_pb2.ModelVersion(role=role, name=model.name, version=model.version)


async def _embed(
    plan: SearchPlan, engines: Engines, budget: Budget
) -> tuple[_QueryEmbeddings, events_pb2.Degraded | None]:
    """Embeds query and interests; without an encoder, or with one that is too slow, the search goes on by words."""
    by_words = plan.retrieval.lexical_weight > 0
    try:
        with budget.spend(Step.ENCODE):
            async with asyncio.timeout(budget.remaining_s() * (_ENCODE_SHARE if by_words else 1)):
                vectors = await engines.encoder.encode([plan.query, *plan.interests], priority=Priority.QUERY)
    except (GistwireModelError, TimeoutError) as error:
        if not by_words:
            raise
        degraded = events_pb2.Degraded(
            stage=events_pb2.StageTime.ENCODE,
            reason=_reason(error),
            action=events_pb2.Degraded.LEXICAL_ONLY,
        )
        return _QueryEmbeddings(None), degraded
    return _QueryEmbeddings(vectors[0], tuple(vectors[1:])), None


def _reason(error: Exception) -> events_pb2.Degraded.Reason.ValueType:
    match error:
        case TimeoutError():
            return events_pb2.Degraded.DEADLINE
        case ModelOverloadedError():
            return events_pb2.Degraded.OVERLOAD
        case _:
            return events_pb2.Degraded.BACKEND_DOWN


def _expected_degradations(
    plan: SearchPlan, encoder_degraded: events_pb2.Degraded | None
) -> list[events_pb2.Degraded]:
    """What is known to be missing before anything was found."""
    degraded = [] if encoder_degraded is None else [encoder_degraded]
    if plan.user_id or (plan.interests and encoder_degraded is not None):
        degraded.append(
            events_pb2.Degraded(
                stage=events_pb2.StageTime.PERSONALIZE,
                reason=(
                    events_pb2.Degraded.NOT_AVAILABLE if plan.user_id else events_pb2.Degraded.BACKEND_DOWN
                ),
                action=events_pb2.Degraded.NOT_PERSONALIZED,
            )
        )
    return degraded


async def _retrieve(
    plan: SearchPlan, engines: Engines, budget: Budget, query_embedding: Embedding | None
) -> tuple[FusedHit, ...]:
    with budget.spend(Step.RETRIEVE):
        async with asyncio.timeout(budget.remaining_s()):
            return await retrieve(
                plan,
                engines.index,
                query_embedding,
                dense_weight_uncovered=engines.config.retrieval.dense_weight_uncovered,
            )


async def _with_articles(fused: Sequence[FusedHit], engines: Engines, budget: Budget) -> list[_Hit]:
    """Fetches the articles of hits; one that was deleted since it was found is left out."""
    async with asyncio.timeout(budget.remaining_s()):
        articles = await engines.index.get([hit.id for hit in fused])
    found = [(hit, indexed) for hit, indexed in zip(fused, articles, strict=True) if indexed is not None]
    return [_Hit(f"h{place}", hit, indexed) for place, (hit, indexed) in enumerate(found, start=1)]


def _initial_signals(
    hit: _Hit, plan: SearchPlan, engines: Engines, embeddings: _QueryEmbeddings
) -> RankedSignals:
    """What is known of a hit before its summary."""
    article = hit.indexed.article
    dense = hit.fused.dense
    if embeddings.query is not None:
        # Also for hits that only the lexical list has.
        dense = similarity(float(embeddings.query @ hit.indexed.embedding))
    interest = max(
        (similarity(float(each @ hit.indexed.embedding)) for each in embeddings.interests), default=None
    )
    return RankedSignals(
        hit_id=hit.hit_id,
        article_id=article.id,
        fusion=hit.fused.fusion,
        lexical=hit.fused.lexical,
        dense=dense,
        recency=recency(article.published, datetime.now(UTC), plan.rank.recency_half_life_s),
        interest=interest,
        source_quality=source_quality(article.source, engines.config.rank.source_trust),
        lexical_rank=hit.fused.lexical_rank,
        dense_rank=hit.fused.dense_rank,
        embedding=hit.indexed.embedding,
    )


def _hit_messages(
    hits: Sequence[_Hit], signals: Mapping[str, RankedSignals], plan: SearchPlan
) -> list[events_pb2.Hit]:
    writer = HitWriter(plan.query)
    return [
        writer.hit(
            hit.hit_id,
            hit.indexed,
            signals_message(signals[hit.hit_id]),
            duplicate_ids=hit.fused.duplicate_ids,
        )
        for hit in hits
    ]
