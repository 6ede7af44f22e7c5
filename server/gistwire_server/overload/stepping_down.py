"""What calls cost, and their plans with less in them for a busy server: `costs_of_search`, `search_at` and the like.

The unit of cost is the work of a search with the default options: ten hits, each with three candidates. It holds for
plans as they stand; what turns out to be stored already costs less.
"""

from dataclasses import replace

from gistwire.v1 import events_pb2

from gistwire_server.digests.plan import DigestPlan
from gistwire_server.overload.place import Place
from gistwire_server.overload.quality_step import CallCosts, QualityStep
from gistwire_server.personal.plan import RecommendationPlan
from gistwire_server.plan import SearchPlan, SummaryMode
from gistwire_server.topics.plan import TopicsPlan

# Seconds of one core, as `budget.py` has them before anything was measured. Their relations matter, not their sizes.
_RETRIEVAL_S = 0.03
_CANDIDATE_S = 0.05
_SCORING_S = 0.01
_CLUSTERING_S = 0.5
_DIGEST_S = 0.3

_DEFAULT_SEARCH_S = _RETRIEVAL_S + 10 * (3 * _CANDIDATE_S + _SCORING_S)

_LEAST_COST = 0.25
"""What any search costs, however little is done for it: its events go through the one event loop, as others do."""


def costs_of_search(plan: SearchPlan) -> CallCosts:
    """The costs of a search, a recommendation, or summaries, of as many articles."""
    return CallCosts(*(_cost_of_search(stepped_down(plan, step)) for step in QualityStep))


def costs_of_digest(plan: DigestPlan) -> CallCosts:
    """The cost of a digest, of which nothing is given up: its sentences are extracts."""
    retrieval_s = _RETRIEVAL_S if plan.search is not None else 0.0
    return CallCosts.fixed((retrieval_s + _DIGEST_S) / _DEFAULT_SEARCH_S)


def costs_of_topics(plan: TopicsPlan) -> CallCosts:
    """The costs of a stream of topics."""
    bare = _CLUSTERING_S / _DEFAULT_SEARCH_S
    full = bare + (plan.max_topics * _DIGEST_S / _DEFAULT_SEARCH_S if plan.digests else 0.0)
    return CallCosts(full, full, full, bare)


def stepped_down(plan: SearchPlan, step: QualityStep) -> SearchPlan:
    """Returns a plan that gives up what a step does, and says so; the same plan if there is nothing to give up."""
    mode, candidates = plan.summary.mode, plan.summary.candidates
    several = mode is SummaryMode.BEST and candidates > 1
    writes = mode in (SummaryMode.BEST, SummaryMode.FAST)
    if step is QualityStep.ONE_CANDIDATE and several:
        return _giving_up(plan, mode, events_pb2.Degraded.ONE_CANDIDATE)
    if step is QualityStep.FAST and mode is SummaryMode.BEST:
        return _giving_up(plan, SummaryMode.FAST, events_pb2.Degraded.ONE_CANDIDATE)
    if step is QualityStep.EXTRACT and writes:
        return _giving_up(plan, SummaryMode.STORED, events_pb2.Degraded.EXTRACT)
    return plan


def topics_stepped_down(plan: TopicsPlan, step: QualityStep) -> TopicsPlan:
    """As `stepped_down`, for topics."""
    if step is QualityStep.EXTRACT and plan.digests:
        return replace(plan, digests=False, given_up=events_pb2.Degraded.NO_DIGEST)
    return plan


def search_at(plan: SearchPlan, place: Place) -> SearchPlan:
    """The plan of a search that has its place: less where the server is busy, in the time that is left."""
    return replace(stepped_down(plan, place.step), deadline_s=place.left_s(plan.deadline_s))


def recommendation_at(plan: RecommendationPlan, place: Place) -> RecommendationPlan:
    """As `search_at`, for a recommendation."""
    return replace(plan, search=search_at(plan.search, place))


def digest_at(plan: DigestPlan, place: Place) -> DigestPlan:
    """As `search_at`, for a digest."""
    return replace(plan, deadline_s=place.left_s(plan.deadline_s))


def topics_at(plan: TopicsPlan, place: Place) -> TopicsPlan:
    """As `search_at`, for topics."""
    return replace(topics_stepped_down(plan, place.step), deadline_s=place.left_s(plan.deadline_s))


def _giving_up(
    plan: SearchPlan, mode: SummaryMode, action: events_pb2.Degraded.Action.ValueType
) -> SearchPlan:
    return replace(plan, summary=replace(plan.summary, mode=mode, candidates=1), given_up=action)


def _cost_of_search(plan: SearchPlan) -> float:
    # What is written in mode FAST is one candidate, whatever the plan's number, which is that of mode BEST.
    candidates = {SummaryMode.BEST: plan.summary.candidates, SummaryMode.FAST: 1}.get(plan.summary.mode, 0)
    scoring_s = 0.0 if plan.summary.mode is SummaryMode.NONE else _SCORING_S
    seconds = _RETRIEVAL_S + plan.top_k * (candidates * _CANDIDATE_S + scoring_s)
    return max(_LEAST_COST, seconds / _DEFAULT_SEARCH_S)
