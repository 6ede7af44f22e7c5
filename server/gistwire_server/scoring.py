"""Of several candidate summaries of an article, the best and why: `Scorer.score`, called by pipeline.py."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar

import numpy as np
from gistwire_models.encoder import Embedding, ModelVersion
from gistwire_models.summarizer import Candidate, FinishReason, Origin

from gistwire_server.faithfulness import Faithfulness, Source, check_against
from gistwire_server.readability import length_score, novelty_score

DEFAULT_FAITHFULNESS_THRESHOLD = 0.5
"""Faithfulness that a generated summary needs.

Measured on news: sentences with words left out have 0.98 (median), headlines that people wrote of
articles of 60 words 0.7, of which three quarters reach 0.5; sentences whose second half is another article's
have about 0.36, and headlines of another article less than 0.05.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreWeights:
    """Weight of each score in the total; each at least 0, not all 0.

    Attributes:
        query_similarity: what the reader asked is what the summary is for, and hits are ranked by it.
        closeness: as much again for being about the article as a whole; without it the sentence that happens
            to repeat the query would win.
        faithfulness: low, for the threshold has done its work before; more would always prefer an extract,
            whose score is 1, to a fair paraphrase.
        length: a summary too short or too long is a nuisance, but no lie.
        novelty: repetition is what generating models fall into, and the headline is shown anyway.
    """

    query_similarity: float = 1.0
    closeness: float = 1.0
    faithfulness: float = 0.25
    length: float = 0.25
    novelty: float = 0.5

    def __post_init__(self) -> None:
        weights = [getattr(self, each.name) for each in fields(self)]
        if min(weights) < 0 or not any(weights):
            raise ValueError("weights must be at least 0, and one of them above")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateScores:
    """Scores of a candidate, each in [0, 1]; None where not known.

    Attributes:
        query_similarity: cosine c of candidate and query, as (c + 1) / 2.
        closeness: cosine c of candidate and article, as (c + 1) / 2.
        faithfulness: as `check_against` says.
        length: 1 within the wanted length.
        novelty: 1 for a text that repeats neither itself nor the headline.
        total: weighted mean of those that are known.
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
    """

    candidate: Candidate
    scores: CandidateScores
    faithfulness: Faithfulness


@dataclass(frozen=True, slots=True)
class ScoredCandidates:
    """All candidates of an article, best first; at least one."""

    candidates: tuple[ScoredCandidate, ...]

    @property
    def chosen(self) -> ScoredCandidate:
        """The best one."""
        return self.candidates[0]


class _Tier(IntEnum):
    """What no total makes good: a candidate of a lower tier goes before all of a higher one."""

    TRUSTED = 0
    """Extracts, and generated texts that are faithful."""
    HEADLINE = 1
    """Tells the reader nothing new, but nothing false either."""
    UNFAITHFUL = 2


class Scorer:
    """Scores candidates and puts them in order.

    A generated candidate is unfaithful if its faithfulness is below the threshold, or if any number, name,
    quotation or negation of it is not the article's. It ranks below every extract and below the headline. The
    headline ranks below all else that is faithful. Within these tiers the total decides, and of equals the
    earlier candidate, which the summarizer likes better.
    """

    model: ClassVar[ModelVersion] = ModelVersion("composite", "1")
    """Name and version of the scorer."""

    def __init__(
        self,
        weights: ScoreWeights | None = None,
        faithfulness_threshold: float = DEFAULT_FAITHFULNESS_THRESHOLD,
    ) -> None:
        self._weights = weights or ScoreWeights()
        self._faithfulness_threshold = faithfulness_threshold

    def score(
        self,
        candidates: Sequence[Candidate],
        *,
        source: Source,
        query_embedding: Embedding | None = None,
        article_embedding: Embedding | None = None,
        candidate_embeddings: Embedding | None = None,
        max_tokens: int | None = None,
    ) -> ScoredCandidates:
        """Scores the candidates of one article. CPU work of about a millisecond each: call it in a thread.

        Args:
            candidates: at least one.
            source: the article's text, with its headline.
            query_embedding: ``float32 [dimension]`` of the query; None if there is none.
            article_embedding: ``float32 [dimension]`` of the article; None if not known.
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
            faithfulness = check_against(source, candidate.text)
            scores = self._combine(
                query_similarity=_similarity(embedding, query_embedding),
                closeness=_similarity(embedding, article_embedding),
                faithfulness=faithfulness.score,
                length=length_score(
                    candidate.text,
                    source.language,
                    is_cut=candidate.finish_reason is FinishReason.LENGTH,
                    max_tokens=max_tokens,
                ),
                novelty=novelty_score(candidate.text, source),
            )
            scored.append(ScoredCandidate(candidate, scores, faithfulness))
        # Sorting is stable: of equals the earlier one stays first.
        scored.sort(key=lambda each: (self._tier(each), -each.scores.total))
        return ScoredCandidates(tuple(scored))

    def _tier(self, scored: ScoredCandidate) -> _Tier:
        if scored.candidate.origin is Origin.HEADLINE:
            return _Tier.HEADLINE
        if scored.candidate.origin is Origin.EXTRACTED:
            return _Tier.TRUSTED
        if scored.faithfulness.has_false_item or scored.faithfulness.score < self._faithfulness_threshold:
            return _Tier.UNFAITHFUL
        return _Tier.TRUSTED

    def _combine(
        self,
        *,
        query_similarity: float | None,
        closeness: float | None,
        faithfulness: float,
        length: float,
        novelty: float,
    ) -> CandidateScores:
        weighted = [
            (weight, score)
            for weight, score in (
                (self._weights.query_similarity, query_similarity),
                (self._weights.closeness, closeness),
                (self._weights.faithfulness, faithfulness),
                (self._weights.length, length),
                (self._weights.novelty, novelty),
            )
            if score is not None
        ]
        weight_sum = sum(weight for weight, _ in weighted)
        # If only scores that are not known have a weight, nothing tells the candidates apart.
        total = sum(weight * score for weight, score in weighted) / weight_sum if weight_sum else 0.0
        return CandidateScores(
            query_similarity=query_similarity,
            closeness=closeness,
            faithfulness=faithfulness,
            length=length,
            novelty=novelty,
            total=min(total, 1.0),
        )


def _similarity(first: Embedding | None, second: Embedding | None) -> float | None:
    """Cosine of two unit vectors, mapped from [-1, 1] to [0, 1]."""
    if first is None or second is None:
        return None
    return (float(np.clip(np.dot(first, second), -1.0, 1.0)) + 1.0) / 2.0
