"""Fault 18: no tenant ever reaches articles, stored summaries, tokens, users or topics of another."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gistwire.v1 import article_pb2, specs_pb2, user_event_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError
from gistwire_indexer.embedded import EmbeddedStore
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer
from gistwire_server.app import serving
from gistwire_server.config import load_config
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.scoring import Scorer
from gistwire_server.security.api_key_file import add_api_key
from gistwire_server.security.api_keys import new_api_key
from gistwire_server.security.callers import Role

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import LONG, deployed

_TENANTS = tuple(f"tenant-{number}" for number in range(8))
_PAIRS = 10_000 if LONG else 500
_ARTICLES = 5
_UNDER_WAY = 8
_QUERY = "harbour secret"
_STORED = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED)


@dataclass(frozen=True, slots=True)
class _Tenant:
    """A tenant, a client that may reach it alone, and what its owner was given.

    Attributes:
        name: the tenant.
        client: its client.
        key: that client's key.
        page_token: of the second page of its search.
        attribution_token: of what that search showed.
        shown_article: one of the articles that it showed, whose identifier all tenants have.
        resume_token: of its watch.
    """

    name: str
    client: GistwireClient
    key: str
    page_token: str
    attribution_token: str
    shown_article: str
    resume_token: str


_Check = Callable[[_Tenant, _Tenant, str], Awaitable[None]]
"""Has the first tenant try to reach what is the second's, on a server at a target."""


async def _search(asker: _Tenant, owner: _Tenant, _: str) -> None:
    response = await asker.client.search(f"{owner.name} {_QUERY}", summary=_STORED)
    assert len(response.results) == _ARTICLES
    for result in response.results:
        assert result.hit.article.headline.startswith(f"{asker.name} ")
        assert result.summary.text.startswith(f"Summary: {asker.name} ")
        assert result.summary.stored


async def _page_token(asker: _Tenant, owner: _Tenant, _: str) -> None:
    page = asker.client.search(_QUERY, page_size=2, page_token=owner.page_token, summary=_STORED)
    if asker is owner:
        assert (await page).results
    else:
        assert await _refusal(page) == "PAGE_TOKEN_INVALID"


async def _resume_token(asker: _Tenant, owner: _Tenant, _: str) -> None:
    watch = asker.client.watch(_QUERY, past_hits=0, resume_token=owner.resume_token)
    async with aclosing(watch) as events:
        if asker is owner:
            assert (await anext(events)).HasField("started")
        else:
            assert await _refusal(anext(events)) == "RESUME_TOKEN_INVALID"


async def _attribution_token(asker: _Tenant, owner: _Tenant, _: str) -> None:
    event = user_event_pb2.UserEvent(
        event_id=f"click-{asker.name}-{owner.name}",
        user_id="clicker",
        article_id=owner.shown_article,
        kind=user_event_pb2.UserEvent.CLICK,
        attribution_token=owner.attribution_token,
    )
    response = await asker.client.write_user_events([event])
    reasons = [each.status.message for each in response.refused]
    if asker is owner:
        assert not reasons
    else:
        assert reasons == ["attribution_token: was changed, or made by another deployment"]


async def _article_of_owner(asker: _Tenant, owner: _Tenant, _: str) -> None:
    article = asker.client.get_article(f"only-{owner.name}")
    if asker is owner:
        assert (await article).headline.startswith(f"{owner.name} ")
    else:
        assert await _refusal(article) == "ARTICLE_NOT_FOUND"


async def _article_of_everybody(asker: _Tenant, _: _Tenant, __: str) -> None:
    assert (await asker.client.get_article("a1")).headline.startswith(f"{asker.name} ")


async def _deletion(asker: _Tenant, owner: _Tenant, _: str) -> None:
    if asker is not owner:
        assert not await asker.client.delete_article(f"only-{owner.name}", allow_missing=True)
        assert (await owner.client.get_article(f"only-{owner.name}")).id


async def _profile(asker: _Tenant, owner: _Tenant, _: str) -> None:
    profile = asker.client.user_profile(f"reader-{owner.name}")
    if asker is owner:
        assert (await profile).event_count == 1
    else:
        assert await _refusal(profile) == "USER_NOT_FOUND"


async def _recommendation(asker: _Tenant, owner: _Tenant, _: str) -> None:
    headlines = []
    async for event in asker.client.recommend(f"reader-{owner.name}", summary=_STORED):
        headlines += [hit.article.headline for hit in event.hits.hits]
    assert headlines
    assert all(headline.startswith(f"{asker.name} ") for headline in headlines)


async def _topics(asker: _Tenant, _: _Tenant, __: str) -> None:
    headlines = []
    async for event in asker.client.topics(window=timedelta(days=2), digests=False):
        headlines += [article.headline for article in event.topic.articles]
    assert headlines
    assert all(headline.startswith(f"{asker.name} ") for headline in headlines)


async def _digest(asker: _Tenant, owner: _Tenant, _: str) -> None:
    wanted = ["a0", "a1", f"only-{owner.name}"]
    texts = [str(event) async for event in asker.client.digest(article_ids=wanted)]
    assert any(asker.name in text for text in texts)
    # It names the article that it was asked for and does not find.
    told = "".join(texts).replace(f"only-{owner.name}", "")
    assert asker is owner or owner.name not in told


async def _other_tenant(asker: _Tenant, owner: _Tenant, target: str) -> None:
    async with GistwireClient(target, api_key=asker.key, tenant=owner.name) as client:
        if asker is owner:
            assert (await client.search(_QUERY, summary=_STORED)).results
        else:
            assert await _refusal(client.search(_QUERY, summary=_STORED)) == "TENANT_UNKNOWN"


# Those that cost little, or matter most, are tried more often.
_CHECKS: Mapping[str, tuple[_Check, int]] = {
    "search": (_search, 8),
    "page token": (_page_token, 3),
    "resume token": (_resume_token, 2),
    "attribution token": (_attribution_token, 2),
    "article of one": (_article_of_owner, 3),
    "article of all": (_article_of_everybody, 2),
    "deletion": (_deletion, 1),
    "user": (_profile, 3),
    "recommendation": (_recommendation, 2),
    "topics": (_topics, 1),
    "digest": (_digest, 1),
    "another tenant": (_other_tenant, 3),
}


@pytest.mark.parametrize("index", ["elasticsearch", "embedded"])
async def test_random_pairs_of_tenants_never_cross(
    index: str, request: pytest.FixtureRequest, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    keys_file = tmp_path / "keys.json"
    keys = {name: new_api_key(name, [Role.ADMIN], [name]) for name in _TENANTS}
    for key in keys.values():
        add_api_key(keys_file, key.kept)
    fields: dict[str, Any] = {"tenants": _TENANTS, "security": {"api_keys_file": str(keys_file)}}
    async with AsyncExitStack() as stack:
        if index == "elasticsearch":
            server: ElasticsearchServer = request.getfixturevalue("elasticsearch_server")
            target = (await stack.enter_async_context(deployed(server.url, tmp_path, **fields))).target
        else:
            target = await stack.enter_async_context(_embedded(tmp_path, fields))
        tenants = [
            await _prepared(
                name,
                await stack.enter_async_context(GistwireClient(target, api_key=keys[name].secret)),
                keys[name].secret,
            )
            for name in _TENANTS
        ]
        chance = random.Random(18)
        kinds = chance.choices(list(_CHECKS), [weight for _, weight in _CHECKS.values()], k=_PAIRS)
        pairs = [(chance.choice(tenants), chance.choice(tenants)) for _ in range(_PAIRS)]
        places = asyncio.Semaphore(_UNDER_WAY)

        async def attempt(kind: str, asker: _Tenant, owner: _Tenant) -> None:
            async with places:
                await _CHECKS[kind][0](asker, owner, target)

        await asyncio.gather(*(attempt(kind, *pair) for kind, pair in zip(kinds, pairs, strict=True)))
    counts = Counter(kinds)
    assert counts.keys() == _CHECKS.keys()
    report_figure(
        f"fault 18, {index}: {_PAIRS} random pairs of {len(_TENANTS)} tenants, no crossing ("
        + ", ".join(f"{counts[kind]} {kind}" for kind in _CHECKS)
        + ")"
    )


@asynccontextmanager
async def _embedded(folder: Path, fields: Mapping[str, Any]) -> AsyncGenerator[str, None]:
    """Runs a server on embedded indices; gives its target."""
    encoder, summarizer = ScriptedEncoder(), ScriptedSummarizer()
    store = EmbeddedStore(folder / "store", model=encoder.model, dimension=encoder.dimension)
    try:
        engines = Engines(
            config=load_config(data_dir=folder, listen="unix", **fields),
            index=await store.tenant("default"),
            user_events=await store.user_events("default"),
            encoder=encoder,
            summarizer=summarizer,
            scorer=Scorer(),
            signer=TokenSigner(b"k" * 32, lifetime_s=600),
        )
        async with serving(engines, store) as running:
            yield running.target
    finally:
        await store.close()


async def _prepared(name: str, client: GistwireClient, key: str) -> _Tenant:
    """Fills a tenant, and gathers its tokens."""
    articles = [*(_article(name, f"a{number}", number) for number in range(_ARTICLES - 1))]
    articles.append(_article(name, f"only-{name}", _ARTICLES))
    async for _ in client.ingest(articles):
        pass
    # Summaries are stored by the first search that needs them.
    await client.search(_QUERY)
    page = await client.search(_QUERY, page_size=2, summary=_STORED)
    assert page.next_page_token
    assert page.attribution_token
    read = user_event_pb2.UserEvent(
        event_id="read", user_id=f"reader-{name}", article_id="a1", kind=user_event_pb2.UserEvent.LIKE
    )
    await client.write_user_events([read])
    async with aclosing(client.watch(_QUERY, past_hits=0)) as events:
        resume_token = (await anext(events)).resume_token
    assert resume_token
    shown = min(result.hit.article.id for result in page.results)
    assert shown.startswith("a")
    return _Tenant(name, client, key, page.next_page_token, page.attribution_token, shown, resume_token)


def _article(tenant: str, article_id: str, number: int) -> article_pb2.Article:
    # The same identifiers in all tenants but for one article, so that a mistaken key would show.
    article = article_pb2.Article(
        id=article_id,
        headline=f"{tenant} harbour secret {number}",
        body=f"Only {tenant} may read this.",
        language="en",
    )
    article.published.FromDatetime(datetime.now(UTC) - timedelta(hours=number + 1))
    return article


async def _refusal(call: Awaitable[object]) -> str:
    """The reason for which a call is refused."""
    with pytest.raises(RequestRefusedError) as raised:
        await call
    return raised.value.reason
