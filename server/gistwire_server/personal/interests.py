"""From what a user did to what interests them: pure functions over article embeddings, event kinds and times.

Each event has a weight by its kind, which halves with each half-life. Articles whose weights add up to more than
nothing are clustered by their embeddings (agglomerative, average linkage): each cluster is an interest, and so is
each tag that the user has stated in words. The mean of a history lies between its interests, near none of them.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from gistwire.v1 import user_event_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_models.encoder import Embedding
from numpy.typing import NDArray

TAG_MASS = 3.0
"""What a tag counts beside a history: as much as three clicks of today, whatever its age."""

_KIND_WEIGHTS = {
    # A result that was shown was not chosen by the user.
    EventKind.VIEW: 0.0,
    EventKind.CLICK: 1.0,
    EventKind.LIKE: 2.0,
    EventKind.DISMISS: -2.0,
}
_ARTICLE_RATING_WEIGHT = 2.0
"""Weight of the best rating of an article; that of the worst is its opposite, and that of 0.5 nothing."""
_SUMMARY_RATING_WEIGHT = 1.0
"""Likewise for a summary, whose rating is about its wording too."""


@dataclass(frozen=True, slots=True)
class WeighedArticle:
    """An article of a history that interests the user.

    Attributes:
        indexed: the article.
        weight: what the user's events with it add up to, more than 0.
    """

    indexed: IndexedArticle
    weight: float


@dataclass(frozen=True, slots=True)
class Interest:
    """Something that interests a user: a cluster of their history, or a tag.

    Attributes:
        id: stays while the medoid, or the tag, does.
        weight: share of the user's interest, in [0, 1]; those of all of a user's interests add up to 1.
        articles: the articles of the cluster, weightiest first; none for a tag.
        medoid: the article of the cluster that is most like the others; None for a tag.
        tag: the words in which it was stated; empty for a cluster.
        keywords: words that tell it from the others, best first.
        centre: ``float32 [dimension]``, unit length; None for a tag that could not be embedded.
    """

    id: str
    weight: float
    articles: tuple[WeighedArticle, ...] = ()
    medoid: IndexedArticle | None = None
    tag: str = ""
    keywords: tuple[str, ...] = ()
    centre: Embedding | None = field(default=None, compare=False, repr=False)

    def to_proto(self) -> user_event_pb2.Interest:
        """The interest as profiles and recommendations show it."""
        return user_event_pb2.Interest(
            interest_id=self.id,
            weight=self.weight,
            keywords=self.keywords,
            medoid_article_id="" if self.medoid is None else self.medoid.article.id,
            tag=self.tag,
        )


def event_weight(event: UserEvent) -> float:
    """What an event says of the user's interest in the article: more than 0 for, less than 0 against."""
    if event.kind is EventKind.RATE_ARTICLE:
        return _ARTICLE_RATING_WEIGHT * (2 * (event.rating or 0.0) - 1)
    if event.kind is EventKind.RATE_SUMMARY:
        return _SUMMARY_RATING_WEIGHT * (2 * (event.rating or 0.0) - 1)
    return _KIND_WEIGHTS[event.kind]


def article_weights(events: Iterable[UserEvent], now: datetime, half_life_s: float) -> dict[str, float]:
    """Adds up the weights of each article's events, each halved with every half-life that has passed.

    Returns:
        weights by article, more than 0: articles that the user is not, or not any more, interested in are left out.
        Ordered as their first event in `events`.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for event in events:
        age_s = max((now - event.occurred).total_seconds(), 0.0)
        sums[event.article_id] += event_weight(event) * math.pow(0.5, age_s / half_life_s)
    return {article_id: weight for article_id, weight in sums.items() if weight > 0}


def find_interests(
    articles: Sequence[WeighedArticle],
    tags: Mapping[str, Embedding | None],
    *,
    min_similarity: float,
    max_clusters: int,
) -> tuple[Interest, ...]:
    """Finds a user's interests.

    Args:
        articles: what the user is interested in, each article once.
        tags: what the user has stated, each with its embedding; None where that could not be made.
        min_similarity: cosine down to which two clusters, by the mean over their pairs, become one.
        max_clusters: most clusters; the weightiest are kept.

    Returns:
        heaviest first, ties broken by identifier; without keywords. Their weights add up to 1.
    """
    clusters = sorted(_clusters(articles, min_similarity), key=_mass, reverse=True)[:max_clusters]
    total = sum(map(_mass, clusters)) + TAG_MASS * len(tags)
    interests = [_cluster_interest(cluster, _mass(cluster) / total) for cluster in clusters]
    interests += [
        Interest(_identifier("tag", tag), TAG_MASS / total, tag=tag, centre=embedding)
        for tag, embedding in tags.items()
    ]
    return tuple(sorted(interests, key=lambda each: (-each.weight, each.id)))


def _clusters(articles: Sequence[WeighedArticle], min_similarity: float) -> list[list[WeighedArticle]]:
    if len(articles) < 2:
        return [[each] for each in articles]
    # SciPy takes long to import, and most calls are of no user.
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415

    # In an order of its own, so that ties between pairs do not depend on the caller's.
    ordered = sorted(articles, key=lambda each: (-each.weight, each.indexed.article.id))
    similarities = _pair_similarities(ordered)
    distances = np.maximum(1.0 - similarities[np.triu_indices(len(ordered), k=1)], 0.0)
    labels = fcluster(linkage(distances, method="average"), t=1.0 - min_similarity, criterion="distance")
    clusters: defaultdict[int, list[WeighedArticle]] = defaultdict(list)
    for label, article in zip(labels, ordered, strict=True):
        clusters[int(label)].append(article)
    return list(clusters.values())


def _cluster_interest(cluster: Sequence[WeighedArticle], weight: float) -> Interest:
    weights = np.array([each.weight for each in cluster])
    vectors = np.stack([each.indexed.embedding for each in cluster])
    centre = (weights / weights.sum()) @ vectors
    norm = float(np.linalg.norm(centre))
    # To six digits: the order in which a library adds up must not decide between equals.
    closeness = np.round(_pair_similarities(cluster) @ weights / weights.sum(), 6)
    place = min(range(len(cluster)), key=lambda each: (-closeness[each], cluster[each].indexed.article.id))
    medoid = cluster[place].indexed
    return Interest(
        id=_identifier("article", medoid.article.id),
        weight=weight,
        articles=tuple(cluster),
        medoid=medoid,
        centre=(centre / norm).astype(np.float32) if norm > 0 else medoid.embedding,
    )


def _pair_similarities(articles: Sequence[WeighedArticle]) -> NDArray[np.float64]:
    vectors = np.stack([each.indexed.embedding for each in articles]).astype(np.float64)
    similarities: NDArray[np.float64] = vectors @ vectors.T
    return similarities


def _mass(cluster: Iterable[WeighedArticle]) -> float:
    return sum(each.weight for each in cluster)


def _identifier(kind: str, of: str) -> str:
    return hashlib.blake2b(f"{kind}:{of}".encode(), digest_size=8).hexdigest()
