"""How good a classifier is: its figures, by head and by data set; `classification_figures` computes them."""

from collections.abc import Sequence

import msgspec
import numpy as np
from gistwire_server.topics.classifier import HeadFigures
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

CALIBRATION_BINS = 15


class DatasetReport(msgspec.Struct, frozen=True, kw_only=True):
    """The test split of one data set.

    Attributes:
        source: the data set.
        articles: articles of its test split.
        own_categories: number of the data set's own categories there.
        own_accuracy: of a model fitted on this data set alone, in its own categories.
        own_macro_f1: likewise.
        accuracy: of the head for its language, in our categories.
        macro_f1: likewise, over those of our categories that the data set has.
        within_accuracy: likewise, where only those may be answered.
        kept: share that is not called "other".
        kept_accuracy: accuracy of those.
    """

    source: str
    articles: int
    own_categories: int
    own_accuracy: float
    own_macro_f1: float
    accuracy: float
    macro_f1: float
    within_accuracy: float
    kept: float
    kept_accuracy: float


class HeadReport(msgspec.Struct, frozen=True, kw_only=True):
    """The head for a language.

    Attributes:
        language: ISO 639 code.
        training_articles: what it was fitted on.
        test_articles: what `figures` are of.
        inverse_penalty: strength of the regularization, chosen on validation.
        balance: power of the inverse frequency by which rare categories count more, chosen on validation.
        temperature: chosen on validation.
        threshold: chosen on validation.
        uncalibrated_error: expected calibration error on test at temperature 1.
        figures: on test.
        labels: the categories, in the order of `confusion`.
        confusion: for each category the number of test articles by predicted category.
        datasets: by data set.
    """

    language: str
    training_articles: int
    test_articles: int
    inverse_penalty: float
    balance: float
    temperature: float
    threshold: float
    uncalibrated_error: float
    figures: HeadFigures
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    datasets: tuple[DatasetReport, ...]


class ClassifierReport(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted classifier.

    Attributes:
        folder: where its weights are.
        encoder: name and version of the encoder.
        heads: one for each language.
    """

    folder: str
    encoder: str
    heads: tuple[HeadReport, ...]


def classification_figures(probabilities: Floats, truth: Places, *, threshold: float) -> HeadFigures:
    """Computes the figures of predictions.

    Args:
        probabilities: ``[articles, labels]``.
        truth: place of the right label of each article.
        threshold: probability below which an article is called "other".
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == truth
    kept = probabilities.max(axis=1) >= threshold
    return HeadFigures(
        accuracy=float(right.mean()),
        macro_f1=macro_f1(predicted, truth),
        calibration_error=calibration_error(probabilities, truth),
        kept=float(kept.mean()),
        kept_accuracy=float(right[kept].mean()) if kept.any() else 1.0,
    )


def macro_f1(predicted: Places, truth: Places) -> float:
    """The mean of F1 over the labels that occur in `truth`."""
    scores = []
    for label in np.unique(truth):
        hits = int(((predicted == label) & (truth == label)).sum())
        scores.append(2 * hits / int((predicted == label).sum() + (truth == label).sum()))
    return float(np.mean(scores))


def calibration_error(probabilities: Floats, truth: Places) -> float:
    """Expected calibration error (Guo et al., 2017): mean gap of confidence and accuracy, over 15 equal bins."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(confidence[bins == each].mean() - right[bins == each].mean()) * (bins == each).mean()
        for each in np.unique(bins)
    ]
    return float(sum(gaps))


def confusion(predicted: Places, truth: Places, labels: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Counts for each label how often each was predicted."""
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (truth, predicted), 1)
    return tuple(tuple(row) for row in counts.tolist())
