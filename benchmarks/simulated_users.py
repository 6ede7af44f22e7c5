"""Readers with several interests, made up over real news: what they read before a day, and what suits them after it.

An interest is a label of articles: a category that the publisher gave, or such a category together with a word of the
headline. Nothing here looks at embeddings: what a recommender finds alike has no part in what counts as relevant.

The articles are put in the order in which they were published, those without a time in the order of their file. The
last `WINDOW_SHARE` of them is news to the simulated readers; all they have read is older.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gistwire_indexer.analysis import analyze, is_stop_word
from gistwire_indexer.sources import RawArticle

WINDOW_SHARE = 0.3
"""Share of the articles, the latest, that recommendations are made from."""

_MIN_OLD = 12
_MIN_NEW = 5
_MAX_NARROW = 400
"""An article and a narrow label: fewer are no interest, and more are a broad one."""
_MIN_LIFT = 2.0
"""How much more frequent a word must be within the category than in all news to make a label with it."""
_MAX_NARROW_LABELS = 200

_INTERESTS = (2, 3, 4)
_CLICKS = (12, 40)
_NOISE = 0.15
"""Share of clicks on anything at all."""
_RATED = 0.5
"""Share of clicks that are followed by a rating."""
_NEW_CLICKS = 20
"""Most articles of the window that a reader of the crowd clicks."""


class Breadth(Enum):
    """What kind of interests readers have."""

    BROAD = "categories"
    NARROW = "category and word"


@dataclass(frozen=True, slots=True)
class Click:
    """An article that a reader has read.

    Attributes:
        article: place of the article.
        rating: in [0, 1]; None if the reader gave none.
    """

    article: int
    rating: float | None


@dataclass(frozen=True, slots=True)
class Reader:
    """A simulated reader.

    Attributes:
        user_id: identifier.
        interests: share of each label that interests the reader.
        old_clicks: what was read before the window, earliest first.
        new_clicks: what was read of the window; the recommender sees it of the crowd alone.
        relevant: the articles of the window that carry a label of the reader.
    """

    user_id: str
    interests: Mapping[str, float]
    old_clicks: tuple[Click, ...]
    new_clicks: tuple[Click, ...]
    relevant: frozenset[int]


class Simulator:
    """Makes up readers of these articles.

    Args:
        articles: in the order in which they were published.
        breadth: what kind of interests they have.
        seed: the same gives the same readers.
    """

    def __init__(self, articles: Sequence[RawArticle], breadth: Breadth, *, seed: int) -> None:
        self._chance = random.Random(seed)
        self._count = len(articles)
        self.window_start = round(len(articles) * (1 - WINDOW_SHARE))
        carriers = _broad(articles) if breadth is Breadth.BROAD else _narrow(articles)
        self._old: dict[str, list[int]] = {}
        self._new: dict[str, list[int]] = {}
        for label, places in sorted(carriers.items()):
            old = [place for place in places if place < self.window_start]
            new = [place for place in places if place >= self.window_start]
            if len(old) >= _MIN_OLD and len(new) >= _MIN_NEW:
                self._old[label], self._new[label] = old, new

        self._labels: defaultdict[int, set[str]] = defaultdict(set)
        for label, places in self._new.items():
            for place in places:
                self._labels[place].add(label)

    @property
    def labels(self) -> list[str]:
        """All interests that readers may have."""
        return list(self._old)

    def labels_of(self, articles: Iterable[int]) -> set[str]:
        """The interests that any of these articles of the window serves."""
        return {label for place in articles for label in self._labels.get(place, ())}

    def reader(self, user_id: str) -> Reader:
        """Makes up one more reader."""
        chance = self._chance
        count = min(chance.choice(_INTERESTS), len(self._old) - 1)
        labels = chance.sample(self.labels, max(count, 1))
        shares = [chance.uniform(0.5, 1.5) for _ in labels]
        interests = {label: share / sum(shares) for label, share in zip(labels, shares, strict=True)}
        everything_old, everything_new = range(self.window_start), range(self.window_start, self._count)
        return Reader(
            user_id=user_id,
            interests=interests,
            old_clicks=self._clicks(interests, self._old, everything_old, chance.randint(*_CLICKS)),
            new_clicks=self._clicks(interests, self._new, everything_new, _NEW_CLICKS),
            relevant=frozenset(place for label in labels for place in self._new[label]),
        )

    def _clicks(
        self, interests: Mapping[str, float], carriers: Mapping[str, list[int]], everything: range, count: int
    ) -> tuple[Click, ...]:
        chance = self._chance
        clicks: dict[int, Click] = {}
        for _ in range(count):
            noise = chance.random() < _NOISE
            label = chance.choices(list(interests), list(interests.values()))[0]
            place = chance.choice(everything if noise else carriers[label])
            # What readers come upon by chance they like less.
            rating = round(chance.uniform(0.0, 0.6) if noise else chance.uniform(0.6, 1.0), 2)
            clicks.setdefault(place, Click(place, rating if chance.random() < _RATED else None))
        return tuple(clicks[place] for place in sorted(clicks))


def _broad(articles: Sequence[RawArticle]) -> dict[str, list[int]]:
    carriers: defaultdict[str, list[int]] = defaultdict(list)
    for place, article in enumerate(articles):
        if article.category:
            carriers[article.category].append(place)
    return carriers


def _narrow(articles: Sequence[RawArticle]) -> dict[str, list[int]]:
    """Categories with a word of the headline that is typical of them, the most frequent."""
    by_label: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    of_words: Counter[str] = Counter()
    of_categories: Counter[str] = Counter()
    for place, article in enumerate(articles):
        words = {
            word
            for word in analyze(article.headline, "en")
            if len(word) > 3 and word.isalpha() and not is_stop_word(word, "en")
        }
        of_words.update(words)
        if article.category:
            of_categories[article.category] += 1
            for word in words:
                by_label[article.category, word].append(place)
    typical = {
        label: places
        for label, places in by_label.items()
        if len(places) <= _MAX_NARROW
        and len(places) * len(articles) >= _MIN_LIFT * of_categories[label[0]] * of_words[label[1]]
    }
    frequent = sorted(typical, key=lambda label: (-len(typical[label]), label))[:_MAX_NARROW_LABELS]
    return {f"{category}: {word}": typical[category, word] for category, word in frequent}
