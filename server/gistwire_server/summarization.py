"""From hits to summaries: each is stored already, or written, scored and chosen; several at a time, in rank order."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog
from gistwire.v1 import events_pb2
from gistwire_indexer.cleaning import remove_unprintable
from gistwire_indexer.errors import GistwireIndexerError
from gistwire_indexer.index import IndexedArticle, StoredSummary
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import GistwireModelError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    Origin,
    SummaryRequest,
)

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of
from gistwire_server.delivery import CoalescingQueue
from gistwire_server.engines import Engines
from gistwire_server.errors import status_of
from gistwire_server.first_words import FirstWords
from gistwire_server.model_engines import begun_at_once
from gistwire_server.plan import SearchPlan, SummaryMode
from gistwire_server.policy.shown_messages import show_support
from gistwire_server.policy.summary_policy import Evidence, added_up, all_refused
from gistwire_server.prepared_articles import PreparedArticle, Writing
from gistwire_server.retrieval import similarity
from gistwire_server.scoring import ScoredCandidate
from gistwire_server.sentence_support import SupportFinder
from gistwire_server.summary_messages import unwritten_summary, written_summary
from gistwire_server.summary_reading import read_candidates

_log = structlog.get_logger(__name__)

_SUMMARIZE = events_pb2.StageTime.SUMMARIZE
_SCORE = events_pb2.StageTime.SCORE

_STORED_SHARE = 0.3
"""Most of the time left that is given to reading what is stored; the rest is for writing what is not."""

_FIRST_WORD_SHARE = 0.3
"""Most of the time left that hits wait for the first word of those before them."""


@dataclass(frozen=True, slots=True)
class HitToSummarize:
    """A hit that wants a summary.

    Attributes:
        hit_id: the hit.
        indexed: its article.
        extract: the text to fall back on; empty for an article without body.
    """

    hit_id: str
    indexed: IndexedArticle
    extract: str


@dataclass(frozen=True, slots=True)
class HitOutcome:
    """How the summary of a hit ended.

    Attributes:
        hit_id: the hit.
        event: what the stream says of it.
        query_similarity: similarity of query and summary (or extract), in [0, 1]; None if not known.
        is_repeatable: whether the same search would end it in the same way now: nothing was generated for it, and
            nothing was left out for want of time or of a backend.
        is_followed: whether something else is known already, and will be told next.
    """

    hit_id: str
    event: events_pb2.Summary | events_pb2.HitFailed
    query_similarity: float | None
    is_repeatable: bool = True
    is_followed: bool = False


SummarizationEvent = events_pb2.SummaryDelta | events_pb2.Degraded | HitOutcome


async def summarize_hits(
    hits: Sequence[HitToSummarize],
    plan: SearchPlan,
    engines: Engines,
    budget: Budget,
    query_embedding: Embedding | None,
) -> AsyncGenerator[SummarizationEvent, None]:
    """Summarizes hits, best first, several at a time.

    Args:
        hits: what to summarize, in rank order.
        plan: how.
        engines: with what.
        budget: the time for it.
        query_embedding: ``float32 [dimension]``; None if it could not be made.

    Yields:
        Pieces of drafts and what was degraded, as they come; one HitOutcome for each hit, after all pieces of
        its draft. No failure of a hit is raised here.

    Closing the generator stops all that is under way and waits for its end.
    """
    queue: CoalescingQueue[events_pb2.Degraded | HitOutcome] = CoalescingQueue()
    run = _Summarization(plan, engines, budget, query_embedding, queue)
    work = asyncio.create_task(run.all(hits))
    try:
        async with aclosing(queue.events()) as events:
            async for event in events:
                yield replace(event, is_followed=len(queue) > 0) if isinstance(event, HitOutcome) else event
        # Errors in this module itself, not those of a hit, come out here.
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@dataclass(slots=True)
class _Summarization:
    """The summaries of one search."""

    plan: SearchPlan
    engines: Engines
    budget: Budget
    query_embedding: Embedding | None
    queue: CoalescingQueue[events_pb2.Degraded | HitOutcome]
    places: asyncio.Semaphore = field(init=False)
    first_words: FirstWords = field(init=False)
    unrepeatable: set[str] = field(default_factory=set)
    """The hits that are not `HitOutcome.is_repeatable`."""
    cut_short: set[str] = field(default_factory=set)
    """The hits that one candidate was written for where several were wanted."""

    def __post_init__(self) -> None:
        self.places = asyncio.Semaphore(self.engines.config.summary.concurrency)
        self.first_words = FirstWords(begun_at_once(self.engines.config) if self._streams_drafts() else None)

    async def all(self, hits: Sequence[HitToSummarize]) -> None:
        try:
            stored = await self._stored(hits)
            async with asyncio.TaskGroup() as tasks:
                for hit, stored_summary in zip(hits, stored, strict=True):
                    tasks.create_task(self._one(hit, stored_summary))
        finally:
            self.queue.close()

    async def _stored(self, hits: Sequence[HitToSummarize]) -> list[StoredSummary | None]:
        if self.plan.summary.mode is SummaryMode.NONE:
            return [None] * len(hits)
        ids = [hit.indexed.article.id for hit in hits]
        try:
            async with asyncio.timeout(self.budget.remaining_s() * _STORED_SHARE):
                stored = await self.engines.index.stored_summaries(ids, str(self.engines.summarizer.model))
        except (GistwireIndexerError, TimeoutError) as error:
            # What is stored only saves work; the search does without it.
            _log.warning("stored_summaries_unavailable", error=type(error).__name__)
            self.unrepeatable.update(hit.hit_id for hit in hits)
            return [None] * len(hits)
        # An article that came with the request may have the identifier of another one.
        return [
            each if each is not None and each.revision == hit.indexed.revision else None
            for hit, each in zip(hits, stored, strict=True)
        ]

    async def _one(self, hit: HitToSummarize, stored: StoredSummary | None) -> None:
        async with self.places:
            await self.queue.room()
            try:
                to_store = await self._summarize(hit, stored)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 (no failure of one hit may fail the others)
                if not isinstance(error, GistwireModelError):
                    _log.exception("summary_failed")
                await self._fail(hit, error)
                return
            finally:
                self.first_words.come()
        if to_store is not None:
            await self._store(to_store)

    async def _summarize(self, hit: HitToSummarize, stored: StoredSummary | None) -> StoredSummary | None:
        """Ends the hit in a summary; returns one that is worth storing, if there is one."""
        mode = self.plan.summary.mode
        if mode is SummaryMode.NONE:
            await self._finish_with_headline(hit)
            return None
        if mode is SummaryMode.STORED and stored is None:
            await self._finish_with_extract(hit)
            return None
        if stored is None:
            await self.first_words.turn(self.budget.remaining_s() * _FIRST_WORD_SHARE)
        prepared = await self.engines.prepared.prepare(hit.indexed)
        evidence = prepared.evidence
        if not evidence.text.strip():
            await self._finish_with_extract(hit)
            return None
        try:
            async with asyncio.timeout(self.budget.remaining_s()):
                if stored is not None and mode is not SummaryMode.BEST:
                    await self._choose(hit, prepared, (), self.engines.summarizer.model, stored)
                    return None
                written = await self._write(hit, prepared, stored)
                # While the engine runs, another model may have come into its place.
                model = written.model or self.engines.summarizer.model
                scored = await self._choose(hit, prepared, written.candidates, model, stored)
        except TimeoutError:
            self._degrade(hit, events_pb2.Degraded.DEADLINE, self._fallback(hit))
            await self._finish_with_extract(hit, late=True)
            return None
        except GistwireModelError as error:
            reason = reason_of(error)
            if stored is not None:
                self._degrade(hit, reason, events_pb2.Degraded.ONE_CANDIDATE)
                try:
                    async with asyncio.timeout(self.budget.remaining_s()):
                        await self._choose(hit, prepared, (), self.engines.summarizer.model, stored)
                except TimeoutError:
                    await self._finish_with_extract(hit, late=True)
                return None
            self._degrade(hit, reason, self._fallback(hit))
            await self._finish_with_extract(hit)
            return None
        if stored is not None:
            return None
        chosen = _worth_storing(scored)
        if chosen is None:
            if hit.hit_id not in self.cut_short:
                self._remember_rejected(prepared, written.candidates, model)
            return None
        return _to_store(hit, chosen, model)

    def _remember_rejected(
        self, prepared: PreparedArticle, candidates: Sequence[Candidate], model: ModelVersion
    ) -> None:
        """Has the next search do without the model, which would write the same."""
        generated = tuple(each for each in candidates if each.origin is Origin.GENERATED)
        if generated:
            prepared.rejected[self._writing(model)] = generated

    def _writing(self, model: ModelVersion) -> Writing:
        return Writing(str(model), self.plan.summary.candidates, self.plan.summary.max_tokens)

    def _streams_drafts(self) -> bool:
        return self.plan.summary.stream_drafts and self.engines.policy.streams_drafts

    def _wants_several(self) -> bool:
        return self.plan.summary.mode is SummaryMode.BEST and self.plan.summary.candidates > 1

    def _affordable(self, hit: HitToSummarize) -> Step:
        """The most that the time left is likely to be enough for.

        Raises:
            TimeoutError: it is not enough for a summary at all.
        """
        # As `read_candidates` keeps.
        if self._wants_several() and self.budget.affords(Step.SUMMARIZE_SEVERAL, Step.SCORE, Step.SCORE):
            return Step.SUMMARIZE_SEVERAL
        if not self.budget.affords(Step.SUMMARIZE_ONE, Step.SCORE):
            raise TimeoutError
        if self._wants_several():
            self._cut_short(hit, events_pb2.Degraded.DEADLINE)
        return Step.SUMMARIZE_ONE

    async def _write(
        self, hit: HitToSummarize, prepared: PreparedArticle, stored: StoredSummary | None
    ) -> Candidates:
        step = self._affordable(hit)
        article, evidence = hit.indexed.article, prepared.evidence
        rejected = prepared.rejected.get(self._writing(self.engines.summarizer.model), ())
        generates = stored is None and not rejected
        focused = self.plan.summary.mode is SummaryMode.BEST and bool(self.plan.query)
        request = SummaryRequest(
            article_id=article.id,
            revision=hit.indexed.revision,
            headline=evidence.headline,
            body=evidence.body,
            language=article.language,
            query=self.plan.query if focused else None,
            query_embedding=self.query_embedding if focused else None,
            article_embedding=hit.indexed.embedding,
            candidates=self.plan.summary.candidates if step is Step.SUMMARIZE_SEVERAL else 1,
            max_tokens=self.plan.summary.max_tokens,
            # Where something is stored, or rejected, the draft would only be of what is beside it.
            stream_drafts=generates and self._streams_drafts(),
            generate=generates,
            timeout_s=self.budget.remaining_s(),
        )
        if not generates:
            self.first_words.come()
        draft = self.engines.policy.draft_filter()

        def show(text: str) -> None:
            self.first_words.come()
            self._put_delta(hit, draft.add(remove_unprintable(text)))

        read = await read_candidates(
            self.engines.summarizer,
            request,
            step=step,
            budget=self.budget,
            show=show,
            end_draft=lambda: self._put_delta(hit, draft.end()),
        )
        if read.cut_short is not None:
            self._cut_short(hit, read.cut_short)
        candidates = read.candidates
        if not candidates.candidates:
            raise RuntimeError(f"summarizer {self.engines.summarizer.model} gave no candidates")
        if any(each.origin is Origin.GENERATED for each in candidates.candidates):
            self.unrepeatable.add(hit.hit_id)
        return replace(candidates, candidates=(*rejected, *candidates.candidates)) if rejected else candidates

    def _cut_short(self, hit: HitToSummarize, reason: events_pb2.Degraded.Reason.ValueType) -> None:
        self.cut_short.add(hit.hit_id)
        self._degrade(hit, reason, events_pb2.Degraded.ONE_CANDIDATE)

    def _put_delta(self, hit: HitToSummarize, text: str) -> None:
        if text:
            self.queue.put_delta(hit.hit_id, text)

    async def _choose(
        self,
        hit: HitToSummarize,
        prepared: PreparedArticle,
        candidates: Iterable[Candidate],
        model: ModelVersion,
        stored: StoredSummary | None,
    ) -> tuple[ScoredCandidate, ...]:
        """Scores what was written and what is stored, and ends the hit in the best of them that may be shown.

        Returns:
            all that may be shown, as they were written.
        """
        evidence = prepared.evidence
        written = [_readable(each, evidence) for each in candidates]
        stored_candidate = _as_candidate(stored) if stored is not None else None
        if stored_candidate is not None and stored_candidate.text not in {each.text for each in written}:
            written.append(stored_candidate)
        with self.budget.spend(Step.SCORE):
            scored = await self._score(prepared, await self._with_embeddings(hit, written))
        shown = await self.engines.policy.choose(scored, hit.indexed.article.language)
        if not shown.candidates:
            await self._finish_with_headline(hit, [*shown.actions, *evidence.left_out])
            return ()
        actions = [*shown.actions, *evidence.actions(shown.candidates[0].candidate.text)]
        event = written_summary(
            hit.hit_id,
            hit.indexed,
            shown.candidates,
            model=model,
            stored=stored is not None and shown.unmasked[0].candidate.text == stored.text,
            policy_actions=added_up(actions),
        )
        await self._end(hit, event, shown.candidates[0].scores.query_similarity)
        return shown.unmasked

    async def _score(
        self, prepared: PreparedArticle, candidates: Sequence[Candidate]
    ) -> tuple[ScoredCandidate, ...]:
        max_tokens = self.plan.summary.max_tokens

        def score() -> tuple[ScoredCandidate, ...]:
            scored = self.engines.scorer.score(
                candidates,
                article=prepared.profile,
                query_embedding=self.query_embedding,
                max_tokens=max_tokens,
            )
            return scored.candidates

        is_known = prepared.has_profile and all(
            prepared.profile.has_described(
                each, has_embedding=each.embedding is not None, max_tokens=max_tokens
            )
            for each in candidates
        )
        # What was described before takes less time than another thread.
        return score() if is_known else await asyncio.to_thread(score)

    async def _with_embeddings(self, hit: HitToSummarize, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Candidates with embeddings, as far as the encoder can make those that are missing."""
        missing = [each.text for each in candidates if each.embedding is None]
        if not missing:
            return list(candidates)
        try:
            vectors = iter(await self.engines.encoder.encode(missing, priority=Priority.SUMMARY))
        except GistwireModelError:
            self._degrade(hit, events_pb2.Degraded.BACKEND_DOWN, events_pb2.Degraded.UNSCORED, stage=_SCORE)
            return list(candidates)
        return [
            replace(each, embedding=next(vectors)) if each.embedding is None else each for each in candidates
        ]

    async def _finish_with_headline(
        self, hit: HitToSummarize, actions: Sequence[events_pb2.PolicyAction] = ()
    ) -> None:
        """Ends the hit in its headline; `actions` are what was done to texts that it stands in for."""
        shown = await self.engines.policy.first_shown(
            [hit.indexed.article.headline], hit.indexed.article.language
        )
        event = unwritten_summary(
            hit.hit_id,
            hit.indexed,
            shown.text,
            origin=Origin.HEADLINE,
            policy_actions=added_up([*(actions if shown.text else all_refused(actions)), *shown.actions]),
        )
        await self._end(hit, event, None)

    async def _finish_with_extract(self, hit: HitToSummarize, *, late: bool = False) -> None:
        """Ends the hit in a text that the summarizer had no part in."""
        article = hit.indexed.article
        texts = [hit.extract, article.headline] if hit.extract else [article.headline]
        shown = await self.engines.policy.first_shown(texts, article.language)
        query_similarity = await self._similarity_of(shown.text) if shown.text else None
        if shown.text and query_similarity is None:
            self.unrepeatable.add(hit.hit_id)
        event = unwritten_summary(
            hit.hit_id,
            hit.indexed,
            shown.text,
            origin=Origin.EXTRACTED if hit.extract and shown.place == 0 else Origin.HEADLINE,
            query_similarity=query_similarity,
            late=late,
            policy_actions=shown.actions,
        )
        await self._end(hit, event, query_similarity)

    async def _end(
        self, hit: HitToSummarize, event: events_pb2.Summary, query_similarity: float | None
    ) -> None:
        """Ends the hit in a summary, which says what supports it if it is to be explained."""
        if self.plan.explain and event.text:
            article = hit.indexed.article
            mask = self.engines.policy.mask
            support = await asyncio.to_thread(lambda: SupportFinder(article, mask).support(event.text))
            event.support.extend(await show_support(support, self.engines.policy, article.language))
        is_repeatable = hit.hit_id not in self.unrepeatable
        self.queue.put(HitOutcome(hit.hit_id, event, query_similarity, is_repeatable))

    async def _fail(self, hit: HitToSummarize, error: Exception) -> None:
        event = events_pb2.HitFailed(
            hit_id=hit.hit_id, article_id=hit.indexed.article.id, status=status_of(error)
        )
        text = hit.extract or hit.indexed.article.headline
        similarity_of_text = await self._similarity_of(text)
        self.queue.put(HitOutcome(hit.hit_id, event, similarity_of_text, is_repeatable=False))

    async def _similarity_of(self, text: str) -> float | None:
        """Similarity of the query and a text that no model wrote, if there is time and an encoder to tell."""
        if self.query_embedding is None or not self.budget.affords(Step.ENCODE):
            return None
        try:
            async with asyncio.timeout(self.budget.remaining_s()):
                vectors = await self.engines.encoder.encode([text], priority=Priority.SUMMARY)
        except (TimeoutError, GistwireModelError):
            return None
        return similarity(float(self.query_embedding @ vectors[0]))

    def _fallback(self, hit: HitToSummarize) -> events_pb2.Degraded.Action.ValueType:
        return events_pb2.Degraded.EXTRACT if hit.extract else events_pb2.Degraded.HEADLINE

    def _degrade(
        self,
        hit: HitToSummarize,
        reason: events_pb2.Degraded.Reason.ValueType,
        action: events_pb2.Degraded.Action.ValueType,
        *,
        stage: events_pb2.StageTime.Stage.ValueType = _SUMMARIZE,
    ) -> None:
        self.queue.put(events_pb2.Degraded(stage=stage, reason=reason, action=action, hit_ids=[hit.hit_id]))

    async def _store(self, summary: StoredSummary) -> None:
        try:
            # The stream does not end before, so it must not take longer than the reader waits.
            async with asyncio.timeout(self.budget.remaining_s()):
                await self.engines.index.store_summary(summary)
        except (GistwireIndexerError, TimeoutError) as error:
            # The reader has the summary; the next search will write it again.
            _log.warning("summary_not_stored", error=type(error).__name__)


def _readable(candidate: Candidate, evidence: Evidence) -> Candidate:
    """A candidate without control characters, which a model may write as well as a stranger, and with whole masks."""
    text = evidence.mended(remove_unprintable(candidate.text))
    return candidate if text == candidate.text else replace(candidate, text=text, embedding=None)


def _to_store(hit: HitToSummarize, candidate: Candidate, model: ModelVersion) -> StoredSummary:
    return StoredSummary(
        article_id=hit.indexed.article.id,
        revision=hit.indexed.revision,
        model=str(model),
        text=candidate.text,
        origin=candidate.origin.value,
        log_probability=candidate.log_probability,
        embedding=candidate.embedding,
    )


def _worth_storing(scored: Iterable[ScoredCandidate]) -> Candidate | None:
    """The best sound candidate that serves any query; a headline is stored anyway."""
    for each in scored:
        if not each.is_sound:
            continue
        if not each.candidate.query_focused and each.candidate.origin is not Origin.HEADLINE:
            return each.candidate
    return None


def _as_candidate(stored: StoredSummary) -> Candidate:
    return Candidate(
        text=stored.text,
        origin=Origin(stored.origin),
        log_probability=stored.log_probability,
        embedding=stored.embedding,
    )
