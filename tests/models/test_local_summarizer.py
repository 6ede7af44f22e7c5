"""Tests of `LocalSummarizer`: the contract, and what only it promises, on a model of random weights."""

import asyncio
import gc
import shutil
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gistwire_models.errors import (
    ModelFormatError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelUnavailableError,
    SummaryNotWrittenError,
)
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.model_folder import TOKENIZER_FILE
from gistwire_models.shipped import default_summarizer_folder
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    FinishReason,
    Origin,
    Summarizer,
    SummaryEvent,
    SummaryRequest,
)
from gistwire_models.summarizer_folder import VOCABULARY_MAP_FILE, read_always_allowed
from gistwire_models.summary_draft import Draft
from gistwire_models.summary_writer import SummaryJob, SummaryWriter
from gistwire_models.surface import SurfaceWriter
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tests.models.summarizer_contract import BODY, SummarizerContract, make_request, summarize

OTHER_BODY = (
    "Volcanologists in Iceland watched lava glow beneath the glacier all night long. "
    "Tourists photographed every eruption from helicopters until dawn broke."
)


class RecordingEngine:
    """Passes calls on to CTranslate2, and keeps what it reports and returns.

    Attributes:
        steps: each step's token, by its place among the allowed ones.
        results: every result.
        batch_sizes: number of articles in each call.
        failure: raised by every call while it is set.
        gate: calls wait for it; set at first.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.steps: list[int] = []
        self.results: list[Any] = []
        self.batch_sizes: list[int] = []
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def translate_batch(self, sources: list[list[str]], **options: Any) -> Any:
        self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if callback := options.get("callback"):
            steps = self.steps

            # Holds no engine: CTranslate2 gives it back in the engine's own thread.
            def record(step: Any) -> bool:
                steps.append(int(step.token_id))
                return bool(callback(step))

            options["callback"] = record
        self.batch_sizes.append(len(sources))
        results = self._engine.translate_batch(sources, **options)
        self.results += results
        return results

    def unload_model(self) -> None:
        self._engine.unload_model()


class DictatedEngine:
    """Stands for CTranslate2, and writes always the same texts; the first one step by step, too."""

    def __init__(self, summarizer: LocalSummarizer, *texts: str) -> None:
        self._writer = summarizer._writer
        self._texts = [text.split() for text in texts]

    def translate_batch(self, sources: list[list[str]], **options: Any) -> list[Any]:
        if callback := options.get("callback"):
            ids: dict[str, int] = self._writer._tokenizer.get_vocab()
            allowed = sorted(self._writer._always_allowed.union(ids[token] for token in sources[0]))
            for token in [*self._texts[0], "[SEP]"]:
                callback(SimpleNamespace(batch_id=0, token_id=allowed.index(ids[token])))
        scores = [-float(place + 1) for place in range(len(self._texts))]
        return [SimpleNamespace(hypotheses=self._texts, scores=scores)]

    def unload_model(self) -> None:
        pass


class StrayingEngine:
    """Stands for CTranslate2, which in a batch may take a word of another article.

    Attributes:
        batch_sizes: number of articles in each call.
    """

    def __init__(self, writer: SummaryWriter, tokenizer: Tokenizer, *calls: Sequence[str]) -> None:
        """Writes what it is told.

        Args:
            calls: the texts of each call, each token by token.
        """
        self._allowed = writer._always_allowed
        self._ids: dict[str, int] = tokenizer.get_vocab()
        self._calls = iter(calls)
        self.batch_sizes: list[int] = []

    def translate_batch(self, sources: list[list[str]], **options: Any) -> list[Any]:
        self.batch_sizes.append(len(sources))
        allowed = sorted(self._allowed.union(self._ids[token] for source in sources for token in source))
        texts = self.texts_for(sources)
        for row, text in enumerate(texts):
            # A beam search has no callback.
            for token in text.split() if "callback" in options else ():
                place = allowed.index(self._ids[token])
                if options["callback"](SimpleNamespace(batch_id=row, token_id=place)):
                    break
        return [SimpleNamespace(hypotheses=[text.split()], scores=[-1.0]) for text in texts]

    def texts_for(self, sources: list[list[str]]) -> Sequence[str]:
        return next(self._calls)

    def unload_model(self) -> None:
        pass


@pytest.fixture
async def summarizer(summarizer_folder: Path) -> AsyncIterator[LocalSummarizer]:
    summarizer = LocalSummarizer.load(summarizer_folder, threads=2)
    yield summarizer
    await summarizer.close()


@pytest.fixture
def engine(summarizer: LocalSummarizer, monkeypatch: pytest.MonkeyPatch) -> RecordingEngine:
    engine = RecordingEngine(summarizer._writer._engine)
    monkeypatch.setattr(summarizer._writer, "_engine", engine)
    return engine


@pytest.fixture
def tokenizer(summarizer_folder: Path) -> Tokenizer:
    read: Tokenizer = Tokenizer.from_file(str(summarizer_folder / TOKENIZER_FILE))
    return read


class TestContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self, summarizer: LocalSummarizer) -> Summarizer:
        return summarizer


async def texts_of(summarizer: Summarizer, request: SummaryRequest) -> list[str]:
    _, found = await summarize(summarizer, request)
    return [each.text for each in found.candidates]


async def test_writes_nothing_but_the_source_and_function_words(
    summarizer: LocalSummarizer, engine: RecordingEngine, summarizer_folder: Path, tokenizer: Tokenizer
) -> None:
    free = set(read_always_allowed(summarizer_folder))
    for body, headline in ((BODY, "Oil at record high"), (OTHER_BODY, "Lava glows")):
        engine.results.clear()
        await summarize(summarizer, make_request(body=body, headline=headline, candidates=5))
        source = {*tokenizer.encode(f"{headline} {body}").tokens, "summary"}
        written = {
            token for result in engine.results for hypothesis in result.hypotheses for token in hypothesis
        }
        assert written & source
        assert written <= source | free


async def test_the_draft_is_the_hypothesis_that_the_engine_returns(
    summarizer: LocalSummarizer, engine: RecordingEngine, tokenizer: Tokenizer
) -> None:
    for body in (BODY, OTHER_BODY):
        engine.steps.clear()
        engine.results.clear()
        request = make_request(body=body)
        await summarize(summarizer, request)
        source, _ = summarizer._writer.read(request)
        allowed = sorted(summarizer._writer._always_allowed.union(source.ids))
        reported = [tokenizer.id_to_token(allowed[place]) for place in engine.steps]
        assert [token for token in reported if token != "[SEP]"] == engine.results[0].hypotheses[0]


async def test_a_shared_batch_writes_what_each_article_gets_alone() -> None:
    requests = [
        make_request(body=body, headline=headline, candidates=2, max_tokens=max_tokens)
        for body, headline in ((BODY, "Oil at record high"), (OTHER_BODY, "Lava glows"), (BODY[:90], "Talks"))
        for max_tokens in (48, 12)
    ]
    alone, _ = await summarize_together(requests, max_batch=1)
    together, engine = await summarize_together(requests, max_batch=len(requests))
    assert together == alone
    assert max(engine.batch_sizes) > 1


async def summarize_together(
    requests: list[SummaryRequest], *, max_batch: int
) -> tuple[list[tuple[str, list[str]]], RecordingEngine]:
    """Drafts and texts by the model that is served; that of random weights wavers between equally good tokens."""
    summarizer = LocalSummarizer.load(default_summarizer_folder(), threads=1, max_batch=max_batch)
    engine = RecordingEngine(summarizer._writer._engine)
    summarizer._writer._engine = engine
    try:
        found = await asyncio.gather(*(summarize(summarizer, request) for request in requests))
    finally:
        await summarizer.close()
    return [(draft, [each.text for each in candidates.candidates]) for draft, candidates in found], engine


async def write_drafts(writer: SummaryWriter, jobs: Sequence[SummaryJob]) -> list[Candidate]:
    """Writes drafts, none of which fails."""
    written = await asyncio.to_thread(writer.write_drafts, jobs)
    candidates = [each for each in written if isinstance(each, Candidate)]
    assert len(candidates) == len(jobs)
    return candidates


async def search(writer: SummaryWriter, jobs: Sequence[SummaryJob]) -> list[list[Candidate]]:
    """Searches for candidates, which fails of none."""
    found = await asyncio.to_thread(writer.search, jobs)
    candidates = [each for each in found if isinstance(each, list)]
    assert len(candidates) == len(jobs)
    return candidates


def job_of(writer: SummaryWriter, request: SummaryRequest, *, candidates: int) -> SummaryJob:
    source, words = writer.read(request)
    return SummaryJob(source, words, candidates, 32, Draft(words))


@pytest.mark.parametrize(
    ("alone", "text", "reason"),
    [
        ("oil prices rose . [SEP]", "Oil prices rose.", FinishReason.COMPLETE),
        # Rounding led it elsewhere: what the reader has seen stays.
        ("oil rose . [SEP]", "Oil prices…", FinishReason.LENGTH),
    ],
)
async def test_a_draft_that_took_a_word_of_another_article_is_written_on_alone(
    summarizer: LocalSummarizer, tokenizer: Tokenizer, alone: str, text: str, reason: FinishReason
) -> None:
    requests = [make_request(), make_request(body=OTHER_BODY, headline="Lava glows")]
    writer = summarizer._writer
    jobs = [job_of(writer, request, candidates=1) for request in requests]
    engine = StrayingEngine(writer, tokenizer, ["oil prices lava", "lava dawn . [SEP]"], [alone])
    writer._engine = engine
    oil, lava = await write_drafts(writer, jobs)
    assert oil.text == text
    assert oil.finish_reason is reason
    assert await draft_of(jobs[0]) == text
    assert lava.text == await draft_of(jobs[1]) == "Lava dawn."
    assert engine.batch_sizes == [2, 1]


async def test_an_article_whose_search_took_words_of_another_is_searched_alone(
    summarizer: LocalSummarizer, tokenizer: Tokenizer
) -> None:
    requests = [make_request(), make_request(body=OTHER_BODY, headline="Lava glows")]
    writer = summarizer._writer
    jobs = [job_of(writer, request, candidates=2) for request in requests]
    engine = StrayingEngine(writer, tokenizer, ["oil prices lava", "lava dawn ."], ["oil prices rose ."])
    writer._engine = engine
    (oil,), (lava,) = await search(writer, jobs)
    assert [oil.text, lava.text] == ["Oil prices rose.", "Lava dawn."]
    assert engine.batch_sizes == [2, 1]


async def test_searches_share_beams_with_those_that_want_as_many_candidates(
    summarizer: LocalSummarizer, engine: RecordingEngine
) -> None:
    requests = [make_request(candidates=candidates) for candidates in (2, 5, 2)]
    jobs = [job_of(summarizer._writer, request, candidates=request.candidates) for request in requests]
    found = await asyncio.to_thread(summarizer._writer.search, jobs)
    assert sorted(engine.batch_sizes) == [1, 2]
    assert found[0] == found[2]
    assert [len(result.hypotheses) for result in engine.results] in ([2, 2, 5], [5, 2, 2])


@pytest.mark.parametrize(
    ("second", "third", "sizes"),
    [
        # Of three two stray, then none.
        (["oil prices rose . [SEP]", "glow . [SEP]"], [], [3, 2]),
        # The same two again: alone they cannot.
        (["oil prices glow", "glow oil"], ["glow . [SEP]", "oil prices rose . [SEP]"], [3, 2, 1, 1]),
    ],
)
async def test_those_that_strayed_are_written_on_together_as_long_as_fewer_stray(
    summarizer: LocalSummarizer, tokenizer: Tokenizer, second: list[str], third: list[str], sizes: list[int]
) -> None:
    other = make_request(body=OTHER_BODY, headline="Lava glows")
    requests = [make_request(), other, other]
    writer = summarizer._writer
    jobs = [job_of(writer, request, candidates=1) for request in requests]
    first = ["oil prices lava", "lava dawn . [SEP]", "glow oil"]
    engine = StrayingEngine(writer, tokenizer, first, second, *([text] for text in third))
    writer._engine = engine
    written = await write_drafts(writer, jobs)
    assert [candidate.text for candidate in written] == ["Oil prices rose.", "Lava dawn.", "Glow."]
    assert [await draft_of(job) for job in jobs] == ["Oil prices rose.", "Lava dawn.", "Glow."]
    assert engine.batch_sizes == sizes


class HoldingEngine(RecordingEngine):
    """Keeps the callback beyond its results, as CTranslate2 does in its own thread.

    Attributes:
        held: the callbacks.
    """

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.held: list[Any] = []

    def translate_batch(self, sources: list[list[str]], **options: Any) -> Any:
        self.held.append(options.get("callback"))
        return super().translate_batch(sources, **options)


async def test_the_engine_is_left_nothing_that_leads_back_to_it(summarizer: LocalSummarizer) -> None:
    writer = summarizer._writer
    source, words = writer.read(make_request())
    engine = writer._engine = HoldingEngine(writer._engine)
    draft = Draft(words)
    is_there = weakref.ref(draft)
    # In this thread: another would keep the draft for a while after.
    writer.write_drafts([SummaryJob(source, words, 1, 32, draft)])
    while await draft.next_text() is not None:
        pass
    del draft
    (callback,) = engine.held
    assert is_there() is None
    assert writer not in gc.get_referents(callback)


async def draft_of(job: SummaryJob) -> str:
    draft = ""
    while (piece := await job.draft.next_text()) is not None:
        draft += piece
    return draft


async def test_concurrent_articles_do_not_mix(summarizer: LocalSummarizer) -> None:
    requests = [
        make_request(body=body, headline=headline, candidates=3)
        for body, headline in ((BODY, "Oil at record high"), (OTHER_BODY, ""))
    ]
    alone = [await summarize(summarizer, request) for request in requests]
    assert alone[0] != alone[1]
    together = await asyncio.gather(*(summarize(summarizer, request) for request in requests * 4))
    # Not their log-probabilities: those are among the words of all articles in a batch.
    assert [(draft, texts(found)) for draft, found in together] == [
        (draft, texts(found)) for draft, found in alone
    ] * 4


def texts(found: Candidates) -> list[str]:
    return [each.text for each in found.candidates]


async def test_beams_follow_the_draft_without_repeating_it(
    summarizer: LocalSummarizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "oil rose " * 16
    engine = DictatedEngine(summarizer, "oil rose .", endless, "prices rose .", '" prices rose .', "oil .")
    monkeypatch.setattr(summarizer._writer, "_engine", engine)
    _, found = await summarize(summarizer, make_request(candidates=8))
    assert found.candidates == tuple(
        Candidate(text, Origin.GENERATED, log_probability=log_probability)
        for text, log_probability in (("Oil rose.", -1.0), ("Prices rose.", -3.0), ("Oil.", -5.0))
    )
    assert await texts_of(summarizer, make_request(candidates=2)) == ["Oil rose.", "Prices rose."]


class SearchGate(RecordingEngine):
    """Lets drafts be written, and beam searches when its gate is open; fails those once it is told to."""

    def translate_batch(self, sources: list[list[str]], **options: Any) -> Any:
        if "callback" in options:
            return self._engine.translate_batch(sources, **options)
        return super().translate_batch(sources, **options)


async def test_the_draft_is_told_as_a_candidate_before_others_are_found(
    summarizer: LocalSummarizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, alone = await summarize(summarizer, make_request())
    engine = SearchGate(summarizer._writer._engine)
    engine.gate.clear()
    monkeypatch.setattr(summarizer._writer, "_engine", engine)
    events = summarizer.summarize(make_request(candidates=3))
    event: SummaryEvent = DraftDelta("")
    while isinstance(event, DraftDelta):
        event = await anext(events)
    assert event == EarlyCandidates(alone.candidates)
    engine.gate.set()
    (last,) = [event async for event in events]
    assert isinstance(last, Candidates)
    assert last.candidates[0] == alone.candidates[0]


async def test_one_candidate_is_told_once(summarizer: LocalSummarizer) -> None:
    events = [event async for event in summarizer.summarize(make_request(candidates=1))]
    assert [event for event in events if isinstance(event, EarlyCandidates)] == []


async def test_says_how_probable_a_text_is(summarizer: LocalSummarizer) -> None:
    _, found = await summarize(summarizer, make_request())
    assert found.candidates[0].log_probability is not None
    assert found.candidates[0].log_probability < 0
    assert found.candidates[0].origin is Origin.GENERATED


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 6, 12])
async def test_a_text_that_reaches_the_limit_ends_in_an_ellipsis(
    summarizer: LocalSummarizer, engine: RecordingEngine, max_tokens: int
) -> None:
    draft, found = await summarize(summarizer, make_request(max_tokens=max_tokens))
    (candidate,) = found.candidates
    assert len(engine.results[0].hypotheses[0]) <= max(1, max_tokens - 1)
    assert draft.endswith("…") is (candidate.finish_reason is FinishReason.LENGTH)


@pytest.mark.parametrize("body", ["", " \n\t"])
async def test_an_article_without_body_is_refused(summarizer: LocalSummarizer, body: str) -> None:
    with pytest.raises(ValueError, match="no body"):
        await anext(summarizer.summarize(make_request(body=body)))


async def test_a_mark_in_an_article_is_only_text(summarizer: LocalSummarizer) -> None:
    source, _ = summarizer._writer.read(make_request(headline="[MASK] [SEP]", body="[CLS] [PAD] \ud800 oil"))
    assert source.tokens.count("[SEP]") == 2
    assert source.tokens.count("[CLS]") == 1
    assert not {"[MASK]", "[PAD]"} & set(source.tokens)


async def test_quotation_marks_and_the_task_are_not_written(
    summarizer: LocalSummarizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DictatedEngine(summarizer, 'oil " summary “ prices [UNK] rose . ”')
    monkeypatch.setattr(summarizer._writer, "_engine", engine)
    body = f'{BODY} It is "so", “so”.'
    assert await texts_of(summarizer, make_request(body=body)) == ["Oil prices rose."]
    assert await texts_of(summarizer, make_request(body=f"{body} A summary came.")) == [
        "Oil summary prices rose."
    ]


async def test_a_model_that_writes_nothing_fails(
    summarizer: LocalSummarizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summarizer._writer, "_engine", DictatedEngine(summarizer, "[UNK] [UNK]"))
    with pytest.raises(SummaryNotWrittenError, match="no word"):
        await summarize(summarizer, make_request(candidates=2))


class BrokenWords(SurfaceWriter):
    """Cannot write a word of its article."""

    def write(self, piece: str) -> str:
        raise LookupError(piece)


async def test_an_article_that_cannot_be_written_fails_no_other_of_its_batch(
    summarizer: LocalSummarizer, tokenizer: Tokenizer
) -> None:
    writer = summarizer._writer
    jobs = [job_of(writer, make_request(), candidates=1) for _ in range(4)]
    jobs[2].draft._writer = BrokenWords(jobs[2].words)
    texts = ["oil prices rose . [SEP]", "[UNK] [UNK]", "oil prices [SEP]", "prices rose . [SEP]"]
    engine = writer._engine = StrayingEngine(writer, tokenizer, texts)
    first, wordless, broken, last = await asyncio.to_thread(writer.write_drafts, jobs)
    assert isinstance(first, Candidate)
    assert isinstance(last, Candidate)
    assert [first.text, last.text] == ["Oil prices rose.", "Prices rose."]
    assert isinstance(wordless, SummaryNotWrittenError)
    assert await draft_of(jobs[1]) == ""
    assert isinstance(broken, ModelUnavailableError)
    assert isinstance(broken.__cause__, LookupError)
    assert engine.batch_sizes == [4]


class ChokingEngine(StrayingEngine):
    """Fails every batch that holds a certain token, after it wrote the other articles of it."""

    def __init__(self, writer: SummaryWriter, tokenizer: Tokenizer, on: str, *calls: Sequence[str]) -> None:
        super().__init__(writer, tokenizer, *calls)
        self._on = on

    def translate_batch(self, sources: list[list[str]], **options: Any) -> list[Any]:
        results = super().translate_batch(sources, **options)
        if any(self._on in source for source in sources):
            raise RuntimeError("no memory for this")
        return results


async def test_an_article_that_the_engine_fails_with_fails_no_other_of_its_batch(
    summarizer: LocalSummarizer, tokenizer: Tokenizer
) -> None:
    oil, lava = make_request(), make_request(body=OTHER_BODY, headline="Lava glows")
    writer = summarizer._writer
    jobs = [job_of(writer, request, candidates=2) for request in (oil, lava)]
    together, alone = ["oil prices", "lava glow"], [["lava dawn ."], ["oil prices rose ."]]
    ended = [[f"{text} [SEP]" for text in texts] for texts in alone]
    writer._engine = ChokingEngine(writer, tokenizer, "lava", together, *ended)
    written, failed = await asyncio.to_thread(writer.write_drafts, jobs)
    assert isinstance(written, Candidate)
    assert written.text == await draft_of(jobs[0]) == "Oil prices rose."
    assert isinstance(failed, ModelUnavailableError)
    writer._engine = ChokingEngine(writer, tokenizer, "lava", together, *reversed(alone))
    found, failed_search = await asyncio.to_thread(writer.search, jobs)
    assert isinstance(found, list)
    assert [each.text for each in found] == ["Oil prices rose."]
    assert isinstance(failed_search, ModelUnavailableError)


class SilentOnLavaEngine(StrayingEngine):
    """Writes no word of articles about lava, and the same of any other."""

    def texts_for(self, sources: list[list[str]]) -> Sequence[str]:
        return ["[UNK] [SEP]" if "lava" in source else "oil [SEP]" for source in sources]


async def test_the_others_of_a_batch_are_summarized_where_one_has_no_word(
    summarizer_folder: Path, tokenizer: Tokenizer
) -> None:
    summarizer = LocalSummarizer.load(summarizer_folder, threads=1, max_batch=12)
    writer, batcher = summarizer._writer, summarizer._batcher
    engine = writer._engine = RecordingEngine(SilentOnLavaEngine(writer, tokenizer))
    engine.gate.clear()
    requests = [make_request(headline="Lava" if number % 3 == 0 else "Oil") for number in range(12)]
    try:
        first = asyncio.create_task(summarize(summarizer, make_request()))
        await until(lambda: bool(batcher._running))
        # They all wait for the first, and then share a batch.
        others = [asyncio.create_task(summarize(summarizer, request)) for request in requests]
        await until(lambda: len(batcher._calls) == 1 + len(others))
        engine.gate.set()
        results = await asyncio.gather(*others, return_exceptions=True)
        assert (await first)[0] == "Oil"
    finally:
        engine.gate.set()
        await summarizer.close()
    for number, result in enumerate(results):
        if number % 3 == 0:
            assert isinstance(result, SummaryNotWrittenError)
        else:
            assert not isinstance(result, BaseException)
            assert result[0] == "Oil"
    assert engine.batch_sizes == [1, 12]


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what the engine's thread, or the loop, will have done in a moment."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_failing_engine_ends_the_draft(summarizer: LocalSummarizer, engine: RecordingEngine) -> None:
    engine.failure = RuntimeError("out of memory")
    with pytest.raises(ModelUnavailableError, match="out of memory"):
        await summarize(summarizer, make_request())
    engine.failure = None
    assert await texts_of(summarizer, make_request())


async def test_an_abandoned_article_stops_at_the_next_token(
    summarizer: LocalSummarizer, engine: RecordingEngine
) -> None:
    request = make_request(candidates=5)
    await summarize(summarizer, request)
    whole = len(engine.steps)
    assert len(engine.results) == 2
    # Abandoned by the time the engine starts: a single token tells it so, and no beam search follows.
    engine.steps.clear()
    engine.results.clear()
    source, words = summarizer._writer.read(request)
    job = abandoned_job(source, words, request)
    await asyncio.to_thread(summarizer._writer.write_drafts, [job])
    assert len(engine.steps) == 1 < whole
    assert await asyncio.to_thread(summarizer._writer.search, [job]) == [[]]
    assert len(engine.results) == 1


def abandoned_job(source: Any, words: Any, request: SummaryRequest) -> Any:
    draft = Draft(words)
    draft.abandon()
    return SummaryJob(source, words, request.candidates, request.max_tokens, draft)


async def test_an_abandoned_article_without_a_word_fails_no_other(summarizer: LocalSummarizer) -> None:
    writer = summarizer._writer
    request = make_request()
    source, words = writer.read(request)
    left = abandoned_job(source, words, request)
    writer._engine = DictatedEngine(summarizer, "[UNK] [UNK]")
    (candidate,) = await write_drafts(writer, [left])
    assert candidate.text == ""


async def test_closing_the_generator_leaves_no_task(summarizer: LocalSummarizer) -> None:
    before = asyncio.all_tasks()
    events = summarizer.summarize(make_request())
    await anext(events)
    await events.aclose()
    assert asyncio.all_tasks() == before


async def test_cancelling_the_consumer_leaves_no_task(summarizer: LocalSummarizer) -> None:
    before = asyncio.all_tasks()
    consumer = asyncio.create_task(summarize(summarizer, make_request()))
    await asyncio.sleep(0)
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert asyncio.all_tasks() == before


async def test_too_many_waiting_articles_are_refused(
    summarizer: LocalSummarizer, engine: RecordingEngine
) -> None:
    engine.gate.clear()
    calls = [asyncio.create_task(summarize(summarizer, make_request(max_tokens=4))) for _ in range(280)]
    done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    for call in done:
        with pytest.raises(ModelOverloadedError) as refused:
            await call
        assert refused.value.retry_after_s > 0
    for call in calls:
        call.cancel()
    engine.gate.set()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_closing_ends_calls_that_go_on(summarizer: LocalSummarizer) -> None:
    calls = [asyncio.create_task(summarize(summarizer, make_request())) for _ in range(20)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    await summarizer.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    failures = [each for each in results if isinstance(each, BaseException)]
    assert failures
    assert all(isinstance(each, ModelUnavailableError) for each in failures)


@pytest.mark.parametrize("missing", [VOCABULARY_MAP_FILE, TOKENIZER_FILE, "model.bin"])
def test_a_folder_with_a_file_missing_is_refused(
    summarizer_folder: Path, tmp_path: Path, missing: str
) -> None:
    folder = shutil.copytree(summarizer_folder, tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(ModelFormatError):
        LocalSummarizer.load(folder)
    with pytest.raises(ModelNotFoundError):
        LocalSummarizer.load(tmp_path)


def test_says_what_the_folder_says(summarizer: LocalSummarizer) -> None:
    assert summarizer.model.name == "tiny"
    assert summarizer.languages == ("en",)


@given(headline=st.text(max_size=20), body=st.text(min_size=1, max_size=60), wanted=st.integers(1, 4))
@settings(max_examples=20)
def test_any_article_gives_a_draft_without_control_characters(
    summarizer_folder: Path, headline: str, body: str, wanted: int
) -> None:
    async def run() -> Candidates:
        summarizer = LocalSummarizer.load(summarizer_folder, threads=1)
        try:
            draft, found = await summarize(
                summarizer, make_request(headline=headline, body=f"{body} oil", candidates=wanted)
            )
        finally:
            await summarizer.close()
        assert draft == found.candidates[0].text
        return found

    found = asyncio.run(run())
    assert all(each.isprintable() for candidate in found.candidates for each in candidate.text)
