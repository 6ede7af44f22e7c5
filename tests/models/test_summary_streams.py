"""Tests of `SummaryStreams`: many articles in a loop of its own, each for a reader that may leave."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError
from gistwire_models.scripted import ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidates, DraftDelta, SummaryEvent
from gistwire_models.summary_streams import SummaryStreams

from tests.models.summarizer_contract import make_request

WITHIN_S = 30.0


class WritingSummarizer(ScriptedSummarizer):
    """A scripted summarizer that says its languages."""

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)


class Reader:
    """Keeps what it is sent. Implements SummaryReader.

    Attributes:
        gone: whether it has left.
        events: what it was sent.
        error: what it was told at the end.
        began: set with the first event.
        ended: set at the end.
        asked_after_end: whether it was asked anything after that.
    """

    def __init__(self) -> None:
        self.gone = False
        self.events: list[SummaryEvent] = []
        self.error: Exception | None = None
        self.began = threading.Event()
        self.ended = threading.Event()
        self.asked_after_end = False

    def is_gone(self) -> bool:
        self.asked_after_end |= self.ended.is_set()
        return self.gone

    def send(self, event: SummaryEvent) -> None:
        assert not self.ended.is_set()
        self.events.append(event)
        self.began.set()

    def end(self, error: Exception | None) -> None:
        assert not self.ended.is_set()
        self.error = error
        self.ended.set()

    @property
    def draft(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, DraftDelta))


@pytest.fixture
def scripts() -> dict[str, SummaryScript]:
    return {}


@pytest.fixture
def summarizer(scripts: dict[str, SummaryScript]) -> WritingSummarizer:
    return WritingSummarizer(scripts)


@pytest.fixture
def streams(summarizer: WritingSummarizer) -> Iterator[SummaryStreams]:
    streams = SummaryStreams(lambda: summarizer)
    yield streams
    streams.close()


def read(streams: SummaryStreams, article_id: str) -> Reader:
    reader = Reader()
    streams.start(make_request(article_id=article_id), reader)
    return reader


def test_gives_the_draft_then_the_candidates_then_the_end(
    streams: SummaryStreams, scripts: dict[str, SummaryScript]
) -> None:
    scripts["a"] = SummaryScript(deltas=["Oil", " prices", " rose", "."])
    reader = read(streams, "a")
    assert reader.ended.wait(WITHIN_S)
    assert reader.error is None
    assert reader.draft == "Oil prices rose."
    assert isinstance(reader.events[-1], Candidates)


@pytest.mark.parametrize(
    "failure", [ModelOverloadedError("full", retry_after_s=1), ValueError("no"), KeyError()]
)
def test_a_failure_is_the_end(
    streams: SummaryStreams, scripts: dict[str, SummaryScript], failure: Exception
) -> None:
    scripts["a"] = SummaryScript(deltas=["Oil"], failure=failure)
    reader = read(streams, "a")
    assert reader.ended.wait(WITHIN_S)
    assert reader.error is failure
    assert not any(isinstance(event, Candidates) for event in reader.events)


def test_a_reader_that_leaves_stops_its_article_alone(
    streams: SummaryStreams, summarizer: WritingSummarizer, scripts: dict[str, SummaryScript]
) -> None:
    gate = asyncio.Event()
    for article_id in ("left", "stays"):
        scripts[article_id] = SummaryScript(deltas=["Oil"], end_gate=gate)
    left, stays = read(streams, "left"), read(streams, "stays")
    assert left.began.wait(WITHIN_S)
    assert stays.began.wait(WITHIN_S)
    left.gone = True
    assert left.ended.wait(WITHIN_S)
    assert left.error is None
    assert summarizer.cancelled == ["left"]
    streams._loop.call_soon_threadsafe(gate.set)
    assert stays.ended.wait(WITHIN_S)
    assert summarizer.finished == ["stays"]
    assert not left.asked_after_end


def test_an_article_whose_reader_has_left_before_is_not_begun(
    streams: SummaryStreams, summarizer: WritingSummarizer
) -> None:
    reader = Reader()
    reader.gone = True
    streams.start(make_request(), reader)
    assert reader.ended.wait(WITHIN_S)
    assert summarizer.requests == []


def test_closing_ends_every_article(summarizer: WritingSummarizer, scripts: dict[str, SummaryScript]) -> None:
    scripts["a"] = SummaryScript(end_gate=asyncio.Event(), deltas=["Oil"])
    streams = SummaryStreams(lambda: summarizer)
    reader = read(streams, "a")
    assert reader.began.wait(WITHIN_S)
    streams.close()
    assert isinstance(reader.error, ModelUnavailableError)
    assert not streams._thread.is_alive()


def test_warms_up_without_a_reader(streams: SummaryStreams, summarizer: WritingSummarizer) -> None:
    streams.warm_up(make_request(article_id="first"))
    assert summarizer.finished == ["first"]


def test_a_summarizer_that_cannot_be_loaded_is_an_error() -> None:
    def fail() -> WritingSummarizer:
        raise ModelUnavailableError("no weights")

    with pytest.raises(ModelUnavailableError, match="no weights"):
        SummaryStreams(fail)
