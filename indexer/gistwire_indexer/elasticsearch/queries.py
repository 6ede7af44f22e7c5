"""Queries as Elasticsearch reads them: filters, and the two lists of a retrieval; used by `ElasticsearchIndex`."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeAlias

from gistwire_models.encoder import Embedding

from gistwire_indexer.analysis import query_alternatives
from gistwire_indexer.encoding import to_microseconds
from gistwire_indexer.filter import And, Comparison, Field, Filter, Not, Operator, Or, Presence

Query: TypeAlias = dict[str, Any]

# Words beyond these say little, and a cluster refuses queries of too many clauses.
_MAX_WORDS = 128

# Candidates that each segment's graph gives before the best are chosen by their exact vectors. At a million articles
# in 27 segments, 400 find 97.8 % of the ten nearest, 200 find 96.5 % in half a millisecond less
# (`python -m benchmarks growth`).
_CANDIDATES_PER_HIT = 2
_MIN_CANDIDATES = 400
_MAX_CANDIDATES = 10_000

_RANGES = {
    Operator.LESS: "lt",
    Operator.LESS_OR_EQUAL: "lte",
    Operator.GREATER: "gt",
    Operator.GREATER_OR_EQUAL: "gte",
}

_INDEXED_AS = {
    Field.SOURCE: "source_folded",
    Field.CATEGORY: "category_folded",
    Field.LANGUAGE: "language",
    Field.PUBLISHED: "published",
}


def filter_query(node: Filter) -> Query:
    """A filter that lets through what `node.matches` does."""
    match node:
        case And(operands):
            return {"bool": {"filter": [filter_query(operand) for operand in operands]}}
        case Or(operands):
            return {"bool": {"should": [filter_query(operand) for operand in operands]}}
        case Not(operand):
            return {"bool": {"must_not": [filter_query(operand)]}}
        case Presence(field):
            return {"exists": {"field": _INDEXED_AS[field]}}
        case Comparison(field, Operator.NOT_EQUAL, value):
            return {"bool": {"must_not": [_equal(field, value)]}}
        case Comparison(field, Operator.EQUAL, value):
            return _equal(field, value)
        case Comparison(field, operator, value):
            return {"range": {_INDEXED_AS[field]: {_RANGES[operator]: _value(value)}}}


def filters_of(node: Filter | None) -> list[Query]:
    """What must hold for a filter; nothing if there is none."""
    return [] if node is None else [filter_query(node)]


def lexical_query(text: str, languages: Collection[str], filters: list[Query]) -> Query | None:
    """Articles that hold a word of a text, by BM25; None if it has no words.

    Args:
        text: the text.
        languages: languages whose stems are looked for.
        filters: what else must hold.
    """
    words = query_alternatives(text, languages)[:_MAX_WORDS]
    if not words:
        return None
    return {
        "bool": {"should": [_word(terms) for terms in words], "minimum_should_match": 1, "filter": filters}
    }


def dense_query(embedding: Embedding, depth: int, filters: list[Query]) -> Query:
    """The articles nearest to an embedding, by exact cosines of the candidates that the graph gives."""
    candidates = min(max(_CANDIDATES_PER_HIT * depth, _MIN_CANDIDATES), _MAX_CANDIDATES)
    return {
        "knn": {
            "field": "embedding",
            "query_vector": embedding.tolist(),
            "k": candidates,
            "num_candidates": candidates,
            "rescore_vector": {"oversample": 1.0},
            "filter": filters,
        }
    }


def ranked_search(query: Query, depth: int) -> dict[str, Any]:
    """A search for the identifiers of the best, ties broken by identifier."""
    return {
        "query": query,
        "size": depth,
        "sort": [{"_score": "desc"}, {"id": "asc"}],
        "_source": False,
        "docvalue_fields": ["id", "duplicate_of"],
        "track_total_hits": False,
    }


def _word(terms: tuple[str, ...]) -> Query:
    """A word that may stand under several terms: the best of them counts, not their sum."""
    queries: list[Query] = [{"term": {"terms": term}} for term in terms]
    return queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries}}


def _equal(field: Field, value: str | datetime) -> Query:
    return {"term": {_INDEXED_AS[field]: _value(value)}}


def _value(value: str | datetime) -> str | int:
    return to_microseconds(value) if isinstance(value, datetime) else value.casefold()
