"""What a summarizer is: an article in, drafts and then candidate summaries out."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias

from gistwire_models.encoder import Embedding, ModelVersion

MAX_CANDIDATES = 8
"""Most candidates of an article that may be asked for."""

MAX_TOKENS = 1_024
"""Longest candidate that may be asked for."""

_MAX_CHARACTERS = 1_000_000


class Origin(Enum):
    """Where the text of a summary comes from."""

    GENERATED = "generated"
    """Written by a generating model."""
    EXTRACTED = "extracted"
    """Sentences of the article, word for word."""
    HEADLINE = "headline"
    """The article's headline."""


class FinishReason(Enum):
    """Why the writing of a summary ended."""

    COMPLETE = "complete"
    """The text is complete."""
    LENGTH = "length"
    """The limit of tokens was reached."""


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """An article to be summarized.

    Attributes:
        article_id: the article's identifier.
        revision: the revision of the article that is read.
        headline: the headline, plain text.
        body: the text, plain; may be empty.
        language: ISO 639-1 code, or ``"und"``.
        query: what the summary is for; None for one of the article as a whole.
        query_embedding: ``float32 [dimension]`` of `query`, if it is known.
        article_embedding: ``float32 [dimension]`` of the article, if it is known.
        candidates: how many candidates are wanted, at least 1. Fewer may come.
        max_tokens: longest candidate, in tokens of the encoder's vocabulary.
        stream_drafts: whether drafts are wanted.
        generate: whether a generating model is to write; False where what it wrote is stored.
        timeout_s: time for it, in seconds, which engines elsewhere are told; None for no limit.
    """

    article_id: str
    revision: str
    headline: str
    body: str
    language: str
    query: str | None = None
    query_embedding: Embedding | None = field(default=None, compare=False)
    article_embedding: Embedding | None = field(default=None, compare=False)
    candidates: int = 1
    max_tokens: int = 64
    stream_drafts: bool = True
    generate: bool = True
    timeout_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class DraftDelta:
    """A piece of the draft: append it to what came before.

    Attributes:
        text: the text to append, with its leading space.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible summary.

    Attributes:
        text: the text; never empty.
        origin: where it comes from.
        query_focused: whether it was written for the query.
        finish_reason: why writing ended.
        log_probability: mean log-probability of its tokens; None for texts that no model generated.
        embedding: ``float32 [dimension]`` of the text, if the summarizer knows it.
    """

    text: str
    origin: Origin
    query_focused: bool = False
    finish_reason: FinishReason = FinishReason.COMPLETE
    log_probability: float | None = None
    embedding: Embedding | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Candidates:
    """All candidates of an article, the summarizer's favourite first; at least one.

    The draft that was streamed before is the text of the first.

    Attributes:
        candidates: the candidates.
        model: which model wrote them, where an engine may change its model while it runs; None for that of the
            summarizer.
    """

    candidates: tuple[Candidate, ...]
    model: ModelVersion | None = None


@dataclass(frozen=True, slots=True)
class EarlyCandidates:
    """What is written while further candidates are sought: what there is if time does not last for those.

    Attributes:
        candidates: what `Candidates` would hold if one candidate had been asked for; at least one. The draft, which
            is whole, is the text of the first.
        model: as in Candidates.
    """

    candidates: tuple[Candidate, ...]
    model: ModelVersion | None = None


SummaryEvent: TypeAlias = DraftDelta | EarlyCandidates | Candidates


def distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Returns the first candidate of each text, in order."""
    by_text: dict[str, Candidate] = {}
    for candidate in candidates:
        by_text.setdefault(candidate.text, candidate)
    return tuple(by_text.values())


class Summarizer(Protocol):
    """Writes candidate summaries of an article."""

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        ...

    def summarize(self, request: SummaryRequest) -> AsyncGenerator[SummaryEvent, None]:
        """Summarizes one article.

        Yields:
            any number of DraftDelta (none unless `request.stream_drafts`); then, if several candidates are wanted,
            EarlyCandidates once or not at all; then one Candidates, last.

        Raises:
            ModelOverloadedError: the engine's queue is full.
            ModelUnavailableError: the engine does not answer, or was closed.
            SummaryNotWrittenError: the model wrote no word of the article.

        Closing the generator, or cancelling the task that iterates it, stops the work.
        """
        ...

    async def close(self) -> None:
        """Gives back what the summarizer holds. Calls that wait end with ModelUnavailableError."""
        ...


class GeneratingSummarizer(Summarizer, Protocol):
    """A summarizer by a model that writes certain languages."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        ...


def check_request(request: SummaryRequest) -> None:
    """Checks a request that came from elsewhere.

    Raises:
        ValueError: a value is out of its limits; the message names it.
    """
    if len(request.headline) + len(request.body) > _MAX_CHARACTERS:
        raise ValueError(f"headline and body have more than {_MAX_CHARACTERS:,} characters")
    if not request.body.strip():
        raise ValueError("body is empty")
    if not 1 <= request.candidates <= MAX_CANDIDATES:
        raise ValueError(f"candidates must be from 1 to {MAX_CANDIDATES}, not {request.candidates}")
    if not 1 <= request.max_tokens <= MAX_TOKENS:
        raise ValueError(f"max_tokens must be from 1 to {MAX_TOKENS:,}, not {request.max_tokens}")
