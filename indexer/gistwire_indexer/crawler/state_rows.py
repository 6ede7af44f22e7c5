"""What the crawler remembers of feeds and articles, and how `CrawlState` writes it into rows."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from gistwire_indexer.sources.record import RawArticle


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What is known of a feed.

    Attributes:
        location: where it is asked for: as configured, or where it moved to for good.
        etag: of the last answer of which every article was acknowledged; empty if there is none.
        last_modified: likewise.
        due: when it is to be asked.
        failures: in a row.
        update_interval: how often it said that it changes; zero if it did not.
        stopped: whether it is gone for good and never asked again.
    """

    location: str
    etag: str = ""
    last_modified: str = ""
    due: datetime
    failures: int = 0
    update_interval: timedelta = timedelta()
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleState:
    """What is known of an article that was acknowledged, or refused for good.

    Attributes:
        id: its identifier in the index.
        feed: address of the feed that it belongs to: corrections are taken from no other.
        entry_hash: hash of the feed's entry.
        removed: whether it was deleted from the index.
        wants_page_text: whether its page is to supply its text.
        page_etag: of the last answer for its page; empty if there is none.
        page_last_modified: likewise.
        page_due: when its page is to be looked at; None for never again.
        page_checks_end: until when its page is looked at.
        page_missing_since: when its page was first found missing; None if it is there.
        sent: the article as it was sent last; None once its page is not looked at any more.
    """

    id: str
    feed: str
    entry_hash: str
    removed: bool = False
    wants_page_text: bool = False
    page_etag: str = ""
    page_last_modified: str = ""
    page_due: datetime | None = None
    page_checks_end: datetime
    page_missing_since: datetime | None = None
    sent: RawArticle | None = None


@dataclass(frozen=True, slots=True)
class FoundArticle:
    """An article that was found by a key.

    Attributes:
        state: what is known of it.
        own: whether the key is one of its own entry, and not only of a duplicate.
    """

    state: ArticleState
    own: bool


class _SentArticle(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    headline: str
    body: str = ""
    url: str = ""
    source: str = ""
    language: str = ""
    category: str = ""
    published: str = ""
    metadata: dict[str, str] = {}


def feed_of(row: sqlite3.Row) -> FeedState:
    """The feed of a row of `feeds`."""
    return FeedState(
        location=row["location"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        due=time_of(row["due"]),
        failures=row["failures"],
        update_interval=timedelta(seconds=row["update_interval"]),
        stopped=bool(row["stopped"]),
    )


def article_of(row: sqlite3.Row) -> ArticleState:
    """The article of a row of `articles`."""
    return ArticleState(
        id=row["id"],
        feed=row["feed"],
        entry_hash=row["entry_hash"],
        removed=bool(row["removed"]),
        wants_page_text=bool(row["wants_page_text"]),
        page_etag=row["page_etag"],
        page_last_modified=row["page_last_modified"],
        page_due=_time_or_none(row["page_due"]),
        page_checks_end=time_of(row["page_checks_end"]),
        page_missing_since=_time_or_none(row["page_missing_since"]),
        sent=_from_json(row["sent"]) if row["sent"] else None,
    )


def to_json(article: RawArticle) -> str:
    """An article as JSON that `article_of` reads."""
    published = (
        article.published.isoformat() if isinstance(article.published, datetime) else article.published
    )
    sent = _SentArticle(
        id=article.id,
        headline=article.headline,
        body=article.body,
        url=article.url,
        source=article.source,
        language=article.language,
        category=article.category,
        published=published or "",
        metadata=dict(article.metadata),
    )
    return msgspec.json.encode(sent).decode()


def _from_json(text: str) -> RawArticle:
    sent = msgspec.json.decode(text, type=_SentArticle)
    return RawArticle(**msgspec.structs.asdict(sent))


def time_of(seconds: float) -> datetime:
    """The time so many seconds after the Unix epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def _time_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else time_of(seconds)


def seconds_of(time: datetime | None) -> float | None:
    """Seconds from the Unix epoch to a time; None for None."""
    return None if time is None else time.timestamp()
