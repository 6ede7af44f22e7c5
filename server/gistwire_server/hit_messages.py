"""The `Hit` messages of a query's streams: an article as a result list shows it (`HitWriter`)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gistwire.v1 import events_pb2
from gistwire_indexer.article import Article
from gistwire_indexer.index import IndexedArticle
from google.protobuf.timestamp_pb2 import Timestamp

from gistwire_server.extract import QueryExtractor
from gistwire_server.highlighting import QueryHighlighter
from gistwire_server.query_terms import QueryTerms


class HitWriter:
    """Writes the hits of one query."""

    def __init__(self, query: str) -> None:
        terms = QueryTerms(query)
        self._extractor = QueryExtractor(terms)
        self._highlighter = QueryHighlighter(terms)

    def hit(
        self,
        hit_id: str,
        indexed: IndexedArticle,
        signals: events_pb2.Signals,
        *,
        duplicate_ids: Sequence[str] = (),
    ) -> events_pb2.Hit:
        """Returns the message of a hit, with the extract and the highlights that suit the query.

        Args:
            hit_id: identifier within the stream.
            indexed: the article.
            signals: what is known of it.
            duplicate_ids: near-duplicates that collapsed under it.
        """
        article = indexed.article
        extract = self.extract(article)
        return events_pb2.Hit(
            hit_id=hit_id,
            article=article_view(article, indexed.revision),
            signals=signals,
            extract=extract,
            duplicate_ids=duplicate_ids,
            headline_highlights=self._highlighter.highlights(article.headline, article.language),
            extract_highlights=self._highlighter.highlights(extract, article.language),
        )

    def extract(self, article: Article) -> str:
        """Returns the extract that a hit shows of an article."""
        return self._extractor.extract(article)


def article_view(article: Article, revision: str) -> events_pb2.ArticleView:
    """What a result list shows of an article."""
    return events_pb2.ArticleView(
        id=article.id,
        headline=article.headline,
        url=article.url,
        source=article.source,
        language=article.language,
        category=article.category,
        published=None if article.published is None else timestamp(article.published),
        revision=revision,
    )


def timestamp(moment: datetime) -> Timestamp:
    """A protobuf timestamp of a moment with a time zone."""
    message = Timestamp()
    message.FromDatetime(moment.astimezone(UTC))
    return message
