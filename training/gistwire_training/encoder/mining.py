"""Finds hard negatives: bodies that share words with a headline and tell another story; used by `training`.

They are mined by BM25, as in Karpukhin et al., "Dense Passage Retrieval" (2020), over the indexer's own postings:
each headline looks only at the bodies that hold one of its terms.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from gistwire_indexer.analysis import analyze
from gistwire_indexer.embedded.lexical import FREQUENCIES_DTYPE, LexicalIndex
from numpy.typing import NDArray

from gistwire_training.data.splitting import group_near_duplicates
from gistwire_training.pairs import Pair

NO_NEGATIVE = -1
"""Stands in place of a negative where there are not enough."""

_REPORT_EVERY = 500

Places = NDArray[np.int64]
"""Places of pairs in the training list."""


def group_stories(pairs: Sequence[Pair]) -> Places:
    """Tells which pairs tell the same story, so that none of them is taken for a negative of another.

    They do if one nearly repeats the other, or if their headlines are the same, for then no reader could tell which
    body is meant.

    Returns:
        ``int64 [len(pairs)]``: for each pair the number of its story.
    """
    by_id = group_near_duplicates({pair.id: f"{pair.headline}\n{pair.body}" for pair in pairs})
    by_headline: dict[str, str] = {}
    joined: dict[str, str] = {}

    def root(story: str) -> str:
        while story in joined:
            story = joined[story]
        return story

    for pair in pairs:
        story = root(by_id[pair.id])
        other = root(by_headline.setdefault(pair.headline.casefold(), story))
        if story != other:
            joined[story] = other
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(root(by_id[pair.id]), len(numbers)) for pair in pairs], dtype=np.int64
    )


def mine_hard_negatives(
    pairs: Sequence[Pair],
    stories: Places,
    *,
    pool: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Places:
    """Ranks, for each headline, the bodies of other stories by BM25.

    Args:
        pairs: the training pairs.
        stories: as `group_stories` gives them.
        pool: negatives wanted for each pair.
        on_progress: called with the number of headlines done.

    Returns:
        ``int64 [len(pairs), pool]``: places of the negatives in `pairs`, best match first; `NO_NEGATIVE` where fewer
        bodies share a term with the headline.
    """
    index = _index_bodies(pairs)
    negatives = np.full((len(pairs), pool), NO_NEGATIVE, dtype=np.int64)
    for place, pair in enumerate(pairs):
        scores = index.get_scores(sorted(set(analyze(pair.headline, pair.language))))[: len(pairs)]
        scores[stories == stories[place]] = 0
        best = _highest(scores, pool)
        negatives[place, : len(best)] = best
        if (place + 1) % _REPORT_EVERY == 0:
            on_progress(place + 1)
    return negatives


def _index_bodies(pairs: Sequence[Pair]) -> LexicalIndex:
    """Indexes the bodies; a body's slot is its pair's place."""
    index = LexicalIndex()
    numbers: dict[str, int] = {}
    documents: list[tuple[int, bytes]] = []
    for place, pair in enumerate(pairs):
        counts = Counter(analyze(pair.body, pair.language))
        # The index counts terms from 1, as the database does whose numbers it usually gets.
        rows = [(numbers.setdefault(term, len(numbers) + 1), count) for term, count in counts.items()]
        documents.append((place, np.array(rows, FREQUENCIES_DTYPE).tobytes()))
    index.register((number, term) for term, number in numbers.items())
    index.put(documents)
    return index


def _highest(scores: NDArray[np.float64], count: int) -> Places:
    """The places of the highest scores above 0, highest first; of equal ones the lower place first."""
    found = np.flatnonzero(scores)
    if len(found) > count:
        least = np.partition(scores[found], len(found) - count)[len(found) - count]
        found = found[scores[found] >= least]
    order = np.argsort(-scores[found], kind="stable")[:count]
    highest: Places = found[order]
    return highest
