"""`SyncGistwireClient`: `GistwireClient` for programs without an event loop."""

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, Unpack

import grpc
from gistwire.v1 import (
    article_pb2,
    recommendation_pb2,
    search_pb2,
    specs_pb2,
    summary_pb2,
    topic_pb2,
    user_event_pb2,
)

from gistwire_client.client import UNARY_TIMEOUT_S, GistwireClient, HealthStatus, SearchOptions
from gistwire_client.credentials import TokenProvider
from gistwire_client.ingestion import IngestEvent, IngestRetry
from gistwire_client.portal import LoopPortal
from gistwire_client.summaries import DigestOptions
from gistwire_client.user_events import PURGE_TIMEOUT_S
from gistwire_client.watching import WatchRetry


class SyncGistwireClient:
    """A connection to a Gistwire server; any number of threads may use it.

        with SyncGistwireClient("127.0.0.1:50051") as client:
            for event in client.stream_search("storms in the north"):
                ...

    Every method is that of the same name of `GistwireClient`, run on an event loop in the background;
    generators take the place of async generators.
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
        self._client = GistwireClient(
            target,
            credentials=credentials,
            api_key=api_key,
            token_provider=token_provider,
            allow_plaintext_credentials=allow_plaintext_credentials,
            ingest_retry=ingest_retry,
            watch_retry=watch_retry,
            tenant=tenant,
        )
        self._opened: LoopPortal | None = None

    def __enter__(self) -> Self:
        self._opened = LoopPortal()
        self._portal.run(self._client.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """As `GistwireClient.close`; also ends the thread in the background."""
        if self._opened is not None:
            portal, self._opened = self._opened, None
            try:
                portal.run(self._client.close())
            finally:
                portal.close()

    def stream_search(
        self, query: str, *, top_k: int = 10, timeout_s: float | None = None, **options: Unpack[SearchOptions]
    ) -> Generator[search_pb2.StreamSearchResponse, None, None]:
        """As `GistwireClient.stream_search`."""
        return self._portal.iterate(
            self._client.stream_search(query, top_k=top_k, timeout_s=timeout_s, **options)
        )

    def search(
        self,
        query: str,
        *,
        page_size: int = 10,
        page_token: str = "",
        timeout_s: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> search_pb2.SearchResponse:
        """As `GistwireClient.search`."""
        return self._portal.run(
            self._client.search(
                query, page_size=page_size, page_token=page_token, timeout_s=timeout_s, **options
            )
        )

    def search_pages(
        self,
        query: str,
        *,
        page_size: int = 10,
        timeout_s: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> Generator[search_pb2.SearchResponse, None, None]:
        """As `GistwireClient.search_pages`."""
        return self._portal.iterate(
            self._client.search_pages(query, page_size=page_size, timeout_s=timeout_s, **options)
        )

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
    ) -> Generator[search_pb2.WatchResponse, None, None]:
        """As `GistwireClient.watch`."""
        return self._portal.iterate(
            self._client.watch(
                query,
                filter=filter,
                past_hits=past_hits,
                min_similarity=min_similarity,
                summary=summary,
                resume_token=resume_token,
                timeout_s=timeout_s,
            )
        )

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
    ) -> Generator[recommendation_pb2.StreamRecommendResponse, None, None]:
        """As `GistwireClient.recommend`."""
        return self._portal.iterate(
            self._client.recommend(
                user_id,
                top_k=top_k,
                filter=filter,
                exploration=exploration,
                summary=summary,
                rank=rank,
                explain=explain,
                timeout_s=timeout_s,
            )
        )

    def summarize(
        self,
        article_ids: Iterable[str] = (),
        *,
        articles: Iterable[article_pb2.Article] = (),
        query: str = "",
        summary: specs_pb2.SummarySpec | None = None,
        explain: bool = False,
        timeout_s: float | None = None,
    ) -> Generator[summary_pb2.StreamSummarizeResponse, None, None]:
        """As `GistwireClient.summarize`."""
        return self._portal.iterate(
            self._client.summarize(
                article_ids,
                articles=articles,
                query=query,
                summary=summary,
                explain=explain,
                timeout_s=timeout_s,
            )
        )

    def digest(
        self,
        query: str = "",
        *,
        article_ids: Iterable[str] = (),
        topic_id: str = "",
        timeout_s: float | None = None,
        **options: Unpack[DigestOptions],
    ) -> Generator[summary_pb2.StreamDigestResponse, None, None]:
        """As `GistwireClient.digest`."""
        return self._portal.iterate(
            self._client.digest(
                query, article_ids=article_ids, topic_id=topic_id, timeout_s=timeout_s, **options
            )
        )

    def topics(
        self,
        *,
        window: timedelta | None = None,
        until: datetime | None = None,
        filter: str = "",  # noqa: A002
        max_topics: int = 10,
        digests: bool = True,
        timeout_s: float | None = None,
    ) -> Generator[topic_pb2.StreamTopicsResponse, None, None]:
        """As `GistwireClient.topics`."""
        return self._portal.iterate(
            self._client.topics(
                window=window,
                until=until,
                filter=filter,
                max_topics=max_topics,
                digests=digests,
                timeout_s=timeout_s,
            )
        )

    def get_article(
        self, article_id: str, *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> article_pb2.Article:
        """As `GistwireClient.get_article`."""
        return self._portal.run(self._client.get_article(article_id, timeout_s=timeout_s))

    def delete_article(
        self, article_id: str, *, allow_missing: bool = False, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> bool:
        """As `GistwireClient.delete_article`."""
        return self._portal.run(
            self._client.delete_article(article_id, allow_missing=allow_missing, timeout_s=timeout_s)
        )

    def ingest(
        self, articles: Iterable[article_pb2.Article], *, options: article_pb2.IngestOptions | None = None
    ) -> Generator[IngestEvent, None, None]:
        """As `GistwireClient.ingest`."""
        return self._portal.iterate(self._client.ingest(articles, options=options))

    def write_user_events(
        self, events: Sequence[user_event_pb2.UserEvent], *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> user_event_pb2.WriteUserEventsResponse:
        """As `GistwireClient.write_user_events`."""
        return self._portal.run(self._client.write_user_events(events, timeout_s=timeout_s))

    def user_profile(
        self, user_id: str, *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> user_event_pb2.UserProfile:
        """As `GistwireClient.user_profile`."""
        return self._portal.run(self._client.user_profile(user_id, timeout_s=timeout_s))

    def update_user_profile(
        self, user_id: str, tags: Sequence[str], *, timeout_s: float | None = UNARY_TIMEOUT_S
    ) -> user_event_pb2.UserProfile:
        """As `GistwireClient.update_user_profile`."""
        return self._portal.run(self._client.update_user_profile(user_id, tags, timeout_s=timeout_s))

    def purge_user(self, user_id: str, *, timeout_s: float | None = PURGE_TIMEOUT_S) -> int:
        """As `GistwireClient.purge_user`."""
        return self._portal.run(self._client.purge_user(user_id, timeout_s=timeout_s))

    def health(self, *, service: str = "", timeout_s: float | None = UNARY_TIMEOUT_S) -> HealthStatus:
        """As `GistwireClient.health`."""
        return self._portal.run(self._client.health(service=service, timeout_s=timeout_s))

    @property
    def _portal(self) -> LoopPortal:
        if self._opened is None:
            raise RuntimeError("the client is not open: use it with `with`")
        return self._opened
