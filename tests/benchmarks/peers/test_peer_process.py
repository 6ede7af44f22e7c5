"""Tests of a system in a process of its own, and of what it speaks with us."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from benchmarks.peers.adapter import Settings
from benchmarks.peers.errors import SystemFailedError
from benchmarks.peers.peer_process import SystemProcess, running_system
from benchmarks.peers.systems import SystemChoice

SCRIPTED = SystemChoice("scripted", "tests.benchmarks.peers.scripted_system", has_our_engine=True)


def settings_in(folder: Path) -> Settings:
    articles = folder / "articles.jsonl"
    articles.write_text(
        "".join(json.dumps({"id": name, "headline": name, "body": name}) + "\n" for name in "ab")
    )
    return Settings(
        articles=str(articles),
        folder=str(folder / "system"),
        encoder="",
        summarizer="",
        converted_encoder="",
        converted_summarizer="",
        threads=1,
        concurrency=4,
        top_k=2,
        depth=10,
        max_tokens=48,
    )


async def with_system(folder: Path, ask: Callable[[SystemProcess], Awaitable[None]]) -> None:
    async with running_system(SCRIPTED, Path(sys.executable), settings_in(folder)) as system:
        await ask(system)


async def test_a_search_is_answered_with_its_times(tmp_path: Path) -> None:
    async def ask(system: SystemProcess) -> None:
        answer = await system.search("storms")
        assert (answer.hits, answer.order) == (["a", "b"], ["b", "a"])
        assert answer.summaries == {"a": "about storms", "b": "about storms"}
        assert 0 < answer.hits_s <= answer.first_text_s <= answer.final_s

    await with_system(tmp_path, ask)


async def test_several_searches_at_once_get_each_its_own_answer(tmp_path: Path) -> None:
    async def ask(system: SystemProcess) -> None:
        answers = await asyncio.gather(*(system.search(f"query {number}") for number in range(20)))
        assert [answer.summaries["a"] for answer in answers] == [f"about query {n}" for n in range(20)]

    await with_system(tmp_path, ask)


async def test_what_it_is_and_what_it_takes_is_told(tmp_path: Path) -> None:
    async def ask(system: SystemProcess) -> None:
        assert system.versions.keys() == {"psutil"}
        assert system.cpu_s() > 0
        assert system.memory_mb() > 1

    await with_system(tmp_path, ask)


async def test_a_search_that_fails_is_an_error_that_names_the_system(tmp_path: Path) -> None:
    async def ask(system: SystemProcess) -> None:
        with pytest.raises(SystemFailedError, match="scripted could not answer: ValueError"):
            await system.search("fail")

    await with_system(tmp_path, ask)


async def test_a_search_without_a_final_order_is_an_error(tmp_path: Path) -> None:
    async def ask(system: SystemProcess) -> None:
        with pytest.raises(SystemFailedError, match="scripted ended a search without a final order"):
            await system.search("stop")

    await with_system(tmp_path, ask)


async def test_a_system_that_ends_ends_the_searches_that_wait_for_it(tmp_path: Path) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(SystemFailedError, match="scripted ended"), flatten_subgroups=True
    ):
        await with_system(tmp_path, lambda system: _searched(system, "end"))


async def _searched(system: SystemProcess, query: str) -> None:
    await system.search(query)
