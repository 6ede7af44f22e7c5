"""Tests of postings against a plain mapping, whether they stay as they came or change."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from gistwire_indexer.embedded.postings import Postings
from hypothesis import given
from hypothesis import strategies as st

TERMS = range(1, 6)

BATCHES = st.lists(st.dictionaries(st.sampled_from(TERMS), st.integers(1, 9), max_size=5), max_size=6)
"""Documents that come together, each its terms with their occurrences."""


def add(postings: Postings, slots: Sequence[int], documents: Sequence[dict[int, int]]) -> None:
    rows = [
        (number, slot, occurrences)
        for slot, document in zip(slots, documents, strict=True)
        for number, occurrences in document.items()
    ]
    columns = np.array(rows, np.uint32).reshape(-1, 3)
    postings.add(columns[:, 0], columns[:, 1:])


@pytest.mark.parametrize("run_postings", [1, 4, 1_000])
@given(batches=st.lists(BATCHES, max_size=5), gone=st.sets(st.integers(0, 12)))
def test_postings_equal_their_definition(
    run_postings: int, batches: list[list[dict[int, int]]], gone: set[int]
) -> None:
    postings = Postings(run_postings=run_postings)
    expected: dict[int, dict[int, int]] = defaultdict(dict)
    count = 0
    for documents in batches:
        slots = range(count, count + len(documents))
        count += len(documents)
        add(postings, slots, documents)
        for slot, document in zip(slots, documents, strict=True):
            for number, occurrences in document.items():
                if slot in gone:
                    postings.remove(number, slot)
                else:
                    expected[number][slot] = occurrences
    for number in TERMS:
        found = postings.of(number).tolist()
        assert len(found) == len(expected[number])
        assert dict(found) == expected[number]


def test_more_batches_than_runs_lose_nothing() -> None:
    postings = Postings(run_postings=1)
    for slot in range(40):
        add(postings, [slot], [{1: slot + 1}])
    assert sorted(postings.of(1).tolist()) == [[slot, slot + 1] for slot in range(40)]


def test_a_term_that_no_document_holds_has_no_postings() -> None:
    postings = Postings(run_postings=1)
    assert postings.of(3).shape == (0, 2)
    add(postings, [0], [{1: 2}])
    assert postings.of(3).shape == (0, 2)
