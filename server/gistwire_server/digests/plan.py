"""The plan of a digest: the request with all defaults filled in, valid by construction (summary_validation.py)."""

from dataclasses import dataclass

from gistwire.v1 import events_pb2
from gistwire_indexer.filter import Filter

from gistwire_server.plan import SearchPlan, duration


@dataclass(frozen=True, slots=True)
class DigestPlan:
    """What a digest is of; one of `article_ids`, `search` and `topic_id` is set.

    Attributes:
        article_ids: given articles, each once; empty for another subject.
        search: how the articles of a query are retrieved; None for another subject.
        topic_id: a topic; empty for another subject.
        filter: which articles take part; None for all.
        max_articles: most articles to draw on.
        max_sentences: most sentences.
        deadline_s: time for the whole call, in seconds.
    """

    article_ids: tuple[str, ...]
    search: SearchPlan | None
    topic_id: str
    filter: Filter | None
    max_articles: int
    max_sentences: int
    deadline_s: float

    @property
    def query(self) -> str:
        """What the digest is for, in words; empty for the articles as a whole."""
        return self.search.query if self.search is not None else ""

    def to_proto(self) -> events_pb2.Plan:
        """The plan as the `started` event shows it."""
        return events_pb2.Plan(
            query=self.query,
            filter=str(self.filter) if self.filter else "",
            top_k=self.max_articles,
            retrieval=self.search.to_proto().retrieval if self.search is not None else None,
            deadline=duration(self.deadline_s),
        )
