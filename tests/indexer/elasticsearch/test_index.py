"""Tests of `ElasticsearchIndex`: the contract, agreement with the embedded index, and what only a cluster can do."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from elasticsearch import AsyncElasticsearch
from gistwire_indexer.elasticsearch import ElasticsearchIndex, ElasticsearchStore
from gistwire_indexer.embedded import EmbeddedIndex
from gistwire_indexer.index import ArticleIndex, ArticleToIndex, RetrievalQuery, WriteOutcome
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indexer.article_index_contract import (
    DIMENSION,
    MODEL,
    SUMMARIZER,
    ArticleIndexContract,
    axis,
    ids,
    lexical,
    summary_of,
    to_index,
)
from tests.indexer.elasticsearch.conftest import OpenStore
from tests.indexer.filter_strategies import ARTICLES, FILTERS


@pytest.fixture
async def index(store: ElasticsearchStore) -> ElasticsearchIndex:
    """An empty index."""
    return await store.tenant("default")


class TestElasticsearchIndex(ArticleIndexContract):
    """The contract."""

    @pytest.fixture
    async def index(self, store: ElasticsearchStore) -> ArticleIndex:
        return await store.tenant("default")


async def test_mapping_names_its_quantization(store: ElasticsearchStore) -> None:
    await store.tenant("default")
    response = await store.client.indices.get_mapping(index=store.names("default").read)
    [mapping] = [each["mappings"] for each in response.values()]
    assert mapping["properties"]["embedding"]["index_options"]["type"] == "int8_hnsw"
    assert mapping["dynamic"] == "strict"


async def test_tenants_share_nothing(store: ElasticsearchStore) -> None:
    mine, theirs = await store.tenant("mine"), await store.tenant("theirs")
    article = to_index("a", fingerprint=(7, 8))
    await mine.write([article])
    await mine.store_summary(summary_of(article))
    assert await lexical(theirs, "harbour") == []
    assert (await theirs.retrieve(RetrievalQuery("harbour", axis(0)))).dense == ()
    assert await theirs.get(["a"]) == [None]
    assert await theirs.revisions(["a"]) == [None]
    assert await theirs.near_duplicates([(7, 8)]) == [[]]
    assert await theirs.stored_summaries(["a"], SUMMARIZER) == [None]
    assert await theirs.delete(["a"]) == [False]
    assert not await theirs.store_summary(summary_of(article))
    assert await theirs.expire(datetime.now(UTC) + timedelta(days=1)) == 0
    assert [each async for each in theirs.scan()] == []
    assert await lexical(mine, "harbour") == ["a"]
    # The same identifier is another article.
    assert await theirs.write([to_index("a", "Volcano erupts")]) == [WriteOutcome.CREATED]
    assert await lexical(mine, "volcano") == []


async def test_concurrent_writers_write_each_revision_once(open_store: OpenStore) -> None:
    indices = [await open_store().tenant("default") for _ in range(4)]
    articles = [to_index(f"a{number}", f"Headline {number}") for number in range(20)]
    shuffled = [random.Random(seed).sample(articles, len(articles)) for seed in range(8)]
    outcomes = await asyncio.gather(
        *(index.write(part) for index, part in zip(indices * 2, shuffled, strict=True))
    )
    told = [outcome for part in outcomes for outcome in part]
    assert told.count(WriteOutcome.CREATED) == len(articles)
    assert told.count(WriteOutcome.UNCHANGED) == 7 * len(articles)
    assert (await indices[0].statistics()).articles == len(articles)


async def test_concurrent_corrections_end_in_one_of_them(index: ElasticsearchIndex) -> None:
    await index.write([to_index("a")])
    corrections = [to_index("a", f"Correction {number}") for number in range(8)]
    outcomes = await asyncio.gather(*(index.write([each]) for each in corrections))
    assert outcomes == [[WriteOutcome.UPDATED]] * 8
    [found] = await index.get(["a"])
    assert found is not None
    assert found.article in [each.article for each in corrections]


async def test_article_that_the_cluster_refuses_holds_up_no_other(store: ElasticsearchStore) -> None:
    index = await store.tenant("default")
    # A keyword longer than Lucene's limit of 32,766 bytes; the contract's own limits would not let it through.
    article = to_index("bad").article
    object.__setattr__(article, "source", "x" * 40_000)
    refused = ArticleToIndex(article, axis(0))
    first, second, third = await index.write([to_index("good"), refused, to_index("fine")])
    assert (first, third) == (WriteOutcome.CREATED, WriteOutcome.CREATED)
    assert str(second).startswith("the index refuses it: ")
    assert await lexical(index, "harbour") == ["fine", "good"]


async def test_summary_that_lost_the_race_is_never_shown(
    index: ElasticsearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = to_index("a")
    await index.write([article])
    correcting = index._summaries._write

    async def corrected_meanwhile(*arguments: object) -> None:
        monkeypatch.undo()
        await index.write([to_index("a", "Corrected headline")])
        await correcting(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(index._summaries, "_write", corrected_meanwhile)
    await index.store_summary(summary_of(article))
    assert await index.stored_summaries(["a"], SUMMARIZER) == [None]


async def test_summaries_of_several_models_stand_side_by_side(index: ElasticsearchIndex) -> None:
    article = to_index("a")
    await index.write([article])
    models = [f"summarizer@{number}" for number in range(20)]
    for model in models:
        assert await index.store_summary(replace(summary_of(article), model=model))
    [latest] = await index.stored_summaries(["a"], models[-1])
    assert latest is not None
    assert latest.model == models[-1]
    # The first are dropped, so that an article's summaries do not grow with every model that ever served.
    assert await index.stored_summaries(["a"], models[0]) == [None]


WORDS = [
    "harbour", "strike", "ferry", "storm", "market", "vote", "court", "budget", "flood", "team", "match",
    "bank", "rates", "oil", "minister", "talks", "border", "aid", "film", "festival",
]  # fmt: skip


async def test_both_indices_find_the_same(index: ElasticsearchIndex, tmp_path: Path) -> None:
    generator = random.Random(3)
    vectors = np.random.default_rng(3).normal(size=(300, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    articles = [
        to_index(
            f"a{number:03}",
            " ".join(generator.choices(WORDS, k=6)),
            body=" ".join(generator.choices(WORDS, k=generator.randint(5, 60))),
            embedding=vector,
            source=generator.choice(["Wire", "Gazette"]),
        )
        for number, vector in enumerate(vectors)
    ]
    embedded = await EmbeddedIndex.open(tmp_path, model=MODEL, dimension=DIMENSION)
    try:
        await embedded.write(articles)
        await index.write(articles)
        for number in range(20):
            query = RetrievalQuery(" ".join(generator.choices(WORDS, k=3)), vectors[number], None, 10)
            ours, theirs = await embedded.retrieve(query), await index.retrieve(query)
            # The graph gives nearly all of the nearest, and their exact order.
            assert len(set(ids(ours.dense)) & set(ids(theirs.dense))) >= 9
            # Lucene rounds the lengths of texts, which now and then swaps neighbours.
            assert len(set(ids(ours.lexical)) & set(ids(theirs.lexical))) >= 8
    finally:
        await embedded.close()


async def test_filters_let_through_what_they_match(index: ElasticsearchIndex) -> None:
    @settings(max_examples=1)
    @given(st.lists(ARTICLES, min_size=40, max_size=40), st.lists(FILTERS, min_size=60, max_size=60))
    def draw(articles: list[object], filters: list[object]) -> None:
        drawn.append((articles, filters))

    drawn: list[tuple[list[object], list[object]]] = []
    draw()
    articles, filters = drawn[0]
    named = [replace(article, id=f"a{number}") for number, article in enumerate(articles)]  # type: ignore[type-var]
    await index.write([ArticleToIndex(article, axis(0)) for article in named])  # type: ignore[arg-type]
    for each in filters:
        found = {indexed.article.id async for indexed in index.scan(each)}  # type: ignore[arg-type]
        assert found == {article.id for article in named if each.matches(article)}, str(each)  # type: ignore[attr-defined]


async def test_languages_are_known_to_other_processes_in_time(open_store: OpenStore) -> None:
    index, other = [await open_store().tenant("default") for _ in range(2)]
    await index.write([to_index("a", "Die Regierungen beschließen", language="de")])
    assert await lexical(other, "Regierung") == ["a"]
    assert await lexical(other, "Regierung") == ["a"]


async def test_cluster_that_is_gone_is_unavailable(store: ElasticsearchStore) -> None:
    index = await store.tenant("default")
    await store.client.close()
    gone = AsyncElasticsearch("http://127.0.0.1:9")
    index._client = gone
    try:
        with pytest.raises(Exception, match="cannot be reached"):
            await index.get(["a"])
    finally:
        await gone.close()
