import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from gistwire.v1 import events_pb2
from gistwire_indexer.embedded import EmbeddedIndex, EmbeddedUserEvents
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.index import ArticleToIndex
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    EarlyCandidates,
    Origin,
    SummaryEvent,
    SummaryRequest,
)
from gistwire_server.budget import Step
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.paging import Page, TokenSigner
from gistwire_server.pipeline import SearchEvent, search_events
from gistwire_server.plan import RetrievalPlan, SearchPlan, SummaryMode
from gistwire_server.scoring import Scorer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.conftest import ARTICLES, PLAN, Bench
from tests.server.protocol import check_protocol, draft, of_kind

Degraded = events_pb2.Degraded
Summary = events_pb2.Summary


async def search(bench: Bench, plan: SearchPlan | None = None, page: Page | None = None) -> list[SearchEvent]:
    events = [
        event
        async for event in search_events(plan or bench.plan, bench.engines, request_id="request", page=page)
    ]
    check_protocol(events)
    return events


def summaries(events: list[SearchEvent]) -> dict[str, events_pb2.Summary]:
    return {each.article_id: each for each in of_kind(events, Summary)}


def hits(events: list[SearchEvent]) -> dict[str, events_pb2.Hit]:
    return {hit.article.id: hit for hit in of_kind(events, events_pb2.Hits)[0].hits}


def degradations(events: list[SearchEvent]) -> set[tuple[str, str, str]]:
    return {
        (
            events_pb2.StageTime.Stage.Name(each.stage),
            Degraded.Reason.Name(each.reason),
            Degraded.Action.Name(each.action),
        )
        for each in of_kind(events, Degraded)
    }


async def test_a_search_from_start_to_completed(bench: Bench) -> None:
    events = await search(bench)
    started = of_kind(events, events_pb2.Started)[0]
    assert started.request_id == "request"
    assert started.plan.query == "harbour strike ferry"
    assert [model.role for model in started.models] == ["encoder", "summarizer", "scorer"]
    found = of_kind(events, events_pb2.Hits)[0]
    assert {hit.article.id for hit in found.hits} >= {"a0", "a1"}
    assert found.total == len(ARTICLES)
    assert found.attribution_token
    assert found.result_token
    assert summaries(events)["a0"].text == "Summary: Harbour strike in Ellery"
    completed = of_kind(events, events_pb2.Completed)[0]
    assert {events_pb2.StageTime.Stage.Name(each.stage) for each in completed.stages} == {
        "ENCODE",
        "RETRIEVE",
        "SUMMARIZE",
        "SCORE",
    }


async def test_the_draft_is_streamed_and_the_summary_replaces_it(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    chosen = Candidate("The harbour strike began on Monday.", Origin.EXTRACTED)
    scripts(a0=SummaryScript(deltas=["A draft", " of it."], candidates=[chosen]))
    events = await search(bench)
    assert draft(events, hits(events)["a0"].hit_id) == "A draft of it."
    assert summaries(events)["a0"].text == chosen.text


async def test_drafts_of_several_hits_interleave(bench: Bench, scripts: Callable[..., None]) -> None:
    gates = {f"a{place}": asyncio.Event() for place in range(len(ARTICLES))}
    scripts(**{name: SummaryScript(deltas=["x"], gate=gate) for name, gate in gates.items()})
    order = []
    waiting: list[str] = []
    async with aclosing(search_events(bench.plan, bench.engines, request_id="r")) as events:
        async for event in events:
            if isinstance(event, events_pb2.Hits):
                waiting = [hit.article.id for hit in event.hits]
                gates[waiting[-1]].set()
            elif isinstance(event, Summary):
                order.append(event.article_id)
                for name in waiting:
                    gates[name].set()
    assert order[0] == waiting[-1]
    assert sorted(order) == sorted(waiting)


async def test_the_scorer_chooses_and_shows_all_candidates(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    false = Candidate("The harbour strike began on Friday with 900 crews.", Origin.GENERATED)
    true = Candidate("The harbour strike began on Monday.", Origin.EXTRACTED)
    scripts(a0=SummaryScript(candidates=[false, true]))
    summary = summaries(await search(bench))["a0"]
    assert summary.text == true.text
    assert summary.origin == Summary.EXTRACTED
    assert [each.text for each in summary.candidates] == [true.text, false.text]
    assert all(each.scores.HasField("total") for each in summary.candidates)


async def test_a_failed_hit_does_not_fail_the_search(bench: Bench, scripts: Callable[..., None]) -> None:
    scripts(a0=SummaryScript(deltas=["half a dra"], failure=RuntimeError("secret")))
    events = await search(bench)
    (failed,) = of_kind(events, events_pb2.HitFailed)
    assert failed.article_id == "a0"
    assert "secret" not in str(failed)
    assert hits(events)["a0"].extract.startswith("The harbour strike began on Monday.")
    ranked = of_kind(events, events_pb2.Ranking)[-1].order
    assert next(each for each in ranked if each.article_id == "a0").signals.HasField("query_similarity")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelUnavailableError("down"), "BACKEND_DOWN"),
        (ModelOverloadedError("busy", retry_after_s=1), "OVERLOAD"),
    ],
)
async def test_without_a_summarizer_hits_get_extracts(
    bench: Bench, scripts: Callable[..., None], error: Exception, reason: str
) -> None:
    scripts(**{article.id: SummaryScript(failure=error) for article in ARTICLES})
    events = await search(bench)
    assert degradations(events) == {("SUMMARIZE", reason, "EXTRACT")}
    for summary in summaries(events).values():
        assert summary.origin == Summary.EXTRACTED
        assert summary.text == hits(events)[summary.article_id].extract


async def test_without_an_encoder_the_search_goes_on_by_words(bench: Bench) -> None:
    bench.encoder.failure = ModelUnavailableError("down")
    events = await search(bench)
    assert ("ENCODE", "BACKEND_DOWN", "LEXICAL_ONLY") in degradations(events)
    assert {"a0", "a1"} <= set(hits(events))
    assert all(not hit.signals.HasField("dense") for hit in hits(events).values())


async def test_without_an_encoder_a_purely_dense_search_fails(bench: Bench) -> None:
    bench.encoder.failure = ModelUnavailableError("down")
    plan = bench.planning(
        retrieval=RetrievalPlan(lexical_weight=0, dense_weight=1, fusion_constant=20, depth=10)
    )
    with pytest.raises(ModelUnavailableError):
        await search(bench, plan)


async def test_without_an_index_the_search_fails(bench: Bench) -> None:
    await bench.index.close()
    with pytest.raises(IndexUnavailableError):
        await search(bench)


async def test_no_time_for_several_candidates_means_one(bench: Bench) -> None:
    for _ in range(50):
        bench.engines.costs.record(Step.SUMMARIZE_SEVERAL, 60.0)
    events = await search(bench)
    assert degradations(events) == {("SUMMARIZE", "DEADLINE", "ONE_CANDIDATE")}
    assert {request.candidates for request in bench.summarizer.requests} == {1}


async def test_no_time_for_a_summary_means_an_extract(bench: Bench) -> None:
    for _ in range(50):
        bench.engines.costs.record(Step.SUMMARIZE_SEVERAL, 60.0)
        bench.engines.costs.record(Step.SUMMARIZE_ONE, 60.0)
    events = await search(bench)
    assert degradations(events) == {("SUMMARIZE", "DEADLINE", "EXTRACT")}
    assert bench.summarizer.requests == []
    assert {each.finish_reason for each in summaries(events).values()} == {Summary.DEADLINE}


async def test_a_summarizer_that_hangs_is_given_up_at_the_deadline(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    never = asyncio.Event()
    scripts(**{article.id: SummaryScript(gate=never) for article in ARTICLES})
    events = await search(bench, bench.planning(deadline_s=0.5))
    assert degradations(events) == {("SUMMARIZE", "DEADLINE", "EXTRACT")}
    assert len(bench.summarizer.cancelled) == len(bench.summarizer.requests)


DRAFTED = Candidate("The harbour strike began on Monday.", Origin.GENERATED, log_probability=-0.5)
BESIDE = Candidate("Crews met near the old quay.", Origin.EXTRACTED)
UNTRUE = Candidate("The harbour strike began with 900 dead.", Origin.GENERATED, log_probability=-0.5)


async def search_out_of_time(
    bench: Bench, scripts: Callable[..., None], *early: Candidate
) -> list[SearchEvent]:
    """Searches with a summarizer that finishes the drafts and no more, when there is just time to score them."""
    begin, never = asyncio.Event(), asyncio.Event()
    script = SummaryScript([early[0].text], [*early, DRAFTED], early=early, gate=begin, end_gate=never)
    scripts(**{article.id: script for article in ARTICLES})
    bench.summarizer.requests.clear()
    searching = asyncio.create_task(search(bench, bench.planning(deadline_s=75)))
    while len(bench.summarizer.requests) < bench.plan.top_k:
        await asyncio.sleep(0)
    # Twice as much is kept for scoring, and no time is left to wait for more.
    for _ in range(50):
        bench.engines.costs.record(Step.SCORE, 40)
    begin.set()
    async with asyncio.timeout(20):
        return await searching


async def test_a_search_out_of_time_ends_in_the_drafts_that_are_whole(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    events = await search_out_of_time(bench, scripts, DRAFTED)
    assert degradations(events) == {("SUMMARIZE", "DEADLINE", "ONE_CANDIDATE")}
    ended = summaries(events)
    assert {each.text for each in ended.values()} == {DRAFTED.text}
    assert {each.origin for each in ended.values()} == {Summary.GENERATED}
    assert {len(each.candidates) for each in ended.values()} == {1}
    assert all(each.candidates[0].scores.HasField("query_similarity") for each in ended.values())
    assert {each.finish_reason for each in ended.values()} == {Summary.COMPLETE}
    told = [hit_id for each in of_kind(events, Degraded) for hit_id in each.hit_ids]
    assert sorted(told) == sorted(each.hit_id for each in ended.values())
    assert len(bench.summarizer.cancelled) == len(bench.summarizer.requests)


async def test_a_draft_that_is_not_true_loses_to_the_extract_beside_it(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    ended = summaries(await search_out_of_time(bench, scripts, UNTRUE, BESIDE))
    assert {each.text for each in ended.values()} == {BESIDE.text}


async def test_an_article_whose_other_candidates_were_not_awaited_is_written_again(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    await search_out_of_time(bench, scripts, UNTRUE)
    script = SummaryScript([UNTRUE.text], [UNTRUE, DRAFTED])
    scripts(**{article.id: script for article in ARTICLES})
    bench.summarizer.requests.clear()
    ended = summaries(await search(bench, bench.planning(deadline_s=1_000)))
    assert {(request.generate, request.candidates) for request in bench.summarizer.requests} == {(True, 2)}
    assert {each.text for each in ended.values()} == {DRAFTED.text}


async def test_what_fails_after_the_candidates_takes_nothing_from_them(
    bench: Bench, scripts: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def summarize(request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        bench.summarizer.requests.append(request)
        yield EarlyCandidates((DRAFTED,))
        yield Candidates((DRAFTED, BESIDE))
        raise ModelUnavailableError("gone")

    monkeypatch.setattr(bench.summarizer, "summarize", summarize)
    events = await search(bench)
    assert degradations(events) == set()
    assert {len(each.candidates) for each in summaries(events).values()} == {2}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ModelUnavailableError("gone"), "BACKEND_DOWN"),
        (ModelOverloadedError("full", retry_after_s=1), "OVERLOAD"),
    ],
)
async def test_a_summarizer_that_fails_after_the_draft_leaves_the_draft(
    bench: Bench, scripts: Callable[..., None], failure: Exception, reason: str
) -> None:
    script = SummaryScript([DRAFTED.text], early=[DRAFTED], failure=failure)
    scripts(**{article.id: script for article in ARTICLES})
    events = await search(bench)
    assert degradations(events) == {("SUMMARIZE", reason, "ONE_CANDIDATE")}
    assert {each.text for each in summaries(events).values()} == {DRAFTED.text}


async def test_leaving_stops_all_that_is_under_way(bench: Bench, scripts: Callable[..., None]) -> None:
    never = asyncio.Event()
    scripts(
        **{article.id: SummaryScript(deltas=["x"], gate=never) for article in ARTICLES if article.id != "a0"}
    )
    before = asyncio.all_tasks()
    async with aclosing(search_events(bench.plan, bench.engines, request_id="r")) as events:
        async for event in events:
            if isinstance(event, Summary):
                while len(bench.summarizer.requests) < 2:
                    await asyncio.sleep(0)
                break
    assert asyncio.all_tasks() == before
    assert sorted(bench.summarizer.cancelled) == sorted(
        request.article_id
        for request in bench.summarizer.requests
        if request.article_id not in bench.summarizer.finished
    )
    assert bench.summarizer.cancelled


async def test_mode_none_ends_each_hit_in_its_headline(bench: Bench) -> None:
    events = await search(bench, bench.summarizing(mode=SummaryMode.NONE))
    assert bench.summarizer.requests == []
    assert {(each.text, each.origin) for each in summaries(events).values()} == {
        (hit.article.headline, Summary.HEADLINE) for hit in hits(events).values()
    }


async def test_fast_stores_what_the_next_search_finds_stored(bench: Bench) -> None:
    fast = bench.summarizing(mode=SummaryMode.FAST)
    first = await search(bench, fast)
    assert all(request.query is None for request in bench.summarizer.requests)
    assert not any(each.stored for each in summaries(first).values())
    bench.summarizer.requests.clear()
    for mode in (SummaryMode.FAST, SummaryMode.STORED):
        again = await search(bench, bench.summarizing(mode=mode))
        assert bench.summarizer.requests == []
        assert all(each.stored for each in summaries(again).values())
        assert of_kind(again, events_pb2.Completed)[0].stored_count == len(hits(again))
        assert {key: each.text for key, each in summaries(again).items()} == {
            key: each.text for key, each in summaries(first).items()
        }


async def test_a_new_revision_loses_its_stored_summary(bench: Bench) -> None:
    fast = bench.summarizing(mode=SummaryMode.FAST)
    await search(bench, fast)
    article = type(ARTICLES[0])(id="a0", headline="Harbour strike in Ellery over", body=ARTICLES[0].body)
    (vector,) = await bench.encoder.encode([article.text])
    await bench.index.write([ArticleToIndex(article, vector)])
    bench.summarizer.requests.clear()
    summary = summaries(await search(bench, fast))["a0"]
    assert not summary.stored
    assert summary.text == "Summary: Harbour strike in Ellery over"


async def test_stored_without_a_stored_summary_gives_the_extract(bench: Bench) -> None:
    events = await search(bench, bench.summarizing(mode=SummaryMode.STORED))
    assert bench.summarizer.requests == []
    assert degradations(events) == set()
    for summary in summaries(events).values():
        assert summary.text == hits(events)[summary.article_id].extract


async def test_a_stored_summary_is_a_candidate_of_best(bench: Bench, scripts: Callable[..., None]) -> None:
    await search(bench, bench.summarizing(mode=SummaryMode.FAST))
    scripts(
        a0=SummaryScript(candidates=[Candidate("A strike of 99 days in Rome.", Origin.GENERATED)]),
    )
    summary = summaries(await search(bench))["a0"]
    assert summary.stored
    assert len(summary.candidates) == 2


async def test_nothing_is_drafted_beside_a_stored_summary(bench: Bench) -> None:
    await search(bench, bench.summarizing(mode=SummaryMode.FAST))
    events = await search(bench)
    assert all(each.stored for each in summaries(events).values())
    assert not of_kind(events, events_pb2.SummaryDelta)


async def test_what_was_written_in_vain_is_not_written_again(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    untrue = Candidate("The harbour strike began on Friday with 900 crews.", Origin.GENERATED)
    extract = Candidate("The harbour strike began on Monday.", Origin.EXTRACTED, query_focused=True)
    scripts(a0=SummaryScript(candidates=[untrue, extract]))
    first = await search(bench)
    scripts(a0=SummaryScript(candidates=[extract]))
    again = await search(bench)
    requests = [each for each in bench.summarizer.requests if each.article_id == "a0"]
    assert [each.generate for each in requests] == [True, False]
    assert summaries(again)["a0"] == summaries(first)["a0"]
    assert not summaries(again)["a0"].stored
    assert len(summaries(again)["a0"].candidates) == 2
    # Where less was asked for, the model may write something else.
    await search(bench, bench.summarizing(max_tokens=20))
    requests = [each for each in bench.summarizer.requests if each.article_id == "a0"]
    assert requests[-1].generate


async def test_of_summaries_that_come_together_there_is_one_order(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    gate = asyncio.Event()
    held = SummaryScript(["Held back."], gate=gate)
    scripts(**{article.id: held for article in ARTICLES})
    async with aclosing(search_events(bench.plan, bench.engines, request_id="request")) as events:
        kinds = []
        async for event in events:
            kinds.append(type(event).__name__)
            if isinstance(event, events_pb2.Hits):
                # The reader comes back when all of them have ended.
                reading = asyncio.ensure_future(anext(events))
                gate.set()
                await asyncio.sleep(0)
                kinds.append(type(await reading).__name__)
    assert kinds.count("Summary") == 5
    assert kinds.count("Ranking") < 5
    assert kinds[-2:] == ["Ranking", "Completed"]


async def test_filters_reach_both_legs(bench: Bench) -> None:
    events = await search(bench, bench.planning(filter=parse_filter('source = "Harbour Dispatch"')))
    assert {hit.article.source for hit in hits(events).values()} == {"Harbour Dispatch"}


async def test_near_duplicates_collapse_under_the_best(bench: Bench) -> None:
    copy = type(ARTICLES[0])(id="copy", headline=ARTICLES[0].headline, body=ARTICLES[0].body, language="en")
    (vector,) = await bench.encoder.encode([copy.text])
    await bench.index.write([ArticleToIndex(copy, vector, duplicate_of="a0")])
    events = await search(bench)
    assert list(hits(events)["a0"].duplicate_ids) == ["copy"]
    assert "copy" not in hits(events)


async def test_stated_interests_are_a_signal(bench: Bench) -> None:
    events = await search(bench, bench.planning(interests=("auction",)))
    assert degradations(events) == set()
    interest = {key: hit.signals.interest for key, hit in hits(events).items()}
    others = await search(bench, bench.planning(top_k=8, interests=("auction",)))
    assert max(hits(others).values(), key=lambda hit: hit.signals.interest).article.id == "a7"
    assert all(0 <= value <= 1 for value in interest.values())


async def test_nothing_found_is_a_complete_search(bench: Bench) -> None:
    events = await search(bench, bench.planning(filter=parse_filter("source = nobody")))
    assert [type(event) for event in events] == [
        events_pb2.Started,
        events_pb2.Hits,
        events_pb2.Ranking,
        events_pb2.Completed,
    ]


async def test_pages_go_on_over_the_pinned_list_whatever_is_indexed_meanwhile(bench: Bench) -> None:
    whole = await search(bench, bench.planning(top_k=8))
    expected = list(hits(whole))
    plan = bench.planning(top_k=3)
    page: Page | None = None
    seen: list[str] = []
    while True:
        events = await search(bench, plan, page)
        seen += hits(events)
        newcomer = type(ARTICLES[0])(id=f"new{len(seen)}", headline="Harbour strike ferry", language="en")
        (vector,) = await bench.encoder.encode([newcomer.text])
        await bench.index.write([ArticleToIndex(newcomer, vector)])
        token = of_kind(events, events_pb2.Hits)[0].result_token
        if not token:
            break
        page = bench.engines.signer.read_page_token(token, plan)
    assert seen == expected


async def test_an_article_deleted_meanwhile_is_left_out_of_its_page(bench: Bench) -> None:
    plan = bench.planning(top_k=4)
    first = await search(bench, plan)
    page = bench.engines.signer.read_page_token(of_kind(first, events_pb2.Hits)[0].result_token, plan)
    await bench.index.delete([page.hits[5].id])
    second = await search(bench, plan, page)
    assert list(hits(second)) == [hit.id for place, hit in enumerate(page.hits) if place in (4, 6, 7)]


texts = st.sampled_from(["The harbour", " strike", " began", " on Monday.", " 99 crews", " left."])
candidates = st.builds(
    Candidate,
    text=st.sampled_from([" ".join(article.body.split()[:6]) for article in ARTICLES] + ["Nobody said so."]),
    origin=st.sampled_from(Origin),
    query_focused=st.booleans(),
)
failures = st.none() | st.sampled_from(
    [RuntimeError("x"), ModelUnavailableError("x"), ModelOverloadedError("x", retry_after_s=1)]
)
summary_scripts = st.builds(
    SummaryScript,
    deltas=st.lists(texts, min_size=1, max_size=4),
    candidates=st.lists(candidates, max_size=3),
    failure=failures,
)
modes = st.sampled_from(SummaryMode)


@settings(max_examples=40)
@given(
    scripted=st.dictionaries(st.sampled_from([article.id for article in ARTICLES]), summary_scripts),
    mode=modes,
    top_k=st.integers(1, 10),
    threads=st.integers(1, 10),
    encoder_down=st.booleans(),
    read_slowly=st.booleans(),
)
def test_every_search_keeps_the_protocol(
    tmp_path_factory: pytest.TempPathFactory,
    scripted: dict[str, SummaryScript],
    mode: SummaryMode,
    top_k: int,
    threads: int,
    encoder_down: bool,
    read_slowly: bool,
) -> None:
    folder = tmp_path_factory.mktemp("protocol")

    async def run() -> None:
        encoder = ScriptedEncoder(dimension=16)
        index = await EmbeddedIndex.open(folder, model=encoder.model, dimension=16)
        users = await EmbeddedUserEvents.open(folder)
        try:
            vectors = await encoder.encode([article.text for article in ARTICLES])
            await index.write([ArticleToIndex(*each) for each in zip(ARTICLES, vectors, strict=True)])
            if encoder_down:
                encoder.failure = ModelUnavailableError("down")
            engines = Engines(
                ServerConfig(data_dir=Path("unused"), summarizer_threads=threads),
                index,
                users,
                encoder,
                ScriptedSummarizer(scripts=scripted),
                Scorer(),
                TokenSigner(b"k" * 32, lifetime_s=600),
            )
            bench = Bench(engines, encoder, ScriptedSummarizer(), index, users, PLAN)
            plan = bench.summarizing(mode=mode)
            plan = Bench(engines, encoder, ScriptedSummarizer(), index, users, plan).planning(top_k=top_k)
            events = []
            async for event in search_events(plan, engines, request_id="r"):
                events.append(event)
                for _ in range(20 * read_slowly):
                    await asyncio.sleep(0)
            check_protocol(events)
        finally:
            await index.close()
            await users.close()

    asyncio.run(run())
