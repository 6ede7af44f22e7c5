"""What every Summarizer must do; each implementation's tests run it on their own."""

from abc import abstractmethod
from collections import Counter

import pytest
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.summarizer import Candidates, DraftDelta, EarlyCandidates, Summarizer, SummaryRequest

BODY = (
    "Oil prices rose to a record high on Friday after talks failed. "
    "Analysts expect the rally to last until the winter. "
    "The minister of energy will meet producers in Vienna next week. "
    "Airlines said tickets would become more expensive."
)


def make_request(
    *,
    headline: str = "Oil at record high",
    body: str = BODY,
    query: str | None = None,
    candidates: int = 1,
    max_tokens: int = 64,
    stream_drafts: bool = True,
    article_id: str = "a1",
    language: str = "en",
) -> SummaryRequest:
    """A request with defaults."""
    return SummaryRequest(
        article_id=article_id,
        revision="r1",
        headline=headline,
        body=body,
        language=language,
        query=query,
        candidates=candidates,
        max_tokens=max_tokens,
        stream_drafts=stream_drafts,
    )


async def summarize(summarizer: Summarizer, request: SummaryRequest) -> tuple[str, Candidates]:
    """Returns the draft and the candidates; fails if the order of events is wrong."""
    events = [event async for event in summarizer.summarize(request)]
    *deltas, last = events
    assert isinstance(last, Candidates)
    if deltas and isinstance(early := deltas[-1], EarlyCandidates):
        deltas.pop()
        assert request.candidates > 1
        assert early.candidates[0] == last.candidates[0]
        assert early.model == last.model
    draft = ""
    for delta in deltas:
        assert isinstance(delta, DraftDelta)
        draft += delta.text
    return draft, last


class SummarizerContract:
    """Inherit it and give a fixture `summarizer`."""

    @pytest.fixture
    @abstractmethod
    def summarizer(self) -> Summarizer:
        """A summarizer of the implementation."""
        ...

    async def test_the_draft_is_the_first_candidate(self, summarizer: Summarizer) -> None:
        draft, candidates = await summarize(summarizer, make_request(candidates=3))
        assert draft == candidates.candidates[0].text != ""

    async def test_gives_distinct_candidates_up_to_the_number_wanted(self, summarizer: Summarizer) -> None:
        """The number is that of each origin: extracts may stand beside what was generated."""
        for wanted in (1, 2, 5):
            _, candidates = await summarize(summarizer, make_request(candidates=wanted))
            texts = [candidate.text for candidate in candidates.candidates]
            origins = Counter(candidate.origin for candidate in candidates.candidates)
            assert 1 <= max(origins.values()) <= wanted
            assert len(set(texts)) == len(texts)
            assert all(texts)

    async def test_streams_no_draft_unasked(self, summarizer: Summarizer) -> None:
        draft, candidates = await summarize(summarizer, make_request(stream_drafts=False))
        assert draft == ""
        assert candidates.candidates[0].text

    async def test_the_generator_can_be_closed_early(self, summarizer: Summarizer) -> None:
        events = summarizer.summarize(make_request())
        assert isinstance(await anext(events), DraftDelta)
        await events.aclose()
        assert [event async for event in events] == []

    async def test_refuses_calls_once_closed(self, summarizer: Summarizer) -> None:
        await summarizer.close()
        await summarizer.close()
        with pytest.raises(ModelUnavailableError):
            await anext(summarizer.summarize(make_request()))

    def test_names_its_model(self, summarizer: Summarizer) -> None:
        assert summarizer.model.name
        assert summarizer.model.version
