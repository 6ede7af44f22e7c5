"""TextRank (Mihalcea & Tarau 2004, "TextRank: bringing order into texts"): the sentences most like the others."""

import math
from collections.abc import Sequence

import numpy as np
from gistwire_models.sentences import split_sentences
from numpy.typing import NDArray

from gistwire_training.evaluation.tokenization import tokenize_stemmed

_DAMPING = 0.85
_TOLERANCE = 1e-6
_MAX_ITERATIONS = 100
# Time grows with the square of the number of sentences, and no news depends on those after that.
_MAX_SENTENCES = 100


def textrank_summary(text: str, language: str, *, sentences: int = 1) -> str:
    """Returns the sentences of a text that rank highest, in the order of the text.

    Args:
        text: plain text; its first 100 sentences are read.
        language: ISO 639-1 code, or ``"und"``.
        sentences: how many are returned, if there are so many.
    """
    texts = [sentence.text for sentence in split_sentences(text, language)[:_MAX_SENTENCES]]
    if not texts:
        return ""
    ranks = page_rank(_similarities([frozenset(tokenize_stemmed(each, language)) for each in texts]))
    # A stable sort of the negated ranks: of equals, the earlier sentence.
    best = sorted(np.argsort(-ranks.round(9), kind="stable")[:sentences])
    return " ".join(texts[place] for place in best)


def page_rank(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks the nodes of a weighted graph by PageRank (Brin & Page 1998), by power iteration.

    Args:
        weights: ``float64 [nodes, nodes]``, at least 0; row i holds the weights of the edges from node i.

    Returns:
        ``float64 [nodes]``, ranks that sum to 1.
    """
    nodes = len(weights)
    sums = weights.sum(axis=1, keepdims=True)
    # A node without edges leads everywhere alike.
    transitions = np.where(sums > 0, weights / np.where(sums > 0, sums, 1.0), 1.0 / nodes)
    ranks = np.full(nodes, 1.0 / nodes)
    for _ in range(_MAX_ITERATIONS):
        updated = (1 - _DAMPING) / nodes + _DAMPING * (ranks @ transitions)
        change = float(np.abs(updated - ranks).sum())
        ranks = updated
        if change < nodes * _TOLERANCE:
            break
    return ranks


def _similarities(sentences: Sequence[frozenset[str]]) -> NDArray[np.float64]:
    """Words in common, divided by the logarithms of the lengths: ``float64 [sentences, sentences]``."""
    weights = np.zeros((len(sentences), len(sentences)))
    for row, first in enumerate(sentences):
        for column, second in enumerate(sentences[:row]):
            common = len(first & second)
            # Sentences of one word have logarithm 0, and nothing to say.
            if common and len(first) > 1 and len(second) > 1:
                weight = common / (math.log(len(first)) + math.log(len(second)))
                weights[row, column] = weights[column, row] = weight
    return weights
