"""The candidates of articles with a reference summary: `write_candidates` makes a file; called by fitting.py."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from gistwire_models.encoder import Embedding, Priority, TextEncoder
from gistwire_models.summarizer import Candidate, FinishReason, Origin, Summarizer

from gistwire_training.candidates import candidates_of
from gistwire_training.errors import CheckpointError, TrainingDataError
from gistwire_training.evaluation.metrics import PairMeasurer
from gistwire_training.evaluation.tasks import article_of, is_usable
from gistwire_training.pairs import Pair

DEFAULT_CANDIDATES = 5
"""Candidates asked of each summarizer: more than a search asks for, so that the ranker sees more that differ."""

_ARTICLES_AT_ONCE = 8
"""Enough to keep every core busy, and few enough that a kill loses little."""

OnProgress = Callable[[int, int], None]
"""Called with how many articles are done, and how many there are."""


class JudgedCandidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A candidate and how near it is to the reference.

    Attributes:
        text: the text.
        origin: where it comes from.
        rouge: mean F of ROUGE-1, ROUGE-2 and ROUGE-L against the reference, in [0, 1].
        embedding: the embedding's ``float32 [dimension]``, as little-endian bytes.
        is_cut: whether writing broke off at the limit of tokens.
        log_probability: mean log-probability of its tokens; None for extracts.
    """

    text: str
    origin: Origin
    rouge: float
    embedding: bytes
    is_cut: bool = False
    log_probability: float | None = None

    def candidate(self) -> Candidate:
        """Returns the candidate as the summarizer gave it, with its embedding."""
        return Candidate(
            self.text,
            self.origin,
            finish_reason=FinishReason.LENGTH if self.is_cut else FinishReason.COMPLETE,
            log_probability=self.log_probability,
            embedding=_vector(self.embedding),
        )


class CandidateSet(msgspec.Struct, frozen=True, kw_only=True):
    """The candidates of one article.

    Attributes:
        pair: the article and its reference summary.
        summarizer: name and version of what wrote the candidates.
        article_embedding_bytes: the article's ``float32 [dimension]``, as little-endian bytes.
        candidates: the candidates, the summarizer's favourite first; at least one.
    """

    pair: Pair
    summarizer: str
    article_embedding_bytes: bytes
    candidates: tuple[JudgedCandidate, ...]

    @property
    def article_embedding(self) -> Embedding:
        """``float32 [dimension]`` of the article."""
        return _vector(self.article_embedding_bytes)


async def write_candidates(
    path: Path,
    pairs: Sequence[Pair],
    summarizer: Summarizer,
    encoder: TextEncoder,
    *,
    candidates: int = DEFAULT_CANDIDATES,
    on_progress: OnProgress = lambda _done, _total: None,
) -> list[CandidateSet]:
    """Has candidates written of each pair with a body and a summary, and appends them to a file.

    What the file holds already is not done again: a run that was killed goes on where it was.

    Args:
        path: the file, one JSON object a line.
        pairs: articles with reference summaries; those that lack one or a body are passed over.
        summarizer: what writes, as the server runs it.
        encoder: embeds the articles, and candidates that come without an embedding.
        candidates: how many are asked for, at least 1.
        on_progress: called after each batch.

    Returns:
        the sets of all usable pairs, in the order of `pairs`; an identifier that comes twice stands for its last.

    Raises:
        TrainingDataError: no pair is usable, or a line of the file is no candidate set.
        CheckpointError: the file holds candidates of another summarizer.
    """
    # Of several revisions of an article, the last.
    usable = {pair.id: pair for pair in pairs if is_usable(pair, "summary")}
    if not usable:
        raise TrainingDataError("no pair has both a body and a summary")
    done = {each.pair.id: each for each in _read_whole_lines(path)}
    _check_summarizer(path, done.values(), str(summarizer.model))
    missing = iter([pair for pair in usable.values() if pair.id not in done])
    on_progress(len(usable.keys() & done.keys()), len(usable))
    with path.open("ab") as lines:
        while batch := list(islice(missing, _ARTICLES_AT_ONCE)):
            for written in await _candidate_sets(batch, summarizer, encoder, candidates):
                lines.write(msgspec.json.encode(written) + b"\n")
                done[written.pair.id] = written
            lines.flush()
            on_progress(len(usable.keys() & done.keys()), len(usable))
    return [done[key] for key in usable]


def read_candidates(path: Path) -> Iterator[CandidateSet]:
    """Reads a file of candidate sets.

    Raises:
        TrainingDataError: the file is missing, or a line is no candidate set; says which.
    """
    decoder = msgspec.json.Decoder(CandidateSet)
    number = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                number += 1
                yield decoder.decode(line)
    except FileNotFoundError as error:
        raise TrainingDataError(f"{path} is missing") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{path}, line {number}: {error}") from error


def _read_whole_lines(path: Path) -> list[CandidateSet]:
    """Reads what is there, after cutting off a last line that a kill left unfinished."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return list(read_candidates(path))


def _check_summarizer(path: Path, done: Iterable[CandidateSet], summarizer: str) -> None:
    others = {each.summarizer for each in done} - {summarizer}
    if others:
        raise CheckpointError(f"{path} holds candidates of {', '.join(sorted(others))}, not of {summarizer}")


async def _candidate_sets(
    pairs: Sequence[Pair], summarizer: Summarizer, encoder: TextEncoder, candidates: int
) -> list[CandidateSet]:
    articles = await encoder.encode(
        [article_of(pair, "summary") for pair in pairs], priority=Priority.SUMMARY
    )
    written = await asyncio.gather(
        *(
            candidates_of(summarizer, pair, candidates=candidates, article_embedding=embedding)
            for pair, embedding in zip(pairs, articles, strict=True)
        )
    )
    embeddings = await encoder.encode(
        [candidate.text for of_article in written for candidate in of_article], priority=Priority.SUMMARY
    )
    rows = iter(embeddings)
    return [
        CandidateSet(
            pair=pair,
            summarizer=str(summarizer.model),
            article_embedding_bytes=_bytes(article),
            candidates=_judged(pair, [(candidate, next(rows)) for candidate in of_article]),
        )
        for pair, article, of_article in zip(pairs, articles, written, strict=True)
    ]


def _judged(pair: Pair, written: Sequence[tuple[Candidate, Embedding]]) -> tuple[JudgedCandidate, ...]:
    measurer = PairMeasurer(
        reference=pair.summary, article=article_of(pair, "summary"), language=pair.language
    )
    return tuple(
        JudgedCandidate(
            text=candidate.text,
            origin=candidate.origin,
            rouge=measurer.measure(candidate.text).rouge,
            embedding=_bytes(embedding),
            is_cut=candidate.finish_reason is FinishReason.LENGTH,
            log_probability=candidate.log_probability,
        )
        for candidate, embedding in written
    )


def _bytes(embedding: Embedding) -> bytes:
    return embedding.astype("<f4").tobytes()


def _vector(content: bytes) -> Embedding:
    return np.frombuffer(content, dtype="<f4").astype(np.float32)
