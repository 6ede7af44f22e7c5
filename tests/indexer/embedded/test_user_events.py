"""Tests of `EmbeddedUserEvents`: the contract, agreement with a plain model, and what purged users leave on disk."""

import asyncio
import contextlib
import secrets
import sqlite3
import stat
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from gistwire_indexer.embedded import EmbeddedStore, EmbeddedUserEvents
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_indexer.user_events import EventKind, UserEvent, opinion, popularity_weight
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indexer.article_index_contract import DIMENSION, MODEL
from tests.indexer.user_event_store_contract import (
    BEGIN,
    LIKE,
    OpenUsers,
    UserEventStoreContract,
    event,
)

FILE_NAME = "users.sqlite3"

RATED = (EventKind.RATE_ARTICLE, EventKind.RATE_SUMMARY)
EVENTS = st.lists(
    st.builds(
        lambda kind, rating, **fields: UserEvent(
            kind=kind, rating=rating if kind in RATED else None, **fields
        ),
        event_id=st.sampled_from("abcdefghij"),
        user_id=st.sampled_from("uvw"),
        article_id=st.sampled_from("xyz"),
        kind=st.sampled_from(EventKind),
        occurred=st.integers(0, 4).map(lambda minutes: BEGIN + timedelta(minutes=minutes)),
        rating=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    ),
    max_size=25,
)


def files_with(folder: Path, text: str) -> list[str]:
    """The names of files in which a text occurs."""
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def modes_in(folder: Path) -> dict[str, int]:
    """The permissions of files, by their names."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


class TestEmbeddedUserEvents(UserEventStoreContract):
    @pytest.fixture
    async def open_users(self, tmp_path: Path) -> AsyncGenerator[OpenUsers, None]:
        stores: list[EmbeddedStore] = []

        async def open_one(tenant: str = "default") -> EmbeddedUserEvents:
            stores.append(EmbeddedStore(tmp_path, model=MODEL, dimension=DIMENSION))
            return await stores[-1].user_events(tenant)

        yield open_one
        for store in stores:
            await store.close()


@pytest.fixture
async def users(tmp_path: Path) -> AsyncGenerator[EmbeddedUserEvents, None]:
    opened = await EmbeddedUserEvents.open(tmp_path)
    yield opened
    await opened.close()


@given(batches=st.lists(EVENTS, max_size=3), since=st.integers(0, 5), limit=st.integers(1, 10))
@settings(max_examples=60)
async def test_figures_are_those_of_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[UserEvent]], since: int, limit: int
) -> None:
    users = await EmbeddedUserEvents.open(tmp_path_factory.mktemp("users"))
    try:
        kept: dict[tuple[str, str], UserEvent] = {}
        for batch in batches:
            expected = []
            for each in batch:
                expected.append((each.user_id, each.event_id) not in kept)
                kept.setdefault((each.user_id, each.event_id), each)
            assert await users.write(batch) == expected
        begin = BEGIN + timedelta(minutes=since)
        newest = sorted(kept.values(), key=lambda each: (BEGIN - each.occurred, each.event_id, each.user_id))
        recent = [each for each in newest if each.occurred >= begin]
        assert (
            await users.history("u", limit=limit) == [each for each in newest if each.user_id == "u"][:limit]
        )

        weights: dict[tuple[str, str], float] = {}
        words: dict[tuple[str, str], tuple[float, UserEvent]] = {}
        for each in recent:
            pair = (each.article_id, each.user_id)
            weights[pair] = max(weights.get(pair, 0), popularity_weight(each))
            value = opinion(each)
            if value is not None:
                words.setdefault(pair, (value, each))
        totals: dict[str, float] = {}
        for (article, _), weight in weights.items():
            if weight:
                totals[article] = totals.get(article, 0) + weight
        best = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:limit]
        assert list((await users.popularity(begin, limit=limit)).items()) == best
        ratings = await users.ratings(begin, limit=limit)
        assert [(each.article_id, each.user_id, each.value, each.occurred) for each in ratings] == [
            (*pair, value, each.occurred) for pair, (value, each) in words.items()
        ][:limit]
    finally:
        await users.close()


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    first = await EmbeddedUserEvents.open(tmp_path)
    await first.write([event("e")])
    await first.set_tags("u", ["shipping"])
    await first.close()
    second = await EmbeddedUserEvents.open(tmp_path)
    assert (await second.history("u", limit=10), await second.tags("u")) == ([event("e")], ("shipping",))
    await second.close()


async def test_only_its_owner_reads_the_file(users: EmbeddedUserEvents, tmp_path: Path) -> None:
    await users.write([event("e")])
    modes = modes_in(tmp_path)
    assert modes[FILE_NAME] == 0o600
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("others", [0, 3_000])
async def test_purged_user_is_in_no_file(tmp_path: Path, others: int) -> None:
    canary = secrets.token_hex(12)
    store = EmbeddedStore(tmp_path, model=MODEL, dimension=DIMENSION)
    users = await store.user_events("default")
    await store.tenant("default")
    # Among others on the same pages, which splits them again and again.
    for part in range(20):
        await users.write(
            [event(f"{part}-{number}", user=f"{number:x}{part}") for number in range(others // 20)]
        )
        await users.write(
            [
                event(
                    f"{part}-{number}-{canary}",
                    user=f"8{canary}",
                    article=f"a{number}{canary}",
                    kind=LIKE,
                    minute=number,
                    request_id=f"r{canary}",
                )
                for number in range(10)
            ]
        )
        await users.set_tags(f"8{canary}", [f"{part} {canary}"])
    assert files_with(tmp_path, canary)
    assert await users.purge(f"8{canary}") == 200
    assert files_with(tmp_path, canary) == []
    assert await users.count("00") == min(others, 1)
    await store.close()
    assert files_with(tmp_path, canary) == []


async def test_purged_tags_are_in_no_file(users: EmbeddedUserEvents, tmp_path: Path) -> None:
    canary = secrets.token_hex(12)
    await users.set_tags("u", [canary])
    assert await users.purge("u") == 0
    assert files_with(tmp_path, canary) == []


async def test_purge_that_a_reader_holds_up_is_ended_by_the_next(tmp_path: Path) -> None:
    canary = secrets.token_hex(12)
    users = await EmbeddedUserEvents.open(tmp_path, busy_timeout_s=0.05)
    await users.write([event("e", user=canary)])
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchall()
        with pytest.raises(IndexUnavailableError, match="reading"):
            await users.purge(canary)
    assert files_with(tmp_path, canary)
    assert await users.purge("someone else") == 0
    assert files_with(tmp_path, canary) == []
    await users.close()


async def test_purges_at_once_leave_nothing(tmp_path: Path) -> None:
    canary = secrets.token_hex(12)
    stores = [await EmbeddedUserEvents.open(tmp_path) for _ in range(2)]
    for number in range(6):
        await stores[0].write([event(f"e{place}", user=f"{number}{canary}") for place in range(50)])
    purged = await asyncio.gather(*(stores[number % 2].purge(f"{number}{canary}") for number in range(6)))
    assert purged == [50] * 6
    assert files_with(tmp_path, canary) == []
    for store in stores:
        await store.close()


async def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    await (await EmbeddedUserEvents.open(tmp_path)).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        connection.commit()
    with pytest.raises(IndexFormatError, match="schema 99"):
        await EmbeddedUserEvents.open(tmp_path)


async def test_file_that_is_none_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(IndexUnavailableError):
        await EmbeddedUserEvents.open(tmp_path)


async def test_closed_store_gives_no_users(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, model=MODEL, dimension=DIMENSION)
    users = await store.user_events("default")
    assert await store.user_events("default") is users
    await store.close()
    with pytest.raises(IndexUnavailableError):
        await users.count("u")
    with pytest.raises(IndexUnavailableError):
        await store.user_events("default")
