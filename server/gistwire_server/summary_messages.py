"""The `summary` events of a stream: of what the summarizer wrote, and of what stands in for it."""

from collections.abc import Sequence

from gistwire.v1 import events_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import ModelVersion
from gistwire_models.summarizer import FinishReason, Origin

from gistwire_server.scoring import CandidateScores, ScoredCandidate

_ORIGINS = {
    Origin.GENERATED: events_pb2.Summary.GENERATED,
    Origin.EXTRACTED: events_pb2.Summary.EXTRACTED,
    Origin.HEADLINE: events_pb2.Summary.HEADLINE,
}
_FINISH_REASONS = {
    FinishReason.COMPLETE: events_pb2.Summary.COMPLETE,
    FinishReason.LENGTH: events_pb2.Summary.LENGTH,
}


def written_summary(
    hit_id: str,
    indexed: IndexedArticle,
    scored: Sequence[ScoredCandidate],
    *,
    model: ModelVersion,
    stored: bool,
    policy_actions: Sequence[events_pb2.PolicyAction] = (),
) -> events_pb2.Summary:
    """The summary that the scorer chose.

    Args:
        hit_id: the hit.
        indexed: its article.
        scored: all candidates, best first; at least one.
        model: what wrote them.
        stored: whether the best was stored already.
        policy_actions: what the policy did.
    """
    best = scored[0]
    return events_pb2.Summary(
        hit_id=hit_id,
        article_id=indexed.article.id,
        text=best.candidate.text,
        origin=_ORIGINS[best.candidate.origin],
        scores=_scores_message(best.scores),
        candidates=[_candidate_message(each) for each in scored],
        finish_reason=_FINISH_REASONS[best.candidate.finish_reason],
        model="" if best.candidate.origin is Origin.HEADLINE else str(model),
        revision=indexed.revision,
        stored=stored,
        policy_actions=policy_actions,
    )


def unwritten_summary(
    hit_id: str,
    indexed: IndexedArticle,
    text: str,
    *,
    origin: Origin,
    query_similarity: float | None = None,
    late: bool = False,
    policy_actions: Sequence[events_pb2.PolicyAction] = (),
) -> events_pb2.Summary:
    """A text that no summarizer wrote: the hit's extract, or the headline.

    Args:
        hit_id: the hit.
        indexed: its article.
        text: the text; empty if the policy refuses them all.
        origin: what it is.
        query_similarity: similarity of query and text, in [0, 1]; None if not known.
        late: whether it stands in for a summary that there was no time for.
        policy_actions: what the policy did.
    """
    scores = events_pb2.SummaryScores(query_similarity=query_similarity)
    return events_pb2.Summary(
        hit_id=hit_id,
        article_id=indexed.article.id,
        text=text,
        origin=_ORIGINS[origin],
        scores=scores,
        candidates=[events_pb2.SummaryCandidate(text=text, origin=_ORIGINS[origin], scores=scores)],
        finish_reason=events_pb2.Summary.DEADLINE if late else events_pb2.Summary.COMPLETE,
        revision=indexed.revision,
        policy_actions=policy_actions,
    )


def _scores_message(scores: CandidateScores) -> events_pb2.SummaryScores:
    return events_pb2.SummaryScores(
        query_similarity=scores.query_similarity,
        closeness=scores.closeness,
        faithfulness=scores.faithfulness,
        length=scores.length,
        novelty=scores.novelty,
        total=scores.total,
    )


def _candidate_message(scored: ScoredCandidate) -> events_pb2.SummaryCandidate:
    candidate = scored.candidate
    return events_pb2.SummaryCandidate(
        text=candidate.text,
        origin=_ORIGINS[candidate.origin],
        scores=_scores_message(scored.scores),
        log_probability=candidate.log_probability,
        query_focused=candidate.query_focused,
    )
