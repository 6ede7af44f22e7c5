"""Where the sentences of a digest lie: vectors of which the cosine says how far two sentences say the same."""

from collections import Counter
from functools import cached_property

import numpy as np
from gistwire_models.encoder import Embedding
from numpy.typing import NDArray

from gistwire_server.digests.material import Material
from gistwire_server.text_overlap import content_terms

_SAME_BY_EMBEDDING = 0.72
"""Of pairs of leads of AG News, those from about here up are on the same event; below, on the same subject."""

_SAME_BY_WORDS = 0.35

_RELEVANT_BY_EMBEDDING = 0.65
"""Of the judged queries' hits it keeps 95 in 100 of the relevant ones, and drops half of the others or more."""

_RELEVANT_BY_WORDS = 0.4


class SentenceSpace:
    """Vectors of sentences.

    Attributes:
        vectors: ``float32 [sentences, dimension]``, rows of unit length, or zero for a sentence without words.
        query: ``float32 [dimension]`` likewise; None if there is no query.
        same_point: cosine from which two sentences may make the same point.
        relevant: share of the greatest cosine to the query that an article's nearest sentence needs.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        query: NDArray[np.float32] | None,
        *,
        same_point: float,
        relevant: float,
    ) -> None:
        self.vectors = vectors
        self.query = query
        self.same_point = same_point
        self.relevant = relevant

    @cached_property
    def similarities(self) -> NDArray[np.float32]:
        """Cosine of each pair, in [-1, 1]. ``float32 [sentences, sentences]``."""
        similarities: NDArray[np.float32] = np.clip(self.vectors @ self.vectors.T, -1.0, 1.0)
        return similarities


def embedded_space(vectors: Embedding, query: Embedding | None) -> SentenceSpace:
    """Sentences by their meaning."""
    return SentenceSpace(vectors, query, same_point=_SAME_BY_EMBEDDING, relevant=_RELEVANT_BY_EMBEDDING)


def word_space(material: Material, query: str) -> SentenceSpace:
    """Sentences by their words: unit vectors of term frequency × inverse document frequency."""
    documents = [
        Counter(content_terms(sentence.text, material.articles[sentence.article].language))
        for sentence in material.sentences
    ]
    places: dict[str, int] = {}
    for document in documents:
        for term in document:
            places.setdefault(term, len(places))
    counts = np.zeros((len(documents) + 1, max(len(places), 1)), dtype=np.float32)
    asked = Counter(term for term in content_terms(query, material.language) if term in places)
    for row, document in enumerate([*documents, asked]):
        for term, count in document.items():
            counts[row, places[term]] = count
    containing = np.count_nonzero(counts[:-1], axis=0)
    weighted = counts * (np.log((1 + len(documents)) / (1 + containing)) + 1).astype(np.float32)
    norms = np.linalg.norm(weighted, axis=1, keepdims=True)
    vectors = (weighted / np.where(norms == 0, 1, norms)).astype(np.float32)
    return SentenceSpace(
        vectors[:-1],
        vectors[-1] if asked else None,
        same_point=_SAME_BY_WORDS,
        relevant=_RELEVANT_BY_WORDS,
    )
