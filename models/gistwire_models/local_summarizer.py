"""The summarizer that runs in this process, on the CPU, by CTranslate2; import it explicitly."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
from tokenizers import Tokenizer

from gistwire_models.batching import DynamicBatcher
from gistwire_models.encoder import ModelVersion, Priority
from gistwire_models.errors import ModelFormatError, ModelUnavailableError
from gistwire_models.local_encoder import default_replicas, without_surrogates
from gistwire_models.model_folder import TOKENIZER_FILE
from gistwire_models.source_words import SourceWords
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    SummaryRequest,
)
from gistwire_models.summarizer_folder import (
    SummarizerDescription,
    read_always_allowed,
    read_summarizer_description,
)
from gistwire_models.summarizer_source import (
    DECODING_OPTIONS,
    END_TOKEN,
    START_TOKEN,
    SUMMARY_TASK,
    UNKNOWN_TOKEN,
    SummarizerSource,
    read_source,
)
from gistwire_models.summary_draft import Draft
from gistwire_models.surface import restore

# An article takes about 60 ms on a core, so that the last of these would wait for 15 s.
_MAX_WAITING = 256

_MAX_CANDIDATES = 8
_BEAM_SIZE = 4

# A shorter text is a fragment.
_MIN_TOKENS = 6

# Left out of the text: half of a pair of quotation marks would make the words of the article a quotation, or a
# quotation its words. CTranslate2's `suppress_sequences` is no way to forbid them: under a vocabulary map it does not
# find the tokens and writes beyond the scores' memory (4.8.5).
_UNREADABLE = frozenset({'"', "“", "”", "«", "»", START_TOKEN, END_TOKEN, UNKNOWN_TOKEN})


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    """An article to be summarized.

    Attributes:
        source: its tokens.
        words: its words, to copy the writing from.
        candidates: how many candidates are wanted.
        max_tokens: longest candidate.
        draft: where the draft goes.
    """

    source: SummarizerSource
    words: SourceWords
    candidates: int
    max_tokens: int
    draft: Draft


class LocalSummarizer:
    """Summarizes articles in this process. Implements Summarizer.

    The first candidate is written word by word, which is the draft; the others are found by beam search. Only tokens
    of the article and function words are ever considered, and the text has the case and spacing that the article has.

    Each article is computed alone, on one core, several at once: in a shared batch the words of one article could be
    written for another, and batches of eight were no faster (int8, 200 source tokens).
    """

    def __init__(
        self,
        engine: Any,
        tokenizer: Tokenizer,
        description: SummarizerDescription,
        always_allowed: Iterable[str],
        threads: int,
    ) -> None:
        """Use `LocalSummarizer.load`.

        Args:
            engine: a ``ctranslate2.Translator`` with `threads` replicas.
            tokenizer: its tokenizer, without padding and truncation.
            description: what the folder says about the summarizer.
            always_allowed: tokens that may be written whatever the source.
            threads: number of articles computed at once.
        """
        self._engine = engine
        self._tokenizer = tokenizer
        self._description = description
        self._closed = False
        # The engine itself adds the marks.
        allowed = {
            tokenizer.token_to_id(token) for token in (*always_allowed, START_TOKEN, END_TOKEN, UNKNOWN_TOKEN)
        }
        self._always_allowed = frozenset(token for token in allowed if token is not None)
        self._batcher = DynamicBatcher[_Job, tuple[Candidate, ...]](
            lambda jobs: [self._summarize(job) for job in jobs],
            cost=lambda job: len(job.source),
            max_batch_cost=1,  # each article alone
            replicas=threads,
            max_urgent_waiting=_MAX_WAITING,
            name="gistwire-summarizer",
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> "LocalSummarizer":
        """Loads a converted summarizer. Blocks for about 0.2 s.

        Args:
            folder: folder written by the export of `gistwire-train`.
            threads: number of articles computed at once, a core each; None for one for each core, at most 8.

        Raises:
            ModelNotFoundError: there is no converted summarizer in `folder`.
            ModelFormatError: its files cannot be used.
        """
        description = read_summarizer_description(folder)
        always_allowed = read_always_allowed(folder)
        replicas = threads if threads is not None else default_replicas()
        tokenizer = _read_tokenizer(folder / TOKENIZER_FILE)
        # Tells now rather than with the first article whether the marks are there.
        read_source(
            tokenizer, task=SUMMARY_TASK, headline="", body="", max_tokens=description.max_source_tokens
        )
        try:
            engine = ctranslate2.Translator(
                str(folder), device="cpu", inter_threads=replicas, intra_threads=1
            )
        except (RuntimeError, ValueError) as error:
            raise ModelFormatError(f"the model in {folder} cannot be loaded: {error}") from error
        return cls(engine, tokenizer, description, always_allowed, replicas)

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

        Closing the generator stops the work at the draft's next token, or at the end of a beam search.

        Raises:
            ModelUnavailableError: the engine failed, or the summarizer was closed.
            ModelOverloadedError: too many articles wait.
            ValueError: the article has no body: a headline alone invites invention.
        """
        if self._closed:
            raise ModelUnavailableError("the summarizer was closed")
        if not request.body.strip():
            raise ValueError(f"article {request.article_id} has no body to summarize")
        source, words = await asyncio.to_thread(self._read, request)
        job = _Job(source, words, request.candidates, self._max_tokens(request), Draft(words))
        computing = asyncio.create_task(self._batcher.submit([job], priority=Priority.SUMMARY))
        # Reached also when the engine fails or is closed: then the draft ends, and the engine stops.
        computing.add_done_callback(lambda _: job.draft.abandon())
        try:
            while (text := await job.draft.next_text()) is not None:
                if request.stream_drafts:
                    yield DraftDelta(text)
            yield Candidates((await computing)[0])
        finally:
            job.draft.abandon()
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

    def _max_tokens(self, request: SummaryRequest) -> int:
        """Returns how many tokens may be written, so that an ellipsis has room after them."""
        return max(1, min(self._description.max_target_tokens, request.max_tokens) - 1)

    def _summarize(self, job: _Job) -> tuple[Candidate, ...]:
        """Summarizes an article, in a thread: first the draft, then what was asked for beyond it."""
        candidates = [self._write_draft(job)]
        if job.candidates > 1 and not job.draft.abandoned.is_set():
            candidates += self._search(job)
        if not candidates[0].text:
            raise ValueError("the model wrote no word")
        return _distinct(candidates, job.candidates)

    def _write_draft(self, job: _Job) -> Candidate:
        # Under a vocabulary map CTranslate2 names a step's token by its place among the allowed ones.
        allowed = self._allowed(job.source)
        unreadable = _unreadable(job.source)

        def receive(step: Any) -> bool:
            token = allowed[int(step.token_id)]
            if token not in unreadable:
                job.draft.add(token)
            return job.draft.abandoned.is_set()

        result = self._translate(job, callback=receive, beam_size=1)
        complete = len(result.hypotheses[0]) < job.max_tokens
        return _candidate(job.draft.finish(complete=complete), result.scores[0], complete=complete)

    def _search(self, job: _Job) -> list[Candidate]:
        """Finds more candidates by beam search; those that did not come to an end are left out."""
        wanted = min(_MAX_CANDIDATES, job.candidates)
        result = self._translate(job, beam_size=max(_BEAM_SIZE, wanted), num_hypotheses=wanted)
        unreadable = _unreadable(job.source)
        candidates: list[Candidate] = []
        for tokens, score in zip(result.hypotheses, result.scores, strict=True):
            text = restore([token for token in tokens if token not in unreadable], job.words)
            if text and len(tokens) < job.max_tokens:
                candidates.append(_candidate(text, score, complete=True))
        return candidates

    def _translate(self, job: _Job, **options: Any) -> Any:
        """Has the engine write; returns CTranslate2's ``TranslationResult``."""
        (result,) = self._engine.translate_batch(
            [job.source.tokens],
            max_decoding_length=job.max_tokens,
            min_decoding_length=min(_MIN_TOKENS, job.max_tokens),
            return_scores=True,
            **DECODING_OPTIONS,
            **options,
        )
        return result

    def _allowed(self, source: SummarizerSource) -> list[str]:
        """Returns the tokens that may be written for a source, in the order of their ids."""
        ids = self._always_allowed.union(source.ids)
        return [self._tokenizer.id_to_token(token) or UNKNOWN_TOKEN for token in sorted(ids)]


def _read_tokenizer(path: Path) -> Tokenizer:
    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises Exception itself
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # An article that holds "[SEP]" holds just these letters, not a mark.
    tokenizer.encode_special_tokens = True
    return tokenizer


def _unreadable(source: SummarizerSource) -> frozenset[str]:
    """Returns the tokens that do not stand in the text: the source's task is one, unless the article has the word."""
    has_task = source.tokens.count(source.task) > 1
    return _UNREADABLE if has_task else _UNREADABLE | {source.task}


def _candidate(text: str, log_probability: float, *, complete: bool) -> Candidate:
    return Candidate(
        text=text,
        origin=Origin.GENERATED,
        finish_reason=FinishReason.COMPLETE if complete else FinishReason.LENGTH,
        log_probability=log_probability,
    )


def _distinct(candidates: Iterable[Candidate], wanted: int) -> tuple[Candidate, ...]:
    """Returns the first candidate of each text, at most so many."""
    by_text: dict[str, Candidate] = {}
    for candidate in candidates:
        by_text.setdefault(candidate.text, candidate)
    return tuple(by_text.values())[:wanted]
