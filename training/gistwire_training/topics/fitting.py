"""Fits, calibrates and writes the classifier of categories: `fit_classifier`, called by `gistwire-train topics`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from gistwire_models.encoder import Embedding
from gistwire_server.topics.classifier import (
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    ClassifierDescription,
    HeadDescription,
    HeadFigures,
)
from numpy.typing import NDArray
from safetensors.numpy import save, save_file
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from gistwire_training.errors import TrainingDataError
from gistwire_training.topics.categories import CategoryMapping
from gistwire_training.topics.examples import (
    EmbeddedArticles,
    LabelledArticle,
    OnProgress,
    embed,
    read_labelled,
)
from gistwire_training.topics.report import (
    ClassifierReport,
    DatasetReport,
    Floats,
    HeadReport,
    Places,
    calibration_error,
    classification_figures,
    confusion,
    macro_f1,
)

WANTED_ACCURACY = 0.8
"""What articles that are not called "other" are to reach on validation."""

_INVERSE_PENALTIES = (0.3, 1.0, 3.0, 10.0)
_BALANCES = (0.0, 0.5)
_MIN_OF_LABEL = 20
"""A category of fewer training articles in a language cannot be learned."""


def fit_classifier(
    paths: Sequence[Path],
    out: Path,
    *,
    mapping: CategoryMapping,
    encoder_folder: Path,
    wanted_accuracy: float = WANTED_ACCURACY,
    on_progress: OnProgress = lambda _done, _total: None,
) -> ClassifierReport:
    """Fits a classifier on the training split, chooses its settings on validation, and reports on test.

    Args:
        paths: files of articles with categories.
        out: folder for the weights and their description.
        mapping: from the categories of the data sets to ours.
        encoder_folder: the converted encoder whose embeddings are classified.
        wanted_accuracy: of articles that are not called "other", on validation.
        on_progress: called as articles are embedded.

    Raises:
        TrainingDataError: a file cannot be read, or a split of a language is empty.
        GistwireModelError: the encoder cannot be used.
    """
    examples = embed(read_labelled(paths, mapping), encoder_folder, on_progress=on_progress)
    heads = {
        language: _fit_head(language, _of_language(examples, language), wanted_accuracy)
        for language in sorted({article.language for article in examples.articles})
    }
    tensors = {
        f"{language}.{name}": values
        for language, (_, head) in heads.items()
        for name, values in (("weight", head.weight), ("bias", head.bias))
    }
    description = ClassifierDescription(
        format=1,
        version=hashlib.sha256(save(tensors)).hexdigest()[:12],
        encoder=str(examples.encoder),
        heads={
            language: HeadDescription(
                languages=(language,),
                labels=head.labels,
                temperature=head.temperature,
                threshold=head.threshold,
                figures=_rounded(report.figures),
            )
            for language, (report, head) in heads.items()
        },
    )
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / WEIGHTS_FILE)
    formatted = msgspec.json.format(msgspec.json.encode(description), indent=2)
    (out / DESCRIPTION_FILE).write_bytes(formatted + b"\n")
    return ClassifierReport(
        folder=str(out),
        encoder=str(examples.encoder),
        heads=tuple(report for report, _ in heads.values()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """A fitted head.

    Attributes:
        labels: its categories.
        weight: ``float32 [labels, dimension]``.
        bias: ``float32 [labels]``.
        temperature: what logits are divided by.
        threshold: probability below which an article is called "other".
    """

    labels: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float = 1.0
    threshold: float = 0.0

    def logits(self, embeddings: Embedding) -> Floats:
        logits: Floats = embeddings.astype(np.float64) @ self.weight.T + self.bias
        return logits

    def probabilities(self, embeddings: Embedding, temperature: float | None = None) -> Floats:
        return _softmax(self.logits(embeddings) / (temperature or self.temperature))

    def truth(self, articles: Sequence[LabelledArticle]) -> Places:
        return np.array([self.labels.index(each.label) for each in articles])


def _of_language(examples: EmbeddedArticles, language: str) -> EmbeddedArticles:
    """The articles of a language whose categories are frequent enough there to be learned."""
    articles = [each for each in examples.articles if each.language == language and each.split == "train"]
    counts = {each.label: 0 for each in articles}
    for each in articles:
        counts[each.label] += 1
    learned = {label for label, count in counts.items() if count >= _MIN_OF_LABEL}
    return examples.where(lambda each: each.language == language and each.label in learned)


def _fit_head(language: str, examples: EmbeddedArticles, wanted_accuracy: float) -> tuple[HeadReport, _Head]:
    train = examples.where(lambda each: each.split == "train")
    validation = examples.where(lambda each: each.split == "validation")
    test = examples.where(lambda each: each.split == "test")
    if not (train.articles and validation.articles and test.articles):
        raise TrainingDataError(f"{language}: a split has no articles of categories that can be learned")
    best: tuple[float, float, float, _Head] | None = None
    for inverse_penalty in _INVERSE_PENALTIES:
        for balance in _BALANCES:
            head = _fit(train, [each.label for each in train.articles], inverse_penalty, balance)
            predicted = head.logits(validation.embeddings).argmax(axis=1)
            score = macro_f1(predicted, head.truth(validation.articles))
            if best is None or score > best[0]:
                best = (score, inverse_penalty, balance, head)
    assert best is not None  # noqa: S101 (the settings to choose from are not empty)
    _, inverse_penalty, balance, head = best
    head = _calibrated(head, validation, wanted_accuracy)
    truth = head.truth(test.articles)
    probabilities = head.probabilities(test.embeddings)
    report = HeadReport(
        language=language,
        training_articles=len(train.articles),
        test_articles=len(test.articles),
        inverse_penalty=inverse_penalty,
        balance=balance,
        temperature=head.temperature,
        threshold=head.threshold,
        uncalibrated_error=calibration_error(head.probabilities(test.embeddings, 1.0), truth),
        figures=classification_figures(probabilities, truth, threshold=head.threshold),
        labels=head.labels,
        confusion=confusion(probabilities.argmax(axis=1), truth, head.labels),
        datasets=tuple(
            _dataset_report(source, head, train, test)
            for source in sorted({each.source for each in test.articles})
        ),
    )
    return report, head


def _fit(examples: EmbeddedArticles, labels: Sequence[str], inverse_penalty: float, balance: float) -> _Head:
    names, places, counts = np.unique(np.array(labels), return_inverse=True, return_counts=True)
    weights = (len(labels) / len(names) / counts)[places] ** balance
    # The solver stops where the loss barely changes; a thousand steps are more than it takes.
    model = LogisticRegression(C=inverse_penalty, max_iter=1_000)
    model.fit(examples.embeddings, places, sample_weight=weights)
    weight, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(names) == 2:
        # Of two categories the solver gives the logit of the second.
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    # The solver's arrays are column by column; a file of tensors takes them for row by row.
    return _Head(
        tuple(names.tolist()),
        np.ascontiguousarray(weight, dtype=np.float32),
        np.ascontiguousarray(bias, dtype=np.float32),
    )


def _calibrated(head: _Head, validation: EmbeddedArticles, wanted_accuracy: float) -> _Head:
    """Chooses temperature by likelihood, and the lowest threshold above which enough is right."""
    truth = head.truth(validation.articles)
    logits = head.logits(validation.embeddings)

    def loss(temperature: float) -> float:
        likelihoods = _softmax(logits / temperature)[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(likelihoods, 1e-12)).mean())

    found: Any = minimize_scalar(loss, bounds=(0.1, 10.0), method="bounded")
    temperature = round(float(found.x), 4)
    probabilities = _softmax(logits / temperature)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (probabilities.argmax(axis=1) == truth)[order]
    accuracies = np.cumsum(right) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(accuracies >= wanted_accuracy)
    threshold = float(confidence[order][enough[-1]]) if len(enough) else 1.0
    # Downwards, so that the article that it was taken from stays above it.
    threshold = float(np.floor(threshold * 1e4) / 1e4)
    return _Head(head.labels, head.weight, head.bias, temperature, threshold)


def _dataset_report(
    source: str, head: _Head, train: EmbeddedArticles, test: EmbeddedArticles
) -> DatasetReport:
    own_train = train.where(lambda each: each.source == source)
    own_test = test.where(lambda each: each.source == source)
    truth = head.truth(own_test.articles)
    probabilities = head.probabilities(own_test.embeddings)
    figures = classification_figures(probabilities, truth, threshold=head.threshold)
    allowed = np.unique(truth)
    within = allowed[probabilities[:, allowed].argmax(axis=1)]
    own = _fit(own_train, [each.own_category for each in own_train.articles], 3.0, 0.0)
    # A category of the test split that training never saw counts as wrong.
    names = [*own.labels, *sorted({each.own_category for each in own_test.articles} - set(own.labels))]
    own_truth = np.array([names.index(each.own_category) for each in own_test.articles])
    own_predicted = own.logits(own_test.embeddings).argmax(axis=1)
    return DatasetReport(
        source=source,
        articles=len(own_test.articles),
        own_categories=len(set(own_truth.tolist())),
        own_accuracy=float((own_predicted == own_truth).mean()),
        own_macro_f1=macro_f1(own_predicted, own_truth),
        accuracy=figures.accuracy,
        macro_f1=figures.macro_f1,
        within_accuracy=float((within == truth).mean()),
        kept=figures.kept,
        kept_accuracy=figures.kept_accuracy,
    )


def _softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _rounded(figures: HeadFigures) -> HeadFigures:
    return HeadFigures(**{name: round(value, 4) for name, value in msgspec.structs.asdict(figures).items()})
