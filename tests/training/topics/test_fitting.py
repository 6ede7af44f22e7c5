"""Tests of fitting the classifier: what it learns, its calibration, its files and its picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.encoder import ModelVersion
from gistwire_server.topics.classifier import CategoryClassifier
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import split_of
from gistwire_training.topics import fitting
from gistwire_training.topics.categories import CategoryMapping, read_mapping, shipped_mapping
from gistwire_training.topics.confusion_plot import draw_confusion
from gistwire_training.topics.examples import EmbeddedArticles, LabelledArticle, OnProgress, read_labelled
from gistwire_training.topics.fitting import fit_classifier
from gistwire_training.topics.report import calibration_error, confusion, macro_f1

LABELS = ("sports", "world", "business")
MAPPING = CategoryMapping({"wire": {"sport": "sports", "foreign": "world", "money": "business"}})
OWN = dict(zip(LABELS, ("sport", "foreign", "money"), strict=True))


def embedded(count: int = 900, noise: float = 0.5) -> EmbeddedArticles:
    """Articles around a direction for each category, with a fifth labelled at random."""
    chance = np.random.default_rng(3)
    articles, rows = [], []
    for number in range(count):
        direction = number % 3
        label = LABELS[chance.integers(3) if chance.random() < 0.2 else direction]
        id_ = f"a{number}"
        articles.append(LabelledArticle(id_, "text", "en", "wire", OWN[label], label, split_of(id_)))
        row = np.eye(3, 4)[direction] + noise * chance.normal(size=4)
        rows.append(row / np.linalg.norm(row))
    return EmbeddedArticles(articles, np.array(rows, dtype=np.float32), ModelVersion("tiny", "1"))


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[EmbeddedArticles, Path]:
    examples = embedded()

    def embed(_articles: object, _folder: Path, *, on_progress: OnProgress) -> EmbeddedArticles:
        return examples

    monkeypatch.setattr(fitting, "embed", embed)
    monkeypatch.setattr(fitting, "read_labelled", lambda _paths, _mapping: examples.articles)
    return examples, tmp_path / "weights"


def test_what_is_written_is_what_was_measured(fitted: tuple[EmbeddedArticles, Path]) -> None:
    examples, out = fitted
    report = fit_classifier([], out, mapping=MAPPING, encoder_folder=out)
    (head,) = report.heads
    assert head.figures.accuracy > 0.7
    assert head.figures.calibration_error < 0.12
    classifier = CategoryClassifier.read(out)
    classifier.check_encoder(ModelVersion("tiny", "1"))
    test = examples.where(lambda each: each.split == "test")
    found = [classifier.classify(vector, "en").category for vector in test.embeddings]
    kept = [
        (category, each.label)
        for category, each in zip(found, test.articles, strict=True)
        if category != "other"
    ]
    assert len(kept) / len(found) == pytest.approx(head.figures.kept)
    assert np.mean([category == label for category, label in kept]) == pytest.approx(
        head.figures.kept_accuracy
    )


def test_the_threshold_reaches_the_wanted_accuracy_on_validation(
    fitted: tuple[EmbeddedArticles, Path],
) -> None:
    examples, out = fitted
    fit_classifier([], out, mapping=MAPPING, encoder_folder=out, wanted_accuracy=0.85)
    classifier = CategoryClassifier.read(out)
    validation = examples.where(lambda each: each.split == "validation")
    found = [classifier.classify(vector, "en").category for vector in validation.embeddings]
    right = [
        category == each.label
        for category, each in zip(found, validation.articles, strict=True)
        if category != "other"
    ]
    assert np.mean(right) >= 0.85
    assert "other" in found


def test_the_confusion_is_drawn(fitted: tuple[EmbeddedArticles, Path], tmp_path: Path) -> None:
    _, out = fitted
    report = fit_classifier([], out, mapping=MAPPING, encoder_folder=out)
    draw_confusion(report.heads, tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert sum(map(sum, report.heads[0].confusion)) == report.heads[0].test_articles


def test_articles_are_read_with_our_categories(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    rows = [
        {"id": "1", "headline": "One", "category": "Sport", "source": "Wire", "lang": "en"},
        {"id": "2", "headline": "Two", "category": "weather", "source": "Wire", "lang": "en"},
        {"id": "3", "headline": "Three", "category": "world", "source": "unmapped", "lang": "zh"},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert [(each.id, each.label, each.language) for each in read_labelled([path], MAPPING)] == [
        ("1", "sports", "en"),
        ("3", "world", "zh"),
    ]
    with pytest.raises(TrainingDataError):
        read_labelled([path], CategoryMapping({}))


def test_near_duplicates_get_the_same_split(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    body = "Crane drivers at the harbour went on strike on Monday over pay and hours, their union said."
    rows = [
        {"id": f"{number}", "headline": "Strike", "body": body, "category": "money", "source": "wire"}
        for number in range(40)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert len({each.split for each in read_labelled([path], MAPPING)}) == 1


def test_a_mapping_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[wire]\nsport = 3\n")
    with pytest.raises(TrainingDataError):
        read_mapping(tmp_path / "broken.toml")
    assert shipped_mapping().label("HuffPost", "World News") == "world"


def test_measures_follow_their_definitions() -> None:
    truth = np.array([0, 0, 1, 1])
    predicted = np.array([0, 1, 1, 1])
    assert macro_f1(predicted, truth) == pytest.approx((2 / 3 + 4 / 5) / 2)
    certain = np.array([[1.0, 0.0]] * 4)
    assert calibration_error(certain, truth) == pytest.approx(0.5)
    assert calibration_error(np.array([[0.5, 0.5]] * 4), truth) == pytest.approx(0.0)
    assert confusion(predicted, truth, ("a", "b")) == ((1, 1), (0, 2))
