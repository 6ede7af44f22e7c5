"""A scripted server for the client's tests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import article_pb2_grpc, recommendation_pb2_grpc, search_pb2_grpc, user_event_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.client.scripted_recommendations import ScriptedRecommendations
from tests.client.scripted_server import ScriptedArticles, ScriptedSearch
from tests.client.scripted_users import ScriptedUsers


@dataclass
class ScriptedServer:
    """A running server, and the scripts that its services follow."""

    target: str
    search: ScriptedSearch = field(default_factory=ScriptedSearch)
    articles: ScriptedArticles = field(default_factory=ScriptedArticles)
    users: ScriptedUsers = field(default_factory=ScriptedUsers)
    recommendations: ScriptedRecommendations = field(default_factory=ScriptedRecommendations)
    health_service: health.aio.HealthServicer = field(default_factory=health.aio.HealthServicer)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer(target=f"unix:{tmp_path / 'socket'}")
    running = grpc.aio.server()
    search_pb2_grpc.add_SearchServiceServicer_to_server(scripted.search, running)
    article_pb2_grpc.add_ArticleServiceServicer_to_server(scripted.articles, running)
    user_event_pb2_grpc.add_UserEventServiceServicer_to_server(scripted.users, running)
    recommendation_pb2_grpc.add_RecommendationServiceServicer_to_server(scripted.recommendations, running)
    health_pb2_grpc.add_HealthServicer_to_server(scripted.health_service, running)
    running.add_insecure_port(scripted.target)
    await running.start()
    await scripted.health_service.set("", health_pb2.HealthCheckResponse.SERVING)
    yield scripted
    await running.stop(None)
