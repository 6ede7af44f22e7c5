"""`SearchState`: what a search or a recommendation has shown so far, for the views; its texts are safe to show."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from gistwire.v1 import events_pb2, recommendation_pb2, search_pb2

from gistwire_client.terminal import wording
from gistwire_client.terminal.explanation import supported_by, why_here
from gistwire_client.terminal.highlighting import HighlightedText, folded_with_highlights
from gistwire_client.terminal.safe_text import folded, printable

ShownEvent = search_pb2.StreamSearchResponse | recommendation_pb2.StreamRecommendResponse


@dataclass(slots=True)
class ShownHit:
    """A hit with all that is known of it.

    Attributes:
        highlighted_headline: the article's headline, with words of the query.
        source: publisher; empty if unknown.
        url: address, http or https; empty if unknown.
        published: when it was published; None if unknown.
        highlighted_extract: sentences of the article that show why it was found, likewise; may be empty.
        similar: number of near-duplicates that collapsed under it.
        found_rank: place in the fused list, from 1.
        draft: the summary as far as it is written.
        summary: the chosen summary; None until it is known.
        failure: why there is no summary; empty unless it failed.
        reason: why it is recommended; empty in a search.
        why_here: why it is in its place, in lines; empty unless that was asked for.
    """

    highlighted_headline: HighlightedText
    source: str
    url: str
    published: datetime | None
    highlighted_extract: HighlightedText
    similar: int
    found_rank: int
    draft: str = ""
    summary: "ShownSummary | None" = None
    failure: str = ""
    reason: str = ""
    why_here: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The article's headline."""
        return self.highlighted_headline.text

    @property
    def extract(self) -> str:
        """Sentences of the article that show why it was found; may be empty."""
        return self.highlighted_extract.text

    @property
    def settled(self) -> bool:
        """Whether nothing more will come for this hit but its place."""
        return self.summary is not None or bool(self.failure)


@dataclass(frozen=True, slots=True)
class ShownSummary:
    """The chosen summary of a hit.

    Attributes:
        text: the text.
        origin: value of `Summary.Origin`.
        stored: whether it had been stored before.
        policy: what the server's policy did to it, in words; empty if nothing.
        supported_by: what supports it, in lines; empty unless that was asked for.
    """

    text: str
    origin: events_pb2.Summary.Origin.ValueType
    stored: bool
    policy: str = ""
    supported_by: tuple[str, ...] = ()


@dataclass(slots=True)
class SearchState:
    """What a search has shown so far. `apply` takes the events in their order.

    Attributes:
        query: what is searched for; for whom, in a recommendation.
        hits: the hits by their identifiers.
        order: identifiers of all hits, best first.
        final: whether the order will not change any more.
        completed: the end; None until it comes.
    """

    query: str = ""
    hits: dict[str, ShownHit] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    final: bool = False
    completed: events_pb2.Completed | None = None

    @property
    def settled_count(self) -> int:
        """Number of hits whose summary is chosen or has failed."""
        return sum(hit.settled for hit in self.hits.values())

    def apply(self, event: ShownEvent) -> None:
        """Takes an event. What it says of unknown hits, which the protocol does not allow, is passed over."""
        if isinstance(event, recommendation_pb2.StreamRecommendResponse) and event.HasField("reasons"):
            self._explain(event.reasons)
            return
        match event.WhichOneof("event"):
            case "started":
                self.query = folded(event.started.plan.query) or self.query
            case "hits":
                self._show_hits(event.hits)
            case "summary_delta":
                if hit := self.hits.get(event.summary_delta.hit_id):
                    hit.draft += printable(event.summary_delta.text)
            case "summary":
                if hit := self.hits.get(event.summary.hit_id):
                    hit.summary = _shown_summary(event.summary)
            case "hit_failed":
                if hit := self.hits.get(event.hit_failed.hit_id):
                    hit.failure = folded(event.hit_failed.status.message) or "failed"
            case "ranking":
                self._rank(event.ranking)
            case "completed":
                self.completed = event.completed

    def moved(self, hit_id: str) -> int:
        """By how many places the hit stands above (below, if negative) its place in the fused list."""
        return self.hits[hit_id].found_rank - 1 - self.order.index(hit_id)

    def _show_hits(self, hits: events_pb2.Hits) -> None:
        for found_rank, hit in enumerate(hits.hits, start=1):
            self.hits[hit.hit_id] = shown_hit(hit, found_rank)
        self.order = list(self.hits)

    def _explain(self, reasons: recommendation_pb2.RecommendationReasons) -> None:
        tags = {each.interest_id: folded(each.tag) for each in reasons.interests}
        for each in reasons.reasons:
            if hit := self.hits.get(each.hit_id):
                hit.reason = wording.recommended(
                    each, headline=folded(each.history_headline), tag=tags.get(each.interest_id, "")
                )

    def _rank(self, ranking: events_pb2.Ranking) -> None:
        ranked = dict.fromkeys(each.hit_id for each in ranking.order if each.hit_id in self.hits)
        self.order = [*ranked, *(hit_id for hit_id in self.order if hit_id not in ranked)]
        self.final = ranking.final
        for each in ranking.order:
            if hit := self.hits.get(each.hit_id):
                hit.why_here = why_here(each)


def shown_hit(hit: events_pb2.Hit, found_rank: int) -> ShownHit:
    """Makes a hit safe to show; `found_rank` is its place in the fused list, from 1."""
    article = hit.article
    return ShownHit(
        highlighted_headline=_headline(hit),
        source=folded(article.source),
        url=_web_address(article.url),
        published=_time(article),
        highlighted_extract=folded_with_highlights(hit.extract, hit.extract_highlights),
        similar=len(hit.duplicate_ids),
        found_rank=found_rank,
    )


def _shown_summary(summary: events_pb2.Summary) -> ShownSummary:
    return ShownSummary(
        folded(summary.text),
        summary.origin,
        summary.stored,
        policy=wording.policy(summary.policy_actions),
        supported_by=supported_by(summary),
    )


def _headline(hit: events_pb2.Hit) -> HighlightedText:
    headline = folded_with_highlights(hit.article.headline, hit.headline_highlights)
    return headline if headline.text else HighlightedText("(no headline)", ())


def _web_address(url: str) -> str:
    url = printable(url)
    return url if url.startswith(("http://", "https://")) and " " not in url else ""


def _time(article: events_pb2.ArticleView) -> datetime | None:
    if not article.HasField("published"):
        return None
    try:
        return article.published.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
