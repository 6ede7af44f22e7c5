"""Whether a summary is of good length and does not repeat: two of the scores of scoring.py."""

import math
from itertools import combinations

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.faithfulness import Source
from gistwire_server.text_overlap import CJK, TermOverlap, content_terms, ngrams, normalize, split_segments

_WORD = deferred_pattern(rf"[{CJK}]|[^\W{CJK}]+(?:[.,'-][^\W{CJK}]+)*")

_WANTED_WORDS = (12, 45)
"""One sentence of news to three of them: what is read at a glance in a list of hits."""
_WANTED_CJK_CHARACTERS = (20, 90)
"""The same content in Chinese, at about two characters a word."""
_WORDS_PER_TOKEN = 0.75
_CUT_FACTOR = 0.7
"""A text that broke off at the limit of tokens is unfinished; still better than one of half the length."""

_NEAR_REPEAT = 0.8
"""Share of terms in common from which two sentences say the same."""
_MAX_SENTENCES_COMPARED = 16
_HEADLINE_SHARE = 0.6
"""Share of a summary's terms that may stand in the headline: its subject is bound to."""
_REPEATED_HEADLINE_FACTOR = 0.2


def length_score(text: str, language: str, *, is_cut: bool = False, max_tokens: int | None = None) -> float:
    """Fitness of the length: 1 within the wanted band, ``length / lower`` below, ``upper / length`` above.

    Args:
        text: the summary.
        language: ISO 639 code; the band is 12–45 words, or 20–90 characters in Chinese, Japanese and Korean.
        is_cut: whether the text broke off at the limit of tokens.
        max_tokens: longest text that was asked for, in tokens: a lower bound that it leaves no room for comes
            down.
    """
    count = len(_WORD.findall(normalize(text)))
    is_cjk = language in ("zh", "ja", "ko")
    lower, upper = _WANTED_CJK_CHARACTERS if is_cjk else _WANTED_WORDS
    if max_tokens is not None:
        # Half of what there is room for: a model need not use up its limit.
        room = max_tokens if is_cjk else max_tokens * _WORDS_PER_TOKEN
        lower = max(1, min(lower, math.floor(room / 2)))
    fitness = min(count / lower, 1.0, upper / max(count, 1))
    return fitness * _CUT_FACTOR if is_cut else fitness


def novelty_score(text: str, source: Source) -> float:
    """How little a summary repeats, in [0, 1]: itself, and the headline beside which it is shown.

    The product of three parts:

    - the share of its trigrams (of words, or CJK characters) that did not occur before in it;
    - the share of its sentences that do not say again what an earlier one said;
    - 1 while up to 60 % of its terms are the headline's, falling to 0.2 for a mere repeat of the headline, if
      the article has more to offer than the headline.

    Args:
        text: the summary.
        source: the article.
    """
    return (
        _share_of_new_trigrams(text)
        * _share_of_new_sentences(text, source.language)
        * _headline_factor(text, source)
    )


def _share_of_new_trigrams(text: str) -> float:
    trigrams = ngrams(_WORD.findall(normalize(text).casefold()), 3)
    return len(set(trigrams)) / len(trigrams) if trigrams else 1.0


def _share_of_new_sentences(text: str, language: str) -> float:
    sentences = [frozenset(content_terms(each, language)) for each in split_segments(text)]
    # Fragments of one or two terms, such as the cut after "U.S.", have too little to be compared.
    sentences = [each for each in sentences if len(each) >= 3][:_MAX_SENTENCES_COMPARED]
    repeats = {
        later
        for (_, first), (later, second) in combinations(enumerate(sentences), 2)
        if len(first & second) >= _NEAR_REPEAT * min(len(first), len(second))
    }
    return 1 - len(repeats) / len(sentences) if sentences else 1.0


def _headline_factor(text: str, source: Source) -> float:
    if not source.headline:
        return 1.0
    headline = TermOverlap(source.headline, source.language)
    # A text that has no more terms than its headline has nothing better to say.
    if len(source.terms) <= 2 * len(headline):
        return 1.0
    repeated = max(0.0, headline.share_of_terms(text) - _HEADLINE_SHARE) / (1 - _HEADLINE_SHARE)
    return 1 - (1 - _REPEATED_HEADLINE_FACTOR) * repeated
