"""What supports a sentence of a digest: for each article the sentence that says the same, if it does (`Citer`)."""

from collections.abc import Sequence

import numpy as np
from gistwire.v1 import summary_pb2

from gistwire_server.digests.material import Material, MaterialArticle
from gistwire_server.digests.sentence_space import SentenceSpace
from gistwire_server.faithfulness import Kind, Source, check_against

_MIN_FAITHFULNESS = 0.5
"""Faithfulness to an article that a sentence of another needs to be cited from it."""


class Citer:
    """Cites sentences of a digest."""

    def __init__(self, material: Material, space: SentenceSpace) -> None:
        self._material = material
        self._space = space
        self._owners = material.owners()

    def sentence(self, wordings: Sequence[int]) -> summary_pb2.DigestSentence | None:
        """Words a point with all that supports it. CPU work of a millisecond for each article that is close.

        Args:
            wordings: places of sentences that say it, best first; the one is taken that most articles support.

        Returns:
            the article it is from is cited first, the others by degree of support; None if no wording is even
            faithful to its own.
        """
        worded = [sentence for place in wordings if (sentence := self._worded(place)) is not None]
        # Of equals the first.
        return max(worded, key=lambda sentence: len(sentence.citations), default=None)

    def _worded(self, place: int) -> summary_pb2.DigestSentence | None:
        own = self._material.sentences[place]
        text = own.wording.text
        first = self._citation(text, place, 1.0)
        if first is None:
            return None
        others = (
            self._citation_of(article, text, place)
            for article in range(len(self._material.articles))
            if article != own.article
        )
        supporting = sorted(
            (citation for citation in others if citation is not None),
            key=lambda citation: (-citation.support, citation.article_id),
        )
        return summary_pb2.DigestSentence(text=text, citations=[first, *supporting])

    def _citation_of(self, article: int, text: str, place: int) -> summary_pb2.Citation | None:
        """Cites an article by the sentence nearest to the one at `place`, if it is near enough."""
        candidates = np.flatnonzero(self._owners == article)
        if not len(candidates):
            return None
        similarities = self._space.similarities[place][candidates]
        nearest = int(np.argmax(similarities))
        if similarities[nearest] < self._space.same_point:
            return None
        return self._citation(text, int(candidates[nearest]), float(similarities[nearest]))

    def _citation(self, text: str, place: int, similarity: float) -> summary_pb2.Citation | None:
        article = self._material.article_of(place)
        sentence = self._material.sentences[place].text
        faithfulness = support_of(text, sentence, article)
        if faithfulness is None:
            return None
        return summary_pb2.Citation(
            article_id=article.id,
            revision=article.revision,
            sentence=sentence,
            support=min(max(similarity * faithfulness, 0.0), 1.0),
        )


def support_of(text: str, sentence: str, article: MaterialArticle) -> float | None:
    """Tells how far a sentence of an article supports a text; None if it does not.

    The text's numbers must stand in that sentence, and its names, quotations and negations in the article, which
    must have at least half of its words.

    Returns:
        faithfulness of the text to the article, in [0, 1].
    """
    in_sentence = check_against(Source(sentence, article.language), text)
    if any(each.kind in (Kind.NUMBER, Kind.NEGATION) for each in in_sentence.unsupported):
        return None
    in_article = check_against(article.source, text)
    if in_article.has_false_item or in_article.score < _MIN_FAITHFULNESS:
        return None
    return in_article.score
