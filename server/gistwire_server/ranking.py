"""From signals to an order: pure functions, called each time a signal becomes known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np
from gistwire.v1 import events_pb2
from gistwire_models.encoder import Embedding

from gistwire_server.plan import RankWeights

_NEUTRAL_SOURCE_TRUST = 0.5


@dataclass(frozen=True, slots=True)
class RankedSignals:
    """What ranking knows of a hit. Signals are in [0, 1]; those that are None count as not known.

    Attributes:
        hit_id: the hit.
        article_id: the article.
        fusion: fused retrieval score; None for what was not found by a query.
        lexical: normalised BM25 score.
        dense: similarity of query and article.
        query_similarity: similarity of query and summary, or of query and extract where there is no summary.
        recency: freshness.
        interest: closeness to the user's interests.
        source_quality: trust in the source.
        popularity: how much the article was read and liked lately.
        collaborative: how users who rate alike rated it.
        lexical_rank: place in the lexical list, from 1.
        dense_rank: place in the dense list, from 1.
        embedding: ``float32 [dimension]`` of the article, to tell hits that resemble each other.
    """

    hit_id: str
    article_id: str
    fusion: float | None = None
    lexical: float | None = None
    dense: float | None = None
    query_similarity: float | None = None
    recency: float | None = None
    interest: float | None = None
    source_quality: float | None = None
    popularity: float | None = None
    collaborative: float | None = None
    lexical_rank: int | None = None
    dense_rank: int | None = None
    embedding: Embedding | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A hit's place in the order.

    Attributes:
        signals: what the score was made of.
        score: Σ weight × signal.
        redundancy: similarity to the most similar hit ranked above, in [0, 1]; None for the first.
    """

    signals: RankedSignals
    score: float
    redundancy: float | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one signal adds to a score.

    Attributes:
        signal: its name.
        value: its value, in [0, 1].
        weight: its weight; negative for redundancy.
        stand_in: name of the signal whose value it is, where it is not known itself; else empty.
    """

    signal: str
    value: float
    weight: float
    stand_in: str = ""

    @property
    def contribution(self) -> float:
        """Weight × value."""
        return self.weight * self.value


def recency(published: datetime | None, now: datetime, half_life_s: float) -> float | None:
    """Freshness: ``0.5 ^ (age / half-life)``; 1 for what is dated in the future, None for what has no date."""
    if published is None:
        return None
    age_s = max((now - published).total_seconds(), 0.0)
    return math.pow(0.5, age_s / half_life_s)


def source_quality(source: str, trust: dict[str, float]) -> float | None:
    """Trust in a source: what the deployment says, 0.5 if it names others only, None if it names none."""
    return trust.get(source, _NEUTRAL_SOURCE_TRUST) if trust else None


def rank(hits: Sequence[RankedSignals], weights: RankWeights) -> list[RankedHit]:
    """Orders hits by ``Σ weight × signal``, less the weight of redundancy times the redundancy.

    A hit whose summary is not known yet stands in with the similarity of its article to the query, so that it
    neither falls behind nor jumps ahead merely for being late. Redundancy makes the choice greedy: the next hit is
    the one of the greatest score given those above it (maximal marginal relevance, Carbonell and Goldstein 1998).
    Ties are broken by the order of `hits`.

    Args:
        hits: at most 100, if redundancy has a weight.
        weights: weight of each signal.

    Returns:
        Every hit once, best first.
    """
    base = [sum(each.contribution for each in contributions(hit, weights)) for hit in hits]
    if not weights.redundancy:
        places = sorted(range(len(hits)), key=lambda place: (-base[place], place))
        return [RankedHit(hits[place], base[place], redundancy=None) for place in places]
    similarities = _similarities(hits)
    redundancies = np.zeros(len(hits))
    left = list(range(len(hits)))
    order: list[RankedHit] = []
    while left:
        best = max(left, key=lambda place: (base[place] - weights.redundancy * redundancies[place], -place))
        left.remove(best)
        redundancy = float(redundancies[best])
        order.append(
            RankedHit(
                signals=hits[best],
                score=base[best] - weights.redundancy * redundancy,
                redundancy=redundancy if order else None,
            )
        )
        redundancies = np.maximum(redundancies, similarities[best])
    return order


def contributions(
    hit: RankedSignals, weights: RankWeights, *, redundancy: float | None = None
) -> list[Contribution]:
    """What the score of a hit is the sum of: the signals that are known.

    Args:
        hit: what is known.
        weights: weight of each signal.
        redundancy: similarity to the most similar hit ranked above; None leaves it out.
    """
    no_summary = hit.query_similarity is None
    query_similarity = hit.dense if no_summary else hit.query_similarity
    weighted = (
        ("query_similarity", query_similarity, weights.query_similarity),
        ("fusion", hit.fusion, weights.fusion),
        ("recency", hit.recency, weights.recency),
        ("interest", hit.interest, weights.interest),
        ("source_quality", hit.source_quality, weights.source_quality),
        ("popularity", hit.popularity, weights.popularity),
        ("collaborative", hit.collaborative, weights.collaborative),
        ("redundancy", redundancy, -weights.redundancy),
    )
    return [
        Contribution(signal, value, weight, "dense" if signal == "query_similarity" and no_summary else "")
        for signal, value, weight in weighted
        if value is not None
    ]


def ranking_event(
    order: Sequence[RankedHit],
    *,
    final: bool,
    explanations: Mapping[str, events_pb2.Explanation] = MappingProxyType({}),
) -> events_pb2.Ranking:
    """The order as the stream shows it.

    Args:
        order: the hits, best first.
        final: whether it is the last.
        explanations: of hits, by their identifiers.
    """
    return events_pb2.Ranking(
        order=[
            events_pb2.RankedHit(
                hit_id=each.signals.hit_id,
                article_id=each.signals.article_id,
                rank=place,
                score=each.score,
                signals=signals_message(each.signals, redundancy=each.redundancy),
                explanation=explanations.get(each.signals.hit_id),
            )
            for place, each in enumerate(order, start=1)
        ],
        final=final,
    )


def signals_message(signals: RankedSignals, *, redundancy: float | None = None) -> events_pb2.Signals:
    """The signals by name; those that are not known are absent."""
    return events_pb2.Signals(
        lexical=signals.lexical,
        dense=signals.dense,
        fusion=signals.fusion,
        query_similarity=signals.query_similarity,
        recency=signals.recency,
        interest=signals.interest,
        source_quality=signals.source_quality,
        redundancy=redundancy,
        popularity=signals.popularity,
        collaborative=signals.collaborative,
        lexical_rank=signals.lexical_rank,
        dense_rank=signals.dense_rank,
    )


def _similarities(hits: Sequence[RankedSignals]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Cosine of each pair of hits, negative ones as 0, and 0 where an embedding is not known: float64 [n, n]."""
    similarities = np.zeros((len(hits), len(hits)))
    known = [(place, hit.embedding) for place, hit in enumerate(hits) if hit.embedding is not None]
    if known:
        places = [place for place, _ in known]
        vectors = np.stack([embedding for _, embedding in known])
        similarities[np.ix_(places, places)] = np.clip(vectors @ vectors.T, 0.0, 1.0)
    return similarities
