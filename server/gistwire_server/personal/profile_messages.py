"""Profiles as messages: `profile_message`."""

from gistwire.v1 import user_event_pb2
from gistwire_indexer.user_events import EventKind, UserEvent

from gistwire_server.hit_messages import timestamp
from gistwire_server.personal.profiles import Profile

MAX_HISTORY = 100
"""Most events of a history that a profile shows."""

_Message = user_event_pb2.UserEvent
_KINDS = {
    EventKind.VIEW: _Message.VIEW,
    EventKind.CLICK: _Message.CLICK,
    EventKind.LIKE: _Message.LIKE,
    EventKind.RATE_ARTICLE: _Message.RATE_ARTICLE,
    EventKind.RATE_SUMMARY: _Message.RATE_SUMMARY,
    EventKind.DISMISS: _Message.DISMISS,
}


def profile_message(profile: Profile) -> user_event_pb2.UserProfile:
    """Returns the message of a profile."""
    return user_event_pb2.UserProfile(
        user_id=profile.user_id,
        interests=[interest.to_proto() for interest in profile.interests],
        tags=profile.tags,
        event_count=profile.event_count,
        latest_event=None if profile.latest_event is None else timestamp(profile.latest_event),
        history=[_event_message(event) for event in profile.history[:MAX_HISTORY]],
    )


def _event_message(event: UserEvent) -> user_event_pb2.UserEvent:
    return _Message(
        event_id=event.event_id,
        user_id=event.user_id,
        article_id=event.article_id,
        kind=_KINDS[event.kind],
        rating=event.rating,
        occurred=timestamp(event.occurred),
    )
