"""Tests of `KeptAnswers` by searches: what is told again is what a search would find, and nothing else is kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from gistwire.v1 import events_pb2
from gistwire_indexer.article import Article
from gistwire_indexer.embedded import EmbeddedIndex, EmbeddedUserEvents
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.index import ArticleIndex, ArticleToIndex, StoredSummary
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidate, Origin
from gistwire_server.config import CacheConfig, ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.kept_answers import KeptAnswers
from gistwire_server.overload.quality_step import QualityStep
from gistwire_server.overload.stepping_down import stepped_down
from gistwire_server.paging import TokenSigner
from gistwire_server.pipeline import SearchEvent, search_events
from gistwire_server.plan import SearchPlan, SummaryMode
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.summary_policy import SummaryPolicy
from gistwire_server.policy.text_rules import rules_of
from gistwire_server.scoring import Scorer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.conftest import ARTICLES, PLAN, Bench
from tests.server.overload.clock import Clock
from tests.server.protocol import check_protocol, of_kind

STORED = replace(PLAN, summary=replace(PLAN.summary, mode=SummaryMode.STORED))
FAST = replace(PLAN, summary=replace(PLAN.summary, mode=SummaryMode.FAST))


@dataclass
class Answer:
    """The events of a search, and whether they were told before."""

    events: list[SearchEvent] = field(default_factory=list)
    told_again: bool = False


async def search(
    engines: Engines,
    plan: SearchPlan = STORED,
    *,
    request_id: str = "request",
    asked: SearchPlan | None = None,
    page_token: str = "",
) -> Answer:
    answer = Answer()

    def note() -> None:
        answer.told_again = True

    page = engines.signer.read_page_token(page_token, plan) if page_token else None
    found = search_events(plan, engines, request_id=request_id, page=page, asked=asked, when_told_again=note)
    async with aclosing(found) as events:
        answer.events = [event async for event in events]
    check_protocol(answer.events)
    return answer


async def is_told_again(engines: Engines, plan: SearchPlan = STORED) -> bool:
    return (await search(engines, plan)).told_again


def without_what_is_of_the_call(events: Sequence[SearchEvent]) -> list[SearchEvent]:
    """The events without tokens, times and orders that were replaced."""
    shown = []
    for event in events:
        if isinstance(event, events_pb2.Ranking) and not event.final:
            continue
        bare = type(event)()
        bare.CopyFrom(cast(Any, event))
        match bare:
            case events_pb2.Started():
                bare.ClearField("request_id")
            case events_pb2.Hits():
                bare.ClearField("attribution_token")
                bare.ClearField("result_token")
            case events_pb2.Completed():
                for name in ("stages", "time_to_first_hit", "time_to_first_summary", "total"):
                    bare.ClearField(name)
        shown.append(bare)
    return shown


def keeping(
    bench: Bench,
    *,
    max_bytes: int = 1_000_000,
    max_age_s: float = 30.0,
    clock: Callable[[], float] = Clock(),  # noqa: B008 (it never moves)
    index: ArticleIndex | None = None,
) -> Engines:
    """Engines whose answers are kept so."""
    engines = replace(bench.engines, index=index or bench.index)
    answers = KeptAnswers(
        engines.index, engines.models, max_bytes=max_bytes, max_age_s=max_age_s, clock=clock
    )
    object.__setattr__(engines, "answers", answers)
    return engines


async def to_index(encoder: ScriptedEncoder, article: Article) -> ArticleToIndex:
    (vector,) = await encoder.encode([article.text])
    return ArticleToIndex(article, vector)


async def test_the_same_search_is_told_the_same(bench: Bench) -> None:
    await search(bench.engines, FAST)
    made = await search(bench.engines, FAST, request_id="made")
    assert not made.told_again
    again = await search(bench.engines, replace(FAST, deadline_s=7.0), request_id="again")
    assert again.told_again
    started = of_kind(again.events, events_pb2.Started)[0]
    assert started.request_id == "again"
    assert started.plan.deadline.ToSeconds() == 7
    started.plan.deadline.FromSeconds(30)
    assert without_what_is_of_the_call(again.events) == without_what_is_of_the_call(made.events)
    completed = of_kind(again.events, events_pb2.Completed)[0]
    assert completed.stored_count == completed.hit_count == 5
    assert not completed.stages
    times = (completed.time_to_first_hit, completed.time_to_first_summary, completed.total)
    assert [each.ToMicroseconds() for each in times] == sorted(each.ToMicroseconds() for each in times)
    assert completed.total.ToMicroseconds() > 0


async def test_its_tokens_are_those_of_the_call(bench: Bench) -> None:
    await search(bench.engines)
    answer = await search(bench.engines, request_id="again")
    assert answer.told_again
    found = of_kind(answer.events, events_pb2.Hits)[0]
    attribution = bench.engines.signer.read_attribution_token(found.attribution_token)
    assert attribution.request_id == "again"
    assert all(attribution.shows(hit.article.id) for hit in found.hits)
    rest = await search(bench.engines, page_token=found.result_token)
    assert not rest.told_again
    shown = [*found.hits, *of_kind(rest.events, events_pb2.Hits)[0].hits]
    assert sorted(hit.article.id for hit in shown) == sorted(article.id for article in ARTICLES)


async def test_an_answer_of_best_is_kept_once_nothing_is_written_for_it(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    # Sentences chosen for the query are not stored, and chosen again each time.
    chosen = Candidate("The harbour strike began on Monday.", Origin.EXTRACTED, query_focused=True)
    scripts(**{article.id: SummaryScript(candidates=[chosen]) for article in ARTICLES})
    assert [await is_told_again(bench.engines, PLAN) for _ in range(2)] == [False, True]


async def test_nobody_changes_what_is_kept(bench: Bench) -> None:
    made = await search(bench.engines)
    whole = without_what_is_of_the_call(made.events)
    for _ in range(2):
        for event in made.events:
            event.Clear()
        made = await search(bench.engines)
        assert made.told_again
        assert without_what_is_of_the_call(made.events) == whole


async def delete(bench: Bench) -> None:
    await bench.index.delete(["a7"])


async def expire(bench: Bench) -> None:
    await bench.index.expire(datetime(2026, 10, 2, tzinfo=UTC))


async def revise(bench: Bench) -> None:
    await bench.index.write([await to_index(bench.encoder, replace(ARTICLES[3], headline="Storm over"))])


async def add(bench: Bench) -> None:
    article = Article(id="new", headline="Harbour strike ends", language="en")
    await bench.index.write([await to_index(bench.encoder, article)])


async def store_summary(bench: Bench) -> None:
    summary = StoredSummary(
        "a0", ARTICLES[0].revision(), str(bench.summarizer.model), "Crews met on Monday.", "generated"
    )
    assert await bench.index.store_summary(summary)


@pytest.mark.parametrize("change", [delete, expire, revise, add, store_summary])
async def test_nothing_is_told_again_after_a_write(
    bench: Bench, change: Callable[[Bench], Awaitable[None]]
) -> None:
    await search(bench.engines)
    assert await is_told_again(bench.engines)
    await change(bench)
    fresh = await search(bench.engines)
    assert not fresh.told_again
    expected = await search(keeping_nothing(bench.engines))
    assert of_kind(fresh.events, events_pb2.Summary) == of_kind(expected.events, events_pb2.Summary)
    assert await is_told_again(bench.engines)


async def test_what_is_out_of_date_is_dropped_by_the_next_search(bench: Bench) -> None:
    await search(bench.engines, replace(STORED, query="ferry"))
    await search(bench.engines, replace(STORED, query="harbour"))
    assert len(bench.engines.answers) == 2
    await delete(bench)
    await search(bench.engines, replace(STORED, query="strike"))
    assert len(bench.engines.answers) == 1


async def test_what_a_search_names_takes_memory_too(bench: Bench) -> None:
    engines = keeping(bench)
    await search(engines, replace(STORED, interests=()))
    size = engines.answers.bytes_in_memory
    named = replace(
        STORED, filter=parse_filter('source = "' + "x" * 1_000 + '"'), interests=("harbour " * 20,) * 5
    )
    await search(engines, named)
    # Less is found, but what it was found by stays.
    assert engines.answers.bytes_in_memory > size + 16_000


async def test_what_another_process_writes_counts(bench: Bench, tmp_path: Path) -> None:
    await search(bench.engines)
    other = await EmbeddedIndex.open(
        tmp_path / "index", model=bench.encoder.model, dimension=bench.encoder.dimension
    )
    await other.delete(["a0"])
    await other.close()
    answer = await search(bench.engines)
    assert not answer.told_again
    assert "a0" not in {each.article_id for each in of_kind(answer.events, events_pb2.Summary)}


async def test_an_answer_found_while_something_was_written_is_not_kept(bench: Bench) -> None:
    async with aclosing(search_events(STORED, bench.engines, request_id="r")) as events:
        async for event in events:
            if isinstance(event, events_pb2.Hits):
                await add(bench)
    assert len(bench.engines.answers) == 0
    assert not await is_told_again(bench.engines)


async def test_an_answer_that_its_reader_left_is_not_kept(bench: Bench) -> None:
    async with aclosing(search_events(STORED, bench.engines, request_id="r")) as events:
        async for event in events:
            if isinstance(event, events_pb2.Hits):
                break
    assert len(bench.engines.answers) == 0


@pytest.mark.parametrize(("age_s", "told"), [(30.0, True), (30.5, False)])
async def test_an_answer_has_its_age(bench: Bench, age_s: float, told: bool) -> None:
    clock = Clock()
    engines = keeping(bench, clock=clock, max_age_s=30.0)
    await search(engines)
    clock.now += age_s
    assert await is_told_again(engines) is told


async def test_where_recency_fades_fast_answers_do_too(bench: Bench) -> None:
    clock = Clock()
    engines = keeping(bench, clock=clock, max_age_s=30.0)
    plan = replace(STORED, rank=replace(STORED.rank, recency_half_life_s=3_600.0))
    await search(engines, plan)
    clock.now += 3.5
    assert await is_told_again(engines, plan)
    clock.now += 0.2
    assert not await is_told_again(engines, plan)


class SwappedSummarizer(ScriptedSummarizer):
    """A summarizer whose version changes, as that of a model server does."""

    version = "1"

    @property
    def model(self) -> ModelVersion:
        return ModelVersion("scripted-summarizer", self.version)


async def test_another_model_gives_another_answer(bench: Bench) -> None:
    summarizer = SwappedSummarizer()
    engines = replace(bench.engines, summarizer=summarizer)
    await search(engines)
    summarizer.version = "2"
    answer = await search(engines)
    assert not answer.told_again
    assert of_kind(answer.events, events_pb2.Started)[0].models[1].version == "2"
    assert await is_told_again(engines)


async def test_an_answer_during_which_the_model_changed_is_not_kept(bench: Bench) -> None:
    summarizer = SwappedSummarizer()
    engines = replace(bench.engines, summarizer=summarizer)
    async with aclosing(search_events(STORED, engines, request_id="r")) as events:
        async for event in events:
            if isinstance(event, events_pb2.Hits):
                summarizer.version = "2"
    assert len(engines.answers) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"query": "harbour strike"},
        {"top_k": 4},
        {"interests": ("harbour fire",)},
        {"explain": True},
        {"rank": replace(STORED.rank, collapse=False)},
        {"retrieval": replace(STORED.retrieval, depth=50)},
        {"summary": replace(STORED.summary, mode=SummaryMode.NONE)},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_another_search_has_another_answer(bench: Bench, other: dict[str, object]) -> None:
    await search(bench.engines)
    assert not await is_told_again(bench.engines, replace(STORED, **other))  # type: ignore[arg-type]
    assert await is_told_again(bench.engines)


async def test_a_tenant_is_told_nothing_of_another(bench: Bench, tmp_path: Path) -> None:
    await search(bench.engines)
    index = await EmbeddedIndex.open(
        tmp_path / "blue", model=bench.encoder.model, dimension=bench.encoder.dimension
    )
    answer = await search(replace(bench.engines, tenant="blue", index=index))
    await index.close()
    assert not answer.told_again
    assert of_kind(answer.events, events_pb2.Hits)[0].total == 0


async def test_searches_of_users_are_not_kept(bench: Bench) -> None:
    plan = replace(STORED, user_id="u1")
    assert not any([await is_told_again(bench.engines, plan) for _ in range(3)])
    assert len(bench.engines.answers) == 0


async def test_what_was_written_for_it_is_not_kept(bench: Bench) -> None:
    told = [await is_told_again(bench.engines, FAST) for _ in range(3)]
    assert told == [False, False, True]


async def test_what_was_written_in_vain_is_kept_when_it_is_not_written_again(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    untrue = Candidate("The harbour strike began on Friday with 900 crews.", Origin.GENERATED)
    extract = Candidate("The harbour strike began on Monday.", Origin.EXTRACTED, query_focused=True)
    scripts(**{article.id: SummaryScript(candidates=[untrue, extract]) for article in ARTICLES})
    assert not await is_told_again(bench.engines, PLAN)
    scripts(**{article.id: SummaryScript(candidates=[extract]) for article in ARTICLES})
    assert [await is_told_again(bench.engines, PLAN) for _ in range(2)] == [False, True]


async def test_what_was_degraded_or_failed_is_not_kept(bench: Bench, scripts: Callable[..., None]) -> None:
    bench.encoder.failure = ModelUnavailableError("down")
    degraded = [await search(bench.engines) for _ in range(2)]
    assert all(of_kind(each.events, events_pb2.Degraded) for each in degraded)
    bench.encoder.failure = None
    scripts(**{article.id: SummaryScript(failure=KeyError("x")) for article in ARTICLES})
    failed = [await search(bench.engines, PLAN) for _ in range(2)]
    assert all(of_kind(each.events, events_pb2.HitFailed) for each in failed)
    assert not any(each.told_again for each in (*degraded, *failed))
    assert len(bench.engines.answers) == 0


class FailingIndex:
    """An index of which some calls fail, or tell nothing of its generation."""

    def __init__(self, index: ArticleIndex) -> None:
        self._index = index
        self.failing: set[str] = set()
        self.tells_generation = True

    def __getattr__(self, name: str) -> object:
        if name in self.failing:
            return self._fail
        return getattr(self._index, name)

    async def generation(self) -> int | None:
        if "generation" in self.failing:
            raise IndexUnavailableError("down")
        return await self._index.generation() if self.tells_generation else None

    async def _fail(self, *_: object, **__: object) -> None:
        raise IndexUnavailableError("down")


async def test_what_is_stored_out_of_reach_is_missed_once(bench: Bench) -> None:
    await search(bench.engines, FAST)
    failing = FailingIndex(bench.index)
    engines = keeping(bench, index=cast(ArticleIndex, failing))
    failing.failing = {"stored_summaries"}
    answer = await search(engines)
    assert not of_kind(answer.events, events_pb2.Degraded)
    assert not any(each.stored for each in of_kind(answer.events, events_pb2.Summary))
    failing.failing.clear()
    answer = await search(engines)
    assert not answer.told_again
    assert all(each.stored for each in of_kind(answer.events, events_pb2.Summary))


async def test_what_could_not_be_compared_with_the_query_is_not_kept(bench: Bench) -> None:
    found = search_events(STORED, bench.engines, request_id="r")
    async with aclosing(found) as events:
        async for event in events:
            assert not isinstance(event, events_pb2.Degraded)
            if isinstance(event, events_pb2.Hits):
                bench.encoder.failure = ModelUnavailableError("down")
    bench.encoder.failure = None
    assert [await is_told_again(bench.engines) for _ in range(2)] == [False, True]


async def test_an_index_that_cannot_tell_its_generation_has_nothing_kept(bench: Bench) -> None:
    failing = FailingIndex(bench.index)
    engines = keeping(bench, index=cast(ArticleIndex, failing))
    failing.tells_generation = False
    assert not any([await is_told_again(engines) for _ in range(2)])
    failing.tells_generation = True
    failing.failing = {"generation"}
    assert not any([await is_told_again(engines) for _ in range(2)])
    failing.failing.clear()
    assert [await is_told_again(engines) for _ in range(2)] == [False, True]


async def test_an_index_that_does_not_answer_is_not_waited_for(bench: Bench) -> None:
    class HangingIndex:
        async def generation(self) -> int | None:
            await asyncio.Event().wait()
            return None

    index = cast(ArticleIndex, HangingIndex())
    answers = KeptAnswers(index, bench.engines.models, max_bytes=1_000_000, max_age_s=30)
    assert await answers.question(STORED, timeout_s=0.01) is None


async def test_with_a_classifier_nothing_is_kept(bench: Bench) -> None:
    class Allowing:
        async def allows(self, text: str, *, language: str) -> bool:
            return bool(text and language)

    policy = SummaryPolicy(rules_of(PolicyConfig()), Allowing())
    engines = replace(bench.engines, policy=policy)
    assert not any([await is_told_again(engines) for _ in range(2)])
    assert len(engines.answers) == 0


async def test_a_busy_server_tells_again_what_it_would_not_make(bench: Bench) -> None:
    reduced = stepped_down(FAST, QualityStep.EXTRACT)
    assert reduced.given_up is not None
    assert [(await search(bench.engines, reduced, asked=FAST)).told_again for _ in range(2)] == [False] * 2
    assert not await is_told_again(bench.engines, FAST)
    made = await search(bench.engines, FAST)
    again = await search(bench.engines, replace(reduced, deadline_s=30.0), asked=FAST)
    assert again.told_again
    assert without_what_is_of_the_call(again.events) == without_what_is_of_the_call(made.events)


async def test_no_more_is_kept_than_may_be(bench: Bench) -> None:
    engines = keeping(bench)
    await search(engines)
    size = engines.answers.bytes_in_memory
    assert size > 1_000
    engines = keeping(bench, max_bytes=size * 5 // 2)
    plans = [replace(STORED, query=f"harbour {word}") for word in ("strike", "storm", "crane")]
    for plan in plans:
        await search(engines, plan)
        assert engines.answers.bytes_in_memory <= size * 5 // 2
    assert len(engines.answers) == 2
    # The one that was asked for least lately has gone.
    assert [await is_told_again(engines, plan) for plan in plans[1:]] == [True, True]
    assert not await is_told_again(engines, plans[0])
    engines = keeping(bench, max_bytes=size // 2)
    assert not any([await is_told_again(engines) for _ in range(2)])
    assert len(engines.answers) == 0


def keeping_nothing(engines: Engines) -> Engines:
    config = ServerConfig(data_dir=engines.config.data_dir, cache=CacheConfig(answers_bytes=0))
    return replace(engines, config=config)


async def test_answers_can_be_turned_off(bench: Bench) -> None:
    engines = keeping_nothing(bench.engines)
    assert not any([await is_told_again(engines) for _ in range(2)])


@asynccontextmanager
async def engines_on(folder: Path) -> AsyncIterator[Engines]:
    """Engines on an empty index."""
    encoder = ScriptedEncoder(dimension=16)
    index = await EmbeddedIndex.open(folder, model=encoder.model, dimension=16)
    users = await EmbeddedUserEvents.open(folder)
    try:
        yield Engines(
            ServerConfig(data_dir=folder),
            index,
            users,
            encoder,
            ScriptedSummarizer(),
            Scorer(),
            TokenSigner(b"k" * 32, lifetime_s=600),
        )
    finally:
        await index.close()
        await users.close()


def undated(name: str, version: int) -> Article:
    """An article of which no signal changes with time."""
    return Article(id=name, headline=f"Harbour {name} of {version} ships", body="Crews met.", language="en")


names = st.sampled_from(["a", "b", "c"])
versions = st.integers(0, 2)
writes = st.one_of(
    st.tuples(st.just("write"), names, versions),
    st.tuples(st.just("delete"), names, versions),
    st.tuples(st.just("summarize"), names, versions),
    st.tuples(st.just("expire"), names, versions),
)
queries = st.sampled_from(["harbour", "harbour a ships", "crews of 2"])
steps = st.one_of(
    writes,
    st.tuples(st.just("search"), queries),
    # A write that goes on while a search does.
    st.tuples(st.just("both"), queries, writes),
)


async def write(engines: Engines, kind: str, name: str, version: int) -> None:
    index = engines.index
    match kind:
        case "write":
            article = undated(name, version)
            (vector,) = await engines.encoder.encode([article.text])
            await index.write([ArticleToIndex(article, vector)])
        case "delete":
            await index.delete([name])
        case "summarize":
            revision = undated(name, version).revision()
            text = f"Summary {version} of {name}."
            model = str(engines.summarizer.model)
            await index.store_summary(StoredSummary(name, revision, model, text, "generated"))
        case "expire":
            await index.expire(datetime.now(UTC))


def found(answer: Answer) -> list[SearchEvent]:
    """What an answer tells, its summaries in the order of the hits."""
    events = without_what_is_of_the_call(answer.events)
    return sorted(events, key=lambda event: (str(type(event)), getattr(event, "hit_id", "")))


@given(run=st.lists(steps, max_size=25))
@settings(max_examples=60)
def test_searches_between_writes_find_what_they_would_without(
    tmp_path_factory: pytest.TempPathFactory, run: list[tuple[Any, ...]]
) -> None:
    async def play() -> None:
        async with engines_on(tmp_path_factory.mktemp("answers")) as engines:
            bare = keeping_nothing(engines)
            for kind, *arguments in run:
                match kind:
                    case "search":
                        plan = replace(STORED, query=arguments[0])
                        answers = [await search(each, plan) for each in (engines, bare, engines)]
                        assert answers[-1].told_again
                        assert found(answers[0]) == found(answers[1]) == found(answers[2])
                    case "both":
                        plan = replace(STORED, query=arguments[0])
                        await asyncio.gather(search(engines, plan), write(engines, *arguments[1]))
                    case _:
                        await write(engines, kind, *arguments)

    asyncio.run(play())
