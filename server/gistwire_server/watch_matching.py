"""Which new articles a watch shows: `ArticleMatcher`."""

from gistwire_indexer.analysis import query_alternatives
from gistwire_indexer.filter import Filter
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Embedding

from gistwire_server.index_poller import AnalyzedArticle
from gistwire_server.retrieval import is_covered, similarity


class ArticleMatcher:
    """Tells whether an article matches a query.

    Similarity alone would miss rare names, words alone other wordings: an article matches if it passes the filter and
    is similar enough or has every word of the query. To a query in a script that the encoder does not know everything
    is similar, so there words decide.

    Args:
        query: normalized, not empty.
        filter_: which articles take part; None for all.
        query_embedding: ``float32 [dimension]`` of the query.
        min_similarity: from which an article is similar enough, in [0, 1].

    Attributes:
        query_embedding: as given.
    """

    def __init__(
        self, query: str, filter_: Filter | None, query_embedding: Embedding, *, min_similarity: float
    ) -> None:
        self._filter = filter_
        self.query_embedding = query_embedding
        self._min_similarity = min_similarity
        self._similarity_decides = is_covered(query) or min_similarity == 0
        self._words = [frozenset(alternatives) for alternatives in query_alternatives(query)]

    def similarity(self, indexed: IndexedArticle) -> float:
        """Cosine of query and article, mapped to [0, 1]."""
        return similarity(float(self.query_embedding @ indexed.embedding))

    def matches(self, article: AnalyzedArticle) -> bool:
        """Whether the watch shows the article."""
        if self._filter is not None and not self._filter.matches(article.indexed.article):
            return False
        if self._similarity_decides and self.similarity(article.indexed) >= self._min_similarity:
            return True
        return bool(self._words) and all(not word.isdisjoint(article.terms) for word in self._words)
