"""Splits pairs into train, validation and test so that no story stands on two sides. `prepare` calls it.

Method: Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4: articles that share a band of
their MinHash are compared, and similar ones belong together, as do those that a chain of similar ones joins.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

from gistwire_indexer.deduplication import NEAR_DUPLICATE_THRESHOLD, fingerprint, similarity

from gistwire_training.pairs import Split, split_of

# Where more articles than this share a band they are forms of one wording, and are joined uncompared: to
# compare each with each would take quadratic time, and to leave them apart might put copies on two sides.
_MAX_COMPARED = 200


def assign_splits(groups: Mapping[str, str]) -> dict[str, Split]:
    """Gives each article the split of its group.

    It depends neither on the order of the articles nor on the run. A new article can move a group only by
    joining it with a smaller identifier.

    Args:
        groups: for each identifier that of its group, as `group_near_duplicates` returns them.
    """
    return {id_: split_of(group) for id_, group in groups.items()}


def group_near_duplicates(texts: Mapping[str, str]) -> dict[str, str]:
    """Gives each article the smallest identifier of the articles that it nearly repeats, or its own.

    Args:
        texts: headline and body of each article, by its identifier.
    """
    groups = _DisjointSets(texts)
    for ids in _buckets(texts).values():
        if len(ids) > _MAX_COMPARED:
            for id_ in ids[1:]:
                groups.join(ids[0], id_)
            continue
        for first, second in combinations(ids, 2):
            if groups.smallest(first) != groups.smallest(second) and (
                similarity(texts[first], texts[second]) >= NEAR_DUPLICATE_THRESHOLD
            ):
                groups.join(first, second)
    return {id_: groups.smallest(id_) for id_ in texts}


def _buckets(texts: Mapping[str, str]) -> dict[int | bytes, list[str]]:
    """The identifiers that share a band of their fingerprint, or the whole text where it is too short for one."""
    buckets: dict[int | bytes, list[str]] = defaultdict(list)
    for id_ in sorted(texts):
        bands = fingerprint(texts[id_])
        for band in bands or [_text_hash(texts[id_])]:
            buckets[band].append(id_)
    return buckets


def _text_hash(text: str) -> bytes:
    return hashlib.sha256(" ".join(text.casefold().split()).encode(errors="replace")).digest()


class _DisjointSets:
    """A union-find forest whose roots are the smallest identifiers of their sets."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._parent = {id_: id_ for id_ in ids}

    def smallest(self, id_: str) -> str:
        root = id_
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[id_] != root:
            self._parent[id_], id_ = root, self._parent[id_]
        return root

    def join(self, first: str, second: str) -> None:
        low, high = sorted((self.smallest(first), self.smallest(second)))
        self._parent[high] = low
