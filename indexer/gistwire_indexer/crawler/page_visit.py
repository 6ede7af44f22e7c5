"""`PageVisitor`: asks for the page of an article, and reads it."""

import asyncio
from dataclasses import dataclass
from enum import Enum

from gistwire_indexer.crawler.page import Page, read_page
from gistwire_indexer.crawler.polite_fetching import PoliteFetcher
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources.fetching import FetchedDocument

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_NOT_MODIFIED = 304
_MISSING = (404, 410)

# Reading is CPU work; more at a time would only take the threads that other work needs.
_READ_AT_A_TIME = 2


class PageStatus(Enum):
    """How a visit ended."""

    READ = "read"
    NOT_MODIFIED = "not_modified"
    MISSING = "missing"
    """The server says that there is no such page (404, 410)."""
    UNAVAILABLE = "unavailable"
    """The page could not be had, is no HTML or holds no text to take; that may pass."""


@dataclass(frozen=True, slots=True)
class PageVisit:
    """What came of a visit.

    Attributes:
        status: how it ended.
        page: what the page says; None unless it was read.
        etag: for the next visit; empty if the server gave none.
        last_modified: likewise.
    """

    status: PageStatus
    page: Page | None = None
    etag: str = ""
    last_modified: str = ""


class PageVisitor:
    """Visits pages. Any number of visits may be under way at a time.

    Args:
        fetcher: asks servers; stays the caller's.
        max_bytes: longest page.
    """

    def __init__(self, fetcher: PoliteFetcher, *, max_bytes: int) -> None:
        self._fetcher = fetcher
        self._max_bytes = max_bytes
        self._reading = asyncio.Semaphore(_READ_AT_A_TIME)

    async def visit(self, url: str, *, etag: str = "", last_modified: str = "") -> PageVisit:
        """Asks for a page, and reads it if it is not as it was.

        Args:
            url: address of the page.
            etag: of the visit before.
            last_modified: likewise.
        """
        try:
            document = await self._fetcher.get(
                url, etag=etag, last_modified=last_modified, max_bytes=self._max_bytes
            )
        except SourceError:
            return PageVisit(PageStatus.UNAVAILABLE)
        if document.status == _NOT_MODIFIED:
            return PageVisit(PageStatus.NOT_MODIFIED, etag=etag, last_modified=last_modified)
        if document.status in _MISSING:
            return PageVisit(PageStatus.MISSING)
        page = await self._read(document) if _may_be_indexed(document) else None
        if page is None:
            return PageVisit(PageStatus.UNAVAILABLE)
        return PageVisit(
            PageStatus.READ,
            page,
            etag=document.headers.get("etag", ""),
            last_modified=document.headers.get("last-modified", ""),
        )

    async def _read(self, document: FetchedDocument) -> Page | None:
        async with self._reading:
            return await asyncio.to_thread(read_page, document.body, url=document.url)


def _may_be_indexed(document: FetchedDocument) -> bool:
    """Whether an answer is HTML, and not marked as nothing to index."""
    media_type = document.headers.get("content-type", "").partition(";")[0].strip().lower()
    rules = {rule.strip().lower() for rule in document.headers.get("x-robots-tag", "").split(",")}
    return document.is_success and media_type in _HTML_TYPES and not rules & {"noindex", "none"}
