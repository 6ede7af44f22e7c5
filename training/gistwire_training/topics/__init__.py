"""Fits the classifier of news categories on labelled articles; start at `fit_classifier`."""

from gistwire_training.topics.categories import CategoryMapping, read_mapping, shipped_mapping
from gistwire_training.topics.confusion_plot import draw_confusion
from gistwire_training.topics.fitting import fit_classifier
from gistwire_training.topics.report import ClassifierReport, DatasetReport, HeadReport

__all__ = [
    "CategoryMapping",
    "ClassifierReport",
    "DatasetReport",
    "HeadReport",
    "draw_confusion",
    "fit_classifier",
    "read_mapping",
    "shipped_mapping",
]
