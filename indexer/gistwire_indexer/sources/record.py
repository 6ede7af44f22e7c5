"""What sources give: articles in their own words, and the places where they stood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from gistwire_indexer.errors import ArticleError

MAX_RAW_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class RawArticle:
    """An article as its source has it: nothing is cleaned or checked, and every field may be empty.

    Attributes:
        id: identifier; if empty it is derived from `url`, or else from headline and source.
        headline: text, with whatever markup the source uses.
        body: likewise.
        url: address of the article.
        source: publisher or feed.
        language: code or name of the language; if empty it is identified from the text.
        category: as the publisher names it.
        published: a time, or what the source wrote for it (see `dates.parse_date`).
        metadata: what else the source said.
    """

    id: str = ""
    headline: str = ""
    body: str = ""
    url: str = ""
    source: str = ""
    language: str = ""
    category: str = ""
    published: datetime | str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One article of a source, or the reason why it could not be read.

    Attributes:
        origin: the source: a path, an address, or ``"-"`` for standard input.
        line: the line on which the record begins, from 1; None for entries of feeds.
        raw: the record as it stands in the source, at most 4 096 characters of it.
        fields: the article; None if it could not be read.
        error: why it could not be read; None if it could.
    """

    origin: str
    line: int | None
    raw: str
    fields: RawArticle | None
    error: ArticleError | None

    @classmethod
    def of(cls, origin: str, line: int | None, raw: str, result: RawArticle | ArticleError) -> "SourceRecord":
        """Makes a record of what reading it gave."""
        raw = raw[:MAX_RAW_CHARACTERS]
        if isinstance(result, ArticleError):
            return cls(origin, line, raw, None, result)
        return cls(origin, line, raw, result, None)
