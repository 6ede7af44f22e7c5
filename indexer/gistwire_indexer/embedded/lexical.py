"""BM25 over inverted postings that are kept up to date as articles come and go; used by `WorkingSet`."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from gistwire_indexer.embedded.postings import Postings

FREQUENCIES_DTYPE = np.dtype("<u4")
"""Type of a document's frequencies: ``[distinct terms, 2]`` of term number and number of occurrences."""


class LexicalIndex(BM25Okapi):  # type: ignore[misc]  # rank_bm25 has no types
    """rank-bm25's Okapi with Lucene's idf, over documents that can be replaced and removed.

    A document is named by its slot, a small integer. A term is named by its number; `register` says which
    number stands for which term.

    What differs from the base class: idf is ``ln(1 + (N − n + 0.5) / (n + 0.5))``, which is never negative
    and is what Elasticsearch uses; an empty corpus scores nothing; and only the documents that hold a term
    are looked at, through its postings.

    Not safe to change while another thread reads.
    """

    def __init__(self, *, k1: float = 1.2, b: float = 0.75) -> None:
        self._numbers: dict[str, int] = {}
        self._postings = Postings()
        self._frequencies: dict[int, bytes] = {}
        self._lengths = np.zeros(0, np.float64)
        self._total_length = 0
        super().__init__([], k1=k1, b=b)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._frequencies)

    def register(self, terms: Iterable[tuple[int, str]]) -> None:
        """Makes terms known by their numbers, before documents use them."""
        self._numbers.update((term, number) for number, term in terms)

    def put(self, documents: Sequence[tuple[int, bytes]]) -> None:
        """Adds or replaces documents, each given by its slot and its frequencies (as `FREQUENCIES_DTYPE`)."""
        latest = dict(documents)
        self.remove(latest)
        if not latest:
            return
        self._frequencies.update(latest)
        sizes = [len(frequencies) // (2 * FREQUENCIES_DTYPE.itemsize) for frequencies in latest.values()]
        slots = np.fromiter(latest, np.uint32, len(latest))
        pairs = np.frombuffer(b"".join(latest.values()), FREQUENCIES_DTYPE).reshape(-1, 2)
        places = np.repeat(np.arange(len(slots)), sizes)
        self._set_lengths(slots, np.bincount(places, pairs[:, 1], len(slots)).astype(np.float64))
        self._postings.add(pairs[:, 0], np.column_stack((slots[places], pairs[:, 1])))

    def remove(self, slots: Iterable[int]) -> None:
        """Removes documents; slots without one are passed over."""
        for slot in slots:
            frequencies = self._frequencies.pop(slot, None)
            if frequencies is None:
                continue
            self._total_length -= int(self._lengths[slot])
            self._lengths[slot] = 0
            for number in np.frombuffer(frequencies, FREQUENCIES_DTYPE)[::2].tolist():
                self._postings.remove(number, slot)

    def get_scores(self, query: Sequence[str]) -> NDArray[np.float64]:
        """BM25 of every slot for a query of terms: ``float64 [capacity]``, 0 where no term occurs."""
        return self.get_alternatives_scores([(term,) for term in query])

    def get_alternatives_scores(self, query: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """BM25 of every slot for a query whose words may stand under several terms.

        The terms of a word count as one term that occurs wherever any of them does, so a form that is rare
        only because its language is rare gets no undue weight.

        Args:
            query: for each word its terms, distinct.

        Returns:
            ``float64 [capacity]``, 0 where no term occurs.
        """
        scores = np.zeros(len(self._lengths))
        if not self._total_length:
            return scores
        average_length = self._total_length / len(self)
        for terms in query:
            slots, frequencies = self._merged_postings(terms)
            saturation = self.k1 * (1 - self.b + self.b * self._lengths[slots] / average_length)
            scores[slots] += self._idf(len(slots)) * (
                frequencies * (self.k1 + 1) / (frequencies + saturation)
            )
        return scores

    def get_batch_scores(self, query: Sequence[str], doc_ids: Sequence[int]) -> list[float]:
        """BM25 of some slots."""
        chosen: list[float] = self.get_scores(query)[list(doc_ids)].tolist()
        return chosen

    def _initialize(self, corpus: Sequence[Sequence[str]]) -> dict[str, int]:  # noqa: ARG002  # always empty
        return {}

    def _calc_idf(self, nd: dict[str, int]) -> None:
        """Does nothing: idf changes with each document, so it is worked out when a query needs it."""

    def _idf(self, documents_with_term: int) -> float:
        return math.log(1 + (len(self) - documents_with_term + 0.5) / (documents_with_term + 0.5))

    def _merged_postings(self, terms: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        found = [self._postings.of(self._numbers[term]) for term in terms if term in self._numbers]
        pairs = [postings for postings in found if len(postings)]
        if not pairs:
            return np.zeros(0, np.intp), np.zeros(0)
        slots = np.concatenate([pair[:, 0] for pair in pairs]).astype(np.intp)
        frequencies = np.concatenate([pair[:, 1] for pair in pairs]).astype(np.float64)
        if len(pairs) == 1:
            return slots, frequencies
        distinct, places = np.unique(slots, return_inverse=True)
        merged = np.zeros(len(distinct))
        np.add.at(merged, places, frequencies)
        return distinct, merged

    def _set_lengths(self, slots: NDArray[np.uint32], lengths: NDArray[np.float64]) -> None:
        missing = int(slots.max()) + 1 - len(self._lengths)
        if missing > 0:
            self._lengths = np.pad(self._lengths, (0, max(missing, len(self._lengths) // 8)))
        self._lengths[slots] = lengths
        self._total_length += int(lengths.sum())
