"""What every `UserEventStore` promises: `UserEventStoreContract`, to be subclassed with its fixtures."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.user_events import EventKind, Rating, UserEvent, UserEventStore

BEGIN = datetime(2026, 11, 1, 12, 0, 0, 250_001, tzinfo=UTC)

CLICK, LIKE, VIEW, DISMISS = EventKind.CLICK, EventKind.LIKE, EventKind.VIEW, EventKind.DISMISS
RATE_ARTICLE, RATE_SUMMARY = EventKind.RATE_ARTICLE, EventKind.RATE_SUMMARY

OpenUsers = Callable[..., Awaitable[UserEventStore]]
"""Opens the users of a tenant, by default the default one, as another process would."""


def event(
    event_id: str,
    *,
    user: str = "u",
    article: str = "a",
    kind: EventKind = CLICK,
    minute: float = 0,
    rating: float | None = None,
    request_id: str = "",
) -> UserEvent:
    occurred = BEGIN + timedelta(minutes=minute)
    return UserEvent(event_id, user, article, kind, occurred, rating, request_id)


class UserEventStoreContract:
    """Tests of the promises in the docstrings of `UserEventStore`."""

    @pytest.fixture
    async def open_users(self) -> OpenUsers:
        """Opens users; all are closed afterwards."""
        raise NotImplementedError

    @pytest.fixture
    async def users(self, open_users: OpenUsers) -> UserEventStore:
        return await open_users()

    async def test_unknown_user_has_nothing(self, users: UserEventStore) -> None:
        assert await users.history("u", limit=10) == []
        assert await users.count("u") == 0
        assert await users.tags("u") == ()
        assert await users.popularity(BEGIN, limit=10) == {}
        assert await users.ratings(BEGIN, limit=10) == []
        assert await users.write([]) == []

    async def test_events_come_back_as_they_were_written(self, users: UserEventStore) -> None:
        written = [
            event("e1", kind=RATE_SUMMARY, rating=0.1, minute=2, request_id="r"),
            event("é\0事件", user="u", article="a\n'\"b", kind=VIEW),
        ]
        assert await users.write(written) == [True, True]
        assert await users.history("u", limit=10) == written

    async def test_time_zones_are_only_notation(self, users: UserEventStore) -> None:
        local = BEGIN.astimezone(timezone(timedelta(hours=8)))
        await users.write([UserEvent("e", "u", "a", CLICK, local)])
        [read] = await users.history("u", limit=1)
        assert read.occurred == BEGIN

    async def test_repetitions_have_no_effect(self, users: UserEventStore) -> None:
        first = event("e1", article="a", kind=LIKE)
        assert await users.write([first, event("e1", article="b"), event("e2")]) == [True, False, True]
        assert await users.write([event("e1", article="c"), event("e3")]) == [False, True]
        assert await users.count("u") == 3
        assert first in await users.history("u", limit=10)
        assert await users.popularity(BEGIN, limit=10) == {"a": 2.0}

    async def test_identifiers_of_events_are_the_users_own(self, users: UserEventStore) -> None:
        assert await users.write([event("e", user="u"), event("e", user="v")]) == [True, True]
        # What runs together to the same characters is not the same.
        assert await users.write([event("ab", user="x"), event("b", user="xa")]) == [True, True]

    async def test_history_begins_with_the_newest(self, users: UserEventStore) -> None:
        await users.write([event("b", minute=1), event("c", minute=3), event("a", minute=1), event("d")])
        await users.write([event("x", user="v", minute=9)])
        assert [each.event_id for each in await users.history("u", limit=10)] == ["c", "a", "b", "d"]
        assert [each.event_id for each in await users.history("u", limit=3)] == ["c", "a", "b"]

    async def test_history_may_be_long(self, users: UserEventStore) -> None:
        await users.write([event(f"e{number:05}", minute=number) for number in range(2_300)])
        assert await users.count("u") == 2_300
        history = await users.history("u", limit=2_200)
        assert [each.event_id for each in history] == [f"e{number:05}" for number in range(2_299, 99, -1)]

    async def test_popularity_weighs_clicks_likes_and_ratings(self, users: UserEventStore) -> None:
        await users.write(
            [
                event("1", article="clicked"),
                event("2", article="liked", kind=LIKE),
                event("3", article="rated", kind=RATE_ARTICLE, rating=0.75),
                event("4", article="summary rated", kind=RATE_SUMMARY, rating=0.25),
                event("5", article="viewed", kind=VIEW),
                event("6", article="dismissed", kind=DISMISS),
                event("7", article="rated nothing", kind=RATE_ARTICLE, rating=0.0),
            ]
        )
        expected = {"liked": 2.0, "clicked": 1.0, "rated": 0.75, "summary rated": 0.25}
        popularity = await users.popularity(BEGIN, limit=10)
        assert list(popularity.items()) == list(expected.items())

    async def test_a_user_counts_once_for_an_article(self, users: UserEventStore) -> None:
        await users.write([event("1"), event("2"), event("3", kind=LIKE), event("4", article="b")])
        await users.write([event("1", user="v"), event("2", user="v", article="b")])
        await users.write([event("3", user="w", article="b")])
        assert await users.popularity(BEGIN, limit=10) == {"a": 3.0, "b": 3.0}
        # Of one weight, in the order of their identifiers.
        assert await users.popularity(BEGIN, limit=1) == {"a": 3.0}

    async def test_popularity_begins_at_a_time(self, users: UserEventStore) -> None:
        await users.write([event("1", kind=LIKE), event("2", minute=1), event("3", article="b", minute=2)])
        since = BEGIN + timedelta(minutes=1)
        assert await users.popularity(since, limit=10) == {"a": 1.0, "b": 1.0}
        assert await users.popularity(since + timedelta(microseconds=1), limit=10) == {"b": 1.0}

    async def test_ratings_are_the_latest_word(self, users: UserEventStore) -> None:
        await users.write(
            [
                event("1", kind=LIKE),
                event("2", kind=RATE_ARTICLE, rating=0.25, minute=2),
                event("3", kind=CLICK, minute=3),
                event("4", kind=VIEW, minute=4),
                event("5", article="b", kind=LIKE, minute=1),
                event("6", article="b", kind=DISMISS, minute=5),
                event("7", user="v", kind=RATE_SUMMARY, rating=0.5, minute=3),
            ]
        )
        ratings = [
            Rating("u", "b", 0.0, BEGIN + timedelta(minutes=5)),
            Rating("v", "a", 0.5, BEGIN + timedelta(minutes=3)),
            Rating("u", "a", 0.25, BEGIN + timedelta(minutes=2)),
        ]
        assert await users.ratings(BEGIN, limit=10) == ratings
        assert await users.ratings(BEGIN, limit=2) == ratings[:2]
        assert await users.ratings(BEGIN + timedelta(minutes=3), limit=10) == ratings[:2]

    async def test_of_words_at_one_time_the_first_identifier_counts(self, users: UserEventStore) -> None:
        await users.write([event("2", kind=DISMISS), event("1", kind=LIKE), event("3", kind=DISMISS)])
        await users.write([event("1", user="v", kind=LIKE), event("0", user="w", kind=DISMISS)])
        for limit in (2, 10):
            ratings = await users.ratings(BEGIN, limit=limit)
            expected = [("w", 0.0), ("u", 1.0), ("v", 1.0)]
            assert [(each.user_id, each.value) for each in ratings] == expected[:limit]

    async def test_many_repeated_ratings_do_not_crowd_out_others(self, users: UserEventStore) -> None:
        await users.write([event("first", article="b", kind=LIKE)])
        await users.write([event(f"{number}", kind=LIKE, minute=number + 1) for number in range(30)])
        assert [rating.article_id for rating in await users.ratings(BEGIN, limit=2)] == ["a", "b"]

    async def test_tags_are_replaced_in_their_order(self, users: UserEventStore) -> None:
        await users.set_tags("u", ["shipping", "香港新闻", "arts"])
        assert await users.tags("u") == ("shipping", "香港新闻", "arts")
        await users.set_tags("u", ["chess"])
        await users.set_tags("v", ["go"])
        assert (await users.tags("u"), await users.tags("v")) == (("chess",), ("go",))
        await users.set_tags("u", [])
        await users.set_tags("u", [])
        assert (await users.tags("u"), await users.tags("v")) == ((), ("go",))

    async def test_tenants_share_nothing(self, open_users: OpenUsers) -> None:
        mine, theirs = await open_users("mine"), await open_users("theirs")
        await mine.write([event("e", kind=LIKE)])
        await mine.set_tags("u", ["shipping"])
        assert await theirs.history("u", limit=10) == []
        assert await theirs.ratings(BEGIN, limit=10) == []
        assert (await theirs.count("u"), await theirs.tags("u")) == (0, ())
        assert await theirs.popularity(BEGIN, limit=10) == {}
        assert await theirs.purge("u") == 0
        assert (await mine.count("u"), await mine.tags("u")) == (1, ("shipping",))

    async def test_two_writers_write_each_event_once(self, open_users: OpenUsers) -> None:
        writers = [await open_users(), await open_users()]
        batches = [
            [event(f"e{number}") for number in range(start, start + 20)] for start in range(0, 100, 10)
        ]
        results = await asyncio.gather(*(writer.write(batch) for batch in batches for writer in writers))
        assert sum(sum(result) for result in results) == 110
        assert [await writer.count("u") for writer in writers] == [110, 110]

    async def test_what_one_process_writes_another_sees(self, open_users: OpenUsers) -> None:
        writer, reader = await open_users(), await open_users()
        await reader.history("u", limit=10)
        await writer.write([event("e", kind=LIKE)])
        await writer.set_tags("u", ["shipping"])
        assert await reader.history("u", limit=10) == [event("e", kind=LIKE)]
        assert await reader.tags("u") == ("shipping",)
        assert await reader.popularity(BEGIN, limit=10) == {"a": 2.0}

    async def test_purge_erases_a_user_alone(self, users: UserEventStore) -> None:
        name = f"user-{secrets.token_hex(8)}"
        await users.write([event("1", user=name, kind=LIKE), event("2", user=name, article="b")])
        await users.write([event("1", user="v", kind=LIKE)])
        await users.set_tags(name, ["shipping"])
        await users.set_tags("v", ["arts"])
        assert await users.purge(name) == 2
        assert await users.history(name, limit=10) == []
        assert (await users.count(name), await users.tags(name)) == (0, ())
        assert await users.popularity(BEGIN, limit=10) == {"a": 2.0}
        assert [rating.user_id for rating in await users.ratings(BEGIN, limit=10)] == ["v"]
        assert (await users.count("v"), await users.tags("v")) == (1, ("arts",))
        assert await users.purge(name) == 0
        # A user who comes back is a new one.
        assert await users.write([event("1", user=name)]) == [True]

    async def test_closed_store_refuses(self, users: UserEventStore) -> None:
        await users.close()
        await users.close()
        for call in (
            users.write([event("e")]),
            users.history("u", limit=1),
            users.count("u"),
            users.popularity(BEGIN, limit=1),
            users.ratings(BEGIN, limit=1),
            users.tags("u"),
            users.set_tags("u", ["shipping"]),
            users.purge("u"),
        ):
            with pytest.raises(IndexUnavailableError):
                await call
