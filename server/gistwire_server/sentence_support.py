"""Which sentences of an article support each sentence of its summary: `SupportFinder`, for explained searches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gistwire.v1 import events_pb2
from gistwire_indexer.analysis import analyze
from gistwire_indexer.article import Article
from gistwire_models.instructions import is_instruction
from gistwire_models.sentences import split_sentences

from gistwire_server.text_overlap import TokenRun, normalize

MAX_SUPPORTING = 3
"""Most sentences that are named for one of a summary."""

_READ_CHARACTERS = 16_000
"""How much of a body is read, as by the summarizers."""

_MIN_SHARE = 0.2
"""Share of a sentence's words that another needs to support it at all. Of pairs of sentences of different articles of
AG News, 996 in 1 000 share less."""

_MIN_GAIN = 0.15
"""Share of its words that a further one must add."""

Field = events_pb2.SupportingSentence.Field


@dataclass(frozen=True, slots=True)
class _ArticleSentence:
    field: events_pb2.SupportingSentence.Field.ValueType
    start: int
    end: int
    text: str
    terms: frozenset[str]
    run: TokenRun


class SupportFinder:
    """Finds support in one article. CPU work of some milliseconds for a long article: make and use it in a thread.

    Args:
        article: the article.
        mask: makes what summaries were made of and are compared with of a sentence.
    """

    def __init__(self, article: Article, mask: Callable[[str], str] = str) -> None:
        self._language = article.language
        sentences = [(Field.HEADLINE, 0, article.headline)]
        body = split_sentences(article.body[:_READ_CHARACTERS], article.language)
        sentences += [(Field.BODY, each.start, each.text) for each in body]
        self._sentences = [
            _ArticleSentence(field, start, start + len(text), shown, self._terms(shown), TokenRun(shown))
            for field, start, text in sentences
            if not is_instruction(text) and (shown := mask(text))
        ]

    def support(self, summary: str) -> list[events_pb2.SentenceSupport]:
        """Returns the support of each sentence of a summary, in order."""
        return [
            self._support_of(each.text, each.start, each.end)
            for each in split_sentences(summary, self._language)
        ]

    def _support_of(self, text: str, start: int, end: int) -> events_pb2.SentenceSupport:
        message = events_pb2.SentenceSupport(sentence=events_pb2.Highlight(start=start, end=end))
        run = TokenRun(text)
        whole = next((each for each in self._sentences if not run.is_empty and run in each.run), None)
        if whole is not None:
            message.supported_by.append(_supporting(whole, events_pb2.SupportingSentence.VERBATIM, 1.0))
            message.support = 1.0
            return message
        terms = self._terms(text)
        covered: set[str] = set()
        for each in self._covering(terms):
            share = len(each.terms & terms) / len(terms)
            message.supported_by.append(_supporting(each, events_pb2.SupportingSentence.REWORDED, share))
            covered |= each.terms & terms
        message.support = len(covered) / len(terms) if terms else 0.0
        return message

    def _covering(self, terms: frozenset[str]) -> Sequence[_ArticleSentence]:
        """Sentences that have most of these terms together: the best, then what adds most; of equals the first."""
        chosen: list[_ArticleSentence] = []
        left = set(terms)
        while left and len(chosen) < MAX_SUPPORTING:
            best = max(self._sentences, key=lambda each: len(each.terms & left), default=None)
            if best is None:
                break
            gain = len(best.terms & left) / len(terms)
            if gain < (_MIN_GAIN if chosen else _MIN_SHARE):
                break
            chosen.append(best)
            left -= best.terms
        return chosen

    def _terms(self, text: str) -> frozenset[str]:
        return frozenset(analyze(normalize(text), self._language))


def _supporting(
    sentence: _ArticleSentence, kind: events_pb2.SupportingSentence.Kind.ValueType, support: float
) -> events_pb2.SupportingSentence:
    return events_pb2.SupportingSentence(
        field=sentence.field,
        place=events_pb2.Highlight(start=sentence.start, end=sentence.end),
        text=sentence.text,
        kind=kind,
        support=support,
    )
