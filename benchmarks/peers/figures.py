"""What the measurements of a system come to: `figures_of`, speed and beside it quality."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from rouge_score.rouge_scorer import RougeScorer

from benchmarks.load.searches import percentile
from benchmarks.peers.known_items import KnownItem
from benchmarks.peers.measurement import Measured


class Spread(msgspec.Struct, frozen=True):
    """Percentiles of times, in milliseconds; with a few dozen searches p95 is the second or third longest."""

    p50: float
    p95: float


class SystemFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one system.

    Attributes:
        name: the system.
        versions: of its packages.
        searches: how many were asked one at a time.
        hits_ms: time to the hits.
        first_text_ms: time to the first text of a summary.
        final_ms: time to the final order.
        alone_per_s: searches a second, one at a time.
        busy_per_s: searches a second, several at a time.
        busy_final_ms: time to the final order, several at a time.
        cpu_s: time of a core for a search, one at a time.
        busy_cpu_s: time of a core for a search, several at a time.
        memory_mb: memory at the end.
        recall: share of searches that found their known item.
        agreement: mean share of hits that our system has found, too.
        rouge1: mean ROUGE-1 (F) of the known items' summaries with the headlines that had been withheld, of those
            that every system has found; None if there is none.
    """

    name: str
    versions: dict[str, str]
    searches: int
    hits_ms: Spread
    first_text_ms: Spread
    final_ms: Spread
    alone_per_s: float
    busy_per_s: float
    busy_final_ms: Spread
    cpu_s: float
    busy_cpu_s: float
    memory_mb: float
    recall: float
    agreement: float
    rouge1: float | None


def figures_of(
    name: str,
    measured: Mapping[str, Measured],
    items: Sequence[KnownItem],
    *,
    ours: str,
    versions: Mapping[str, str],
) -> SystemFigures:
    """Works out the figures of one system.

    Args:
        name: the system.
        measured: of all systems, by their names.
        items: what was asked one at a time.
        ours: the system whose hits are compared with.
        versions: of its packages.
    """
    own = measured[name]
    answers = [own.answers[place] for place in range(len(items))]
    everywhere = [
        place
        for place, item in enumerate(items)
        if all(item.article_id in each.answers[place].summaries for each in measured.values())
    ]
    return SystemFigures(
        name=name,
        versions=dict(versions),
        searches=len(items),
        hits_ms=_spread([answer.hits_s for answer in answers]),
        first_text_ms=_spread([answer.first_text_s for answer in answers]),
        final_ms=_spread([answer.final_s for answer in answers]),
        alone_per_s=len(items) / own.took_s,
        busy_per_s=own.busy_searches / own.busy_s,
        busy_final_ms=_spread(own.busy_final_s),
        cpu_s=own.cpu_s / len(items),
        busy_cpu_s=own.busy_cpu_s / own.busy_searches,
        memory_mb=own.memory_mb,
        recall=_mean(
            [float(item.article_id in answer.hits) for item, answer in zip(items, answers, strict=True)]
        ),
        agreement=_mean(
            [
                agreement(answer.hits, measured[ours].answers[place].hits)
                for place, answer in enumerate(answers)
            ]
        ),
        rouge1=_mean(
            [
                rouge1(items[place].query, answers[place].summaries[items[place].article_id])
                for place in everywhere
            ]
        )
        if everywhere
        else None,
    )


def agreement(hits: Collection[str], others: Collection[str]) -> float:
    """Share of hits that are also among the others; of none, 0."""
    return len(set(hits) & set(others)) / max(len(hits), 1)


def rouge1(reference: str, text: str) -> float:
    """F-measure of the words that a text shares with a reference (Lin 2004), stemmed as the literature does."""
    return float(_SCORER.score(reference, text)["rouge1"].fmeasure)


_SCORER = RougeScorer(["rouge1"], use_stemmer=True)


def _spread(times_s: Sequence[float]) -> Spread:
    return Spread(percentile(times_s, 0.5) * 1e3, percentile(times_s, 0.95) * 1e3)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
