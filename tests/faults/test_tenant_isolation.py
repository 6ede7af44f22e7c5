"""Fault 18: no tenant ever finds an article, or a stored summary, of another."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gistwire.v1 import article_pb2, specs_pb2
from gistwire_client.client import GistwireClient

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import LONG, deployed

_TENANTS = tuple(f"tenant-{number}" for number in range(8))
_PAIRS = 10_000 if LONG else 600
_ARTICLES = 5
_UNDER_WAY = 8


async def test_random_pairs_of_tenants_never_cross(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with AsyncExitStack() as stack:
        deployment = await stack.enter_async_context(
            deployed(elasticsearch_server.url, tmp_path, tenants=_TENANTS)
        )
        clients = {
            tenant: await stack.enter_async_context(GistwireClient(deployment.target, tenant=tenant))
            for tenant in _TENANTS
        }
        for tenant, client in clients.items():
            async for _ in client.ingest([_article(tenant, number) for number in range(_ARTICLES)]):
                pass
            # Summaries are stored by the first search that needs them.
            await client.search("harbour")
        chance = random.Random(18)
        pairs = [(chance.choice(_TENANTS), chance.choice(_TENANTS)) for _ in range(_PAIRS)]
        places = asyncio.Semaphore(_UNDER_WAY)
        stored = 0

        async def ask(asker: str, owner: str) -> None:
            nonlocal stored
            async with places:
                response = await clients[asker].search(
                    f"{owner} harbour secret",
                    summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED),
                )
            assert len(response.results) == _ARTICLES
            for result in response.results:
                assert result.hit.article.headline.startswith(f"{asker} ")
                assert result.summary.text.startswith(f"Summary: {asker} ")
                stored += result.summary.stored

        await asyncio.gather(*(ask(*pair) for pair in pairs))
        assert stored == _PAIRS * _ARTICLES
        report_figure(
            f"fault 18: {_PAIRS} random pairs of {len(_TENANTS)} tenants: no cross hit among "
            f"{_PAIRS * _ARTICLES} hits and stored summaries"
        )


def _article(tenant: str, number: int) -> article_pb2.Article:
    # The same identifier in all tenants, so that a mistaken key would show.
    return article_pb2.Article(
        id=f"a{number}", headline=f"{tenant} harbour secret {number}", body=f"Only {tenant} may read this."
    )
