"""Of several candidate summaries of an article, the best and why: `Scorer.score`, called by pipeline.py."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from gistwire_models.encoder import Embedding, ModelVersion
from gistwire_models.summarizer import Candidate, Origin

from gistwire_server.candidate_features import ArticleProfile, Description, similarity
from gistwire_server.faithfulness import Faithfulness
from gistwire_server.quality_model import QualityModel, shipped_quality_model

DEFAULT_FAITHFULNESS_THRESHOLD = 0.5
"""Faithfulness that a generated summary needs.

Measured on news: sentences with words left out have 0.98 (median), headlines that people wrote of
articles of 60 words 0.7, of which three quarters reach 0.5; sentences whose second half is another article's
have about 0.36, and headlines of another article less than 0.05.
"""

DEFAULT_QUERY_WEIGHT = 1.0
"""Weight of the query similarity beside the quality, which has 1: what the reader asked is what the summary is for,
but without the quality the sentence that happens to repeat the query would win.

Measured on 150 articles of the scorer's training split, asked for words of their last sentence: 1 takes half of the
way to the candidates most similar to the query, for a fifth of what those lose in ROUGE; 4 takes four fifths for a
third.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateScores:
    """Scores of a candidate, each in [0, 1]; None where not known.

    Attributes:
        query_similarity: cosine c of candidate and query, as (c + 1) / 2.
        closeness: cosine c of candidate and article, as (c + 1) / 2.
        faithfulness: as `check_against` says.
        length: 1 within the wanted length.
        novelty: 1 for a text that repeats neither itself nor the headline.
        total: the whole: the quality that `QualityModel` says, or its weighted mean with the query similarity.
    """

    query_similarity: float | None
    closeness: float | None
    faithfulness: float
    length: float
    novelty: float
    total: float


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with its scores.

    Attributes:
        candidate: the candidate.
        scores: its scores.
        faithfulness: what of it the article does not support.
        broken_places: where it falls apart, as `JoinIndex.broken_places` says.
    """

    candidate: Candidate
    scores: CandidateScores
    faithfulness: Faithfulness
    broken_places: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether it says nothing false and hangs together."""
        return not self.faithfulness.has_false_item and not self.broken_places


@dataclass(frozen=True, slots=True)
class ScoredCandidates:
    """All candidates of an article, best first; at least one."""

    candidates: tuple[ScoredCandidate, ...]

    @property
    def chosen(self) -> ScoredCandidate:
        """The best one."""
        return self.candidates[0]


class Tier(IntEnum):
    """What no total makes good: a candidate of a lower tier goes before all of a higher one."""

    TRUSTED = 0
    """Extracts, and generated texts that are faithful and hang together."""
    HEADLINE = 1
    """Tells the reader nothing new, but nothing false either."""
    BROKEN = 2
    """Runs of the article's words that do not make sentences."""
    UNFAITHFUL = 3


def tier_of(
    origin: Origin,
    faithfulness: Faithfulness,
    *,
    is_broken: bool = False,
    threshold: float = DEFAULT_FAITHFULNESS_THRESHOLD,
) -> Tier:
    """Returns the tier of a candidate.

    A generated one is unfaithful if its faithfulness is below the threshold, or if any number, name, quotation or
    negation of it is not the article's.
    """
    if origin is Origin.HEADLINE:
        return Tier.HEADLINE
    if origin is Origin.EXTRACTED:
        return Tier.TRUSTED
    if faithfulness.has_false_item or faithfulness.score < threshold:
        return Tier.UNFAITHFUL
    return Tier.BROKEN if is_broken else Tier.TRUSTED


class Scorer:
    """Scores candidates and puts them in order.

    Broken candidates rank below every extract and below the headline, unfaithful ones below these, and the headline
    below all else that is sound. Within these tiers the total decides, and of equals the earlier candidate, which the
    summarizer likes better.
    """

    def __init__(
        self,
        quality: QualityModel | None = None,
        *,
        query_weight: float = DEFAULT_QUERY_WEIGHT,
        faithfulness_threshold: float = DEFAULT_FAITHFULNESS_THRESHOLD,
    ) -> None:
        """Sets up the scorer.

        Args:
            quality: says how good candidates are; None for the model that comes with Gistwire.
            query_weight: weight of the query similarity beside the quality, finite and at least 0.
            faithfulness_threshold: faithfulness that a generated candidate needs.

        Raises:
            ModelFormatError: the model that comes with Gistwire cannot be read.
        """
        if not 0 <= query_weight < math.inf:
            raise ValueError(f"the weight of the query must be finite and at least 0, not {query_weight}")
        self._quality = quality or shipped_quality_model()
        self._query_weight = query_weight
        self._faithfulness_threshold = faithfulness_threshold

    @property
    def model(self) -> ModelVersion:
        """Name and version of the quality model."""
        return self._quality.model

    def score(
        self,
        candidates: Sequence[Candidate],
        *,
        article: ArticleProfile,
        query_embedding: Embedding | None = None,
        candidate_embeddings: Embedding | None = None,
        max_tokens: int | None = None,
    ) -> ScoredCandidates:
        """Scores the candidates of one article.

        CPU work of a millisecond or two for each that is new to the profile: call it in a thread then.

        Args:
            candidates: at least one.
            article: the article, prepared.
            query_embedding: ``float32 [dimension]`` of the query; None if there is none.
            candidate_embeddings: ``float32 [len(candidates), dimension]``; None to take those that the
                candidates carry.
            max_tokens: longest candidate that was asked for, in tokens; None for no limit. A short limit
                makes the wanted length shorter.

        Raises:
            ValueError: there are no candidates, or not as many embeddings.
        """
        if not candidates:
            raise ValueError("there must be at least one candidate")
        if candidate_embeddings is not None and len(candidate_embeddings) != len(candidates):
            raise ValueError(f"{len(candidate_embeddings)} embeddings for {len(candidates)} candidates")
        scored = []
        for place, candidate in enumerate(candidates):
            embedding = candidate.embedding if candidate_embeddings is None else candidate_embeddings[place]
            description = article.describe(candidate, embedding=embedding, max_tokens=max_tokens)
            scores = self._scores(description, similarity(embedding, query_embedding))
            scored.append(
                ScoredCandidate(candidate, scores, description.faithfulness, description.broken_places)
            )
        # Sorting is stable: of equals the earlier one stays first.
        scored.sort(key=lambda each: (self._tier(each), -each.scores.total))
        return ScoredCandidates(tuple(scored))

    def _tier(self, scored: ScoredCandidate) -> Tier:
        return tier_of(
            scored.candidate.origin,
            scored.faithfulness,
            is_broken=bool(scored.broken_places),
            threshold=self._faithfulness_threshold,
        )

    def _scores(self, description: Description, query_similarity: float | None) -> CandidateScores:
        total = self._quality.of(description)
        if query_similarity is not None:
            total = (total + self._query_weight * query_similarity) / (1 + self._query_weight)
        return CandidateScores(
            query_similarity=query_similarity,
            closeness=description.features.closeness,
            faithfulness=description.faithfulness.score,
            length=description.features.length,
            novelty=description.novelty,
            total=total,
        )
