"""Which documents hold each term, and how often: `Postings`, used by `LexicalIndex`."""

from array import array
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# As many postings as come with a thousand articles. They stay together, sorted by term: of what a start reads, most
# terms are never asked for, nor changed. A few runs are as fast to read as one.
_RUN_POSTINGS = 50_000
_MAX_RUNS = 16

_POSTING_BYTES = 8


class Postings:
    """Postings by the number of their term, each a document's slot and the term's occurrences in it.

    Not safe to change while another thread reads.

    Args:
        run_postings: from how many on postings that come together stay together.
    """

    def __init__(self, *, run_postings: int = _RUN_POSTINGS) -> None:
        self._run_postings = run_postings
        self._runs: list[_Run] = []
        # All postings of terms that changed since the runs; the runs' own of these no longer count.
        self._changed: dict[int, array[int]] = {}

    def of(self, number: int) -> NDArray[np.uint32]:
        """Postings of a term, ``uint32 [documents, 2]``, to be read before the next change."""
        changed = self._changed.get(number)
        if changed is not None:
            return np.frombuffer(changed, np.uint32).reshape(-1, 2)
        found = [run.of(number) for run in self._runs]
        return found[0] if len(found) == 1 else np.concatenate([*found, np.zeros((0, 2), np.uint32)])

    def add(self, numbers: NDArray[np.uint32], postings: NDArray[np.uint32]) -> None:
        """Adds postings that are not there yet.

        Args:
            numbers: ``uint32 [postings]``, the number of the term of each, from 1.
            postings: ``uint32 [postings, 2]``.
        """
        if len(numbers) >= self._run_postings and len(self._runs) < _MAX_RUNS and not self._changed:
            self._runs.append(_Run(numbers, postings))
            return
        order = np.argsort(numbers)
        numbers = numbers[order]
        sorted_postings = memoryview(postings[order].tobytes())
        starts = np.flatnonzero(np.diff(numbers, prepend=0))
        places = np.append(starts, len(numbers)) * _POSTING_BYTES
        for number, (start, end) in zip(numbers[starts].tolist(), pairwise(places.tolist()), strict=True):
            self._changeable(number).frombytes(sorted_postings[start:end])

    def remove(self, number: int, slot: int) -> None:
        """Removes the posting of a document that holds the term."""
        postings = self._changeable(number)
        place = 2 * int(np.flatnonzero(np.frombuffer(postings, np.uint32)[::2] == slot)[0])
        # The order within postings means nothing, so the last one fills the gap.
        postings[place : place + 2] = postings[-2:]
        del postings[-2:]

    def _changeable(self, number: int) -> "array[int]":
        postings = self._changed.get(number)
        if postings is None:
            postings = self._changed[number] = array("I", self.of(number).tobytes())
        return postings


class _Run:
    """Postings that came together, sorted by term."""

    def __init__(self, numbers: NDArray[np.uint32], postings: NDArray[np.uint32]) -> None:
        self._postings = postings[np.argsort(numbers)]
        # Terms are numbered from 1 without gaps, so that a place for each is no waste.
        self._ends = np.cumsum(np.bincount(numbers))

    def of(self, number: int) -> NDArray[np.uint32]:
        if number >= len(self._ends):
            return self._postings[:0]
        return self._postings[self._ends[number - 1] : self._ends[number]]
