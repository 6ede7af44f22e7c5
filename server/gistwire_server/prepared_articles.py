"""Articles made ready for summaries: `PreparedArticles` keeps them for the next query that finds them."""

import asyncio
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from cachetools import LRUCache
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Embedding
from gistwire_models.summarizer import Candidate

from gistwire_server.candidate_features import ArticleProfile
from gistwire_server.faithfulness import Source
from gistwire_server.policy.summary_policy import Evidence, SummaryPolicy

_REMEMBERED = 4


class Writing(NamedTuple):
    """How an article was summarized.

    Attributes:
        model: name and version of the model.
        candidates: how many were asked for.
        max_tokens: the longest that was asked for, in tokens.
    """

    model: str
    candidates: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class PreparedArticle:
    """An article as its summaries are written and checked.

    Attributes:
        evidence: what of it may be summarized.
        embedding: ``float32 [dimension]`` of it.
        language: ISO 639 code of its language.
        rejected: what a model wrote of it of which nothing was worth storing, so that it is not asked again.
    """

    evidence: Evidence
    embedding: Embedding
    language: str
    rejected: LRUCache[Writing, tuple[Candidate, ...]] = field(default_factory=lambda: LRUCache(_REMEMBERED))
    _profiles: list[ArticleProfile] = field(default_factory=list, repr=False)
    _making: Lock = field(default_factory=Lock, repr=False)

    @property
    def profile(self) -> ArticleProfile:
        """What summaries of it are compared with; made when it is first asked for, by CPU work of milliseconds.

        That is when there is something to compare: the first word of a summary does not wait for it.
        """
        with self._making:
            if not self._profiles:
                source = Source(self.evidence.text, self.language, headline=self.evidence.headline)
                self._profiles.append(ArticleProfile(source, self.embedding))
            return self._profiles[0]

    @property
    def has_profile(self) -> bool:
        """Whether the profile is made."""
        return bool(self._profiles)


class PreparedArticles:
    """Prepares articles, and keeps those that were asked for latest.

    An article is known by its content: its identifier and the hash of all else. So a new revision is another article,
    and nothing has to be invalidated. Belongs to one event loop, one tenant and one policy.

    Args:
        policy: says what of an article may be summarized.
        max_characters: how much text is kept; what is made of it takes about ten bytes for each character.
    """

    def __init__(self, policy: SummaryPolicy, *, max_characters: int) -> None:
        self._policy = policy
        self._preparing = asyncio.Lock()
        self._kept: LRUCache[tuple[str, str], PreparedArticle] = LRUCache(max_characters, getsizeof=_size)

    async def prepare(self, indexed: IndexedArticle) -> PreparedArticle:
        """Returns an article made ready."""
        key = indexed.article.id, indexed.revision
        prepared = self._kept.get(key)
        if prepared is not None:
            return prepared
        # One after the other: the threads share one interpreter, and the first is to be ready first.
        async with self._preparing:
            prepared = self._kept.get(key)
            if prepared is None:
                prepared = await asyncio.to_thread(self._prepare, indexed)
                if _size(prepared) <= self._kept.maxsize:
                    self._kept[key] = prepared
            return prepared

    def _prepare(self, indexed: IndexedArticle) -> PreparedArticle:
        article = indexed.article
        return PreparedArticle(self._policy.evidence(article), indexed.embedding, article.language)


def _size(prepared: PreparedArticle) -> int:
    return max(1, len(prepared.evidence.text))
