"""Tests of gistwire_indexer.crawler.hosts."""

import asyncio
from datetime import timedelta

import pytest
from gistwire_indexer.crawler import hosts
from gistwire_indexer.crawler.hosts import HostTurns
from gistwire_indexer.errors import HostPausedError

from tests.indexer.crawler.manual_clock import ManualClock


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Visitor:
    """Takes turns, and stays until it is told to leave; records how many are inside at a time."""

    def __init__(self, turns: HostTurns) -> None:
        self._turns = turns
        self.inside: list[str] = []
        self.leave = asyncio.Event()

    async def visit(self, url: str) -> None:
        async with self._turns.turn(url, delay=timedelta(seconds=2)):
            self.inside.append(url)
            await self.leave.wait()
            self.inside.remove(url)


async def test_a_host_is_asked_one_thing_at_a_time_and_hosts_at_once_up_to_the_bound() -> None:
    time = ManualClock()
    visitor = Visitor(HostTurns(concurrent_hosts=2, clock=time.clock))
    urls = ["http://a.example/1", "http://www.a.example/2", "http://b.example/", "http://c.example/"]
    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(visitor.visit(url))
        await settle()
        assert visitor.inside == ["http://a.example/1", "http://b.example/"]
        visitor.leave.set()
    assert time.slept_s == [2]


async def test_a_paused_host_gives_no_turns_until_the_pause_is_over() -> None:
    time = ManualClock()
    turns = HostTurns(concurrent_hosts=2, clock=time.clock)
    turns.pause("http://a.example/x", timedelta(seconds=60))
    time.advance(seconds=20)
    with pytest.raises(HostPausedError) as raised:
        async with turns.turn("http://a.example/y", delay=timedelta()):
            pass
    assert raised.value.left_s == 40
    time.advance(seconds=40)
    async with turns.turn("http://a.example/y", delay=timedelta()):
        pass


async def test_only_hosts_that_may_be_asked_at_once_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "MAX_REMEMBERED_HOSTS", 2)
    time = ManualClock()
    turns = HostTurns(concurrent_hosts=2, clock=time.clock)
    turns.pause("http://paused.example/", timedelta(hours=1))
    for number in range(5):
        async with turns.turn(f"http://{number}.example/", delay=timedelta()):
            pass
    with pytest.raises(HostPausedError):
        async with turns.turn("http://paused.example/", delay=timedelta()):
            pass
    assert len(turns._hosts) == 2
