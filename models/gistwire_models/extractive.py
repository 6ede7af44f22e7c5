"""The extractive summarizer: an article's own sentences, chosen by maximal marginal relevance."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gistwire_models.article_sentences import ArticleSentences, is_dependent, usable_sentences
from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.sentence_selection import Selection, propose_selections, relevance
from gistwire_models.sentences import split_sentences
from gistwire_models.shortening import shorten
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    SummaryRequest,
)

_DEFAULT_CACHE_BYTES = 64 * 1024 * 1024
_CHOICES = 4_096
"""Choices of sentences that are kept for queries that are asked again."""
_FEW_SENTENCES = 24
"""So many are chosen from in less time than another thread takes."""
_UNSPACED_LANGUAGES = frozenset({"zh", "ja"})


class ExtractiveSummarizer:
    """Summarizes an article by its own sentences. Implements Summarizer.

    With a query, sentences are chosen for it; without one, for how well they stand for the article. Where the
    body holds no sentence of its own, the headline is the summary.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        count_tokens: Callable[[str], int],
        *,
        cache_bytes: int = _DEFAULT_CACHE_BYTES,
    ) -> None:
        """Sets up the summarizer.

        Args:
            encoder: embeds sentences; it remains its owner's to close.
            count_tokens: tokens of a text in the encoder's vocabulary; called in threads.
            cache_bytes: how much memory the sentences of articles may take; 0 for none. The next query on the
                same articles need not embed them again, and the same query need not choose among them again.
        """
        self._encoder = encoder
        self._count_tokens = count_tokens
        self._cache = _SentenceCache(cache_bytes)
        # No library: Triton's environment has as few as can be.
        self._chosen: OrderedDict[_Choice, tuple[Candidate, ...]] = OrderedDict()
        self._keeps_choices = cache_bytes > 0
        self._closed = False

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("extractive-mmr", "1")

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says.

        Raises:
            ValueError: the article has neither a headline nor a body.
        """
        self._check_open()
        candidates = await self._candidates(request)
        self._check_open()
        if request.stream_drafts:
            for piece in _pieces(candidates[0].text, request.language):
                yield DraftDelta(piece)
        embedded = await self._with_embeddings(candidates)
        self._check_open()
        yield Candidates(embedded)

    async def close(self) -> None:
        """Forgets the sentences it kept; calls that go on end with ModelUnavailableError."""
        self._closed = True
        self._cache.clear()
        self._chosen.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise ModelUnavailableError("the summarizer was closed")

    async def _candidates(self, request: SummaryRequest) -> tuple[Candidate, ...]:
        article = await self._article(request)
        if article is None:
            return (await asyncio.to_thread(self._whole_text_candidate, request),)
        choice = _Choice.of(request)
        chosen = self._chosen.get(choice)
        if chosen is not None:
            self._chosen.move_to_end(choice)
            return chosen
        query = await self._query_embedding(request)
        if len(article.texts) <= _FEW_SENTENCES:
            chosen = self._choose(request, article, query)
        else:
            chosen = await asyncio.to_thread(self._choose, request, article, query)
        if request.article_id and request.revision and self._keeps_choices and not self._closed:
            self._chosen[choice] = chosen
            if len(self._chosen) > _CHOICES:
                self._chosen.popitem(last=False)
        return chosen

    async def _article(self, request: SummaryRequest) -> ArticleSentences | None:
        cached = self._cache.get(request.article_id, request.revision)
        if cached is not None:
            return cached
        texts, tokens = await asyncio.to_thread(self._read, request)
        if not texts:
            return None
        embeddings = await self._encoder.encode(texts, priority=Priority.SUMMARY)
        dependent = np.array([is_dependent(text) for text in texts])
        article = ArticleSentences(tuple(texts), tuple(tokens), dependent, embeddings)
        if not self._closed:
            self._cache.put(request.article_id, request.revision, article)
        return article

    def _read(self, request: SummaryRequest) -> tuple[list[str], list[int]]:
        texts = usable_sentences(headline=request.headline, body=request.body, language=request.language)
        return texts, [self._count_tokens(text) for text in texts]

    async def _query_embedding(self, request: SummaryRequest) -> Embedding | None:
        if request.query is None or request.query_embedding is not None:
            return None if request.query is None else request.query_embedding
        embedding: Embedding = (await self._encoder.encode([request.query], priority=Priority.SUMMARY))[0]
        return embedding

    def _choose(
        self, request: SummaryRequest, article: ArticleSentences, query: Embedding | None
    ) -> tuple[Candidate, ...]:
        """Makes distinct candidates, the favourite first. CPU work of about a millisecond."""
        rated = relevance(article, article_embedding=request.article_embedding, query=query)
        candidates: dict[str, Candidate] = {}
        for selection in propose_selections(article, rated, max_tokens=request.max_tokens):
            candidate = self._candidate(request, article, selection)
            candidates.setdefault(candidate.text, candidate)
            if len(candidates) == request.candidates:
                break
        return tuple(candidates.values())

    def _candidate(
        self, request: SummaryRequest, article: ArticleSentences, selection: Selection
    ) -> Candidate:
        separator = "" if request.language in _UNSPACED_LANGUAGES else " "
        candidate = Candidate(
            separator.join(article.texts[place] for place in selection),
            Origin.EXTRACTED,
            query_focused=request.query is not None,
            embedding=article.embeddings[selection[0]] if len(selection) == 1 else None,
        )
        tokens = sum(article.tokens[place] for place in selection)
        return candidate if tokens <= request.max_tokens else self._shortened(candidate, request.max_tokens)

    def _whole_text_candidate(self, request: SummaryRequest) -> Candidate:
        """The headline, or without one the body, which holds no sentence that could be chosen."""
        for text, origin in ((request.headline, Origin.HEADLINE), (request.body, Origin.EXTRACTED)):
            candidate = Candidate(" ".join(text.split()), origin)
            if candidate.text:
                fits = self._count_tokens(candidate.text) <= request.max_tokens
                return candidate if fits else self._shortened(candidate, request.max_tokens)
        raise ValueError("the article has neither a headline nor a body")

    def _shortened(self, candidate: Candidate, max_tokens: int) -> Candidate:
        text = shorten(candidate.text, max_tokens=max_tokens, count_tokens=self._count_tokens)
        return replace(candidate, text=text, finish_reason=FinishReason.LENGTH, embedding=None)

    async def _with_embeddings(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        missing = [candidate.text for candidate in candidates if candidate.embedding is None]
        vectors = iter(await self._encoder.encode(missing, priority=Priority.SUMMARY) if missing else ())
        return tuple(
            candidate if candidate.embedding is not None else replace(candidate, embedding=next(vectors))
            for candidate in candidates
        )


class _Choice(NamedTuple):
    """What the sentences of an article are chosen by."""

    article_id: str
    revision: str
    query: str | None
    candidates: int
    max_tokens: int
    knows_article: bool

    @classmethod
    def of(cls, request: SummaryRequest) -> "_Choice":
        return cls(
            request.article_id,
            request.revision,
            request.query,
            request.candidates,
            request.max_tokens,
            request.article_embedding is not None,
        )


class _SentenceCache:
    """The sentences of the articles that were summarized latest, within a limit of bytes.

    Articles without identifier or revision are not kept, as another one may have none either.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._articles: OrderedDict[tuple[str, str], ArticleSentences] = OrderedDict()
        self._bytes = 0

    def get(self, article_id: str, revision: str) -> ArticleSentences | None:
        article = self._articles.get((article_id, revision))
        if article is not None:
            self._articles.move_to_end((article_id, revision))
        return article

    def put(self, article_id: str, revision: str, article: ArticleSentences) -> None:
        if not article_id or not revision:
            return
        replaced = self._articles.pop((article_id, revision), None)
        self._bytes += article.size_bytes() - (replaced.size_bytes() if replaced else 0)
        self._articles[(article_id, revision)] = article
        while self._bytes > self._max_bytes:
            self._bytes -= self._articles.popitem(last=False)[1].size_bytes()

    def clear(self) -> None:
        self._articles.clear()
        self._bytes = 0


def _pieces(text: str, language: str) -> list[str]:
    """Cuts a text into its sentences, each with the white space before it."""
    ends = [sentence.end for sentence in split_sentences(text, language)]
    return [text[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
