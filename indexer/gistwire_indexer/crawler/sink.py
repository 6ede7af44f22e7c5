"""`ArticleSink`: where the crawler's articles go. The command line implements it over gRPC."""

from typing import Protocol

from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.sources.record import RawArticle


class ArticleSink(Protocol):
    """Takes articles in and out of an index. May be called from several tasks at once.

    What else a method raises ends the crawl; nothing is lost, for the crawler remembers only what was done.
    """

    async def upsert(self, article: RawArticle) -> WriteOutcome:
        """Indexes an article in place of an earlier one with its `id`; returns once that is durable.

        Raises:
            ArticleError: the article is refused for what it is.
        """
        ...

    async def delete(self, article_id: str) -> None:
        """Deletes an article with all that was derived from it; one that does not exist is no error."""
        ...
