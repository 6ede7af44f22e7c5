"""`entries_of`: the entries of a feed as articles, with the keys by which the same article is known again."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec

from gistwire_indexer.article import derive_id
from gistwire_indexer.cleaning import remove_unprintable
from gistwire_indexer.crawler.canonical_url import canonical_url
from gistwire_indexer.crawler.configuration import FeedConfiguration
from gistwire_indexer.sources.feed import FeedDocument
from gistwire_indexer.sources.record import RawArticle, SourceRecord

MAX_ENTRIES: Final = 2_000
"""How many entries of a feed are looked at, from its beginning."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a feed.

    Attributes:
        record: where it stood.
        article: what it says, with a canonical url, an identifier, and what is configured for its feed.
        keys: two entries that share one are the same article. At least one.
        content_hash: changes when what it says does.
    """

    record: SourceRecord
    article: RawArticle
    keys: tuple[str, ...]
    content_hash: str


def url_key(url: str) -> str:
    """The key of articles at a canonical address."""
    return f"url:{url}"


def guid_key(guid: str) -> str:
    """The key of articles with an identifier that feeds gave them."""
    return f"guid:{guid}"


def entries_of(document: FeedDocument, feed: FeedConfiguration, *, base_url: str) -> list[Entry]:
    """Makes articles of the entries of a feed; of several that share a key only the first counts.

    Identifiers are derived from the address as everywhere: which feed had an article first makes no difference.

    Args:
        document: the feed.
        feed: what is configured for it.
        base_url: what relative links are relative to.
    """
    read = [
        (record, _sanitized(record.fields, base_url))
        for record in document.records[:MAX_ENTRIES]
        if record.fields is not None
    ]
    guids_of_links = Counter(link for link, _ in {(raw.url, raw.id) for _, raw in read})
    entries = (
        _entry(record, raw, feed, link_identifies=_identifies(raw.url, guids_of_links[raw.url]))
        for record, raw in read
    )
    return list(_without_repetitions(entries))


def _sanitized(raw: RawArticle, base_url: str) -> RawArticle:
    """The article without what a message or a database cannot hold, and with a canonical address."""
    metadata = {remove_unprintable(key): remove_unprintable(value) for key, value in raw.metadata.items()}
    link = raw.url or metadata.pop("link", "")
    return RawArticle(
        id=remove_unprintable(raw.id),
        headline=remove_unprintable(raw.headline),
        body=remove_unprintable(raw.body),
        url=_absolute(link, base_url),
        source=remove_unprintable(raw.source),
        language=remove_unprintable(raw.language),
        category=remove_unprintable(raw.category),
        published=remove_unprintable(raw.published) if isinstance(raw.published, str) else raw.published,
        metadata=metadata,
    )


def _absolute(link: str, base_url: str) -> str:
    try:
        return (link and canonical_url(remove_unprintable(urljoin(base_url, link)))) or ""
    except ValueError:
        return ""


def _identifies(url: str, guids: int) -> bool:
    """Some feeds link every entry to the same page, or to the front page: that names no article."""
    parts = urlsplit(url)
    return bool(url) and guids == 1 and (parts.path != "/" or bool(parts.query))


def _entry(record: SourceRecord, raw: RawArticle, feed: FeedConfiguration, *, link_identifies: bool) -> Entry:
    derived = derive_id(url=raw.url if link_identifies else "", headline=raw.headline, source=raw.source)
    keys = [url_key(raw.url)] if link_identifies else []
    keys += [guid_key(raw.id)] if raw.id else []
    article = replace(
        raw,
        id=derived if link_identifies or not raw.id else raw.id,
        source=feed.name or raw.source,
        language=feed.language or raw.language,
        category=feed.category or raw.category,
    )
    return Entry(record, article, tuple(keys) or (guid_key(derived),), _content_hash(article))


def _content_hash(article: RawArticle) -> str:
    published = article.published
    content = (
        *(article.headline, article.body, article.url, article.source, article.language, article.category),
        published.isoformat() if isinstance(published, datetime) else published,
        sorted(article.metadata.items()),
    )
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=16).hexdigest()


def _without_repetitions(entries: Iterator[Entry]) -> Iterator[Entry]:
    seen: set[str] = set()
    for entry in entries:
        if seen.isdisjoint(entry.keys):
            yield entry
        seen.update(entry.keys)
