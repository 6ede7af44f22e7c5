"""What is left of a purged user, in both indices: nothing in files and searches, nor in what is derived."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import recommendation_pb2, recommendation_pb2_grpc, search_pb2, user_event_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore
from gistwire_indexer.embedded import EmbeddedStore
from gistwire_indexer.index import ArticleStore, ArticleToIndex
from gistwire_server.app import serving
from gistwire_server.config import PersonalConfig, RatingsConfig, ServerConfig
from gistwire_server.engines import Engines
from structlog.testing import capture_logs

from tests.server.conftest import ARTICLES, Bench

Event = user_event_pb2.UserEvent

# So few that the users of the test have a collaborative signal.
RATINGS = RatingsConfig(min_users=2, min_ratings_of_user=2, min_ratings_of_article=2, factors=1)


@dataclass
class Deployment:
    """A running server, what it runs on, and where a text is found in what its store keeps."""

    target: str
    engines: Engines
    places_of: Callable[[str], Awaitable[list[str]]]


@pytest.fixture(params=["embedded", "elasticsearch"])
async def deployment(
    request: pytest.FixtureRequest, bench: Bench, tmp_path: Path
) -> AsyncIterator[Deployment]:
    store: EmbeddedStore | ElasticsearchStore
    model, dimension = bench.encoder.model, bench.encoder.dimension
    if request.param == "embedded":
        store = EmbeddedStore(tmp_path / "store", model=model, dimension=dimension)

        async def places_of(text: str) -> list[str]:
            return files_with(tmp_path, text)
    else:
        url = request.getfixturevalue("elasticsearch_server").url
        settings = ElasticsearchSettings(
            urls=(url,), prefix=f"purge-{secrets.token_hex(4)}", refresh_interval_s=0.2
        )
        store = cluster = ElasticsearchStore(settings, model=model, dimension=dimension)

        async def places_of(text: str) -> list[str]:
            return [*files_with(tmp_path, text), *await documents_with(cluster, text)]

    config = ServerConfig(data_dir=tmp_path, listen="unix", personal=PersonalConfig(ratings=RATINGS))
    engines = await on_store(replace(bench.engines, config=config), store)
    async with serving(engines) as running:
        yield Deployment(running.target, engines, places_of)
    if isinstance(store, ElasticsearchStore):
        names = list(await store.client.indices.get(index=f"{store.settings.prefix}.*"))
        await store.client.indices.delete(index=names)
    await store.close()


async def on_store(engines: Engines, store: ArticleStore) -> Engines:
    """The engines with the index and the users of a store, in which there are ARTICLES."""
    index = await store.tenant("default")
    vectors = await engines.encoder.encode([article.text for article in ARTICLES])
    await index.write([ArticleToIndex(*each) for each in zip(ARTICLES, vectors, strict=True)])
    return replace(engines, index=index, user_events=await store.user_events("default"))


def files_with(folder: Path, text: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def documents_with(store: ElasticsearchStore, text: str) -> list[str]:
    """Documents of all indices of a store in which a text occurs."""
    indices = f"{store.settings.prefix}.*"
    await store.client.indices.refresh(index=indices)
    response = await store.client.search(index=indices, size=10_000)
    return [hit["_index"] for hit in response["hits"]["hits"] if text in json.dumps(hit["_source"])]


def event(user: str, number: int, kind: user_event_pb2.UserEvent.Kind.ValueType) -> user_event_pb2.UserEvent:
    rated = kind in (Event.RATE_ARTICLE, Event.RATE_SUMMARY)
    # No two users of one mind: there would be no tastes to find.
    rating = (0.2 + 0.3 * number if user == "bob" else 0.9 - 0.1 * number) if rated else None
    return Event(
        event_id=f"{number}-{user}",
        user_id=user,
        article_id=ARTICLES[number].id,
        kind=kind,
        rating=rating,
    )


async def test_nothing_of_a_purged_user_is_left(deployment: Deployment) -> None:
    user = f"user-{secrets.token_hex(8)}"
    engines, users = deployment.engines, deployment.engines.user_events
    since = datetime.now(UTC) - timedelta(days=1)
    with capture_logs() as log:
        async with GistwireClient(deployment.target) as client:
            for each in (user, "bob"):
                kinds = (Event.RATE_ARTICLE, Event.RATE_SUMMARY, Event.RATE_ARTICLE)
                await client.write_user_events([event(each, place, kind) for place, kind in enumerate(kinds)])
            await client.write_user_events([event(user, 5, Event.LIKE), event(user, 6, Event.DISMISS)])
            await client.update_user_profile(user, [f"tag of {user}"])

            # Before, all of it is there.
            assert await deployment.places_of(user)
            assert (await client.user_profile(user)).event_count == 5
            assert ARTICLES[5].id in await users.popularity(since, limit=10)
            model = await engines.collaboration.model(users, RATINGS)
            assert model is not None
            assert user in model.users
            assert ARTICLES[5].id not in await recommended(deployment.target, user)

            assert await client.purge_user(user) == 5

            assert await deployment.places_of(user) == []
            with pytest.raises(RequestRefusedError) as refused:
                await client.user_profile(user)
            assert refused.value.reason == "USER_NOT_FOUND"
            assert set(await users.popularity(since, limit=10)) == {each.id for each in ARTICLES[:3]}
            assert {rating.user_id for rating in await users.ratings(since, limit=10)} == {"bob"}
            assert await engines.collaboration.model(users, RATINGS) is None
            # What was read is recommended again: nothing of it is known.
            assert ARTICLES[5].id in await recommended(deployment.target, user)
            assert (await client.user_profile("bob")).event_count == 3
            assert isinstance(await client.search("harbour strike"), search_pb2.SearchResponse)
    assert user not in str(log)


async def recommended(target: str, user: str) -> list[str]:
    """The articles that are recommended to a user."""
    request = recommendation_pb2.StreamRecommendRequest(user_id=user, top_k=len(ARTICLES))
    async with grpc.aio.insecure_channel(target) as channel:
        call = recommendation_pb2_grpc.RecommendationServiceStub(channel).StreamRecommend(request)
        return [hit.article.id async for response in call for hit in response.hits.hits]
