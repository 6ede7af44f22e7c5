import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from gistwire.v1 import events_pb2, search_pb2
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.index import ArticleIndex, IndexedArticle, IndexPosition
from gistwire_models.scripted import SummaryScript
from gistwire_server.config import ServerConfig, WatchConfig
from gistwire_server.errors import (
    DrainingError,
    ResumeTokenExpiredError,
    ResumeTokenInvalidError,
    ResumeTokenMismatchError,
)
from gistwire_server.index_poller import MAX_KEPT_ITEMS
from gistwire_server.watch import WatchUpdate
from gistwire_server.watch_progress import MAX_DELIVERED_UNSETTLED, MAX_TOKEN_CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.watch_bench import (
    OVERLAP,
    OpenIndex,
    Replica,
    article,
    of_kind,
    shown,
    shown_ids,
    take,
    take_article,
    take_until,
    watching,
    write,
    write_together,
)
from tests.server.watch_bench import index as index
from tests.server.watch_bench import open_index as open_index


async def caught_up(replica: Replica, **plan: object) -> AsyncGenerator[WatchUpdate, None]:
    """A watch whose past is over."""
    updates = replica.watch(watching(**plan))  # type: ignore[arg-type]
    await take_until(updates, search_pb2.CaughtUp)
    return updates


async def test_the_past_comes_first_and_then_what_is_new(index: ArticleIndex) -> None:
    await write(index, article("old"), article("other", "Museum opens"), article("older", "Harbour, harbour"))
    replica = Replica(index)
    async with aclosing(replica.watch(watching(past_hits=2))) as updates:
        past = await take_until(updates, search_pb2.CaughtUp)
        kinds = [type(update.event) for update in past]
        assert kinds[:2] == [events_pb2.Started, events_pb2.Hits]
        assert sorted(shown_ids(past)) == ["old", "older"]
        assert sorted(each.hit_id for each in of_kind(past, events_pb2.Summary)) == ["h1", "h2"]
        assert of_kind(past, search_pb2.CaughtUp)[0].past_hit_count == 2

        await write(index, article("new"), article("unrelated", "Museum closes"))
        await replica.polls.run()
        new = await take_article(updates, "new")
    (hits,) = of_kind(new, events_pb2.Hits)
    assert [hit.hit_id for hit in hits.hits] == ["h3"]
    assert [(each.start, each.end) for each in hits.hits[0].headline_highlights] == [(0, 7)]
    assert "".join(each.text for each in of_kind(new, events_pb2.SummaryDelta)) == "Summary: Harbour reopens"
    assert type(new[-1].event) is events_pb2.Summary


async def test_without_past_hits_the_watch_begins_with_what_is_new(index: ArticleIndex) -> None:
    await write(index, article("old"))
    replica = Replica(index)
    async with aclosing(replica.watch(watching(past_hits=0))) as updates:
        started, then = await take(updates, 2)
        assert isinstance(started.event, events_pb2.Started)
        assert not started.event.plan.HasField("deadline")
        assert then.event == search_pb2.CaughtUp()
        await write(index, article("new"))
        await replica.polls.run()
        assert shown_ids(await take_article(updates, "new")) == ["new"]


async def test_only_what_passes_the_filter_comes(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with aclosing(await caught_up(replica, filter_=parse_filter("source = wire"))) as updates:
        await write(index, article("a"), article("b", source="Wire"))
        await replica.polls.run()
        assert shown_ids(await take_article(updates, "b")) == ["b"]


async def test_a_correction_comes_again_and_a_deletion_is_nothing(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with aclosing(await caught_up(replica)) as updates:
        await write(index, article("a"), article("b"))
        await replica.polls.run()
        await take_article(updates, "b")
        await index.delete(["b"])
        await write(index, article("a", "Harbour closes"), article("c"))
        await replica.polls.run()
        assert shown(await take_article(updates, "c")) == [
            ("a", article("a", "Harbour closes").revision()),
            ("c", article("c").revision()),
        ]


async def test_near_duplicates_of_what_was_shown_do_not_come(index: ArticleIndex) -> None:
    await write(index, article("old"))
    replica = Replica(index)
    async with aclosing(await caught_up(replica)) as updates:
        await write(index, article("copy"), duplicate_of="old")
        await write(index, article("museum", "Museum opens"), article("new"))
        await write(index, article("copy2"), duplicate_of="new")
        # What these repeat was not shown: the first of them comes.
        await write(index, article("m1"), article("m2"), duplicate_of="museum")
        await replica.polls.run()
        assert shown_ids(await take_article(updates, "m1")) == ["new", "m1"]
        await write(index, article("m1", "Harbour reopens again"), duplicate_of="museum")
        await replica.polls.run()
        assert shown_ids(await take_article(updates, "m1")) == ["m1"]


async def test_what_becomes_visible_late_is_not_lost(index: ArticleIndex) -> None:
    hiding = HidingIndex(index)
    replica = Replica(cast(ArticleIndex, hiding))
    async with aclosing(await caught_up(replica)) as updates:
        hiding.hidden = {"late"}
        await write(index, article("late"), article("prompt"))
        await replica.polls.run()
        first = await take_article(updates, "prompt")
        assert shown_ids(first) == ["prompt"]
        replica.clock.ahead = OVERLAP * 0.9
        await replica.polls.run_whole()
        hiding.hidden = set()
        await replica.polls.run_whole()
        assert shown_ids(await take_article(updates, "late")) == ["late"]
    # Nor is it lost if another server goes on.
    other = Replica(index)
    async with aclosing(other.watch(watching(), first[-1].resume_token)) as updates:
        assert shown_ids(await take_article(updates, "late")) == ["late"]


async def test_an_article_visible_late_at_the_beginning_is_new(index: ArticleIndex) -> None:
    hiding = HidingIndex(index, hidden={"late"})
    await write(index, article("late"), article("old"))
    replica = Replica(cast(ArticleIndex, hiding))
    async with aclosing(await caught_up(replica, past_hits=0)) as updates:
        hiding.hidden = set()
        await replica.polls.run_whole()
        assert shown_ids(await take_article(updates, "late")) == ["late"]


async def test_another_server_goes_on_where_the_first_one_ended(index: ArticleIndex) -> None:
    first, second = Replica(index), Replica(index)
    async with aclosing(await caught_up(first)) as updates:
        await write(index, article("a"), article("b"))
        await first.polls.run()
        token = (await take_article(updates, "b"))[-1].resume_token
    await write(index, article("c"))
    async with aclosing(second.watch(watching(), token)) as updates:
        resumed = await take_article(updates, "c")
    assert isinstance(resumed[0].event, events_pb2.Started)
    assert shown_ids(resumed) == ["c"]
    assert of_kind(resumed, events_pb2.Hits)[0].hits[0].hit_id == "h3"
    assert of_kind(resumed, search_pb2.CaughtUp) == []


async def test_from_a_token_of_the_beginning_the_past_is_searched_by_then(index: ArticleIndex) -> None:
    await write(index, article("old", "Harbour reopens on Monday"))
    async with aclosing(Replica(index).watch(watching(past_hits=1))) as updates:
        token = (await anext(updates)).resume_token
    await write(index, article("best", "Harbour"), article("new", "Harbour reopens on Tuesday"))
    async with aclosing(Replica(index).watch(watching(past_hits=1), token)) as updates:
        past = await take_until(updates, search_pb2.CaughtUp)
        assert shown_ids(past) == ["best"]
        assert shown_ids(await take_article(updates, "new")) == ["new"]


async def test_a_hit_whose_article_is_gone_before_its_summary_fails(index: ArticleIndex) -> None:
    await write(index, article("old"))
    replica = Replica(index)
    async with aclosing(replica.watch(watching())) as updates:
        past_token = (await take_until(updates, events_pb2.Hits))[-1].resume_token
        await take_until(updates, search_pb2.CaughtUp)
        await write(index, article("new"))
        await replica.polls.run()
        new_token = (await take_until(updates, events_pb2.Hits))[-1].resume_token
    await index.delete(["old", "new"])
    for token, hit_id in ((past_token, "h1"), (new_token, "h2")):
        async with aclosing(Replica(index).watch(watching(), token)) as updates:
            (failed,) = of_kind(await take_until(updates, events_pb2.HitFailed), events_pb2.HitFailed)
            assert failed.hit_id == hit_id
            assert failed.status.message.startswith("the article was corrected or deleted")


async def test_a_hit_that_fails_ends_and_the_watch_goes_on(index: ArticleIndex) -> None:
    replica = Replica(index)
    replica.summarizer.scripts = {"bad": SummaryScript(failure=ValueError())}
    async with aclosing(await caught_up(replica)) as updates:
        await write(index, article("bad"), article("good"))
        await replica.polls.run()
        taken = await take(updates, 5)
        assert len(of_kind(taken, events_pb2.HitFailed)) == 1
        assert shown_ids(taken) == ["bad", "good"]


async def test_a_watch_that_is_read_slowly_misses_nothing(index: ArticleIndex) -> None:
    replica = Replica(index)
    plan = replace(watching(), search=replace(watching().search, top_k=0))
    async with aclosing(replica.watch(plan)) as updates:
        await take_until(updates, search_pb2.CaughtUp)
        await write(index, article("first"))
        await replica.polls.run()
        seen = await take_until(updates, events_pb2.Hits)
        # While it is not read, more comes than is kept.
        many = [article(f"m{n}", "Museum opens") for n in range(MAX_KEPT_ITEMS)]
        await write(index, article("missed"))
        await write_together(index, *many)
        await write(index, article("last"))
        await replica.polls.run()
        seen += await take_article(updates, "last", before=seen)
    assert shown_ids(seen) == ["first", "missed", "last"]


@pytest.mark.parametrize("waits_before", [False, True])
async def test_of_more_than_a_token_holds_the_rest_waits_until_the_position_moves(
    index: ArticleIndex, waits_before: bool
) -> None:
    counting = HidingIndex(index)
    replica = Replica(cast(ArticleIndex, counting))
    ids = [f"a{n:03}" for n in range(MAX_DELIVERED_UNSETTLED + 20)]
    async with aclosing(await caught_up(replica)) as updates:
        # Who waits already is told of what comes by the feed; who comes later reads it from the index.
        waiting = asyncio.ensure_future(anext(updates)) if waits_before else None
        await replica.polls.run()
        await write(index, *(article(each, f"Harbour number {each}") for each in ids))
        await replica.polls.run()
        first = [await waiting] if waiting else []
        first += await take_article(updates, ids[MAX_DELIVERED_UNSETTLED - 1], before=first)
        assert shown_ids(first) == ids[:MAX_DELIVERED_UNSETTLED]
        assert len(first[-1].resume_token) <= MAX_TOKEN_CHARACTERS

        waiting = asyncio.ensure_future(anext(updates))
        counting.reads = 0
        await replica.polls.run_whole()
        assert not waiting.done()
        # Each of the polls reads two pages, and the watch one, but not over and over.
        assert counting.reads <= 18
        replica.clock.ahead = OVERLAP * 2
        await replica.polls.run_whole()
        rest = [await waiting]
        rest += await take_article(updates, ids[-1], before=rest)
        assert shown_ids(rest) == ids[MAX_DELIVERED_UNSETTLED:]
    # The token of the moment at which it was full goes on with the rest, too.
    other = Replica(index, clock=replica.clock)
    async with aclosing(other.watch(watching(), first[-1].resume_token)) as updates:
        assert shown_ids(await take_article(updates, ids[-1])) == ids[MAX_DELIVERED_UNSETTLED:]


async def test_a_quiet_watch_is_sent_newer_tokens(index: ArticleIndex) -> None:
    config = ServerConfig(data_dir=Replica(index).config.data_dir, watch=WatchConfig(bookmark_interval_s=30))
    replica = Replica(index, config=config)
    async with aclosing(replica.watch(watching())) as updates:
        started, *_ = await take_until(updates, search_pb2.CaughtUp)
        waiting = asyncio.ensure_future(anext(updates))
        await replica.polls.run_whole()
        replica.clock.ahead = timedelta(hours=20)
        await replica.polls.run_whole()
        bookmark = await waiting
    assert isinstance(bookmark.event, search_pb2.Bookmark)
    late = Replica(index, clock=replica.clock)
    late.clock.ahead = timedelta(hours=26)
    with pytest.raises(ResumeTokenExpiredError):
        await anext(late.watch(watching(), started.resume_token))
    async with aclosing(late.watch(watching(), bookmark.resume_token)) as updates:
        assert isinstance((await anext(updates)).event, events_pb2.Started)


async def test_a_token_serves_its_own_watch_only(index: ArticleIndex) -> None:
    replica = Replica(index)
    async with aclosing(replica.watch(watching())) as updates:
        token = (await anext(updates)).resume_token
    for changed in (
        watching("ferry"),
        watching(min_similarity=0.9),
        watching(filter_=parse_filter("source = wire")),
    ):
        with pytest.raises(ResumeTokenMismatchError):
            await anext(replica.watch(changed, token))
    for spoilt in (token[:-1], token[::-1], "ä", f"A{token[1:]}" if token[0] != "A" else f"B{token[1:]}"):
        with pytest.raises(ResumeTokenInvalidError):
            await anext(replica.watch(watching(), spoilt))
    other_tenant = Replica(index)
    other_tenant.engines = replace(other_tenant.engines, signer=other_tenant.engines.signer.for_tenant("b"))
    with pytest.raises(ResumeTokenInvalidError):
        await anext(other_tenant.watch(watching(), token))


async def test_leaving_ends_all_tasks(index: ArticleIndex) -> None:
    replica = Replica(index)
    replica.summarizer.scripts = {"a": SummaryScript(deltas=["x"], gate=asyncio.Event())}
    before = asyncio.all_tasks()
    async with aclosing(await caught_up(replica)) as updates:
        await write(index, article("a"))
        await replica.polls.run()
        await take_until(updates, events_pb2.Hits)
        waiting = asyncio.ensure_future(anext(updates))
        while not replica.summarizer.requests:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert asyncio.all_tasks() == before
    assert replica.summarizer.cancelled == ["a"]


async def test_draining_ends_watches_that_wait(index: ArticleIndex) -> None:
    replica = Replica(index)
    updates = await caught_up(replica)
    waiting = asyncio.ensure_future(anext(updates))
    await replica.polls.run()
    await replica.feed.close()
    with pytest.raises(DrainingError):
        await waiting
    with pytest.raises(DrainingError):
        await anext(replica.watch(watching()))


async def test_an_index_that_does_not_answer_for_a_while_costs_nothing(index: ArticleIndex) -> None:
    hiding = HidingIndex(index)
    replica = Replica(cast(ArticleIndex, hiding))
    async with aclosing(await caught_up(replica)) as updates:
        await replica.polls.run()
        hiding.failing = True
        await write(index, article("a"))
        replica.clock.ahead = timedelta(minutes=10)
        await replica.polls.run_whole()
        hiding.failing = False
        await replica.polls.run_whole()
        assert shown_ids(await take_article(updates, "a")) == ["a"]


class HidingIndex:
    """An index in which some articles are not visible yet, which may fail to answer, and which counts readings."""

    def __init__(self, index: ArticleIndex, hidden: set[str] | None = None) -> None:
        self._index = index
        self.hidden = hidden or set()
        self.failing = False
        self.reads = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    async def indexed_after(self, position: IndexPosition, *, limit: int) -> list[IndexedArticle]:
        self.reads += 1
        if self.failing:
            raise IndexUnavailableError("no answer")
        articles = await self._index.indexed_after(position, limit=limit)
        return [each for each in articles if each.article.id not in self.hidden]


@st.composite
def ingests(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What is written, in order, each with a number of its own; at "mark" the watch is read so far."""
    ids = draw(st.lists(st.sampled_from(["a", "b", "c", "copy", "other"]), max_size=8))
    steps = [(each, number) for number, each in enumerate(ids)]
    for number in range(draw(st.integers(0, 3))):
        steps.insert(draw(st.integers(0, len(steps))), ("mark", number))
    return steps


@given(past=st.integers(0, 3), steps=ingests())
@settings(max_examples=15)
async def test_from_every_token_the_rest_comes_and_nothing_else(
    open_index: OpenIndex, past: int, steps: list[tuple[str, int]]
) -> None:
    plan = watching(past_hits=2)
    async with open_index() as index:
        await write(index, *(article(f"past{n}") for n in range(past)))
        first = Replica(index)
        async with aclosing(first.watch(plan)) as updates:
            run = await take_until(updates, search_pb2.CaughtUp)
            for kind, number in steps:
                if kind == "mark":
                    await write(index, article(f"mark{number}"))
                    await first.polls.run()
                    run += await take_article(updates, f"mark{number}", before=run)
                elif kind == "copy":
                    # Copies of what is never corrected.
                    await write(index, article(f"copy{number}"), duplicate_of="past0")
                elif kind == "other":
                    await write(index, article("other", f"Museum {number}"))
                else:
                    await write(index, article(kind, f"Harbour {number}"))
            await write(index, article("end"))
            await first.polls.run()
            run += await take_article(updates, "end", before=run)

        assert len(set(shown(run))) == len(shown(run))
        present = {(each.article.id, each.revision) async for each in index.scan()}
        # The past is searched when it is to be shown: a token of `started` does not hold it.
        for cut in range(2, len(run)):
            async with aclosing(Replica(index).watch(plan, run[cut - 1].resume_token)) as updates:
                resumed = await take_article(updates, "end", before=run[:cut])
            rest = [each for each in shown(run[cut:]) if each in present]
            assert sorted(shown(resumed)) == sorted(rest)
            assert_hits_end_once(run[:cut], resumed)


def assert_hits_end_once(before: list[WatchUpdate], after: list[WatchUpdate]) -> None:
    whole = [*before, *after]
    hit_ids = [hit.hit_id for hits in of_kind(whole, events_pb2.Hits) for hit in hits.hits]
    ends = [each.hit_id for each in of_kind(whole, events_pb2.Summary)]
    ends += [each.hit_id for each in of_kind(whole, events_pb2.HitFailed)]
    assert sorted(ends) == sorted(hit_ids)
    assert len(set(hit_ids)) == len(hit_ids)
    assert len(of_kind(whole, search_pb2.CaughtUp)) == 1
