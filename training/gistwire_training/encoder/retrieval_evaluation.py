"""Measures how well encoders find; used in training by its gate, and for the table of before and after.

A known item is a body that is looked for by its headline among all bodies of a split. Judged queries are those of
the sample corpus, which no training reads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import gistwire_indexer
import msgspec
import numpy as np
from gistwire_models.encoder import Embedding
from numpy.typing import NDArray

from gistwire_training.errors import TrainingDataError
from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate
from gistwire_training.pairs import Pair

_CUT = 10
_QUERIES_AT_ONCE = 512
_SAMPLE_CORPUS = Path(gistwire_indexer.__path__[0]) / "sample_corpus"
_JUDGED_PREFIX = "judged-"

EmbedTexts = Callable[[Sequence[str]], Embedding]
"""Texts to unit vectors, ``float32 [texts, dimension]``."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Queries with what they should find.

    Attributes:
        name: such as ``"known items, test"``.
        queries: the queries' texts.
        documents: the texts that are searched.
        relevant: for each query the places of its relevant documents, with their grades (1 or more).
    """

    name: str
    queries: Sequence[str]
    documents: Sequence[str]
    relevant: Sequence[Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class RetrievalQuality:
    """How well each query of a set was answered, each ``float64 [queries]`` in [0, 1].

    Attributes:
        reciprocal_rank: 1 over the place of the first relevant document; 0 beyond the tenth.
        ndcg: normalised discounted cumulative gain of the first ten, with gains ``2^grade − 1`` (Burges et al. 2005).
        recall: share of the relevant documents among the first ten.
    """

    reciprocal_rank: Values
    ndcg: Values
    recall: Values


class EncoderComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder on one set.

    Attributes:
        set_name: the set.
        encoder: the encoder's name.
        queries: number of queries.
        documents: number of documents searched.
        mrr: mean reciprocal rank of the first ten.
        ndcg: nDCG of the first ten.
        recall: recall of the first ten.
        ndcg_gain: nDCG less that of the first encoder, query by query.
    """

    set_name: str
    encoder: str
    queries: int
    documents: int
    mrr: Estimate
    ndcg: Estimate
    recall: Estimate
    ndcg_gain: Estimate


class _JudgedArticle(msgspec.Struct, frozen=True):
    id: str
    headline: str
    body: str = ""


class _JudgedQuery(msgspec.Struct, frozen=True):
    query: str
    relevant: Annotated[dict[str, Annotated[int, msgspec.Meta(ge=1, le=10)]], msgspec.Meta(min_length=1)]


Line = TypeVar("Line", _JudgedArticle, _JudgedQuery)


def known_items(name: str, pairs: Iterable[Pair]) -> RetrievalSet:
    """Makes a set in which each headline looks for its body.

    Raises:
        TrainingDataError: no pair has both.
    """
    whole = [pair for pair in pairs if pair.headline and pair.body]
    if not whole:
        raise TrainingDataError(f"{name}: no pair has a headline and a body")
    return RetrievalSet(
        name,
        queries=[pair.headline for pair in whole],
        documents=[pair.body for pair in whole],
        relevant=[{place: 1} for place in range(len(whole))],
    )


def judged_sets() -> list[RetrievalSet]:
    """Reads the judged queries of the sample corpus, each file over its own articles: one Chinese, two English."""
    return [
        read_judged_set(path, path.with_name(path.name.removeprefix(_JUDGED_PREFIX)))
        for path in sorted(_SAMPLE_CORPUS.glob(f"{_JUDGED_PREFIX}*.jsonl"))
    ]


def read_judged_set(queries: Path, articles: Path) -> RetrievalSet:
    """Reads queries and the articles that were judged for them.

    Args:
        queries: file of lines ``{"query": …, "relevant": {id: grade}}``, with grades from 1 to 10.
        articles: file of lines with ``id``, ``headline`` and ``body``.

    Raises:
        TrainingDataError: a file is missing or malformed, or a query's relevant article is not among the articles.
    """
    # A later line with the same id is a correction.
    texts = {
        article.id: f"{article.headline}\n{article.body}" for article in _read_lines(articles, _JudgedArticle)
    }
    places = {article_id: place for place, article_id in enumerate(texts)}
    judged = _read_lines(queries, _JudgedQuery)
    unknown = sorted({id_ for each in judged for id_ in each.relevant} - places.keys())
    if unknown or not judged:
        reason = f"{articles.name} lacks {', '.join(unknown)}" if unknown else "no queries"
        raise TrainingDataError(f"{queries}: {reason}")
    return RetrievalSet(
        name=f"judged queries, {articles.stem}",
        queries=[each.query for each in judged],
        documents=list(texts.values()),
        relevant=[{places[id_]: grade for id_, grade in each.relevant.items()} for each in judged],
    )


def measure_retrieval(
    retrieval: RetrievalSet, embed_queries: EmbedTexts, embed_documents: EmbedTexts
) -> RetrievalQuality:
    """Embeds a set, ranks its documents by cosine and measures the first ten."""
    documents = embed_documents(retrieval.documents)
    queries = embed_queries(retrieval.queries)
    found: list[list[int]] = []
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        cosines = queries[start : start + _QUERIES_AT_ONCE] @ documents.T
        found += np.argsort(-cosines, axis=1, kind="stable")[:, :_CUT].tolist()
    return measure_ranking(found, retrieval.relevant)


def measure_ranking(
    found: Sequence[Sequence[int]], relevant: Sequence[Mapping[int, int]]
) -> RetrievalQuality:
    """Measures rankings.

    Args:
        found: for each query the places of documents, best first; those beyond the tenth don't count.
        relevant: as in `RetrievalSet`.
    """
    measured = np.array(
        [_measure(places[:_CUT], grades) for places, grades in zip(found, relevant, strict=True)],
        dtype=np.float64,
    ).reshape(-1, 3)
    return RetrievalQuality(*measured.T)


def estimate_mean(values: Values) -> Estimate:
    """Returns a mean over queries with its bootstrap interval of 95 %.

    Args:
        values: ``float64 [queries]``, one or more; differences between two systems give a paired comparison.
    """
    return Bootstrap(len(values)).estimate(np.column_stack((values, np.ones(len(values)))))


def compare_encoders(
    retrieval: RetrievalSet, encoders: Mapping[str, tuple[EmbedTexts, EmbedTexts]]
) -> list[EncoderComparison]:
    """Measures encoders on a set, each against the first.

    Args:
        retrieval: the set.
        encoders: for each name how it embeds queries and documents; the base first.
    """
    qualities = {
        name: measure_retrieval(retrieval, embed_queries, embed_documents)
        for name, (embed_queries, embed_documents) in encoders.items()
    }
    base = next(iter(qualities.values()))
    return [
        EncoderComparison(
            set_name=retrieval.name,
            encoder=name,
            queries=len(retrieval.queries),
            documents=len(retrieval.documents),
            mrr=estimate_mean(quality.reciprocal_rank),
            ndcg=estimate_mean(quality.ndcg),
            recall=estimate_mean(quality.recall),
            ndcg_gain=estimate_mean(quality.ndcg - base.ndcg),
        )
        for name, quality in qualities.items()
    ]


def _read_lines(path: Path, kind: type[Line]) -> list[Line]:
    try:
        return msgspec.json.Decoder(kind).decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{path} cannot be read: {error}") from error


def _measure(found: Sequence[int], relevant: Mapping[int, int]) -> tuple[float, float, float]:
    """Reciprocal rank, nDCG and recall of one ranking."""
    hits = [rank for rank, place in enumerate(found, start=1) if place in relevant]
    gains = [2 ** relevant.get(place, 0) - 1 for place in found]
    ideal = sorted((2**grade - 1 for grade in relevant.values()), reverse=True)[:_CUT]
    reciprocal_rank = 1 / hits[0] if hits else 0.0
    return reciprocal_rank, _discounted(gains) / _discounted(ideal), len(hits) / len(relevant)


def _discounted(gains: Sequence[int]) -> float:
    discounts = np.log2(np.arange(2, len(gains) + 2))
    return float((np.array(gains, dtype=np.float64) / discounts).sum())
