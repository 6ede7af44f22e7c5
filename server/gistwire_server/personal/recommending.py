"""The whole way of a recommendation, as one generator of events: user, candidates, choice, summaries, ranking.

The rules of the order are those of a search (events.proto); `reasons` follows `hits`. docs/recommendation.md tells
the way.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from gistwire.v1 import events_pb2, recommendation_pb2
from gistwire_indexer.errors import IndexUnavailableError

from gistwire_server.budget import Budget, Step
from gistwire_server.engines import Engines
from gistwire_server.hit_messages import HitWriter
from gistwire_server.personal.candidates import (
    Candidates,
    Crowd,
    gather_candidates,
    random_direction,
    read_crowd,
)
from gistwire_server.personal.closeness import InterestMatcher
from gistwire_server.personal.interests import Interest
from gistwire_server.personal.personalization import Personalization, not_personalized, personalize
from gistwire_server.personal.plan import RecommendationPlan
from gistwire_server.personal.profiles import with_keywords
from gistwire_server.personal.selection import Recommendation, choose
from gistwire_server.pipeline import SearchEvent, started_event
from gistwire_server.plan import overload_degradations
from gistwire_server.policy.shown_messages import show_hits, show_reasons
from gistwire_server.ranking import signals_message
from gistwire_server.settling import settle_hits
from gistwire_server.summarization import HitToSummarize
from gistwire_server.tally import Tally

RecommendationEvent = SearchEvent | recommendation_pb2.RecommendationReasons


async def recommendation_events(
    plan: RecommendationPlan, engines: Engines, *, request_id: str, now: datetime | None = None
) -> AsyncGenerator[RecommendationEvent, None]:
    """Carries out a recommendation.

    Args:
        plan: what to do.
        engines: what to do it with.
        request_id: identifier of the call.
        now: what counts as the present; None for the time of the call.

    Yields:
        The events, in the order that recommendation.proto promises. A user that is not known gets what is popular
        and fresh, and so does everybody, with a degraded event, while users cannot be read.

    Raises:
        IndexUnavailableError: the index of articles does not answer.
        TimeoutError: time ran out before there were hits.

    Closing the generator stops all that is under way and waits for its end.
    """
    search = plan.search
    now = datetime.now(UTC) if now is None else now
    budget = Budget(search.deadline_s, engines.costs)
    tally = Tally()
    yield started_event(plan.to_proto(), engines, request_id)
    for given_up in overload_degradations(search.given_up, events_pb2.StageTime.SUMMARIZE):
        tally.degraded += 1
        yield given_up

    user = await personalize(engines, search.user_id, budget)
    crowd, crowd_degraded = await _read_crowd(engines, budget, now)
    degraded = user.degraded or crowd_degraded
    if degraded is not None:
        tally.degraded += 1
        yield degraded

    # The same all day, so that a user who comes back finds what was there.
    seed = _seed(engines.tenant, search.user_id, now)
    candidates = await _gather(plan, engines, budget, user=user, crowd=crowd, seed=seed, now=now)
    matcher = InterestMatcher.of(user.interests)
    chosen = await asyncio.to_thread(
        choose,
        candidates,
        matcher,
        search.rank,
        top_k=search.top_k,
        exploration=plan.exploration,
        min_similarity=engines.config.personal.interest_min_similarity,
        source_trust=engines.config.rank.source_trust,
        now=now,
        chance=random.Random(seed),  # noqa: S311 (nothing secret is drawn)
    )
    writer = HitWriter("")
    hits = [
        writer.hit(
            each.signals.hit_id,
            each.indexed,
            signals_message(each.signals),
            duplicate_ids=each.duplicate_ids,
        )
        for each in chosen
    ]
    tally.first_hit_s = budget.elapsed_s()
    yield events_pb2.Hits(
        hits=await show_hits(hits, engines.policy),
        attribution_token=engines.signer.attribution_token(
            request_id, search, [hit.article.id for hit in hits]
        ),
        total=len(hits),
    )
    reasons = await asyncio.to_thread(_reasons, chosen, user.interests)
    yield await show_reasons(reasons, engines.policy)

    to_summarize = [
        HitToSummarize(hit.hit_id, each.indexed, hit.extract) for hit, each in zip(hits, chosen, strict=True)
    ]
    signals = {each.signals.hit_id: each.signals for each in chosen}
    settling = settle_hits(to_summarize, signals, search, engines, budget=budget, tally=tally)
    async with aclosing(settling) as events:
        async for event in events:
            yield event


_CROWD_SHARE = 0.4
"""Most of the time left that is given to reading what all users did."""
_MODEL_SHARE = 0.1
"""Most of it that the ratings of users alike are waited for, where they are not known yet."""


async def _read_crowd(
    engines: Engines, budget: Budget, now: datetime
) -> tuple[Crowd, events_pb2.Degraded | None]:
    try:
        with budget.spend(Step.PERSONALIZE):
            async with asyncio.timeout(budget.remaining_s() * _CROWD_SHARE):
                timeout_s = budget.remaining_s() * _MODEL_SHARE
                return await read_crowd(engines, now, model_timeout_s=timeout_s), None
    except (IndexUnavailableError, TimeoutError) as error:
        return Crowd(), not_personalized(error)


async def _gather(
    plan: RecommendationPlan,
    engines: Engines,
    budget: Budget,
    *,
    user: Personalization,
    crowd: Crowd,
    seed: int,
    now: datetime,
) -> Candidates:
    with budget.spend(Step.RETRIEVE):
        async with asyncio.timeout(budget.remaining_s()):
            return await gather_candidates(
                engines,
                user.history,
                user.interests,
                crowd,
                filter=plan.search.filter,
                top_k=plan.search.top_k,
                direction=random_direction(engines.encoder.dimension, seed),
                now=now,
            )


def _seed(tenant: str, user_id: str, now: datetime) -> int:
    digest = hashlib.blake2b(f"{tenant}\n{user_id}\n{now.date()}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _reasons(
    chosen: Sequence[Recommendation], interests: Sequence[Interest]
) -> recommendation_pb2.RecommendationReasons:
    reasons = [each.reason() for each in chosen]
    named = {each.interest_id for each in reasons}
    exploring = sum(each.exploration for each in chosen)
    return recommendation_pb2.RecommendationReasons(
        reasons=reasons,
        interests=[each.to_proto() for each in with_keywords(interests) if each.id in named],
        exploration=exploring / len(chosen) if chosen else 0.0,
    )
