"""`TopicState`: what a stream of topics has shown so far. The views draw it; every text in it is safe to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gistwire.v1 import events_pb2, topic_pb2

from gistwire_client.terminal.safe_text import folded

_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class ShownTopic:
    """A story with all that is known of it.

    Attributes:
        topic_id: its identifier.
        headline: that of its most central article.
        sources: publishers of the articles that are known, each once, in their order.
        keywords: words that tell it from others.
        category: empty if unknown.
        article_count: number of articles.
        momentum: its growth; 1 is even over the window.
        timeline: a bar for each part of the window, oldest first.
        digest: the sentences of its digest; empty until it comes.
        disagreements: on what its sources disagree.
    """

    topic_id: str
    headline: str
    sources: tuple[str, ...]
    keywords: tuple[str, ...]
    category: str
    article_count: int
    momentum: float
    timeline: str
    digest: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()


@dataclass(slots=True)
class TopicState:
    """What a stream of topics has shown so far. `apply` takes the events in their order.

    Attributes:
        topics: the topics by their identifiers, best first.
        completed: the end; None until it comes.
    """

    topics: dict[str, ShownTopic] = field(default_factory=dict)
    completed: events_pb2.Completed | None = None

    @property
    def digest_count(self) -> int:
        """Number of topics whose digest came."""
        return sum(bool(topic.digest) for topic in self.topics.values())

    @property
    def has_ended(self) -> bool:
        """Whether the last event came."""
        return self.completed is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not self.topics and self.completed is None

    def apply(self, event: topic_pb2.StreamTopicsResponse) -> None:
        """Takes an event. Digests of unknown topics, which the protocol does not allow, are passed over."""
        match event.WhichOneof("event"):
            case "topic":
                self.topics[event.topic.topic_id] = _shown(event.topic)
            case "digest":
                if topic := self.topics.get(event.digest.topic_id):
                    digest = event.digest.digest
                    topic.digest = tuple(folded(each.text) for each in digest.sentences)
                    topic.disagreements = tuple(folded(each.subject) for each in digest.disagreements)
            case "completed":
                self.completed = event.completed


def timeline_bar(counts: Sequence[int]) -> str:
    """Draws numbers as bars, a character each, the largest number full; numbers below 0 count as 0."""
    largest = max(counts, default=0)
    if largest <= 0:
        return _BARS[0] * len(counts)
    steps = len(_BARS) - 1
    # Rounded up, so that one article among many is seen.
    return "".join(_BARS[-(-max(count, 0) * steps // largest)] for count in counts)


def _shown(topic: topic_pb2.Topic) -> ShownTopic:
    headline = folded(topic.articles[0].headline) if topic.articles else ""
    sources = dict.fromkeys(folded(article.source) for article in topic.articles)
    return ShownTopic(
        topic_id=folded(topic.topic_id),
        headline=headline or "(no headline)",
        sources=tuple(filter(None, sources)),
        keywords=tuple(filter(None, map(folded, topic.keywords))),
        category=folded(topic.category),
        article_count=topic.article_count,
        momentum=topic.momentum,
        timeline=timeline_bar(topic.timeline),
    )
