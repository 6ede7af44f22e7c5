"""Reads what a summarizer writes of one article, for as long as there is time: `read_candidates`."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from gistwire.v1 import events_pb2
from gistwire_models.errors import GistwireModelError
from gistwire_models.summarizer import (
    Candidates,
    DraftDelta,
    EarlyCandidates,
    Summarizer,
    SummaryRequest,
)

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of


@dataclass(frozen=True, slots=True)
class ReadCandidates:
    """What a summarizer wrote.

    Attributes:
        candidates: the candidates; empty if it broke its promise and gave none.
        cut_short: why others that were wanted are not among them; None if none is missing.
    """

    candidates: Candidates
    cut_short: events_pb2.Degraded.Reason.ValueType | None = None


async def read_candidates(
    summarizer: Summarizer,
    request: SummaryRequest,
    *,
    step: Step,
    budget: Budget,
    show: Callable[[str], None],
    end_draft: Callable[[], None],
) -> ReadCandidates:
    """Reads all candidates, or those that there are by when scoring must begin.

    Args:
        summarizer: who writes.
        request: what.
        step: what it counts as.
        budget: the time for it.
        show: takes each piece of the draft.
        end_draft: called when no piece follows.

    Raises:
        TimeoutError: time ran out with nothing to score.
        GistwireModelError: the summarizer failed with nothing to score.
    """
    early = written = None
    with budget.spend(step) as passage:
        try:
            async with asyncio.timeout(None) as limit, aclosing(summarizer.summarize(request)) as events:
                async for event in events:
                    match event:
                        case DraftDelta(text):
                            show(text)
                        case EarlyCandidates(candidates, model):
                            end_draft()
                            early = Candidates(candidates, model)
                            # What there is can still be scored if the others do not come. That takes longer than
                            # else, as hits run out of time together.
                            left_s = budget.remaining_s(Step.SCORE, Step.SCORE)
                            limit.reschedule(asyncio.get_running_loop().time() + left_s)
                        case Candidates():
                            end_draft()
                            written = event
                            limit.reschedule(None)
        except (TimeoutError, GistwireModelError) as error:
            # What fails after the candidates takes nothing from them.
            if written is None:
                if early is None:
                    raise
                passage.is_whole = False
                return ReadCandidates(early, reason_of(error))
    return ReadCandidates(written or Candidates(()))
