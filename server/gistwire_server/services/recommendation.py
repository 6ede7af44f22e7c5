"""RecommendationService: validates, opens the recommendation, writes events."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
from gistwire.v1 import events_pb2, recommendation_pb2, recommendation_pb2_grpc

from gistwire_server.calls import Calls
from gistwire_server.config import ServerConfig
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.stepping_down import costs_of_search, recommendation_at
from gistwire_server.personal.recommending import RecommendationEvent, recommendation_events
from gistwire_server.services.streaming import numbered_responses
from gistwire_server.validation import plan_recommendation


class RecommendationService(recommendation_pb2_grpc.RecommendationServiceServicer):
    """Recommends news."""

    def __init__(self, calls: Calls, admission: AdmissionController, config: ServerConfig) -> None:
        self._calls = calls
        self._config = config
        self._admission = admission

    async def StreamRecommend(  # noqa: N802 (the contract's name)
        self,
        request: recommendation_pb2.StreamRecommendRequest,
        context: grpc.aio.ServicerContext[
            recommendation_pb2.StreamRecommendRequest, recommendation_pb2.StreamRecommendResponse
        ],
    ) -> AsyncIterator[recommendation_pb2.StreamRecommendResponse]:
        """Streams recommended articles with summaries and the reason of each."""
        async with self._calls.handle(context, "StreamRecommend") as call:
            plan = plan_recommendation(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            async with self._admission.admit(
                call, costs_of_search(plan.search), deadline_s=plan.search.deadline_s
            ) as place:
                plan = recommendation_at(plan, place)
                events = recommendation_events(plan, engines, request_id=call.request_id)
                async with aclosing(numbered_responses(events, envelope, call, place)) as responses:
                    async for response in responses:
                        yield response


def envelope(sequence: int, event: RecommendationEvent) -> recommendation_pb2.StreamRecommendResponse:
    """Puts an event into its envelope."""
    response = recommendation_pb2.StreamRecommendResponse(sequence=sequence)
    match event:
        case events_pb2.Started():
            response.started.CopyFrom(event)
        case events_pb2.Hits():
            response.hits.CopyFrom(event)
        case recommendation_pb2.RecommendationReasons():
            response.reasons.CopyFrom(event)
        case events_pb2.SummaryDelta():
            response.summary_delta.CopyFrom(event)
        case events_pb2.Summary():
            response.summary.CopyFrom(event)
        case events_pb2.HitFailed():
            response.hit_failed.CopyFrom(event)
        case events_pb2.Ranking():
            response.ranking.CopyFrom(event)
        case events_pb2.Degraded():
            response.degraded.CopyFrom(event)
        case events_pb2.Completed():
            response.completed.CopyFrom(event)
    return response
