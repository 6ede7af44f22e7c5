"""SearchService: validates, opens the pipeline or the watch, writes events."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

import grpc
from gistwire.v1 import events_pb2, search_pb2, search_pb2_grpc

from gistwire_server.article_feed import ArticleFeeds
from gistwire_server.calls import Call, Calls
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.place import Place
from gistwire_server.overload.places import Places
from gistwire_server.overload.stepping_down import costs_of_search, search_at
from gistwire_server.paging import Page
from gistwire_server.pipeline import SearchEvent, search_events
from gistwire_server.plan import SearchPlan
from gistwire_server.services.streaming import numbered_responses
from gistwire_server.validation import plan_search, plan_stream_search, plan_watch

if TYPE_CHECKING:
    from gistwire_server.watch import WatchUpdate


class SearchService(search_pb2_grpc.SearchServiceServicer):
    """Searches news."""

    def __init__(
        self, calls: Calls, admission: AdmissionController, config: ServerConfig, feeds: ArticleFeeds
    ) -> None:
        self._feeds = feeds
        self._calls = calls
        self._config = config
        self._admission = admission
        self._watches = Places("watch", at_work=config.limits.concurrent_watches, waiting=0)

    async def StreamSearch(  # noqa: N802 (the contract's name)
        self,
        request: search_pb2.StreamSearchRequest,
        context: grpc.aio.ServicerContext[search_pb2.StreamSearchRequest, search_pb2.StreamSearchResponse],
    ) -> AsyncIterator[search_pb2.StreamSearchResponse]:
        """Streams every step of a search."""
        async with self._calls.handle(context, "StreamSearch") as call:
            plan = plan_stream_search(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            async with self._admission.admit(
                call, costs_of_search(plan), deadline_s=plan.deadline_s
            ) as place:
                events = _events(plan, engines, call, place)
                async with aclosing(numbered_responses(events, envelope, call, place)) as responses:
                    async for response in responses:
                        yield response

    async def Search(  # noqa: N802
        self,
        request: search_pb2.SearchRequest,
        context: grpc.aio.ServicerContext[search_pb2.SearchRequest, search_pb2.SearchResponse],
    ) -> search_pb2.SearchResponse:
        """Answers with one page of a search."""
        async with self._calls.handle(context, "Search") as call:
            plan = plan_search(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            page = None
            if request.page_token:
                page = engines.signer.read_page_token(request.page_token, plan)
            async with self._admission.admit(
                call, costs_of_search(plan), deadline_s=plan.deadline_s
            ) as place:
                response = _PageOfResults()
                async with aclosing(_events(plan, engines, call, place, page)) as events:
                    async for event in events:
                        call.observation.sends(event)
                        place.sends(event)
                        response.take(event)
                return response.message()

    async def Watch(  # noqa: N802
        self,
        request: search_pb2.WatchRequest,
        context: grpc.aio.ServicerContext[search_pb2.WatchRequest, search_pb2.WatchResponse],
    ) -> AsyncIterator[search_pb2.WatchResponse]:
        """Streams past hits, and new ones as long as the client stays."""
        # Searches do without the imports.
        from gistwire_server.watch import watch_events  # noqa: PLC0415

        async with self._calls.handle(context, "Watch") as call:
            plan = plan_watch(request, self._config, context.time_remaining())
            engines = await self._calls.engines(call)
            watch = watch_events(
                plan,
                engines,
                self._feeds.feed(engines),
                request_id=call.request_id,
                resume_token=request.resume_token,
            )
            async with self._watches.admit(), aclosing(watch) as updates:
                sequence = 0
                async for update in updates:
                    sequence += 1
                    call.observation.sends(update.event)
                    yield watch_envelope(sequence, update)


def _events(
    plan: SearchPlan, engines: Engines, call: Call, place: Place, page: Page | None = None
) -> AsyncGenerator[SearchEvent, None]:
    """The events of a search that has its place."""

    def note() -> None:
        call.observation.tells_again()
        place.tells_again()

    return search_events(
        search_at(plan, place),
        engines,
        request_id=call.request_id,
        page=page,
        asked=plan,
        when_told_again=note,
    )


def envelope(sequence: int, event: SearchEvent) -> search_pb2.StreamSearchResponse:
    """Puts an event into its envelope."""
    match event:
        case events_pb2.Started():
            return search_pb2.StreamSearchResponse(sequence=sequence, started=event)
        case events_pb2.Hits():
            return search_pb2.StreamSearchResponse(sequence=sequence, hits=event)
        case events_pb2.SummaryDelta():
            return search_pb2.StreamSearchResponse(sequence=sequence, summary_delta=event)
        case events_pb2.Summary():
            return search_pb2.StreamSearchResponse(sequence=sequence, summary=event)
        case events_pb2.HitFailed():
            return search_pb2.StreamSearchResponse(sequence=sequence, hit_failed=event)
        case events_pb2.Ranking():
            return search_pb2.StreamSearchResponse(sequence=sequence, ranking=event)
        case events_pb2.Degraded():
            return search_pb2.StreamSearchResponse(sequence=sequence, degraded=event)
        case events_pb2.Completed():
            return search_pb2.StreamSearchResponse(sequence=sequence, completed=event)


def watch_envelope(sequence: int, update: "WatchUpdate") -> search_pb2.WatchResponse:
    """Puts an event of a watch into its envelope."""
    response = search_pb2.WatchResponse(sequence=sequence, resume_token=update.resume_token)
    match update.event:
        case events_pb2.Started():
            response.started.CopyFrom(update.event)
        case events_pb2.Hits():
            response.hits.CopyFrom(update.event)
        case events_pb2.SummaryDelta():
            response.summary_delta.CopyFrom(update.event)
        case events_pb2.Summary():
            response.summary.CopyFrom(update.event)
        case events_pb2.HitFailed():
            response.hit_failed.CopyFrom(update.event)
        case events_pb2.Degraded():
            response.degraded.CopyFrom(update.event)
        case search_pb2.CaughtUp():
            response.caught_up.CopyFrom(update.event)
        case search_pb2.Bookmark():
            response.bookmark.SetInParent()
    return response


class _PageOfResults:
    """Gathers the events of a search into one answer."""

    def __init__(self) -> None:
        self._hits = events_pb2.Hits()
        self._ranking = events_pb2.Ranking()
        self._summaries: dict[str, events_pb2.Summary] = {}
        self._failures: dict[str, events_pb2.HitFailed] = {}
        self._degraded: list[events_pb2.Degraded] = []

    def take(self, event: SearchEvent) -> None:
        match event:
            case events_pb2.Hits():
                self._hits = event
            case events_pb2.Summary():
                self._summaries[event.hit_id] = event
            case events_pb2.HitFailed():
                self._failures[event.hit_id] = event
            case events_pb2.Ranking():
                self._ranking = event
            case events_pb2.Degraded():
                self._degraded.append(event)

    def message(self) -> search_pb2.SearchResponse:
        hits = {hit.hit_id: hit for hit in self._hits.hits}
        return search_pb2.SearchResponse(
            results=[
                search_pb2.SearchResult(
                    hit=hits[ranked.hit_id],
                    summary=self._summaries.get(ranked.hit_id),
                    failure=self._failures.get(ranked.hit_id),
                    ranking=ranked,
                )
                for ranked in self._ranking.order
            ],
            next_page_token=self._hits.result_token,
            total=self._hits.total,
            attribution_token=self._hits.attribution_token,
            degraded=self._degraded,
        )
