"""`ArticleDelivery`: hands articles to the sink, and keeps those that it refuses as dead letters."""

import asyncio

from gistwire_indexer.crawler.sink import ArticleSink
from gistwire_indexer.dead_letter import DeadLetterFile
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.sources.record import RawArticle, SourceRecord


class ArticleDelivery:
    """Delivers articles. May be called from several tasks at once.

    Args:
        sink: where articles go.
        dead_letters: where refused ones go; stays the caller's. Its folder is made if it is needed.
    """

    def __init__(self, sink: ArticleSink, dead_letters: DeadLetterFile) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._writing = asyncio.Lock()

    async def deliver(self, article: RawArticle, *, origin: str, raw: str) -> WriteOutcome | None:
        """Delivers an article; None if it was refused.

        Args:
            article: the article.
            origin: the feed it comes from.
            raw: how it stands there.
        """
        try:
            return await self._sink.upsert(article)
        except ArticleError as error:
            record = SourceRecord.of(origin, None, raw, article)
            async with self._writing:
                await asyncio.to_thread(self._write_dead_letter, record, error)
            return None

    async def delete(self, article_id: str) -> None:
        """Deletes an article."""
        await self._sink.delete(article_id)

    def _write_dead_letter(self, record: SourceRecord, error: ArticleError) -> None:
        self._dead_letters.path.parent.mkdir(parents=True, exist_ok=True)
        self._dead_letters.write(record, error)
