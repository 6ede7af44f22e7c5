import asyncio

import pytest
from gistwire_indexer.index import ArticleIndex
from gistwire_server.article_feed import ArticleFeed, FeedReader
from gistwire_server.errors import DrainingError
from gistwire_server.index_poller import MAX_KEPT_ITEMS, AnalyzedArticle, FeedItem, Settled

from tests.server.watch_bench import OVERLAP, Replica, article, write, write_together
from tests.server.watch_bench import index as index
from tests.server.watch_bench import open_index as open_index


def ids(items: list[FeedItem] | None) -> list[str]:
    return [item.indexed.article.id for item in items or () if isinstance(item, AnalyzedArticle)]


async def take_article(reader: FeedReader) -> list[str]:
    while not (found := ids(await reader.take())):
        pass
    return found


async def test_each_reader_is_told_of_each_article_once(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with replica.feed.reading() as first, replica.feed.reading() as second:
        await write(index, article("a", "Harbours reopened"))
        await replica.polls.run()
        await write(index, article("b"))
        await replica.polls.run_whole()
        for reader in (first, second):
            items = await reader.take()
            assert ids(items) == ["a", "b"]
        assert items is not None
        analyzed = next(item for item in items if isinstance(item, AnalyzedArticle))
        assert analyzed.terms == {"harbour", "reopen"}


async def test_what_is_settled_follows_the_clock(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with replica.feed.reading() as reader:
        await replica.polls.run()
        before = replica.clock() - OVERLAP
        await replica.polls.run_whole()
        after = replica.clock() - OVERLAP
        settled = [item.until for item in await reader.take() or () if isinstance(item, Settled)]
        assert before <= settled[-1] <= after
        await reader.wait_until_settled(before)
        waiting = asyncio.ensure_future(reader.wait_until_settled(replica.clock()))
        await replica.polls.run_whole()
        assert not waiting.done()
        replica.clock.ahead = 2 * OVERLAP
        await replica.polls.run_whole()
        await waiting


async def test_who_falls_behind_what_is_kept_is_told_so(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with replica.feed.reading() as reader:
        await write_together(index, *(article(f"a{number}") for number in range(MAX_KEPT_ITEMS + 1)))
        await replica.polls.run()
        assert await reader.take() is None
        await write(index, article("next"))
        await replica.polls.run()
        assert await take_article(reader) == ["next"]


async def test_nothing_is_polled_while_nobody_reads(index: ArticleIndex) -> None:
    replica = Replica(index)
    before = asyncio.all_tasks()
    for _ in range(2):
        async with replica.feed.reading() as first:
            async with replica.feed.reading():
                assert len(asyncio.all_tasks() - before) == 1
            await write(index, article("a"))
            await replica.polls.run()
            first.check_open()
        assert asyncio.all_tasks() == before
        replica = Replica(index)


async def test_a_closed_feed_ends_readers_and_takes_no_more(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with replica.feed.reading() as reader:
        await replica.polls.run()
        await reader.take()
        waiting = asyncio.ensure_future(reader.take())
        settling = asyncio.ensure_future(reader.wait_until_settled(replica.clock()))
        await asyncio.sleep(0)
        await replica.feed.close()
        for each in (waiting, settling):
            with pytest.raises(DrainingError):
                await each
    with pytest.raises(DrainingError):
        async with replica.feed.reading():
            pytest.fail("a reader")


async def test_an_error_of_the_poller_reaches_its_readers(index: ArticleIndex) -> None:
    failing = asyncio.Event()

    async def pause(_seconds: float) -> None:
        await failing.wait()
        raise ZeroDivisionError

    async with ArticleFeed(index, interval_s=1, overlap=OVERLAP, pause=pause).reading() as reader:
        await reader.take()
        waiting = asyncio.ensure_future(reader.take())
        await asyncio.sleep(0)
        failing.set()
        with pytest.raises(ZeroDivisionError):
            await waiting
