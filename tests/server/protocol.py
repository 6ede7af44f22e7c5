"""The rules of a search stream, as events.proto states them: used on every kind of search."""

from collections.abc import Sequence
from typing import TypeVar

from gistwire.v1 import events_pb2
from gistwire_server.pipeline import SearchEvent

Event = TypeVar("Event")


def check_protocol(events: Sequence[SearchEvent]) -> None:
    """Asserts that a completed search kept every rule of the order."""
    kinds = [type(event) for event in events]
    assert kinds[0] is events_pb2.Started
    assert kinds.count(events_pb2.Started) == 1
    assert kinds.count(events_pb2.Hits) == 1
    assert kinds.count(events_pb2.Completed) == 1
    assert kinds[-2:] == [events_pb2.Ranking, events_pb2.Completed]

    hits_place = kinds.index(events_pb2.Hits)
    hits = [hit.hit_id for hit in of_kind(events, events_pb2.Hits)[0].hits]
    assert len(set(hits)) == len(hits)

    ended: set[str] = set()
    for place, event in enumerate(events):
        if isinstance(event, events_pb2.SummaryDelta):
            assert place > hits_place
            assert event.hit_id in hits
            assert event.hit_id not in ended
            assert event.text
        elif isinstance(event, events_pb2.Summary | events_pb2.HitFailed):
            assert place > hits_place
            assert event.hit_id not in ended
            ended.add(event.hit_id)
    assert ended == set(hits)

    rankings = of_kind(events, events_pb2.Ranking)
    assert [ranking.final for ranking in rankings] == [False] * (len(rankings) - 1) + [True]
    for ranking in rankings:
        assert sorted(each.hit_id for each in ranking.order) == sorted(hits)
        assert [each.rank for each in ranking.order] == list(range(1, len(hits) + 1))
        scores = [each.score for each in ranking.order]
        assert scores == sorted(scores, reverse=True)

    completed = of_kind(events, events_pb2.Completed)[0]
    assert completed.hit_count == len(hits)
    assert completed.failed_count == len(of_kind(events, events_pb2.HitFailed))
    assert completed.degraded_count == len(of_kind(events, events_pb2.Degraded))


def of_kind(events: Sequence[object], kind: type[Event]) -> list[Event]:
    """The events of one kind, in their order."""
    return [event for event in events if isinstance(event, kind)]


def draft(events: Sequence[SearchEvent], hit_id: str) -> str:
    """The whole draft of a hit."""
    return "".join(each.text for each in of_kind(events, events_pb2.SummaryDelta) if each.hit_id == hit_id)
