"""Tests of `ElasticsearchStore`: schemas, and processes that start at once."""

import asyncio

import pytest
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore, schema
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_models.encoder import ModelVersion

from tests.indexer.article_index_contract import DIMENSION, MODEL, lexical, to_index
from tests.indexer.elasticsearch.conftest import OpenStore


async def test_processes_that_start_at_once_share_an_index(open_store: OpenStore) -> None:
    stores = [open_store() for _ in range(4)]
    indices = await asyncio.gather(*(store.tenant("default") for store in stores))
    await indices[0].write([to_index("a")])
    assert [await lexical(index, "harbour") for index in indices] == [["a"]] * 4


async def test_articles_outlive_the_store(open_store: OpenStore) -> None:
    first = open_store()
    await (await first.tenant("default")).write([to_index("a")])
    await first.close()
    assert await lexical(await open_store().tenant("default"), "harbour") == ["a"]


async def test_tenants_are_those_with_an_index(store: ElasticsearchStore) -> None:
    assert await store.tenants() == []
    for name in ("news-2", "a_b"):
        await store.tenant(name)
    assert await store.tenants() == ["a_b", "news-2"]


@pytest.mark.parametrize("name", ["", "Default", "a.b", "-a", "a" * 64, "a\n", "*"])
async def test_no_other_names_reach_the_cluster(store: ElasticsearchStore, name: str) -> None:
    with pytest.raises(ValueError, match="the name of a tenant"):
        await store.tenant(name)
    assert await store.tenants() == []


async def test_index_for_another_encoder_is_refused(open_store: OpenStore) -> None:
    await open_store().tenant("default")
    with pytest.raises(IndexFormatError, match=r"test-encoder@1 .*rebuild"):
        await open_store(ModelVersion("test-encoder", "2")).tenant("default")
    with pytest.raises(IndexFormatError, match=r"16 dimensions.*rebuild"):
        await open_store(dimension=32).tenant("default")


@pytest.mark.parametrize(("version", "message"), [(0, "index rebuild"), (99, "knows up to")])
async def test_index_of_another_schema_is_refused(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, version: int, message: str
) -> None:
    monkeypatch.setattr(schema, "SCHEMA_VERSION", version)
    await open_store().tenant("default")
    monkeypatch.undo()
    with pytest.raises(IndexFormatError, match=message):
        await open_store().tenant("default")


async def test_closed_store_gives_no_index(store: ElasticsearchStore) -> None:
    index = await store.tenant("default")
    await store.close()
    await store.close()
    with pytest.raises(IndexUnavailableError):
        await store.tenant("default")
    with pytest.raises(IndexUnavailableError):
        await index.get(["a"])


async def test_cluster_that_does_not_answer_is_unavailable() -> None:
    settings = ElasticsearchSettings(urls=("http://127.0.0.1:9",))
    store = ElasticsearchStore(settings, model=MODEL, dimension=DIMENSION)
    try:
        with pytest.raises(IndexUnavailableError, match="cannot be reached"):
            await store.tenant("default")
    finally:
        await store.close()


def test_secrets_are_not_shown() -> None:
    settings = ElasticsearchSettings(api_key="canary-key", username="user", password="canary-password")
    assert "canary" not in repr(settings)
