"""Tests of `rebuild`: nothing is lost, doubled or missed while it runs, and a failed one changes nothing."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
from gistwire_indexer.elasticsearch import ElasticsearchStore, RebuildProgress, rebuild
from gistwire_indexer.errors import IndexFormatError
from gistwire_indexer.index import ArticleToIndex, RetrievalQuery, WriteOutcome
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import ModelUnavailableError

from tests.indexer.article_index_contract import (
    DIMENSION,
    SUMMARIZER,
    axis,
    ids,
    lexical,
    summary_of,
    to_index,
)
from tests.indexer.elasticsearch.conftest import OpenStore
from tests.indexer.user_event_store_contract import event


class ReEmbedding:
    """Another encoder: all texts lie on one axis."""

    model = ModelVersion("other-encoder", "1")
    dimension = DIMENSION

    async def close(self) -> None:
        pass

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.QUERY) -> Embedding:
        embedding: Embedding = axis(5)[None, :].repeat(len(texts), axis=0)
        return embedding


@pytest.fixture
def encoder() -> ReEmbedding:
    return ReEmbedding()


async def indices_of(store: ElasticsearchStore) -> list[str]:
    return sorted(await store.client.indices.get(index=f"{store.names('default').read}.0*"))


async def test_rebuilt_index_holds_the_same(store: ElasticsearchStore, encoder: ReEmbedding) -> None:
    index = await store.tenant("default")
    articles = [to_index(f"a{n}", fingerprint=(n, -1), duplicate_of="a0" if n else None) for n in range(5)]
    await index.write(articles)
    await index.delete(["a4"])
    await index.store_summary(summary_of(articles[1]))
    before = await index.get([f"a{n}" for n in range(5)])
    result = await rebuild(store, "default", encoder, grace_s=0)
    assert result.articles == 4
    assert await indices_of(store) == [result.new]
    assert await index.get([f"a{n}" for n in range(5)]) == before
    assert await index.near_duplicates([(-1,)]) == [["a0", "a1", "a2", "a3"]]
    assert await lexical(index, "harbour") == ["a0", "a1", "a2", "a3"]
    assert ids((await index.retrieve(RetrievalQuery(None, axis(0)))).dense) == ["a0", "a1", "a2", "a3"]
    [kept] = await index.stored_summaries(["a1"], SUMMARIZER)
    assert kept is not None
    assert await index.write(articles[:1]) == [WriteOutcome.UNCHANGED]


async def test_users_are_left_alone(store: ElasticsearchStore, encoder: ReEmbedding) -> None:
    await (await store.tenant("default")).write([to_index("a")])
    users = await store.user_events("default")
    await users.write([event("e")])
    await users.set_tags("u", ["chess"])
    await rebuild(store, "default", encoder, grace_s=0)
    assert (await users.count("u"), await users.tags("u")) == (1, ("chess",))


async def test_searches_and_writes_go_on_during_a_rebuild(
    store: ElasticsearchStore, encoder: ReEmbedding
) -> None:
    index = await store.tenant("default")
    directions = iter(np.random.default_rng(1).normal(size=(5_000, DIMENSION)).astype(np.float32))

    def article(article_id: str, headline: str = "Harbour reopens after storm") -> ArticleToIndex:
        # Of vectors that are all the same, a graph finds few.
        direction = next(directions)
        return to_index(article_id, headline, embedding=direction / np.linalg.norm(direction))

    await index.write([article(f"old{n:03}") for n in range(600)])
    written: dict[str, str] = {f"old{n:03}": to_index("x").article.headline for n in range(600)}
    rebuilding = asyncio.create_task(rebuild(store, "default", encoder, grace_s=0.5))

    async def write_on() -> None:
        number = 0
        while not rebuilding.done():
            new = article(f"new{number:03}")
            corrected = article(f"old{number:03}", f"Corrected harbour {number}")
            outcomes = await index.write([new, corrected])
            assert outcomes == [WriteOutcome.CREATED, WriteOutcome.UPDATED]
            for each in (new, corrected):
                written[each.article.id] = each.article.headline
            assert await index.delete([f"old{599 - number:03}"]) == [True]
            del written[f"old{599 - number:03}"]
            number += 1

    async def search_on() -> int:
        searches = 0
        while not rebuilding.done():
            found = await index.retrieve(RetrievalQuery("harbour", axis(0), None, 20))
            assert len(found.lexical) == len(found.dense) == 20
            [indexed] = await index.get([found.lexical[0].id])
            # It may have been deleted since it was found, but never be half of what it was.
            assert indexed is None or indexed.article.id == found.lexical[0].id
            searches += 1
        return searches

    _, searches = await asyncio.gather(write_on(), search_on())
    await rebuilding
    assert searches > 0
    held = {each.article.id: each.article.headline async for each in index.scan()}
    assert held == written


async def test_another_encoder_embeds_anew_and_drops_summaries(
    open_store: OpenStore, encoder: ReEmbedding
) -> None:
    old = await open_store().tenant("default")
    await old.write([to_index("a", embedding=axis(1))])
    await old.store_summary(summary_of(to_index("a")))
    store = open_store(ReEmbedding.model)
    with pytest.raises(IndexFormatError):
        await store.tenant("default")
    await rebuild(store, "default", encoder, grace_s=0)
    index = await store.tenant("default")
    [article] = await index.get(["a"])
    assert article is not None
    assert float(article.embedding @ axis(5)) > 0.99
    assert await index.stored_summaries(["a"], SUMMARIZER) == [None]


async def test_failed_rebuild_changes_nothing(open_store: OpenStore) -> None:
    class Failing(ReEmbedding):
        async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.QUERY) -> Embedding:
            raise ModelUnavailableError("gone")

    old_store = open_store()
    index = await old_store.tenant("default")
    await index.write([to_index("a")])
    names = await indices_of(old_store)
    with pytest.raises(ModelUnavailableError):
        await rebuild(open_store(ReEmbedding.model), "default", Failing(), grace_s=0)
    assert await indices_of(old_store) == names
    assert await index.write([to_index("b")]) == [WriteOutcome.CREATED]
    assert await lexical(index, "harbour") == ["a", "b"]


async def test_cancelled_at_the_swap_lets_writes_go_on(
    store: ElasticsearchStore, encoder: ReEmbedding
) -> None:
    index = await store.tenant("default")
    await index.write([to_index("a")])
    names = await indices_of(store)

    def cancel(progress: RebuildProgress) -> None:
        if progress.step == "swap":
            rebuilding.cancel()

    rebuilding = asyncio.create_task(rebuild(store, "default", encoder, on_progress=cancel, grace_s=0))
    with suppress(asyncio.CancelledError):
        await rebuilding
    assert rebuilding.cancelled()
    assert await indices_of(store) == names
    assert await index.write([to_index("b")]) == [WriteOutcome.CREATED]


async def test_what_a_killed_rebuild_left_is_discarded_on_demand(
    store: ElasticsearchStore, encoder: ReEmbedding
) -> None:
    index = await store.tenant("default")
    await index.write([to_index("a")])
    names = store.names("default")
    await store.client.indices.create(index=names.articles(2))
    await store.client.indices.add_block(index=names.articles(1), block="write")
    with pytest.raises(IndexFormatError, match="--discard"):
        await rebuild(store, "default", encoder, grace_s=0)
    result = await rebuild(store, "default", encoder, discard=True, grace_s=0)
    assert result.new == names.articles(2)
    assert await index.write([to_index("b")]) == [WriteOutcome.CREATED]


async def test_progress_counts_up_to_the_whole(store: ElasticsearchStore, encoder: ReEmbedding) -> None:
    index = await store.tenant("default")
    await index.write([to_index(f"a{n}") for n in range(3)])
    told: list[RebuildProgress] = []
    await rebuild(store, "default", encoder, on_progress=told.append, grace_s=0)
    assert told[0] == RebuildProgress(3, 3, "copy")
    assert told[-1].step == "done"
    assert [each.copied for each in told] == sorted(each.copied for each in told)
