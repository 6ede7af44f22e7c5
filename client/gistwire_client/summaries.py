"""Calls of SummaryService, by a channel; `GistwireClient` has them as methods."""

from collections.abc import AsyncGenerator, Iterable
from typing import TypedDict

import grpc
from gistwire.v1 import article_pb2, specs_pb2, summary_pb2, summary_pb2_grpc

from gistwire_client.errors import CallFailedError
from gistwire_client.event_stream import events_of


class DigestOptions(TypedDict, total=False):
    """What may be said of a digest besides its subject. What is absent takes the server's default."""

    filter: str
    """AIP-160 expression over source, language, category and published."""
    max_articles: int
    """Most articles to draw on, at most 50."""
    max_sentences: int
    """Most sentences, at most 20."""


def summarize_request(
    article_ids: Iterable[str],
    articles: Iterable[article_pb2.Article],
    *,
    query: str,
    summary: specs_pb2.SummarySpec | None,
    explain: bool = False,
) -> summary_pb2.StreamSummarizeRequest:
    """The request of a StreamSummarize."""
    return summary_pb2.StreamSummarizeRequest(
        article_ids=article_ids, articles=articles, query=query, summary=summary, explain=explain
    )


def digest_request(
    query: str, article_ids: Iterable[str], topic_id: str, options: DigestOptions
) -> summary_pb2.StreamDigestRequest:
    """The request of a StreamDigest.

    Raises:
        ValueError: none or several of query, articles and topic are given.
    """
    ids = list(article_ids)
    if sum(map(bool, (query, ids, topic_id))) != 1:
        raise ValueError("a digest is of a query, of articles, or of a topic")
    request = summary_pb2.StreamDigestRequest(**options)
    if query:
        request.query = query
    elif ids:
        request.article_ids.ids.extend(ids)
    else:
        request.topic_id = topic_id
    return request


def stream_summarize(
    channel: grpc.aio.Channel, request: summary_pb2.StreamSummarizeRequest, *, timeout_s: float | None
) -> AsyncGenerator[summary_pb2.StreamSummarizeResponse, None]:
    """As `GistwireClient.summarize`."""
    return events_of(
        lambda: summary_pb2_grpc.SummaryServiceStub(channel).StreamSummarize(request, timeout=timeout_s),
        incomplete=CallFailedError("the stream ended before all summaries were there"),
    )


def stream_digest(
    channel: grpc.aio.Channel, request: summary_pb2.StreamDigestRequest, *, timeout_s: float | None
) -> AsyncGenerator[summary_pb2.StreamDigestResponse, None]:
    """As `GistwireClient.digest`."""
    return events_of(
        lambda: summary_pb2_grpc.SummaryServiceStub(channel).StreamDigest(request, timeout=timeout_s),
        incomplete=CallFailedError("the stream ended before the digest was completed"),
    )
