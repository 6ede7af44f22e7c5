"""Tests of the searchable state in memory against plain definitions."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gistwire_indexer.article import Article
from gistwire_indexer.embedded.columns import FilterColumns
from gistwire_indexer.embedded.storage import Storage
from gistwire_indexer.embedded.working_set import WorkingSet
from gistwire_indexer.encoding import decode_embeddings, encode_embedding, to_microseconds, to_signed
from gistwire_indexer.filter import Filter
from gistwire_indexer.index import ArticleToIndex
from gistwire_models.encoder import Embedding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indexer.article_index_contract import DIMENSION, MODEL
from tests.indexer.filter_strategies import ARTICLES, FILTERS


@given(st.lists(ARTICLES, max_size=10), FILTERS)
def test_mask_equals_matches(articles: list[Article], node: Filter) -> None:
    columns = FilterColumns()
    columns.reserve(len(articles))
    columns.put(
        np.arange(len(articles)),
        sources=[article.source for article in articles],
        languages=[article.language for article in articles],
        categories=[article.category for article in articles],
        published=[
            None if article.published is None else to_microseconds(article.published) for article in articles
        ],
    )
    assert columns.mask(node, len(articles)).tolist() == [node.matches(article) for article in articles]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.none() | ARTICLES, st.integers(0, 3)), min_size=1, max_size=12),
    st.none() | FILTERS,
    st.integers(1, 6),
)
def test_searches_equal_their_definition(
    steps: list[tuple[int, Article | None, int]], node: Filter | None, depth: int
) -> None:
    query = np.eye(1, DIMENSION, dtype=np.float32)[0]
    present: dict[str, tuple[Article, int]] = {}
    with TemporaryDirectory() as folder:
        storage = Storage(Path(folder), model=MODEL, dimension=DIMENSION, busy_timeout_s=1)
        working_set = WorkingSet(storage, DIMENSION)
        for number, article, angle in steps:
            name = f"a{number}"
            if article is None:
                storage.delete([name])
                present.pop(name, None)
            else:
                named = replace(article, id=name, headline=f"Headline {angle}")
                storage.write([ArticleToIndex(named, _at_angle(angle))])
                present[name] = (named, angle)
            working_set.refresh()
        nearest = working_set.search_vectors(query, node, depth)
        found = working_set.search_words("headline", node, depth)
        restarted = WorkingSet(storage, DIMENSION)
        restarted.refresh()
        assert restarted.search_vectors(query, node, depth) == nearest
        assert restarted.search_words("headline", node, depth) == found
        storage.close()
    allowed = {
        name: angle for name, (article, angle) in present.items() if node is None or node.matches(article)
    }
    assert [hit.id for hit in nearest] == sorted(allowed, key=lambda name: (allowed[name], name))[:depth]
    # All headlines are of one length, so all scores are equal.
    assert [hit.id for hit in found] == sorted(allowed)[:depth]


def _at_angle(steps: int) -> Embedding:
    vector = np.zeros(DIMENSION, np.float32)
    vector[:2] = np.cos(steps * 0.3), np.sin(steps * 0.3)
    return vector


@given(st.integers(1, 5))
def test_embeddings_are_kept_closely(count: int) -> None:
    vectors = np.random.default_rng(count).standard_normal((count, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    decoded = decode_embeddings([encode_embedding(vector) for vector in vectors], 384)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(decoded @ vectors.T, vectors @ vectors.T, rtol=0, atol=1e-4)


@given(st.sets(st.integers(0, 2**64 - 1)))
def test_fingerprints_stay_distinct_in_sqlite(values: set[int]) -> None:
    signed = {to_signed(value) for value in values}
    assert len(signed) == len(values)
    assert all(-(2**63) <= value < 2**63 for value in signed)
