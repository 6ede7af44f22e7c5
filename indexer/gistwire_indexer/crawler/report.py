"""`FeedReport`: what came of asking a feed, or of looking at the pages of its articles again."""

from datetime import datetime
from enum import Enum

import msgspec


class FeedOutcome(Enum):
    """How asking a feed ended."""

    READ = "read"
    """It had something to say."""
    NOT_MODIFIED = "not_modified"
    """It is as it was."""
    FAILED = "failed"
    """It, or its host, did not give it; it is asked again later."""
    STOPPED = "stopped"
    """It is gone for good, and not asked again."""
    PAGES_CHECKED = "pages_checked"
    """Not the feed was asked, but the pages of its articles."""


class FeedReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a feed. Texts in it come from anyone.

    Attributes:
        feed: its address, as configured.
        title: its name, else its address.
        outcome: how asking ended.
        new: articles that were not known.
        updated: articles that were corrected.
        unchanged: articles that were as before.
        duplicates: articles that belong to another feed.
        removed: articles that were deleted.
        rejected: articles that the index refused; they are in the dead-letter file.
        pages_unavailable: articles whose pages could not be had; the feed's text stands for theirs.
        reason: why it failed or stopped, or where it moved; else empty.
        next_due: when it is asked again; None for never, and for pages.
    """

    feed: str
    title: str
    outcome: FeedOutcome
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    removed: int = 0
    rejected: int = 0
    pages_unavailable: int = 0
    reason: str = ""
    next_due: datetime | None = None
