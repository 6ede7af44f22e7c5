import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from gistwire_models.errors import ModelFormatError
from gistwire_models.summarizer import Candidate, Origin
from gistwire_server.candidate_features import FEATURES, ArticleProfile, Description
from gistwire_server.faithfulness import Source
from gistwire_server.quality_model import (
    FeatureWeight,
    QualityModel,
    ScorerWeights,
    shipped_quality_model,
)

_SOURCE = Source(
    "Ferry fares rise\nFares on the island ferries rise by 4 percent in May. Crews had asked for more pay.",
    "en",
    headline="Ferry fares rise",
)
_TEXT = "Fares on the island ferries rise by 4 percent in May."


def _weights(**weights: float) -> ScorerWeights:
    features = {name: FeatureWeight(0.5, 2.0, weights.get(name, 0.0)) for name in FEATURES}
    return ScorerWeights(format=1, summarizer="test@1", features=features)


def _described(text: str = _TEXT) -> Description:
    return ArticleProfile(_SOURCE).describe(Candidate(text, Origin.EXTRACTED))


def test_the_quality_is_logistic_in_the_standardised_features() -> None:
    described = _described()
    assert described.features.faithfulness == 1.0
    quality = QualityModel(_weights(faithfulness=3.0)).of(described)
    assert quality == pytest.approx(described.novelty / (1 + math.exp(-3.0 * (1.0 - 0.5) / 2.0)))


def test_unknown_features_count_as_average() -> None:
    described = _described()
    assert described.features.closeness is None
    assert QualityModel(_weights(closeness=5.0)).of(described) == described.novelty * 0.5


@pytest.mark.parametrize("weight", [1e6, -1e6])
def test_the_quality_stays_in_bounds(weight: float) -> None:
    assert 0.0 <= QualityModel(_weights(log_words=weight)).of(_described()) <= 1.0


def test_what_repeats_itself_is_worse_whatever_the_weights() -> None:
    model = QualityModel(_weights())
    assert model.of(_described(f"{_TEXT} {_TEXT}")) < model.of(_described())


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    written = _weights(length=1.5)
    path.write_bytes(msgspec.json.encode(written))
    model = QualityModel.read(path)
    assert model.model.version == written.version
    assert model.of(_described()) == QualityModel(written).of(_described())


def _without_a_feature(weights: dict[str, object]) -> None:
    features = weights["features"]
    assert isinstance(features, dict)
    del features["closeness"]


def _with_an_unknown_feature(weights: dict[str, object]) -> None:
    features = weights["features"]
    assert isinstance(features, dict)
    features["mood"] = features["closeness"]


def _with_no_deviation(weights: dict[str, object]) -> None:
    features = weights["features"]
    assert isinstance(features, dict)
    features["closeness"]["deviation"] = 0.0


def _of_a_later_format(weights: dict[str, object]) -> None:
    weights["format"] = 2


@pytest.mark.parametrize(
    "spoil", [_without_a_feature, _with_an_unknown_feature, _with_no_deviation, _of_a_later_format]
)
def test_wrong_weights_are_refused(tmp_path: Path, spoil: object) -> None:
    weights = msgspec.to_builtins(_weights())
    assert callable(spoil)
    spoil(weights)
    path = tmp_path / "weights.json"
    path.write_bytes(msgspec.json.encode(weights))
    with pytest.raises(ModelFormatError, match="weights"):
        QualityModel.read(path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 1}', b"\xff"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.json"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"weights\.json"):
        QualityModel.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="missing"):
        QualityModel.read(tmp_path / "missing")


def test_the_shipped_model_prefers_a_summary_to_a_fragment() -> None:
    described = [_described(text) for text in (_TEXT, "Crews had")]
    summary, fragment = (shipped_quality_model().of(each) for each in described)
    assert summary > fragment
    assert np.isfinite(summary)
