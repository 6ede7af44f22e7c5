"""A reader's whole way through a server, with real models, on both indices: news, events, recommendations, stories.

Both indices are told the same, and answer alike.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gistwire_indexer
import httpx2
import pytest
from gistwire.v1 import article_pb2, events_pb2, recommendation_pb2, summary_pb2, topic_pb2, user_event_pb2
from gistwire_client import GistwireClient
from gistwire_server.app import running_server
from gistwire_server.config import ElasticsearchConfig, LimitsConfig, ServerConfig
from google.protobuf.json_format import Parse

from tests.server.protocol import check_protocol, of_kind

_SAMPLES = Path(gistwire_indexer.__path__[0]) / "sample_corpus" / "english-1.jsonl"
_READ = "gw-en1-016"
"""On a dock strike, of which the sample corpus has several articles."""

_END = datetime(2026, 11, 1, tzinfo=UTC)
Event = user_event_pb2.UserEvent


@pytest.fixture(params=["embedded", "elasticsearch"])
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GistwireClient]:
    elasticsearch = ElasticsearchConfig()
    if request.param == "elasticsearch":
        url = request.getfixturevalue("elasticsearch_server").url
        elasticsearch = ElasticsearchConfig(urls=(url,), prefix=f"personal-{secrets.token_hex(4)}")
    config = ServerConfig(
        data_dir=tmp_path,
        listen="unix",
        index=request.param,
        elasticsearch=elasticsearch,
        limits=LimitsConfig(default_deadline_s=60, max_deadline_s=60),
    )
    async with running_server(config) as running, GistwireClient(running.target) as client:
        articles = [
            Parse(line, article_pb2.Article()) for line in _SAMPLES.read_text(encoding="utf-8").splitlines()
        ]
        async for _ in client.ingest(articles):
            pass
        yield client
    if request.param == "elasticsearch":
        async with httpx2.AsyncClient() as cluster:
            await cluster.delete(f"{elasticsearch.urls[0]}/{elasticsearch.prefix}.*?expand_wildcards=all")


def events_of(responses: Sequence[Any]) -> list[Any]:
    assert [each.sequence for each in responses] == list(range(1, len(responses) + 1))
    return [getattr(each, each.WhichOneof("event") or "") for each in responses]


async def test_what_a_reader_did_decides_what_is_recommended(
    client: GistwireClient,
) -> None:
    reader = f"reader-{secrets.token_hex(4)}"
    liked = Event(event_id="1", user_id=reader, article_id=_READ, kind=Event.LIKE)
    answer = await client.write_user_events([liked, liked])
    assert (answer.written_count, answer.repeated_count) == (1, 1)

    events = events_of([each async for each in client.recommend(reader, top_k=5, exploration=0.0)])
    check_protocol(
        [each for each in events if not isinstance(each, recommendation_pb2.RecommendationReasons)]
    )
    assert not of_kind(events, events_pb2.Degraded)
    (hits,) = of_kind(events, events_pb2.Hits)
    found = {hit.hit_id: hit.article for hit in hits.hits}
    assert _READ not in {article.id for article in found.values()}
    assert "strike" in found["h1"].headline.lower()
    (reasons,) = of_kind(events, recommendation_pb2.RecommendationReasons)
    assert reasons.reasons[0].history_article_id == _READ
    assert "strike" in reasons.interests[0].keywords

    dismissed = Event(event_id="2", user_id=reader, article_id=found["h1"].id, kind=Event.DISMISS)
    await client.write_user_events([dismissed])
    again = events_of([each async for each in client.recommend(reader, top_k=5, exploration=0.0)])
    (hits,) = of_kind(again, events_pb2.Hits)
    assert found["h1"].id not in {hit.article.id for hit in hits.hits}


async def test_stories_have_digests_whose_sentences_cite_their_articles(client: GistwireClient) -> None:
    responses = [each async for each in client.topics(window=timedelta(days=90), until=_END, max_topics=3)]
    events = events_of(responses)
    assert not of_kind(events, events_pb2.Degraded)
    topics = of_kind(events, topic_pb2.Topic)
    assert len(topics) == 3
    articles = {topic.topic_id: {each.id for each in topic.articles} for topic in topics}
    digests = of_kind(events, topic_pb2.TopicDigest)
    assert {each.topic_id for each in digests} == set(articles)
    for each in digests:
        assert each.digest.sentences
        for sentence in each.digest.sentences:
            assert {citation.article_id for citation in sentence.citations} <= articles[each.topic_id]
            assert sentence.citations
    alone = events_of([each async for each in client.digest(topic_id=topics[0].topic_id)])
    (digest,) = of_kind(alone, summary_pb2.Digest)
    assert digest.sentences


async def test_readers_at_once_do_not_mix(client: GistwireClient) -> None:
    likes = {"harbour": _READ, "sports": ""}
    search = await client.search("bronze sprinter Continental Games", page_size=1)
    likes["sports"] = search.results[0].hit.article.id
    await client.write_user_events(
        [
            Event(event_id="1", user_id=reader, article_id=article_id, kind=Event.LIKE)
            for reader, article_id in likes.items()
        ]
    )

    async def history_of(reader: str) -> set[str]:
        events = events_of([each async for each in client.recommend(reader, top_k=5, exploration=0.0)])
        (reasons,) = of_kind(events, recommendation_pb2.RecommendationReasons)
        return {each.history_article_id for each in reasons.reasons if each.history_article_id}

    told = await asyncio.gather(*(history_of(reader) for reader in [*likes] * 3))
    assert told == [{article_id} for article_id in likes.values()] * 3
