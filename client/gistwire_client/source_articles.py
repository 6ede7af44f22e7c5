"""`SourceArticles`: articles of files, feeds and standard input, on their way from `gistwire ingest`."""

import asyncio
import io
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from gistwire.v1 import article_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from gistwire_client.errors import StatusDetails
from gistwire_client.source_progress import SourceProgress
from gistwire_client.threaded_iteration import iterate_in_thread

if TYPE_CHECKING:
    from gistwire_indexer.errors import ArticleError
    from gistwire_indexer.sources import RawArticle, SourceFormat, SourceRecord

# Valid articles are far smaller; a larger message would end the whole stream.
_MAX_ARTICLE_BYTES = 3 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of a source.

    Attributes:
        place: of its source among the sources.
        number: of the record in its source, from 1.
        record: what was read.
    """

    place: int
    number: int
    record: "SourceRecord"


@dataclass(frozen=True, slots=True)
class _Readable(_Record):
    """A record, and the message that is made of it."""

    message: article_pb2.Article


@dataclass(frozen=True, slots=True)
class _Unreadable(_Record):
    """A record of which no message can be made, and why."""

    error: "ArticleError"


@dataclass(frozen=True, slots=True)
class _SourceEnd:
    """A source was read to its end.

    Attributes:
        place: of the source among the sources.
        records: how many it has.
    """

    place: int
    records: int


_Item: TypeAlias = _Readable | _Unreadable | _SourceEnd


class SourceArticles:
    """The articles of sources, each remembered until it is acknowledged; refused ones become dead letters.

    The client numbers the articles that `read` yields as it does: from 1.

    Args:
        sources: paths, web addresses, or ``"-"`` for standard input.
        source_format: how their articles are written.
        dead_letter_path: where refused articles go; made with its folder for the first of them.
        progress: where to go on with each source, and what is told how far it is settled; None to begin anew.

    Attributes:
        dead_letter_path: as given.
        unreadable: number of articles that never reached the server.
    """

    def __init__(
        self,
        sources: Sequence[str],
        source_format: "SourceFormat",
        dead_letter_path: Path,
        progress: SourceProgress | None = None,
    ) -> None:
        from gistwire_indexer.dead_letter import DeadLetterFile  # noqa: PLC0415

        self.dead_letter_path = dead_letter_path
        self.unreadable = 0
        self._sources = sources
        self._format = source_format
        self._progress = progress
        self._sent: dict[int, _Readable] = {}
        self._dead_letters = DeadLetterFile(dead_letter_path)
        # Reading and acknowledging both write, each in its own task.
        self._writing = asyncio.Lock()

    async def read(self) -> AsyncGenerator[article_pb2.Article, None]:
        """Yields the articles in order.

        Raises:
            SourceError: a source cannot be read at all, or not to its end.
        """
        sent = 0
        async with aclosing(iterate_in_thread(self._items())) as items:
            async for item in items:
                match item:
                    case _SourceEnd(place, records):
                        self._note_end(place, records)
                    case _Unreadable():
                        self.unreadable += 1
                        await self._refuse(item.record, item.error)
                        self._note_settled(item)
                    case _Readable():
                        sent += 1
                        self._sent[sent] = item
                        yield item.message

    async def settle(self, acknowledgement: article_pb2.IngestAcknowledgement) -> None:
        """Forgets an article that was acknowledged, and keeps it as a dead letter if it was rejected.

        Raises:
            CheckpointError: how far the sources are settled cannot be kept.
        """
        sent = self._sent.pop(acknowledgement.sequence)
        if acknowledgement.outcome == article_pb2.IngestAcknowledgement.REJECTED:
            await self._refuse(sent.record, rejection_of(acknowledgement))
        self._note_settled(sent)
        if self._progress is not None:
            await self._progress.save_sometimes()

    async def close(self, *, finished: bool) -> None:
        """Closes the dead-letter file, and keeps how far the sources are settled.

        Args:
            finished: whether that is everything: the next run then begins anew.

        Raises:
            CheckpointError: that cannot be kept.
        """
        self._dead_letters.close()
        if self._progress is not None:
            await (self._progress.forget() if finished else self._progress.save())

    async def _refuse(self, record: "SourceRecord", error: "ArticleError") -> None:
        async with self._writing:
            await asyncio.to_thread(self._write_dead_letter, record, error)

    def _write_dead_letter(self, record: "SourceRecord", error: "ArticleError") -> None:
        self.dead_letter_path.parent.mkdir(parents=True, exist_ok=True)
        self._dead_letters.write(record, error)

    def _note_settled(self, settled: _Record) -> None:
        if self._progress is not None:
            self._progress.settle(settled.place, settled.number, settled.record.line)

    def _note_end(self, place: int, records: int) -> None:
        if self._progress is not None:
            self._progress.end(place, records)

    def _items(self) -> Iterator[_Item]:
        """Reads all sources, from where they are to be gone on with."""
        for place, source in enumerate(self._sources):
            settled = 0
            if self._progress is not None:
                start = self._progress.start_now(place, source)
                if start.complete:
                    continue
                settled = start.records
                if self._progress.is_resumed(place):
                    # What was refused after the last checkpoint is refused again.
                    self._dead_letters.leave_out_known(source)
            yield from self._items_of(place, source, settled)

    def _items_of(self, place: int, source: str, settled: int) -> Iterator[_Item]:
        from gistwire_indexer.errors import ArticleError  # noqa: PLC0415
        from gistwire_indexer.sources import read_source  # noqa: PLC0415

        number = 0
        for number, record in enumerate(
            read_source(source, format=self._format, stdin=_standard_input()), start=1
        ):
            if number <= settled:
                continue
            if record.fields is None:
                yield _Unreadable(place, number, record, record.error or ArticleError("", "cannot be read"))
                continue
            try:
                yield _Readable(place, number, record, to_message(record.fields))
            except ArticleError as error:
                yield _Unreadable(place, number, record, error)
        yield _SourceEnd(place, number)


def to_message(raw: "RawArticle") -> article_pb2.Article:
    """The message of an article as its source has it; the server cleans and checks it.

    A time of publication that cannot be read is kept as metadata.

    Raises:
        ArticleError: the article is too large to be sent, or its time of publication out of range.
    """
    from gistwire_indexer.errors import ArticleError  # noqa: PLC0415

    metadata = {_encodable(key): _encodable(value) for key, value in raw.metadata.items()}
    published = _published(raw)
    if published is None and raw.published:
        metadata.setdefault("published", _encodable(str(raw.published)))
    message = article_pb2.Article(
        id=_encodable(raw.id),
        headline=_encodable(raw.headline),
        body=_encodable(raw.body),
        url=_encodable(raw.url),
        source=_encodable(raw.source),
        language=_encodable(raw.language),
        category=_encodable(raw.category),
        published=published,
        metadata=metadata,
    )
    if message.ByteSize() > _MAX_ARTICLE_BYTES:
        raise ArticleError("", f"has {message.ByteSize()} bytes; the maximum is {_MAX_ARTICLE_BYTES}")
    return message


def _published(raw: "RawArticle") -> Timestamp | None:
    from gistwire_indexer.errors import ArticleError  # noqa: PLC0415
    from gistwire_indexer.sources.dates import parse_date, to_utc  # noqa: PLC0415

    if not raw.published:
        return None
    try:
        time = parse_date(raw.published) if isinstance(raw.published, str) else to_utc(raw.published)
    except OverflowError as error:
        raise ArticleError("published", "must be a time between the years 1 and 9999") from error
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


def _encodable(text: str) -> str:
    """The text without lone surrogates, which JSON can hold and a message cannot."""
    return text.encode("utf-8", "ignore").decode()


def rejection_of(acknowledgement: article_pb2.IngestAcknowledgement) -> "ArticleError":
    """Why the server rejected an article."""
    from gistwire_indexer.errors import ArticleError  # noqa: PLC0415

    violations = StatusDetails.of(acknowledgement.status).violations
    if violations:
        return ArticleError(violations[0].field, violations[0].description)
    return ArticleError("", acknowledgement.status.message or "rejected by the server")


def _standard_input() -> BinaryIO:
    # A thread that waits in a buffered read holds its lock, and Python then cannot end after an interrupt.
    buffer = sys.stdin.buffer
    return buffer.raw if isinstance(buffer, io.BufferedReader) else buffer
