"""The whole way of a query, as one generator of events: retrieve, summarize, score, rank.

Every step is told of as soon as it is known. The rules of the order are in events.proto; delivery.py bounds what
waits for a slow reader; budget.py decides what is still affordable.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gistwire.v1 import events_pb2
from gistwire_indexer.index import IndexedArticle, Retrieval
from gistwire_models.encoder import Embedding, Priority
from gistwire_models.errors import GistwireModelError

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of
from gistwire_server.engines import Engines
from gistwire_server.hit_messages import HitWriter
from gistwire_server.kept_answers import KeptAnswer, Recording
from gistwire_server.paging import Page, pinned
from gistwire_server.personal.closeness import InterestMatcher
from gistwire_server.personal.personalization import Personalization, not_personalized, personalize
from gistwire_server.plan import SearchPlan, overload_degradations
from gistwire_server.policy.shown_messages import show_hits
from gistwire_server.ranking import RankedSignals, recency, signals_message, source_quality
from gistwire_server.retrieval import FusedHit, begin_retrieval, retrieve, similarity
from gistwire_server.settling import settle_hits
from gistwire_server.summarization import HitOutcome, HitToSummarize
from gistwire_server.tally import Tally

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
    plan: SearchPlan,
    engines: Engines,
    *,
    request_id: str,
    page: Page | None = None,
    asked: SearchPlan | None = None,
    when_told_again: Callable[[], None] | None = None,
) -> AsyncGenerator[SearchEvent, None]:
    """Carries out a search, or tells again what was found by the same search shortly before.

    Args:
        plan: what to do.
        engines: what to do it with.
        request_id: identifier of the call.
        page: where an earlier page ended; None to retrieve afresh.
        asked: the plan before anything was given up; it is carried out if that takes no more than telling again. None
            if nothing was.
        when_told_again: called before the first event if the answer is one that was kept.

    Yields:
        The events of the search, in the order that events.proto promises.

    Raises:
        IndexUnavailableError: the index does not answer.
        GistwireModelError: the query could not be embedded, and the plan leaves lexical retrieval out.
        TimeoutError: time ran out before there were hits.

    Closing the generator stops all that is under way and waits for its end.
    """
    budget = Budget(plan.deadline_s, engines.costs)
    asked = plan if asked is None else replace(asked, deadline_s=plan.deadline_s)
    question = None
    if page is None:
        question = await engines.answers.question(asked, timeout_s=budget.remaining_s())
    if question is not None and (answer := engines.answers.find(question)) is not None:
        if when_told_again is not None:
            when_told_again()
        for event in _told_again(answer, asked, engines, request_id=request_id, budget=budget):
            yield event
        return
    recording = None if question is None else Recording(question)
    tally = Tally()
    yield started_event(plan.to_proto(), engines, request_id)

    user = await personalize(engines, plan.user_id, budget) if plan.user_id else None
    begun = None if page else begin_retrieval(plan, engines.index)
    embeddings, encoder_degraded = await _embed(plan, engines, budget)
    for degraded in _expected_degradations(plan, encoder_degraded, user):
        tally.degraded += 1
        yield degraded

    fused = page.hits if page else await _retrieve(plan, engines, budget, embeddings.query, begun)
    offset = page.offset if page else 0
    hits = await _with_articles(fused[offset : offset + plan.top_k], engines, budget)
    matcher = None if user is None else InterestMatcher.of(user.interests)
    signals = {hit.hit_id: _initial_signals(hit, plan, engines, embeddings, matcher) for hit in hits}
    messages = _hit_messages(hits, signals, plan)
    tally.first_hit_s = budget.elapsed_s()
    whole = pinned(fused)
    found = events_pb2.Hits(
        hits=await show_hits(messages, engines.policy),
        attribution_token=engines.signer.attribution_token(
            request_id, plan, [hit.indexed.article.id for hit in hits]
        ),
        result_token=engines.signer.page_token(plan, whole, offset + plan.top_k),
        total=len(fused),
    )
    if recording is not None:
        recording.take_hits(found, whole)
    yield found

    to_summarize = [
        HitToSummarize(hit.hit_id, hit.indexed, message.extract)
        for hit, message in zip(hits, messages, strict=True)
    ]
    settling = settle_hits(
        to_summarize,
        signals,
        plan,
        engines,
        budget=budget,
        tally=tally,
        query_embedding=embeddings.query,
    )
    async with aclosing(settling) as events:
        async for event in events:
            if recording is not None:
                recording.take(event)
                if isinstance(event, events_pb2.Completed) and tally.is_repeatable:
                    await engines.answers.keep(recording, timeout_s=budget.remaining_s())
            yield event


def _told_again(
    answer: KeptAnswer, plan: SearchPlan, engines: Engines, *, request_id: str, budget: Budget
) -> Iterator[SearchEvent]:
    """The events of a search whose answer is kept. Its summaries come together, so the order is told once."""
    tally = Tally()
    yield started_event(plan.to_proto(), engines, request_id)
    hits = events_pb2.Hits.FromString(answer.hits)
    article_ids = [hit.article.id for hit in hits.hits]
    hits.attribution_token = engines.signer.attribution_token(request_id, plan, article_ids)
    hits.result_token = engines.signer.page_token(plan, answer.whole, plan.top_k)
    tally.first_hit_s = budget.elapsed_s()
    yield hits
    for summary in map(events_pb2.Summary.FromString, answer.summaries):
        tally.count(HitOutcome(summary.hit_id, summary, None), budget)
        yield summary
    yield events_pb2.Ranking.FromString(answer.ranking)
    yield tally.completed(budget, hit_count=len(article_ids))


_ENCODE_SHARE = 0.5
"""Most of the time left that a search gives its encoder; the rest is for a search by words."""


def started_event(plan: events_pb2.Plan, engines: Engines, request_id: str) -> events_pb2.Started:
    """What will be done, and by which models."""
    models = zip(("encoder", "summarizer", "scorer"), engines.models(), strict=True)
    return events_pb2.Started(
        request_id=request_id,
        plan=plan,
        models=[
            events_pb2.ModelVersion(role=role, name=model.name, version=model.version)
            for role, model in models
        ],
    )


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
            reason=reason_of(error),
            action=events_pb2.Degraded.LEXICAL_ONLY,
        )
        return _QueryEmbeddings(None), degraded
    return _QueryEmbeddings(vectors[0], tuple(vectors[1:])), None


def _expected_degradations(
    plan: SearchPlan, encoder_degraded: events_pb2.Degraded | None, user: Personalization | None
) -> list[events_pb2.Degraded]:
    """What is known to be missing before anything was found."""
    degraded = overload_degradations(plan.given_up, events_pb2.StageTime.SUMMARIZE)
    if encoder_degraded is not None:
        degraded.append(encoder_degraded)
    if user is not None and user.degraded is not None:
        degraded.append(user.degraded)
    elif plan.interests and encoder_degraded is not None:
        degraded.append(not_personalized())
    return degraded


async def _retrieve(
    plan: SearchPlan,
    engines: Engines,
    budget: Budget,
    query_embedding: Embedding | None,
    begun: Retrieval | None,
) -> tuple[FusedHit, ...]:
    with budget.spend(Step.RETRIEVE):
        async with asyncio.timeout(budget.remaining_s()):
            return await retrieve(
                plan,
                engines.index,
                query_embedding,
                dense_weight_uncovered=engines.config.retrieval.dense_weight_uncovered,
                begun=begun,
            )


async def _with_articles(fused: Sequence[FusedHit], engines: Engines, budget: Budget) -> list[_Hit]:
    """Fetches the articles of hits; one that was deleted since it was found is left out."""
    async with asyncio.timeout(budget.remaining_s()):
        articles = await engines.index.get([hit.id for hit in fused])
    found = [(hit, indexed) for hit, indexed in zip(fused, articles, strict=True) if indexed is not None]
    return [_Hit(f"h{place}", hit, indexed) for place, (hit, indexed) in enumerate(found, start=1)]


def _initial_signals(
    hit: _Hit,
    plan: SearchPlan,
    engines: Engines,
    embeddings: _QueryEmbeddings,
    matcher: InterestMatcher | None,
) -> RankedSignals:
    """What is known of a hit before its summary."""
    article = hit.indexed.article
    dense = hit.fused.dense
    if embeddings.query is not None:
        # Also for hits that only the lexical list has.
        dense = similarity(float(embeddings.query @ hit.indexed.embedding))
    closeness = [similarity(float(each @ hit.indexed.embedding)) for each in embeddings.interests]
    if matcher is not None:
        closeness += matcher.closeness(hit.indexed.embedding[None, :]).tolist()
    return RankedSignals(
        hit_id=hit.hit_id,
        article_id=article.id,
        fusion=hit.fused.fusion,
        lexical=hit.fused.lexical,
        dense=dense,
        recency=recency(article.published, datetime.now(UTC), plan.rank.recency_half_life_s),
        interest=max(closeness, default=None),
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
