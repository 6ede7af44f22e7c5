"""Why a hit is here and in its place: `explain_order`, which the final ranking of an explained search carries."""

from collections.abc import Iterable, Mapping, Sequence

from gistwire.v1 import events_pb2
from gistwire_indexer.analysis import analyze, query_alternatives
from gistwire_indexer.article import Article

from gistwire_server.plan import RetrievalPlan, SearchPlan
from gistwire_server.ranking import RankedHit, RankedSignals, contributions

RankedList = events_pb2.RetrievalContribution.RankedList


def explain_order(
    order: Iterable[RankedHit],
    articles: Mapping[str, Article],
    plan: SearchPlan,
    *,
    dense_factor: float,
) -> dict[str, events_pb2.Explanation]:
    """Explains the hits of an order. CPU work of a millisecond or so each: call it in a thread.

    Args:
        order: the hits, as `rank` ordered them.
        articles: the article of each hit.
        plan: of the search.
        dense_factor: what the dense weight was multiplied by for this query.

    Returns:
        the explanation of each hit, by its identifier.
    """
    words = query_alternatives(plan.query) if plan.query else []
    return {
        hit.signals.hit_id: events_pb2.Explanation(
            contributions=_contributions(hit, plan),
            retrieval=retrieval_contributions(hit.signals, plan.retrieval, dense_factor=dense_factor),
            matched_words=_matched_words(words, articles[hit.signals.hit_id]),
        )
        for hit in order
    }


def retrieval_contributions(
    signals: RankedSignals, plan: RetrievalPlan, *, dense_factor: float
) -> list[events_pb2.RetrievalContribution]:
    """What each list adds to the fused score, greatest first; nothing for a hit that no query found."""
    ranks = (
        (RankedList.LEXICAL, signals.lexical_rank, plan.lexical_weight),
        (RankedList.DENSE, signals.dense_rank, plan.dense_weight * dense_factor),
    )
    terms = [
        (ranked_list, rank, weight, weight / (plan.fusion_constant + rank))
        for ranked_list, rank, weight in ranks
        if rank is not None
    ]
    total = sum(term for *_, term in terms)
    if signals.fusion is None or not total:
        return []
    return [
        events_pb2.RetrievalContribution(
            ranked_list=ranked_list, rank=rank, weight=weight, contribution=signals.fusion * term / total
        )
        for ranked_list, rank, weight, term in sorted(terms, key=lambda each: -each[3])
    ]


def _contributions(hit: RankedHit, plan: SearchPlan) -> list[events_pb2.Contribution]:
    made_of = contributions(hit.signals, plan.rank.weights, redundancy=hit.redundancy)
    return [
        events_pb2.Contribution(
            signal=each.signal,
            value=each.value,
            weight=each.weight,
            contribution=each.contribution,
            stand_in=each.stand_in,
        )
        for each in sorted(made_of, key=lambda each: -each.contribution)
        if each.weight
    ]


def _matched_words(words: Sequence[tuple[str, ...]], article: Article) -> list[str]:
    """The words of the query that an article has, each once."""
    terms = frozenset(analyze(article.text, article.language)) if words else frozenset()
    return list(dict.fromkeys(each[0] for each in words if not terms.isdisjoint(each)))
