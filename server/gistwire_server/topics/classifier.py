"""Which category of news an article is of, by its embedding: `CategoryClassifier`, called by topic_messages.py.

The weights are fitted by `gistwire-train topics` and stand in the folder ``category_weights`` beside this module,
where README.md tells how they were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from gistwire_models.encoder import Embedding, ModelVersion
from gistwire_models.errors import ModelFormatError
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

SHIPPED_WEIGHTS = Path(__file__).with_name("category_weights")
"""The weights that come with Gistwire."""

OTHER = "other"
"""What is said of an article whose category is not clear."""

DESCRIPTION_FILE = "classifier.json"
WEIGHTS_FILE = "weights.safetensors"

_Probabilities = NDArray[np.float64]


class HeadFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How good a head is on articles that it was not fitted on.

    Attributes:
        accuracy: share of the test split whose likeliest category is right.
        macro_f1: mean F1 over the categories there.
        calibration_error: expected calibration error there, over 15 bins.
        kept: share of the test split that is not called `OTHER`.
        kept_accuracy: share of those that are right.
    """

    accuracy: float
    macro_f1: float
    calibration_error: float
    kept: float
    kept_accuracy: float


class HeadDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The logistic regression for some languages.

    Attributes:
        languages: ISO 639 codes of the languages that it is for.
        labels: its categories, in the order of the weights.
        temperature: what logits are divided by, so that probabilities are frequencies.
        threshold: probability below which the likeliest category is not clear.
        figures: how good it is.
    """

    languages: tuple[str, ...]
    labels: tuple[str, ...]
    temperature: Annotated[float, msgspec.Meta(gt=0)]
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)]
    figures: HeadFigures


class ClassifierDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A classifier, as its file tells of it; the tensors ``{head}.weight`` and ``{head}.bias`` stand beside it.

    Attributes:
        format: version of the file's format.
        version: hash of the weights.
        encoder: name and version of the encoder whose embeddings it was fitted on.
        heads: one for each group of languages, by name.
    """

    format: Literal[1]
    version: str
    encoder: str
    heads: dict[str, HeadDescription]


@dataclass(frozen=True, slots=True)
class Classification:
    """What a classifier says of an article, or of several together.

    Attributes:
        category: the likeliest category, or `OTHER`.
        probability: of the likeliest category, in [0, 1].
    """

    category: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    description: HeadDescription
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def probabilities(self, embeddings: Embedding) -> _Probabilities:
        logits = (embeddings @ self.weight.T + self.bias) / self.description.temperature
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: _Probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return probabilities


class CategoryClassifier:
    """Multinomial logistic regression on embeddings, one for each group of languages. Immutable."""

    def __init__(self, description: ClassifierDescription, tensors: dict[str, NDArray[np.float32]]) -> None:
        """Takes weights.

        Raises:
            ModelFormatError: tensors are missing, or of another shape than the description says.
        """
        self._description = description
        self._heads: dict[str, _Head] = {}
        for name, head in description.heads.items():
            weight, bias = tensors.get(f"{name}.weight"), tensors.get(f"{name}.bias")
            if weight is None or bias is None or weight.ndim != 2 or len(weight) != len(head.labels):
                raise ModelFormatError(f"the weights of the head {name} do not fit its labels")
            if bias.shape != (len(head.labels),) or not (
                np.isfinite(weight).all() and np.isfinite(bias).all()
            ):
                raise ModelFormatError(f"the biases of the head {name} do not fit its labels")
            known = _Head(head, weight.astype(np.float64), bias.astype(np.float64))
            self._heads |= dict.fromkeys(head.languages, known)

    @classmethod
    def read(cls, folder: Path) -> "CategoryClassifier":
        """Reads a folder of weights.

        Raises:
            ModelFormatError: the files cannot be read, or do not belong together.
        """
        try:
            content = (folder / DESCRIPTION_FILE).read_bytes()
            description = msgspec.json.decode(content, type=ClassifierDescription)
            tensors = load_file(folder / WEIGHTS_FILE)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, SafetensorError) as error:
            raise ModelFormatError(f"{folder} does not hold weights of a classifier: {error}") from error
        return cls(description, tensors)

    @property
    def description(self) -> ClassifierDescription:
        """What is known of it."""
        return self._description

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("news-categories", self._description.version)

    def check_encoder(self, encoder: ModelVersion) -> None:
        """Makes sure that embeddings are of the encoder that this was fitted on; another's mean something else.

        Raises:
            ModelFormatError: they are not.
        """
        if str(encoder) != self._description.encoder:
            raise ModelFormatError(
                f"the classifier of categories was fitted on {self._description.encoder}, not on {encoder}"
            )

    def knows(self, language: str) -> bool:
        """Whether it can classify articles in a language, by its ISO 639 code."""
        return language in self._heads

    def classify(self, embedding: Embedding, language: str) -> Classification:
        """Classifies an article.

        Args:
            embedding: ``float32 [dimension]`` of its text.
            language: ISO 639 code.
        """
        return self.classify_together([embedding], [language])

    def classify_together(self, embeddings: Sequence[Embedding], languages: Sequence[str]) -> Classification:
        """Classifies articles of one story: by the mean of their probabilities.

        Args:
            embeddings: ``float32 [dimension]`` of each.
            languages: ISO 639 code of each; articles in languages that it does not know have no say.

        Returns:
            `OTHER` if nothing is clear. The threshold is that of the head that most articles are read by.
        """
        totals: dict[str, float] = {}
        threshold, most, known = 0.0, 0, 0
        for head in dict.fromkeys(self._heads[each] for each in languages if each in self._heads):
            rows = [
                embedding
                for embedding, language in zip(embeddings, languages, strict=True)
                if self._heads.get(language) is head
            ]
            known += len(rows)
            if len(rows) > most:
                threshold, most = head.description.threshold, len(rows)
            sums = head.probabilities(np.stack(rows)).sum(axis=0)
            for label, total in zip(head.description.labels, sums.tolist(), strict=True):
                totals[label] = totals.get(label, 0.0) + total
        if not known:
            return Classification(OTHER, 0.0)
        label, total = max(totals.items(), key=lambda each: (each[1], each[0]))
        probability = total / known
        return Classification(label if probability >= threshold else OTHER, probability)


@cache
def shipped_classifier() -> CategoryClassifier:
    """Returns the classifier that comes with Gistwire. The first call reads its files.

    Raises:
        ModelFormatError: the installation is damaged.
    """
    return CategoryClassifier.read(SHIPPED_WEIGHTS)
