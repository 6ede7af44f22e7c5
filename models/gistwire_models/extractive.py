"""The extractive summarizer: sentences of the article, chosen by maximal marginal relevance over embeddings."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.sentences import Sentence, split_sentences
from gistwire_models.summarizer import Candidate, Candidates, DraftDelta, FinishReason, Origin, SummaryRequest

_MAX_SENTENCES = 40
"""How many sentences are considered: what a news article says later than that is background."""

_MAX_CHARACTERS = 16_000
"""How much of the body is read, for the same reason."""

_LEAD_BONUS = 0.12
"""Cosine that the first sentence gains over one far down, falling with 1 / position: news leads with what happened."""

_FOCUS = 0.7
"""Share of the query in the relevance of a sentence; the rest is closeness to the article as a whole."""

_TRADE_OFFS = (0.7, 0.5, 0.9)
"""λ of maximal marginal relevance: relevance against novelty. The first gives the favourite candidate."""

_DEPENDENT_PENALTY = 0.15
"""Cosine that a sentence loses if it leans on the one before it, unless that one is chosen too."""

_DEFAULT_CACHE_BYTES = 64 * 1024 * 1024
_FAVOURITE_SENTENCES = 2
_MIN_WORDS = 4
_MIN_IDEOGRAPHS = 6
_UNSPACED_LANGUAGES = frozenset({"zh", "ja"})
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_WORD = re.compile(r"\w+")
_BOILERPLATE = re.compile(
    r"^(?:by\s+[A-Z]|\(?(?:reporting|editing|additional reporting|writing)\s+by\b|copyright\b|©|all rights reserved"
    r"|correction\s*:|更正：|read more\b|click here\b|for more\b|subscribe\b)",
    re.IGNORECASE,
)
_DEPENDENT = re.compile(
    r"""^(?:["“”„«‘「『]
    |(?:it|its|he|his|she|her|they|their|them|this|that|these|those|both|such|then|there|so|but|and|or|nor|yet|also
       |another|others?|however|meanwhile|instead|still|in\ addition|as\ a\ result|the\ (?:latter|former|move|answer))\b
    |[他她它这該该其此但而]|不过|因此|同时|另外|对此|随后)""",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTATION_PAIRS = (("“", "”"), ("「", "」"), ("『", "』"), ("«", "»"), ("(", ")"), ("（", "）"))
_CLAUSE_END = re.compile(r"[;；](?=\s|$|[^\W\d_])|(?<=[^\d\s])[,，](?=\s|[^\W\d_])|\s[–—]\s")


@dataclass(frozen=True, slots=True)
class _Article:
    """The sentences of an article that may be chosen.

    Attributes:
        sentences: their texts, in order; at least one.
        embeddings: ``float32 [len(sentences), dimension]``.
        dependent: whether each leans on the one before it: "It …", "But …", or a quotation. bool [len(sentences)].
    """

    sentences: tuple[str, ...]
    embeddings: Embedding
    dependent: NDArray[np.bool_]

    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return self.embeddings.nbytes + sum(len(text) * 2 + 64 for text in self.sentences)


@dataclass(frozen=True, slots=True)
class _Selection:
    """Sentences that make a candidate, by their places in the article, in its order."""

    places: tuple[int, ...]


class ExtractiveSummarizer:
    """Summarizes an article by its own sentences. Implements Summarizer.

    With a query, sentences are chosen for it; without one, for how well they stand for the article. The choice is
    by maximal marginal relevance (Carbonell and Goldstein 1998): the next sentence is the one of the greatest
    ``λ · relevance − (1 − λ) · similarity to the nearest chosen one``.
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
            encoder: embeds sentences.
            count_tokens: tokens of a text in the encoder's vocabulary.
            cache_bytes: how much memory the sentences of articles may take. The next query on the same articles
                need not embed them again.
        """
        self._encoder = encoder
        self._count_tokens = count_tokens
        self._cache = _SentenceCache(cache_bytes)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion("extractive-mmr", "1")

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says."""
        article = await self._article(request)
        if article is None:
            headline = Candidate(request.headline, Origin.HEADLINE)
            if request.stream_drafts:
                yield DraftDelta(headline.text)
            yield Candidates((headline,))
            return
        query = await self._query_embedding(request)
        candidates = await asyncio.to_thread(self._choose, request, article, query)
        if request.stream_drafts:
            for piece in _pieces(candidates[0].text, request.language):
                yield DraftDelta(piece)
        yield Candidates(await self._with_embeddings(candidates))

    async def close(self) -> None:
        """Forgets the sentences it kept; the encoder is its owner's to close."""
        self._cache.clear()

    async def _article(self, request: SummaryRequest) -> _Article | None:
        cached = self._cache.get(request.article_id, request.revision)
        if cached is not None:
            return cached
        sentences = await asyncio.to_thread(_usable_sentences, request)
        if not sentences:
            return None
        embeddings = await self._encoder.encode(sentences, priority=Priority.SUMMARY)
        dependent = np.array([_DEPENDENT.match(text) is not None for text in sentences])
        article = _Article(tuple(sentences), embeddings, dependent)
        self._cache.put(request.article_id, request.revision, article)
        return article

    async def _query_embedding(self, request: SummaryRequest) -> Embedding | None:
        if request.query is None or request.query_embedding is not None:
            return request.query_embedding if request.query is not None else None
        embedding: Embedding = (await self._encoder.encode([request.query], priority=Priority.SUMMARY))[0]
        return embedding

    async def _with_embeddings(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        missing = [each.text for each in candidates if each.embedding is None]
        if not missing:
            return tuple(candidates)
        vectors = iter(await self._encoder.encode(missing, priority=Priority.SUMMARY))
        return tuple(
            each if each.embedding is not None else _embedded(each, next(vectors)) for each in candidates
        )

    def _choose(
        self, request: SummaryRequest, article: _Article, query: Embedding | None
    ) -> tuple[Candidate, ...]:
        """Makes distinct candidates, the favourite first. CPU work of about a millisecond."""
        relevance = _relevance(article, request.article_embedding, query)
        tokens = [self._count_tokens(text) for text in article.sentences]
        candidates: dict[str, Candidate] = {}
        for selection in _selections(article, relevance, tokens, request.max_tokens):
            candidate = self._candidate(request, article, selection, tokens, focused=query is not None)
            candidates.setdefault(candidate.text, candidate)
            if len(candidates) == request.candidates:
                break
        return tuple(candidates.values())

    def _candidate(
        self,
        request: SummaryRequest,
        article: _Article,
        selection: _Selection,
        tokens: Sequence[int],
        *,
        focused: bool,
    ) -> Candidate:
        separator = "" if request.language in _UNSPACED_LANGUAGES else " "
        text = separator.join(article.sentences[place] for place in selection.places)
        embedding = article.embeddings[selection.places[0]] if len(selection.places) == 1 else None
        if sum(tokens[place] for place in selection.places) <= request.max_tokens:
            return Candidate(text, Origin.EXTRACTED, query_focused=focused, embedding=embedding)
        shortened = _shorten(text, request.max_tokens, self._count_tokens)
        return Candidate(
            shortened, Origin.EXTRACTED, query_focused=focused, finish_reason=FinishReason.LENGTH
        )


class _SentenceCache:
    """The sentences of the articles that were summarized latest, within a limit of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._articles: OrderedDict[tuple[str, str], _Article] = OrderedDict()
        self._bytes = 0

    def get(self, article_id: str, revision: str) -> _Article | None:
        article = self._articles.get((article_id, revision))
        if article is not None:
            self._articles.move_to_end((article_id, revision))
        return article

    def put(self, article_id: str, revision: str, article: _Article) -> None:
        replaced = self._articles.pop((article_id, revision), None)
        self._bytes += article.size_bytes() - (replaced.size_bytes() if replaced else 0)
        self._articles[(article_id, revision)] = article
        while self._bytes > self._max_bytes and self._articles:
            self._bytes -= self._articles.popitem(last=False)[1].size_bytes()

    def clear(self) -> None:
        self._articles.clear()
        self._bytes = 0


def _usable_sentences(request: SummaryRequest) -> list[str]:
    """The sentences of the body that a summary may hold, in order."""
    headline = _normalized(request.headline)
    usable: list[str] = []
    seen = {headline}
    for sentence in split_sentences(request.body[:_MAX_CHARACTERS], request.language):
        text = " ".join(sentence.text.split())
        if _is_fragment(sentence) or _BOILERPLATE.match(text) or _normalized(text) in seen:
            continue
        if _breaks_quotation(text):
            continue
        seen.add(_normalized(text))
        usable.append(text)
        if len(usable) == _MAX_SENTENCES:
            break
    return usable


def _is_fragment(sentence: Sentence) -> bool:
    ideographs = len(_IDEOGRAPH.findall(sentence.text))
    if ideographs:
        return ideographs < _MIN_IDEOGRAPHS
    words = [word for word in _WORD.findall(sentence.text) if not word.isdigit()]
    # Tables of prices and results are mostly numbers and symbols.
    letters = sum(char.isalpha() for char in sentence.text)
    return len(words) < _MIN_WORDS or letters * 2 < len(sentence.text)


def _breaks_quotation(text: str) -> bool:
    """Whether a quotation or parenthesis begins or ends outside of the sentence."""
    return text.count('"') % 2 == 1 or any(
        text.count(left) != text.count(right) for left, right in _QUOTATION_PAIRS
    )


def _normalized(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _relevance(article: _Article, article_embedding: Embedding | None, query: Embedding | None) -> Embedding:
    """How much each sentence matters, as a cosine with bonus and penalty: ``float32 [len(sentences)]``."""
    centre = article.embeddings.mean(axis=0) if article_embedding is None else article_embedding
    centrality = article.embeddings @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
    relevance = (
        centrality if query is None else _FOCUS * (article.embeddings @ query) + (1 - _FOCUS) * centrality
    )
    positions = np.arange(1, len(article.sentences) + 1, dtype=np.float32)
    weighted: Embedding = relevance + _LEAD_BONUS / positions - _DEPENDENT_PENALTY * article.dependent
    return weighted


def _selections(
    article: _Article, relevance: Embedding, tokens: Sequence[int], max_tokens: int
) -> list[_Selection]:
    """Selections worth offering, the favourite first; repetitions among them are possible."""
    favourite, *others = [
        _select(article, relevance, tokens, max_tokens, trade_off=trade_off, limit=_FAVOURITE_SENTENCES)
        for trade_off in _TRADE_OFFS
    ]
    best = _Selection((int(np.argmax(relevance)),))
    lead = _Selection((0,))
    longer = _select(article, relevance, tokens, max_tokens, trade_off=_TRADE_OFFS[0], limit=_MAX_SENTENCES)
    opening = _Selection((0, 1)) if sum(tokens[:2]) <= max_tokens and len(tokens) > 1 else lead
    return [favourite, best, lead, *others, longer, opening]


def _select(
    article: _Article,
    relevance: Embedding,
    tokens: Sequence[int],
    max_tokens: int,
    *,
    trade_off: float,
    limit: int,
) -> _Selection:
    """Chooses sentences by maximal marginal relevance until the limit is reached or no more fits."""
    chosen = [int(np.argmax(relevance))]
    room = max_tokens - tokens[chosen[0]]
    nearest = article.embeddings @ article.embeddings[chosen[0]]
    while len(chosen) < limit:
        fitting = [place for place, cost in enumerate(tokens) if cost <= room and place not in chosen]
        if not fitting:
            break
        supported = np.zeros(len(tokens), dtype=np.bool_)
        supported[[place + 1 for place in chosen if place + 1 < len(tokens)]] = True
        gains = trade_off * (relevance + _DEPENDENT_PENALTY * (article.dependent & supported))
        gains -= (1 - trade_off) * nearest
        best = max(fitting, key=lambda place: (float(gains[place]), -place))
        chosen.append(best)
        room -= tokens[best]
        nearest = np.maximum(nearest, article.embeddings @ article.embeddings[best])
    return _Selection(tuple(sorted(chosen)))


def _shorten(text: str, max_tokens: int, count_tokens: Callable[[str], int]) -> str:
    """Cuts a text to at most so many tokens, with "…": after a clause if that uses most of the room."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[:middle]) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    clause_ends = [match.start() for match in _CLAUSE_END.finditer(text, 0, low)]
    if clause_ends and clause_ends[-1] > low // 2:
        return text[: clause_ends[-1]].rstrip() + "…"
    word_end = text.rfind(" ", 0, low)
    return text[: word_end if word_end > low // 2 else low].rstrip(" ,;:，；：") + "…"


def _pieces(text: str, language: str) -> list[str]:
    """Cuts a text into its sentences, each with the white space before it."""
    ends = [sentence.end for sentence in split_sentences(text, language)]
    ends[-1:] = [len(text)]
    return [text[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _embedded(candidate: Candidate, embedding: Embedding) -> Candidate:
    return Candidate(
        candidate.text,
        candidate.origin,
        query_focused=candidate.query_focused,
        finish_reason=candidate.finish_reason,
        log_probability=candidate.log_probability,
        embedding=embedding,
    )
