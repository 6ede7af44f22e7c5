"""The way of articles into the index: preprocess, skip what is known, embed, find the original, write.

`Ingestor.ingest` takes a batch all the way. For a stream of batches that overlap, see `ingest_pipeline`.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gistwire_models.encoder import Embedding, Priority, TextEncoder

from gistwire_indexer.article import Article
from gistwire_indexer.deduplication import ArticleToCompare, KnownArticle, fingerprint, resolve_duplicates
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.index import ArticleIndex, ArticleToIndex, Visibility, WriteOutcome
from gistwire_indexer.preprocessing import preprocess
from gistwire_indexer.recent_articles import RecentArticles
from gistwire_indexer.sources.record import RawArticle

# A refresh may take its time: near-duplicates are missed for want of this, and some memory is lost by it.
_KEPT_BEYOND_REFRESH_S = 5.0


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
class PreparedArticle:
    """An article that is ready to be embedded.

    Attributes:
        article: the article.
        revision: `article.revision()`.
        fingerprint: `deduplication.fingerprint(article.text)`.
    """

    article: Article
    revision: str
    fingerprint: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch of which it is known what has to be written.

    Attributes:
        settled: outcomes that are known already, by the places of their articles in the batch.
        changed: the articles to be written, by their places, in order.
    """

    settled: dict[int, IngestOutcome]
    changed: dict[int, PreparedArticle]

    @property
    def ids(self) -> frozenset[str]:
        """The identifiers of what has to be written."""
        return frozenset(each.article.id for each in self.changed.values())


class Ingestor:
    """Puts articles into an index. May be called from several tasks at once; which goes first is then not said.

    Args:
        index: where articles go; stays the caller's.
        encoder: what embeds them; stays the caller's.
        refresh_interval_s: after which time an EVENTUAL write is visible, in seconds.
    """

    def __init__(self, index: ArticleIndex, encoder: TextEncoder, *, refresh_interval_s: float = 1.0) -> None:
        self._index = index
        self._encoder = encoder
        self._recent = RecentArticles(kept_s=refresh_interval_s + _KEPT_BEYOND_REFRESH_S)
        # Until a batch counts as being written, no other may look for originals, or copies in both go unnoticed.
        self._placing = asyncio.Lock()
        self._under_way: dict[str, asyncio.Event] = {}

    async def ingest(
        self, articles: Sequence[RawArticle], *, visibility: Visibility = Visibility.IMMEDIATE
    ) -> list[IngestOutcome]:
        """Indexes a batch; an article that is refused does not hold up the others.

        An identifier may occur several times: the articles are indexed in order.

        Args:
            articles: the batch.
            visibility: when searches see it; an article that is UNCHANGED may be about to become visible.

        Returns:
            for each article what became of it, in order.

        Raises:
            GistwireModelError: the articles could not be embedded; nothing was written.
            IndexUnavailableError: the index does not answer; nothing of the batch is known to be written.
        """
        batch = await self.prepare(articles)
        embeddings = await self.embed(batch)
        return await self.write(batch, await self.place(batch, embeddings), visibility=visibility)

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        """Deletes articles with all that was derived from them; says for each whether there was one.

        Raises:
            IndexUnavailableError: the index does not answer.
        """
        async with self._placing:
            await self._wait_for_writes(ids)
            return await self._index.delete(ids)

    async def prepare(
        self, articles: Sequence[RawArticle], *, in_doubt: Collection[str] = frozenset()
    ) -> PreparedBatch:
        """The first stage: cleans and checks articles, and settles those that are indexed already.

        Args:
            articles: the batch.
            in_doubt: identifiers of which what is indexed may change before the batch is written.

        Raises:
            IndexUnavailableError: the index does not answer.
        """
        # Taken now: what is in doubt no longer is so when the index is asked.
        doubtful = set(in_doubt)
        results = await asyncio.to_thread(_prepare_all, articles)
        revisions = await self._revisions(
            each.article.id for each in results if isinstance(each, PreparedArticle)
        )
        batch = PreparedBatch({}, {})
        for place, result in enumerate(results):
            if isinstance(result, IngestOutcome):
                batch.settled[place] = result
            elif result.article.id not in doubtful and revisions[result.article.id] == result.revision:
                batch.settled[place] = IngestOutcome(
                    result.article.id, result.revision, WriteOutcome.UNCHANGED
                )
            else:
                batch.changed[place] = result
                # The index may refuse it, and so only the index knows whether a later one changes anything.
                doubtful.add(result.article.id)
        return batch

    async def embed(self, batch: PreparedBatch) -> Embedding:
        """The second stage: embeds what has to be written.

        Returns:
            ``float32 [len(batch.changed), dimension]``.

        Raises:
            GistwireModelError: the articles could not be embedded.
        """
        texts = [each.article.text for each in batch.changed.values()]
        return await self._encoder.encode(texts, priority=Priority.INGEST)

    async def place(self, batch: PreparedBatch, embeddings: Embedding) -> list[ArticleToIndex]:
        """The third stage: finds originals, and takes the batch's place among the writes.

        It waits for writes of the same articles. From its end on, later batches wait for this one, and find their
        originals in it: `write` must follow at once.

        Raises:
            IndexUnavailableError: the index does not answer.
        """
        changed = list(batch.changed.values())
        if not changed:
            return []
        async with self._placing:
            await self._wait_for_writes(batch.ids)
            originals = await self._find_originals(changed)
            placed = [
                ArticleToIndex(each.article, embedding, each.fingerprint, original)
                for each, embedding, original in zip(changed, embeddings, originals, strict=True)
            ]
            self._recent.begin(placed)
            self._under_way.update(dict.fromkeys(batch.ids, asyncio.Event()))
        return placed

    async def write(
        self, batch: PreparedBatch, placed: Sequence[ArticleToIndex], *, visibility: Visibility
    ) -> list[IngestOutcome]:
        """The last stage: writes what was placed.

        An article of which the original is refused here names it all the same, as one whose original is deleted.

        Returns:
            for each article of the batch what became of it, in order.

        Raises:
            IndexUnavailableError: the index does not answer; nothing of the batch is known to be written.
        """
        visible = False
        try:
            written = await self._index.write(placed, visibility=visibility) if placed else []
            visible = visibility is not Visibility.EVENTUAL
        finally:
            self._end_writes(batch.ids, visible=visible)
        outcomes = dict(batch.settled)
        for place, article, result in zip(batch.changed, placed, written, strict=True):
            outcomes[place] = _outcome(batch.changed[place], article.duplicate_of, result)
        return [outcomes[place] for place in range(len(outcomes))]

    async def _wait_for_writes(self, ids: Iterable[str]) -> None:
        """Waits until none of these articles is being written."""
        for event in {self._under_way[article_id] for article_id in ids if article_id in self._under_way}:
            await event.wait()

    def _end_writes(self, ids: Collection[str], *, visible: bool) -> None:
        self._recent.end(ids, visible=visible)
        for article_id in ids:
            self._under_way.pop(article_id).set()

    async def _revisions(self, ids: Iterable[str]) -> dict[str, str | None]:
        distinct = list(dict.fromkeys(ids))
        return dict(zip(distinct, await self._index.revisions(distinct), strict=True)) if distinct else {}

    async def _find_originals(self, articles: Sequence[PreparedArticle]) -> list[str | None]:
        # In this order, so that none is missed that becomes visible in between.
        recent = [self._recent.sharing(each.fingerprint) for each in articles]
        indexed = await self._index.near_duplicates([each.fingerprint for each in articles])
        candidates = [
            list(dict.fromkeys([*earlier, *later])) for earlier, later in zip(indexed, recent, strict=True)
        ]
        known = await self._known(id_ for ids in candidates for id_ in ids)
        compared = [
            ArticleToCompare(each.article.id, each.article.text, each.fingerprint) for each in articles
        ]
        return await asyncio.to_thread(resolve_duplicates, compared, candidates, known)

    async def _known(self, ids: Iterable[str]) -> dict[str, KnownArticle]:
        """The articles with these identifiers, indexed or being written, and those that they repeat, if any."""
        known: dict[str, KnownArticle] = {}
        asked: set[str] = set()
        wanted = set(ids)
        while wanted:
            asked |= wanted
            found = {id_: article for id_ in wanted if (article := self._recent.being_written(id_))}
            if elsewhere := sorted(wanted - found.keys()):
                found |= {
                    each.article.id: KnownArticle(each.article.text, each.duplicate_of)
                    for each in await self._index.get(elsewhere)
                    if each
                }
            known |= found
            wanted = {each.duplicate_of for each in found.values() if each.duplicate_of} - asked
        return known


def _outcome(
    prepared: PreparedArticle, duplicate_of: str | None, result: WriteOutcome | ArticleError
) -> IngestOutcome:
    if isinstance(result, ArticleError):
        return IngestOutcome(prepared.article.id, "", None, error=result)
    if result is WriteOutcome.UNCHANGED:
        return IngestOutcome(prepared.article.id, prepared.revision, result)
    return IngestOutcome(prepared.article.id, prepared.revision, result, duplicate_of=duplicate_of)


def _prepare_all(articles: Iterable[RawArticle]) -> list[PreparedArticle | IngestOutcome]:
    return [_prepare(raw) for raw in articles]


def _prepare(raw: RawArticle) -> PreparedArticle | IngestOutcome:
    try:
        article = preprocess(raw)
    except ArticleError as error:
        return IngestOutcome("" if error.field == "id" else raw.id, "", None, error=error)
    return PreparedArticle(article, article.revision(), fingerprint(article.text))
