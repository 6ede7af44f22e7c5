"""A RecommendationService that answers as a test tells it, and a recommendation from beginning to end."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from gistwire.v1 import (
    events_pb2,
    recommendation_pb2,
    recommendation_pb2_grpc,
    search_pb2,
    user_event_pb2,
)

from tests.client.scripted_server import Refusal, search_events

Response = recommendation_pb2.StreamRecommendResponse
Reason = recommendation_pb2.RecommendationReason


@dataclass
class ScriptedRecommendations(recommendation_pb2_grpc.RecommendationServiceServicer):
    """Streams `events`, and ends as `refusal` says."""

    events: Sequence[Response] = ()
    refusal: Refusal | None = None
    requests: list[recommendation_pb2.StreamRecommendRequest] = field(default_factory=list)

    async def StreamRecommend(  # noqa: N802
        self,
        request: recommendation_pb2.StreamRecommendRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[Response]:
        self.requests.append(request)
        for event in self.events:
            yield event
        if self.refusal is not None:
            await self.refusal.abort(context)


def recommendation_events(
    *hits: events_pb2.Hit,
    reasons: Sequence[Reason],
    interests: Sequence[user_event_pb2.Interest] = (),
) -> list[Response]:
    """A recommendation of these hits, ranked in the reverse of the order in which they were found."""
    events = [_in_its_envelope(each) for each in search_events(*hits, query="")]
    explained = recommendation_pb2.RecommendationReasons(reasons=reasons, interests=interests)
    events.insert(2, Response(reasons=explained))
    for sequence, event in enumerate(events, start=1):
        event.sequence = sequence
    return events


def _in_its_envelope(event: search_pb2.StreamSearchResponse) -> Response:
    kind = str(event.WhichOneof("event"))
    response = Response()
    getattr(response, kind).CopyFrom(getattr(event, kind))
    return response
