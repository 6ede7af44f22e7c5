"""User events as documents of Elasticsearch; used by `ElasticsearchUserEvents`."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from gistwire_indexer.elasticsearch.documents import document_id
from gistwire_indexer.encoding import from_microseconds, to_microseconds
from gistwire_indexer.user_events import EventKind, Rating, UserEvent, opinion, popularity_weight

OPINION_FIELDS = ("event_id", "user_id", "article_id", "opinion", "occurred")
"""Fields of a document that `opinion_of` needs."""

Opinion: TypeAlias = tuple[int, str, str, str, float]
"""Negated time, event, user, article and value of a rating: the newest is the least."""


def event_document_id(event: UserEvent) -> str:
    """The `_id` of an event's document."""
    # With its length before it, no user's identifier runs into an event's.
    return document_id(f"{len(event.user_id)}:{event.user_id}{event.event_id}")


def event_document(event: UserEvent) -> bytes:
    """An event as a line of JSON."""
    return msgspec.json.encode(
        {
            "event_id": event.event_id,
            "user_id": event.user_id,
            "article_id": event.article_id,
            "kind": event.kind.value,
            "occurred": to_microseconds(event.occurred),
            "rating": event.rating,
            "request_id": event.request_id,
            "weight": popularity_weight(event),
            "opinion": opinion(event),
        }
    )


def event_of(source: Mapping[str, Any]) -> UserEvent:
    """The event in a document."""
    return UserEvent(
        event_id=source["event_id"],
        user_id=source["user_id"],
        article_id=source["article_id"],
        kind=EventKind(source["kind"]),
        occurred=from_microseconds(source["occurred"]),
        rating=source["rating"],
        request_id=source["request_id"],
    )


def opinion_of(source: Mapping[str, Any]) -> Opinion:
    """What a document says that its user thinks of its article."""
    return (
        -source["occurred"],
        source["event_id"],
        source["user_id"],
        source["article_id"],
        source["opinion"],
    )


def newest_ratings(opinions: Iterable[Opinion]) -> list[Rating]:
    """Opinions as ratings, newest first."""
    return [
        Rating(user_id, article_id, value, from_microseconds(-negated))
        for negated, _, user_id, article_id, value in sorted(opinions)
    ]
