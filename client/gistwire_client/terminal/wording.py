"""Numbers, times and enumerations in words. The views and the closing lines of commands use it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gistwire.v1 import events_pb2, recommendation_pb2, search_pb2
from google.protobuf.duration_pb2 import Duration

_STAGES: Final = {
    events_pb2.StageTime.ENCODE: "embedding of the query",
    events_pb2.StageTime.RETRIEVE: "retrieval",
    events_pb2.StageTime.SUMMARIZE: "summaries",
    events_pb2.StageTime.SCORE: "scores",
    events_pb2.StageTime.RANK: "ranking",
    events_pb2.StageTime.PERSONALIZE: "personalization",
    events_pb2.StageTime.CLUSTER: "stories",
    events_pb2.StageTime.DIGEST: "digest",
}

_REASONS: Final = {
    events_pb2.Degraded.DEADLINE: "not enough time was left",
    events_pb2.Degraded.BACKEND_DOWN: "a backend does not answer",
    events_pb2.Degraded.OVERLOAD: "too much work is under way",
    events_pb2.Degraded.NOT_AVAILABLE: "this deployment lacks what was asked for",
    events_pb2.Degraded.TOO_MANY_ARTICLES: "there are too many articles",
}

_ORIGINS = {events_pb2.Summary.GENERATED: "written", events_pb2.Summary.EXTRACTED: "extracted"}

_ACTIONS: Final = {
    events_pb2.Degraded.LEXICAL_ONLY: "searched by words only",
    events_pb2.Degraded.DENSE_ONLY: "searched by meaning only",
    events_pb2.Degraded.ONE_CANDIDATE: "one candidate instead of several",
    events_pb2.Degraded.EXTRACT: "extracts instead of summaries",
    events_pb2.Degraded.HEADLINE: "headlines instead of summaries",
    events_pb2.Degraded.UNSCORED: "summaries chosen without scores",
    events_pb2.Degraded.NOT_PERSONALIZED: "ranked without the user's profile",
    events_pb2.Degraded.NEWEST_ARTICLES: "the newest articles only",
    events_pb2.Degraded.NO_DIGEST: "topics without digests",
}

_POLICY_KINDS: Final = {
    events_pb2.PolicyAction.MASKED: "masked",
    events_pb2.PolicyAction.REPLACED: "passed over",
    events_pb2.PolicyAction.REFUSED: "left out",
}
_POLICY_RULES: Final = {
    "email": "e-mail address",
    "phone": "phone number",
    "payment_card": "card number",
    "iban": "account number",
    "national_id": "identity number",
    "web_address": "link",
    "blocked_term": "blocked term",
    "instruction": "order to the summarizer",
    "classifier": "text that the classifier refused",
    "classifier_failure": "text that the classifier did not judge",
}

_MAX_REASON_CHARACTERS = 60
"""Of a headline or tag that is told as a reason."""


def age(published: datetime, now: datetime) -> str:
    """How long ago something was published; the date, if that is more than 30 days ago or to come."""
    passed = now - published
    if passed < timedelta(0) or passed > timedelta(days=30):
        return date(published)
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed // timedelta(minutes=1)} min ago"
    if passed < timedelta(days=1):
        return f"{passed // timedelta(hours=1)} h ago"
    return counted(passed.days, "day") + " ago"


def date(time: datetime) -> str:
    """The day, as in "5 Oct 2026"."""
    return f"{time.day} {time:%b %Y}" if time.year >= 1000 else time.date().isoformat()


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it belongs, as in "1 hit" and "1,000 hits"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def degraded(event: events_pb2.Degraded) -> str:
    """What was done with less than was asked for, why, and for how many hits."""
    stage = _STAGES.get(event.stage, "search")
    reason = _REASONS.get(event.reason, "no reason given")
    action = _ACTIONS.get(event.action, "done with less than was asked for")
    concerned = f" ({counted(len(event.hit_ids), 'hit')})" if event.hit_ids else ""
    return f"degraded: {stage}: {reason}; {action}{concerned}"


def summary_origin(origin: events_pb2.Summary.Origin.ValueType) -> str:
    """Where a summary comes from; "" where that is not worth a word."""
    return _ORIGINS.get(origin, "")


def policy(actions: Iterable[events_pb2.PolicyAction]) -> str:
    """What the server's policy did to a text; "" if nothing."""
    parts = [
        f"{_POLICY_RULES.get(each.rule, 'something')} {_POLICY_KINDS.get(each.kind, 'changed')}"
        f"{f' ({each.count})' if each.count > 1 else ''}"
        for each in actions
    ]
    return f"policy: {', '.join(parts)}" if parts else ""


def recommended(reason: recommendation_pb2.RecommendationReason, *, headline: str, tag: str) -> str:
    """Why an article is recommended.

    Args:
        reason: why.
        headline: that of the article in the user's history, safe to show; empty if there is none.
        tag: the words of the interest, likewise.
    """
    if reason.exploration:
        return "to explore"
    if headline:
        return f"because you read “{_shortened(headline)}”"
    if tag:
        return f"tag: {_shortened(tag)}"
    if reason.collaborative:
        return "liked by readers like you"
    return "popular" if reason.popular else "new"


def completed(event: events_pb2.Completed) -> str:
    """Timings and counts of a search, in a line."""
    parts = [counted(event.hit_count, "hit") if event.hit_count else "nothing found"]
    if event.hit_count:
        parts.append(f"first hit {_duration(event.time_to_first_hit)}")
    if event.HasField("time_to_first_summary"):
        parts.append(f"first summary {_duration(event.time_to_first_summary)}")
    parts.append(f"total {_duration(event.total)}")
    if event.stored_count:
        parts.append(f"{event.stored_count} stored")
    if event.failed_count:
        parts.append(f"{event.failed_count} failed")
    return " · ".join(parts)


def digest_completed(event: events_pb2.Completed) -> str:
    """Timings and counts of a digest, in a line."""
    parts = [counted(event.hit_count, "article") if event.hit_count else "nothing found"]
    if event.HasField("time_to_first_summary"):
        parts.append(f"first sentence {_duration(event.time_to_first_summary)}")
    elif event.hit_count:
        parts.append("nothing to say that they support")
    parts.append(f"total {_duration(event.total)}")
    return " · ".join(parts)


def topics_completed(event: events_pb2.Completed) -> str:
    """Timings and counts of topics, in a line."""
    parts = [counted(event.hit_count, "topic") if event.hit_count else "no story of more than one article"]
    if event.hit_count:
        parts.append(f"first topic {_duration(event.time_to_first_hit)}")
    if event.HasField("time_to_first_summary"):
        parts.append(f"first digest {_duration(event.time_to_first_summary)}")
    parts.append(f"total {_duration(event.total)}")
    return " · ".join(parts)


def momentum(value: float) -> str:
    """How a story grows: 1 is even over the window."""
    if value >= 1.5:
        return "growing"
    return "fading" if value < 0.5 else "steady"


def caught_up(event: search_pb2.CaughtUp) -> str:
    """That the past of a watch is over."""
    past = counted(event.past_hit_count, "past hit") if event.past_hit_count else "no past hits"
    return f"{past}; waiting for new ones"


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_REASON_CHARACTERS else f"{text[: _MAX_REASON_CHARACTERS - 1].rstrip()}…"


def _duration(duration: Duration) -> str:
    seconds = duration.seconds + duration.nanos / 1e9
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds * 1000:.0f} ms"
