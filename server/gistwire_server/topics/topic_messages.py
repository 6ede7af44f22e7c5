"""The `Topic` messages of a window: stories in order, each with keywords, category and its central articles."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gistwire.v1 import topic_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelFormatError

from gistwire_server.hit_messages import article_view
from gistwire_server.keywords import ArticleFrequencies
from gistwire_server.topics.classifier import OTHER, CategoryClassifier, shipped_classifier
from gistwire_server.topics.story_ranking import RankedStory, rank_stories
from gistwire_server.topics.windows import WindowStories

MAX_TOPIC_ARTICLES = 20

_COMPARED_ARTICLES = 1_000
"""Articles of the window that a story's words are told from; more of them change little, and take time."""


@dataclass(frozen=True, slots=True)
class DescribedTopic:
    """A topic as it is shown.

    Attributes:
        message: the topic.
        article_ids: its articles, most central first; all of them.
    """

    message: topic_pb2.Topic
    article_ids: tuple[str, ...]


def describe_topics(
    window: WindowStories, limit: int, classifier: CategoryClassifier | None
) -> list[DescribedTopic]:
    """Returns the first topics of a window, best first. Blocks: about 1 ms for each, and 0.1 s for the window.

    Args:
        window: its stories.
        limit: most topics to return.
        classifier: tells categories; None where there is none for the encoder.
    """
    ranked = rank_stories(window, limit)
    if not ranked:
        return []
    ids = sorted(window.articles)
    # Equally spaced, so that the same window is always described alike.
    compared = ids[:: max(len(ids) // _COMPARED_ARTICLES, 1)]
    frequencies = ArticleFrequencies(window.articles[id_].article for id_ in compared)
    return [_described(each, window, frequencies, classifier) for each in ranked]


def classifier_for(encoder: ModelVersion) -> CategoryClassifier | None:
    """Returns the classifier that comes with Gistwire; None if it is not for this encoder."""
    try:
        classifier = shipped_classifier()
        classifier.check_encoder(encoder)
    except ModelFormatError:
        return None
    return classifier


def by_centrality(articles: Sequence[IndexedArticle]) -> list[IndexedArticle]:
    """Articles of a story, those first that are nearest to the mean of all; ties by identifier."""
    vectors = np.stack([each.embedding for each in articles])
    nearness = np.round(vectors @ vectors.mean(axis=0), 6)
    order = sorted(range(len(articles)), key=lambda place: (-nearness[place], articles[place].article.id))
    return [articles[place] for place in order]


def category_of(articles: Sequence[IndexedArticle], classifier: CategoryClassifier | None) -> str:
    """The category of a story: the classifier's; where it cannot tell, the one most of its publishers name, or "".

    Args:
        articles: of the story; not empty.
        classifier: None where there is none for the encoder.
    """
    languages = [each.article.language for each in articles]
    classification = None
    if classifier is not None and any(map(classifier.knows, languages)):
        classification = classifier.classify_together([each.embedding for each in articles], languages)
        if classification.category != OTHER:
            return classification.category
    named = Counter(each.article.category for each in articles if each.article.category)
    if named:
        return max(named.items(), key=lambda each: (each[1], each[0]))[0]
    return OTHER if classification else ""


def _described(
    ranked: RankedStory,
    window: WindowStories,
    frequencies: ArticleFrequencies,
    classifier: CategoryClassifier | None,
) -> DescribedTopic:
    story = ranked.story
    central = by_centrality([window.articles[id_] for id_ in story.article_ids])
    shown = central[:MAX_TOPIC_ARTICLES]
    message = topic_pb2.Topic(
        topic_id=story.id,
        keywords=frequencies.keywords([each.article for each in shown]),
        category=category_of(shown, classifier),
        article_count=len(central),
        momentum=ranked.momentum,
        articles=[article_view(each.article, each.revision) for each in shown],
        timeline=ranked.timeline,
    )
    return DescribedTopic(message, tuple(each.article.id for each in central))
