"""How likely two articles tell the same story: by meaning, by shared words, and by time; many pairs at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gistwire_server.topics.story_articles import StoryArticle

Places = NDArray[np.intp]
Similarities = NDArray[np.float32]

_DAY_S = 86_400.0

_MAX_ARTICLES_OF_TERM = 1_000
"""A word of more articles tells no story; to compare all of them for its sake would take quadratic time."""


@dataclass(frozen=True, slots=True)
class StorySettings:
    """When articles are of one story. The figures are in docs/topics.md.

    Attributes:
        threshold: mean similarity from which two groups of articles are one story, in [0, 1], in a window of
            `assumed_articles` or fewer.
        threshold_rise: what is added for each doubling beyond that: among more articles more are alike by chance.
        terms_weight: what the words that articles share count, in [0, 1]; the rest goes to their meaning.
        uncovered_gain: what the similarity of words is multiplied by where meaning is not known: alone it is lower.
        time_penalty: what articles lose that are `time_span_s` apart, or more; in proportion below that.
        time_span_s: in seconds.
        assumed_articles: a word is not called frequent by a window of fewer articles than this.
        max_story_articles: most articles of one story; more are told from each other more strictly.
    """

    threshold: float = 0.4
    threshold_rise: float = 0.025
    terms_weight: float = 0.4
    uncovered_gain: float = 1.5
    time_penalty: float = 0.1
    time_span_s: float = 7 * _DAY_S
    assumed_articles: int = 1_000
    max_story_articles: int = 2_000

    def threshold_for(self, articles: int) -> float:
        """The threshold in a window of so many articles."""
        return self.threshold + self.threshold_rise * max(
            math.log2(max(articles, 1) / self.assumed_articles), 0
        )


class TermWeights:
    """How much it tells that articles share a word: the rarer it is, the more. Learned once, used for later articles.

    A word that was not there then counts as the rarest.
    """

    def __init__(self, articles: Sequence[StoryArticle], settings: StorySettings) -> None:
        self._columns: dict[str, int] = {}
        columns = [column for article in articles for column in self._columns_of(article)]
        frequencies = np.bincount(columns, minlength=len(self._columns)) if columns else np.zeros(0)
        self._total = max(len(articles), settings.assumed_articles)
        self._weights = np.log(1 + self._total / frequencies).astype(np.float32)
        self._weights[frequencies > _MAX_ARTICLES_OF_TERM] = 0

    def matrix(self, articles: Sequence[StoryArticle]) -> Any:
        """Returns a sparse ``float32 [len(articles), terms]`` with rows of unit length (or 0 without terms)."""
        from scipy.sparse import csr_array  # noqa: PLC0415 (it takes a while, and not every server needs it)

        rows = [self._columns_of(article) for article in articles]
        columns = np.array([column for row in rows for column in row], dtype=np.int32)
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
        rarest = np.float32(np.log(1 + self._total))
        weights = np.pad(self._weights, (0, len(self._columns) - len(self._weights)), constant_values=rarest)
        values = weights[columns]
        squares = np.concatenate([[0.0], np.cumsum(values.astype(np.float64) ** 2)])
        lengths = np.sqrt(squares[starts[1:]] - squares[starts[:-1]])
        values /= np.repeat(np.maximum(lengths, 1.0), np.diff(starts)).astype(np.float32)
        matrix = csr_array((values, columns, starts), shape=(len(rows), len(self._columns)))
        matrix.eliminate_zeros()
        return matrix

    def _columns_of(self, article: StoryArticle) -> list[int]:
        return [self._columns.setdefault(term, len(self._columns)) for term in article.terms]


class PairSimilarity:
    """The similarities of a set of articles, computed when they are asked for.

    ``(1 − w) · cosine + w · cosine of shared terms − penalty of time``. Where the encoder does not know the script of
    one of them, its vector says nothing, and the shared terms count alone.
    """

    def __init__(self, articles: Sequence[StoryArticle], terms: TermWeights, settings: StorySettings) -> None:
        self._settings = settings
        self._embeddings = np.stack([article.embedding for article in articles])
        self._is_covered = np.array([article.is_covered for article in articles])
        self._terms = terms.matrix(articles)
        times_s = np.array([article.time_s for article in articles])
        # Relative to the first they are exact to the second in single precision, which takes half the time.
        self._times_s = (times_s - times_s.min()).astype(np.float32)

    def between(self, rows: Places, columns: Places) -> Similarities:
        """Returns ``float32 [len(rows), len(columns)]``."""
        settings = self._settings
        similarities: Similarities = self._embeddings[rows] @ self._embeddings[columns].T
        similarities *= 1 - settings.terms_weight
        shared = (self._terms[rows] @ self._terms[columns].T).tocoo()
        weights = np.full(len(shared.data), settings.terms_weight, dtype=np.float32)
        if not self._is_covered.all():
            similarities[~self._is_covered[rows], :] = 0
            similarities[:, ~self._is_covered[columns]] = 0
            covered = self._is_covered[rows[shared.row]] & self._is_covered[columns[shared.col]]
            weights[~covered] = settings.uncovered_gain
        # Each pair occurs once, so that adding in place adds all.
        similarities[shared.row, shared.col] += weights * shared.data
        apart_s = np.abs(self._times_s[rows][:, None] - self._times_s[columns])
        np.minimum(apart_s, settings.time_span_s, out=apart_s)
        apart_s *= settings.time_penalty / settings.time_span_s
        similarities -= apart_s
        np.minimum(similarities, 1.0, out=similarities)
        return similarities
