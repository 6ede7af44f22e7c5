"""Tests of the incremental BM25 index against rank-bm25 itself."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from gistwire_indexer.embedded.lexical import FREQUENCIES_DTYPE, LexicalIndex
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

VOCABULARY = ["ant", "bee", "cat", "dog", "eel", "fly"]
NUMBERS = {term: number for number, term in enumerate(VOCABULARY, start=1)}

DOCUMENTS = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=12), min_size=1, max_size=12)
QUERIES = st.lists(st.sampled_from([*VOCABULARY, "unknown"]), max_size=5)


class ReferenceBM25(BM25Okapi):  # type: ignore[misc]
    """rank-bm25's own scoring, with Lucene's idf."""

    def _calc_idf(self, nd: dict[str, int]) -> None:
        for term, count in nd.items():
            self.idf[term] = math.log(1 + (self.corpus_size - count + 0.5) / (count + 0.5))


def encoded(document: Sequence[str]) -> bytes:
    pairs = [(NUMBERS[term], count) for term, count in Counter(document).items()]
    return np.array(pairs, FREQUENCIES_DTYPE).tobytes()


def build(documents: dict[int, list[str]]) -> LexicalIndex:
    index = LexicalIndex()
    index.register((number, term) for term, number in NUMBERS.items())
    index.put([(slot, encoded(document)) for slot, document in documents.items()])
    return index


@given(DOCUMENTS, QUERIES)
def test_scores_equal_those_of_rank_bm25(documents: list[list[str]], query: list[str]) -> None:
    index = build(dict(enumerate(documents)))
    scores = index.get_scores(query)
    if any(documents):
        expected = ReferenceBM25(documents, k1=1.2, b=0.75).get_scores(query)
        np.testing.assert_allclose(scores[: len(documents)], expected, rtol=0, atol=1e-9)
    assert not scores[len(documents) :].any()
    assert index.get_batch_scores(query, [0]) == [scores[0]]


@given(DOCUMENTS, st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3, unique=True))
def test_terms_of_one_word_count_as_one_term(documents: list[list[str]], forms: list[str]) -> None:
    merged = [[forms[0] if term in forms else term for term in document] for document in documents]
    np.testing.assert_allclose(
        build(dict(enumerate(documents))).get_alternatives_scores([[*forms, "unknown"]]),
        build(dict(enumerate(merged))).get_scores([forms[0]]),
        rtol=0,
        atol=1e-9,
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.none() | st.lists(st.sampled_from(VOCABULARY), max_size=8)),
        max_size=20,
    ),
    QUERIES,
)
def test_incremental_equals_rebuilt(steps: list[tuple[int, list[str] | None]], query: list[str]) -> None:
    index = build({})
    present: dict[int, list[str]] = {}
    for slot, document in steps:
        if document is None:
            index.remove([slot])
            present.pop(slot, None)
        else:
            index.put([(slot, encoded(document))])
            present[slot] = document
    rebuilt = build(present)
    assert len(index) == len(rebuilt) == len(present)
    scores, expected = np.zeros(64), np.zeros(64)
    for target, source in ((scores, index), (expected, rebuilt)):
        found = source.get_scores(query)
        target[: len(found)] = found
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)


def test_empty_index_scores_nothing() -> None:
    assert not build({}).get_scores(["ant"]).any()
    emptied = build({0: ["ant"]})
    emptied.remove([0, 7])
    assert not emptied.get_scores(["ant"]).any()


def test_documents_without_terms_are_documents() -> None:
    assert not build({0: []}).get_scores(["ant"]).any()
    with_empty, without = build({0: ["ant"], 1: []}), build({0: ["ant"]})
    assert len(with_empty) == 2
    assert with_empty.get_scores(["ant"])[0] > without.get_scores(["ant"])[0] > 0


def test_later_document_of_a_slot_wins() -> None:
    index = build({})
    index.put([(0, encoded(["ant"])), (0, encoded(["bee"]))])
    assert index.get_scores(["ant"])[0] == 0
    assert index.get_scores(["bee"])[0] == pytest.approx(math.log(1 + 0.5 / 1.5))
