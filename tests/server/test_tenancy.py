"""Tests of tenants over real gRPC: whatever a client asks for, it is asked of its own articles."""

from collections.abc import AsyncGenerator

import grpc
import pytest
from gistwire.v1 import article_pb2, specs_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError
from gistwire_indexer.embedded import EmbeddedStore
from gistwire_server.app import serving
from gistwire_server.config import ServerConfig, load_config
from gistwire_server.engines import Engines
from gistwire_server.errors import ConfigurationError
from gistwire_server.tenancy import TENANT_METADATA

from tests.server.conftest import Bench


@pytest.fixture
async def target(bench: Bench) -> AsyncGenerator[str, None]:
    """A server with the tenants "red" and "blue" beside the default one, whose index has articles."""
    store = EmbeddedStore(
        bench.engines.config.data_dir / "store", model=bench.encoder.model, dimension=bench.encoder.dimension
    )
    engines = Engines(
        ServerConfig(data_dir=bench.engines.config.data_dir, listen="unix", tenants=("red", "blue")),
        bench.index,
        bench.users,
        bench.encoder,
        bench.summarizer,
        bench.engines.scorer,
        bench.engines.signer,
    )
    async with serving(engines, store) as running:
        yield running.target
    await store.close()


async def ingest(client: GistwireClient, *articles: article_pb2.Article) -> None:
    async for _ in client.ingest(list(articles)):
        pass


async def found(client: GistwireClient, query: str) -> list[str]:
    response = await client.search(query)
    return [result.hit.article.id for result in response.results]


async def test_each_tenant_has_articles_of_its_own(target: str) -> None:
    async with (
        GistwireClient(target, tenant="red") as red,
        GistwireClient(target, tenant="blue") as blue,
        GistwireClient(target) as default,
    ):
        before = await found(default, "harbour strike")
        await ingest(
            red, article_pb2.Article(id="a", headline="Harbour strike in red", body="Red ships wait.")
        )
        await ingest(
            blue, article_pb2.Article(id="a", headline="Harbour strike in blue", body="Blue ships sail.")
        )
        assert await found(red, "harbour strike") == await found(blue, "harbour strike") == ["a"]
        assert (await red.get_article("a")).headline == "Harbour strike in red"
        assert (await blue.get_article("a")).headline == "Harbour strike in blue"
        assert await found(default, "harbour strike") == before
        assert await blue.delete_article("a")
        assert await found(red, "harbour strike") == ["a"]


async def test_stored_summaries_stay_with_their_tenant(target: str) -> None:
    body = "The harbour strike goes on. Ships wait outside."
    article = article_pb2.Article(id="a", headline="Harbour strike", body=body)
    async with (
        GistwireClient(target, tenant="red") as red,
        GistwireClient(target, tenant="blue") as blue,
    ):
        await ingest(red, article)
        await ingest(blue, article)
        await found(red, "harbour strike")
        stored = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED)
        flags = []
        for client in (red, blue):
            response = await client.search("harbour strike", summary=stored)
            flags.append(response.results[0].summary.stored)
        assert flags == [True, False]


async def test_page_token_of_another_tenant_is_refused(target: str) -> None:
    articles = [
        article_pb2.Article(id=f"a{number}", headline=f"Harbour strike number {number}")
        for number in range(3)
    ]
    async with (
        GistwireClient(target, tenant="red") as red,
        GistwireClient(target, tenant="blue") as blue,
    ):
        await ingest(red, *articles)
        page = await red.search("harbour", page_size=1)
        assert page.next_page_token
        with pytest.raises(RequestRefusedError, match="page_token"):
            await blue.search("harbour", page_size=1, page_token=page.next_page_token)


@pytest.mark.parametrize(
    ("tenant", "code"),
    [
        ("green", grpc.StatusCode.PERMISSION_DENIED),
        ("../red", grpc.StatusCode.INVALID_ARGUMENT),
        ("Red", grpc.StatusCode.INVALID_ARGUMENT),
        ("", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_other_tenants_are_refused(target: str, tenant: str, code: grpc.StatusCode) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        call = channel.unary_unary(
            "/gistwire.v1.ArticleService/GetArticle",
            request_serializer=article_pb2.GetArticleRequest.SerializeToString,
            response_deserializer=article_pb2.GetArticleResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(article_pb2.GetArticleRequest(id="a"), metadata=((TENANT_METADATA, tenant),))
        assert refused.value.code() is code


def test_configuration_refuses_what_is_no_tenant(tmp_path: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'a\.b'"):
        load_config(data_dir=tmp_path, tenants=["a.b"])
