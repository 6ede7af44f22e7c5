"""How well the scorer chooses, beside no choice and the best possible one: `compare`, called by fitting.py."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from gistwire_server.candidate_features import FEATURES

from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate
from gistwire_training.pairs import Split
from gistwire_training.scorer.examples import Floats, RankingExample
from gistwire_training.scorer.ranker import Ranker, Validation, chosen_rouge

_ALL_SOURCES = "all"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Ways to choose among the candidates of the same articles. ROUGE is the mean F of ROUGE-1, -2 and -L.

    Attributes:
        split: the split of the articles.
        source: their outlet or data set; "all" for all of them.
        articles: how many there are.
        first: ROUGE of the candidate that the summarizer likes best.
        random: expected ROUGE of a candidate drawn at random.
        closest: ROUGE of the candidate nearest to the article by embedding, of those the server trusts.
        chosen: ROUGE of the candidate that the scorer chooses.
        oracle: ROUGE of the candidate with the greatest.
        way_closed: ``(chosen − first) / (oracle − first)``, over the sums.
    """

    split: Split
    source: str
    articles: int
    first: Estimate
    random: Estimate
    closest: Estimate
    chosen: Estimate
    oracle: Estimate
    way_closed: Estimate


class FeatureReport(msgspec.Struct, frozen=True):
    """What a feature is worth.

    Attributes:
        name: its name.
        weight: log-odds that a candidate gains by one standard deviation of it.
        rouge_lost: mean ROUGE that rankers fitted without it lose, in cross-validation on the training split.
        rouge_lost_error: standard error of that.
    """

    name: str
    weight: float
    rouge_lost: float
    rouge_lost_error: float


class ScorerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was fitted and how well it chooses.

    Attributes:
        version: version of the weights.
        summarizer: name and version of what wrote the candidates.
        articles: how many articles it was fitted on.
        penalty: the L2 penalty.
        validations: each penalty that was tried.
        comparisons: on articles that it was not fitted on, by split and source.
        features: each feature.
    """

    version: str
    summarizer: str
    articles: int
    penalty: float
    validations: tuple[Validation, ...]
    comparisons: tuple[Comparison, ...]
    features: tuple[FeatureReport, ...]


def compare(ranker: Ranker, examples: Sequence[RankingExample], split: Split) -> list[Comparison]:
    """Compares the ways to choose on each source, and on all of them if there are several."""
    by_source: defaultdict[str, list[RankingExample]] = defaultdict(list)
    for example in examples:
        by_source[example.source].append(example)
    groups: list[tuple[str, Sequence[RankingExample]]] = sorted(by_source.items())
    if len(groups) > 1:
        groups.append((_ALL_SOURCES, examples))
    return [_compare(ranker, group, split, source) for source, group in groups]


def report_markdown(report: ScorerReport) -> str:
    """Writes the report as a page of Markdown."""
    lines = [
        f"# Scorer {report.version}",
        "",
        f"Fitted on the candidates of `{report.summarizer}` for {report.articles} articles, with an L2 penalty of "
        f"{report.penalty:g}. Figures are mean F of ROUGE-1, -2 and -L; brackets are 95 % bootstrap intervals.",
        "",
        "| split | source | articles | first | random | closest | chosen | oracle | way closed |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_comparison_row(each) for each in report.comparisons),
        "",
        "| penalty | ROUGE in cross-validation | below the best |",
        "|---|---|---|",
        *(
            f"| {each.penalty:g} | {each.rouge:.4f} | {each.loss:.4f} ± {each.loss_error:.4f} |"
            for each in report.validations
        ),
        "",
        "| feature | weight | ROUGE lost without it |",
        "|---|---|---|",
        *(_feature_row(each) for each in sorted(report.features, key=lambda each: -abs(each.weight))),
    ]
    return "\n".join(lines) + "\n"


def _compare(ranker: Ranker, examples: Sequence[RankingExample], split: Split, source: str) -> Comparison:
    bootstrap = Bootstrap(len(examples))
    first = np.array([each.rouge[0] for each in examples])
    chosen = chosen_rouge(ranker, examples)
    oracle = np.array([each.rouge.max() for each in examples])

    def mean(rouge: Floats) -> Estimate:
        return bootstrap.estimate(np.column_stack([rouge, np.ones_like(rouge)]))

    return Comparison(
        split=split,
        source=source,
        articles=len(examples),
        first=mean(first),
        random=mean(np.array([each.rouge.mean() for each in examples])),
        closest=mean(np.array([_rouge_of_closest(each) for each in examples])),
        chosen=mean(chosen),
        oracle=mean(oracle),
        way_closed=bootstrap.estimate(np.column_stack([chosen - first, oracle - first])),
    )


def _rouge_of_closest(example: RankingExample) -> float:
    closeness = np.nan_to_num(example.features[:, FEATURES.index("closeness")])
    return float(example.rouge[example.choose(closeness)])


def _comparison_row(each: Comparison) -> str:
    means = (each.first, each.random, each.closest, each.chosen, each.oracle)
    figures = " | ".join(f"{mean.value:.3f}" for mean in means)
    closed = f"{each.way_closed.value:.0%} [{each.way_closed.low:.0%}, {each.way_closed.high:.0%}]"
    return f"| {each.split} | {each.source} | {each.articles} | {figures} | {closed} |"


def _feature_row(each: FeatureReport) -> str:
    return f"| {each.name} | {each.weight:+.3f} | {each.rouge_lost:+.4f} ± {each.rouge_lost_error:.4f} |"
