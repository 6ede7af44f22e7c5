"""Cleans pairs, and tells which of them are not worth learning from. `prepare` calls it for each pair.

FILTERS names each filter, in the order in which they are asked; the first that drops a pair is counted.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
from gistwire_indexer.analysis import analyze
from gistwire_indexer.article import UNDETERMINED_LANGUAGE, derive_id
from gistwire_indexer.cleaning import clean_text
from gistwire_indexer.language import identify_language, normalize_language

from gistwire_training.data.reading import RawPair
from gistwire_training.data.wire_text import (
    is_cut_off,
    remove_cut_sentence,
    remove_dateline,
    remove_headline_tags,
    remove_sign_off,
    remove_tickers,
    repair_encoding,
    repair_spacing,
)
from gistwire_training.pairs import Pair

# Words, and single characters of scripts that are written without spaces.
_UNSPACED = (
    "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['’.,-][^\W{_UNSPACED}]+)*")

# A language is surely another one only where there is enough text to tell.
_MIN_CHARACTERS_TO_TELL_LANGUAGE = 80


# Languages that end a sentence with a space.
_WITHOUT_STOPS = frozenset({"th"})

# Earnings in the form of a wire: "Shr 28 cts vs 16 cts Net 9,387,000 vs 25,617,000".
_TABLE_WORDS = frozenset(
    {"avg", "cts", "div", "mths", "net", "oper", "qtly", "qtr", "revs", "shr", "shrs", "vs"}
)


class FilterLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a pair must be like. Lengths are in words; each character counts in scripts without spaces.

    Attributes:
        languages: ISO 639-1 codes of the languages wanted; empty for all.
        min_headline_words: a shorter headline names a column, not a story. No headline at all is allowed
            where there is a summary.
        max_headline_words: a longer one is no headline.
        min_body_words: a shorter body says nothing beyond the headline. No body at all is allowed where
            there is a summary.
        max_body_words: a longer body is no news story.
        min_summary_words: as for headlines.
        max_summary_words: a longer summary is a retelling.
        max_figure_share: largest share of figures, and of words that part them in tables, in the body.
        max_capitals_share: largest share of capitals among the letters of the body; tables have more.
        min_summary_support: smallest share of the content words of a summary that stand in headline or
            body. Below it the summary was written from something else, and teaches to invent.
        min_rating: smallest rating of a summary that a reader rated, on the source's own scale.
    """

    languages: frozenset[str] = frozenset()
    min_headline_words: int = 3
    max_headline_words: int = 40
    min_body_words: int = 8
    max_body_words: int = 4_000
    min_summary_words: int = 4
    max_summary_words: int = 120
    max_figure_share: float = 0.25
    max_capitals_share: float = 0.5
    min_summary_support: float = 0.6
    min_rating: float = 0.0


def clean_pair(raw: RawPair, *, name: str = "", id_prefix: str = "") -> Pair:
    """Makes plain text of what a source gave, without the idiom of wires, and tells its language.

    Args:
        raw: the article as it was read.
        name: its outlet, if it does not say one itself.
        id_prefix: put before its identifier.
    """
    article = raw.article
    headline = remove_headline_tags(_clean(article.headline, multiline=False))
    text = remove_sign_off(_clean(article.body, multiline=True))
    source = clean_text(article.source, multiline=False) or name
    language = _language(article.language, f"{headline}\n{text}")
    given_id = "".join(article.id.split())
    return Pair(
        id=id_prefix + (given_id or derive_id(url=article.url, headline=headline or text, source=source)),
        headline=headline,
        body=remove_cut_sentence(remove_dateline(text), language),
        summary=remove_dateline(_clean(raw.summary, multiline=False)),
        source=source,
        language=language,
    )


def may_use_summary(raw: RawPair, limits: FilterLimits) -> bool:
    """Whether a summary may be learnt from: unrated, or rated well by a reader who agreed to that use."""
    return raw.rating is None or (raw.consent and raw.rating >= limits.min_rating)


def reason_to_drop(pair: Pair, limits: FilterLimits) -> str | None:
    """The name of the first filter that drops a pair; None if it is good."""
    return next((name for name, drops in FILTERS.items() if drops(pair, limits)), None)


def words(text: str) -> list[str]:
    """The words of a text, and the single characters of scripts that are written without spaces."""
    return _WORD.findall(text)


def _clean(text: str, *, multiline: bool) -> str:
    plain = remove_tickers(clean_text(repair_encoding(text), multiline=multiline))
    return clean_text(repair_spacing(plain), multiline=multiline)


def _language(declared: str, text: str) -> str:
    """The declared language, unless there is none or the text is surely in another."""
    code = normalize_language(declared)
    if code != UNDETERMINED_LANGUAGE and len(text) < _MIN_CHARACTERS_TO_TELL_LANGUAGE:
        return code
    identified = identify_language(text)
    return code if identified == UNDETERMINED_LANGUAGE else identified


def _is_too_short(pair: Pair, limits: FilterLimits) -> bool:
    # It takes two texts, of which one can teach the other.
    needs_both = not pair.summary
    texts = (
        (pair.headline, limits.min_headline_words, needs_both),
        (pair.body, limits.min_body_words, needs_both),
        (pair.summary, limits.min_summary_words, False),
    )
    return any((text != "" or is_needed) and len(words(text)) < minimum for text, minimum, is_needed in texts)


def _is_too_long(pair: Pair, limits: FilterLimits) -> bool:
    return (
        len(words(pair.headline)) > limits.max_headline_words
        or len(words(pair.body)) > limits.max_body_words
        or len(words(pair.summary)) > limits.max_summary_words
    )


def _is_table(pair: Pair, limits: FilterLimits) -> bool:
    return (
        _figure_share(pair.body) > limits.max_figure_share
        or _capitals_share(pair.body) > limits.max_capitals_share
    )


def _figure_share(text: str) -> float:
    found = words(text)
    figures = sum(word.lower() in _TABLE_WORDS or any(map(str.isdigit, word)) for word in found)
    return figures / max(len(found), 1)


def _capitals_share(text: str) -> float:
    return sum(map(str.isupper, text)) / max(sum(map(str.isalpha, text)), 1)


def _is_cut_off(pair: Pair, _: FilterLimits) -> bool:
    is_body_cut = pair.body != "" and pair.language not in _WITHOUT_STOPS and is_cut_off(pair.body)
    return is_body_cut or pair.headline.endswith((" ...", " …"))


def _repeats_headline(pair: Pair, _: FilterLimits) -> bool:
    return pair.headline != "" and _folded(pair.headline) == _folded(pair.body)


def _summary_is_headline(pair: Pair, _: FilterLimits) -> bool:
    return pair.summary != "" and _folded(pair.summary) == _folded(pair.headline)


def _folded(text: str) -> list[str]:
    return [word.casefold() for word in words(text)]


def _is_unsupported(pair: Pair, limits: FilterLimits) -> bool:
    if not pair.summary:
        return False
    summary = set(analyze(pair.summary, pair.language))
    article = set(analyze(f"{pair.headline}\n{pair.body}", pair.language))
    return len(summary & article) < limits.min_summary_support * len(summary)


def _is_other_language(pair: Pair, limits: FilterLimits) -> bool:
    return bool(limits.languages) and pair.language not in limits.languages


FILTERS: Mapping[str, Callable[[Pair, FilterLimits], bool]] = MappingProxyType(
    {
        "wrong language": _is_other_language,
        "too short": _is_too_short,
        "too long": _is_too_long,
        "table": _is_table,
        "cut off": _is_cut_off,
        "body repeats headline": _repeats_headline,
        "summary is headline": _summary_is_headline,
        "summary unsupported": _is_unsupported,
    }
)
"""Each filter by its name: whether it drops a pair."""
