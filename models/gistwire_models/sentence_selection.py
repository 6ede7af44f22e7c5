"""Which sentences make a summary: pure functions over embeddings, called by the extractive summarizer."""

from typing import TypeAlias

import numpy as np

from gistwire_models.article_sentences import ArticleSentences
from gistwire_models.encoder import Embedding

Selection: TypeAlias = tuple[int, ...]
"""Places of sentences in the article, ascending."""

_LEAD_BONUS = 0.12
"""Cosine that the first sentence gains, falling with 1 / position: news leads with what happened."""

_FOCUS = 0.7
"""Share of the query in the relevance of a sentence; the rest is closeness to the article as a whole."""

_TRADE_OFFS = (0.7, 0.5, 0.9)
"""λ of maximal marginal relevance: relevance against novelty. The first gives the favourite."""

_DEPENDENT_PENALTY = 0.15
"""Cosine that a sentence loses if it leans on the one before it, unless that one is chosen too."""

_FAVOURITE_SENTENCES = 2


def relevance(
    article: ArticleSentences, *, article_embedding: Embedding | None, query: Embedding | None
) -> Embedding:
    """Rates how much each sentence matters, as a cosine with bonus and penalty.

    Args:
        article: the sentences.
        article_embedding: ``float32 [dimension]`` of the article; None for the mean of its sentences.
        query: ``float32 [dimension]`` of the query; None rates for the article as a whole.

    Returns:
        ``float32 [sentences]``.
    """
    centre = article.embeddings.mean(axis=0) if article_embedding is None else article_embedding
    rated = article.embeddings @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
    if query is not None:
        rated = _FOCUS * (article.embeddings @ query) + (1 - _FOCUS) * rated
    positions = np.arange(1, len(article.texts) + 1)
    rated = rated + _LEAD_BONUS / positions - _DEPENDENT_PENALTY * article.dependent
    return rated.astype(np.float32)


def propose_selections(article: ArticleSentences, rated: Embedding, *, max_tokens: int) -> list[Selection]:
    """Proposes what to summarize by, the favourite first; repetitions among them are possible.

    Args:
        article: the sentences.
        rated: ``float32 [sentences]``, from `relevance`.
        max_tokens: room for the sentences. Only a selection of one sentence may be longer.
    """
    favourite, *others = (
        select_sentences(
            article, rated, max_tokens=max_tokens, trade_off=trade_off, max_sentences=_FAVOURITE_SENTENCES
        )
        for trade_off in _TRADE_OFFS
    )
    best = (int(np.argmax(rated)),)
    longer = select_sentences(article, rated, max_tokens=max_tokens, trade_off=_TRADE_OFFS[0])
    proposed = [favourite, best, (0,), *others, longer]
    if len(article.texts) > 1 and sum(article.tokens[:2]) <= max_tokens:
        proposed.append((0, 1))
    return proposed


def select_sentences(
    article: ArticleSentences,
    rated: Embedding,
    *,
    max_tokens: int,
    trade_off: float,
    max_sentences: int | None = None,
) -> Selection:
    """Selects sentences by maximal marginal relevance, until no more fits or the limit is reached.

    The next sentence is the one of the greatest ``λ · relevance − (1 − λ) · similarity to the nearest
    selected one`` (Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking").

    Args:
        article: the sentences.
        rated: ``float32 [sentences]``, from `relevance`.
        max_tokens: room for the sentences. The best one is taken even if it alone is longer.
        trade_off: λ, from 0 (novelty) to 1 (relevance).
        max_sentences: the limit; None for none.
    """
    limit = len(article.texts) if max_sentences is None else max_sentences
    selected = [int(np.argmax(rated))]
    room = max_tokens - article.tokens[selected[0]]
    nearest = article.embeddings @ article.embeddings[selected[0]]
    while len(selected) < limit:
        fitting = [
            place for place, tokens in enumerate(article.tokens) if tokens <= room and place not in selected
        ]
        if not fitting:
            break
        follows = np.isin(np.arange(len(article.texts)) - 1, selected)
        gains = trade_off * (rated + _DEPENDENT_PENALTY * (article.dependent & follows))
        gains -= (1 - trade_off) * nearest
        best = fitting[int(np.argmax(gains[fitting]))]
        selected.append(best)
        room -= article.tokens[best]
        nearest = np.maximum(nearest, article.embeddings @ article.embeddings[best])
    return tuple(sorted(selected))
