"""Whole answers that are kept for the same search to be told again: `KeptAnswers`, which `search_events` asks."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from cachetools import LRUCache
from gistwire.v1 import events_pb2
from gistwire_indexer.errors import GistwireIndexerError
from gistwire_indexer.index import ArticleIndex
from gistwire_models.encoder import ModelVersion
from google.protobuf.message import Message

from gistwire_server.budget import Clock
from gistwire_server.paging import PinnedHits
from gistwire_server.plan import SearchPlan

Models = tuple[ModelVersion, ...]

_HALF_LIFE_SHARE = 1 / 1_000
"""In this share of its half-life a recency signal, 0.5 ^ (age / half-life), loses 0.07 % of its value."""

_OVERHEAD_BYTES = 2_000
"""What plan, tuples and dictionary take of each answer, beside its messages and its query."""


class _Key(NamedTuple):
    plan: SearchPlan
    models: Models


@dataclass(frozen=True, slots=True)
class Question:
    """A search whose answer may be kept, when it was asked.

    Attributes:
        key: what its answer depends on, beside the index and the time.
        generation: what the index held when it was asked, as `ArticleIndex.generation`.
        asked_s: when that was, by the clock of the answers.
    """

    key: _Key
    generation: int
    asked_s: float


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What an answer tells, without what is another one for each call. It is told in messages of their own each time.

    Attributes:
        whole: the whole fused list, for page tokens.
        hits: an `events_pb2.Hits` without tokens, serialized.
        summaries: each `events_pb2.Summary`, in the order in which they were told.
        ranking: the final `events_pb2.Ranking`.
    """

    whole: PinnedHits
    hits: bytes
    summaries: tuple[bytes, ...]
    ranking: bytes

    @property
    def bytes_in_memory(self) -> int:
        """About what it takes."""
        content = (self.whole.encoded, self.hits, *self.summaries, self.ranking)
        return sum(map(len, content)) + _OVERHEAD_BYTES


class Recording:
    """Takes down an answer while it is told.

    Args:
        question: what it answers.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self._whole = PinnedHits(0, b"[]")
        self._hits = b""
        self._summaries: list[bytes] = []
        self._ranking = b""

    def take_hits(self, hits: events_pb2.Hits, whole: PinnedHits) -> None:
        """Takes down the hits, and the whole list that they are the beginning of."""
        bare = events_pb2.Hits(hits=hits.hits, total=hits.total)
        self._hits, self._whole = bare.SerializeToString(), whole

    def take(self, event: Message) -> None:
        """Takes down an event after the hits. Those that the last ranking makes up for are left out."""
        match event:
            case events_pb2.Summary():
                self._summaries.append(event.SerializeToString())
            case events_pb2.Ranking() if event.final:
                self._ranking = event.SerializeToString()

    def answer(self) -> KeptAnswer:
        """What was told, once it is whole."""
        return KeptAnswer(self._whole, self._hits, tuple(self._summaries), self._ranking)


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: KeptAnswer
    generation: int
    asked_s: float
    bytes_in_memory: int


class KeptAnswers:
    """Keeps the answers that were asked for latest, as long as they are what a search would find.

    An answer is told again only while the index is in the generation that the whole of it was read from. So who
    searches after a write was acknowledged never gets what was found before. Belongs to one event loop, one tenant
    and one policy.

    Args:
        index: where the searches look.
        models: tells the models at work.
        max_bytes: how much is kept; 0 for nothing.
        max_age_s: how long an answer is told again at most, in seconds, as recency signals change.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        index: ArticleIndex,
        models: Callable[[], Models],
        *,
        max_bytes: int,
        max_age_s: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._index = index
        self._models = models
        self._max_age_s = max_age_s
        self._clock = clock
        self._generation_seen: int | None = None
        self._kept: LRUCache[_Key, _Kept] = LRUCache(max_bytes, getsizeof=lambda kept: kept.bytes_in_memory)

    def __len__(self) -> int:
        """Number of answers, of which some may be out of date."""
        return len(self._kept)

    @property
    def bytes_in_memory(self) -> int:
        """About what they take."""
        return int(self._kept.currsize)

    async def question(self, plan: SearchPlan, *, timeout_s: float) -> Question | None:
        """Returns what an answer to a plan is found and kept by; None if it is not to be kept.

        Args:
            plan: what is asked for.
            timeout_s: longest wait for the index, in seconds.
        """
        if not self._kept.maxsize or plan.user_id or plan.given_up is not None:
            return None
        asked_s = self._clock()
        generation = await self._generation(timeout_s)
        if generation is None:
            return None
        if generation != self._generation_seen:
            # What was found before is never told again.
            self._kept.clear()
            self._generation_seen = generation
        # The time that a call has is none of what its answer depends on, as long as it is enough.
        return Question(_Key(replace(plan, deadline_s=0.0), self._models()), generation, asked_s)

    def find(self, question: Question) -> KeptAnswer | None:
        """Returns the answer to a question, if it is kept and not out of date."""
        kept = self._kept.get(question.key)
        if kept is None:
            return None
        half_life_s = question.key.plan.rank.recency_half_life_s
        age_s = question.asked_s - kept.asked_s
        if (
            kept.generation != question.generation
            or age_s > self._max_age_s
            or age_s > half_life_s * _HALF_LIFE_SHARE
        ):
            del self._kept[question.key]
            return None
        return kept.answer

    async def keep(self, recording: Recording, *, timeout_s: float) -> None:
        """Keeps an answer, unless what it depends on has changed since it was asked for.

        Args:
            recording: the answer, once it is whole.
            timeout_s: longest wait for the index, in seconds.
        """
        question, answer = recording.question, recording.answer()
        size = answer.bytes_in_memory + _size(question.key.plan)
        if size > self._kept.maxsize or self._models() != question.key.models:
            return
        if await self._generation(timeout_s) == question.generation:
            self._kept[question.key] = _Kept(answer, question.generation, question.asked_s, size)

    async def _generation(self, timeout_s: float) -> int | None:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._index.generation()
        except (GistwireIndexerError, TimeoutError):
            # The search itself will say what is wrong with the index.
            return None


def _size(plan: SearchPlan) -> int:
    """About what a plan's texts take; a filter is kept parsed, in objects of twelve times its length (measured)."""
    texts = (plan.query, *plan.interests)
    return sum(4 * len(text) + 50 for text in texts) + 16 * len(str(plan.filter or ""))
