"""Articles written for the tests of digests."""

from datetime import UTC, datetime

import numpy as np
from gistwire_indexer.article import Article
from gistwire_indexer.index import IndexedArticle

PUBLISHED = datetime(2026, 10, 5, 12, tzinfo=UTC)


def indexed(
    article_id: str,
    body: str,
    *,
    headline: str = "Earthquake hits Ellery",
    source: str = "",
    language: str = "en",
    published: datetime | None = PUBLISHED,
    duplicate_of: str | None = None,
) -> IndexedArticle:
    """An article as the index would hold it; of a publisher of its own unless told otherwise."""
    article = Article(
        id=article_id,
        headline=headline,
        body=body,
        source=source or f"Publisher {article_id}",
        language=language,
        published=published,
    )
    embedding = np.zeros(8, dtype=np.float32)
    return IndexedArticle(article, article.revision(), PUBLISHED, duplicate_of, embedding)
