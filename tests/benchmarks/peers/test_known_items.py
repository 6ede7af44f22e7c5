"""Tests of the corpus that all systems get, and of the searches whose answer is known."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2
from gistwire_indexer.sources import RawArticle
from gistwire_server.app import running_server
from gistwire_server.config import load_config

from benchmarks.peers.errors import TooFewArticlesError
from benchmarks.peers.known_items import KnownItem, prepare, withhold_headlines


def test_a_headline_that_is_asked_for_is_not_in_the_index() -> None:
    articles = [
        RawArticle(id=name, headline=f"headline {name}", body="one two three four five six seven eight nine")
        for name in "abc"
    ]
    left, items = withhold_headlines(articles, [2, 0])
    assert items == [KnownItem("headline c", "c"), KnownItem("headline a", "a")]
    assert [article.headline for article in left] == [
        "one two three four five six seven eight",
        "headline b",
        "one two three four five six seven eight",
    ]
    assert [article.body for article in left] == [article.body for article in articles]
    assert articles[0].headline == "headline a"


def write_articles(folder: Path, count: int) -> str:
    """Articles in groups of three on a subject each, whose words no other group has."""
    path = folder / "news.jsonl"
    with path.open("w") as lines:
        for place in range(count):
            subject = f"subject{place // 3}"
            article = {
                "id": f"n-{place}",
                "headline": f"{subject} number{place} opens",
                "body": f"The {subject} was opened by the mayor of town{place}. "
                + f"{subject} has many visitors. " * 3,
                "lang": "en",
            }
            lines.write(json.dumps(article) + "\n")
    return str(path)


async def hits_of(queries: Sequence[str], data_dir: Path) -> list[list[str]]:
    no_summaries = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
    async with (
        running_server(load_config(data_dir=data_dir, listen="unix")) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        stub = search_pb2_grpc.SearchServiceStub(channel)
        responses = [
            await stub.Search(search_pb2.SearchRequest(query=query, page_size=2, summary=no_summaries))
            for query in queries
        ]
        return [[result.hit.article.id for result in response.results] for response in responses]


def test_queries_find_no_article_in_common(tmp_path: Path) -> None:
    source = write_articles(tmp_path, 60)
    folder = tmp_path / "corpus"
    corpus = prepare(folder, [source], articles=45, queries=8, top_k=2)
    assert (corpus.articles, len(corpus.items)) == (45, 8)
    articles = {
        each["id"]: each for each in map(json.loads, Path(corpus.articles_file).read_text().splitlines())
    }
    assert len(articles) == 45
    for item in corpus.items:
        assert item.query not in articles[item.article_id]["headline"]
    found = asyncio.run(hits_of([item.query for item in corpus.items], Path(corpus.data_dir)))
    assert len({article_id for hits in found for article_id in hits}) == 8 * 2
    Path(source).unlink()
    fewer = prepare(folder, [source], articles=45, queries=5, top_k=2)
    assert fewer == replace(corpus, items=corpus.items[:5])


def test_too_few_articles_are_an_error(tmp_path: Path) -> None:
    source = write_articles(tmp_path, 12)
    folder = tmp_path / "corpus"
    with pytest.raises(TooFewArticlesError, match="12 articles"):
        prepare(folder, [source], articles=100, queries=12, top_k=5)
