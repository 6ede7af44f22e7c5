"""Tests of a summarizer that is opened when it is first asked: the contract, and when it is opened."""

import asyncio

import pytest
from gistwire_models.deferred_summarizer import DeferredSummarizer
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelFormatError, ModelUnavailableError
from gistwire_models.scripted import ScriptedSummarizer
from gistwire_models.summarizer import GeneratingSummarizer, Summarizer

from tests.models.summarizer_contract import SummarizerContract, make_request, summarize

MODEL = ModelVersion("scripted", "1")


class EnglishSummarizer(ScriptedSummarizer):
    """A scripted summarizer that says what it writes."""

    languages = ("en",)


class Opening:
    """Opens a scripted summarizer once it may.

    Attributes:
        opened: how often it was asked for.
        may: set when it may end.
        summarizer: what it opens.
    """

    def __init__(self) -> None:
        self.opened = 0
        self.may = asyncio.Event()
        self.summarizer = EnglishSummarizer()

    async def __call__(self) -> GeneratingSummarizer:
        self.opened += 1
        await self.may.wait()
        return self.summarizer


class TestContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self) -> Summarizer:
        opening = Opening()
        opening.may.set()
        return DeferredSummarizer(MODEL, ("en",), opening)


async def test_it_is_opened_once_by_the_first_articles() -> None:
    opening = Opening()
    summarizer = DeferredSummarizer(MODEL, ("en", "de"), opening)
    assert summarizer.model == MODEL
    assert summarizer.languages == ("en", "de")
    assert opening.opened == 0
    async with asyncio.TaskGroup() as group:
        for each in ("a1", "a2"):
            group.create_task(summarize(summarizer, make_request(article_id=each)))
        opening.may.set()
    assert opening.opened == 1


async def test_a_call_that_is_cancelled_leaves_the_others_their_model() -> None:
    opening = Opening()
    summarizer = DeferredSummarizer(MODEL, ("en",), opening)
    calls = [asyncio.create_task(summarize(summarizer, make_request())) for _ in range(2)]
    while not opening.opened:
        await asyncio.sleep(0)
    calls[0].cancel()
    opening.may.set()
    _, candidates = await calls[1]
    assert candidates.candidates
    assert calls[0].cancelled()


async def test_whatever_kept_it_from_opening_it_closes() -> None:
    async def fail() -> GeneratingSummarizer:
        raise OSError("the disk is gone")

    summarizer = DeferredSummarizer(MODEL, ("en",), fail)
    with pytest.raises(OSError, match="disk"):
        await summarize(summarizer, make_request())
    await summarizer.close()


async def test_a_model_that_cannot_be_opened_is_unavailable_and_closes() -> None:
    async def fail() -> GeneratingSummarizer:
        raise ModelFormatError("the model is damaged")

    summarizer = DeferredSummarizer(MODEL, ("en",), fail)
    with pytest.raises(ModelUnavailableError, match="damaged"):
        await summarize(summarizer, make_request())
    await summarizer.close()


async def test_closing_closes_what_was_opened_and_opens_nothing() -> None:
    opening = Opening()
    opening.may.set()
    unused = DeferredSummarizer(MODEL, ("en",), opening)
    await unused.close()
    with pytest.raises(ModelUnavailableError):
        await summarize(unused, make_request())
    assert opening.opened == 0

    used = DeferredSummarizer(MODEL, ("en",), opening)
    await summarize(used, make_request())
    await used.close()
    with pytest.raises(ModelUnavailableError):
        await summarize(opening.summarizer, make_request())
