"""Writes summaries by CTranslate2, in the calling thread: articles in, drafts as they come, then candidates.

`local_summarizer.py` calls it; import it explicitly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import ctranslate2
from tokenizers import Tokenizer

from gistwire_models.engine_threads import keep_thread_state
from gistwire_models.errors import GistwireModelError, ModelUnavailableError, SummaryNotWrittenError
from gistwire_models.placement import Placement
from gistwire_models.source_words import SourceWords
from gistwire_models.summarizer import MAX_CANDIDATES, Candidate, FinishReason, Origin, SummaryRequest
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
from gistwire_models.tokenization import read_tokenizer, without_surrogates

_BEAM_SIZE = 4

# A shorter text is a fragment.
_MIN_TOKENS = 6

# Left out of the text: half of a pair of quotation marks would make the words of the article a quotation, or a
# quotation its words. CTranslate2's `suppress_sequences` is no way to forbid them: under a vocabulary map it does not
# find the tokens and writes beyond the scores' memory (4.8.5).
_UNREADABLE = frozenset({'"', "“", "”", "«", "»", START_TOKEN, END_TOKEN, UNKNOWN_TOKEN})


@dataclass(frozen=True, eq=False, slots=True)
class SummaryJob:
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


@dataclass(slots=True)
class _Writing:
    """A draft while the engine writes it.

    Attributes:
        job: the article.
        own: ids of the tokens that may be written for it.
        known: tokens that an earlier call has written; the draft has them.
        tokens: what was written, with marks.
        ended: whether the end mark came.
        strayed: whether the engine took a token that only another article of the batch has, or not the known one.
        failure: what went wrong with it alone.
    """

    job: SummaryJob
    own: frozenset[int]
    known: tuple[str, ...] = ()
    tokens: list[str] = field(default_factory=list)
    ended: bool = False
    strayed: bool = False
    failure: Exception | None = None

    def begun_again(self) -> "_Writing":
        """Returns the draft as it is written from the start, with fewer others.

        It comes to where it strayed by the same tokens, but for rounding, and goes on from there. CTranslate2's
        `target_prefix` is no way to go on: under a vocabulary map it reads and writes beyond the scores' memory
        (4.8.5).
        """
        return _Writing(self.job, self.own, known=max(self.known, tuple(self.tokens), key=len))


class SummaryWriter:
    """Writes the summaries of articles, in the thread that calls; several threads may call at once.

    The first candidate is written word by word, which is the draft; others are found by beam search. Only tokens
    of the article and function words are ever considered, and the text has the case and spacing that the article has.

    Attributes:
        description: what the folder says about the summarizer.
    """

    def __init__(
        self,
        engine: Any,
        tokenizer: Tokenizer,
        description: SummarizerDescription,
        always_allowed: Iterable[str],
    ) -> None:
        """Use `SummaryWriter.load`.

        Args:
            engine: a ``ctranslate2.Translator``.
            tokenizer: its tokenizer, without padding and truncation.
            description: what the folder says about the summarizer.
            always_allowed: tokens that may be written whatever the source.
        """
        self.description = description
        self._engine = engine
        self._tokenizer = tokenizer
        # The engine itself adds the marks.
        allowed = {
            tokenizer.token_to_id(token) for token in (*always_allowed, START_TOKEN, END_TOKEN, UNKNOWN_TOKEN)
        }
        self._always_allowed = frozenset(token for token in allowed if token is not None)
        self._always_allowed_names = frozenset(
            name for token in self._always_allowed if (name := tokenizer.id_to_token(token)) is not None
        )

    @classmethod
    def load(cls, folder: Path, *, replicas: int, placement: Placement) -> "SummaryWriter":
        """Loads a converted summarizer. Blocks for about 0.2 s.

        Args:
            folder: folder written by the export of `gistwire-train`.
            replicas: number of batches written at once, a core each on the CPU.
            placement: where it computes.

        Raises:
            ModelNotFoundError: there is no converted summarizer in `folder`.
            ModelFormatError: its files cannot be used.
        """
        description = read_summarizer_description(folder)
        always_allowed = read_always_allowed(folder)
        tokenizer = read_tokenizer(folder)
        # An article that holds "[SEP]" holds just these letters, not a mark.
        tokenizer.encode_special_tokens = True
        # Tells now rather than with the first article whether the marks are there.
        read_source(
            tokenizer, task=SUMMARY_TASK, headline="", body="", max_tokens=description.max_source_tokens
        )
        engine = placement.open(ctranslate2.Translator, folder, replicas=replicas)
        return cls(engine, tokenizer, description, always_allowed)

    def read(self, request: SummaryRequest) -> tuple[SummarizerSource, SourceWords]:
        """Reads an article as tokens and as words."""
        headline, body = without_surrogates(request.headline), without_surrogates(request.body)
        source = read_source(
            self._tokenizer,
            task=SUMMARY_TASK,
            headline=headline,
            body=body,
            max_tokens=self.description.max_source_tokens,
        )
        return source, SourceWords(headline, source.headline, body, source.body)

    def write_drafts(self, jobs: Sequence[SummaryJob]) -> list[Candidate | GistwireModelError]:
        """Writes the first candidate of articles, as one batch; each is its article's draft.

        An article that cannot be written fails no other.

        Returns:
            of each article its candidate, whose text may be empty if its reader has gone; or why it has none:
            SummaryNotWrittenError if the model wrote no word of it, else ModelUnavailableError.
        """
        writings = [_Writing(job, self._always_allowed.union(job.source.ids)) for job in jobs]
        scores = self._write_all(writings)
        return [_written(writing, score) for writing, score in zip(writings, scores, strict=True)]

    def search(self, jobs: Sequence[SummaryJob]) -> list[list[Candidate] | GistwireModelError]:
        """Finds more candidates of articles by beam search, as one batch.

        Those that did not come to an end are left out; articles whose reader has gone have none. An article that
        cannot be searched fails no other: in its place stands ModelUnavailableError.
        """
        found: dict[SummaryJob, list[Candidate] | GistwireModelError] = {}
        # Those that want as many share the beams.
        for hypotheses in {job.candidates for job in jobs}:
            alike = [job for job in jobs if job.candidates == hypotheses and not job.draft.abandoned.is_set()]
            if alike:
                found.update(zip(alike, self._search(alike, min(MAX_CANDIDATES, hypotheses)), strict=True))
        return [found.get(job, []) for job in jobs]

    def close(self) -> None:
        """Gives back the model."""
        self._engine.unload_model()

    def _write_all(self, writings: list[_Writing]) -> list[float]:
        """Writes drafts, in place, as often as it takes; returns the mean log-probability of each."""
        scores = [0.0] * len(writings)
        batches = [list(range(len(writings)))]
        while batches:
            batch = batches.pop()
            try:
                found = self._greedy([writings[each] for each in batch])
            except Exception as error:  # noqa: BLE001 (it may be the fault of one article of several)
                if len(batch) == 1:
                    writings[batch[0]].failure = error
                    continue
                unfailed = [
                    place
                    for place in batch
                    if writings[place].failure is None and not writings[place].job.draft.abandoned.is_set()
                ]
                for place in unfailed:
                    writings[place] = writings[place].begun_again()
                batches.extend([place] for place in unfailed)
                continue
            for place, score in zip(batch, found, strict=True):
                scores[place] = score
            # Alone none strays to another's words: what differs then is rounding, and the draft ends there.
            strayed = [place for place in batch if writings[place].strayed] if len(batch) > 1 else []
            for place in strayed:
                writings[place] = writings[place].begun_again()
            # Together they take as long as one alone on a GPU; fewer stray, as there are fewer others' words.
            batches.extend([strayed] if 1 < len(strayed) < len(batch) else [[place] for place in strayed])
        return scores

    def _greedy(self, writings: Sequence[_Writing]) -> list[float]:
        """Writes these drafts; returns the mean log-probability of each."""
        receiver = _Receiver(self._tokenizer, writings)
        try:
            results = self._translate([writing.job for writing in writings], callback=receiver)
        finally:
            receiver.let_go()
        return [float(result.scores[0]) for result in results]

    def _search(
        self, jobs: Sequence[SummaryJob], hypotheses: int
    ) -> list[list[Candidate] | GistwireModelError]:
        beams = max(_BEAM_SIZE, hypotheses)
        try:
            results = self._translate(jobs, beam_size=beams, num_hypotheses=hypotheses)
            # An article that took another one's words is searched alone.
            return [
                self._read_hypotheses(job, result)
                if len(jobs) == 1 or self._own_names(job).issuperset(chain.from_iterable(result.hypotheses))
                else self._search([job], hypotheses)[0]
                for job, result in zip(jobs, results, strict=True)
            ]
        except Exception as error:  # noqa: BLE001 (it may be the fault of one article of several)
            if len(jobs) == 1:
                return [_unavailable(error)]
            # A search cannot be stopped, so none is begun for a reader who has gone.
            return [
                [] if job.draft.abandoned.is_set() else self._search([job], hypotheses)[0] for job in jobs
            ]

    def _read_hypotheses(self, job: SummaryJob, result: Any) -> list[Candidate]:
        unreadable = _unreadable(job.source)
        candidates: list[Candidate] = []
        for tokens, score in zip(result.hypotheses, result.scores, strict=True):
            text = restore([token for token in tokens if token not in unreadable], job.words)
            if text and len(tokens) < job.max_tokens:
                candidates.append(_candidate(text, score, complete=True))
        return candidates

    def _own_names(self, job: SummaryJob) -> frozenset[str]:
        """Returns the tokens that may be written for an article."""
        return self._always_allowed_names.union(job.source.tokens)

    def _translate(self, jobs: Sequence[SummaryJob], *, beam_size: int = 1, **options: Any) -> list[Any]:
        """Has the engine write; returns CTranslate2's ``TranslationResult`` of each article."""
        max_tokens = max(job.max_tokens for job in jobs)
        results: list[Any] = self._engine.translate_batch(
            [job.source.tokens for job in jobs],
            max_decoding_length=max_tokens,
            min_decoding_length=min(_MIN_TOKENS, max_tokens),
            return_scores=True,
            beam_size=beam_size,
            **DECODING_OPTIONS,
            **options,
        )
        return results


class _Receiver:
    """Takes the tokens of a batch as the engine chooses them, in the engine's thread; CTranslate2's ``callback``.

    The engine gives it back in its own thread, after it has given its results. If that gave back what leads to the
    engine, too, the engine would end there and wait for itself: so it holds nothing by then.

    Args:
        tokenizer: names the tokens.
        writings: the drafts, in the batch's order.
    """

    def __init__(self, tokenizer: Tokenizer, writings: Sequence[_Writing]) -> None:
        self._tokenizer = tokenizer
        self._writings = writings
        # Under a vocabulary map CTranslate2 names a step's token by its place among those that the batch may have.
        self._allowed = sorted(frozenset[int]().union(*(writing.own for writing in writings)))
        self._unreadable = [_unreadable(writing.job.source) for writing in writings]

    def __call__(self, step: Any) -> bool:
        """Takes a ``GenerationStepResult``; returns whether this draft shall end."""
        keep_thread_state()
        place, token_id = int(step.batch_id), self._allowed[int(step.token_id)]
        writing = self._writings[place]
        try:
            return self._take(writing, place, token_id)
        except Exception as error:  # noqa: BLE001 (raised into the engine, it would fail the other drafts, too)
            writing.failure = error
            return True

    def _take(self, writing: _Writing, place: int, token_id: int) -> bool:
        """Takes the next token of a draft; returns whether the draft shall end."""
        token = self._tokenizer.id_to_token(token_id) or UNKNOWN_TOKEN
        known = writing.known[len(writing.tokens) : len(writing.tokens) + 1]
        if token_id not in writing.own or (known and known != (token,)):
            writing.strayed = True
            return True
        if token == END_TOKEN:
            writing.ended = True
        else:
            writing.tokens.append(token)
            if not known and token not in self._unreadable[place]:
                writing.job.draft.add(token)
        is_full = len(writing.tokens) >= writing.job.max_tokens
        return is_full or writing.job.draft.abandoned.is_set()

    def let_go(self) -> None:
        """Gives back the drafts, when the engine has given its results."""
        self._writings = ()


def _unreadable(source: SummarizerSource) -> frozenset[str]:
    """Returns the tokens that do not stand in the text: the source's task is one, unless the article has the word."""
    has_task = source.tokens.count(source.task) > 1
    return _UNREADABLE if has_task else _UNREADABLE | {source.task}


def _written(writing: _Writing, log_probability: float) -> Candidate | GistwireModelError:
    """Ends a draft; returns what was written, or why there is nothing."""
    draft, text = writing.job.draft, ""
    try:
        text = "" if writing.failure is not None else draft.finish(complete=writing.ended)
    except Exception as error:  # noqa: BLE001 (no failure of one article may fail the others)
        writing.failure = error
    if writing.failure is not None:
        return _unavailable(writing.failure)
    if not text and not draft.abandoned.is_set():
        return SummaryNotWrittenError("the model wrote no word of the article")
    return _candidate(text, log_probability, complete=writing.ended)


def _unavailable(error: Exception) -> ModelUnavailableError:
    failure = ModelUnavailableError(f"the engine failed: {error}")
    failure.__cause__ = error
    return failure


def _candidate(text: str, log_probability: float, *, complete: bool) -> Candidate:
    return Candidate(
        text=text,
        origin=Origin.GENERATED,
        finish_reason=FinishReason.COMPLETE if complete else FinishReason.LENGTH,
        log_probability=log_probability,
    )
