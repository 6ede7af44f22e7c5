"""`DigestState`: what a digest has shown so far. The views draw it; every text in it is safe to show."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gistwire.v1 import events_pb2, summary_pb2

from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.search_state import ShownHit, shown_hit


@dataclass(frozen=True, slots=True)
class ShownSentence:
    """A sentence of the digest.

    Attributes:
        text: the text.
        numbers: numbers of the articles that support it, in the order in which it cites them.
    """

    text: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShownDisagreement:
    """A point on which articles disagree.

    Attributes:
        subject: on what.
        claims: what each says, with the number of its article.
    """

    subject: str
    claims: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class DigestState:
    """What a digest has shown so far. `apply` takes the events in their order.

    Attributes:
        query: what it is for; empty if it is of given articles or a topic.
        articles: the articles that it draws on, by their numbers.
        sentences: the sentences.
        disagreements: points on which the articles disagree.
        completed: the end; None until it comes.
    """

    query: str = ""
    articles: dict[int, ShownHit] = field(default_factory=dict)
    sentences: list[ShownSentence] = field(default_factory=list)
    disagreements: list[ShownDisagreement] = field(default_factory=list)
    completed: events_pb2.Completed | None = None
    _numbers: dict[str, int] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether the last event came."""
        return self.completed is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not self.articles and self.completed is None

    def apply(self, event: summary_pb2.StreamDigestResponse) -> None:
        """Takes an event. Citations of unknown articles, which the protocol does not allow, are passed over."""
        match event.WhichOneof("event"):
            case "started":
                self.query = folded(event.started.plan.query)
            case "hits":
                for number, hit in enumerate(event.hits.hits, start=1):
                    self.articles[number] = shown_hit(hit, number)
                    self._numbers[hit.article.id] = number
            case "sentence":
                self.sentences.append(self._sentence(event.sentence))
            case "digest":
                self.sentences = [self._sentence(each) for each in event.digest.sentences]
                self.disagreements = [self._disagreement(each) for each in event.digest.disagreements]
            case "completed":
                self.completed = event.completed

    @property
    def cited(self) -> list[int]:
        """Numbers of the articles that are cited, ascending."""
        numbers = {number for sentence in self.sentences for number in sentence.numbers}
        claimed = {number for each in self.disagreements for number, _ in each.claims}
        return sorted(numbers | claimed)

    def _sentence(self, sentence: summary_pb2.DigestSentence) -> ShownSentence:
        return ShownSentence(
            folded(sentence.text), tuple(number for number, _ in self._known(sentence.citations))
        )

    def _disagreement(self, disagreement: summary_pb2.Disagreement) -> ShownDisagreement:
        claims = ((number, folded(claim.sentence)) for number, claim in self._known(disagreement.claims))
        return ShownDisagreement(folded(disagreement.subject), tuple(claims))

    def _known(self, citations: Iterable[summary_pb2.Citation]) -> list[tuple[int, summary_pb2.Citation]]:
        return [
            (self._numbers[citation.article_id], citation)
            for citation in citations
            if citation.article_id in self._numbers
        ]
