"""The live query, as one generator of events: past hits, then each new article that matches.

The rules of the order are at WatchResponse in search.proto. new_articles.py tells what is new, watch_progress.py what
a resume token holds.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gistwire.v1 import events_pb2, search_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Priority

from gistwire_server.article_feed import ArticleFeed, FeedReader
from gistwire_server.budget import Budget
from gistwire_server.engines import Engines
from gistwire_server.errors import ArticleNotFoundError, status_of
from gistwire_server.hit_messages import HitWriter
from gistwire_server.new_articles import NewArticles, begin_now
from gistwire_server.pipeline import started_event
from gistwire_server.plan import SearchPlan, WatchPlan
from gistwire_server.policy.shown_messages import show_hits
from gistwire_server.ranking import recency, source_quality
from gistwire_server.retrieval import FusedHit, retrieve
from gistwire_server.summarization import HitOutcome, HitToSummarize, summarize_hits
from gistwire_server.watch_matching import ArticleMatcher
from gistwire_server.watch_progress import WatchProgress, digest

_DEEPEST_RETRIEVAL = 1_000
"""Where past hits whose summary was left open are looked for, however many better ones came since."""

WatchEvent = (
    events_pb2.Started
    | events_pb2.Hits
    | events_pb2.SummaryDelta
    | events_pb2.Summary
    | events_pb2.HitFailed
    | events_pb2.Degraded
    | search_pb2.CaughtUp
    | search_pb2.Bookmark
)


@dataclass(frozen=True, slots=True)
class WatchUpdate:
    """An event of a watch.

    Attributes:
        event: what happened.
        resume_token: goes on after it.
    """

    event: WatchEvent
    resume_token: str


async def watch_events(
    plan: WatchPlan, engines: Engines, feed: ArticleFeed, *, request_id: str, resume_token: str = ""
) -> AsyncGenerator[WatchUpdate, None]:
    """Carries out a watch. It has no end of its own.

    Args:
        plan: what to do.
        engines: what to do it with.
        feed: tells of what their index newly holds.
        request_id: identifier of the call.
        resume_token: where to go on; empty to begin now.

    Yields:
        The events of the watch, in the order that search.proto promises.

    Raises:
        ResumeTokenError: the token cannot be used.
        GistwireModelError: the query could not be embedded.
        IndexUnavailableError: the index does not answer.
        DrainingError: the feed was closed.
        TimeoutError: the query was not embedded, or the past not searched, in the time for a search.

    Closing the generator stops all that is under way and waits for its end.
    """
    async with asyncio.timeout(plan.search.deadline_s):
        (query_embedding,) = await engines.encoder.encode([plan.search.query], priority=Priority.QUERY)
    matcher = ArticleMatcher(
        plan.search.query, plan.search.filter, query_embedding, min_similarity=plan.min_similarity
    )
    async with feed.reading() as reader:
        if resume_token:
            not_before = reader.now() - timedelta(hours=engines.config.watch.resumable_hours)
            progress = WatchProgress.from_token(resume_token, plan, engines.signer, not_before=not_before)
        else:
            progress = await begin_now(engines.index, reader, matcher)
        watch = _Watch(plan, engines, reader, matcher, progress, request_id)
        async with aclosing(watch.events()) as events:
            async for event in events:
                yield WatchUpdate(event, progress.to_token(plan, engines.signer))


@dataclass(slots=True)
class _Watch:
    """A watch under way. Its progress covers an event once that is yielded."""

    plan: WatchPlan
    engines: Engines
    reader: FeedReader
    matcher: ArticleMatcher
    progress: WatchProgress
    request_id: str
    hit_writer: HitWriter = field(init=False)
    new_articles: NewArticles = field(init=False)

    def __post_init__(self) -> None:
        self.hit_writer = HitWriter(self.plan.search.query)
        self.new_articles = NewArticles(self.engines.index, self.reader, self.matcher, self.progress)

    async def events(self) -> AsyncGenerator[WatchEvent, None]:
        yield started_event(self.plan.to_proto(), self.engines, self.request_id)
        async with aclosing(self._left_open() if self.progress.caught_up else self._past()) as events:
            async for event in events:
                yield event
        async with aclosing(self._new()) as events:
            async for event in events:
                yield event

    async def _past(self) -> AsyncGenerator[WatchEvent, None]:
        """The past hits and their summaries, as far as they are still to come."""
        if self.progress.past_shown:
            found = await self._find_past_hits()
        else:
            hits, found = await self._search_past()
            if found:
                yield hits
        async with aclosing(self._summaries(found)) as events:
            async for event in events:
                yield event
        self.progress.caught_up = True
        yield search_pb2.CaughtUp(past_hit_count=self.progress.hit_count)

    async def _left_open(self) -> AsyncGenerator[WatchEvent, None]:
        """The summaries that a token left open."""
        found = await self.new_articles.find(set(self.progress.pending.values()))
        async with aclosing(self._summaries(found)) as events:
            async for event in events:
                yield event

    async def _new(self) -> AsyncGenerator[WatchEvent, None]:
        """What is new, without end."""
        bookmark_interval = timedelta(seconds=self.engines.config.watch.bookmark_interval_s)
        quiet_since = self.reader.now()
        async with aclosing(self.new_articles.groups()) as groups:
            async for group in groups:
                shown: list[IndexedArticle] = []
                for article in group:
                    if not self.progress.repeats_shown(article.indexed):
                        yield await self._hits([self._hit(article.indexed)], total=1)
                        shown.append(article.indexed)
                async with aclosing(self._summaries(shown)) as events:
                    async for event in events:
                        yield event
                if shown:
                    quiet_since = self.reader.now()
                elif self.reader.now() - quiet_since >= bookmark_interval:
                    quiet_since = self.reader.now()
                    yield search_pb2.Bookmark()

    async def _search_past(self) -> tuple[events_pb2.Hits, list[IndexedArticle]]:
        """Searches the past: its hits, which count as shown, and their articles."""
        self.progress.past_shown = True
        search = self.plan.search
        if search.top_k == 0:
            return events_pb2.Hits(), []
        async with asyncio.timeout(search.deadline_s):
            fused = await self._retrieve(search)
            articles = await self.engines.index.get([each.id for each in fused[: search.top_k]])
        found = [(hit, indexed) for hit, indexed in zip(fused, articles, strict=False) if indexed is not None]
        hits = await self._hits([self._hit(indexed, hit) for hit, indexed in found], total=len(fused))
        return hits, [indexed for _, indexed in found]

    async def _find_past_hits(self) -> list[IndexedArticle]:
        """The articles of the past hits whose summary a token left open, as far as they are still to be found."""
        if not self.progress.pending:
            return []
        search = replace(
            self.plan.search,
            retrieval=replace(self.plan.search.retrieval, depth=_DEEPEST_RETRIEVAL),
            # A hit that was shown may be a near-duplicate of a better one by now.
            rank=replace(self.plan.search.rank, collapse=False),
        )
        open_digests = set(self.progress.pending.values())
        async with asyncio.timeout(search.deadline_s):
            ids = [each.id for each in await self._retrieve(search)]
            revisions = await self.engines.index.revisions(ids)
            ids = [
                article_id
                for article_id, revision in zip(ids, revisions, strict=True)
                if revision is not None and digest(article_id, revision) in open_digests
            ]
            return [each for each in await self.engines.index.get(ids) if each is not None]

    async def _retrieve(self, search: SearchPlan) -> tuple[FusedHit, ...]:
        return await retrieve(
            search,
            self.engines.index,
            self.matcher.query_embedding,
            dense_weight_uncovered=self.engines.config.retrieval.dense_weight_uncovered,
        )

    async def _summaries(self, articles: Iterable[IndexedArticle]) -> AsyncGenerator[WatchEvent, None]:
        """Ends all hits that are open, in summaries of these articles."""
        by_digest = {digest(each.article.id, each.revision): each for each in articles}
        to_summarize: list[HitToSummarize] = []
        for hit_id, open_digest in list(self.progress.pending.items()):
            indexed = by_digest.get(open_digest)
            if indexed is None:
                yield self._gone(hit_id)
            else:
                to_summarize.append(HitToSummarize(hit_id, indexed, self.hit_writer.extract(indexed.article)))
        if not to_summarize:
            return
        budget = Budget(self.plan.search.deadline_s, self.engines.costs)
        summaries = summarize_hits(
            to_summarize, self.plan.search, self.engines, budget, self.matcher.query_embedding
        )
        async with aclosing(summaries) as events:
            async for event in events:
                if isinstance(event, HitOutcome):
                    self.progress.mark_ended(event.hit_id)
                    yield event.event
                else:
                    yield event

    def _gone(self, hit_id: str) -> events_pb2.HitFailed:
        """Ends a hit whose article is not there any more."""
        self.progress.mark_ended(hit_id)
        error = ArticleNotFoundError("the article was corrected or deleted before its summary came")
        return events_pb2.HitFailed(hit_id=hit_id, status=status_of(error))

    async def _hits(self, hits: Sequence[events_pb2.Hit], *, total: int) -> events_pb2.Hits:
        article_ids = [hit.article.id for hit in hits]
        return events_pb2.Hits(
            hits=await show_hits(hits, self.engines.policy),
            attribution_token=self.engines.signer.attribution_token(
                self.request_id, self.plan.search, article_ids
            ),
            total=total,
        )

    def _hit(self, indexed: IndexedArticle, fused: FusedHit | None = None) -> events_pb2.Hit:
        """The message of an article, which counts as shown from here on."""
        article = indexed.article
        search = self.plan.search
        signals = events_pb2.Signals(
            dense=self.matcher.similarity(indexed),
            recency=recency(article.published, self.reader.now(), search.rank.recency_half_life_s),
            source_quality=source_quality(article.source, self.engines.config.rank.source_trust),
        )
        if fused is not None:
            signals.MergeFrom(
                events_pb2.Signals(
                    lexical=fused.lexical,
                    fusion=fused.fusion,
                    lexical_rank=fused.lexical_rank,
                    dense_rank=fused.dense_rank,
                )
            )
        return self.hit_writer.hit(
            self.progress.mark_shown(indexed),
            indexed,
            signals,
            duplicate_ids=() if fused is None else fused.duplicate_ids,
        )
