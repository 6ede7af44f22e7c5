"""Tests that the commands of docs/operations.md back an Elasticsearch index up, and restore it."""

import asyncio
import json
import re
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore

from tests.backends.elasticsearch import ElasticsearchServer, new_elasticsearch
from tests.indexer.article_index_contract import (
    DIMENSION,
    MODEL,
    SUMMARIZER,
    axis,
    dense,
    lexical,
    summary_of,
    to_index,
)

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
COMMAND = re.compile(
    r"^curl -u elastic -X (PUT|POST) \"?\$ES/([^\s\"]+)\"?(?:(?!curl).)*? -d '([^']+)'",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Command:
    """A request that the documentation has people send."""

    method: str
    path: str
    body: dict[str, Any]


def commands() -> list[Command]:
    text = re.sub(r"\$\(date [^)]*\)", "2026-11-28", OPERATIONS.read_text(encoding="utf-8"))
    return [Command(method, path, json.loads(body)) for method, path, body in COMMAND.findall(text)]


@pytest.fixture
def snapshots() -> Iterator[str]:
    """A place for snapshots that the server may write to, in its container or on this machine."""
    folder = f"{tempfile.gettempdir()}/gistwire-snapshots-{secrets.token_hex(6)}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(snapshots: str) -> Iterator[ElasticsearchServer]:
    running = new_elasticsearch(settings={"path.repo": snapshots})
    try:
        running.start()
        yield running
    finally:
        running.close()


async def sent(server: ElasticsearchServer, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}

    def send() -> Any:
        request = urllib.request.Request(f"{server.url}/{path}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())

    return await asyncio.to_thread(send)


def opened(server: ElasticsearchServer) -> ElasticsearchStore:
    settings = ElasticsearchSettings(urls=(server.url,), refresh_interval_s=0.2)
    return ElasticsearchStore(settings, model=MODEL, dimension=DIMENSION)


async def test_what_was_in_the_snapshot_is_there_again(server: ElasticsearchServer, snapshots: str) -> None:
    make_repository, take_snapshot, restore = commands()
    make_repository.body["settings"]["location"] = snapshots
    first = to_index("a1", headline="Harbour opens", embedding=axis(0))
    store = opened(server)
    try:
        index = await store.tenant("default")
        await index.write([first])
        assert await index.store_summary(summary_of(first))
        await sent(server, make_repository.method, make_repository.path, make_repository.body)
        taken = await sent(server, take_snapshot.method, take_snapshot.path, take_snapshot.body)
        assert taken["snapshot"]["state"] == "SUCCESS"
        await index.write([to_index("a2", headline="Harbour closes", embedding=axis(1))])
    finally:
        await store.close()
    for found in await sent(server, "GET", "_cat/indices/gistwire.*?h=index&format=json"):
        await sent(server, "DELETE", found["index"])
    restored = await sent(server, restore.method, restore.path, restore.body)
    assert restored["snapshot"]["shards"]["failed"] == 0
    store = opened(server)
    try:
        index = await store.tenant("default")
        assert await lexical(index, "harbour") == ["a1"]
        assert await dense(index, axis(0)) == ["a1"]
        assert await index.stored_summaries(["a1"], str(SUMMARIZER)) == [summary_of(first)]
        # It takes writes again, too.
        await index.write([to_index("a3", headline="Harbour again", embedding=axis(2))])
        assert set(await lexical(index, "harbour")) == {"a1", "a3"}
    finally:
        await store.close()
