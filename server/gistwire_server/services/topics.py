"""TopicService: the stories of a time window."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import grpc
from gistwire.v1 import events_pb2, topic_pb2, topic_pb2_grpc

from gistwire_server.calls import Calls
from gistwire_server.config import ServerConfig
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.places import Places
from gistwire_server.overload.stepping_down import costs_of_topics, topics_at
from gistwire_server.services.streaming import numbered_responses
from gistwire_server.topics.topic_pipeline import TopicEvent, topic_events
from gistwire_server.topics.validation import plan_topics
from gistwire_server.topics.windows import StoryWindows

_WINDOWS_AT_ONCE = 2
"""Windows that are put into stories at once: each keeps a core busy."""


class TopicService(topic_pb2_grpc.TopicServiceServicer):
    """Groups news into topics."""

    def __init__(self, calls: Calls, admission: AdmissionController, config: ServerConfig) -> None:
        self._calls = calls
        self._config = config
        self._windows = StoryWindows(timedelta(seconds=config.watch.overlap_s))
        self._admission = admission
        self._window_places = Places(
            "topics", at_work=_WINDOWS_AT_ONCE, waiting=config.limits.waiting_searches
        )

    async def StreamTopics(  # noqa: N802 (the contract's name)
        self,
        request: topic_pb2.StreamTopicsRequest,
        context: grpc.aio.ServicerContext[topic_pb2.StreamTopicsRequest, topic_pb2.StreamTopicsResponse],
    ) -> AsyncIterator[topic_pb2.StreamTopicsResponse]:
        """Streams the stories of a time window, by size and momentum."""
        async with self._calls.handle(context, "StreamTopics") as call:
            plan = plan_topics(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            async with (
                self._admission.admit(call, costs_of_topics(plan), deadline_s=plan.deadline_s) as place,
                self._window_places.admit(max_wait_s=place.left_s(plan.deadline_s)),
            ):
                plan = topics_at(plan, place)
                events = topic_events(plan, engines, self._windows, request_id=call.request_id)
                async with aclosing(numbered_responses(events, _envelope, call, place)) as responses:
                    async for response in responses:
                        yield response


def _envelope(sequence: int, event: TopicEvent) -> topic_pb2.StreamTopicsResponse:
    match event:
        case events_pb2.Started():
            return topic_pb2.StreamTopicsResponse(sequence=sequence, started=event)
        case topic_pb2.Topic():
            return topic_pb2.StreamTopicsResponse(sequence=sequence, topic=event)
        case topic_pb2.TopicDigest():
            return topic_pb2.StreamTopicsResponse(sequence=sequence, digest=event)
        case events_pb2.Degraded():
            return topic_pb2.StreamTopicsResponse(sequence=sequence, degraded=event)
        case events_pb2.Completed():
            return topic_pb2.StreamTopicsResponse(sequence=sequence, completed=event)
