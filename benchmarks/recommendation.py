"""Recommendations for simulated readers, against random choice, popularity and the mean of a history; and their time.

simulated_users.py tells who the readers are. All methods choose from the same articles: those of the window, which is
a filter to the server. Ours goes the whole way of a StreamRecommend but for summaries: store, interests, candidates,
ranking. Weights are looked at on readers of their own (`--tune`); the table is of others.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
from gistwire.v1 import (
    events_pb2,
    recommendation_pb2,
    recommendation_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
    specs_pb2,
)
from gistwire_indexer.embedded import EmbeddedUserEvents
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.index import RetrievalQuery
from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_indexer.sources.dates import parse_date
from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_server.app import open_engines, serving
from gistwire_server.config import load_config
from gistwire_server.engines import Engines
from gistwire_server.personal.ratings import Collaboration
from gistwire_server.personal.recommending import recommendation_events
from gistwire_server.validation import plan_recommendation
from numpy.typing import NDArray

from benchmarks.corpus import read_articles
from benchmarks.machine import describe_machine
from benchmarks.quality import ndcg
from benchmarks.simulated_users import Breadth, Click, Reader, Simulator

_CUT = 10
_CROWD = 300
_SPAN = timedelta(days=60)
"""Articles are dated evenly over so long, the last one now: archives would be neither fresh nor popular."""
_SEED = 11
_INGEST_BATCH = 256
_RESAMPLINGS = 1_000
_DEADLINE_S = 60.0
"""Of each recommendation that is judged: on a loaded machine no signal is to be missing for want of time."""
_TUNING_SHARE = 0.3
"""Share of the readers that weights are looked at on; no other figure is of them."""
_TUNED = (
    specs_pb2.RankWeights(),
    *(specs_pb2.RankWeights(popularity=weight) for weight in (0.0, 0.1, 0.2)),
    *(specs_pb2.RankWeights(collaborative=weight) for weight in (0.0, 0.1, 0.3)),
    *(specs_pb2.RankWeights(redundancy=weight) for weight in (0.0, 0.3)),
)

_Method = Callable[[Reader], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class _World:
    """Articles, engines that hold them, and readers of one breadth."""

    articles: Sequence[RawArticle]
    engines: Engines
    simulator: Simulator
    now: datetime
    readers: Sequence[Reader]

    @property
    def window(self) -> str:
        """The filter that lets the articles of the window through."""
        start = _published(self.simulator.window_start, len(self.articles), self.now)
        return f'published >= "{start.isoformat()}"'


def measure_recommendation(sources: Sequence[str], *, articles: int, readers: int, tune: bool) -> None:
    """Prints nDCG, recall and reached interests by method for each source, and times of streams."""
    print(describe_machine())
    print(
        f"{readers} readers of each kind, {_CROWD} others whose events are known up to now; "
        f"nDCG@{_CUT}, recall@{_CUT} (of at most {_CUT}), share of the reader's interests among the {_CUT}"
    )
    for source in sources:
        with TemporaryDirectory(prefix="gistwire-bench-") as folder:
            asyncio.run(_measure(Path(folder), source, articles, readers, tune=tune))


async def _measure(folder: Path, source: str, limit: int, readers: int, *, tune: bool) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    articles = _dated(read_articles([source]), limit, now)
    async with open_engines(load_config(data_dir=folder, listen="unix")) as opened:
        ingestor = Ingestor(opened.engines.index, opened.engines.encoder)
        for start in range(0, len(articles), _INGEST_BATCH):
            await ingestor.ingest(articles[start : start + _INGEST_BATCH])
        for breadth in Breadth:
            simulator = Simulator(articles, breadth, seed=_SEED)
            print(f"\n{Path(source).name}, {len(articles)} articles, interests: {breadth.value}")
            print(f"  {len(simulator.labels)} interests; e.g. {', '.join(simulator.labels[:200:40])}")
            async with _world(
                folder / breadth.name, opened.engines, articles, simulator, now=now, readers=readers
            ) as world:
                tuned = round(readers * _TUNING_SHARE)
                if tune:
                    await _print_tuning(world, world.readers[:tuned])
                await _print_methods(world, world.readers[tuned:])
                if breadth is Breadth.NARROW:
                    await _print_times(world)


def _dated(articles: Iterable[RawArticle], limit: int, now: datetime) -> list[RawArticle]:
    """The latest articles, with their category and text, dated evenly up to now in the order of their publication."""
    readable = [each for each in articles if each.category and each.headline]
    # Sorting is stable, so those without a time stay in their order.
    ordered = sorted(readable, key=lambda each: _time(each) or datetime.min.replace(tzinfo=UTC))[-limit:]
    return [
        replace(each, published=_published(place, len(ordered), now)) for place, each in enumerate(ordered)
    ]


def _time(article: RawArticle) -> datetime | None:
    if not article.published or isinstance(article.published, datetime):
        return article.published or None
    return parse_date(article.published)


def _published(place: int, count: int, now: datetime) -> datetime:
    return (now - _SPAN * (1 - (place + 1) / count)).replace(microsecond=0)


@asynccontextmanager
async def _world(
    folder: Path,
    engines: Engines,
    articles: Sequence[RawArticle],
    simulator: Simulator,
    *,
    now: datetime,
    readers: int,
) -> AsyncIterator[_World]:
    """Makes up readers, and writes what the server may know of them."""
    users = await EmbeddedUserEvents.open(folder)
    try:
        crowd = [simulator.reader(f"crowd-{number}") for number in range(_CROWD)]
        measured = [simulator.reader(f"reader-{number}") for number in range(readers)]
        world = _World(
            articles,
            replace(engines, user_events=users, collaboration=Collaboration()),
            simulator,
            now,
            measured,
        )
        for reader in crowd:
            await users.write(_events(world, reader, [*reader.old_clicks, *reader.new_clicks]))
        for reader in measured:
            await users.write(_events(world, reader, reader.old_clicks))
        yield world
    finally:
        await users.close()


def _events(world: _World, reader: Reader, clicks: Iterable[Click]) -> list[UserEvent]:
    """What the server may know: each click at the time of its article, followed by the rating."""
    events = []
    for click in clicks:
        article_id = world.articles[click.article].id
        occurred = _published(click.article, len(world.articles), world.now)
        event = UserEvent(f"click-{article_id}", reader.user_id, article_id, EventKind.CLICK, occurred)
        events.append(event)
        if click.rating is not None:
            events.append(
                replace(
                    event, event_id=f"rating-{article_id}", kind=EventKind.RATE_ARTICLE, rating=click.rating
                )
            )
    return events


async def _print_methods(world: _World, readers: Sequence[Reader]) -> None:
    interests_alone = specs_pb2.RankWeights(popularity=0, collaborative=0)
    methods: dict[str, _Method] = {
        "random": partial(_random, world),
        "popularity": partial(_popular, world),
        "mean of history": partial(_mean_of_history, world),
        "ours": partial(_ours, world),
        "ours, interests alone": partial(_ours, world, weights=interests_alone),
        "ours, exploring 0.1": partial(_ours, world, exploration=0.1),
    }
    scores = {
        name: [await _judged(world, reader, method) for reader in readers] for name, method in methods.items()
    }
    baseline = np.array(scores["mean of history"])[:, 0]
    print(f"  {len(readers)} readers{'':15} nDCG  recall  interests   nDCG against mean of history")
    for name, judged in scores.items():
        found = np.array(judged)
        line = f"  {name:26}" + "".join(f"{value:8.3f}" for value in found.mean(axis=0))
        print(f"{line}    {_ratio(found[:, 0], baseline)}")


def _ratio(ours: NDArray[np.float64], baseline: NDArray[np.float64]) -> str:
    """Relative gain of the mean, with the interval that holds 95 % of resamplings of the readers."""
    chance = np.random.default_rng(_SEED)
    picks = chance.integers(0, len(ours), (_RESAMPLINGS, len(ours)))
    gains = ours[picks].mean(axis=1) / baseline[picks].mean(axis=1) - 1
    low, high = np.quantile(gains, (0.025, 0.975))
    return f"{ours.mean() / baseline.mean() - 1:+7.1%}  ({low:+.1%} to {high:+.1%})"


async def _print_tuning(world: _World, readers: Sequence[Reader]) -> None:
    """Quality by weights, one of them changed at a time, on readers that no other figure is of."""
    print(f"  {len(readers)} readers of their own, one weight changed:      nDCG  recall  interests")
    for weights in _TUNED:
        method = partial(_ours, world, weights=weights)
        judged = np.array([await _judged(world, reader, method) for reader in readers])
        named = ", ".join(f"{descriptor.name} {value:g}" for descriptor, value in weights.ListFields())
        print(
            f"    {named or 'as configured':44}" + "".join(f"{value:8.3f}" for value in judged.mean(axis=0))
        )


async def _judged(world: _World, reader: Reader, method: _Method) -> tuple[float, float, float]:
    """NDCG, recall and share of interests reached."""
    found = list(await method(reader))[:_CUT]
    relevant = {world.articles[place].id: 1 for place in reader.relevant}
    hits = sum(article_id in relevant for article_id in found)
    reached = world.simulator.labels_of(_places(world, found)) & reader.interests.keys()
    return (
        ndcg(found, relevant, _CUT),
        hits / min(len(relevant), _CUT),
        len(reached) / len(reader.interests),
    )


def _places(world: _World, article_ids: Iterable[str]) -> list[int]:
    """Places of articles in the world's list."""
    places = {article.id: place for place, article in enumerate(world.articles)}
    return [places[article_id] for article_id in article_ids]


async def _random(world: _World, reader: Reader) -> list[str]:
    chance = random.Random(reader.user_id)
    places = chance.sample(range(world.simulator.window_start, len(world.articles)), _CUT)
    return [world.articles[place].id for place in places]


async def _popular(world: _World, reader: Reader) -> list[str]:
    del reader
    since = world.now - timedelta(days=world.engines.config.personal.popularity_days)
    window = {article.id for article in world.articles[world.simulator.window_start :]}
    popular = await world.engines.user_events.popularity(since, limit=200)
    return [article_id for article_id in popular if article_id in window]


async def _mean_of_history(world: _World, reader: Reader) -> list[str]:
    """The articles nearest to the mean of all that was read."""
    history = await world.engines.index.get([world.articles[click.article].id for click in reader.old_clicks])
    mean = np.mean([each.embedding for each in history if each is not None], axis=0)
    query = RetrievalQuery(
        None, (mean / np.linalg.norm(mean)).astype(np.float32), parse_filter(world.window), _CUT
    )
    return [each.id for each in (await world.engines.index.retrieve(query)).dense]


async def _ours(
    world: _World,
    reader: Reader,
    *,
    weights: specs_pb2.RankWeights | None = None,
    exploration: float = 0.0,
) -> list[str]:
    request = recommendation_pb2.StreamRecommendRequest(
        user_id=reader.user_id,
        filter=world.window,
        top_k=_CUT,
        exploration=exploration,
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE),
        rank=specs_pb2.RankSpec(weights=weights),
    )
    plan = plan_recommendation(request, world.engines.config, _DEADLINE_S)
    final = events_pb2.Ranking()
    async for event in recommendation_events(plan, world.engines, request_id="benchmark", now=world.now):
        if isinstance(event, events_pb2.Ranking):
            final = event
        # A degraded one would tell of something else.
        assert not isinstance(event, events_pb2.Degraded), event
    return [each.article_id for each in final.order]


async def _print_times(world: _World) -> None:
    """First hits of recommendations and searches, through gRPC, one after the other."""
    none = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
    users = [reader.user_id for reader in world.readers]
    queries = [article.headline for article in world.articles[-len(users) :]]
    async with serving(world.engines) as running, grpc.aio.insecure_channel(running.target) as channel:
        search = search_pb2_grpc.SearchServiceStub(channel)
        recommend = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        times_ms: Mapping[str, list[float]] = {
            "StreamSearch": [
                await _first_hit_ms(
                    search.StreamSearch(search_pb2.StreamSearchRequest(query=query, summary=none))
                )
                for query in queries
            ],
            "StreamSearch, for a user": [
                await _first_hit_ms(
                    search.StreamSearch(
                        search_pb2.StreamSearchRequest(
                            query=query, summary=none, user=specs_pb2.UserContext(user_id=user)
                        )
                    )
                )
                for query, user in zip(queries, users, strict=True)
            ],
            "StreamRecommend": [
                await _first_hit_ms(
                    recommend.StreamRecommend(
                        recommendation_pb2.StreamRecommendRequest(user_id=user, summary=none)
                    )
                )
                for user in users
            ],
        }
    for name, values in times_ms.items():
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        print(f"  first hit, {name:26} p50 {cuts[49]:6.1f}   p95 {cuts[94]:6.1f}   p99 {cuts[98]:6.1f} ms")


async def _first_hit_ms(
    events: AsyncIterable[search_pb2.StreamSearchResponse]
    | AsyncIterable[recommendation_pb2.StreamRecommendResponse],
) -> float:
    started = time.perf_counter()
    first_hit_ms = 0.0
    async for event in events:
        if event.HasField("hits"):
            first_hit_ms = (time.perf_counter() - started) * 1e3
    return first_hit_ms
