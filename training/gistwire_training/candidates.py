"""Asks a summarizer for its candidates of a pair; used by the evaluation, the systems and the scorer."""

from contextlib import aclosing

from gistwire_models.encoder import Embedding
from gistwire_models.summarizer import Candidate, Candidates, Summarizer, SummaryRequest

from gistwire_training.pairs import Pair

MAX_TOKENS = 64
"""Longest candidate, in tokens: what a search asks for unless it says otherwise."""


async def candidates_of(
    summarizer: Summarizer,
    pair: Pair,
    *,
    candidates: int = 1,
    max_tokens: int = MAX_TOKENS,
    article_embedding: Embedding | None = None,
) -> tuple[Candidate, ...]:
    """Returns a summarizer's candidates of an article, its favourite first.

    Args:
        summarizer: what writes.
        pair: the article; its summary is not looked at.
        candidates: how many are asked for.
        max_tokens: longest candidate, in tokens.
        article_embedding: ``float32 [dimension]`` of the article, if it is known.

    Raises:
        GistwireModelError: the summarizer cannot be used.
        ValueError: the article has no text that it could summarize.
        RuntimeError: the summarizer broke its contract and gave no candidates.
    """
    request = SummaryRequest(
        article_id=pair.id,
        revision="",
        headline=pair.headline,
        body=pair.body,
        language=pair.language,
        article_embedding=article_embedding,
        candidates=candidates,
        max_tokens=max_tokens,
        stream_drafts=False,
    )
    async with aclosing(summarizer.summarize(request)) as events:
        async for event in events:
            if isinstance(event, Candidates):
                return event.candidates
    raise RuntimeError(f"summarizer {summarizer.model} gave no candidates")
