"""The services of a server, and when their modules are imported: `add_services`."""

# ruff: noqa: PLC0415
# Each service brings a good part of the server with it. The process of a command, which ends after a call or two,
# waits for those alone that are called.

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast

import grpc
from gistwire.v1 import (
    article_pb2,
    recommendation_pb2,
    search_pb2,
    summary_pb2,
    topic_pb2,
    user_event_pb2,
)
from gistwire_models.deferred_pattern import compile_deferred_patterns

from gistwire_server.article_feed import ArticleFeeds
from gistwire_server.calls import Calls
from gistwire_server.config import ServerConfig
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.tenancy import Tenants


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What services are made of.

    Attributes:
        calls: opens each call.
        admission: says when.
        tenants: whose articles there are.
        config: what was configured.
        feeds: what is new, for those who watch.
    """

    calls: Calls
    admission: AdmissionController
    tenants: Tenants
    config: ServerConfig
    feeds: ArticleFeeds


def _add_search(parts: ServiceParts, server: grpc.aio.Server) -> None:
    from gistwire.v1.search_pb2_grpc import add_SearchServiceServicer_to_server

    from gistwire_server.services.search import SearchService

    add_SearchServiceServicer_to_server(
        SearchService(parts.calls, parts.admission, parts.config, parts.feeds), server
    )


def _add_summaries(parts: ServiceParts, server: grpc.aio.Server) -> None:
    from gistwire.v1.summary_pb2_grpc import add_SummaryServiceServicer_to_server

    from gistwire_server.services.summaries import SummaryService

    add_SummaryServiceServicer_to_server(SummaryService(parts.calls, parts.admission, parts.config), server)


def _add_recommendation(parts: ServiceParts, server: grpc.aio.Server) -> None:
    from gistwire.v1.recommendation_pb2_grpc import add_RecommendationServiceServicer_to_server

    from gistwire_server.services.recommendation import RecommendationService

    add_RecommendationServiceServicer_to_server(
        RecommendationService(parts.calls, parts.admission, parts.config), server
    )


def _add_topics(parts: ServiceParts, server: grpc.aio.Server) -> None:
    from gistwire.v1.topic_pb2_grpc import add_TopicServiceServicer_to_server

    from gistwire_server.services.topics import TopicService

    add_TopicServiceServicer_to_server(TopicService(parts.calls, parts.admission, parts.config), server)


def _add_articles(parts: ServiceParts, server: grpc.aio.Server) -> None:
    from gistwire.v1.article_pb2_grpc import add_ArticleServiceServicer_to_server

    from gistwire_server.services.articles import ArticleService

    add_ArticleServiceServicer_to_server(
        ArticleService(parts.calls, parts.tenants, parts.config.limits), server
    )


def _add_user_events(parts: ServiceParts, server: grpc.aio.Server) -> None:
    from gistwire.v1.user_event_pb2_grpc import add_UserEventServiceServicer_to_server

    from gistwire_server.services.user_events import UserEventService

    add_UserEventServiceServicer_to_server(UserEventService(parts.calls, parts.config), server)


# By their full names, which reflection looks up among the descriptors of these modules.
_SERVICES: dict[str, Callable[[ServiceParts, grpc.aio.Server], None]] = {
    module.DESCRIPTOR.services_by_name[name].full_name: add
    for module, name, add in (
        (search_pb2, "SearchService", _add_search),
        (summary_pb2, "SummaryService", _add_summaries),
        (recommendation_pb2, "RecommendationService", _add_recommendation),
        (topic_pb2, "TopicService", _add_topics),
        (article_pb2, "ArticleService", _add_articles),
        (user_event_pb2, "UserEventService", _add_user_events),
    )
}

SERVICE_NAMES = tuple(_SERVICES)
"""Full names of all services of the contract."""

_IMPORTED_WHEN_NEEDED = (
    "gistwire_indexer.filter_expression",
    "gistwire_indexer.ingestion",
    "gistwire_server.watch",
    "phonenumbers",
)
"""What services import within a call: a server that stays has it before the first one, which would wait for it."""


def add_services(server: grpc.aio.Server, parts: ServiceParts, *, when_called: bool) -> None:
    """Adds all services to a server that is not started yet.

    Args:
        server: the server.
        parts: what the services are made of.
        when_called: whether each is imported and made by its first call, for a process that ends after a few; all at
            once otherwise, so that no call holds up the others.
    """
    if when_called:
        server.add_generic_rpc_handlers((_ServicesWhenCalled(parts),))
        return
    for name in _IMPORTED_WHEN_NEEDED:
        import_module(name)
    for add in _SERVICES.values():
        add(parts, server)
    compile_deferred_patterns()


class _HandlerCollector:
    """Takes the handlers of one service, in place of the server that generated code would add them to."""

    def __init__(self) -> None:
        self.handlers: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self.handlers += handlers

    def add_registered_method_handlers(self, name: str, handlers: object) -> None:
        """Does nothing: they are the same ones, for a quicker look-up."""


class _ServicesWhenCalled(grpc.GenericRpcHandler):
    """Makes each service at its first call."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts
        self._made: dict[str, list[grpc.GenericRpcHandler]] = {}

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[object, object] | None":
        name = handler_call_details.method.rpartition("/")[0].removeprefix("/")
        if name not in _SERVICES:
            return None
        if name not in self._made:
            collector = _HandlerCollector()
            _SERVICES[name](self._parts, cast(grpc.aio.Server, collector))
            self._made[name] = collector.handlers
        found = (handler.service(handler_call_details) for handler in self._made[name])
        return next((handler for handler in found if handler is not None), None)
