"""The columns of an evaluation's table: what is computed from the measures of many outputs, and which way is up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gistwire_training.evaluation.bleu import corpus_bleu
from gistwire_training.evaluation.bootstrap import Statistic, ratio_of_sums
from gistwire_training.evaluation.metrics import Measures


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a system on many pairs.

    Attributes:
        name: identifier, the key of the figure in JSON.
        label: heading of its column.
        meaning: one sentence for the reader of a report.
        summands: what one output adds to the sums that the figure is computed from.
        statistic: computes the figure from the sums.
        better: which way is better; None for a figure that describes and does not judge.
        is_share: whether it is in [0, 1] and shown in per cent.
    """

    name: str
    label: str
    meaning: str
    summands: Callable[[Measures], tuple[float, ...]]
    statistic: Statistic = ratio_of_sums
    better: Literal["higher", "lower"] | None = None
    is_share: bool = True


def _mean_of(value: Callable[[Measures], float]) -> Callable[[Measures], tuple[float, ...]]:
    return lambda measures: (value(measures), 1.0)


def _supported_and_checked_items(measures: Measures) -> tuple[float, ...]:
    return (measures.checked_items - len(measures.unsupported_items), measures.checked_items)


METRICS: tuple[Metric, ...] = (
    Metric(
        "rouge",
        "ROUGE",
        "Mean of the three that follow, by which versions are compared.",
        _mean_of(lambda measures: measures.rouge),
        better="higher",
    ),
    Metric(
        "rouge1",
        "ROUGE-1",
        "Words in common with the reference (F, stemmed; Chinese by characters).",
        _mean_of(lambda measures: measures.rouge1),
        better="higher",
    ),
    Metric(
        "rouge2",
        "ROUGE-2",
        "Pairs of words in common with the reference (F).",
        _mean_of(lambda measures: measures.rouge2),
        better="higher",
    ),
    Metric(
        "rouge_l",
        "ROUGE-L",
        "Words in common in the same order (F).",
        _mean_of(lambda measures: measures.rouge_l),
        better="higher",
    ),
    Metric(
        "bleu",
        "BLEU",
        "Corpus BLEU without regard to case (sacrebleu; Chinese by characters).",
        lambda measures: measures.bleu_counts,
        statistic=corpus_bleu,
        better="higher",
    ),
    Metric(
        "supported_items",
        "Facts in source",
        "Of all numbers and names that the system wrote, the share that stands in the article.",
        _supported_and_checked_items,
        better="higher",
    ),
    Metric(
        "faithfulness",
        "Faithfulness",
        "The server's score: 1 for sentences of the article, less for words, numbers, names it does not have.",
        _mean_of(lambda measures: measures.faithfulness),
        better="higher",
    ),
    Metric(
        "repeated_trigrams",
        "Repetition",
        "Share of runs of three words that the text had before.",
        _mean_of(lambda measures: measures.repeated_trigrams),
        better="lower",
    ),
    Metric(
        "length",
        "Length",
        "Words; in Chinese characters.",
        _mean_of(lambda measures: measures.length),
        is_share=False,
    ),
    Metric(
        "compression",
        "Compression",
        "Length of the text in per cent of the article's.",
        _mean_of(lambda measures: measures.compression),
    ),
    Metric(
        "copied_tokens",
        "Copied words",
        "Share of words that stand in the article.",
        _mean_of(lambda measures: measures.copied_tokens),
    ),
    Metric(
        "copied_bigrams",
        "Copied pairs",
        "Share of pairs of words that stand so in the article.",
        _mean_of(lambda measures: measures.copied_bigrams),
    ),
    Metric(
        "novel_trigrams",
        "New triples",
        "Share of runs of three words that do not stand so in the article.",
        _mean_of(lambda measures: measures.novel_trigrams),
    ),
    Metric(
        "longest_copied_run",
        "Longest copy",
        "Words of the longest part that stands in the article without a gap.",
        _mean_of(lambda measures: measures.longest_copied_run),
        is_share=False,
    ),
)
"""All metrics, in the order of a report: first those that judge, then those that describe."""
