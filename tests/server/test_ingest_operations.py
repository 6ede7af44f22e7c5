"""Tests of gistwire_server.ingest_operations: reading ahead, and where batches are cut."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from gistwire.v1 import article_pb2
from gistwire_indexer.index import Visibility
from gistwire_server.ingest_operations import OperationReader

Operation = article_pb2.StreamIngestRequest


class Sender:
    """Yields operations, and counts them as they are taken."""

    def __init__(self, operations: Iterable[article_pb2.StreamIngestRequest]) -> None:
        self.taken = 0
        self._operations = operations

    async def __aiter__(self) -> AsyncIterator[article_pb2.StreamIngestRequest]:
        for operation in self._operations:
            self.taken += 1
            yield operation


def upserts(count: int, *, body: str = "") -> list[article_pb2.StreamIngestRequest]:
    return [
        Operation(sequence=number, upsert=article_pb2.Article(headline="News", body=body))
        for number in range(1, count + 1)
    ]


async def all_read(sender: Sender) -> None:
    """Waits until no more is taken."""
    before = -1
    while before != sender.taken:
        before = sender.taken
        for _ in range(20):
            await asyncio.sleep(0)


def numbers(batch: list[article_pb2.StreamIngestRequest]) -> list[int]:
    return [operation.sequence for operation in batch]


@pytest.mark.parametrize(("body", "read"), [("", 10), ("x" * 8 * 1024 * 1024, 2)])
async def test_only_so_much_is_read_ahead(body: str, read: int) -> None:
    sender = Sender(upserts(20, body=body))
    reader = OperationReader(aiter(sender), window=10)
    await all_read(sender)
    # One more is in the hands of the reader.
    assert sender.taken == read + 1
    await reader.next_batch(1)
    await all_read(sender)
    assert sender.taken == read + 2
    await reader.close()


async def test_a_batch_is_cut_at_its_size_and_where_the_kind_changes() -> None:
    operations = [
        *upserts(3),
        Operation(sequence=4, delete_id="x"),
        Operation(sequence=5, delete_id="y"),
        Operation(sequence=6, upsert=article_pb2.Article(headline="News")),
    ]
    sender = Sender(operations)
    reader = OperationReader(aiter(sender), window=10)
    await all_read(sender)
    batches = [numbers(await reader.next_batch(2)) for _ in range(5)]
    assert batches == [[1, 2], [3], [4, 5], [6], []]
    await reader.close()


async def test_large_articles_make_small_batches() -> None:
    sender = Sender(upserts(4, body="x" * 5 * 1024 * 1024))
    reader = OperationReader(aiter(sender), window=10)
    await all_read(sender)
    assert numbers(await reader.next_batch(10)) == [1, 2]
    await reader.close()


async def test_a_sender_that_closes_at_once_asked_for_the_default() -> None:
    reader = OperationReader(aiter(Sender([])), window=10)
    assert await reader.visibility() is Visibility.AWAITED
    assert await reader.next_batch(10) == []
    await reader.close()


async def test_closing_ends_a_reader_that_waits_for_room() -> None:
    sender = Sender(upserts(5))
    reader = OperationReader(aiter(sender), window=1)
    await all_read(sender)
    async with asyncio.timeout(10):
        await reader.close()
