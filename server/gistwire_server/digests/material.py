"""What a digest is made of: the sentences of its articles, and which articles are copies (`read_material`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from gistwire_indexer.article import Article
from gistwire_indexer.deduplication import ArticleToCompare, fingerprint, resolve_duplicates
from gistwire_indexer.index import IndexedArticle
from gistwire_indexer.language import identify_language
from gistwire_models.article_sentences import usable_sentences
from gistwire_models.instructions import is_instruction
from numpy.typing import NDArray

from gistwire_server.digests.wording import Wording, read_wording
from gistwire_server.faithfulness import Source

_MAX_SENTENCES = 100
"""How many sentences are considered in all: embedding them takes most of a digest's time."""

_MIN_SENTENCES_EACH = 3
"""How many of them each article has, however many articles there are."""

_READ_CHARACTERS = 16_000
"""How much of an article's body is read, as by `usable_sentences`."""


@dataclass(frozen=True, slots=True)
class MaterialArticle:
    """An article that a digest draws on.

    Attributes:
        id: its identifier.
        revision: the revision that is read.
        publisher: its source; its own identifier where that is not known.
        language: ISO 639 code, or ``"und"``.
        published: when; None if unknown.
        supporter: the same number for articles that nearly repeat each other.
        source: what its sentences are checked against.
    """

    id: str
    revision: str
    publisher: str
    language: str
    published: datetime | None
    supporter: int
    source: Source


@dataclass(frozen=True, slots=True)
class MaterialSentence:
    """A sentence of an article.

    Attributes:
        article: place of the article.
        position: place of the sentence in it, from 0.
        is_headline: whether it is the headline, of an article that has no sentence to show.
        text: the sentence, as the article has it.
        wording: how a digest would say it.
    """

    article: int
    position: int
    is_headline: bool
    text: str
    wording: Wording


@dataclass(frozen=True, slots=True)
class Material:
    """All that a digest is made of.

    Attributes:
        articles: the articles, best first.
        sentences: their sentences, article by article, in order.
        language: in which the digest is written.
    """

    articles: tuple[MaterialArticle, ...]
    sentences: tuple[MaterialSentence, ...]
    language: str

    def article_of(self, sentence: int) -> MaterialArticle:
        """The article that a sentence is of."""
        return self.articles[self.sentences[sentence].article]

    @property
    def shown_text(self) -> str:
        """All sentences in the language of the digest."""
        return " ".join(
            sentence.text
            for sentence in self.sentences
            if self.articles[sentence.article].language == self.language
        )

    @property
    def firsts(self) -> list[int]:
        """Places of the articles' first sentences."""
        return [place for place, sentence in enumerate(self.sentences) if sentence.position == 0]

    def only(self, places: Sequence[int]) -> "Material":
        """The same articles with some of their sentences."""
        return Material(self.articles, tuple(self.sentences[place] for place in places), self.language)

    def owners(self) -> NDArray[np.intp]:
        """Place of each sentence's article. ``intp [sentences]``."""
        return np.array([sentence.article for sentence in self.sentences], dtype=np.intp)

    def supporters(self) -> NDArray[np.intp]:
        """Supporter of each sentence's article. ``intp [sentences]``."""
        of_articles = np.array([article.supporter for article in self.articles], dtype=np.intp)
        return of_articles[self.owners()]


def read_material(articles: Sequence[IndexedArticle], query: str) -> Material:
    """Reads articles. CPU work of some milliseconds an article.

    An article without a sentence that could be shown gives its headline, unless that is an order to whoever
    summarizes.

    Args:
        articles: best first.
        query: what the digest is for; it is written in its language if an article is. Else in that of most.
    """
    supporters = _supporters(articles)
    read = tuple(
        MaterialArticle(
            id=each.article.id,
            revision=each.revision,
            publisher=each.article.source or each.article.id,
            language=each.article.language,
            published=each.article.published,
            supporter=supporter,
            source=Source(_read_text(each), each.article.language, headline=each.article.headline),
        )
        for each, supporter in zip(articles, supporters, strict=True)
    )
    each_at_most = max(_MAX_SENTENCES // max(len(articles), 1), _MIN_SENTENCES_EACH)
    sentences = tuple(
        sentence
        for place, each in enumerate(articles)
        for sentence in _sentences(place, each.article)[:each_at_most]
    )
    return Material(read, sentences, _language(articles, query))


def _sentences(place: int, article: Article) -> list[MaterialSentence]:
    usable = usable_sentences(headline=article.headline, body=article.body, language=article.language)
    return [
        MaterialSentence(place, position, not usable, text, read_wording(text, article.language))
        for position, text in enumerate(usable or _headline(article))
    ]


def _headline(article: Article) -> list[str]:
    headline = " ".join(article.headline.split())
    return [] if is_instruction(headline) else [headline]


def _read_text(indexed: IndexedArticle) -> str:
    return f"{indexed.article.headline}\n{indexed.article.body[:_READ_CHARACTERS]}"


def _supporters(articles: Sequence[IndexedArticle]) -> list[int]:
    """A number for each article, the same for those that nearly repeat each other."""
    texts = [_read_text(each) for each in articles]
    compared = [
        ArticleToCompare(each.article.id, text, fingerprint(text))
        for each, text in zip(articles, texts, strict=True)
    ]
    # What the index found when they came, and what is alike among those that are in no index.
    alike = resolve_duplicates(compared, [()] * len(articles), {})
    numbers: dict[str, int] = {}
    supporters: list[int] = []
    for each, original in zip(articles, alike, strict=True):
        roots = [id_ for id_ in (each.duplicate_of, original, each.article.id) if id_ is not None]
        number = next((numbers[id_] for id_ in roots if id_ in numbers), len(supporters))
        numbers.update(dict.fromkeys(roots, number))
        supporters.append(number)
    return supporters


def _language(articles: Sequence[IndexedArticle], query: str) -> str:
    languages = Counter(each.article.language for each in articles)
    asked = identify_language(query) if query else ""
    if asked in languages:
        return asked
    # Of equals the language of the best article.
    return max(languages, key=lambda language: languages[language], default="und")
