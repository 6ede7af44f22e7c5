"""Which points a digest makes: sentences that say the same are one point, and the best of them its wording.

Pure functions over vectors, called by composition.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gistwire_server.digests.material import Material
from gistwire_server.digests.sentence_space import SentenceSpace

_CENTRALITY = 1.0
"""Weight of the closeness to what all articles have in common."""

_RELEVANCE = 1.0
"""Weight of the closeness to the query."""

_SUPPORT = 0.3
"""Weight of the share of supporters, on a logarithmic scale: the second tells more than the tenth."""

_LEAD = 0.5
"""Gained by an article's first sentence, falling with 1 / position: news leads with what happened."""

_RECENCY = 0.05
"""Gained by the newest of the articles' sentences, falling to 0 for the oldest."""

_CUT_PENALTY = 0.1
"""Lost by a sentence that had to be shortened."""

_HEADLINE_PENALTY = 0.2
"""Lost by a headline, which is seldom a sentence."""

_MAX_WORDINGS = 3
_WORDING_TOLERANCE = 0.1
"""How much less than the best wording of a point another may be worth, if more articles support it."""

_TRADE_OFF = 0.7
"""λ of maximal marginal relevance: worth against novelty."""

_MIN_SHARE = 0.6
"""Share of the best point's worth that a point needs, lest a digest be padded."""


@dataclass(frozen=True, slots=True)
class _Point:
    """A point.

    Attributes:
        wordings: places of sentences that say it, best first.
        worth: how much a digest gains by it, before novelty.
    """

    wordings: tuple[int, ...]
    worth: float

    @property
    def best(self) -> int:
        """Its best wording."""
        return self.wordings[0]


def select_points(
    material: Material, space: SentenceSpace, max_sentences: int, *, lead: int | None = None
) -> list[tuple[int, ...]]:
    """Selects what a digest says, by maximal marginal relevance (Carbonell and Goldstein 1998).

    Args:
        material: the sentences.
        space: where they lie.
        max_sentences: most points, at least 1.
        lead: place of a sentence that is selected already; None if there is none.

    Returns:
        for each point, best first, places of up to three sentences that word it, best first and all in the
        digest's language; at most `max_sentences` points.
    """
    if not material.sentences:
        return []
    worths = _worths(material, space)
    candidates = _points(material, space, worths)
    floor = _MIN_SHARE * max((point.worth for point in candidates), default=0.0)
    selected: list[tuple[int, ...]] = []
    nearest = np.zeros(len(material.sentences), dtype=np.float32)
    if lead is not None:
        selected.append((lead,))
        nearest = np.maximum(nearest, space.similarities[lead])
        candidates = [point for point in candidates if nearest[point.best] < space.same_point]
    while candidates and len(selected) < max_sentences:
        best = max(
            candidates,
            key=lambda point: (
                _TRADE_OFF * point.worth - (1 - _TRADE_OFF) * float(nearest[point.best]),
                -point.best,
            ),
        )
        selected.append(best.wordings)
        nearest = np.maximum(nearest, space.similarities[best.best])
        candidates = [
            point
            for point in candidates
            if point is not best and nearest[point.best] < space.same_point and point.worth >= floor
        ]
    return selected


def in_reading_order(selected: Sequence[tuple[int, ...]], material: Material) -> list[tuple[int, ...]]:
    """Puts points in the order in which they read as a text.

    The best leads; the others follow from the oldest article to the newest, those of an article together and in
    its order.
    """
    lead, others = selected[:1], selected[1:]

    def key(wordings: tuple[int, ...]) -> tuple[float, int, int]:
        published = material.article_of(wordings[0]).published
        moment = math.inf if published is None else published.timestamp()
        place = material.sentences[wordings[0]]
        return moment, place.article, place.position

    return [*lead, *sorted(others, key=key)]


def _worths(material: Material, space: SentenceSpace) -> NDArray[np.float32]:
    """How much each sentence matters by itself. ``float32 [sentences]``."""
    worths = _CENTRALITY * (space.vectors @ _centre(material, space.vectors))
    if space.query is not None:
        worths = worths + _RELEVANCE * (space.vectors @ space.query)
    worths += _LEAD / (1 + np.array([sentence.position for sentence in material.sentences]))
    worths += _RECENCY * _recency(material)[material.owners()]
    worths -= _HEADLINE_PENALTY * np.array([sentence.is_headline for sentence in material.sentences])
    worths -= _CUT_PENALTY * np.array([not sentence.wording.is_whole for sentence in material.sentences])
    return worths.astype(np.float32)


def _centre(material: Material, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean direction of the articles, each counting the same, copies as one. ``float32 [dimension]``."""
    supporters = material.supporters()
    means = [vectors[supporters == supporter].mean(axis=0) for supporter in np.unique(supporters)]
    centre = np.mean(means, axis=0)
    unit: NDArray[np.float32] = (centre / max(float(np.linalg.norm(centre)), 1e-12)).astype(np.float32)
    return unit


def _recency(material: Material) -> NDArray[np.float64]:
    """1 for the newest article, 0 for the oldest and for those of unknown age. ``float64 [articles]``."""
    moments = [each.published.timestamp() if each.published else None for each in material.articles]
    known = [moment for moment in moments if moment is not None]
    if not known or max(known) == min(known):
        return np.zeros(len(moments))
    span = max(known) - min(known)
    return np.array([0.0 if moment is None else (moment - min(known)) / span for moment in moments])


def _points(material: Material, space: SentenceSpace, worths: NDArray[np.float32]) -> list[_Point]:
    may_word = _may_word(material, _relevant(material, space))
    points = []
    supporters = material.supporters()
    scale = math.log(1 + len(np.unique(supporters)))
    for members in _clusters(space, supporters):
        wordings = sorted(
            (member for member in members if may_word[member]), key=lambda member: (-worths[member], member)
        )
        if wordings:
            support = math.log(1 + len(np.unique(supporters[members]))) / scale
            best = float(worths[wordings[0]])
            good = [each for each in wordings if worths[each] >= best - _WORDING_TOLERANCE][:_MAX_WORDINGS]
            points.append(_Point(tuple(good), best + _SUPPORT * support))
    return points


def _relevant(material: Material, space: SentenceSpace) -> NDArray[np.bool_]:
    """Which articles are on the query, if there is one. ``bool [articles]``."""
    if space.query is None:
        return np.ones(len(material.articles), dtype=bool)
    closeness = np.zeros(len(material.articles), dtype=np.float32)
    np.maximum.at(closeness, material.owners(), space.vectors @ space.query)
    relevant: NDArray[np.bool_] = closeness >= space.relevant * closeness.max()
    return relevant


def _may_word(material: Material, relevant: NDArray[np.bool_]) -> list[bool]:
    """Which sentences a digest may show: on the query, in its language, and standing alone where there are any."""
    in_language = [
        bool(relevant[sentence.article]) and material.articles[sentence.article].language == material.language
        for sentence in material.sentences
    ]
    alone = [
        fits and sentence.wording.stands_alone
        for fits, sentence in zip(in_language, material.sentences, strict=True)
    ]
    return alone if any(alone) else in_language


def _clusters(space: SentenceSpace, supporters: NDArray[np.intp]) -> list[list[int]]:
    """Groups sentences around those that most supporters agree with (star clustering, Aslam et al. 2004).

    Returns:
        groups of places, ascending; each sentence is in one of them.
    """
    similar = space.similarities >= space.same_point
    np.fill_diagonal(similar, val=True)
    of_supporter = np.equal.outer(supporters, np.unique(supporters))
    clusters = []
    free = np.ones(len(supporters), dtype=bool)
    while free.any():
        neighbours = similar & free
        agreeing = (neighbours.astype(np.float32) @ of_supporter.astype(np.float32) > 0).sum(axis=1)
        closeness = np.where(neighbours, space.similarities, 0).sum(axis=1)
        # Closeness stays below the number of sentences, so that it only decides between equals.
        rated = np.where(free, agreeing + closeness / (1 + len(supporters)), -1.0)
        members = np.flatnonzero(neighbours[int(np.argmax(rated))])
        clusters.append([int(member) for member in members])
        free[members] = False
    return clusters
