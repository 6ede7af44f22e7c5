"""How near written summaries are to their targets; what training watches on validation data."""

from collections.abc import Sequence
from functools import cache

from rouge_score.rouge_scorer import RougeScorer


def mean_rouge(written: Sequence[str], targets: Sequence[str]) -> float:
    """Returns the mean F of ROUGE-1, ROUGE-2 and ROUGE-L over all texts, in [0, 1] (Lin 2004)."""
    scores: list[float] = [
        score.fmeasure
        for text, target in zip(written, targets, strict=True)
        for score in _scorer().score(target, text).values()
    ]
    return sum(scores) / len(scores)


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
