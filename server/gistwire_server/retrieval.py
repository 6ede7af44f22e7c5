"""From a query to the fused list: lexical and dense retrieval, fusion, and collapse of near-duplicates."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec
from gistwire_indexer.index import ArticleIndex, Retrieval, RetrievalQuery, Retrieved, RetrievedLists
from gistwire_models.encoder import Embedding

from gistwire_server.plan import RetrievalPlan, SearchPlan

_COVERED_SCRIPTS = ("LATIN", "DIGIT", "GREEK", "CYRILLIC")
"""Scripts, by the beginning of a character's Unicode name, that the default encoder was trained on at all."""


class FusedHit(msgspec.Struct, frozen=True):
    """An article in the fused list.

    Attributes:
        id: the article's identifier.
        fusion: fused score, divided by the best of the list: in (0, 1].
        lexical: BM25 score, divided by the best of its list; None if the article is not in it.
        dense: cosine, mapped from [-1, 1] to [0, 1]; None if the article is not in the dense list.
        lexical_rank: place in the lexical list, from 1; None if it is not in it.
        dense_rank: place in the dense list, from 1; None if it is not in it.
        duplicate_ids: near-duplicates that collapsed under this article, best first.
    """

    id: str
    fusion: float
    lexical: float | None = None
    dense: float | None = None
    lexical_rank: int | None = None
    dense_rank: int | None = None
    duplicate_ids: tuple[str, ...] = ()


def begin_retrieval(plan: SearchPlan, index: ArticleIndex) -> Retrieval:
    """Begins to find the articles of a search while its query is still being embedded, where the index can.

    Args:
        plan: what is searched for.
        index: where.

    Raises:
        IndexUnavailableError: the index was closed.
    """
    retrieval = plan.retrieval
    text = plan.query if retrieval.lexical_weight > 0 else None
    return index.begin_retrieval(RetrievalQuery(text, None, plan.filter, retrieval.depth))


async def retrieve(
    plan: SearchPlan,
    index: ArticleIndex,
    query_embedding: Embedding | None,
    *,
    dense_weight_uncovered: float,
    begun: Retrieval | None = None,
) -> tuple[FusedHit, ...]:
    """Finds the articles of a search.

    Args:
        plan: what is searched for.
        index: where.
        query_embedding: ``float32 [dimension]``; None to retrieve by words only.
        dense_weight_uncovered: factor of the dense weight for queries in a script that the encoder does not know.
        begun: what `begin_retrieval` returned; None to begin now.

    Returns:
        The fused list, best first, near-duplicates collapsed if the plan says so.

    Raises:
        IndexUnavailableError: the index does not answer.
    """
    retrieval = plan.retrieval
    begun = begin_retrieval(plan, index) if begun is None else begun
    lists = await begun.lists(query_embedding if retrieval.dense_weight > 0 else None)
    dense_factor = 1.0 if is_covered(plan.query) else dense_weight_uncovered
    fused = fuse(lists, retrieval, dense_factor=dense_factor)
    if not plan.rank.collapse:
        return tuple(fused)
    originals = {each.id: each.duplicate_of for each in (*lists.lexical, *lists.dense)}
    return tuple(collapse(fused, originals))


def is_covered(query: str) -> bool:
    """Whether most letters of a query are in scripts that the default encoder was trained on."""
    if query.isascii():
        return True
    letters = [char for char in query if char.isalnum()]
    covered = sum(unicodedata.name(char, "").startswith(_COVERED_SCRIPTS) for char in letters)
    return covered * 2 >= len(letters)


def fuse(lists: RetrievedLists, plan: RetrievalPlan, *, dense_factor: float = 1.0) -> list[FusedHit]:
    """Merges two ranked lists by weighted reciprocal rank fusion.

    The score of an article is the sum over the lists of ``weight / (k + rank)`` (Cormack, Clarke and Buettcher,
    2009, with a weight for each list). The inputs' scores play no part in it.

    Returns:
        Articles of either list, best first, ties broken by identifier.
    """
    scores: defaultdict[str, float] = defaultdict(float)
    lexical_ranks = _ranks(lists.lexical)
    dense_ranks = _ranks(lists.dense)
    for ranks, weight in (
        (lexical_ranks, plan.lexical_weight),
        (dense_ranks, plan.dense_weight * dense_factor),
    ):
        for article_id, rank in ranks.items():
            scores[article_id] += weight / (plan.fusion_constant + rank)
    best_score = max(scores.values(), default=0.0) or 1.0
    best_lexical = max((each.score for each in lists.lexical), default=0.0) or 1.0
    lexical = {each.id: each.score / best_lexical for each in lists.lexical}
    dense = {each.id: similarity(each.score) for each in lists.dense}
    # The second sort leaves equals in the order of the first.
    order = sorted(sorted(scores), key=scores.__getitem__, reverse=True)
    # Hundreds are made for each search: keywords and bound methods in the loop would take half as long again.
    lexical_of, dense_of = lexical.get, dense.get
    lexical_rank_of, dense_rank_of = lexical_ranks.get, dense_ranks.get
    return [
        FusedHit(
            article_id,
            scores[article_id] / best_score,
            lexical_of(article_id),
            dense_of(article_id),
            lexical_rank_of(article_id),
            dense_rank_of(article_id),
        )
        for article_id in order
    ]


def similarity(cosine: float) -> float:
    """Maps a cosine from [-1, 1] to [0, 1], and rounding errors into it."""
    return min(max((cosine + 1) / 2, 0.0), 1.0)


def collapse(fused: Iterable[FusedHit], originals: Mapping[str, str | None]) -> list[FusedHit]:
    """Puts near-duplicates under the best of them.

    Args:
        fused: the fused list, best first.
        originals: for each of these articles, the one that it nearly repeats, or None.

    Returns:
        The best article of each group, in the order of `fused`, with the identifiers of the others.
    """
    best_of: dict[str, FusedHit] = {}
    others: defaultdict[str, list[str]] = defaultdict(list)
    for hit in fused:
        original = originals[hit.id] or hit.id
        if original in best_of:
            others[original].append(hit.id)
        else:
            best_of[original] = hit
    for original, duplicate_ids in others.items():
        best_of[original] = msgspec.structs.replace(best_of[original], duplicate_ids=tuple(duplicate_ids))
    return list(best_of.values())


def _ranks(retrieved: Iterable[Retrieved]) -> dict[str, int]:
    return {each.id: rank for rank, each in enumerate(retrieved, start=1)}
