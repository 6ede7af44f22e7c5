"""An article as story clustering sees it: what it means, which words it shares with others, and when it appeared."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gistwire_indexer.analysis import analyze
from gistwire_indexer.article import Article
from gistwire_indexer.index import IndexedArticle
from gistwire_models.encoder import Embedding

from gistwire_server.config import ServerConfig
from gistwire_server.retrieval import is_covered

# A news text says what it is about at its beginning.
_MAX_HEADLINE_CHARACTERS = 300
_MAX_BODY_CHARACTERS = 500
_MAX_TERMS = 96

# As digests/composition.py has it.
_COVERING = 0.5


@dataclass(frozen=True, slots=True)
class StoryArticle:
    """An article that is to be put into a story.

    Attributes:
        id: its identifier.
        time_s: when it was published (or indexed, where that is unknown), in seconds since 1970.
        embedding: ``float32 [dimension]``, unit length.
        terms: the different terms of its beginning; names and numbers are the rare ones among them.
        duplicate_of: identifier of the article that it nearly repeats; None if there is none.
        is_covered: whether the encoder knows its script; else `embedding` says nothing.
    """

    id: str
    time_s: float
    embedding: Embedding = field(compare=False, repr=False)
    terms: tuple[str, ...] = ()
    duplicate_of: str | None = None
    is_covered: bool = True

    @property
    def place(self) -> tuple[float, str]:
        """Its place in the order of appearance."""
        return self.time_s, self.id


def story_article(indexed: IndexedArticle, *, covers_all: bool = False) -> StoryArticle:
    """Describes an article of the index.

    Args:
        indexed: the article.
        covers_all: whether the encoder knows all scripts.
    """
    article = indexed.article
    return StoryArticle(
        id=article.id,
        time_s=time_of(indexed).timestamp(),
        embedding=indexed.embedding,
        terms=story_terms(article),
        duplicate_of=indexed.duplicate_of,
        is_covered=covers_all or is_covered(article.headline[:_MAX_HEADLINE_CHARACTERS]),
    )


def covers_all_scripts(config: ServerConfig) -> bool:
    """Whether a deployment's encoder is taken to know scripts that the one which comes with Gistwire does not."""
    return config.retrieval.dense_weight_uncovered >= _COVERING


def time_of(indexed: IndexedArticle) -> datetime:
    """When an article was published, or indexed, where that is unknown; with a time zone."""
    return indexed.article.published or indexed.indexed


def story_terms(article: Article) -> tuple[str, ...]:
    """The different terms at the beginning of an article, in order; at most 96."""
    return tuple(dict.fromkeys(_terms(article)))[:_MAX_TERMS]


def _terms(article: Article) -> Iterator[str]:
    for text in (article.headline[:_MAX_HEADLINE_CHARACTERS], article.body[:_MAX_BODY_CHARACTERS]):
        yield from analyze(unicodedata.normalize("NFKC", text), article.language)
