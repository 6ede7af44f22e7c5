"""Candidate sets as numbers: what the server sees of each candidate, and how near it is to the reference."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from gistwire_server.candidate_features import ArticleProfile
from gistwire_server.faithfulness import Source
from gistwire_server.scoring import tier_of
from numpy.typing import NDArray

from gistwire_training.evaluation.tasks import article_of
from gistwire_training.scorer.candidates import CandidateSet

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RankingExample:
    """The candidates of one article.

    Attributes:
        article_id: the article.
        source: the outlet or data set.
        features: as `CandidateFeatures.vector` says: ``float64 [candidates, features]``, NaN where not known.
        novelties: factor of the quality of each, in [0, 1]: ``float64 [candidates]``.
        tiers: tier of each, as `tier_of` says; lower goes first: ``int64 [candidates]``.
        rouge: what is to be found out: ``float64 [candidates]``.
    """

    article_id: str
    source: str
    features: Floats
    novelties: Floats
    tiers: NDArray[np.int64]
    rouge: Floats

    def choose(self, qualities: Floats) -> int:
        """Returns the place of the candidate that the server would choose without a query.

        Args:
            qualities: ``float64 [candidates]``. Of equals the earlier one is chosen.
        """
        return int(np.lexsort((-qualities, self.tiers))[0])


def ranking_examples(sets: Iterable[CandidateSet]) -> list[RankingExample]:
    """Describes candidates with the server's code. CPU work of about ten milliseconds for each set."""
    return [_ranking_example(each) for each in sets]


def _ranking_example(judged: CandidateSet) -> RankingExample:
    pair = judged.pair
    source = Source(article_of(pair, "summary"), pair.language, headline=pair.headline)
    profile = ArticleProfile(source, judged.article_embedding)
    candidates = [each.candidate() for each in judged.candidates]
    described = [profile.describe(each, embedding=each.embedding) for each in candidates]
    return RankingExample(
        article_id=pair.id,
        source=pair.source,
        features=np.stack([each.features.vector() for each in described]),
        novelties=np.array([each.novelty for each in described]),
        tiers=np.array(
            [
                tier_of(candidate.origin, each.faithfulness, is_broken=bool(each.broken_places))
                for candidate, each in zip(candidates, described, strict=True)
            ],
            dtype=np.int64,
        ),
        rouge=np.array([each.rouge for each in judged.candidates]),
    )
