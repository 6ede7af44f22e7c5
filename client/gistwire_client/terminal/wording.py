"""Numbers, times and enumerations in words. The views and the closing lines of commands use it."""

from datetime import datetime, timedelta
from typing import Final

from gistwire.v1 import events_pb2, search_pb2
from google.protobuf.duration_pb2 import Duration

_STAGES: Final = {
    events_pb2.StageTime.ENCODE: "embedding of the query",
    events_pb2.StageTime.RETRIEVE: "retrieval",
    events_pb2.StageTime.SUMMARIZE: "summaries",
    events_pb2.StageTime.SCORE: "scores",
    events_pb2.StageTime.RANK: "ranking",
    events_pb2.StageTime.PERSONALIZE: "personalization",
}

_REASONS: Final = {
    events_pb2.Degraded.DEADLINE: "not enough time was left",
    events_pb2.Degraded.BACKEND_DOWN: "a backend does not answer",
    events_pb2.Degraded.OVERLOAD: "too much work is under way",
    events_pb2.Degraded.NOT_AVAILABLE: "this deployment lacks what was asked for",
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
}


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


def caught_up(event: search_pb2.CaughtUp) -> str:
    """That the past of a watch is over."""
    past = counted(event.past_hit_count, "past hit") if event.past_hit_count else "no past hits"
    return f"{past}; waiting for new ones"


def _duration(duration: Duration) -> str:
    seconds = duration.seconds + duration.nanos / 1e9
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds * 1000:.0f} ms"
