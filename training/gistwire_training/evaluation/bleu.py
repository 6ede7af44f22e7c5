"""BLEU from counts: those of single pairs add up to those of a corpus, or of any resample of it.

Papineni et al. 2002, as ``sacrebleu`` computes it (Post 2018), without regard to case.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

COUNTS = 10
"""Length of a pair's counts: n-grams in common for n = 1 … 4, n-grams of the output, the two lengths."""

_ORDERS = 4
# sacrebleu's tokenizer for Japanese needs MeCab; single characters are its own advice where that is missing.
_TOKENIZERS = {"zh": "zh", "ja": "char"}


def bleu_counts(output: str, reference: str, language: str) -> tuple[int, ...]:
    """Counts what BLEU is made of.

    Args:
        output: what a system wrote.
        reference: what a person wrote.
        language: ISO 639-1 code, or ``"und"``; Chinese and Japanese are compared by characters.

    Returns:
        for n = 1 … 4 the n-grams in common, then those of the output; the length of the output, then that of
        the reference.
    """
    score = _scorer(_TOKENIZERS.get(language, "13a")).sentence_score(output, [reference])
    return (*map(int, score.counts), *map(int, score.totals), int(score.sys_len), int(score.ref_len))


def corpus_bleu(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes BLEU in [0, 1], smoothed where there are no n-grams of some order in common (NIST's method).

    Args:
        counts: ``float64 [..., 10]``, sums of `bleu_counts` over the pairs of a corpus.

    Returns:
        ``float64 [...]``; 0 where an output has no word in common with its reference, or where all outputs
        are shorter than four words.
    """
    common, total = counts[..., :_ORDERS], counts[..., _ORDERS : 2 * _ORDERS]
    output_length, reference_length = counts[..., -2], counts[..., -1]
    defined = (total > 0).all(axis=-1) & (common > 0).any(axis=-1)
    # The k-th order without a match counts as 1 / 2^k matches.
    halvings = np.cumsum(common == 0, axis=-1)
    matches = np.where(common == 0, 0.5**halvings, common)
    log_precision = np.log(matches / np.maximum(total, 1.0)).mean(axis=-1)
    brevity = np.minimum(0.0, 1.0 - reference_length / np.maximum(output_length, 1.0))
    scores: NDArray[np.float64] = np.where(defined, np.exp(brevity + log_precision), 0.0)
    return scores


def sentence_bleu(counts: tuple[int, ...]) -> float:
    """Computes the BLEU of one pair, in [0, 1]: of the orders that its output is long enough for.

    Args:
        counts: as `bleu_counts` returns them.
    """
    score = BLEU.compute_bleu(
        correct=list(counts[:_ORDERS]),
        total=list(counts[_ORDERS : 2 * _ORDERS]),
        sys_len=counts[-2],
        ref_len=counts[-1],
        smooth_method="exp",
        effective_order=True,
    )
    return float(score.score) / 100


@cache
def _scorer(tokenizer: str) -> BLEU:
    return BLEU(tokenize=tokenizer, lowercase=True, effective_order=True)
