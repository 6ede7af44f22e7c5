"""The words that tell articles from others: `keywords`, and `ArticleFrequencies` to ask for many groups at once.

Words of languages with spaces are counted under their stems, and with their neighbours as phrases of up to three
words; Chinese, Japanese and Korean text, which has no spaces, as runs of characters that recur. A candidate
counts by the share of the articles that have it, times how rare it is among the others (class-based TF-IDF:
Grootendorst, "BERTopic", 2022), and is written the way the articles mostly write it.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gistwire_indexer.analysis import analyze, is_stop_word
from gistwire_indexer.article import Article
from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.text_overlap import CJK

DEFAULT_KEYWORDS = 5
"""Number of keywords unless another is asked for."""

# A news text says what it is about at its beginning.
_MAX_HEADLINE_CHARACTERS = 300
_MAX_BODY_CHARACTERS = 600
_MAX_UNSPACED_CHARACTERS = 240

_MAX_PHRASE_WORDS = 3
_MAX_RUN_CHARACTERS = 5
_MAX_KEYWORD_CHARACTERS = 60

_BODY_WEIGHT = 0.5
"""What a candidate that only the body has counts, against 1 for the headline."""
_PHRASE_GAIN = 0.35
"""What each further word adds to a candidate's score, so that a phrase stands for the words that it holds."""
_RECURRING = 3
"""Number of articles of the corpus that have a run, from which it counts as a word."""
_HELD_SHARE = 0.8
"""Share of a run's articles that have a longer one, from which the longer one is the word."""

_TOKEN = deferred_pattern(
    rf"[{CJK}]+|(?:[^\W\d_{CJK}]\.){{2,8}}|[^\W_{CJK}](?:[^\W_{CJK}]|['’.&](?=[^\W_{CJK}])|[\u0300-\u036f]){{0,40}}"
)
_JOINT = deferred_pattern(r"[ \u00a0\-\u2010\u2011]")
_POSSESSIVE = deferred_pattern(r"['’]s?\Z")
_CJK_RUN = deferred_pattern(rf"[{CJK}]+\Z")

# Words that reports of any subject use.
_REPORTING_WORD_LIST = """
    said say says saying told tell tells according reported report reports reportedly announced announces news
    new newest latest year years month months week weeks day days today yesterday tomorrow tonight time times
    people man men woman women thing things way ways make makes made making get gets got getting go goes going
    went come comes came take takes took taking give gives gave see sees saw seen look looks know need needs
    want wants use used uses first last next one two three four five six seven eight nine ten former even still
    back like many much may might must set per also amid including since us among within around says mr mrs ms
    really every top best
    monday tuesday wednesday thursday friday saturday sunday
    january february march april june july august september october november december
    million billion percent pct reuters afp associated press copyright inc corp ltd
    """
_REPORTING_WORDS = frozenset(_REPORTING_WORD_LIST.split())
# Function words of Chinese; no word of a story begins or ends with one.
_UNSPACED_FUNCTION = frozenset(
    "的了在是和与及也都就不把被将对从向到为以于等有个这那其并而但或又很更最已我你他她它们说之上中下后前来去"
)


def keywords(
    articles: Sequence[Article], *, among: Sequence[Article] = (), limit: int = DEFAULT_KEYWORDS
) -> list[str]:
    """Finds the words and short phrases that tell articles from others.

    Args:
        articles: what is to be named; may be in several languages.
        among: the articles that they are to be told from; `articles` may or may not be among them. None: the
            words most of them share.
        limit: most keywords to return.

    Returns:
        best first, none within another, of printable characters on one line; fewer than `limit` if the articles
        say no more.
    """
    return ArticleFrequencies(among).keywords(articles, limit=limit)


class ArticleFrequencies:
    """In how many articles of a corpus each candidate occurs. Built once to name many groups of its articles."""

    def __init__(self, among: Iterable[Article] = ()) -> None:
        self._size = 0
        self._frequencies: Counter[_Key] = Counter()
        for article in among:
            self._size += 1
            self._frequencies.update({occurrence.key for occurrence in _occurrences(article)})

    def keywords(self, articles: Sequence[Article], *, limit: int = DEFAULT_KEYWORDS) -> list[str]:
        """Finds the words that tell articles from the corpus; as the function of that name."""
        candidates = _candidates(articles, self._frequencies)
        scored = sorted(
            ((self._score(candidate, len(articles)), candidate) for candidate in candidates),
            # Ties go to what comes first in the articles, so that the order of a corpus never matters.
            key=lambda each: (-each[0], each[1].place),
        )
        chosen: list[_Candidate] = []
        texts: list[str] = []
        for _, candidate in scored:
            if len(texts) >= limit:
                break
            if any(_overlap(candidate.key, other.key) for other in chosen):
                continue
            text = candidate.text()
            if text and text.casefold() not in map(str.casefold, texts):
                chosen.append(candidate)
                texts.append(text)
        return texts

    def _score(self, candidate: "_Candidate", count: int) -> float:
        rarity = 1.0
        if self._size:
            # The articles may be part of the corpus or not; they count at least once.
            frequency = max(self._frequencies[candidate.key], 1)
            rarity = math.log(1 + self._size / frequency)
        length = len(candidate.key) if _is_phrase(candidate.key) else 1
        return candidate.weight / count * rarity * (1 + _PHRASE_GAIN * (length - 1))


_Key = tuple[str, ...]
"""Stems of a word or phrase; a run of unspaced script as a single one."""


@dataclass(frozen=True, slots=True)
class _Occurrence:
    key: _Key
    surface: str
    in_headline: bool


@dataclass(slots=True)
class _Candidate:
    """What may become a keyword.

    Attributes:
        key: what is counted.
        place: number of candidates that came before it.
        weight: articles that have it, those that have it only in the body by `_BODY_WEIGHT`.
        articles: number of articles that have it.
        surfaces: the ways in which it is written, with their frequencies.
    """

    key: _Key
    place: int
    weight: float = 0.0
    articles: int = 0
    surfaces: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        surface = max(self.surfaces.items(), key=lambda each: each[1])[0]
        printable = "".join(char if char.isprintable() else " " for char in surface)
        return _POSSESSIVE.sub("", " ".join(printable.split()))[:_MAX_KEYWORD_CHARACTERS].strip()


def _candidates(articles: Sequence[Article], frequencies: Counter[_Key]) -> list[_Candidate]:
    candidates: dict[_Key, _Candidate] = {}
    for article in articles:
        weights: dict[_Key, float] = {}
        for occurrence in _occurrences(article):
            candidate = candidates.get(occurrence.key)
            if candidate is None:
                candidate = candidates[occurrence.key] = _Candidate(occurrence.key, len(candidates))
            candidate.surfaces[occurrence.surface] += 1
            weight = 1.0 if occurrence.in_headline else _BODY_WEIGHT
            weights[occurrence.key] = max(weight, weights.get(occurrence.key, 0.0))
        for key, weight in weights.items():
            candidates[key].weight += weight
            candidates[key].articles += 1
    kept = [
        each
        for each in candidates.values()
        if _is_established(each, len(articles), frequency=frequencies[each.key])
    ]
    return _without_parts_of_runs(kept)


def _is_established(candidate: _Candidate, count: int, *, frequency: int) -> bool:
    """Whether a candidate is a unit: words are; phrases and runs where they recur, or are names by their capitals."""
    if candidate.articles >= 2 or (count == 1 and candidate.surfaces.total() >= 2):
        return True
    if _CJK_RUN.match(candidate.key[0]):
        return count == 1 and frequency >= _RECURRING
    if not _is_phrase(candidate.key):
        return True
    words = " ".join(candidate.surfaces).split()
    return count == 1 and all(word[0].isupper() for word in words)


def _without_parts_of_runs(candidates: list[_Candidate]) -> list[_Candidate]:
    """Leaves out runs of unspaced script that mostly occur within a longer one: 特朗 for 特朗普."""
    runs = {each.key[0]: each for each in candidates if _CJK_RUN.match(each.key[0])}
    held: set[str] = set()
    for text, candidate in runs.items():
        for part in {text[:-1], text[1:]} & runs.keys():
            if candidate.articles >= _HELD_SHARE * runs[part].articles:
                held.add(part)
    return [each for each in candidates if each.key[0] not in held]


def _is_phrase(key: _Key) -> bool:
    return len(key) > 1


def _overlap(key: _Key, other: _Key) -> bool:
    """Whether two candidates say the same in part."""
    if _CJK_RUN.match(key[0]) and _CJK_RUN.match(other[0]):
        return bool({*_pairs(key[0])} & {*_pairs(other[0])})
    return not set(key).isdisjoint(other)


def _pairs(run: str) -> Iterator[str]:
    return (run[start : start + 2] for start in range(len(run) - 1))


def _occurrences(article: Article) -> Iterator[_Occurrence]:
    yield from _text_occurrences(
        article.headline[:_MAX_HEADLINE_CHARACTERS], article.language, in_headline=True
    )
    yield from _text_occurrences(article.body[:_MAX_BODY_CHARACTERS], article.language, in_headline=False)


def _text_occurrences(text: str, language: str, *, in_headline: bool) -> Iterator[_Occurrence]:
    text = unicodedata.normalize("NFC", text)
    words: list[tuple[str, int, int]] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if _CJK_RUN.match(token):
            words.clear()
            if match.start() < _MAX_UNSPACED_CHARACTERS:
                yield from (_Occurrence((run,), run, in_headline) for run in _runs(token))
            continue
        stem = _stem(token, language)
        if not stem:
            words.clear()
            continue
        if words and not (match.start() - words[-1][2] == 1 and _JOINT.match(text, words[-1][2])):
            words.clear()
        words.append((stem, match.start(), match.end()))
        del words[:-_MAX_PHRASE_WORDS]
        for first in range(len(words)):
            key = tuple(each[0] for each in words[first:])
            yield _Occurrence(key, text[words[first][1] : match.end()], in_headline)


def _runs(token: str) -> Iterator[str]:
    """Runs of two to five characters that may be words."""
    for start in range(len(token) - 1):
        if token[start] in _UNSPACED_FUNCTION:
            continue
        for end in range(start + 2, min(start + _MAX_RUN_CHARACTERS, len(token)) + 1):
            if token[end - 1] not in _UNSPACED_FUNCTION:
                yield token[start:end]


@lru_cache(maxsize=2**16)
def _stem(word: str, language: str) -> str:
    """What a word is counted under; empty for one that tells nothing: stop words, numbers, single letters."""
    folded = word.casefold().replace("’", "'")
    bare = folded.removesuffix("'s")
    # The language of a short text is often not known, or taken for another; English words stand in all news.
    if is_stop_word(folded, language) or is_stop_word(bare, "en") or bare in _REPORTING_WORDS:
        return ""
    if len(bare) < 2 or not any(char.isalpha() for char in bare):
        return ""
    return "".join(analyze(word, language)[:1])
