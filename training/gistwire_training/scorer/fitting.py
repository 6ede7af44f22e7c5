"""Fits the weights by which the server chooses among candidates: `fit_scorer`, called by `gistwire-train scorer`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from gistwire_models.combined_summarizer import CombinedSummarizer
from gistwire_models.extractive import ExtractiveSummarizer
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.summarizer import Origin
from gistwire_server.candidate_features import FEATURES
from gistwire_server.quality_model import FeatureWeight, ScorerWeights

from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair, Split, split_of
from gistwire_training.scorer.candidates import CandidateSet, OnProgress, write_candidates
from gistwire_training.scorer.examples import RankingExample, ranking_examples
from gistwire_training.scorer.ranker import Ranker, choose_penalty, cross_validated_rouge, fit_ranker
from gistwire_training.scorer.report import FeatureReport, ScorerReport, compare, report_markdown

REPORT_FILE = "report.json"
REPORT_PAGE = "report.md"


def fit_scorer(
    pairs: Sequence[Pair],
    summarizer_folder: Path,
    output: Path,
    *,
    run: Path,
    encoder_folder: Path,
    test_pairs: Sequence[Pair] = (),
    on_progress: OnProgress = lambda _done, _total: None,
) -> ScorerReport:
    """Has candidates written, fits the scorer on those of the training split, and reports on the others.

    Must not be called from an event loop. Called again after a kill it goes on where it was.

    Args:
        pairs: articles with the summaries that people wrote, their languages known; split by `split_of`.
        summarizer_folder: the exported summarizer whose candidates are to be chosen among.
        output: the file of weights; see `gistwire_server.quality_model`. It appears whole or not at all.
        run: folder for the candidates, ``report.json`` and ``report.md``; made if it is missing.
        encoder_folder: the converted encoder that the server will run.
        test_pairs: more pairs to report on, of which none is fitted on.
        on_progress: called with how many articles have their candidates, and how many there are.

    Raises:
        TrainingDataError: there are too few usable pairs in the training split, or none in another.
        ModelNotFoundError: a folder holds no model.
        ModelFormatError: a model cannot be used.
    """
    run.mkdir(parents=True, exist_ok=True)
    everything = [*pairs, *test_pairs]
    sets = asyncio.run(_candidate_sets(everything, summarizer_folder, encoder_folder, run, on_progress))
    held_out = {pair.id for pair in test_pairs}
    fitted = [each for each in sets if each.pair.id not in held_out]
    weights, report = fit_on_candidates(fitted, [each for each in sets if each.pair.id in held_out])
    _write(run / REPORT_FILE, msgspec.json.format(msgspec.json.encode(report), indent=1))
    _write(run / REPORT_PAGE, report_markdown(report).encode())
    _write(output, msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    return report


def fit_on_candidates(
    sets: Sequence[CandidateSet], test_sets: Sequence[CandidateSet] = ()
) -> tuple[ScorerWeights, ScorerReport]:
    """Fits the scorer on candidates that were written before. CPU work of seconds; deterministic.

    Args:
        sets: split by `split_of`: on "train" the weights are fitted and the penalty is chosen by cross-validation;
            "validation" and "test" are reported on.
        test_sets: reported on with "test".

    Raises:
        TrainingDataError: there are too few articles in the training split, or none of their candidates is
            generated.
    """
    train = [each for each in sets if split_of(each.pair.id) == "train"]
    _check_generated(train)
    examples = ranking_examples(train)
    penalty, tried = choose_penalty(examples)
    ranker = fit_ranker(examples, penalty)
    held_out: dict[Split, list[RankingExample]] = {
        "validation": ranking_examples(each for each in sets if split_of(each.pair.id) == "validation"),
        "test": ranking_examples([*(each for each in sets if split_of(each.pair.id) == "test"), *test_sets]),
    }
    weights = _weights(ranker, train[0].summarizer)
    report = ScorerReport(
        version=weights.version,
        summarizer=weights.summarizer,
        articles=len(train),
        penalty=penalty,
        validations=tuple(tried),
        comparisons=tuple(
            compared for split, group in held_out.items() for compared in compare(ranker, group, split)
        ),
        features=_feature_reports(ranker, examples, penalty),
    )
    return weights, report


async def _candidate_sets(
    pairs: Sequence[Pair],
    summarizer_folder: Path,
    encoder_folder: Path,
    run: Path,
    on_progress: OnProgress,
) -> list[CandidateSet]:
    encoder = await asyncio.to_thread(LocalEncoder.load, encoder_folder)
    try:
        generating = await asyncio.to_thread(LocalSummarizer.load, summarizer_folder)
        extracting = ExtractiveSummarizer(encoder, encoder.count_tokens)
        summarizer = CombinedSummarizer(generating, extracting)
        try:
            # A file for each summarizer, so that those of an older one are not taken for this one's.
            path = run / f"candidates-{summarizer.model.version}.jsonl"
            return await write_candidates(path, pairs, summarizer, encoder, on_progress=on_progress)
        finally:
            await summarizer.close()
    finally:
        await encoder.close()


def _check_generated(sets: Sequence[CandidateSet]) -> None:
    origins = {candidate.origin for each in sets for candidate in each.candidates}
    if sets and Origin.GENERATED not in origins:
        raise TrainingDataError("no candidate is generated: the pairs' languages are not the summarizer's")


def _weights(ranker: Ranker, summarizer: str) -> ScorerWeights:
    columns = zip(ranker.means.tolist(), ranker.deviations.tolist(), ranker.weights.tolist(), strict=True)
    features = {name: FeatureWeight(*column) for name, column in zip(FEATURES, columns, strict=True)}
    return ScorerWeights(format=1, summarizer=summarizer, features=features)


def _feature_reports(
    ranker: Ranker, examples: Sequence[RankingExample], penalty: float
) -> tuple[FeatureReport, ...]:
    """Tells of each feature its weight, and what rankers that lack it lose in cross-validation."""
    whole = cross_validated_rouge(examples, penalty)
    reports = []
    for place, name in enumerate(FEATURES):
        others = [other for other in range(len(FEATURES)) if other != place]
        lost = whole - cross_validated_rouge(examples, penalty, features=others)
        error = float(lost.std(ddof=1) / np.sqrt(len(lost)))
        reports.append(FeatureReport(name, float(ranker.weights[place]), float(lost.mean()), error))
    return tuple(reports)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
