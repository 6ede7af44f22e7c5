"""`GistwireClient`: all that the server offers, as methods of one object that is used with ``async with``."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack

import grpc
from gistwire.v1 import (
    article_pb2,
    article_pb2_grpc,
    recommendation_pb2,
    search_pb2,
    search_pb2_grpc,
    specs_pb2,
    summary_pb2,
    topic_pb2,
    user_event_pb2,
)
from grpc_health.v1 import health_pb2

from gistwire_client import recommendations, summaries, topics, user_events
from gistwire_client.call_metadata import TENANT_METADATA, Metadata, metadata_interceptors
from gistwire_client.credentials import CREDENTIAL_METADATA, TokenProvider, bearer, stays_on_machine
from gistwire_client.errors import SearchFailedError, error_of
from gistwire_client.event_stream import events_of
from gistwire_client.ingestion import Articles, IngestCall, IngestEvent, IngestRetry, ingest_articles
from gistwire_client.service_config import CHANNEL_OPTIONS
from gistwire_client.tracing import tracing_interceptors
from gistwire_client.watching import WatchCall, WatchRetry, watch_articles

UNARY_TIMEOUT_S: Final = 10.0
"""Default time for a call that only reads or deletes one thing, in seconds."""


class HealthStatus(Enum):
    """What a server says of itself, as grpc.health.v1 has it."""

    UNKNOWN = health_pb2.HealthCheckResponse.UNKNOWN
    SERVING = health_pb2.HealthCheckResponse.SERVING
    NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
    SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class SearchOptions(TypedDict, total=False):
    """What may be said of a search besides its query. What is absent takes the server's default."""

    filter: str
    """AIP-160 expression over source, language, category and published."""
    retrieval: specs_pb2.RetrievalSpec | None
    """How articles are retrieved."""
    summary: specs_pb2.SummarySpec | None
    """How hits are summarized."""
    rank: specs_pb2.RankSpec | None
    """How hits are ranked."""
    user: specs_pb2.UserContext | None
    """For whom the search is made."""
    explain: bool
    """Whether the final order and the summaries are explained."""


class GistwireClient:
    """A connection to a Gistwire server. Any number of calls may be under way at a time.

        async with GistwireClient("127.0.0.1:50051") as client:
            async for event in client.stream_search("storms in the north"):
                ...

    Every method raises, besides what it names:

        RequestRefusedError: the server does not accept the request.
        UnreachableError: no server answers.
        DeadlineExceededError: `timeout_s` ran out.
        CallFailedError: the server could not carry the request out.

    Args:
        target: ``"HOST:PORT"``, or any name that gRPC resolves, such as ``"unix:/run/gistwire.sock"``.
        credentials: for TLS, such as from `tls_credentials`; None for a connection without encryption.
        api_key: who calls, as a server knows it by ``gistwire keys``; None for no key.
        token_provider: gives a token of an identity provider instead; asked before each call.
        allow_plaintext_credentials: whether key or token may be sent to another machine without encryption, in a
            network that is yours alone.
        ingest_retry: how a broken ingest stream is resumed.
        watch_retry: how a broken watch is resumed.
        tenant: whose articles all calls are about; None for the server's default tenant, or the only one that the
            caller may reach.

    Raises:
        ValueError: a key or a token would be sent to another machine without encryption; or both are given.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        api_key: str | None = None,
        token_provider: TokenProvider | None = None,
        allow_plaintext_credentials: bool = False,
        ingest_retry: IngestRetry | None = None,
        watch_retry: WatchRetry | None = None,
        tenant: str | None = None,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._ingest_retry = ingest_retry or IngestRetry()
        self._watch_retry = watch_retry or WatchRetry()
        self._tenant = tenant
        self._bearer = bearer(api_key, token_provider)
        readable = credentials is None and not stays_on_machine(target)
        if self._bearer is not None and readable and not allow_plaintext_credentials:
            raise ValueError(
                "a key or token would be sent to another machine without encryption; use TLS, or say "
                "allow_plaintext_credentials"
            )
        named = tenant is not None or self._bearer is not None
        self._interceptors = metadata_interceptors(self._metadata) if named else None
        self._opened: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        # Not earlier: a channel belongs to the loop that runs when it is made.
        interceptors = (*tracing_interceptors(), *(self._interceptors or ())) or None
        if self._credentials is None:
            self._opened = grpc.aio.insecure_channel(self._target, CHANNEL_OPTIONS, interceptors=interceptors)
        else:
            self._opened = grpc.aio.secure_channel(
                self._target, self._credentials, CHANNEL_OPTIONS, interceptors=interceptors
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the calls that are under way and gives back the connection. May be called twice."""
        if self._opened is not None:
            channel, self._opened = self._opened, None
            await channel.close()

    def stream_search(
        self, query: str, *, top_k: int = 10, timeout_s: float | None = None, **options: Unpack[SearchOptions]
    ) -> AsyncGenerator[search_pb2.StreamSearchResponse, None]:
        """Searches, and yields each event as soon as it is known. Leaving the generator cancels the search.

        Args:
            query: what is searched for, in words.
            top_k: number of hits wanted, at most 100.
            timeout_s: time for the whole search, in seconds; None for the server's default.
            options: see `SearchOptions`.

        Yields:
            events in the order that events.proto guarantees; the last one is ``completed``.

        Raises:
            SearchFailedError: the stream ended without ``completed``.
        """

        def start() -> (
            "grpc.aio.UnaryStreamCall[search_pb2.StreamSearchRequest, search_pb2.StreamSearchResponse]"
        ):
            request = search_pb2.StreamSearchRequest(query=query, top_k=top_k, **options)
            return search_pb2_grpc.SearchServiceStub(self._channel).StreamSearch(request, timeout=timeout_s)

        return events_of(
            start, incomplete=SearchFailedError("the search stream ended before the search was completed")
        )

    async def search(
        self,
        query: str,
        *,
        page_size: int = 10,
        page_token: str = "",
        timeout_s: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> search_pb2.SearchResponse:
        """Searches, and returns one page of summarized, ranked results.

        Args:
            query: what is searched for, in words.
            page_size: results on the page, at most 100.
            page_token: `next_page_token` of the page before, or `result_token` of a stream's ``hits``.
            timeout_s: time for the page, in seconds; None for the server's default.
            options: see `SearchOptions`; the same on all pages.
        """
        request = search_pb2.SearchRequest(query=query, page_size=page_size, page_token=page_token, **options)
        try:
            return await search_pb2_grpc.SearchServiceStub(self._channel).Search(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    async def search_pages(
        self,
        query: str,
        *,
        page_size: int = 10,
        timeout_s: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> AsyncGenerator[search_pb2.SearchResponse, None]:
        """Searches, and yields page after page to the last. The next is asked for when one was handled.

        Args:
            query: what is searched for, in words.
            page_size: results on a page, at most 100.
            timeout_s: time for each page, in seconds; None for the server's default.
            options: see `SearchOptions`.
        """
        page_token = ""
        while True:
            page = await self.search(
                query, page_size=page_size, page_token=page_token, timeout_s=timeout_s, **options
            )
            yield page
            if not page.next_page_token:
                return
            page_token = page.next_page_token

    def watch(
        self,
        query: str,
        *,
        filter: str = "",  # noqa: A002
        past_hits: int | None = None,
        min_similarity: float | None = None,
        summary: specs_pb2.SummarySpec | None = None,
        resume_token: str = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[search_pb2.WatchResponse, None]:
        """Yields past hits, and then each new article that matches, without end. Leaving the generator ends it.

        A stream that breaks because the server cannot be reached, shuts down or has too much work is resumed after
        the last event that was taken, if one was; ``started`` comes again then.

        Args:
            query: what is searched for, in words.
            filter: AIP-160 expression over source, language, category and published.
            past_hits: past hits to begin with, at most 100; None for the server's default.
            min_similarity: from which similarity, in [0, 1], an article matches; None for the server's default.
            summary: how hits are summarized.
            resume_token: `resume_token` of the last event that was handled; empty to begin now.
            timeout_s: time for the whole watch, in seconds; None for no end.

        Yields:
            events in the order that search.proto guarantees.

        Raises:
            UnreachableError: the server could not be reached again.
        """
        request = search_pb2.WatchRequest(
            query=query,
            filter=filter,
            past_hits=past_hits,
            min_similarity=min_similarity,
            summary=summary,
            resume_token=resume_token,
        )
        return watch_articles(self._open_watch, request, self._watch_retry, timeout_s=timeout_s)

    def recommend(
        self,
        user_id: str,
        *,
        top_k: int = 10,
        filter: str = "",  # noqa: A002
        exploration: float | None = None,
        summary: specs_pb2.SummarySpec | None = None,
        rank: specs_pb2.RankSpec | None = None,
        explain: bool = False,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[recommendation_pb2.StreamRecommendResponse, None]:
        """Recommends news, and yields each event as soon as it is known. Leaving the generator cancels the call.

        Args:
            user_id: for whom; a user who is not known gets what is popular and fresh.
            top_k: number of hits wanted, at most 100.
            filter: AIP-160 expression over source, language, category and published.
            exploration: share of hits from outside the known interests, in [0, 1]; None for the server's default.
            summary: how hits are summarized.
            rank: how hits are ranked.
            explain: whether the final order and the summaries are explained.
            timeout_s: time for it all, in seconds; None for the server's default.

        Yields:
            events in the order that recommendation.proto guarantees; the last one is ``completed``.
        """
        request = recommendation_pb2.StreamRecommendRequest(
            user_id=user_id,
            top_k=top_k,
            filter=filter,
            exploration=exploration,
            summary=summary,
            rank=rank,
            explain=explain,
        )
        return recommendations.stream_recommend(self._channel, request, timeout_s=timeout_s)

    def summarize(
        self,
        article_ids: Iterable[str] = (),
        *,
        articles: Iterable[article_pb2.Article] = (),
        query: str = "",
        summary: specs_pb2.SummarySpec | None = None,
        explain: bool = False,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[summary_pb2.StreamSummarizeResponse, None]:
        """Summarizes given articles, and yields each event as soon as it is known. Leaving it cancels the call.

        Args:
            article_ids: indexed articles, at most 100.
            articles: articles that are sent along and not indexed, at most 100.
            query: what the summaries are for, in words; empty for the articles as a whole.
            summary: how they are summarized.
            explain: whether to tell which sentences of an article support its summary.
            timeout_s: time for it all, in seconds; None for the server's default.

        Yields:
            events in the order that summary.proto guarantees; the last one is ``completed``.
        """
        request = summaries.summarize_request(
            article_ids, articles, query=query, summary=summary, explain=explain
        )
        return summaries.stream_summarize(self._channel, request, timeout_s=timeout_s)

    def digest(
        self,
        query: str = "",
        *,
        article_ids: Iterable[str] = (),
        topic_id: str = "",
        timeout_s: float | None = None,
        **options: Unpack[summaries.DigestOptions],
    ) -> AsyncGenerator[summary_pb2.StreamDigestResponse, None]:
        """Asks for one text over several articles, and yields each event as soon as it is known.

        Args:
            query: draws on the best hits of this query.
            article_ids: draws on these articles instead, at most 50.
            topic_id: draws on a topic instead.
            timeout_s: time for the whole digest, in seconds; None for the server's default.
            options: see `summaries.DigestOptions`.

        Yields:
            events in the order that summary.proto guarantees; the last one is ``completed``.

        Raises:
            ValueError: none or several of query, articles and topic are given.
        """
        request = summaries.digest_request(query, article_ids, topic_id, options)
        return summaries.stream_digest(self._channel, request, timeout_s=timeout_s)

    def topics(
        self,
        *,
        window: timedelta | None = None,
        until: datetime | None = None,
        filter: str = "",  # noqa: A002
        max_topics: int = 10,
        digests: bool = True,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[topic_pb2.StreamTopicsResponse, None]:
        """Asks for the stories of a time window, and yields each event as soon as it is known.

        Args:
            window: length of the window, from 1 hour to 90 days; None for the server's default.
            until: its end, with a time zone; None for now.
            filter: AIP-160 expression over source, language, category and published.
            max_topics: most topics wanted, at most 100.
            digests: whether each gets a digest.
            timeout_s: time for it all, in seconds; None for the server's default.

        Yields:
            ``started``; the topics, best first; their digests, as they are ready; ``completed``.

        Raises:
            ValueError: `until` has no time zone.
        """
        request = topics.topics_request(
            window=window, until=until, filter_=filter, max_topics=max_topics, digests=digests
        )
        return topics.stream_topics(self._channel, request, timeout_s=timeout_s)

    async def get_article(
        self, article_id: str, *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> article_pb2.Article:
        """Returns an article. One that does not exist is refused with the reason ``ARTICLE_NOT_FOUND``."""
        request = article_pb2.GetArticleRequest(id=article_id)
        try:
            stub = article_pb2_grpc.ArticleServiceStub(self._channel)
            return (await stub.GetArticle(request, timeout=timeout_s)).article
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    async def delete_article(
        self, article_id: str, *, allow_missing: bool = False, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> bool:
        """Deletes an article with all that was derived from it; says whether there was one.

        One that does not exist is refused with the reason ``ARTICLE_NOT_FOUND``, unless `allow_missing`.
        """
        request = article_pb2.DeleteArticleRequest(id=article_id, allow_missing=allow_missing)
        try:
            stub = article_pb2_grpc.ArticleServiceStub(self._channel)
            return (await stub.DeleteArticle(request, timeout=timeout_s)).deleted
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    def ingest(
        self, articles: Articles, *, options: article_pb2.IngestOptions | None = None
    ) -> AsyncGenerator[IngestEvent, None]:
        """Sends articles to be indexed, as fast as the server takes them and the caller takes the events.

        A stream that breaks because the server cannot be reached is opened again, and what was not
        acknowledged is sent again: an article that had been indexed by then counts as unchanged.

        Args:
            articles: what to send. An iterable that is not async is iterated in a thread, so it may block.
            options: when articles are visible to searches; None for before they are acknowledged.

        Yields:
            an acknowledgement for each article, whose `sequence` is the article's place in `articles` from 1;
            at the end the totals of them all.

        Raises:
            UnreachableError: the server could not be reached again.
            Exception: whatever `articles` raises.
        """
        return ingest_articles(self._open_ingest, articles, self._ingest_retry, options)

    async def write_user_events(
        self, events: Sequence[user_event_pb2.UserEvent], *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> user_event_pb2.WriteUserEventsResponse:
        """Writes what users did; an event that was written before has no effect.

        Args:
            events: at least 1, at most 1,000.
            timeout_s: time for the call, in seconds; None for no limit.

        Returns:
            how many were new, how many were not, and why others are refused.
        """
        return await user_events.write_user_events(self._channel, events, timeout_s=timeout_s)

    async def user_profile(
        self, user_id: str, *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> user_event_pb2.UserProfile:
        """Returns what is known of a user. If nothing is, it is refused with the reason ``USER_NOT_FOUND``."""
        return await user_events.user_profile(self._channel, user_id, timeout_s=timeout_s)

    async def update_user_profile(
        self, user_id: str, tags: Sequence[str], *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> user_event_pb2.UserProfile:
        """Replaces the interests that a user states in words; returns the profile as it is then.

        Args:
            user_id: the user.
            tags: at most 20, of 200 characters each; none drops those that were stated.
            timeout_s: time for the call, in seconds; None for no limit.
        """
        return await user_events.update_user_profile(self._channel, user_id, tags, timeout_s=timeout_s)

    async def purge_user(self, user_id: str, *, timeout_s: float | None = user_events.PURGE_TIMEOUT_S) -> int:
        """Erases a user with all that was derived from their events; returns the number of events.

        One who is not known has none. A call that failed is to be repeated.
        """
        return await user_events.purge_user(self._channel, user_id, timeout_s=timeout_s)

    async def health(self, *, service: str = "", timeout_s: float | None = UNARY_TIMEOUT_S) -> HealthStatus:
        """Asks the server whether it serves.

        Args:
            service: full name of one of its services, such as ``"gistwire.v1.SearchService"``; empty for all of it.
            timeout_s: time for the answer, in seconds; None for no limit.
        """
        check = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            response = await check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        return HealthStatus(response.status)

    @property
    def _channel(self) -> grpc.aio.Channel:
        if self._opened is None:
            raise RuntimeError("the client is not open: use it with `async with`")
        return self._opened

    async def _metadata(self) -> Metadata:
        named = [] if self._tenant is None else [(TENANT_METADATA, self._tenant)]
        if self._bearer is not None:
            named.append((CREDENTIAL_METADATA, f"Bearer {await self._bearer()}"))
        return named

    def _open_ingest(self) -> IngestCall:
        return article_pb2_grpc.ArticleServiceStub(self._channel).StreamIngest()

    def _open_watch(self, request: search_pb2.WatchRequest, timeout_s: float | None) -> WatchCall:
        return search_pb2_grpc.SearchServiceStub(self._channel).Watch(request, timeout=timeout_s)
