"""A user's profile in lines: `profile_lines`."""

from datetime import UTC

from gistwire.v1.user_event_pb2 import Interest, UserEvent, UserProfile

from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.wording import counted

_SHOWN_EVENTS = 10

_KINDS = {
    UserEvent.VIEW: "saw",
    UserEvent.CLICK: "opened",
    UserEvent.LIKE: "liked",
    UserEvent.RATE_ARTICLE: "rated",
    UserEvent.RATE_SUMMARY: "rated the summary of",
    UserEvent.DISMISS: "dismissed",
}


def profile_lines(profile: UserProfile) -> list[str]:
    """What is known of a user: interests, heaviest first, and the latest events, newest first."""
    lines = [f"{folded(profile.user_id)}: {counted(profile.event_count, 'event')}"]
    if profile.tags:
        lines.append(f"said to be interested in: {', '.join(map(folded, profile.tags))}")
    if profile.interests:
        lines += ["", "Interests", *map(_interest_line, profile.interests)]
    if profile.history:
        lines += ["", "Latest events", *map(_event_line, profile.history[:_SHOWN_EVENTS])]
    return lines


def _interest_line(interest: Interest) -> str:
    words = folded(interest.tag) or ", ".join(map(folded, interest.keywords))
    centre = f" (article {folded(interest.medoid_article_id)})" if interest.medoid_article_id else ""
    return f"  {interest.weight:>4.0%}  {words or 'no words for it'}{centre}"


def _event_line(event: UserEvent) -> str:
    rating = f": {event.rating:.2f}" if event.HasField("rating") else ""
    occurred = event.occurred.ToDatetime(tzinfo=UTC)
    kind = _KINDS.get(event.kind, "did something with")
    return f"  {occurred:%Y-%m-%d %H:%M} UTC  {kind} {folded(event.article_id)}{rating}"
