"""Text to terms for lexical search: `analyze` for articles, `analyze_query` for queries, `locate_terms` for places.

Text is brought to Unicode NFKC and casefolded, then cut into words, numbers and runs of Chinese, Japanese and
Korean script. Runs become overlapping bigrams; words lose their stop words and are stemmed by the Snowball
algorithm of their language (https://snowballstem.org). Languages without one keep whole words.

Stems of languages other than English carry the language (``"es:gobiern"``), for the stem of one language is
often another word in the next: Spanish "sale" becomes "sal". A query does not say its language, so each of
its words stands for all its forms at once.
"""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import snowballstemmer
from gistwire_models.deferred_pattern import deferred_pattern

_SNOWBALL_ALGORITHMS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}

STEMMED_LANGUAGES = frozenset(_SNOWBALL_ALGORITHMS)
"""ISO 639-1 codes of the languages whose words are stemmed."""

_ENGLISH = "en"

# A word of the headline counts as this many words of the body.
_HEADLINE_BOOST = 2

# Words of other languages that mean something in English news (die, war, hat, era, AI, UN, US) are left out:
# a query drops the stop words of all these languages.
_STOP_WORDS = {
    "en": """
        a about after again against all also am an and any are as at be because been before being below
        between both but by can cannot could did do does doing down during each few for from further had has
        have having he her here hers herself him himself his how i if in into is it its itself just me more
        most my myself no nor not of off on once only or other our ours ourselves out over own same she
        should so some such than that the their theirs them themselves then there these they this those
        through to too under until up very was we were what when where which while who whom why will with
        would you your yours yourself yourselves arent cant couldnt didnt doesnt dont hadnt hasnt havent
        isnt shouldnt wasnt werent wont wouldnt
        """,
    "de": """
        aber auch auf aus bei beim bis dann das dass den der des dies diese dieser dieses du durch ein eine
        einem einen einer eines er es für haben hatte ich ihr ihre im ist kann kein keine mehr nach nicht
        noch nur ob oder ohne sehr sein seine sich sie sind so über um und unter vom von vor wenn werden wie
        wir wird wurde zu zum zur zwischen
        """,
    "es": """
        al como con cuando de del desde donde dos durante el ella ellos en entre es esta estas este esto
        estos está fue ha hasta hay la las le les lo los más muy ni nos o para pero por porque que qué se
        según ser si sobre su sus también tras una uno y ya
        """,
    "fr": """
        à au aux avec ce ces cette dans de des du elle elles en et été être il ils je la le les leur leurs
        lui mais ne ni nous on ont ou où par pas qu que qui sans se selon ses sont sous sur une vous
        """,
    "it": """
        agli al alla alle anche chi con cui da dal dalla dei del della delle di dopo e è gli ha hanno i il
        in la le lo loro nei nel nella non o per più quale quando quello questa questo se si sono su sul
        sulla tra una uno
        """,
    "pt": """
        à ao aos as às até com como da das de do dos e é ela ele em entre essa esse esta este foi há isso já
        mais mas na nas nem no nos não o ou para pela pelo por que quem se sem ser seu sua são também um uma
        """,
}
_STOP_WORDS_BY_LANGUAGE = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_ALL_STOP_WORDS = frozenset().union(*_STOP_WORDS_BY_LANGUAGE.values())


@cache
def _marks() -> str:
    r"""Combining marks, which belong to the word they stand in (Devanagari vowel signs); `\w` omits them."""
    return "".join(
        mark for mark in map(chr, range(0x0300, 0xFE00)) if unicodedata.category(mark) in ("Mn", "Mc")
    )


_CJK = (
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)

# The repetitions are bounded so that hostile text makes many terms of 64 characters, not few huge ones.
_ACRONYM = r"(?<!\w)(?:[^\W\d_]\.){1,8}[^\W\d_](?!\w)"
_NUMBER = r"(?<![\w.,])\d{1,24}(?:[.,]\d{1,24}){1,8}"
# Few words begin as one of these does, which is seen sooner than that it is none.
_DOTTED = rf"(?=[^\W\d_]\.|\d)(?:{_ACRONYM}|{_NUMBER})"
_LETTER = rf"[^\W_{_CJK}]"
_TOKEN = deferred_pattern(lambda: rf"{_DOTTED}|[{_CJK}]+|{_LETTER}(?:{_LETTER}|['{_marks()}]){{0,63}}")
_ASCII_TOKEN = deferred_pattern(rf"{_DOTTED}|[a-z0-9][a-z0-9']{{0,63}}", re.ASCII)
_CJK_RUN = deferred_pattern(rf"[{_CJK}]+")
# What normalization may join into one character: a letter with its marks, the letters of a Korean syllable.
_CLUSTER = deferred_pattern(lambda: rf".[{_marks()}\u1160-\u11ff]*", re.DOTALL)
_THOUSANDS = deferred_pattern(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?")
_ELISION = deferred_pattern(r"\A(?:[cdjlmnst]|qu|dell|nell|all|dall|sull|un)'(?=\w)")


class LocatedTerm(NamedTuple):
    """A term with its place in a text.

    Attributes:
        term: the term.
        start: number of characters before the word that it stands for.
        end: number of characters up to the end of that word.
    """

    term: str
    start: int
    end: int


def analyze(text: str, language: str) -> list[str]:
    """Terms of an article's text, in order, repeated as often as they occur.

    Args:
        text: any text.
        language: ISO 639 code of its language; ``"und"`` if it is not known.
    """
    words = _words(text)
    stop_words = _STOP_WORDS_BY_LANGUAGE.get(language, frozenset())
    return [_term(word, language) for word in words if word not in stop_words] or [
        _term(word, language) for word in words
    ]


def is_stop_word(word: str, language: str) -> bool:
    """Whether a word is left out of the terms of texts in a language.

    Args:
        word: one word, in any case.
        language: ISO 639 code; a language without a list has no stop words.
    """
    return _plain_word(_folded(word)) in _STOP_WORDS_BY_LANGUAGE.get(language, frozenset())


def locate_terms(text: str, language: str) -> Iterator[LocatedTerm]:
    """Yields the terms of an article's text with their places, in order, those of stop words too.

    Args:
        text: any text.
        language: ISO 639 code of its language; ``"und"`` if it is not known.
    """
    if text.isascii():
        # Folding changes no place.
        for token in _ASCII_TOKEN.finditer(text.lower()):
            if word := _plain_word(token[0]):
                yield LocatedTerm(_term(word, language), token.start(), token.end())
        return
    folded, origins = _folded_with_origins(text)
    for token in _TOKEN.finditer(folded):
        if _CJK_RUN.match(token.group()):
            for offset, bigram in enumerate(_bigrams(token.group())):
                start = token.start() + offset
                yield LocatedTerm(bigram, origins[start][0], origins[start + len(bigram) - 1][1])
        elif word := _plain_word(token.group()):
            term = _term(word, language)
            yield LocatedTerm(term, origins[token.start()][0], origins[token.end() - 1][1])


def term_frequencies(headline: str, body: str, language: str) -> Counter[str]:
    """Terms of an article with their frequencies, those of the headline counted twice.

    Args:
        headline: the headline.
        body: the body; may be empty.
        language: ISO 639 code of their language; ``"und"`` if it is not known.
    """
    frequencies = Counter(analyze(body, language))
    for term in analyze(headline, language):
        frequencies[term] += _HEADLINE_BOOST
    return frequencies


def analyze_query(text: str, languages: Collection[str] = STEMMED_LANGUAGES) -> list[str]:
    """Terms under which articles may hold the words of a query, in order.

    Args:
        text: the query, in any language.
        languages: ISO 639 codes of the languages that the articles are in.
    """
    return [term for alternatives in query_alternatives(text, languages) for term in alternatives]


def query_alternatives(text: str, languages: Collection[str] = STEMMED_LANGUAGES) -> list[tuple[str, ...]]:
    """Terms of a query, word by word.

    Args:
        text: the query, in any language.
        languages: ISO 639 codes of the languages that the articles are in.

    Returns:
        for each word that is not a stop word (for each at all, if all are) the terms under which an article
        may hold it: whole, and as the stem of each language.
    """
    return list(_alternatives(text, tuple(sorted(STEMMED_LANGUAGES.intersection(languages)))))


# One search analyses its query for retrieval, for extracts, and for highlights.
@lru_cache(maxsize=256)
def _alternatives(text: str, stemmed: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    words = _words(text)
    kept = [word for word in words if word not in _ALL_STOP_WORDS] or words
    return tuple(
        tuple(dict.fromkeys([word, *(_term(word, language) for language in stemmed)])) for word in kept
    )


def _words(text: str) -> list[str]:
    if text.isascii():
        return [word for word in map(_plain_word, _ASCII_TOKEN.findall(text.lower())) if word]
    words: list[str] = []
    for token in _TOKEN.findall(_folded(text)):
        if _CJK_RUN.match(token):
            words.extend(_bigrams(token))
        elif word := _plain_word(token):
            words.append(word)
    return words


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("’", "'")


def _folded_with_origins(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text as it is cut into words, and for each of its characters the part of `text` that it comes from."""
    folded: list[str] = []
    origins: list[tuple[int, int]] = []
    for cluster in _CLUSTER.finditer(text):
        characters = _folded(cluster.group())
        folded.append(characters)
        origins += [cluster.span()] * len(characters)
    return "".join(folded), origins


def _bigrams(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)] or [run]


@lru_cache(maxsize=2**16)
def _plain_word(token: str) -> str:
    """The token without what is no part of the word: separators, possessives, elided articles."""
    if token.isalnum():
        return token
    if "." in token or "," in token:
        return _plain_number(token) if token[0].isdigit() else token.replace(".", "")
    token = token.rstrip("'").removesuffix("'s")
    return _ELISION.sub("", token, count=1).replace("'", "")


def _plain_number(token: str) -> str:
    if not _THOUSANDS.fullmatch(token):
        return token.replace(",", ".")
    comma_groups = token.find(",") < token.find(".") if "," in token and "." in token else "," in token
    return token.replace(",", "") if comma_groups else token.replace(".", "").replace(",", ".")


# The stemmers keep state while they work.
_stemming = threading.Lock()


@lru_cache
def _stemmer(language: str) -> Callable[[str], str]:
    stem: Callable[[str], str] = snowballstemmer.stemmer(_SNOWBALL_ALGORITHMS[language]).stemWord
    return stem


@lru_cache(maxsize=2**17)
def _term(word: str, language: str) -> str:
    if language not in STEMMED_LANGUAGES or not word[0].isalpha() or _CJK_RUN.match(word):
        return word
    with _stemming:
        stem = _stemmer(language)(word)
    return stem if language == _ENGLISH else f"{language}:{stem}"
