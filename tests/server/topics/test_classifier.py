"""Tests of the classifier of categories: probabilities, `other`, languages, and what it refuses."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from gistwire_models.encoder import ModelVersion
from gistwire_models.encoder_folder import read_description
from gistwire_models.errors import ModelFormatError
from gistwire_models.shipped import default_encoder_folder
from gistwire_server.topics.classifier import (
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    CategoryClassifier,
    ClassifierDescription,
    HeadDescription,
    HeadFigures,
    shipped_classifier,
)
from gistwire_server.topics.topic_messages import classifier_for
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

FIGURES = HeadFigures(accuracy=1, macro_f1=1, calibration_error=0, kept=1, kept_accuracy=1)
ENCODER = ModelVersion("tiny", "1")
FIRST = np.array([1, 0], dtype=np.float32)
SECOND = np.array([0, 1], dtype=np.float32)


def head(
    language: str, labels: tuple[str, ...], threshold: float = 0.7, temperature: float = 1.0
) -> HeadDescription:
    return HeadDescription(
        languages=(language,), labels=labels, temperature=temperature, threshold=threshold, figures=FIGURES
    )


def classifier(**heads: HeadDescription) -> CategoryClassifier:
    heads = heads or {"en": head("en", ("sports", "world"))}
    description = ClassifierDescription(format=1, version="1", encoder=str(ENCODER), heads=heads)
    tensors = {}
    for name in heads:
        tensors[f"{name}.weight"] = np.array([[3, 0], [0, 3]], dtype=np.float32)
        tensors[f"{name}.bias"] = np.zeros(2, dtype=np.float32)
    return CategoryClassifier(description, tensors)


def test_the_likeliest_category_is_told_with_its_probability() -> None:
    classification = classifier().classify(FIRST, "en")
    assert classification.category == "sports"
    assert classification.probability == pytest.approx(1 / (1 + np.exp(-3)))


def test_what_is_not_clear_is_other() -> None:
    middle = (FIRST + SECOND) / np.float32(np.sqrt(2))
    classification = classifier().classify(middle, "en")
    assert classification.category == "other"
    assert classification.probability == pytest.approx(0.5)


def test_temperature_makes_probabilities_less_certain() -> None:
    warm = classifier(en=head("en", ("sports", "world"), temperature=3.0))
    assert warm.classify(FIRST, "en").probability == pytest.approx(1 / (1 + np.exp(-1)))


def test_articles_of_a_story_are_classified_together() -> None:
    assert classifier().classify_together([FIRST, FIRST, FIRST, SECOND], ["en"] * 4).category == "sports"
    assert classifier().classify_together([FIRST, SECOND], ["en", "en"]).category == "other"


def test_each_language_has_its_head_and_one_without_has_no_say() -> None:
    both = classifier(en=head("en", ("sports", "world")), zh=head("zh", ("games", "sports")))
    assert both.classify(FIRST, "zh").category == "games"
    assert both.classify_together([FIRST, SECOND], ["en", "zh"]).category == "sports"
    assert both.classify_together([FIRST, SECOND, SECOND], ["en", "fr", "de"]).category == "sports"
    assert both.classify(FIRST, "fr").category == "other"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=2))
def test_probabilities_are_in_their_range(values: list[float]) -> None:
    classification = classifier().classify(np.array(values, dtype=np.float32), "en")
    assert 0.5 <= classification.probability <= 1
    assert (classification.category == "other") == (classification.probability < 0.7)


def test_it_is_refused_with_another_encoder() -> None:
    classifier().check_encoder(ENCODER)
    with pytest.raises(ModelFormatError, match="tiny@1"):
        classifier().check_encoder(ModelVersion("tiny", "2"))
    assert classifier_for(ModelVersion("scripted-encoder", "1")) is None


def test_the_shipped_one_is_for_the_shipped_encoder() -> None:
    description = read_description(default_encoder_folder())
    encoder = ModelVersion(description.name, description.version)
    shipped = classifier_for(encoder)
    assert shipped is not None
    assert shipped is shipped_classifier()
    assert shipped.knows("en")
    assert shipped.knows("zh")
    assert "world" in shipped.description.heads["en"].labels


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    description = classifier().description
    (tmp_path / DESCRIPTION_FILE).write_bytes(msgspec.json.encode(description))
    with pytest.raises(ModelFormatError):
        CategoryClassifier.read(tmp_path)
    weight = np.ones((2, 2), dtype=np.float32)
    for tensors in (
        {"en.weight": weight},
        {"en.weight": weight[:1], "en.bias": np.zeros(2, dtype=np.float32)},
        {"en.weight": weight, "en.bias": np.zeros(3, dtype=np.float32)},
        {"en.weight": weight, "en.bias": np.full(2, np.nan, dtype=np.float32)},
    ):
        save_file(tensors, tmp_path / WEIGHTS_FILE)
        with pytest.raises(ModelFormatError):
            CategoryClassifier.read(tmp_path)
    save_file({"en.weight": weight, "en.bias": np.zeros(2, dtype=np.float32)}, tmp_path / WEIGHTS_FILE)
    assert CategoryClassifier.read(tmp_path).knows("en")
