"""Fits the scorer that chooses among candidate summaries, on those that people wrote; start at `fit_scorer`."""

from gistwire_training.scorer.candidates import (
    CandidateSet,
    JudgedCandidate,
    read_candidates,
    write_candidates,
)
from gistwire_training.scorer.fitting import fit_on_candidates, fit_scorer
from gistwire_training.scorer.report import Comparison, FeatureReport, ScorerReport, report_markdown

__all__ = [
    "CandidateSet",
    "Comparison",
    "FeatureReport",
    "JudgedCandidate",
    "ScorerReport",
    "fit_on_candidates",
    "fit_scorer",
    "read_candidates",
    "report_markdown",
    "write_candidates",
]
