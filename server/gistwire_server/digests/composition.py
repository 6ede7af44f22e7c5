"""One text over several articles, in their own sentences: `compose`, or `compose_events` for sentence by sentence.

The sentences of the articles are embedded and grouped into points, the points chosen and put in order, and each
chosen wording is cited from every article that supports it. A sentence that nothing supports is not shown.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from gistwire.v1 import events_pb2, summary_pb2
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.errors import GistwireModelError

from gistwire_server.budget import Budget, Step
from gistwire_server.degradation import reason_of
from gistwire_server.digests.citations import Citer
from gistwire_server.digests.disagreements import find_disagreements
from gistwire_server.digests.material import Material, read_material
from gistwire_server.digests.points import in_reading_order, select_points
from gistwire_server.digests.sentence_space import SentenceSpace, embedded_space, word_space
from gistwire_server.engines import Engines
from gistwire_server.policy.shown_messages import show_digest, show_sentence
from gistwire_server.retrieval import is_covered
from gistwire_server.topics.story_articles import covers_all_scripts

MODEL = ModelVersion("extractive-digest", "1")
"""What writes digests."""

DEFAULT_MAX_SENTENCES = 5

_ENCODE_SHARE = 0.6
"""Most of the time left that the sentences' embeddings may take; the rest is for a digest by words."""

DigestEvent = summary_pb2.DigestSentence | events_pb2.Degraded | summary_pb2.Digest


@dataclass(frozen=True, slots=True)
class Subject:
    """What a digest is for.

    Attributes:
        query: in words; empty for a digest of the articles as a whole.
        embedding: ``float32 [dimension]`` of `query`, if it is known.
    """

    query: str = ""
    embedding: Embedding | None = None


async def compose(
    engines: Engines,
    articles: Sequence[IndexedArticle],
    *,
    budget: Budget,
    query: str = "",
    max_sentences: int = DEFAULT_MAX_SENTENCES,
) -> summary_pb2.Digest:
    """Composes a digest; as `compose_events`, of which it returns the last."""
    digest = summary_pb2.Digest()
    events = compose_events(
        engines, articles, budget=budget, subject=Subject(query), max_sentences=max_sentences
    )
    async with aclosing(events):
        async for event in events:
            if isinstance(event, summary_pb2.Digest):
                digest = event
    return digest


async def compose_events(
    engines: Engines,
    articles: Sequence[IndexedArticle],
    *,
    budget: Budget,
    subject: Subject | None = None,
    max_sentences: int = DEFAULT_MAX_SENTENCES,
) -> AsyncGenerator[DigestEvent, None]:
    """Composes a digest, sentence by sentence.

    Args:
        engines: whose encoder tells which sentences say the same; without it their words do.
        articles: what to draw on, best first; up to 50. Near-duplicates count as one where support is counted.
        budget: the time for it.
        subject: what it is for; None for a digest of the articles as a whole.
        max_sentences: most sentences, at least 1.

    Yields:
        the sentences in the order of reading; at most one Degraded; one Digest, last, which has the sentences again,
        with all that supports them, and the disagreements. It is empty where there are no articles.
    """
    subject = subject or Subject()
    material = await asyncio.to_thread(read_material, articles, subject.query)
    space: SentenceSpace | None = None
    lead: int | None = None
    if _is_known_to_encoder(engines, material):
        try:
            opening = await _opening(engines, material, subject, budget)
            if opening.sentence is not None:
                shown, _ = await show_sentence(opening.sentence, engines.policy, material.language)
                if shown is not None:
                    yield shown
            lead = opening.lead
            space = await _space(engines, material, opening, budget)
        except (GistwireModelError, TimeoutError) as error:
            yield _degraded(error)
    if space is None:
        with budget.spend(Step.DIGEST):
            space = await asyncio.to_thread(word_space, material, subject.query)
    points = await asyncio.to_thread(_points, material, space, max_sentences, lead)
    citer = Citer(material, space)
    sentences = []
    for wordings in points:
        sentence = await asyncio.to_thread(citer.sentence, wordings)
        if sentence is not None:
            sentences.append(sentence)
            shown, _ = await show_sentence(sentence, engines.policy, material.language)
            if wordings[0] != lead and shown is not None:
                yield shown
    disagreements = await asyncio.to_thread(find_disagreements, material, space)
    digest = summary_pb2.Digest(
        sentences=sentences, disagreements=disagreements, model=str(MODEL) if sentences else ""
    )
    yield await show_digest(digest, engines.policy, material.language)


@dataclass(frozen=True, slots=True)
class _Opening:
    """What is known before all sentences are embedded.

    Attributes:
        vectors: of the articles' first sentences. ``float32 [articles, dimension]``.
        query: ``float32 [dimension]`` of the query; None if there is none.
        lead: place of the sentence that the digest begins with; None if no first sentence will do.
        sentence: that sentence, with those first sentences that support it.
    """

    vectors: Embedding
    query: Embedding | None
    lead: int | None
    sentence: summary_pb2.DigestSentence | None


def _is_known_to_encoder(engines: Engines, material: Material) -> bool:
    """Whether the encoder knows the script of the digest."""
    if not material.sentences:
        return False
    return covers_all_scripts(engines.config) or is_covered(material.shown_text)


async def _opening(engines: Engines, material: Material, subject: Subject, budget: Budget) -> _Opening:
    """Finds what the digest begins with: news says first what happened, so the first sentences are enough to tell."""
    firsts = material.firsts
    texts = [material.sentences[place].text for place in firsts]
    with budget.spend(Step.DIGEST):
        vectors, query = await _embedded(engines, texts, subject, budget)
        leads = material.only(firsts)
        space = embedded_space(vectors, query)
        selected = await asyncio.to_thread(select_points, leads, space, 1)
        if not selected:
            return _Opening(vectors, query, None, None)
        # One wording, which must be the one that the digest ends up with.
        best = selected[0][0]
        sentence = await asyncio.to_thread(Citer(leads, space).sentence, (best,))
    return _Opening(vectors, query, None if sentence is None else firsts[best], sentence)


async def _space(engines: Engines, material: Material, opening: _Opening, budget: Budget) -> SentenceSpace:
    """Embeds the sentences that are not embedded yet."""
    firsts = dict(zip(material.firsts, opening.vectors, strict=True))
    texts = [sentence.text for place, sentence in enumerate(material.sentences) if place not in firsts]
    with budget.spend(Step.DIGEST):
        rest, _ = await _embedded(engines, texts, Subject(), budget) if texts else (opening.vectors[:0], None)
    others = iter(rest)
    vectors = [firsts[place] if place in firsts else next(others) for place in range(len(material.sentences))]
    return embedded_space(np.stack(vectors), opening.query)


def _points(
    material: Material, space: SentenceSpace, max_sentences: int, lead: int | None
) -> list[tuple[int, ...]]:
    return in_reading_order(select_points(material, space, max_sentences, lead=lead), material)


async def _embedded(
    engines: Engines, texts: Sequence[str], subject: Subject, budget: Budget
) -> tuple[Embedding, Embedding | None]:
    """Embeds sentences, and the query if that was not done.

    Raises:
        GistwireModelError: the encoder does not answer.
        TimeoutError: there is not enough time.
    """
    if not budget.affords(Step.DIGEST):
        raise TimeoutError
    asked = [subject.query] if subject.query and subject.embedding is None else []
    async with asyncio.timeout(budget.remaining_s() * _ENCODE_SHARE):
        vectors = await engines.encoder.encode([*texts, *asked], priority=Priority.SUMMARY)
    return vectors[: len(texts)], vectors[-1] if asked else subject.embedding


def _degraded(error: Exception) -> events_pb2.Degraded:
    return events_pb2.Degraded(
        stage=events_pb2.StageTime.DIGEST,
        reason=reason_of(error),
        action=events_pb2.Degraded.UNSCORED,
    )
