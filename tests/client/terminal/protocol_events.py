"""Event sequences of searches that keep the rules of events.proto, for property tests."""

from dataclasses import dataclass

from gistwire.v1 import events_pb2, search_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2
from hypothesis import strategies as st

from tests.client.scripted_server import numbered

# Messages hold no lone surrogates; everything else may come, markup and control characters above all.
_text = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["", "[bold]markup[/bold]", "\x1b[2J", "a\nb", "\u202eevil", "风电 " * 60, "x" * 300]),
)
# The first and the last second that a Timestamp may hold: years 1 to 9999.
_timestamps = st.builds(
    Timestamp, seconds=st.integers(-62_135_596_800, 253_402_300_799), nanos=st.integers(0, 999_999_999)
)
_durations = st.builds(Duration, seconds=st.integers(0, 60), nanos=st.integers(0, 999_999_999))
_views = st.builds(
    events_pb2.ArticleView,
    headline=_text,
    url=st.one_of(_text, st.sampled_from(["https://news.example/1", "javascript:alert(1)", "http://a b"])),
    source=_text,
    published=st.one_of(st.none(), _timestamps),
)


@dataclass(frozen=True)
class _HitScript:
    """What is said of a hit after the hits event, in its order."""

    hit_id: str
    events: list[search_pb2.StreamSearchResponse]


@st.composite
def _hit_scripts(draw: st.DrawFn, hit_id: str) -> _HitScript:
    deltas = [
        search_pb2.StreamSearchResponse(summary_delta=events_pb2.SummaryDelta(hit_id=hit_id, text=text))
        for text in draw(st.lists(_text.filter(bool), max_size=3))
    ]
    if draw(st.booleans()):
        end = search_pb2.StreamSearchResponse(
            summary=events_pb2.Summary(
                hit_id=hit_id,
                text=draw(_text),
                origin=draw(st.sampled_from(events_pb2.Summary.Origin.values())),
                stored=draw(st.booleans()),
            )
        )
    else:
        failed = events_pb2.HitFailed(hit_id=hit_id, status=status_pb2.Status(message=draw(_text)))
        end = search_pb2.StreamSearchResponse(hit_failed=failed)
    return _HitScript(hit_id, [*deltas, end])


@st.composite
def searches(draw: st.DrawFn) -> list[search_pb2.StreamSearchResponse]:
    """All events of a completed search."""
    hit_ids = [f"h{number}" for number in range(draw(st.integers(0, 4)))]
    hits = [
        events_pb2.Hit(
            hit_id=hit_id,
            article=draw(_views),
            extract=draw(_text),
            duplicate_ids=draw(st.lists(st.just("d"), max_size=2)),
        )
        for hit_id in hit_ids
    ]

    def ranking(*, final: bool) -> search_pb2.StreamSearchResponse:
        order = draw(st.permutations(hit_ids))
        ranked = [
            events_pb2.RankedHit(hit_id=hit_id, rank=rank) for rank, hit_id in enumerate(order, start=1)
        ]
        return search_pb2.StreamSearchResponse(ranking=events_pb2.Ranking(order=ranked, final=final))

    degraded = search_pb2.StreamSearchResponse(
        degraded=events_pb2.Degraded(reason=draw(st.sampled_from(events_pb2.Degraded.Reason.values())))
    )
    events = [
        search_pb2.StreamSearchResponse(started=events_pb2.Started(plan=events_pb2.Plan(query=draw(_text)))),
        *draw(st.lists(st.just(degraded), max_size=1)),
        search_pb2.StreamSearchResponse(hits=events_pb2.Hits(hits=hits, total=len(hits))),
    ]
    waiting = [draw(_hit_scripts(hit_id)).events for hit_id in hit_ids]
    while waiting:
        script = draw(st.sampled_from(waiting))
        events.append(script.pop(0))
        waiting = [each for each in waiting if each]
        events += [ranking(final=False)] * draw(st.integers(0, 1))
    completed = events_pb2.Completed(
        hit_count=len(hits),
        failed_count=sum(event.HasField("hit_failed") for event in events),
        time_to_first_hit=draw(_durations),
        total=draw(_durations),
    )
    events += [ranking(final=True), search_pb2.StreamSearchResponse(completed=completed)]
    # A message that stands twice in the list would be numbered twice.
    return numbered(
        [search_pb2.StreamSearchResponse.FromString(event.SerializeToString()) for event in events]
    )
