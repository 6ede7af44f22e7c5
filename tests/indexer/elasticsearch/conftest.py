"""Stores in the Elasticsearch server that tests share."""

import secrets
from collections.abc import AsyncGenerator, Callable

import pytest
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore
from gistwire_models.encoder import ModelVersion

from tests.backends.elasticsearch import ElasticsearchServer
from tests.indexer.article_index_contract import DIMENSION, MODEL

OpenStore = Callable[..., ElasticsearchStore]


@pytest.fixture
async def open_store(elasticsearch_server: ElasticsearchServer) -> AsyncGenerator[OpenStore, None]:
    """Opens stores under one prefix that no other test has; they and their indices go afterwards."""
    prefix = f"test-{secrets.token_hex(4)}"
    opened: list[ElasticsearchStore] = []

    def open_one(model: ModelVersion = MODEL, dimension: int = DIMENSION) -> ElasticsearchStore:
        settings = ElasticsearchSettings(
            urls=(elasticsearch_server.url,), prefix=prefix, refresh_interval_s=0.2, write_patience_s=60.0
        )
        opened.append(ElasticsearchStore(settings, model=model, dimension=dimension))
        return opened[-1]

    yield open_one
    cleaner = open_one().client
    names = list(await cleaner.indices.get(index=f"{prefix}.*"))
    if names:
        await cleaner.indices.delete(index=names)
    for store in opened:
        await store.close()


@pytest.fixture
def store(open_store: OpenStore) -> ElasticsearchStore:
    """An empty store."""
    return open_store()
