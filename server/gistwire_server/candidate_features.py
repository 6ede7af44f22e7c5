"""What the scorer looks at in a candidate summary: `ArticleProfile.describe`, called by scoring.py and training."""

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from operator import attrgetter
from threading import Lock
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache
from gistwire_models.article_sentences import is_dependent, usable_sentences
from gistwire_models.deferred_pattern import deferred_pattern
from gistwire_models.encoder import Embedding
from gistwire_models.sentences import split_sentences
from gistwire_models.summarizer import Candidate, FinishReason, Origin
from numpy.typing import NDArray

from gistwire_server.faithfulness import Faithfulness, Source, check_against
from gistwire_server.numerals import find_numbers
from gistwire_server.proper_names import find_names
from gistwire_server.readability import length_score, novelty_score
from gistwire_server.text_overlap import CJK, content_terms, normalize, share_in

_WORD = deferred_pattern(rf"(?P<cjk>[{CJK}])|[^\W{CJK}]+(?:[.,'-][^\W{CJK}]+)*")
_CJK_CHARACTERS_PER_WORD = 2
_JOINS_LANGUAGE = "en"
"""The language whose function words joins.py knows, and the only one that is generated."""
_REMEMBERED = 32
"""Descriptions that are remembered of an article: those of a few queries."""
_MAX_SENTENCES = 4
"""More than a summary has: one that is all fragments must not drown what else is known of it."""
_SENTENCE_END = deferred_pattern(r"""[.!?。！？]["'”’»)\]」』）]*\s*$""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFeatures:
    """What is known of a candidate, all of it from the candidate and its article alone; None where not known.

    Attributes:
        closeness: cosine c of candidate and article, as (c + 1) / 2; the score of SimCLS (Liu & Liu 2021).
        faithfulness: as `check_against` says.
        length: as `length_score` says.
        is_generated: 1 for a text that a model wrote, else 0.
        log_probability: mean log-probability of its tokens; None for a text that no model wrote.
        log_words: natural logarithm of the number of words; two CJK characters count as one.
        compression: words of the candidate / words of the article, at most 1.
        sentences: number of sentences, at most 4.
        ends_in_stop: 1 if it ends as a sentence does, else 0.
        is_dependent: 1 if it begins with a pronoun or the like, and so leans on what is not there, else 0.
        number_density: numbers / words.
        name_density: proper names / words.
        headline_coverage: share of the headline's content words that it has.
        beyond_headline: share of its content words that the headline does not have.
        lead_coverage: share of the content words of the article's first sentence that it has.
        copied_pairs: share of its pairs of neighbouring content words that stand so in the body.
        position: where in the body those pairs first stand, on average; 0 is the start and 1 the end. None if
            there are none.
    """

    closeness: float | None
    faithfulness: float
    length: float
    is_generated: float
    log_probability: float | None
    log_words: float
    compression: float
    sentences: float
    ends_in_stop: float
    is_dependent: float
    number_density: float
    name_density: float
    headline_coverage: float
    beyond_headline: float
    lead_coverage: float
    copied_pairs: float
    position: float | None

    def values(self) -> tuple[float | None, ...]:
        """Returns the values in the order of `FEATURES`; None where not known."""
        return _values_of(self)

    def vector(self) -> NDArray[np.float64]:
        """Returns the values in the order of `FEATURES`: ``float64 [features]``, NaN where not known."""
        return np.array([math.nan if value is None else value for value in self.values()], dtype=np.float64)


FEATURES: tuple[str, ...] = tuple(each.name for each in fields(CandidateFeatures))
"""Names of all features."""

_values_of = attrgetter(*FEATURES)


class _Described(NamedTuple):
    """What a description is of."""

    text: str
    origin: Origin
    finish_reason: FinishReason
    log_probability: float | None
    has_embedding: bool
    max_tokens: int | None

    @classmethod
    def of(cls, candidate: Candidate, has_embedding: bool, max_tokens: int | None) -> "_Described":
        return cls(
            candidate.text,
            candidate.origin,
            candidate.finish_reason,
            candidate.log_probability,
            has_embedding,
            max_tokens,
        )


@dataclass(frozen=True, slots=True)
class Description:
    """What there is to say of a candidate.

    Attributes:
        features: what the quality model weighs.
        novelty: as `novelty_score` says.
        faithfulness: what of it the article does not support.
        broken_places: where it falls apart, as `JoinIndex.broken_places` says; never for sentences of the article.
    """

    features: CandidateFeatures
    novelty: float
    faithfulness: Faithfulness
    broken_places: tuple[str, ...] = ()


class ArticleProfile:
    """An article prepared for describing several summaries of it. CPU work of a few milliseconds.

    It remembers the summaries that it described, as the same ones come up for many queries.
    """

    def __init__(self, source: Source, embedding: Embedding | None = None) -> None:
        """Prepares the article.

        Args:
            source: its text, with its headline.
            embedding: ``float32 [dimension]`` of it; None if not known.
        """
        body = source.text.removeprefix(source.headline)
        sentences = usable_sentences(headline=source.headline, body=body, language=source.language)
        terms = content_terms(body, source.language)
        self._source = source
        self._embedding = embedding
        self._words = _count_words(source.text)
        self._headline = frozenset(content_terms(source.headline, source.language))
        self._lead = frozenset(content_terms(sentences[0], source.language)) if sentences else frozenset()
        pairs = list(pairwise(terms))
        self._pairs = max(len(pairs), 1)
        # Reversed, so that of several places the first one is kept.
        self._places = {pair: place for place, pair in reversed(list(enumerate(pairs)))}
        self._described: LRUCache[_Described, Description] = LRUCache(_REMEMBERED)
        self._lock = Lock()

    def has_described(self, candidate: Candidate, *, has_embedding: bool, max_tokens: int | None) -> bool:
        """Whether `describe` was called for a candidate, with an embedding or without, and need not work again."""
        with self._lock:
            return _Described.of(candidate, has_embedding, max_tokens) in self._described

    def describe(
        self, candidate: Candidate, *, embedding: Embedding | None = None, max_tokens: int | None = None
    ) -> Description:
        """Describes a candidate. CPU work of about a millisecond, if it is new.

        Args:
            candidate: the candidate.
            embedding: ``float32 [dimension]`` of it, always the same one for a text; None if not known.
            max_tokens: longest candidate that was asked for, in tokens; None for no limit.
        """
        key = _Described.of(candidate, embedding is not None, max_tokens)
        with self._lock:
            known = self._described.get(key)
        if known is None:
            known = self._describe(candidate, embedding, max_tokens)
            with self._lock:
                self._described[key] = known
        return known

    def _describe(
        self, candidate: Candidate, embedding: Embedding | None, max_tokens: int | None
    ) -> Description:
        source, text = self._source, candidate.text
        is_cut = candidate.finish_reason is FinishReason.LENGTH
        faithfulness = check_against(source, text)
        terms = content_terms(text, source.language)
        places = [self._places[pair] for pair in pairwise(terms) if pair in self._places]
        words = max(_count_words(text), 1.0)
        features = CandidateFeatures(
            closeness=similarity(embedding, self._embedding),
            faithfulness=faithfulness.score,
            length=length_score(text, source.language, is_cut=is_cut, max_tokens=max_tokens),
            is_generated=float(candidate.origin is Origin.GENERATED),
            log_probability=candidate.log_probability,
            log_words=math.log(words),
            compression=min(words / max(self._words, 1.0), 1.0),
            sentences=float(min(len(split_sentences(text, source.language)), _MAX_SENTENCES)),
            ends_in_stop=float(_SENTENCE_END.search(text) is not None),
            is_dependent=float(is_dependent(text)),
            number_density=len(find_numbers(text, source.language)) / words,
            name_density=len(find_names(text, source.language)) / words,
            headline_coverage=share_in(self._headline, frozenset(terms)),
            beyond_headline=1.0 - share_in(terms, self._headline),
            lead_coverage=share_in(self._lead, frozenset(terms)),
            copied_pairs=len(places) / max(len(terms) - 1, 1),
            position=sum(places) / len(places) / self._pairs if places else None,
        )
        return Description(
            features, novelty_score(text, source), faithfulness, self._broken_places(candidate)
        )

    def _broken_places(self, candidate: Candidate) -> tuple[str, ...]:
        if candidate.origin is not Origin.GENERATED or self._source.language != _JOINS_LANGUAGE:
            return ()
        return tuple(self._source.joins.broken_places(candidate.text))


def similarity(first: Embedding | None, second: Embedding | None) -> float | None:
    """Cosine of two unit vectors, mapped from [-1, 1] to [0, 1]; None if one is not known."""
    if first is None or second is None:
        return None
    return (min(max(float(first @ second), -1.0), 1.0) + 1.0) / 2.0


def _count_words(text: str) -> float:
    is_cjk = [word["cjk"] is not None for word in _WORD.finditer(normalize(text))]
    return len(is_cjk) - sum(is_cjk) * (1 - 1 / _CJK_CHARACTERS_PER_WORD)
