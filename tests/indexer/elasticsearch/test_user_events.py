"""Tests of `ElasticsearchUserEvents`: the contract, and what purged users leave in a cluster."""

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gistwire_indexer.elasticsearch import (
    ElasticsearchSettings,
    ElasticsearchStore,
    ElasticsearchUserEvents,
)
from gistwire_indexer.elasticsearch import user_events as elasticsearch_users
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from structlog.testing import capture_logs

from tests.backends.elasticsearch import new_elasticsearch
from tests.indexer.article_index_contract import DIMENSION, MODEL
from tests.indexer.elasticsearch.conftest import OpenStore
from tests.indexer.user_event_store_contract import BEGIN, LIKE, OpenUsers, UserEventStoreContract, event


class TestElasticsearchUserEvents(UserEventStoreContract):
    """The contract."""

    @pytest.fixture
    async def open_users(self, open_store: OpenStore) -> OpenUsers:
        async def open_one(tenant: str = "default") -> ElasticsearchUserEvents:
            return await open_store().user_events(tenant)

        return open_one


@pytest.fixture
def elasticsearch_on_disk() -> Iterator[tuple[str, Path]]:
    """Where a server of the test's own answers, and the folder of its data."""
    # Not below pytest's folders, which the user that the server runs as may not enter.
    with tempfile.TemporaryDirectory(prefix="gistwire-users-") as name:
        Path(name).chmod(0o711)
        data = Path(name) / "data"
        server = new_elasticsearch(data=data)
        try:
            server.start()
            yield server.url, data
        finally:
            server.close()


async def test_purged_user_is_in_no_file(elasticsearch_on_disk: tuple[str, Path]) -> None:
    url, folder = elasticsearch_on_disk
    canary = secrets.token_hex(12)
    store = ElasticsearchStore(ElasticsearchSettings(urls=(url,)), model=MODEL, dimension=DIMENSION)
    try:
        users = await store.user_events("default")
        for part in range(3):
            await users.write([event(f"{part}-{number}", user=f"other-{number}") for number in range(100)])
            await users.write(
                [
                    event(f"{part}-{number}-{canary}", user=canary, article=f"a{number}{canary}", kind=LIKE)
                    for number in range(5)
                ]
            )
            await users.set_tags(canary, [f"{part} {canary}"])
        await store.client.indices.flush(index="gistwire.*")
        assert _files_with(folder, canary)
        assert await users.purge(canary) == 15
        assert _files_with(folder, canary) == []
        assert await users.count("other-1") == 3
    finally:
        await store.close()


async def test_files_that_keep_a_purged_user_are_logged(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_users, "EXPUNGED_WITHIN_S", 0.0)
    users = await store.user_events("default")
    await users.write([event("e"), event("e", user="v")])
    with capture_logs() as log:
        assert await users.purge("u") == 1
    assert [(entry["event"], entry["documents"]) for entry in log] == [("purged_documents_in_files", 2)]
    assert await users.history("u", limit=10) == []


async def test_mappings_take_nothing_else(store: ElasticsearchStore) -> None:
    await store.user_events("default")
    names = store.names("default")
    for name in (names.users, names.user_events):
        response = await store.client.indices.get_mapping(index=name)
        assert response[name]["mappings"]["dynamic"] == "strict"


async def test_users_are_no_tenants_articles(store: ElasticsearchStore) -> None:
    await store.user_events("mine")
    assert await store.tenants() == []
    with pytest.raises(ValueError, match="the name of a tenant"):
        await store.user_events("*")


async def test_index_of_a_newer_version_is_refused(open_store: OpenStore) -> None:
    store = open_store()
    await store.user_events("default")
    await store.client.indices.put_mapping(
        index=store.names("default").user_events, meta={"schema_version": 99}
    )
    with pytest.raises(IndexFormatError, match="schema 99"):
        await open_store().user_events("default")


async def test_closed_store_gives_no_users(store: ElasticsearchStore) -> None:
    users = await store.user_events("default")
    assert await store.user_events("default") is users
    await store.close()
    with pytest.raises(IndexUnavailableError):
        await store.user_events("default")
    with pytest.raises(IndexUnavailableError):
        await users.popularity(BEGIN, limit=1)


def _files_with(folder: Path, text: str) -> list[str]:
    """The names of files in which a text occurs."""
    found = []
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            # A merge was done with it.
            continue
        if text.encode() in content:
            found.append(path.name)
    return found
