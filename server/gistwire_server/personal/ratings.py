"""What users who rate alike think of articles: a user × article matrix of ratings, factorized (`Collaboration`).

Ratings less what is due to the user (some are generous) and to the article (some please everybody) are explained by a
few tastes: a truncated singular value decomposition, in which what is not rated counts as neither more nor less than
expected (Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-n recommendation tasks", 2010).
docs/decisions/0014-collaborative-ratings.md says why.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from gistwire_indexer.user_events import Rating, UserEventStore
from numpy.typing import NDArray

from gistwire_server.config import RatingsConfig

_log = structlog.get_logger(__name__)

Clock = Callable[[], float]
"""Monotonic seconds."""

_DAMPING = 5.0
"""Ratings of the mean that each user and article is given, so that few ratings say little."""
_SEED = 0
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RatingModel:
    """Predicts ratings. Use `fit_ratings`.

    Attributes:
        users: rows of the matrix, by user.
        articles: columns of the matrix, by article.
        mean: mean of all ratings.
        user_biases: ``float64 [users]``.
        article_biases: ``float64 [articles]``.
        user_factors: ``float64 [users, factors]``.
        article_factors: ``float64 [articles, factors]``.
    """

    users: Mapping[str, int]
    articles: Mapping[str, int]
    mean: float
    user_biases: _Floats = field(repr=False)
    article_biases: _Floats = field(repr=False)
    user_factors: _Floats = field(repr=False)
    article_factors: _Floats = field(repr=False)

    def predict(self, user_id: str, article_ids: Iterable[str]) -> dict[str, float]:
        """Returns the ratings in [0, 1] that the user is likely to give, for the articles that the model knows."""
        if user_id not in self.users:
            return {}
        known = [article_id for article_id in article_ids if article_id in self.articles]
        ratings = self._ratings(user_id, [self.articles[article_id] for article_id in known])
        return dict(zip(known, ratings.tolist(), strict=True))

    def best(self, user_id: str, *, limit: int) -> list[str]:
        """Returns the articles that the user is likely to rate above the mean, best first."""
        if user_id not in self.users:
            return []
        ratings = self._ratings(user_id, range(len(self.articles)))
        names = list(self.articles)
        order = sorted(range(len(names)), key=lambda place: (-ratings[place], names[place]))[:limit]
        return [names[place] for place in order if ratings[place] > self.mean]

    def _ratings(self, user_id: str, columns: Sequence[int]) -> _Floats:
        row = self.users[user_id]
        places = np.array(columns, dtype=np.intp)
        tastes = self.article_factors[places] @ self.user_factors[row]
        ratings: _Floats = self.mean + self.user_biases[row] + self.article_biases[places] + tastes
        return np.clip(ratings, 0.0, 1.0)


def fit_ratings(ratings: Sequence[Rating], config: RatingsConfig) -> RatingModel | None:
    """Factorizes ratings, one of each user and article.

    Returns:
        None where there are too few for a collaborative signal, as `config` says.
    """
    taking_part = _dense_part(ratings, config)
    users = _places(each.user_id for each in taking_part)
    articles = _places(each.article_id for each in taking_part)
    # A decomposition of rank k needs more than k articles.
    factors = min(config.factors, len(articles) - 1, len(users) - 1)
    if len(users) < config.min_users or factors < 1:
        return None
    # scikit-learn takes long to import, and most calls are of no user.
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415

    rows = np.array([users[each.user_id] for each in taking_part])
    columns = np.array([articles[each.article_id] for each in taking_part])
    values = np.array([each.value for each in taking_part])
    mean = float(values.mean())
    article_biases = _biases(values - mean, columns, len(articles))
    user_biases = _biases(values - mean - article_biases[columns], rows, len(users))
    residuals = values - mean - article_biases[columns] - user_biases[rows]
    matrix = csr_matrix((residuals, (rows, columns)), shape=(len(users), len(articles)))
    left, scales, right = randomized_svd(matrix, n_components=factors, random_state=_SEED)
    return RatingModel(
        users=users,
        articles=articles,
        mean=mean,
        user_biases=user_biases,
        article_biases=article_biases,
        user_factors=left * scales,
        article_factors=right.T,
    )


class Collaboration:
    """Keeps the model of one tenant's ratings for a while, and none of a user who is to be forgotten.

    Args:
        clock: tells when a model has become too old.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._model: RatingModel | None = None
        self._expires: float | None = None
        self._fitting: asyncio.Task[None] | None = None
        self._forgotten = 0

    async def model(self, store: UserEventStore, config: RatingsConfig) -> RatingModel | None:
        """Returns the model of the ratings; None where they are too few.

        One that is older than `config.time_to_live_s` is still returned, and computed anew meanwhile. Only where
        there is none at all the call waits for it. One that is cancelled then leaves the model to the next call.

        Raises:
            IndexUnavailableError: the store does not answer.
        """
        if self._expires is None or self._expires <= self._clock():
            if self._fitting is None:
                self._fitting = asyncio.create_task(self._fit(store, config))
                self._fitting.add_done_callback(self._end_fitting)
            if self._model is None:
                await asyncio.shield(self._fitting)
        return self._model

    def forget(self, user_id: str) -> None:
        """Drops what the user's ratings have a part in, also in what is being computed.

        The factors of articles come from the ratings of all users, so nothing less than the whole model will do.
        """
        del user_id
        self._forgotten += 1
        self._model = None
        self._expires = None

    async def _fit(self, store: UserEventStore, config: RatingsConfig) -> None:
        forgotten = self._forgotten
        since = datetime.now(UTC) - timedelta(days=config.days)
        ratings = await store.ratings(since, limit=config.max_ratings)
        model = await asyncio.to_thread(fit_ratings, ratings, config)
        if forgotten == self._forgotten:
            self._model = model
            self._expires = self._clock() + config.time_to_live_s

    def _end_fitting(self, task: asyncio.Task[None]) -> None:
        self._fitting = None
        # Nobody may be waiting for it by now.
        if not task.cancelled() and task.exception() is not None:
            _log.warning("ratings_not_read", exc_info=task.exception())


def _dense_part(ratings: Sequence[Rating], config: RatingsConfig) -> list[Rating]:
    """The ratings whose users and articles have enough of each other's, in an order of their own."""
    left = sorted(ratings, key=lambda each: (each.user_id, each.article_id))
    while True:
        of_users = Counter(each.user_id for each in left)
        of_articles = Counter(each.article_id for each in left)
        kept = [
            each
            for each in left
            if of_users[each.user_id] >= config.min_ratings_of_user
            and of_articles[each.article_id] >= config.min_ratings_of_article
        ]
        if len(kept) == len(left):
            return kept
        left = kept


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def _biases(residuals: _Floats, places: NDArray[np.intp], count: int) -> _Floats:
    """Damped mean of the residuals at each place."""
    sums = np.bincount(places, weights=residuals, minlength=count)
    biases: _Floats = sums / (np.bincount(places, minlength=count) + _DAMPING)
    return biases
