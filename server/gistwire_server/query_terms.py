"""The words of a query as they stand in articles: `QueryTerms`, for extracts and highlights."""

from gistwire_indexer.analysis import STEMMED_LANGUAGES, analyze_query


class QueryTerms:
    """The terms of one query, by the analysis of lexical retrieval.

    Args:
        query: the query, in any language.
    """

    def __init__(self, query: str) -> None:
        self._query = query
        self._by_language: dict[str, frozenset[str]] = {}

    def in_articles(self, language: str) -> frozenset[str]:
        """Returns the terms under which articles in a language may hold words of the query.

        Args:
            language: ISO 639 code; ``"und"`` if it is not known.
        """
        stemmed = language if language in STEMMED_LANGUAGES else "und"
        terms = self._by_language.get(stemmed)
        if terms is None:
            # English stems are words of texts in unknown languages, too. Stemming in all languages takes 1 ms.
            terms = frozenset(analyze_query(self._query, [stemmed, "en"]))
            self._by_language[stemmed] = terms
        return terms
