"""`RecentArticles`: articles that are being written, or were lately, for near-duplicates that come close behind.

An index finds an article by its fingerprint only once the write is visible. The ingestor asks here as well, and so
misses no copy that follows within the same second.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from gistwire_indexer.deduplication import KnownArticle
from gistwire_indexer.index import ArticleToIndex

_MAX_KEPT = 2_000


@dataclass(slots=True)
class _Entry:
    """An article, and since when it is here compared with others.

    Attributes:
        place: grows from article to article.
        written: what is being written; None once that is done.
    """

    place: int
    fingerprint: tuple[int, ...]
    written: ArticleToIndex | None


class RecentArticles:
    """Articles by their fingerprints. An identifier stands for what was added last.

    Args:
        kept_s: how long an article is kept whose write ended before it was visible, in seconds.
        max_kept: most articles that are kept so; the earliest make room.
        clock: monotonic time, in seconds.
    """

    def __init__(
        self, *, kept_s: float, max_kept: int = _MAX_KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept_s = kept_s
        self._max_kept = max_kept
        self._clock = clock
        self._places = 0
        self._entries: dict[str, _Entry] = {}
        self._ids_by_hash: defaultdict[int, set[str]] = defaultdict(set)
        # When each that is no longer written is to be forgotten, with its place, earliest first.
        self._kept: deque[tuple[float, str, int]] = deque()

    def begin(self, articles: Sequence[ArticleToIndex]) -> None:
        """Adds articles whose write is about to begin."""
        for article in articles:
            self._forget(article.article.id)
            self._places += 1
            self._entries[article.article.id] = _Entry(self._places, article.fingerprint, article)
            for value in article.fingerprint:
                self._ids_by_hash[value].add(article.article.id)

    def end(self, ids: Collection[str], *, visible: bool) -> None:
        """Notes that the write of articles has ended.

        Args:
            ids: the articles.
            visible: whether the index finds them from now on; else they are kept for a while.
        """
        for article_id in ids:
            if visible:
                self._forget(article_id)
            elif (entry := self._entries.get(article_id)) is not None:
                entry.written = None
                self._kept.append((self._clock() + self._kept_s, article_id, entry.place))
        self._drop_old()

    def sharing(self, fingerprint: Sequence[int]) -> list[str]:
        """Returns the articles whose fingerprints share a value with this one, earliest first."""
        self._drop_old()
        ids = {article_id for value in fingerprint for article_id in self._ids_by_hash.get(value, ())}
        return sorted(ids, key=lambda article_id: self._entries[article_id].place)

    def being_written(self, article_id: str) -> KnownArticle | None:
        """Returns an article as it is being written; None if it is not, and the index knows better."""
        entry = self._entries.get(article_id)
        if entry is None or entry.written is None:
            return None
        return KnownArticle(entry.written.article.text, entry.written.duplicate_of)

    def __len__(self) -> int:
        return len(self._entries)

    def _drop_old(self) -> None:
        now_s = self._clock()
        while self._kept and (self._kept[0][0] <= now_s or len(self._kept) > self._max_kept):
            _, article_id, place = self._kept.popleft()
            entry = self._entries.get(article_id)
            if entry is not None and entry.place == place:
                self._forget(article_id)

    def _forget(self, article_id: str) -> None:
        entry = self._entries.pop(article_id, None)
        if entry is None:
            return
        for value in entry.fingerprint:
            ids = self._ids_by_hash[value]
            ids.discard(article_id)
            if not ids:
                del self._ids_by_hash[value]
