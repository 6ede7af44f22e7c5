"""What searches read: vectors, filter columns and postings in memory, kept in step with the file."""

import threading
from collections.abc import Sequence

import numpy as np
from gistwire_models.encoder import Embedding
from numpy.typing import NDArray

from gistwire_indexer.analysis import query_alternatives
from gistwire_indexer.embedded.changes import ChangedArticle, Changes
from gistwire_indexer.embedded.columns import FilterColumns
from gistwire_indexer.embedded.lexical import LexicalIndex
from gistwire_indexer.embedded.locking import ReadWriteLock
from gistwire_indexer.embedded.storage import Storage
from gistwire_indexer.embedded.vectors import VectorTable
from gistwire_indexer.encoding import decode_embeddings
from gistwire_indexer.filter import Field, Filter
from gistwire_indexer.index import Retrieved

# Bounds the memory that a start needs beside what it fills; larger ones are no faster.
_ARTICLES_AT_ONCE = 10_000

# Larger than the rounding of a cosine in single precision, so that no article of the true order is cut off.
_COSINE_ROUNDING = np.float32(1e-5)


class WorkingSet:
    """The searchable state of every article, in numbered slots that are used again.

    Memory changes only by `refresh`, from what is committed: a failed write leaves no trace, and what another
    process wrote is read in the same way as what this one did. All methods may be called by any thread.
    """

    def __init__(self, storage: Storage, dimension: int) -> None:
        self._storage = storage
        self._dimension = dimension
        self._refreshing = threading.Lock()
        self._data_version: int | None = None
        self._last_change = 0
        self._known_terms = 0
        self._lock = ReadWriteLock()
        self._ids: list[str] = []
        self._originals: list[str | None] = []
        self._slot_of: dict[str, int] = {}
        self._free: list[int] = []
        self._vectors = VectorTable(dimension)
        self._columns = FilterColumns()
        self._lexical = LexicalIndex()

    def __len__(self) -> int:
        """Number of articles."""
        return len(self._slot_of)

    def refresh(self) -> None:
        """Takes in what was committed since the last call, by whatever process.

        Raises:
            IndexUnavailableError: the file cannot be read.
        """
        with self._refreshing:
            # Read first: what is committed between this and the reading of the changes is only read again.
            data_version = self._storage.data_version()
            complete = data_version == self._data_version
            while not complete:
                changes = self._storage.changes_since(
                    self._last_change, known_terms=self._known_terms, limit=_ARTICLES_AT_ONCE
                )
                self._apply(changes)
                complete = changes.complete
            self._data_version = data_version

    def search_words(self, text: str, restriction: Filter | None, depth: int) -> tuple[Retrieved, ...]:
        """Articles that hold a word of the text, best BM25 score first, ties by identifier."""
        with self._lock.shared():
            words = query_alternatives(text, self._columns.counts(Field.LANGUAGE))
            scores = self._lexical.get_alternatives_scores(words)
            slots = np.flatnonzero(scores)
            if restriction is not None:
                slots = slots[self._columns.mask(restriction, len(self._ids))[slots]]
            slots = slots[_at_least_kth(scores[slots], depth)]
            return self._ranked(slots, scores[slots], depth)

    def search_vectors(
        self, embedding: Embedding, restriction: Filter | None, depth: int
    ) -> tuple[Retrieved, ...]:
        """Articles nearest to a unit vector, best cosine first, ties by identifier."""
        with self._lock.shared():
            cosines = self._vectors.cosines(embedding, len(self._ids))
            if restriction is not None:
                cosines[~self._columns.mask(restriction, len(self._ids))] = -np.inf
            cosines[self._free] = -np.inf
            slots = np.flatnonzero(_at_least_kth(cosines, depth, tolerance=_COSINE_ROUNDING))
            slots = slots[cosines[slots] > -np.inf]
            return self._ranked(slots, self._vectors.exact_cosines(embedding, slots), depth)

    def counts(self, field: Field) -> dict[str, int]:
        """Number of articles by name in a field other than published, most frequent first."""
        with self._lock.shared():
            return self._columns.counts(field)

    def _apply(self, changes: Changes) -> None:
        vectors = decode_embeddings([article.embedding for article in changes.articles], self._dimension)
        with self._lock.exclusive():
            self._lexical.register(changes.terms)
            self._free_slots(changes.deleted)
            self._fill_slots(changes.articles, vectors)
        self._last_change = changes.last_change
        self._known_terms += len(changes.terms)

    def _free_slots(self, ids: Sequence[str]) -> None:
        for article_id in ids:
            slot = self._slot_of.pop(article_id, None)
            if slot is None:
                continue
            self._ids[slot] = ""
            self._originals[slot] = None
            self._vectors.clear(slot)
            self._columns.clear(slot)
            self._lexical.remove([slot])
            self._free.append(slot)

    def _fill_slots(self, articles: Sequence[ChangedArticle], vectors: Embedding) -> None:
        # A column at a time: whoever starts a search waits until all articles are in.
        slots = self._slots_for([article.id for article in articles])
        self._vectors.reserve(len(self._ids))
        self._columns.reserve(len(self._ids))
        places = np.array(slots, np.intp)
        self._vectors.put(places, vectors)
        for slot, article in zip(slots, articles, strict=True):
            self._originals[slot] = article.duplicate_of
        self._columns.put(
            places,
            sources=[article.source for article in articles],
            languages=[article.language for article in articles],
            categories=[article.category for article in articles],
            published=[article.published for article in articles],
        )
        self._lexical.put(
            [(slot, article.frequencies) for slot, article in zip(slots, articles, strict=True)]
        )

    def _slots_for(self, ids: Sequence[str]) -> list[int]:
        """Slots of distinct articles; new ones take those that are free first."""
        new = [article_id for article_id in ids if article_id not in self._slot_of]
        slots = [self._free.pop() for _ in new[: len(self._free)]]
        for article_id, slot in zip(new, slots, strict=False):
            self._ids[slot] = article_id
        added = new[len(slots) :]
        slots += range(len(self._ids), len(self._ids) + len(added))
        self._ids += added
        self._originals += [None] * len(added)
        self._slot_of.update(zip(new, slots, strict=True))
        return [self._slot_of[article_id] for article_id in ids]

    def _ranked(
        self, slots: NDArray[np.intp], scores: NDArray[np.float64], depth: int
    ) -> tuple[Retrieved, ...]:
        ids = [self._ids[slot] for slot in slots.tolist()]
        order = sorted(zip((-scores).tolist(), ids, slots.tolist(), strict=True))[:depth]
        return tuple(
            Retrieved(article_id, -negated, self._originals[slot]) for negated, article_id, slot in order
        )


def _at_least_kth(
    scores: NDArray[np.floating], k: int, *, tolerance: np.floating | float = 0.0
) -> NDArray[np.bool_]:
    """Which scores reach the k-th highest, ties with it included: ``bool [len(scores)]``."""
    if len(scores) <= k:
        return np.ones(len(scores), np.bool_)
    place = len(scores) - k
    reached: NDArray[np.bool_] = scores >= np.partition(scores, place)[place] - tolerance
    return reached
