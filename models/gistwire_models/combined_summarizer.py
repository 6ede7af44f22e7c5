"""A generating summarizer with extracts beside it: whatever it writes, a faithful candidate stands by."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from gistwire_models.encoder import ModelVersion
from gistwire_models.endpoint_states import HasEndpoints
from gistwire_models.errors import SummaryNotWrittenError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    GeneratingSummarizer,
    Summarizer,
    SummaryEvent,
    SummaryRequest,
    distinct,
)

_MIN_BODY_WORDS = 12
"""A shorter body is a summary already."""


class CombinedSummarizer:
    """Gives the candidates of a generating summarizer, then those of an extractive one. Implements Summarizer.

    Articles that cannot be generated from, as they are in another language or hardly longer than a summary, have
    extracts alone, and so have those of which the model wrote no word. Of the generated and of the extracted
    candidates there are up to as many as are wanted.
    """

    def __init__(self, generating: GeneratingSummarizer, extracting: Summarizer) -> None:
        """Sets up the summarizer, which then owns both.

        Args:
            generating: writes candidates, in the languages that it says at the time.
            extracting: takes candidates from the article.
        """
        self._generating = generating
        self._extracting = extracting

    @property
    def model(self) -> ModelVersion:
        """Name and version of the generating model."""
        return self._generating.model

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        """Summarizes one article, as Summarizer says; the draft is that of the first candidate.

        Raises:
            ModelOverloadedError: an engine's queue is full.
            ModelUnavailableError: an engine does not answer, or was closed.
            ValueError: the article has neither a headline nor a body.
        """
        if not self._generates(request):
            async with aclosing(self._extracting.summarize(request)) as events:
                async for event in events:
                    yield event
            return
        # The reader waits for the first word: what takes the same cores begins when it is there.
        extracts = None if request.stream_drafts else asyncio.create_task(self._extract(request))
        try:
            async with aclosing(self._generating.summarize(request)) as events:
                async for event in events:
                    extracts = extracts or asyncio.create_task(self._extract(request))
                    match event:
                        case DraftDelta():
                            yield event
                        case EarlyCandidates(written, model):
                            # As many as there are where one is asked for.
                            beside = (await extracts)[:1]
                            yield EarlyCandidates(distinct((*written, *beside)), model=model)
                        case Candidates(written, model):
                            yield Candidates(distinct((*written, *await extracts)), model=model)
        except SummaryNotWrittenError:
            extracts = extracts or asyncio.create_task(self._extract(request))
            yield Candidates(await extracts)
        finally:
            if extracts is not None:
                extracts.cancel()
                await asyncio.gather(extracts, return_exceptions=True)

    def endpoint_states(self) -> dict[str, str]:
        """The state of each server that the generating model is on, by address; empty if it is on none."""
        return self._generating.endpoint_states() if isinstance(self._generating, HasEndpoints) else {}

    async def close(self) -> None:
        """Closes both summarizers."""
        try:
            await self._generating.close()
        finally:
            await self._extracting.close()

    def _generates(self, request: SummaryRequest) -> bool:
        return (
            request.generate
            and request.language in self._generating.languages
            and len(request.body.split(maxsplit=_MIN_BODY_WORDS)) >= _MIN_BODY_WORDS
        )

    async def _extract(self, request: SummaryRequest) -> tuple[Candidate, ...]:
        candidates: tuple[Candidate, ...] = ()
        async with aclosing(self._extracting.summarize(replace(request, stream_drafts=False))) as events:
            async for event in events:
                if isinstance(event, Candidates):
                    candidates = event.candidates
        return candidates
