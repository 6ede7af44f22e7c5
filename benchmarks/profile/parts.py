"""The parts of searches, each measured alone by the functions that a search calls: `take_hits`, `ColdParts`."""

import asyncio
from collections.abc import Sequence
from typing import Any

import ctranslate2
from gistwire.v1 import events_pb2
from gistwire_indexer.index import IndexedArticle, RetrievalQuery
from gistwire_models.article_sentences import usable_sentences
from gistwire_models.encoder import Priority
from gistwire_models.encoder_engine import EncoderEngine
from gistwire_models.placement import CPU
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder
from gistwire_models.summarizer import Candidate, Origin, SummaryRequest
from gistwire_models.summarizer_source import DECODING_OPTIONS
from gistwire_models.summary_writer import SummaryWriter
from gistwire_server.engines import Engines
from gistwire_server.hit_messages import HitWriter
from gistwire_server.paging import pinned
from gistwire_server.plan import SearchPlan
from gistwire_server.policy.shown_messages import show_hits
from gistwire_server.prepared_articles import PreparedArticle, PreparedArticles
from gistwire_server.retrieval import collapse, fuse

from benchmarks.profile.searches import ProfiledSearch, TimedParts

_ORIGINS = {
    events_pb2.Summary.GENERATED: Origin.GENERATED,
    events_pb2.Summary.EXTRACTED: Origin.EXTRACTED,
    events_pb2.Summary.HEADLINE: Origin.HEADLINE,
}


async def take_hits(plan: SearchPlan, engines: Engines, parts: TimedParts) -> None:
    """Takes the parts of a search up to its hits, one after the other."""
    with parts.timed("embedding the query"):
        (vector,) = await engines.encoder.encode([plan.query], priority=Priority.QUERY)
    with parts.timed("retrieval, both legs"):
        lists = await engines.index.retrieve(
            RetrievalQuery(plan.query, vector, plan.filter, plan.retrieval.depth)
        )
    with parts.timed("fusion, and collapse of near-duplicates"):
        originals = {each.id: each.duplicate_of for each in (*lists.lexical, *lists.dense)}
        fused = collapse(fuse(lists, plan.retrieval), originals)
    with parts.timed("fetching the articles"):
        found = await engines.index.get([hit.id for hit in fused[: plan.top_k]])
        indexed = [each for each in found if each is not None]
    with parts.timed("messages of the hits, with extracts and highlights"):
        writer = HitWriter(plan.query)
        messages = [writer.hit(each.article.id, each, events_pb2.Signals()) for each in indexed]
    with parts.timed("policy"):
        await show_hits(messages, engines.policy)
    with parts.timed("page token and attribution token"):
        engines.signer.page_token(plan, pinned(fused), plan.top_k)
        engines.signer.attribution_token("profiled", plan, [each.article.id for each in indexed])


async def read_stored(article_ids: Sequence[str], engines: Engines, parts: TimedParts) -> None:
    """Takes what reading the stored summaries of articles takes."""
    with parts.timed("reading the stored summaries"):
        await engines.index.stored_summaries(article_ids, str(engines.summarizer.model))


class ColdParts:
    """Takes the parts of cold searches, in threads, by engines of its own that have nothing in their caches.

    Attributes:
        of_all: those of all articles of a search.
        of_first: those of its first article, up to its first token.
    """

    def __init__(self, engines: Engines) -> None:
        self.of_all = TimedParts()
        self.of_first = TimedParts()
        self._engines = engines
        self._max_tokens = engines.config.summary.max_tokens
        folder = default_summarizer_folder()
        self._reader = SummaryWriter.load(folder, replicas=1, placement=CPU)
        # By the instructions that the server's own engine computes by.
        self._translator: Any = CPU.open(ctranslate2.Translator, folder, replicas=1)
        self._encoder = EncoderEngine.load(default_encoder_folder(), replicas=1)

    async def take(self, plan: SearchPlan, search: ProfiledSearch) -> None:
        """Takes the parts of a search that was made."""
        indexed = [each for each in await self._engines.index.get(search.article_ids) if each is not None]
        await self._take_first(indexed[0])
        await self._take_all(plan, indexed, search.summaries)

    def close(self) -> None:
        """Gives back the models."""
        self._reader.close()
        self._translator.unload_model()
        self._encoder.close()

    async def _take_first(self, indexed: IndexedArticle) -> None:
        with self.of_first.timed("what the policy leaves of the article"):
            prepared = await self._prepare(indexed)
        with self.of_first.timed("reading it as tokens and words"):
            source = await asyncio.to_thread(self._read, prepared)
        with self.of_first.timed("raw CTranslate2: encoding it, and its first token"):
            await asyncio.to_thread(self._generate, [source], max_tokens=1)

    async def _take_all(
        self, plan: SearchPlan, indexed: Sequence[IndexedArticle], summaries: Sequence[events_pb2.Summary]
    ) -> None:
        with self.of_all.timed("what the policy leaves of the articles"):
            prepared = {each.article.id: await self._prepare(each) for each in indexed}
        articles = list(prepared.values())
        with self.of_all.timed("reading them as tokens and words"):
            sources = await asyncio.to_thread(lambda: [self._read(each) for each in articles])
        with self.of_all.timed("raw CTranslate2: their summaries in one batch"):
            await asyncio.to_thread(self._generate, sources, max_tokens=self._max_tokens)
        with self.of_all.timed("finding their sentences"):
            sentences = await asyncio.to_thread(lambda: [_sentences(each) for each in articles])
        with self.of_all.timed("embedding the sentences, an article at a time"):
            await asyncio.to_thread(self._embed, sentences)
        written = [
            [Candidate(each.text, _ORIGINS[each.origin]) for each in summary.candidates]
            for summary in summaries
        ]
        generated = [[each.text] for some in written for each in some if each.origin is Origin.GENERATED]
        with self.of_all.timed("embedding the generated texts, one at a time"):
            await asyncio.to_thread(self._embed, generated)
        (query_embedding,) = self._encoder.embed_many([plan.query])
        candidates = {
            summary.article_id: (some, self._encoder.embed_many([each.text for each in some]))
            for summary, some in zip(summaries, written, strict=True)
        }

        def score() -> None:
            for article_id, (some, embeddings) in candidates.items():
                self._engines.scorer.score(
                    some,
                    article=prepared[article_id].profile,
                    query_embedding=query_embedding,
                    candidate_embeddings=embeddings,
                    max_tokens=self._max_tokens,
                )

        with self.of_all.timed("scoring what was written, beside the articles"):
            await asyncio.to_thread(score)

    def _embed(self, groups: Sequence[Sequence[str]]) -> None:
        for texts in groups:
            self._encoder.embed_many(texts)

    async def _prepare(self, indexed: IndexedArticle) -> PreparedArticle:
        """Anew: what the engines have prepared has its profile already."""
        return await PreparedArticles(self._engines.policy, max_characters=0).prepare(indexed)

    def _read(self, prepared: PreparedArticle) -> list[str]:
        evidence = prepared.evidence
        request = SummaryRequest("", "", evidence.headline, evidence.body, prepared.language)
        source, _ = self._reader.read(request)
        return source.tokens

    def _generate(self, sources: Sequence[list[str]], *, max_tokens: int) -> None:
        self._translator.translate_batch(
            sources, beam_size=1, max_decoding_length=max_tokens, **DECODING_OPTIONS
        )


def _sentences(prepared: PreparedArticle) -> list[str]:
    evidence = prepared.evidence
    return usable_sentences(headline=evidence.headline, body=evidence.body, language=prepared.language)
