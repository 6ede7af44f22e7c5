"""Tests of `CombinedSummarizer`, on scripted summarizers."""

import asyncio
from dataclasses import replace

import pytest
from gistwire_models.combined_summarizer import CombinedSummarizer
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError, SummaryNotWrittenError
from gistwire_models.scripted import ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidate, DraftDelta, EarlyCandidates, Origin, Summarizer

from tests.models.summarizer_contract import SummarizerContract, make_request, summarize

WRITTEN = Candidate("Oil hit a record.", Origin.GENERATED, log_probability=-0.5)
OTHER = Candidate("A record for oil.", Origin.GENERATED, log_probability=-0.7)
EXTRACT = Candidate("Oil prices rose.", Origin.EXTRACTED)
DRAFT = ("Oil hit", " a record.")


class GeneratingScript(ScriptedSummarizer):
    """A scripted summarizer that says which languages it writes."""

    languages: tuple[str, ...] = ("en",)


def combine(generating: GeneratingScript, extracting: ScriptedSummarizer) -> CombinedSummarizer:
    return CombinedSummarizer(generating, extracting)


def generating_with(script: SummaryScript) -> GeneratingScript:
    return GeneratingScript({"a1": script})


@pytest.fixture
def generating() -> GeneratingScript:
    return generating_with(SummaryScript(DRAFT, [WRITTEN, OTHER]))


@pytest.fixture
def extracting() -> ScriptedSummarizer:
    return generating_with(SummaryScript(["Oil prices rose."], [EXTRACT]))


class TestContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self, generating: GeneratingScript, extracting: ScriptedSummarizer) -> Summarizer:
        return combine(generating, extracting)


async def test_extracts_follow_what_was_generated(
    generating: GeneratingScript, extracting: ScriptedSummarizer
) -> None:
    draft, found = await summarize(combine(generating, extracting), make_request(candidates=2))
    assert draft == WRITTEN.text
    assert found.candidates == (WRITTEN, OTHER, EXTRACT)
    assert [request.stream_drafts for request in extracting.requests] == [False]


async def test_an_extract_that_was_generated_too_stands_once(generating: GeneratingScript) -> None:
    extracting = generating_with(SummaryScript(candidates=[Candidate(OTHER.text, Origin.EXTRACTED), EXTRACT]))
    _, found = await summarize(combine(generating, extracting), make_request(candidates=2))
    assert found.candidates == (WRITTEN, OTHER, EXTRACT)


@pytest.mark.parametrize(
    ("language", "body", "generate"),
    [
        ("de", "word " * 50, True),
        ("und", "word " * 50, True),
        ("en", "word " * 11, True),
        ("en", "", True),
        ("en", "word " * 50, False),
    ],
)
async def test_what_cannot_be_generated_from_has_extracts_alone(
    generating: GeneratingScript, extracting: ScriptedSummarizer, language: str, body: str, generate: bool
) -> None:
    request = replace(make_request(language=language, body=body), generate=generate)
    draft, found = await summarize(combine(generating, extracting), request)
    assert draft == EXTRACT.text
    assert found.candidates == (EXTRACT,)
    assert generating.requests == []


async def test_the_languages_are_those_that_the_model_writes_at_the_time(
    generating: GeneratingScript, extracting: ScriptedSummarizer
) -> None:
    combined = combine(generating, extracting)
    found: dict[tuple[str, ...], list[tuple[Candidate, ...]]] = {}
    for languages in (("en",), ("zh", "en"), ("en",)):
        generating.languages = languages
        _, candidates = await summarize(combined, make_request(language="zh", body="word " * 50))
        found.setdefault(languages, []).append(candidates.candidates)
    assert found == {("en",): [(EXTRACT,)] * 2, ("zh", "en"): [(WRITTEN, EXTRACT)]}


async def test_twelve_words_are_enough_to_generate(
    generating: GeneratingScript, extracting: ScriptedSummarizer
) -> None:
    _, found = await summarize(combine(generating, extracting), make_request(body="word " * 12))
    assert found.candidates == (WRITTEN, EXTRACT)


async def test_extracts_are_made_while_the_draft_is_written(
    generating: GeneratingScript, extracting: ScriptedSummarizer
) -> None:
    gate, end_gate = asyncio.Event(), asyncio.Event()
    generating.scripts = {"a1": SummaryScript(DRAFT, [WRITTEN], gate=gate, end_gate=end_gate)}
    call = asyncio.create_task(summarize(combine(generating, extracting), make_request()))
    for _ in range(20):
        await asyncio.sleep(0)
    # Not before its first word, which they would delay.
    assert extracting.requests == []
    gate.set()
    while not extracting.finished:
        await asyncio.sleep(0)
    assert generating.finished == []
    end_gate.set()
    _, found = await call
    assert found.candidates == (WRITTEN, EXTRACT)


async def test_without_a_draft_extracts_are_made_at_once(
    generating: GeneratingScript, extracting: ScriptedSummarizer
) -> None:
    gate = asyncio.Event()
    generating.scripts = {"a1": SummaryScript(DRAFT, [WRITTEN], gate=gate)}
    request = replace(make_request(), stream_drafts=False)
    call = asyncio.create_task(summarize(combine(generating, extracting), request))
    while not extracting.finished:
        await asyncio.sleep(0)
    assert generating.finished == []
    gate.set()
    _, found = await call
    assert found.candidates == (WRITTEN, EXTRACT)


async def test_the_draft_does_not_wait_for_extracts(generating: GeneratingScript) -> None:
    gate = asyncio.Event()
    extracting = generating_with(SummaryScript(candidates=[EXTRACT], gate=gate))
    events = combine(generating, extracting).summarize(make_request())
    assert [await anext(events), await anext(events)] == [DraftDelta(text) for text in DRAFT]
    gate.set()
    assert [type(event).__name__ async for event in events] == ["Candidates"]


@pytest.mark.parametrize(
    "failure", [ModelUnavailableError("down"), ModelOverloadedError("full", retry_after_s=1)]
)
async def test_a_failure_of_either_is_passed_on_and_leaves_no_task(
    generating: GeneratingScript, extracting: ScriptedSummarizer, failure: Exception
) -> None:
    before = asyncio.all_tasks()
    failing = generating_with(SummaryScript(DRAFT, failure=failure))
    for summarizer in (combine(failing, extracting), combine(generating, failing)):
        with pytest.raises(type(failure)):
            await summarize(summarizer, make_request())
    assert asyncio.all_tasks() == before


async def test_closing_the_generator_stops_both() -> None:
    before = asyncio.all_tasks()
    generating = generating_with(SummaryScript(DRAFT, end_gate=asyncio.Event()))
    extracting = generating_with(SummaryScript(gate=asyncio.Event()))
    events = combine(generating, extracting).summarize(make_request())
    await anext(events)
    await asyncio.sleep(0)
    await events.aclose()
    assert generating.cancelled == ["a1"]
    assert extracting.cancelled == ["a1"]
    assert asyncio.all_tasks() == before


async def test_closes_both(generating: GeneratingScript, extracting: ScriptedSummarizer) -> None:
    await combine(generating, extracting).close()
    for summarizer in (generating, extracting):
        with pytest.raises(ModelUnavailableError):
            await anext(summarizer.summarize(make_request()))


def test_is_named_after_the_generating_model(
    generating: GeneratingScript, extracting: ScriptedSummarizer
) -> None:
    assert combine(generating, extracting).model == generating.model


@pytest.mark.parametrize("stream_drafts", [True, False])
async def test_what_the_model_wrote_no_word_of_has_extracts_alone(
    extracting: ScriptedSummarizer, stream_drafts: bool
) -> None:
    generating = generating_with(SummaryScript(failure=SummaryNotWrittenError("no word")))
    request = make_request(stream_drafts=stream_drafts)
    draft, found = await summarize(combine(generating, extracting), request)
    assert draft == ""
    assert found.candidates == (EXTRACT,)


async def test_what_is_written_early_has_one_extract_beside_it(extracting: ScriptedSummarizer) -> None:
    extracting.scripts = {"a1": SummaryScript(candidates=[EXTRACT, OTHER])}
    gate = asyncio.Event()
    generating = generating_with(SummaryScript(DRAFT, [WRITTEN, OTHER], early=[WRITTEN], end_gate=gate))
    events = combine(generating, extracting).summarize(make_request(candidates=2))
    *_, early = [await anext(events) for _ in range(len(DRAFT) + 1)]
    assert early == EarlyCandidates((WRITTEN, EXTRACT))
    gate.set()
    assert [each async for each in events] != []
