"""The way of articles into the index: preprocess, skip what is known, embed, find the original, write.

The ingest service and the command line batch articles and hand them to one `Ingestor`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gistwire_models.encoder import Priority, TextEncoder

from gistwire_indexer.article import Article
from gistwire_indexer.deduplication import ArticleToCompare, KnownArticle, fingerprint, resolve_duplicates
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.index import ArticleIndex, ArticleToIndex, WriteOutcome
from gistwire_indexer.preprocessing import preprocess
from gistwire_indexer.sources.record import RawArticle


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What became of an article.

    Attributes:
        id: its identifier; empty if it was refused before it had one.
        revision: the revision now indexed; empty if it was refused.
        outcome: what was done; None if it was refused.
        error: why it was refused; None if it was not.
        duplicate_of: identifier of the earlier article that it nearly repeats; None if there is none, and for
            articles that are UNCHANGED.
    """

    id: str
    revision: str
    outcome: WriteOutcome | None
    error: ArticleError | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An article that is ready to be embedded."""

    article: Article
    revision: str
    fingerprint: tuple[int, ...]


class Ingestor:
    """Puts articles into an index. May be called from several tasks at once.

    Args:
        index: where articles go; stays the caller's.
        encoder: what embeds them; stays the caller's.
    """

    def __init__(self, index: ArticleIndex, encoder: TextEncoder) -> None:
        self._index = index
        self._encoder = encoder
        # Between looking for originals and writing no other batch may come, or copies in both go unnoticed.
        self._writing = asyncio.Lock()

    async def ingest(self, articles: Sequence[RawArticle]) -> list[IngestOutcome]:
        """Indexes a batch; an article that is refused does not hold up the others.

        An identifier may occur several times: the articles are indexed in order.

        Returns:
            for each article what became of it, in order.

        Raises:
            GistwireModelError: the articles could not be embedded; nothing was written.
            IndexUnavailableError: the index does not answer; nothing of the batch is known to be written.
        """
        prepared = await asyncio.to_thread(_prepare_all, articles)
        outcomes = iter(
            await self._ingest_valid([result for result in prepared if isinstance(result, _Prepared)])
        )
        return [next(outcomes) if isinstance(result, _Prepared) else result for result in prepared]

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        """Deletes articles with all that was derived from them; says for each whether there was one.

        Raises:
            IndexUnavailableError: the index does not answer.
        """
        async with self._writing:
            return await self._index.delete(ids)

    async def _ingest_valid(self, articles: Sequence[_Prepared]) -> list[IngestOutcome]:
        changes = await self._changes(articles)
        changed = [article for article, change in zip(articles, changes, strict=True) if change]
        written = iter(await self._embed_and_write(changed) if changed else [])
        return [
            next(written)
            if change
            else IngestOutcome(article.article.id, article.revision, WriteOutcome.UNCHANGED)
            for article, change in zip(articles, changes, strict=True)
        ]

    async def _changes(self, articles: Sequence[_Prepared]) -> list[bool]:
        """Tells for each article whether it will differ from what is indexed when its turn comes."""
        ids = list(dict.fromkeys(article.article.id for article in articles))
        revisions = dict(zip(ids, await self._index.revisions(ids), strict=True))
        changes = []
        for article in articles:
            changes.append(revisions[article.article.id] != article.revision)
            revisions[article.article.id] = article.revision
        return changes

    async def _embed_and_write(self, articles: Sequence[_Prepared]) -> list[IngestOutcome]:
        texts = [article.article.text for article in articles]
        embeddings = await self._encoder.encode(texts, priority=Priority.INGEST)
        async with self._writing:
            originals = await self._find_originals(articles)
            outcomes = await self._index.write(
                [
                    ArticleToIndex(article.article, embedding, article.fingerprint, original)
                    for article, embedding, original in zip(articles, embeddings, originals, strict=True)
                ]
            )
        return [
            IngestOutcome(article.article.id, "", None, error=outcome)
            if isinstance(outcome, ArticleError)
            else IngestOutcome(article.article.id, article.revision, outcome, duplicate_of=original)
            for article, outcome, original in zip(articles, outcomes, originals, strict=True)
        ]

    async def _find_originals(self, articles: Sequence[_Prepared]) -> list[str | None]:
        candidates = await self._index.near_duplicates([article.fingerprint for article in articles])
        known = await self._known(id_ for ids in candidates for id_ in ids)
        compared = [
            ArticleToCompare(article.article.id, article.article.text, article.fingerprint)
            for article in articles
        ]
        return await asyncio.to_thread(resolve_duplicates, compared, candidates, known)

    async def _known(self, ids: Iterable[str]) -> dict[str, KnownArticle]:
        """The indexed articles with these identifiers, and those that they repeat, directly or not."""
        known: dict[str, KnownArticle] = {}
        asked: set[str] = set()
        wanted = set(ids)
        while wanted:
            found = [indexed for indexed in await self._index.get(sorted(wanted)) if indexed]
            asked |= wanted
            known.update(
                {each.article.id: KnownArticle(each.article.text, each.duplicate_of) for each in found}
            )
            wanted = {each.duplicate_of for each in found if each.duplicate_of} - asked
        return known


def _prepare_all(articles: Iterable[RawArticle]) -> list[_Prepared | IngestOutcome]:
    return [_prepare(raw) for raw in articles]


def _prepare(raw: RawArticle) -> _Prepared | IngestOutcome:
    try:
        article = preprocess(raw)
    except ArticleError as error:
        return IngestOutcome("" if error.field == "id" else raw.id, "", None, error=error)
    return _Prepared(article, article.revision(), fingerprint(article.text))
