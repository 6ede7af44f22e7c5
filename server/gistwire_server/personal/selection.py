"""From candidates to the hits of a recommendation and the reason of each: pure functions."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from gistwire.v1 import recommendation_pb2
from gistwire_indexer.index import IndexedArticle

from gistwire_server.personal.candidates import Candidates
from gistwire_server.personal.closeness import InterestMatcher, most_similar
from gistwire_server.personal.interests import Interest
from gistwire_server.plan import RankPlan
from gistwire_server.ranking import RankedSignals, rank, recency, source_quality

_RANKED = 100
"""Most candidates that are ranked with regard to each other."""
_SHARE_OF_A_HIT = 1.5
"""Number of hits that an interest's share of them comes to, from which it has one even where the best are of others.
On simulated readers 1.5 reaches more of their interests at the same nDCG; 1 lowers it by 0.01 to 0.02."""
_LEAST_CHANCE = 0.1
"""Chance of a candidate that is neither popular nor fresh to be shown to explore, against 1 for the most popular."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An article that is recommended.

    Attributes:
        indexed: the article.
        signals: what ranking knows of it.
        interest: the interest it comes from; None if it comes from none.
        exploration: whether it is shown to explore.
        alike: whether it is there because users who rate alike rated it well.
        duplicate_ids: near-duplicates that collapsed under it.
    """

    indexed: IndexedArticle
    signals: RankedSignals
    interest: Interest | None = None
    exploration: bool = False
    alike: bool = False
    duplicate_ids: tuple[str, ...] = ()

    def reason(self) -> recommendation_pb2.RecommendationReason:
        """Why it is recommended."""
        reason = recommendation_pb2.RecommendationReason(
            hit_id=self.signals.hit_id, exploration=self.exploration
        )
        if self.exploration:
            return reason
        if self.interest is None:
            reason.collaborative = self.alike
            reason.popular = not self.alike and bool(self.signals.popularity)
            return reason
        reason.interest_id = self.interest.id
        read = most_similar(self.interest.articles, self.indexed.embedding)
        if read is not None:
            reason.history_article_id = read.indexed.article.id
            reason.history_headline = read.indexed.article.headline
        return reason


def choose(
    candidates: Candidates,
    matcher: InterestMatcher | None,
    plan: RankPlan,
    *,
    top_k: int,
    exploration: float,
    min_similarity: float,
    source_trust: dict[str, float],
    now: datetime,
    chance: random.Random,
) -> list[Recommendation]:
    """Chooses what is recommended.

    Args:
        candidates: what may be.
        matcher: compares them with the user's interests; None if there are none.
        plan: how they are ranked.
        top_k: most recommendations.
        exploration: share of them from outside the interests; what is not a whole number is left to chance.
        min_similarity: cosine to an interest down to which an article belongs to it.
        source_trust: trust in sources, by name.
        now: the present.
        chance: what is left to chance.

    Returns:
        best first, with hit identifiers in this order; fewer where there are not enough candidates.
    """
    eligible = _weigh(
        candidates, matcher, plan, min_similarity=min_similarity, source_trust=source_trust, now=now
    )
    if plan.collapse:
        eligible = _collapse(eligible)
    share = exploration * top_k
    exploring = math.floor(share) + (chance.random() < share - math.floor(share))
    explored = _explore(eligible, exploring, chance)
    taken = {each.indexed.article.id for each in explored}
    left = [each for each in eligible if each.indexed.article.id not in taken]
    count = top_k - len(explored)
    best = _ranked(left[:_RANKED], plan)[:count]
    if matcher is not None:
        owed = [each for each in matcher.interests if each.weight * count >= _SHARE_OF_A_HIT]
        best = _serve(owed, best, left)
    return [
        replace(each, signals=replace(each.signals, hit_id=f"h{place}"))
        for place, each in enumerate(_ranked([*best, *explored], plan), start=1)
    ]


def _weigh(
    candidates: Candidates,
    matcher: InterestMatcher | None,
    plan: RankPlan,
    *,
    min_similarity: float,
    source_trust: dict[str, float],
    now: datetime,
) -> list[Recommendation]:
    """All candidates with their signals and interests, best first."""
    if not candidates.articles:
        return []
    count = len(candidates.articles)
    closenesses: Sequence[float | None] = [None] * count
    interests: Sequence[Interest | None] = [None] * count
    if matcher is not None:
        embeddings = np.stack([each.embedding for each in candidates.articles])
        closenesses = matcher.closeness(embeddings).tolist()
        interests = matcher.nearest(embeddings, min_similarity=min_similarity)
    weighed = [
        Recommendation(
            indexed=each,
            signals=RankedSignals(
                hit_id="",
                article_id=each.article.id,
                recency=recency(each.article.published, now, plan.recency_half_life_s),
                interest=closeness,
                source_quality=source_quality(each.article.source, source_trust),
                popularity=candidates.popularity.get(each.article.id),
                collaborative=candidates.ratings.get(each.article.id),
                embedding=each.embedding,
            ),
            interest=interest,
            alike=each.article.id in candidates.alike,
        )
        for each, closeness, interest in zip(candidates.articles, closenesses, interests, strict=True)
    ]
    weighed.sort(key=lambda each: each.indexed.article.id)
    # Redundancy is left for the few that are left.
    return _ranked(weighed, replace(plan, weights=replace(plan.weights, redundancy=0.0)))


def _ranked(recommendations: Sequence[Recommendation], plan: RankPlan) -> list[Recommendation]:
    by_article = {each.indexed.article.id: each for each in recommendations}
    order = rank([each.signals for each in recommendations], plan.weights)
    return [by_article[each.signals.article_id] for each in order]


def _collapse(recommendations: Sequence[Recommendation]) -> list[Recommendation]:
    """Puts near-duplicates under the best of them."""
    groups: dict[str, list[Recommendation]] = {}
    for each in recommendations:
        groups.setdefault(each.indexed.duplicate_of or each.indexed.article.id, []).append(each)
    return [
        replace(best, duplicate_ids=tuple(each.indexed.article.id for each in others))
        for best, *others in groups.values()
    ]


def _serve(
    owed: Sequence[Interest], best: Sequence[Recommendation], others: Sequence[Recommendation]
) -> list[Recommendation]:
    """Gives each of these interests a hit, in place of the last that is not the only one of its interest."""
    served = list(best)
    for interest in owed:
        of_interests = Counter(each.interest.id for each in served if each.interest is not None)
        if interest.id in of_interests:
            continue
        found = next((each for each in others if each.interest is interest), None)
        spare = [
            place
            for place, each in enumerate(served)
            if each.interest is None or of_interests[each.interest.id] > 1
        ]
        if found is not None and spare:
            served[spare[-1]] = found
    return served


def _explore(eligible: Sequence[Recommendation], count: int, chance: random.Random) -> list[Recommendation]:
    """Draws what is shown to explore: away from all interests, the rather the more popular or fresh it is."""
    far = [each for each in eligible if each.interest is None]
    # Weighted sampling without replacement (Efraimidis and Spirakis, 2006).
    keys = {
        each.indexed.article.id: math.log(1.0 - chance.random())
        / max(each.signals.popularity or 0.0, each.signals.recency or 0.0, _LEAST_CHANCE)
        for each in far
    }
    drawn = sorted(far, key=lambda each: keys[each.indexed.article.id], reverse=True)[:count]
    return [replace(each, exploration=True) for each in drawn]
