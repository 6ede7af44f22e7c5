"""Reads articles from RSS and Atom feeds. Reached through `read_source`."""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import struct_time
from typing import BinaryIO
from xml.parsers import expat

import msgspec

from gistwire_indexer.article import MAX_ID_CHARACTERS
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources.record import RawArticle, SourceRecord

MAX_FEED_BYTES = 20 * 1024 * 1024

# Identifiers that are unique beyond their feed are addresses, "tag:" or "urn:".
_UNIQUE_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f-\xa0]+")

_TOMBSTONE = "http://purl.org/atompub/tombstones/1.0 deleted-entry"

# As in http://purl.org/rss/1.0/modules/syndication/
_UPDATE_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_SMALL_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class FeedDocument:
    """What a feed says.

    Attributes:
        records: its entries, in their order.
        deleted_ids: identifiers of entries that it says were deleted (RFC 6721), as articles would have them.
        update_interval: how often it says that it changes (`ttl`, `sy:updatePeriod`); None if it does not.
    """

    records: Sequence[SourceRecord]
    deleted_ids: Sequence[str]
    update_interval: timedelta | None


def read_feed(stream: BinaryIO, *, origin: str) -> Iterator[SourceRecord]:
    """Reads an article from each entry. Unlike other sources a feed is read as a whole.

    Raises:
        SourceError: the stream holds no feed, or one of more than 20 MiB.
    """
    document = stream.read(MAX_FEED_BYTES + 1)
    if len(document) > MAX_FEED_BYTES:
        raise SourceError(f"{origin}: the feed is longer than {MAX_FEED_BYTES} bytes")
    yield from parse_feed(document, origin=origin).records


def parse_feed(document: bytes, *, origin: str) -> FeedDocument:
    """Reads a whole feed. Its length is the caller's to limit.

    Raises:
        SourceError: the document is no feed.
    """
    # Importing takes longer than all of this package, and most sources are no feeds.
    import feedparser  # noqa: PLC0415

    # A string might be taken for an address to fetch. Markup is cleaned later, as that of other sources is.
    parsed = feedparser.parse(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    if not parsed.get("version") and not parsed.get("entries"):
        raise SourceError(f"{origin}: not an RSS or Atom feed")
    feed = parsed["feed"]
    return FeedDocument(
        records=[
            SourceRecord.of(origin, None, _raw(entry), _read_entry(entry, feed=feed))
            for entry in parsed["entries"]
        ],
        deleted_ids=[_identifier(ref, source=_text(feed, "title")) for ref in _tombstones(document)],
        update_interval=_update_interval(feed),
    )


def _read_entry(entry: Mapping[str, object], *, feed: Mapping[str, object]) -> RawArticle:
    source = _text(feed, "title")
    link = _text(entry, "link")
    is_address = link.startswith(("http://", "https://"))
    metadata = {"author": _text(entry, "author"), "link": "" if is_address else link}
    return RawArticle(
        id=_identifier(_text(entry, "id"), source=source),
        headline=_text(entry, "title"),
        body=_first_text(entry, "content", "value") or _text(entry, "summary"),
        url=link if is_address else "",
        source=source,
        language=_text(feed, "language"),
        category=_first_text(entry, "tags", "term"),
        published=_published(entry),
        metadata={name: value for name, value in metadata.items() if value},
    )


def _identifier(given: str, *, source: str) -> str:
    """The entry's own identifier if it can be an article's, else a hash of it."""
    if not given or (len(given) <= MAX_ID_CHARACTERS and _UNIQUE_ID.fullmatch(given)):
        return given
    return hashlib.blake2b(f"feed\n{source}\n{given}".encode(errors="replace"), digest_size=12).hexdigest()


def _tombstones(document: bytes) -> list[str]:
    """The `ref` of each `at:deleted-entry`, up to where the document is not well-formed."""
    refs: list[str] = []
    if b"deleted-entry" not in document:
        return refs

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == _TOMBSTONE and attributes.get("ref"):
            refs.append(attributes["ref"])

    # feedparser keeps only the last one. Expat fetches nothing, and bounds what entities expand to.
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    with suppress(expat.ExpatError):
        parser.Parse(document, True)
    return refs


def _update_interval(feed: Mapping[str, object]) -> timedelta | None:
    ttl_minutes = _text(feed, "ttl").strip()
    if _SMALL_NUMBER.fullmatch(ttl_minutes):
        return timedelta(minutes=int(ttl_minutes))
    period = _UPDATE_PERIODS.get(_text(feed, "sy_updateperiod").strip().lower())
    frequency = _text(feed, "sy_updatefrequency").strip() or "1"
    if period is None or not _SMALL_NUMBER.fullmatch(frequency) or int(frequency) == 0:
        return None
    return period / int(frequency)


def _published(entry: Mapping[str, object]) -> datetime | str | None:
    for name in ("published", "updated"):
        # feedparser warns when it is asked for a time that an entry does not have.
        parsed = entry.get(f"{name}_parsed") if f"{name}_parsed" in entry else None
        if isinstance(parsed, struct_time):
            return datetime(*parsed[:6], tzinfo=UTC)
        if name in entry and (text := _text(entry, name)):
            return text
    return None


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _first_text(fields: Mapping[str, object], list_name: str, name: str) -> str:
    """The text called `name` in the first item of a list of mappings; empty if there is none."""
    items = fields.get(list_name)
    if isinstance(items, list) and items and isinstance(items[0], Mapping):
        return _text(items[0], name)
    return ""


def _raw(entry: Mapping[str, object]) -> str:
    names = ("id", "title", "link", "published", "summary")
    return msgspec.json.encode({name: _text(entry, name) for name in names}).decode(errors="replace")
