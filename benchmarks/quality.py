"""Quality of retrieval and ranking on judged queries, and of retrieval on known items; weights are chosen by it."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gistwire.v1 import events_pb2, search_pb2
from gistwire_indexer.index import RetrievalQuery, RetrievedLists
from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Priority
from gistwire_server.app import open_engines
from gistwire_server.config import RankConfig, load_config
from gistwire_server.engines import Engines
from gistwire_server.pipeline import search_events
from gistwire_server.plan import RankWeights, RetrievalPlan, SearchPlan
from gistwire_server.ranking import RankedSignals, rank
from gistwire_server.retrieval import fuse, is_covered
from gistwire_server.validation import plan_stream_search

from benchmarks.corpus import judged_queries, read_articles
from benchmarks.machine import describe_machine

_DEPTH = 100
_CUT = 10
_RANKED = 20
_KNOWN_ITEMS = 200
_MAX_ARTICLES = 3_000
_DENSE_WEIGHTS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
_FUSION_CONSTANTS = (5, 20, 60)


@dataclass(frozen=True, slots=True)
class _Query:
    """A query, what it should find, and what the two legs found."""

    text: str
    relevant: Mapping[str, int]
    lists: RetrievedLists


def measure_quality(sources: Sequence[str]) -> None:
    """Prints nDCG@10 of both legs, of their fusion by weight and constant, and of the final ranking by weights."""
    print(describe_machine())
    print(f"nDCG@{_CUT}; in each table the rows are fusion constants, the columns weights of the dense leg")
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        asyncio.run(_judged(Path(folder)))
    for source in sources:
        with TemporaryDirectory(prefix="gistwire-bench-") as folder:
            asyncio.run(_known_items(Path(folder), source))


def ndcg(found: Iterable[str], relevant: Mapping[str, int], cut: int = _CUT) -> float:
    """Normalised discounted cumulative gain with gains ``2^grade − 1`` (Burges et al. 2005)."""
    gains = [2 ** relevant.get(article_id, 0) - 1 for article_id in found][:cut]
    ideal = sorted((2**grade - 1 for grade in relevant.values()), reverse=True)[:cut]
    return _discounted(gains) / _discounted(ideal)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


async def _judged(folder: Path) -> None:
    async with open_engines(load_config(data_dir=folder)) as opened:
        engines = opened.engines
        await Ingestor(engines.index, engines.encoder).ingest(read_articles([]))
        by_set: defaultdict[str, list[_Query]] = defaultdict(list)
        for judged in judged_queries():
            by_set[judged["set"]].append(await _retrieve(engines, judged["query"], judged["relevant"]))
        for name, queries in by_set.items():
            _print_fusion(f"judged queries, {name}", queries, engines)
        await _print_ranking(engines, by_set)


async def _known_items(folder: Path, source: str) -> None:
    """Searches bodies, indexed without their headlines, by their headlines."""
    articles = [article for article in read_articles([source]) if len(article.body) > 40][:_MAX_ARTICLES]
    async with open_engines(load_config(data_dir=folder)) as opened:
        engines = opened.engines
        bodies = [
            RawArticle(id=article.id, headline=article.body[:900], language=article.language)
            for article in articles
        ]
        await Ingestor(engines.index, engines.encoder).ingest(bodies)
        wanted = articles[:: max(len(articles) // _KNOWN_ITEMS, 1)][:_KNOWN_ITEMS]
        queries = [await _retrieve(engines, article.headline, {article.id: 1}) for article in wanted]
        _print_fusion(f"known items, {Path(source).name}, {len(articles)} articles", queries, engines)


async def _retrieve(engines: Engines, text: str, relevant: Mapping[str, int]) -> _Query:
    (vector,) = await engines.encoder.encode([text], priority=Priority.QUERY)
    lists = await engines.index.retrieve(RetrievalQuery(text, vector, None, _DEPTH))
    return _Query(text, relevant, lists)


def _print_fusion(name: str, queries: Sequence[_Query], engines: Engines) -> None:
    default = engines.config.retrieval

    def score(lexical_weight: float, dense_weight: float, constant: int) -> float:
        plan = RetrievalPlan(lexical_weight, dense_weight, constant, _DEPTH)
        return float(
            np.mean(
                [
                    ndcg(
                        (
                            hit.id
                            for hit in fuse(
                                query.lists,
                                plan,
                                dense_factor=1.0
                                if is_covered(query.text)
                                else default.dense_weight_uncovered,
                            )
                        ),
                        query.relevant,
                    )
                    for query in queries
                ]
            )
        )

    print(f"\n{name}: {len(queries)} queries")
    print(
        f"  lexical {score(1, 0, 20):.3f}   dense {score(0, 1, 20):.3f}   plain fusion {score(1, 1, 60):.3f}   ",
        end="",
    )
    print(f"as configured {score(default.lexical_weight, default.dense_weight, default.fusion_constant):.3f}")
    print("        " + "".join(f"{weight:8g}" for weight in _DENSE_WEIGHTS))
    for constant in _FUSION_CONSTANTS:
        print(f"  {constant:6d}" + "".join(f"{score(1, weight, constant):8.3f}" for weight in _DENSE_WEIGHTS))


async def _print_ranking(engines: Engines, by_set: Mapping[str, Sequence[_Query]]) -> None:
    """The final order by weights of closeness and redundancy, of the top 20 that fusion gives."""
    signals = {
        name: [(await _final_signals(engines, query.text), query.relevant) for query in queries]
        for name, queries in by_set.items()
    }
    print(f"\nfinal ranking of the first {_RANKED}; columns are the judged sets")
    print("  closeness  redundancy" + "".join(f"{name:>12}" for name in signals))
    default = engines.config.rank
    for closeness in (0.0, 0.5, 1.0, 2.0, 4.0):
        for redundancy in (0.0, 0.1, 0.3):
            weights = replace(_weights(default), query_similarity=closeness, redundancy=redundancy)
            scores = [
                np.mean([ndcg(_order(hits, weights), relevant) for hits, relevant in queries])
                for queries in signals.values()
            ]
            print(f"  {closeness:9g}  {redundancy:10g}" + "".join(f"{score:12.3f}" for score in scores))


async def _final_signals(engines: Engines, text: str) -> list[RankedSignals]:
    plan = _plan(engines, text)
    final = events_pb2.Ranking()
    async for event in search_events(plan, engines, request_id="quality"):
        if isinstance(event, events_pb2.Ranking):
            final = event
    articles = await engines.index.get([hit.article_id for hit in final.order])
    return [
        RankedSignals(
            hit_id=hit.hit_id,
            article_id=hit.article_id,
            fusion=hit.signals.fusion,
            dense=hit.signals.dense,
            query_similarity=hit.signals.query_similarity,
            recency=hit.signals.recency,
            embedding=article.embedding if article else None,
        )
        for hit, article in zip(final.order, articles, strict=True)
    ]


def _plan(engines: Engines, text: str) -> SearchPlan:
    request = search_pb2.StreamSearchRequest(query=text, top_k=_RANKED)
    # Near-duplicates are judged each, so here they are not collapsed.
    request.rank.collapse = False
    return plan_stream_search(request, engines.config, None)


def _weights(config: RankConfig) -> RankWeights:
    return RankWeights(
        query_similarity=config.query_similarity,
        fusion=config.fusion,
        recency=config.recency,
        interest=config.interest,
        source_quality=config.source_quality,
        redundancy=config.redundancy,
    )


def _order(hits: Sequence[RankedSignals], weights: RankWeights) -> list[str]:
    return [each.signals.article_id for each in rank(hits, weights)]
