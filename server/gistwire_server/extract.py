"""The extract of a hit: sentences of the article that show why it was found, without asking any model."""

from gistwire_indexer.analysis import analyze, analyze_query
from gistwire_indexer.article import Article
from gistwire_models.instructions import is_instruction
from gistwire_models.sentences import split_sentences

MAX_EXTRACT_CHARACTERS = 280
_READ_CHARACTERS = 4_000
"""How much of the body is read: the lead of a news article says what it is about."""


class QueryExtractor:
    """Makes extracts for one query."""

    def __init__(self, query: str) -> None:
        self._terms = frozenset(analyze_query(query))

    def extract(self, article: Article) -> str:
        """Returns the sentence that has most of the query's terms, the earliest of equals, and what follows it.

        Orders to whoever summarizes the article are left out, and what would follow them.

        Returns:
            At most 280 characters, cut at a word with "…" if need be; empty for an article without body.
        """
        sentences = split_sentences(article.body[:_READ_CHARACTERS], article.language)
        orders = [is_instruction(each.text) for each in sentences]
        if all(orders):
            return ""
        matches = [
            -1 if is_order else len(self._terms.intersection(analyze(each.text, article.language)))
            for each, is_order in zip(sentences, orders, strict=True)
        ]
        best = matches.index(max(matches))
        start, end = sentences[best].start, sentences[best].end
        for following, is_order in zip(sentences[best + 1 :], orders[best + 1 :], strict=True):
            if is_order or following.end - start > MAX_EXTRACT_CHARACTERS:
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
