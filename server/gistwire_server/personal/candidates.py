"""The articles that a recommendation chooses from: near interests, rated well by users alike, popular, fresh."""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from gistwire_indexer.filter import And, Comparison, Field, Filter, Operator
from gistwire_indexer.index import ArticleIndex, IndexedArticle, RetrievalQuery
from gistwire_models.encoder import Embedding

from gistwire_server.engines import Engines
from gistwire_server.personal.interests import Interest
from gistwire_server.personal.profiles import UserHistory
from gistwire_server.personal.ratings import RatingModel

_DEEPEST = 1_000
"""Longest list of articles near an interest."""
_SPARE = 20
"""How many more articles than are wanted are looked at near each interest."""
_POPULAR = 100
_ALIKE = 50
_FRESH = 50
_FRESH_DAYS = (2.0, 30.0)
"""What counts as fresh; where nothing is, as in an archive, articles of any age stand in."""
_COMPARED = 1_000
"""Latest articles of a history whose near-duplicates are looked for."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Articles that may be recommended, none of which the user has read, rated or dismissed.

    Attributes:
        articles: in any order, each once.
        popularity: how much each was read and liked lately, in [0, 1]; those that were not are left out.
        ratings: how users who rate alike rated each, in [0, 1]; those of which it is not known are left out.
        alike: those that are there because users who rate alike rated them well.
    """

    articles: tuple[IndexedArticle, ...]
    popularity: Mapping[str, float] = field(default_factory=dict)
    ratings: Mapping[str, float] = field(default_factory=dict)
    alike: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Crowd:
    """What all users' events say.

    Attributes:
        popularity: weight of the most popular articles, as the store gives it.
        model: predicts ratings; None where there are too few.
    """

    popularity: Mapping[str, float] = field(default_factory=dict)
    model: RatingModel | None = None


async def read_crowd(engines: Engines, now: datetime, *, model_timeout_s: float) -> Crowd:
    """Reads what all users' events say; a model that takes longer is left to the next call.

    Raises:
        IndexUnavailableError: the store does not answer.
    """
    personal = engines.config.personal
    popularity, model = await asyncio.gather(
        engines.user_events.popularity(now - timedelta(days=personal.popularity_days), limit=_POPULAR),
        _model(engines, model_timeout_s),
    )
    return Crowd(popularity, model)


async def _model(engines: Engines, timeout_s: float) -> RatingModel | None:
    try:
        async with asyncio.timeout(timeout_s):
            return await engines.collaboration.model(engines.user_events, engines.config.personal.ratings)
    except TimeoutError:
        return None


async def gather_candidates(
    engines: Engines,
    history: UserHistory,
    interests: Sequence[Interest],
    crowd: Crowd,
    *,
    filter: Filter | None,  # noqa: A002
    top_k: int,
    direction: Embedding,
    now: datetime,
) -> Candidates:
    """Gathers what may be recommended.

    Args:
        engines: where.
        history: what the user has done.
        interests: what interests the user; those without a centre play no part.
        crowd: what all users' events say.
        filter: which articles take part; None for all.
        top_k: number of hits wanted.
        direction: ``float32 [dimension]``, unit length: a direction that has nothing to do with the user, in which
            fresh articles are looked for, so that they are of all kinds.
        now: the present.

    Raises:
        IndexUnavailableError: the index does not answer.
    """
    index = engines.index
    settled = history.settled_articles()
    near, fresh, compared = await asyncio.gather(
        _near_interests(index, interests, filter, set(settled), top_k),
        _fresh(index, filter, direction, now),
        index.get(settled[:_COMPARED]),
    )
    alike = [] if crowd.model is None else crowd.model.best(history.user_id, limit=_ALIKE)
    known = {*settled, *(_original(each) for each in compared if each is not None)}
    wanted = dict.fromkeys([*near, *alike, *crowd.popularity, *fresh])
    articles = tuple(
        each
        for each in await index.get([article_id for article_id in wanted if article_id not in known])
        if each is not None
        and _original(each) not in known
        # What is popular or was rated was not retrieved by the filter.
        and (filter is None or filter.matches(each.article))
    )
    ids = [each.article.id for each in articles]
    most = max(crowd.popularity.values(), default=0.0)
    return Candidates(
        articles=articles,
        popularity={
            article_id: math.log1p(crowd.popularity[article_id]) / math.log1p(most)
            for article_id in ids
            if article_id in crowd.popularity
        },
        ratings={} if crowd.model is None else crowd.model.predict(history.user_id, ids),
        alike=frozenset(alike),
    )


async def _near_interests(
    index: ArticleIndex,
    interests: Iterable[Interest],
    filter: Filter | None,  # noqa: A002
    settled: set[str],
    top_k: int,
) -> list[str]:
    lists = await asyncio.gather(
        *(
            _near(index, each.centre, filter, settled, wanted=top_k + _SPARE, expected=len(each.articles))
            for each in interests
            if each.centre is not None
        )
    )
    return [article_id for found in lists for article_id in found]


async def _near(
    index: ArticleIndex,
    centre: Embedding,
    filter: Filter | None,  # noqa: A002
    settled: set[str],
    *,
    wanted: int,
    expected: int,
) -> list[str]:
    """The nearest articles that are not settled; the settled ones, of which so many are expected, are nearest."""
    for depth in (min(wanted + expected, _DEEPEST), _DEEPEST):
        lists = await index.retrieve(RetrievalQuery(None, centre, filter, depth))
        found = [each.id for each in lists.dense if each.id not in settled]
        if len(found) >= wanted or len(lists.dense) < depth:
            break
    return found[:wanted]


async def _fresh(
    index: ArticleIndex,
    filter: Filter | None,  # noqa: A002
    direction: Embedding,
    now: datetime,
) -> list[str]:
    """Articles of all kinds, the freshest there are."""
    lists = await asyncio.gather(
        *(
            index.retrieve(RetrievalQuery(None, direction, each, _FRESH))
            for each in (*(_since(now - timedelta(days=days), filter) for days in _FRESH_DAYS), filter)
        )
    )
    return list(dict.fromkeys(each.id for found in lists for each in found.dense))[:_FRESH]


def _since(time: datetime, filter: Filter | None) -> Filter:  # noqa: A002
    published = Comparison(Field.PUBLISHED, Operator.GREATER_OR_EQUAL, time)
    return published if filter is None else And((filter, published))


def random_direction(dimension: int, seed: int) -> Embedding:
    """``float32 [dimension]``, unit length, the same for the same seed."""
    vector = np.random.default_rng(seed).standard_normal(dimension)
    direction: Embedding = (vector / np.linalg.norm(vector)).astype(np.float32)
    return direction


def _original(indexed: IndexedArticle) -> str:
    """Identifier that an article has in common with its near-duplicates."""
    return indexed.duplicate_of or indexed.article.id
