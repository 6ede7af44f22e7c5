"""The summarizer that runs in this process, on the CPU, by CTranslate2; import it explicitly."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
from tokenizers import Tokenizer

from gistwire_models.batching import DynamicBatcher
from gistwire_models.encoder import ModelVersion, Priority
from gistwire_models.errors import ModelFormatError, ModelUnavailableError
from gistwire_models.local_encoder import default_replicas, without_surrogates
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    SummaryRequest,
)
from gistwire_models.summarizer_folder import (
    TOKENIZER_FILE,
    VOCABULARY_MAP_FILE,
    SummarizerDescription,
    read_summarizer_description,
)
from gistwire_models.summarizer_source import (
    END_TOKEN,
    START_TOKEN,
    SUMMARY_TASK,
    UNKNOWN_TOKEN,
    SummarizerSource,
    read_source,
)
from gistwire_models.surface import SourceWords, SurfaceWriter

_MAX_BATCH_TOKENS = 1_600
"""Source tokens of a batch, padded: about eight articles."""

_MAX_CANDIDATES = 8

_SUPPRESSED = ('"', "“", "”", "«", "»")
"""Quotation marks: half of a pair would make the words of the article a quotation, or a quotation its words."""

_MIN_TOKENS = 6
"""Shortest text, in tokens: a shorter one is a fragment."""

_BEAM_SIZE = 4
_ELLIPSIS = "…"


class _Draft:
    """A draft on its way from the engine's thread to the event loop.

    Attributes:
        abandoned: set when nobody waits for it any more.
    """

    def __init__(self, words: SourceWords) -> None:
        self.abandoned = threading.Event()
        self._writer = SurfaceWriter(words)
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def add(self, token: str) -> None:
        """Takes the next token, in the engine's thread."""
        if text := self._writer.write(token):
            self._send(text)

    def end(self, *, complete: bool) -> str:
        """Says that no token follows, in the engine's thread, and returns the whole text."""
        if rest := self._writer.finish() + ("" if complete else _ELLIPSIS):
            self._send(rest)
        self.close()
        return self._writer.text + ("" if complete else _ELLIPSIS)

    def close(self) -> None:
        """Ends `texts`; may be called again."""
        self._send(None)

    def _send(self, text: str | None) -> None:
        # The loop may be closed already when the engine ends a batch nobody waits for.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, text)

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yields what can be read, as it comes."""
        while (text := await self._pieces.get()) is not None:
            yield text


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    """An article to be summarized.

    Attributes:
        source: its tokens.
        words: its words, to copy the writing from.
        request: what is wanted.
        draft: where the draft goes.
    """

    source: SummarizerSource
    words: SourceWords
    request: SummaryRequest
    draft: _Draft


class LocalSummarizer:
    """Summarizes articles in this process. Implements Summarizer.

    The first candidate is written word by word, which is the draft; the others are found by beam search. Articles of
    concurrent calls are summarized in shared batches. Only tokens of the articles and function words are ever
    considered, and the text has the case and spacing that the article has.
    """

    def __init__(
        self,
        engine: Any,
        tokenizer: Tokenizer,
        description: SummarizerDescription,
        always_allowed: frozenset[int],
        threads: int,
    ) -> None:
        """Use `LocalSummarizer.load`.

        Args:
            engine: a ``ctranslate2.Translator`` with `threads` replicas.
            tokenizer: its tokenizer, without padding and truncation.
            description: what the folder says about the summarizer.
            always_allowed: ids of the tokens that may be written whatever the source.
            threads: number of batches computed at once.
        """
        self._engine = engine
        self._tokenizer = tokenizer
        self._description = description
        self._closed = False
        self._always_allowed = always_allowed
        self._suppressed = [[mark] for mark in _SUPPRESSED if tokenizer.token_to_id(mark) is not None]
        self._batcher = DynamicBatcher[_Job, tuple[Candidate, ...]](
            self._summarize,
            cost=lambda job: len(job.source),
            max_batch_cost=_MAX_BATCH_TOKENS,
            replicas=threads,
            name="gistwire-summarizer",
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> "LocalSummarizer":
        """Loads a converted summarizer. Blocks for about 0.2 s.

        Args:
            folder: folder written by the export of `gistwire-train`.
            threads: number of batches computed at once, a core each; None for one for each core, at most 8.

        Raises:
            ModelNotFoundError: there is no converted summarizer in `folder`.
            ModelFormatError: its files cannot be used.
        """
        description = read_summarizer_description(folder)
        replicas = threads if threads is not None else default_replicas()
        try:
            tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        except Exception as error:  # tokenizers raises Exception itself
            raise ModelFormatError(f"{folder / TOKENIZER_FILE} cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        try:
            engine = ctranslate2.Translator(str(folder), device="cpu", inter_threads=replicas, intra_threads=1)
        except (RuntimeError, ValueError) as error:
            raise ModelFormatError(f"the model in {folder} cannot be loaded: {error}") from error
        return cls(engine, tokenizer, description, _always_allowed(folder, tokenizer), replicas)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion(self._description.name, self._description.version)

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        return self._description.languages

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says.

        Raises:
            ModelUnavailableError: the summarizer was closed.
            ModelOverloadedError: too many articles wait.
            ValueError: the article has no body: a headline alone invites invention.
        """
        if self._closed:
            raise ModelUnavailableError("the summarizer was closed")
        if not request.body.strip():
            raise ValueError(f"article {request.article_id} has no body to summarize")
        source, words = await asyncio.to_thread(self._read, request)
        job = _Job(source, words, request, _Draft(words))
        computing = asyncio.create_task(self._batcher.submit([job], priority=Priority.SUMMARY))
        computing.add_done_callback(lambda _: job.draft.close())
        try:
            async for text in job.draft.texts():
                if request.stream_drafts:
                    yield DraftDelta(text)
            yield Candidates((await computing)[0])
        finally:
            job.draft.abandoned.set()
            computing.cancel()
            await asyncio.gather(computing, return_exceptions=True)

    async def close(self) -> None:
        """Gives back the model and its threads. Calls that wait end with ModelUnavailableError."""
        self._closed = True
        await self._batcher.close()
        self._engine.unload_model()

    def _read(self, request: SummaryRequest) -> tuple[SummarizerSource, SourceWords]:
        headline, body = without_surrogates(request.headline), without_surrogates(request.body)
        source = read_source(
            self._tokenizer,
            task=SUMMARY_TASK,
            headline=headline,
            body=body,
            max_tokens=self._description.max_source_tokens,
        )
        return source, SourceWords(headline, source.headline, body, source.body)

    def _summarize(self, jobs: Sequence[_Job]) -> list[tuple[Candidate, ...]]:
        """Summarizes a batch, in a thread: every draft first, then what was asked for beyond it."""
        first = self._write_drafts(jobs)
        several = [
            place
            for place, job in enumerate(jobs)
            if job.request.candidates > 1 and not job.draft.abandoned.is_set()
        ]
        candidates: list[tuple[Candidate, ...]] = [(draft,) for draft in first]
        if several:
            for place, others in zip(several, self._search([jobs[place] for place in several]), strict=True):
                candidates[place] = _distinct((first[place], *others), jobs[place].request.candidates)
        return candidates

    def _write_drafts(self, jobs: Sequence[_Job]) -> list[Candidate]:
        # Under a vocabulary map CTranslate2 names a step's token by its place among the allowed ones.
        allowed = self._allowed(jobs)

        def receive(step: Any) -> bool:
            draft = jobs[step.batch_id].draft
            token = allowed[int(step.token_id)]
            if token != END_TOKEN:
                draft.add(token)
            return draft.abandoned.is_set()

        results = self._translate(jobs, callback=receive, beam_size=1)
        drafts: list[Candidate] = []
        for job, result in zip(jobs, results, strict=True):
            complete = len(result.hypotheses[0]) < self._max_tokens(jobs)
            drafts.append(_candidate(job.draft.end(complete=complete), result.scores[0], complete=complete))
        return drafts

    def _search(self, jobs: Sequence[_Job]) -> list[list[Candidate]]:
        """Finds more candidates of each article by beam search."""
        wanted = min(_MAX_CANDIDATES, max(job.request.candidates for job in jobs))
        results = self._translate(jobs, beam_size=max(_BEAM_SIZE, wanted), num_hypotheses=wanted)
        limit = self._max_tokens(jobs)
        return [
            [
                _candidate(_written(tokens, job.words), score, complete=len(tokens) < limit)
                for tokens, score in zip(result.hypotheses, result.scores, strict=True)
                if len(tokens) < limit
            ]
            for job, result in zip(jobs, results, strict=True)
        ]

    def _translate(self, jobs: Sequence[_Job], **options: Any) -> list[Any]:
        results: list[Any] = self._engine.translate_batch(
            [job.source.tokens for job in jobs],
            max_batch_size=len(jobs),
            max_decoding_length=self._max_tokens(jobs),
            min_decoding_length=_MIN_TOKENS,
            no_repeat_ngram_size=3,
            suppress_sequences=self._suppressed,
            disable_unk=True,
            use_vmap=True,
            end_token=END_TOKEN,
            return_scores=True,
            **options,
        )
        return results

    def _allowed(self, jobs: Sequence[_Job]) -> list[str]:
        """Returns the tokens that may be written for a batch, in the order of their ids."""
        ids = {token for job in jobs for token in job.source.ids} | self._always_allowed
        return [self._tokenizer.id_to_token(token) or UNKNOWN_TOKEN for token in sorted(ids)]

    def _max_tokens(self, jobs: Sequence[_Job]) -> int:
        return min(self._description.max_target_tokens, max(job.request.max_tokens for job in jobs))


def _always_allowed(folder: Path, tokenizer: Tokenizer) -> frozenset[int]:
    """Reads the first line of the vocabulary map: an empty key, then the tokens allowed for every source."""
    path = folder / VOCABULARY_MAP_FILE
    try:
        with path.open(encoding="utf-8") as lines:
            tokens = next(lines).removeprefix("\t").split()
    except (OSError, StopIteration, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    # The engine itself adds the marks.
    ids = {tokenizer.token_to_id(token) for token in (*tokens, START_TOKEN, END_TOKEN, UNKNOWN_TOKEN)}
    return frozenset(token for token in ids if token is not None)


def _candidate(text: str, log_probability: float, *, complete: bool) -> Candidate:
    return Candidate(
        text=text,
        origin=Origin.GENERATED,
        finish_reason=FinishReason.COMPLETE if complete else FinishReason.LENGTH,
        log_probability=log_probability,
    )


def _written(tokens: Sequence[str], words: SourceWords) -> str:
    writer = SurfaceWriter(words)
    for token in tokens:
        writer.write(token)
    writer.finish()
    return writer.text


def _distinct(candidates: Sequence[Candidate], wanted: int) -> tuple[Candidate, ...]:
    """Returns the first candidates of each text, at most so many."""
    by_text: dict[str, Candidate] = {}
    for candidate in candidates:
        by_text.setdefault(candidate.text, candidate)
    return tuple(by_text.values())[:wanted]
