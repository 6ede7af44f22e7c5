"""Reads articles from RSS and Atom feeds. Reached through `read_source`."""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from time import struct_time
from typing import BinaryIO

import msgspec

from gistwire_indexer.article import MAX_ID_CHARACTERS
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources.record import RawArticle, SourceRecord

MAX_FEED_BYTES = 20 * 1024 * 1024

# Identifiers that are unique beyond their feed are addresses, "tag:" or "urn:".
_UNIQUE_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f-\xa0]+")


def read_feed(stream: BinaryIO, *, origin: str) -> Iterator[SourceRecord]:
    """Reads an article from each entry. Unlike other sources a feed is read as a whole.

    Raises:
        SourceError: the stream holds no feed, or one of more than 20 MiB.
    """
    # Importing takes longer than all of this package, and most sources are no feeds.
    import feedparser  # noqa: PLC0415

    document = stream.read(MAX_FEED_BYTES + 1)
    if len(document) > MAX_FEED_BYTES:
        raise SourceError(f"{origin}: the feed is longer than {MAX_FEED_BYTES} bytes")
    # A string might be taken for an address to fetch. Markup is cleaned later, as that of other sources is.
    parsed = feedparser.parse(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    if not parsed.get("version") and not parsed.get("entries"):
        raise SourceError(f"{origin}: not an RSS or Atom feed")
    for entry in parsed["entries"]:
        article = _read_entry(entry, feed=parsed["feed"])
        yield SourceRecord.of(origin, None, _raw(entry), article)


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


def _published(entry: Mapping[str, object]) -> datetime | str | None:
    for name in ("published", "updated"):
        parsed = entry.get(f"{name}_parsed")
        if isinstance(parsed, struct_time):
            return datetime(*parsed[:6], tzinfo=UTC)
        if text := _text(entry, name):
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
