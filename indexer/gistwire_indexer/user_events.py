"""What users do with articles, and where it is kept. Both indices store it and pass one contract-test class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

MAX_TAGS = 20
"""Interests that a user may state in words."""


class EventKind(Enum):
    """What a user did. The values are stored."""

    VIEW = "view"
    CLICK = "click"
    LIKE = "like"
    RATE_ARTICLE = "rate_article"
    RATE_SUMMARY = "rate_summary"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class UserEvent:
    """Something a user did with an article.

    Attributes:
        event_id: identifier by which repetitions are known, within the user.
        user_id: the user.
        article_id: the article; it may have been deleted since.
        kind: what the user did.
        occurred: when, with a time zone.
        rating: in [0, 1], for RATE_ARTICLE and RATE_SUMMARY; else None.
        request_id: the call in whose results the article was shown; empty if that is not known.
    """

    event_id: str
    user_id: str
    article_id: str
    kind: EventKind
    occurred: datetime
    rating: float | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """What a user thinks of an article, by the user's latest word on it.

    Attributes:
        user_id: the user.
        article_id: the article.
        value: in [0, 1]: the rating of the article or of its summary; a like is 1, a dismissal 0.
        occurred: when, with a time zone.
    """

    user_id: str
    article_id: str
    value: float
    occurred: datetime


def popularity_weight(event: UserEvent) -> float:
    """What an event adds to the popularity of its article, as `UserEventStore.popularity` says; 0 for nothing."""
    match event.kind:
        case EventKind.CLICK:
            return 1.0
        case EventKind.LIKE:
            return 2.0
        case EventKind.RATE_ARTICLE | EventKind.RATE_SUMMARY:
            return event.rating or 0.0
        case _:
            return 0.0


def opinion(event: UserEvent) -> float | None:
    """What an event says its user thinks of the article, as `Rating.value`; None if it says nothing."""
    match event.kind:
        case EventKind.LIKE:
            return 1.0
        case EventKind.DISMISS:
            return 0.0
        case EventKind.RATE_ARTICLE | EventKind.RATE_SUMMARY:
            return event.rating
        case _:
            return None


class UserEventStore(Protocol):
    """Holds the events and the stated interests of one tenant's users.

    Every write is durable, and visible to reads that begin after it returned, in this process and in others. All
    methods may raise IndexUnavailableError. What a user did is personal: no message of an error holds any of it.
    """

    async def write(self, events: Sequence[UserEvent]) -> list[bool]:
        """Writes events; says for each, in order, whether it is new. One that was written before has no effect.

        An identifier may occur several times in `events`: the first is written.
        """
        ...

    async def history(self, user_id: str, *, limit: int) -> list[UserEvent]:
        """Returns a user's latest events, newest first, those of one time by identifier."""
        ...

    async def count(self, user_id: str) -> int:
        """Returns the number of a user's events."""
        ...

    async def popularity(self, since: datetime, *, limit: int) -> Mapping[str, float]:
        """Returns the most popular articles with their weights: clicks count 1, likes 2, ratings as much as they are.

        Views and dismissals count nothing; of a user each article counts once, by the weightiest event.

        Args:
            since: only events from this time on count.
            limit: most articles to return.
        """
        ...

    async def ratings(self, since: datetime, *, limit: int) -> list[Rating]:
        """Returns the latest ratings of all users, newest first: one for each user and article.

        Args:
            since: only ratings from this time on.
            limit: most ratings to return.
        """
        ...

    async def tags(self, user_id: str) -> tuple[str, ...]:
        """Returns the interests that a user has stated in words, in the order in which they were given."""
        ...

    async def set_tags(self, user_id: str, tags: Sequence[str]) -> None:
        """Replaces the interests that a user has stated in words; none drops them."""
        ...

    async def purge(self, user_id: str) -> int:
        """Erases all that is kept of a user, also from the files on disk; returns the number of events.

        Nothing of it is found in the files of the store afterwards.
        """
        ...

    async def close(self) -> None:
        """Gives back what the store holds; later calls raise IndexUnavailableError. May be called twice."""
        ...
