"""Tests of gistwire_indexer.crawler.article_locks."""

import asyncio

import pytest
from gistwire_indexer.crawler.article_locks import ArticleLocks


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_shares_a_key_waits_and_nobody_else() -> None:
    locks = ArticleLocks()
    inside: list[str] = []
    leave = asyncio.Event()

    async def hold(name: str, *keys: str) -> None:
        async with locks.hold(keys):
            inside.append(name)
            await leave.wait()
            inside.remove(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(hold("first", "a", "b"))
        group.create_task(hold("second", "b", "c"))
        group.create_task(hold("third", "d"))
        await settle()
        assert inside == ["first", "third"]
        leave.set()


async def test_different_orders_do_not_wait_for_each_other_for_ever() -> None:
    locks = ArticleLocks()

    async def hold(*keys: str) -> None:
        async with locks.hold(keys):
            await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await asyncio.gather(*(hold(*keys) for keys in [("a", "b"), ("b", "a"), ("a", "a")] * 10))


async def test_locks_that_nobody_uses_are_forgotten_also_after_a_failure() -> None:
    locks = ArticleLocks()
    with pytest.raises(LookupError):
        async with locks.hold(["a", "b"]):
            raise LookupError
    assert not locks._locks
    assert not locks._users
