"""The extract of a hit: sentences of the article that show why it was found, without asking any model."""

from dataclasses import dataclass
from functools import lru_cache

from gistwire_indexer.analysis import analyze
from gistwire_indexer.article import Article
from gistwire_models.instructions import is_instruction
from gistwire_models.sentences import split_sentences

from gistwire_server.query_terms import QueryTerms

MAX_EXTRACT_CHARACTERS = 280
_READ_CHARACTERS = 4_000
"""How much of the body is read: the lead of a news article says what it is about."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence, as extracts are chosen by it."""

    start: int
    end: int
    terms: frozenset[str]
    is_order: bool


@lru_cache(maxsize=1_024)
def _read(text: str, language: str) -> tuple[_Sentence, ...]:
    """The sentences of an article's beginning, which many queries find."""
    return tuple(
        _Sentence(each.start, each.end, frozenset(analyze(each.text, language)), is_instruction(each.text))
        for each in split_sentences(text, language)
    )


class QueryExtractor:
    """Makes extracts for one query."""

    def __init__(self, terms: QueryTerms) -> None:
        self._terms = terms

    def extract(self, article: Article) -> str:
        """Returns the sentence that has most of the query's terms, the earliest of equals, and what follows it.

        Orders to whoever summarizes the article are left out, and what would follow them.

        Returns:
            At most 280 characters, cut at a word with "…" if need be; empty for an article without body.
        """
        sentences = _read(article.body[:_READ_CHARACTERS], article.language)
        terms = self._terms.in_articles(article.language)
        matches = [-1 if each.is_order else len(terms & each.terms) for each in sentences]
        most = max(matches, default=-1)
        if most < 0:
            return ""
        best = matches.index(most)
        start, end = sentences[best].start, sentences[best].end
        for following in sentences[best + 1 :]:
            if following.is_order or following.end - start > MAX_EXTRACT_CHARACTERS:
                break
            end = following.end
        return _shorten(" ".join(article.body[start:end].split()))


def _shorten(text: str) -> str:
    if len(text) <= MAX_EXTRACT_CHARACTERS:
        return text
    cut = text[: MAX_EXTRACT_CHARACTERS - 1]
    word_end = cut.rfind(" ")
    # Text without spaces, such as Chinese, is cut where it is.
    return cut[: word_end if word_end > MAX_EXTRACT_CHARACTERS // 2 else len(cut)].rstrip(" ,;:") + "…"
