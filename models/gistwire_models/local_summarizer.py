"""The summarizer that runs in this process, by CTranslate2; import it explicitly."""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gistwire_models.batching import DynamicBatcher
from gistwire_models.cores import default_replicas
from gistwire_models.encoder import ModelVersion, Priority
from gistwire_models.engine_threads import take_short_turns
from gistwire_models.errors import GistwireModelError, ModelUnavailableError
from gistwire_models.placement import CPU, Placement
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    SummaryEvent,
    SummaryRequest,
    distinct,
)
from gistwire_models.summary_draft import Draft, DraftRounds
from gistwire_models.summary_writer import SummaryJob, SummaryWriter

MAX_WAITING = 256
"""Drafts that may wait, with searches that follow others: a draft takes 30 to 60 ms of a core, so that the last of
these would wait for some 5 s on two."""

_SEARCH_COST = 4
"""What a beam search costs, as drafts, of which it keeps as many: of two short articles together it takes a fifth
less than of one after the other, of more not."""

MAX_BATCH_ON_CPU = 8
MAX_BATCH_TOKENS_ON_CPU = 400
"""Articles written in one batch on a core, and their tokens with padding: five short articles (57 tokens) take two
thirds of what they take in pairs, as each weight that is read serves all of them. Beyond that it is no faster, and
long articles have so many words between them that drafts take each other's and are written again (int8)."""

THREADS_ON_GPU = 4
MAX_BATCH_ON_GPU = 8
"""Batches written at once on a GPU, and articles in each: it computes several as fast as one, but in large batches
many articles take words of others (`python -m benchmarks.gpu_summaries` prints the rates)."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A draft to be written, or further candidates to be searched for."""

    job: SummaryJob
    is_search: bool = False


class LocalSummarizer:
    """Summarizes articles in this process. Implements Summarizer.

    Articles that wait share batches, on the CPU a core each, in which each draft is streamed. Now and
    then the engine takes a word of another article of the batch; that draft is then written on alone. Sums round
    otherwise with other articles in the batch: a text in fifty takes another turn, where two words were as likely.
    Log-probabilities are among the words that any article of the batch may have.
    """

    def __init__(
        self,
        writer: SummaryWriter,
        threads: int,
        *,
        max_batch: int = MAX_BATCH_ON_CPU,
        max_batch_tokens: int | None = MAX_BATCH_TOKENS_ON_CPU,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """Use `LocalSummarizer.load`.

        Args:
            writer: what writes, `threads` batches at once.
            threads: number of batches written at once.
            max_batch: most articles in a batch.
            max_batch_tokens: most tokens in a batch of several articles, with padding; None for no limit.
            max_waiting: number of waiting articles beyond which more are refused.
        """
        self._writer = writer
        self._closed = False
        self._rounds = DraftRounds()
        self._max_batch = max_batch
        self._max_batch_tokens = max_batch_tokens
        self._batcher = DynamicBatcher[_Step, tuple[Candidate, ...]](
            self._write,
            cost=self._cost,
            max_batch_cost=max_batch if max_batch_tokens is None else max_batch_tokens,
            replicas=threads,
            ahead=1,
            max_urgent_waiting=max_waiting,
            name="gistwire-summarizer",
        )

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        placement: Placement = CPU,
        max_batch: int | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> "LocalSummarizer":
        """Loads a converted summarizer. Blocks for about 0.2 s.

        Args:
            folder: folder written by the export of `gistwire-train`.
            threads: number of batches written at once, a core each on the CPU; None for one for each core, at most
                8, and for 4 on a GPU.
            placement: where it computes.
            max_batch: most articles in a batch, however long; None for 8 on a GPU, and for up to 8 on the CPU, as
                long as they are short.
            max_waiting: number of waiting articles beyond which more are refused.

        Raises:
            ModelNotFoundError: there is no converted summarizer in `folder`.
            ModelFormatError: its files cannot be used.
        """
        replicas = threads or (THREADS_ON_GPU if placement.is_gpu else default_replicas())
        take_short_turns()
        writer = SummaryWriter.load(folder, replicas=replicas, placement=placement)
        if max_batch is None and not placement.is_gpu:
            return cls(writer, replicas, max_waiting=max_waiting)
        return cls(
            writer,
            replicas,
            max_batch=max_batch or MAX_BATCH_ON_GPU,
            max_batch_tokens=None,
            max_waiting=max_waiting,
        )

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion(self._writer.description.name, self._writer.description.version)

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        return self._writer.description.languages

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        """Summarizes one article, as Summarizer says.

        Closing the generator stops the work at the draft's next token, or at the end of a beam search.

        Raises:
            ModelUnavailableError: the engine failed, or the summarizer was closed.
            ModelOverloadedError: too many articles wait.
            SummaryNotWrittenError: the model wrote no word of it.
            ValueError: the article has no body: a headline alone invites invention.
        """
        if self._closed:
            raise ModelUnavailableError("the summarizer was closed")
        if not request.body.strip():
            raise ValueError(f"article {request.article_id} has no body to summarize")
        source, words = await asyncio.to_thread(self._writer.read, request)
        draft = Draft(words, self._rounds, is_read=request.stream_drafts)
        job = SummaryJob(source, words, request.candidates, self._max_tokens(request), draft)
        drafting = asyncio.create_task(self._draft(job))
        computing = asyncio.create_task(self._candidates(job, drafting))
        # Reached also when the engine fails or is closed: then the draft ends, and the engine stops.
        computing.add_done_callback(lambda _: draft.abandon())
        try:
            while (text := await draft.next_text()) is not None:
                yield DraftDelta(text)
            if job.candidates > 1:
                yield EarlyCandidates(await drafting)
            yield Candidates(await computing)
        finally:
            draft.abandon()
            # Which ends the draft, too, where it waits for that.
            computing.cancel()
            await asyncio.gather(drafting, computing, return_exceptions=True)

    async def close(self) -> None:
        """Gives back the model and its threads. Calls that wait end with ModelUnavailableError."""
        self._closed = True
        await self._batcher.close()
        self._writer.close()

    async def _draft(self, job: SummaryJob) -> tuple[Candidate, ...]:
        (candidates,) = await self._batcher.submit([_Step(job)], priority=Priority.SUMMARY)
        return candidates

    async def _candidates(
        self, job: SummaryJob, drafting: "asyncio.Task[tuple[Candidate, ...]]"
    ) -> tuple[Candidate, ...]:
        candidates = await drafting
        if job.candidates > 1 and not job.draft.abandoned.is_set():
            # After the drafts that wait: a reader sees of every article something before more of one is tried.
            (found,) = await self._batcher.submit(
                [_Step(job, is_search=True)], priority=Priority.SUMMARY, admitted=True
            )
            candidates = (*candidates, *found)
        return distinct(candidates)[: job.candidates]

    def _cost(self, step: _Step) -> int:
        """What a step takes of a batch: as much at least that no more share it than may."""
        if self._max_batch_tokens is None:
            return 1
        tokens = max(len(step.job.source), math.ceil(self._max_batch_tokens / self._max_batch))
        return _SEARCH_COST * tokens if step.is_search else tokens

    def _write(self, steps: Sequence[_Step]) -> list[tuple[Candidate, ...] | GistwireModelError]:
        """Carries out a batch of steps, the drafts first; one that fails is an error in its place."""
        drafts = [step.job for step in steps if not step.is_search]
        searches = [step.job for step in steps if step.is_search]
        written = iter(self._writer.write_drafts(drafts) if drafts else [])
        found = iter(self._writer.search(searches) if searches else [])
        return [_as_result(next(found) if step.is_search else next(written)) for step in steps]

    def _max_tokens(self, request: SummaryRequest) -> int:
        """Returns how many tokens may be written, so that an ellipsis has room after them."""
        return max(1, min(self._writer.description.max_target_tokens, request.max_tokens) - 1)


def _as_result(
    step: Candidate | list[Candidate] | GistwireModelError,
) -> tuple[Candidate, ...] | GistwireModelError:
    match step:
        case GistwireModelError():
            return step
        case Candidate():
            return (step,)
        case _:
            return tuple(step)
