"""What an article index is. The embedded index and Elasticsearch implement it and pass one contract-test class."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Protocol

from gistwire_models.encoder import Embedding

from gistwire_indexer.article import Article
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.filter import Filter
from gistwire_indexer.user_events import UserEventStore

DEFAULT_TENANT = "default"
"""The tenant of calls that name none."""

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class ArticleToIndex:
    """An article with what is derived from it before it is written.

    Attributes:
        article: the article.
        embedding: ``float32 [dimension]`` of `article.text`, unit length.
        fingerprint: near-duplicate fingerprint of `article.text` (deduplication.py); empty for texts too short.
        duplicate_of: identifier of the earliest article that this one nearly repeats; None if there is none.
    """

    article: Article
    embedding: Embedding = field(compare=False)
    fingerprint: tuple[int, ...] = ()
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class IndexedArticle:
    """An article as the index holds it.

    Attributes:
        article: the article.
        revision: `article.revision()`.
        indexed: when this revision was written.
        duplicate_of: identifier of the earliest article that this one nearly repeats; None if there is none.
        embedding: ``float32 [dimension]``, unit length.
    """

    article: Article
    revision: str
    indexed: datetime
    duplicate_of: str | None
    embedding: Embedding = field(compare=False, repr=False)


class WriteOutcome(Enum):
    """What became of an article that was written."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Visibility(Enum):
    """When a write is visible to retrieval; `get` and `revisions` see it at once in any case."""

    IMMEDIATE = "immediate"
    """Before `write` returns, at the cost of a refresh of the index for each write."""
    AWAITED = "awaited"
    """Before `write` returns, which waits for the next periodic refresh: about a second at most."""
    EVENTUAL = "eventual"
    """With the next periodic refresh; `write` returns as soon as the articles are durable."""


@dataclass(frozen=True, slots=True, order=True)
class IndexPosition:
    """A place in the order in which articles were indexed.

    Attributes:
        indexed: when the article there was written, with a time zone.
        id: its identifier; empty for the place before all articles written at that time.
    """

    indexed: datetime
    id: str = ""


@dataclass(frozen=True, slots=True)
class RetrievalQuery:
    """What is retrieved.

    Attributes:
        text: the query for lexical retrieval; None leaves that list empty.
        embedding: the query for dense retrieval, ``float32 [dimension]``; None leaves that list empty.
        filter: which articles take part; None for all.
        depth: longest length of each list.
    """

    text: str | None
    embedding: Embedding | None = field(compare=False)
    filter: Filter | None = None
    depth: int = 100


@dataclass(frozen=True, slots=True)
class Retrieved:
    """An article in one of the two lists.

    Attributes:
        id: the article's identifier.
        score: BM25 score in the lexical list, cosine in the dense one; comparable within the list only.
        duplicate_of: identifier of the article that this one nearly repeats; None if there is none.
    """

    id: str
    score: float
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class RetrievedLists:
    """The two lists of a query, each best first, ties broken by identifier.

    Attributes:
        lexical: articles that contain at least one term of the query.
        dense: the articles nearest to the query.
    """

    lexical: tuple[Retrieved, ...]
    dense: tuple[Retrieved, ...]


@dataclass(frozen=True, slots=True)
class StoredSummary:
    """A summary that does not depend on a query, stored with its article.

    Attributes:
        article_id: the article.
        revision: the revision that was summarized.
        model: name and version of the summarizer, as ``"name@version"``.
        text: the summary.
        origin: value of the `Origin` it came from.
        log_probability: mean log-probability of its tokens; None for texts that no model generated.
        embedding: ``float32 [dimension]`` of the text.
    """

    article_id: str
    revision: str
    model: str
    text: str
    origin: str
    log_probability: float | None = None
    embedding: Embedding | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What is in an index.

    Attributes:
        articles: number of articles.
        summaries: number of stored summaries.
        bytes_on_disk: size of the files, in bytes; 0 if not known.
        languages: number of articles by language.
        sources: number of articles by source.
    """

    articles: int
    summaries: int
    bytes_on_disk: int
    languages: Mapping[str, int]
    sources: Mapping[str, int]


class Retrieval(Protocol):
    """A retrieval that has begun: what needs no embedding may be under way. It may be left alone."""

    async def lists(self, embedding: Embedding | None) -> RetrievedLists:
        """Finds the rest, and returns what `ArticleIndex.retrieve` does.

        Args:
            embedding: the query for dense retrieval, ``float32 [dimension]``; None leaves that list empty.
        """
        ...


@dataclass(frozen=True, slots=True)
class RetrievalAtOnce:
    """A `Retrieval` that begins once the embedding is there.

    Attributes:
        retrieve: as `ArticleIndex.retrieve`.
        query: what is retrieved.
    """

    retrieve: Callable[[RetrievalQuery], Awaitable[RetrievedLists]]
    query: RetrievalQuery

    async def lists(self, embedding: Embedding | None) -> RetrievedLists:
        """As `Retrieval.lists`."""
        return await self.retrieve(replace(self.query, embedding=embedding))


class ArticleIndex(Protocol):
    """Holds the articles of one tenant and finds them.

    Every write is durable, and visible to reads that begin after it returned, in this process and in others,
    unless the caller of `write` asked for less. All methods may raise IndexUnavailableError.
    """

    async def write(
        self, articles: Sequence[ArticleToIndex], *, visibility: Visibility = Visibility.IMMEDIATE
    ) -> list[WriteOutcome | ArticleError]:
        """Writes articles, replacing earlier revisions with the same identifiers.

        The same revision again changes nothing (UNCHANGED). A new revision drops the stored summaries of the old.
        An identifier may occur several times: the articles are written in order.

        Returns:
            for each article, in order, what became of it, or why the index refuses it; the others are written.

        Raises:
            IndexUnavailableError: some articles may have been written. Writing them all again is safe.
        """
        ...

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        """Deletes articles with their stored summaries; says for each whether there was one."""
        ...

    async def expire(self, before: datetime) -> int:
        """Deletes the articles that were published (or indexed, where that is unknown) earlier; returns their number.

        Args:
            before: a time with a time zone.
        """
        ...

    async def get(self, ids: Sequence[str]) -> list[IndexedArticle | None]:
        """Returns articles in the order of `ids`; None for those that do not exist."""
        ...

    async def revisions(self, ids: Sequence[str]) -> list[str | None]:
        """Returns the revision of each article; None for those that do not exist."""
        ...

    async def retrieve(self, query: RetrievalQuery) -> RetrievedLists:
        """Finds articles by words and by meaning."""
        ...

    def begin_retrieval(self, query: RetrievalQuery) -> Retrieval:
        """Begins to find articles while the query is still being embedded.

        Args:
            query: what is retrieved; an embedding in it is passed over.
        """
        ...

    async def near_duplicates(self, fingerprints: Sequence[tuple[int, ...]]) -> list[list[str]]:
        """Returns for each fingerprint the articles whose fingerprints share a value with it, earliest first.

        At most 16 for each; for an empty fingerprint none.
        """
        ...

    async def indexed_after(self, position: IndexPosition, *, limit: int) -> list[IndexedArticle]:
        """Returns articles in the order in which their present revisions were indexed, beginning after `position`.

        An article that is visible only some time after it was stamped can turn up behind a position that was read
        already: who must not miss any reads again from somewhat earlier.

        Args:
            position: where to begin.
            limit: most articles to return, at least 1.
        """
        ...

    def scan(self, filter: Filter | None = None) -> AsyncGenerator[IndexedArticle, None]:  # noqa: A002
        """Yields every article, in any order, as the index stood when the first was asked for.

        Articles that are written or deleted meanwhile are seen as they were or as they are, never twice.

        Args:
            filter: which articles take part; None for all.
        """
        ...

    async def store_summary(self, summary: StoredSummary) -> bool:
        """Stores a summary if its revision is still the article's; says whether it did.

        One summary is kept for each article and model: the latest.
        """
        ...

    async def stored_summaries(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        """Returns the stored summary of each article's present revision by `model`; None where there is none."""
        ...

    async def generation(self) -> int | None:
        """Tells by a number whether what the index holds has changed.

        Between two calls that return the same number, nothing that a search can find was written by any process:
        no article, no deletion, no stored summary. The number means nothing else; it may also change for no reason.

        Returns:
            the number, for this object alone; None if the index cannot tell.
        """
        ...

    async def statistics(self) -> IndexStatistics:
        """Counts what is in the index."""
        ...

    async def close(self) -> None:
        """Gives back what the index holds; later calls raise IndexUnavailableError. May be called twice."""
        ...


class ArticleStore(Protocol):
    """Where the indices of all tenants are. No call on one tenant's index ever shows an article of another's."""

    async def tenant(self, name: str) -> ArticleIndex:
        """Returns the index of a tenant, made if it is new. It is closed with the store.

        Args:
            name: lower-case letters, digits, hyphens and underscores, 1 to 63 of them, a letter or digit first.

        Raises:
            ValueError: `name` is no such name.
            IndexUnavailableError: the index cannot be opened, or the store was closed.
            IndexFormatError: the index was written by another version or for another encoder.
        """
        ...

    async def user_events(self, name: str) -> UserEventStore:
        """Returns where a tenant's users are kept, made if it is new. It is closed with the store.

        Raises:
            As `tenant`.
        """
        ...

    async def close(self) -> None:
        """Closes all indices. May be called twice."""
        ...


def check_tenant(name: str) -> str:
    """Returns the name of a tenant.

    Raises:
        ValueError: it is none, as `ArticleStore.tenant` says.
    """
    if not _TENANT.fullmatch(name):
        raise ValueError(
            "the name of a tenant has 1 to 63 lower-case letters, digits, hyphens and underscores, "
            "a letter or digit first"
        )
    return name
