"""`SyncGistwireClient`: `GistwireClient` for programs without an event loop."""

from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Self, Unpack

import grpc
from gistwire.v1 import article_pb2, search_pb2, specs_pb2

from gistwire_client.client import UNARY_TIMEOUT_S, GistwireClient, HealthStatus, SearchOptions
from gistwire_client.ingestion import IngestEvent, IngestRetry
from gistwire_client.portal import LoopPortal
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
        ingest_retry: IngestRetry | None = None,
        watch_retry: WatchRetry | None = None,
        tenant: str | None = None,
    ) -> None:
        self._client = GistwireClient(
            target, credentials=credentials, ingest_retry=ingest_retry, watch_retry=watch_retry, tenant=tenant
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

    def health(self, *, timeout_s: float | None = UNARY_TIMEOUT_S) -> HealthStatus:
        """As `GistwireClient.health`."""
        return self._portal.run(self._client.health(timeout_s=timeout_s))

    @property
    def _portal(self) -> LoopPortal:
        if self._opened is None:
            raise RuntimeError("the client is not open: use it with `with`")
        return self._opened
