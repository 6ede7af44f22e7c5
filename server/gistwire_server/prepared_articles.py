"""Articles made ready for summaries: `PreparedArticles` keeps them for the next query that finds them."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from cachetools import LRUCache
from gistwire_indexer.index import IndexedArticle
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
        profile: what summaries of it are compared with.
        rejected: what a model wrote of it of which nothing was worth storing, so that it is not asked again.
    """

    evidence: Evidence
    profile: ArticleProfile
    rejected: LRUCache[Writing, tuple[Candidate, ...]] = field(default_factory=lambda: LRUCache(_REMEMBERED))


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
        self._kept: LRUCache[tuple[str, str], PreparedArticle] = LRUCache(max_characters, getsizeof=_size)

    async def prepare(self, indexed: IndexedArticle) -> PreparedArticle:
        """Returns an article made ready."""
        key = indexed.article.id, indexed.revision
        prepared = self._kept.get(key)
        if prepared is None:
            prepared = await asyncio.to_thread(self._prepare, indexed)
            if _size(prepared) <= self._kept.maxsize:
                self._kept[key] = prepared
        return prepared

    def _prepare(self, indexed: IndexedArticle) -> PreparedArticle:
        article = indexed.article
        evidence = self._policy.evidence(article)
        source = Source(evidence.text, article.language, headline=evidence.headline)
        return PreparedArticle(evidence, ArticleProfile(source, indexed.embedding))


def _size(prepared: PreparedArticle) -> int:
    return max(1, len(prepared.evidence.text))
