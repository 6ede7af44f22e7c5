"""How good a candidate summary is, as people's summaries taught it: `QualityModel.of`, called by scoring.py.

The weights are fitted by `gistwire_training.scorer` and stand in ``scorer_weights.json`` beside this module.
"""

import hashlib
import math
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelFormatError

from gistwire_server.candidate_features import FEATURES, Description

SHIPPED_WEIGHTS_FILE = Path(__file__).with_name("scorer_weights.json")
"""The weights that come with Gistwire."""

_MAX_LOGIT = 30.0


class FeatureWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one feature adds to the quality.

    Attributes:
        mean: its mean over the candidates that the model was fitted on.
        deviation: its standard deviation over them.
        weight: log-odds that a candidate gains by a feature one deviation above the mean.
    """

    mean: float
    deviation: Annotated[float, msgspec.Meta(gt=0)]
    weight: float


class ScorerWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fitted quality model, as its file holds it.

    Attributes:
        format: version of the file's format.
        summarizer: name and version of what wrote the candidates that it was fitted on.
        features: each of `FEATURES` with its weight.
    """

    format: Literal[1]
    summarizer: str
    features: dict[str, FeatureWeight]

    @property
    def version(self) -> str:
        """Version by content: eight hexadecimal digits."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:8]


class QualityModel:
    """A linear model of how near a candidate is to the summary that a person would write.

    ``quality = novelty · σ(Σ weight · (feature − mean) / deviation)``, where features that are not known count as
    average. The logistic part is the probability of being preferred to an average candidate. Novelty multiplies
    it instead of being one of the features, because neither people nor good summarizers repeat themselves: what
    repetition costs cannot be learned from them.
    """

    def __init__(self, weights: ScorerWeights) -> None:
        """Takes weights for all features.

        Raises:
            ModelFormatError: they are for other features.
        """
        if weights.features.keys() != set(FEATURES):
            names = ", ".join(sorted(weights.features.keys() ^ set(FEATURES)))
            raise ModelFormatError(
                f"the scorer's weights are for other features than this version has: {names}"
            )
        ordered = [weights.features[name] for name in FEATURES]
        self._model = ModelVersion("linear-quality", weights.version)
        self._means = [each.mean for each in ordered]
        self._slopes = [each.weight / each.deviation for each in ordered]

    @classmethod
    def read(cls, path: Path) -> "QualityModel":
        """Reads a file of weights.

        Raises:
            ModelFormatError: the file cannot be read, or does not hold weights for all features.
        """
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=ScorerWeights))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelFormatError(f"{path} does not hold weights of a scorer: {error}") from error

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return self._model

    def of(self, description: Description) -> float:
        """Returns the quality of a candidate, in [0, 1]."""
        # So few numbers take numpy ten times as long.
        logit = sum(
            slope * (value - mean)
            for slope, mean, value in zip(
                self._slopes, self._means, description.features.values(), strict=True
            )
            if value is not None
        )
        return description.novelty / (1.0 + math.exp(-max(-_MAX_LOGIT, min(_MAX_LOGIT, logit))))


@cache
def shipped_quality_model() -> QualityModel:
    """Returns the model that comes with Gistwire. The first call reads its file.

    Raises:
        ModelFormatError: the installation is damaged.
    """
    return QualityModel.read(SHIPPED_WEIGHTS_FILE)
