"""Reads articles straight from a running Gistwire. Reached through `prepare`."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

import grpc
import msgspec
from gistwire.v1 import article_pb2, article_pb2_grpc, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources import RawArticle, SourceRecord

from gistwire_training.data.reading import PairRecord, RawPair
from gistwire_training.errors import TrainingDataError

_PAGE_SIZE: Final = 100
"""The largest that the server allows."""

_CHANNEL_OPTIONS: Final = (
    # gRPC would ask a proxy of the environment even for loopback addresses.
    ("grpc.enable_http_proxy", 0),
    # A page of a hundred results with all their candidates stays far below it.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


class ServerSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Articles of a running Gistwire.

    Attributes:
        target: ``"HOST:PORT"``, or any name that gRPC resolves.
        ids: identifiers of articles.
        queries: searches, of which all hits are taken.
        max_hits: at most this many hits of each query.
        stored_summaries: whether the summaries that the server has stored become targets. They were written
            by a model: a model that learns from them copies it, and figures measured against them say how
            alike the two are. They come with the hits of queries, not with `ids`.
        timeout_s: time for each call.
    """

    target: str
    ids: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    max_hits: int = 1_000
    stored_summaries: bool = False
    timeout_s: float = 30.0


async def read_server(source: ServerSource) -> AsyncIterator[PairRecord]:
    """Reads articles by identifiers, then by queries; each once.

    Yields:
        a record for each article, also for one that is missing, which stops nothing.

    Raises:
        TrainingDataError: the server does not answer, or refuses a query.
    """
    async with grpc.aio.insecure_channel(source.target, _CHANNEL_OPTIONS) as channel:
        try:
            articles = article_pb2_grpc.ArticleServiceStub(channel)
            async for id_, summary in _wanted(source, search_pb2_grpc.SearchServiceStub(channel)):
                yield await _read_article(source, articles, id_, summary)
        except grpc.aio.AioRpcError as error:
            raise TrainingDataError(f"{source.target}: {error.code().name}: {error.details()}") from error


async def _wanted(
    source: ServerSource, searches: "search_pb2_grpc.SearchServiceAsyncStub"
) -> AsyncIterator[tuple[str, str]]:
    """Each identifier once, with the stored summary where one is wanted and known."""
    seen: set[str] = set()
    for id_ in _unseen(source.ids, seen):
        yield id_, ""
    for query in source.queries:
        async for result in _search(source, searches, query):
            summary = result.summary
            text = summary.text if source.stored_summaries and summary.stored else ""
            for id_ in _unseen([result.hit.article.id], seen):
                yield id_, text


def _unseen(ids: Iterable[str], seen: set[str]) -> Iterable[str]:
    for id_ in ids:
        if id_ not in seen:
            seen.add(id_)
            yield id_


async def _search(
    source: ServerSource, searches: "search_pb2_grpc.SearchServiceAsyncStub", query: str
) -> AsyncIterator[search_pb2.SearchResult]:
    mode = specs_pb2.SummarySpec.STORED if source.stored_summaries else specs_pb2.SummarySpec.NONE
    request = search_pb2.SearchRequest(
        query=query, page_size=min(_PAGE_SIZE, source.max_hits), summary=specs_pb2.SummarySpec(mode=mode)
    )
    wanted = source.max_hits
    while wanted > 0:
        page = await searches.Search(request, timeout=source.timeout_s)
        for result in page.results[:wanted]:
            yield result
        wanted -= len(page.results)
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


async def _read_article(
    source: ServerSource, articles: "article_pb2_grpc.ArticleServiceAsyncStub", id_: str, summary: str
) -> PairRecord:
    place = SourceRecord(source.target, None, id_, None, None)
    try:
        response = await articles.GetArticle(article_pb2.GetArticleRequest(id=id_), timeout=source.timeout_s)
    except grpc.aio.AioRpcError as error:
        # The article is missing, or its identifier is not one; anything else concerns all articles.
        if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
            raise
        return PairRecord(place, None, ArticleError("id", error.details() or error.code().name))
    return PairRecord(place, RawPair(article=_raw_article(response.article), summary=summary), None)


def _raw_article(article: article_pb2.Article) -> RawArticle:
    return RawArticle(
        id=article.id,
        headline=article.headline,
        body=article.body,
        url=article.url,
        source=article.source,
        language=article.language,
    )
