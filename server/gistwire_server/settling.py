"""From the hits of a stream to its end: summaries as they come, the order as it changes, `completed`."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from gistwire.v1 import events_pb2
from gistwire_models.encoder import Embedding

from gistwire_server.budget import Budget
from gistwire_server.engines import Engines
from gistwire_server.explanation import explain_order
from gistwire_server.plan import SearchPlan
from gistwire_server.ranking import RankedHit, RankedSignals, rank, ranking_event
from gistwire_server.retrieval import is_covered
from gistwire_server.summarization import HitOutcome, HitToSummarize, summarize_hits
from gistwire_server.tally import Tally

SettlingEvent = (
    events_pb2.SummaryDelta
    | events_pb2.Summary
    | events_pb2.HitFailed
    | events_pb2.Ranking
    | events_pb2.Degraded
    | events_pb2.Completed
)


async def settle_hits(
    hits: Sequence[HitToSummarize],
    signals: Mapping[str, RankedSignals],
    plan: SearchPlan,
    engines: Engines,
    *,
    budget: Budget,
    tally: Tally,
    query_embedding: Embedding | None = None,
) -> AsyncGenerator[SettlingEvent, None]:
    """Summarizes and ranks hits that were shown.

    Args:
        hits: what to summarize, in rank order.
        signals: what is known of each, by its identifier.
        plan: how.
        engines: with what.
        budget: the time for it.
        tally: what was counted of the stream so far.
        query_embedding: ``float32 [dimension]``; None if it could not be made, or there is no query.

    Yields:
        The rest of the stream, in the order that events.proto promises.

    Closing the generator stops all that is under way and waits for its end.
    """
    known = dict(signals)
    shown: list[str] = []
    async with aclosing(summarize_hits(hits, plan, engines, budget, query_embedding)) as events:
        async for event in events:
            tally.count(event, budget)
            if not isinstance(event, HitOutcome):
                yield event
                continue
            yield event.event
            known[event.hit_id] = replace(known[event.hit_id], query_similarity=event.query_similarity)
            if event.is_followed or tally.outcomes == len(hits):
                # The next ranking, which is on its way, tells of this one, too.
                continue
            order = rank(list(known.values()), plan.rank.weights)
            places = [each.signals.hit_id for each in order]
            if places != shown:
                shown = places
                yield ranking_event(order, final=False)
    order = rank(list(known.values()), plan.rank.weights)
    yield ranking_event(order, final=True, explanations=await _explanations(order, hits, plan, engines))
    yield tally.completed(budget, hit_count=len(hits))


async def _explanations(
    order: Sequence[RankedHit], hits: Sequence[HitToSummarize], plan: SearchPlan, engines: Engines
) -> Mapping[str, events_pb2.Explanation]:
    if not plan.explain:
        return {}
    articles = {each.hit_id: each.indexed.article for each in hits}
    dense_factor = 1.0 if is_covered(plan.query) else engines.config.retrieval.dense_weight_uncovered
    return await asyncio.to_thread(explain_order, order, articles, plan, dense_factor=dense_factor)
