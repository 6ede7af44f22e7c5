"""Compares summarizers with what people wrote, and with baselines; reached by `gistwire-train evaluate`.

`select_pairs` draws pairs of the test split, `evaluate` runs systems and `standard_baselines` over them, and
`write_report` writes what came out for people to read.
"""

from gistwire_training.evaluation.baselines import (
    HeadlineBaseline,
    LeadBaseline,
    MmrBaseline,
    System,
    TextRankBaseline,
    open_default_encoder,
    standard_baselines,
)
from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate, Statistic, ratio_of_sums
from gistwire_training.evaluation.comparison import (
    EvaluatedPair,
    Evaluation,
    Figure,
    Output,
    SourceFigures,
    SystemFigures,
    SystemRun,
    read_evaluation,
)
from gistwire_training.evaluation.corpus_metrics import METRICS, Metric
from gistwire_training.evaluation.evaluation import Progress, evaluate
from gistwire_training.evaluation.metrics import Measures, PairMeasurer
from gistwire_training.evaluation.report import write_report
from gistwire_training.evaluation.tasks import Task, select_pairs, visible_part

__all__ = [
    "METRICS",
    "Bootstrap",
    "Estimate",
    "EvaluatedPair",
    "Evaluation",
    "Figure",
    "HeadlineBaseline",
    "LeadBaseline",
    "Measures",
    "Metric",
    "MmrBaseline",
    "Output",
    "PairMeasurer",
    "Progress",
    "SourceFigures",
    "Statistic",
    "System",
    "SystemFigures",
    "SystemRun",
    "Task",
    "TextRankBaseline",
    "evaluate",
    "open_default_encoder",
    "ratio_of_sums",
    "read_evaluation",
    "select_pairs",
    "standard_baselines",
    "visible_part",
    "write_report",
]
