"""SummaryService: summaries and digests without a search. Validates, opens the pipeline, writes events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
from gistwire.v1 import events_pb2, summary_pb2, summary_pb2_grpc

from gistwire_server.article_summaries import (
    GivenArticles,
    SummarizeEvent,
    read_articles,
    summarize_events,
)
from gistwire_server.calls import Calls
from gistwire_server.config import ServerConfig
from gistwire_server.digests.stream import DigestStreamEvent, digest_events
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.stepping_down import costs_of_digest, costs_of_search, digest_at, search_at
from gistwire_server.services.streaming import numbered_responses
from gistwire_server.summary_validation import plan_digest, plan_summarize


class SummaryService(summary_pb2_grpc.SummaryServiceServicer):
    """Summarizes given articles, and writes digests."""

    def __init__(self, calls: Calls, admission: AdmissionController, config: ServerConfig) -> None:
        self._calls = calls
        self._config = config
        self._admission = admission

    async def StreamSummarize(  # noqa: N802 (the contract's name)
        self,
        request: summary_pb2.StreamSummarizeRequest,
        context: grpc.aio.ServicerContext[
            summary_pb2.StreamSummarizeRequest, summary_pb2.StreamSummarizeResponse
        ],
    ) -> AsyncIterator[summary_pb2.StreamSummarizeResponse]:
        """Streams a summary of each of the given articles."""
        async with self._calls.handle(context, "StreamSummarize") as call:
            plan = plan_summarize(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            async with self._admission.admit(
                call, costs_of_search(plan), deadline_s=plan.deadline_s
            ) as place:
                articles = await asyncio.to_thread(read_articles, request.articles)
                plan = search_at(plan, place)
                given = GivenArticles(tuple(dict.fromkeys(request.article_ids)), articles)
                events = summarize_events(plan, given, engines, request_id=call.request_id)
                async with aclosing(numbered_responses(events, summarize_response, call, place)) as responses:
                    async for response in responses:
                        yield response

    async def StreamDigest(  # noqa: N802
        self,
        request: summary_pb2.StreamDigestRequest,
        context: grpc.aio.ServicerContext[summary_pb2.StreamDigestRequest, summary_pb2.StreamDigestResponse],
    ) -> AsyncIterator[summary_pb2.StreamDigestResponse]:
        """Streams one text over several articles."""
        async with self._calls.handle(context, "StreamDigest") as call:
            plan = plan_digest(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            async with self._admission.admit(
                call, costs_of_digest(plan), deadline_s=plan.deadline_s
            ) as place:
                plan = digest_at(plan, place)
                events = digest_events(plan, engines, request_id=call.request_id)
                async with aclosing(numbered_responses(events, digest_response, call, place)) as responses:
                    async for response in responses:
                        yield response


def summarize_response(sequence: int, event: SummarizeEvent) -> summary_pb2.StreamSummarizeResponse:
    """Puts an event of the summaries into its envelope."""
    response = summary_pb2.StreamSummarizeResponse(sequence=sequence)
    match event:
        case events_pb2.Started():
            response.started.CopyFrom(event)
        case events_pb2.Hits():
            response.hits.CopyFrom(event)
        case events_pb2.SummaryDelta():
            response.summary_delta.CopyFrom(event)
        case events_pb2.Summary():
            response.summary.CopyFrom(event)
        case events_pb2.HitFailed():
            response.hit_failed.CopyFrom(event)
        case events_pb2.Degraded():
            response.degraded.CopyFrom(event)
        case events_pb2.Completed():
            response.completed.CopyFrom(event)
    return response


def digest_response(sequence: int, event: DigestStreamEvent) -> summary_pb2.StreamDigestResponse:
    """Puts an event of a digest into its envelope."""
    response = summary_pb2.StreamDigestResponse(sequence=sequence)
    match event:
        case events_pb2.Started():
            response.started.CopyFrom(event)
        case events_pb2.Hits():
            response.hits.CopyFrom(event)
        case summary_pb2.DigestSentence():
            response.sentence.CopyFrom(event)
        case summary_pb2.Digest():
            response.digest.CopyFrom(event)
        case events_pb2.Degraded():
            response.degraded.CopyFrom(event)
        case events_pb2.Completed():
            response.completed.CopyFrom(event)
    return response
