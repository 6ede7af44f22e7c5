"""Where a text has words of the query: `QueryHighlighter` makes the highlights of hits."""

from functools import lru_cache

from gistwire.v1 import events_pb2
from gistwire_indexer.analysis import LocatedTerm, locate_terms

from gistwire_server.query_terms import QueryTerms


class QueryHighlighter:
    """Finds the words of one query by the analysis of lexical retrieval, so that their other forms are found too."""

    def __init__(self, terms: QueryTerms) -> None:
        self._terms = terms

    def highlights(self, text: str, language: str) -> list[events_pb2.Highlight]:
        """Returns where `text` has words of the query, in order, disjoint, and not touching each other.

        Args:
            text: any text.
            language: ISO 639 code of its language; ``"und"`` if it is not known.
        """
        terms = self._terms.in_articles(language)
        merged: list[events_pb2.Highlight] = []
        for located in _located(text, language):
            if located.term not in terms:
                continue
            # Bigrams of one word overlap, and words of scripts without spaces touch.
            if merged and located.start <= merged[-1].end:
                merged[-1].end = max(merged[-1].end, located.end)
            else:
                merged.append(events_pb2.Highlight(start=located.start, end=located.end))
        return merged


@lru_cache(maxsize=4_096)
def _located(text: str, language: str) -> tuple[LocatedTerm, ...]:
    """Terms of a headline or an extract, which many queries find."""
    return tuple(locate_terms(text, language))
