"""Reads articles, with their summaries where they have one, from files. Reached through `prepare`."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec
from gistwire_indexer.errors import ArticleError, SourceError
from gistwire_indexer.sources import RawArticle, SourceRecord, read_source

from gistwire_training.data.column_names import RenamedColumns
from gistwire_training.errors import TrainingDataError

_STANDARD_INPUT = "-"
_GZIP_MAGIC = b"\x1f\x8b"

_SUMMARY = "summary"
_RATING = "rating"
_CONSENT = "consent"
_YES = frozenset({"true", "1", "yes"})
_NO = frozenset({"false", "0", "no", ""})


class FileSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of articles: JSON lines, CSV or TSV, also compressed with gzip.

    Attributes:
        path: where it is.
        columns: the source's names of fields that it calls by a name of its own, such as
            ``{"summary": "ctext"}``. Fields are ``id``, ``headline``, ``body``, ``summary``, ``url``,
            ``source``, ``language``, ``rating`` and ``consent``.
        name: outlet or data set of the articles that do not say theirs; empty for the file's name.
        id_prefix: put before each identifier, for files whose identifiers are not unique beyond them.
    """

    path: Path
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    name: str = ""
    id_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPair:
    """An article as its source has it, with a summary and what a reader said of that.

    Attributes:
        article: its fields; nothing is cleaned.
        summary: empty if there is none.
        rating: what a reader gave the summary, on the source's own scale; None if it was not rated.
        consent: whether that reader agreed to the rating being used for training.
    """

    article: RawArticle
    summary: str = ""
    rating: float | None = None
    consent: bool = False


@dataclass(frozen=True, slots=True)
class PairRecord:
    """One article of a source, or the reason why it could not be read.

    Attributes:
        place: where it stood, and its raw text.
        pair: the article; None if it could not be read.
        error: why it could not be read; None if it could.
    """

    place: SourceRecord
    pair: RawPair | None
    error: ArticleError | None


def read_file(source: FileSource) -> Iterator[PairRecord]:
    """Reads a file of articles one by one, in memory that does not grow with it.

    Yields:
        a record for each article, also for one that cannot be read, which stops nothing.

    Raises:
        RecipeError: `source.columns` names an unknown field, or one column for two fields.
        TrainingDataError: the file as a whole cannot be read, or not to its end.
    """
    try:
        for record in _records(source):
            yield _pair_record(record)
    except SourceError as error:
        reason = str(error).removeprefix(f"{source.path}: ").removeprefix(f"{_STANDARD_INPUT}: ")
        raise TrainingDataError(f"{source.path}: {reason}") from error
    except OSError as error:
        raise TrainingDataError(f"{source.path}: cannot be read: {error}") from error


def _records(source: FileSource) -> Iterator[SourceRecord]:
    if not source.columns:
        yield from read_source(str(source.path))
        return
    with source.path.open("rb") as opened, _decompressed(opened) as lines:
        # Standard input is the one stream that the reader of sources takes from its caller.
        renamed = io.BufferedReader(RenamedColumns(lines, source.columns))
        for record in read_source(_STANDARD_INPUT, stdin=renamed):
            yield replace(record, origin=str(source.path))


def _decompressed(stream: io.BufferedReader) -> BinaryIO:
    is_compressed = stream.peek(2).startswith(_GZIP_MAGIC)
    return io.BufferedReader(gzip.GzipFile(fileobj=stream)) if is_compressed else stream


def _pair_record(record: SourceRecord) -> PairRecord:
    if record.fields is None:
        return PairRecord(record, None, record.error)
    try:
        return PairRecord(record, _pair(record.fields), None)
    except ArticleError as error:
        return PairRecord(record, None, error)


def _pair(article: RawArticle) -> RawPair:
    more = {name.lower(): value for name, value in article.metadata.items()}
    if not (article.headline.strip() or article.body.strip()):
        raise ArticleError("", "there is neither a headline nor a body")
    return RawPair(
        article=article,
        summary=more.get(_SUMMARY, ""),
        rating=_rating(more.get(_RATING, "")),
        consent=_consent(more.get(_CONSENT, "")),
    )


def _rating(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise ArticleError(_RATING, f"must be a number, not {text[:50]!r}") from None


def _consent(text: str) -> bool:
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise ArticleError(_CONSENT, f"must be true or false, not {text[:50]!r}")
    return word in _YES
