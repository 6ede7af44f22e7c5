"""Points on which articles disagree: the same statement with another number, name or negation.

Conservative: two sentences are compared only if they agree in nearly all else, are of different publishers, and not
of different times. `find_disagreements` is called by composition.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from gistwire.v1 import summary_pb2

from gistwire_server.digests.material import Material, MaterialArticle
from gistwire_server.digests.number_claims import NumberClaim, contradict, find_number_claims
from gistwire_server.digests.sentence_space import SentenceSpace
from gistwire_server.faithfulness import Source
from gistwire_server.name_words import CALENDAR
from gistwire_server.proper_names import Name, find_names
from gistwire_server.text_overlap import content_terms, normalize

MAX_DISAGREEMENTS = 5

_CAPITALISED = re.compile(r"\b[A-Z][a-z]+\b")

_MAX_PAIRS = 200
"""Most pairs of sentences that are compared, the most similar first."""

_MIN_OVERLAP = 0.6
"""Share of the content words of the sentence with fewer that the other must have."""

_MIN_NEGATED_OVERLAP = 0.75
"""The same for a negation, which turns a statement only if it is the same statement."""

_MIN_HEADLINE_SHARE = 0.5
"""Share of the words of a headline that an article on the same story has."""

_MAX_TIME_APART = timedelta(hours=36)
"""Later articles know more: what differs between them is news, not disagreement."""

_SUBJECT_REACH = 60
"""Most characters of a subject on each side of what is disputed."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A sentence, as far as it is compared with others.

    Attributes:
        place: of the sentence.
        article: that it is of.
        text: `normalize` of it.
        terms: its content words without numbers.
        numbers: what it counts.
        names: its names.
        days: months and days of the week that it names, by their first three letters.
    """

    place: int
    article: MaterialArticle
    text: str
    terms: frozenset[str]
    numbers: tuple[NumberClaim, ...]
    names: tuple[Name, ...]
    days: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Dispute:
    """Two sentences that disagree.

    Attributes:
        subject: on what, in words.
        first: place of the first sentence.
        second: place of the other.
    """

    subject: str
    first: int
    second: int


def find_disagreements(material: Material, space: SentenceSpace) -> list[summary_pb2.Disagreement]:
    """Finds points on which articles disagree. CPU work of some milliseconds.

    Returns:
        at most five; of each publisher at most one claim, with the sentence that makes it.
    """
    statements: dict[int, _Statement] = {}
    disputes: list[_Dispute] = []
    for first, second in _rival_pairs(material, space):
        for place in (first, second):
            if place not in statements:
                statements[place] = _statement(material, place)
        subject = _disputed(statements[first], statements[second])
        if subject:
            disputes.append(_Dispute(subject, first, second))
    return [_message(material, subject, places) for subject, places in _merged(disputes)][:MAX_DISAGREEMENTS]


def _rival_pairs(material: Material, space: SentenceSpace) -> Iterator[tuple[int, int]]:
    """Pairs of sentences that are about the same, of publishers that may disagree; the most similar first."""
    similarities = np.triu(space.similarities, k=1)
    firsts, seconds = np.nonzero(similarities >= space.same_point)
    order = np.argsort(-similarities[firsts, seconds], kind="stable")
    yielded = 0
    for first, second in zip(firsts[order], seconds[order], strict=True):
        if yielded == _MAX_PAIRS:
            return
        if _may_disagree(material.article_of(int(first)), material.article_of(int(second))):
            yielded += 1
            yield int(first), int(second)


def _may_disagree(first: MaterialArticle, second: MaterialArticle) -> bool:
    # A copy that another publisher changed is a disagreement all the same.
    if first.publisher == second.publisher or first.language != second.language:
        return False
    if first.published is None or second.published is None:
        return True
    return abs(first.published - second.published) <= _MAX_TIME_APART


def _statement(material: Material, place: int) -> _Statement:
    article, sentence = material.article_of(place), material.sentences[place].text
    return _Statement(
        place,
        article,
        normalize(sentence),
        frozenset(content_terms(sentence, article.language)),
        tuple(find_number_claims(sentence, article.language)),
        tuple(find_names(sentence, article.language)),
        _days(sentence),
    )


def _disputed(first: _Statement, second: _Statement) -> str:
    """Names what two sentences disagree on; empty if they do not, or may be about different things."""
    fewer = min(len(first.terms), len(second.terms))
    overlap = len(first.terms & second.terms) / fewer if fewer else 0.0
    if overlap < _MIN_OVERLAP or not _may_be_of_one_story(first, second):
        return ""
    strangers = (_strangers(first, second), _strangers(second, first))
    if all(strangers):
        return _disputed_name(first, second, strangers) if overlap >= _MIN_NEGATED_OVERLAP else ""
    if any(strangers):
        # One is of something that the other article never mentions.
        return ""
    return _disputed_number(first, second) or (
        _disputed_negation(first, second) if overlap >= _MIN_NEGATED_OVERLAP else ""
    )


def _may_be_of_one_story(first: _Statement, second: _Statement) -> bool:
    """Whether each article has most words of the other's headline, and the sentences name no different days."""
    if first.days and second.days and first.days != second.days:
        return False
    return all(
        to.terms.share_of_terms(of.headline) >= _MIN_HEADLINE_SHARE
        for of, to in (
            (first.article.source, second.article.source),
            (second.article.source, first.article.source),
        )
    )


def _days(text: str) -> frozenset[str]:
    words = (match[0].casefold() for match in _CAPITALISED.finditer(text))
    return frozenset(word[:3] for word in words if word in CALENDAR)


def _strangers(of: _Statement, to: _Statement) -> list[Name]:
    """Names in a sentence that the other's article does not have; those of days aside."""
    return [
        name
        for name in of.names
        if to.article.source.names.unsupported(name)
        and not all(word.casefold() in CALENDAR for word in name.words)
    ]


def _disputed_number(first: _Statement, second: _Statement) -> str:
    for one in first.numbers:
        rivals = [other for other in second.numbers if _count_the_same(one, other)]
        # Where a sentence counts the same thing twice, which of them is meant cannot be told.
        if len(rivals) != 1 or sum(_count_the_same(each, rivals[0]) for each in first.numbers) != 1:
            continue
        if not contradict(one, rivals[0]):
            continue
        # Where more than one number differs, the sentences are of two events.
        if _unknown(first, second) == [one] and _unknown(second, first) == rivals:
            return _around(first.text, one.start, one.end)
    return ""


def _count_the_same(one: NumberClaim, other: NumberClaim) -> bool:
    return bool(one.unit) and one.unit == other.unit and one.before == other.before


def _unknown(of: _Statement, to: _Statement) -> list[NumberClaim]:
    """Numbers in a sentence that the other's article has nowhere."""
    return [number for number in of.numbers if number.values.isdisjoint(to.article.source.numbers)]


def _disputed_name(first: _Statement, second: _Statement, strangers: tuple[list[Name], list[Name]]) -> str:
    """What is said of two names that stand in the same place, if the sentences are the same otherwise."""
    (one, *more), (other, *still_more) = strangers
    # Beside a name, a word in capitals is a mark or a heading.
    if more or still_more or one.text.isupper() != other.text.isupper():
        return ""
    if _neighbours(first, one) != _neighbours(second, other):
        return ""
    start = first.text.find(one.text)
    return _around(first.text, start, start + len(one.text)) if start >= 0 else ""


def _neighbours(statement: _Statement, name: Name) -> tuple[str, str] | None:
    """The content words around a name; None if it is not found, or stands alone."""
    before, found, after = statement.text.partition(name.text)
    if not found:
        return None
    language = statement.article.language
    left, right = content_terms(before, language), content_terms(after, language)
    return ("".join(left[-1:]), "".join(right[:1])) if left or right else None


def _disputed_negation(first: _Statement, second: _Statement) -> str:
    """The sentence that one affirms and the other denies."""
    for one, other in ((first, second), (second, first)):
        negations = Source(other.text, other.article.language).negations
        # The other article must not affirm elsewhere what the sentence denies.
        if negations.find_flips(one.text) and other.article.source.negations.find_flips(one.text):
            return _clip(first.text)
    return ""


def _around(text: str, start: int, end: int) -> str:
    """A text with what is disputed left out."""
    left, right = text[:start].rstrip(), text[end:].lstrip(" ").rstrip(".。 ")
    if len(left) > _SUBJECT_REACH:
        left = "…" + left[len(left) - _SUBJECT_REACH :].partition(" ")[2]
    if len(right) > _SUBJECT_REACH:
        right = right[:_SUBJECT_REACH].rpartition(" ")[0] + "…"
    return f"{left} [?] {right}".strip()


def _clip(text: str) -> str:
    return text if len(text) <= 2 * _SUBJECT_REACH else text[: 2 * _SUBJECT_REACH].rpartition(" ")[0] + "…"


def _merged(disputes: Sequence[_Dispute]) -> list[tuple[str, list[int]]]:
    """Puts disputes that share a sentence together."""
    merged: list[tuple[str, list[int]]] = []
    for dispute in disputes:
        pair = (dispute.first, dispute.second)
        known = next((places for _, places in merged if not set(pair).isdisjoint(places)), None)
        if known is None:
            merged.append((dispute.subject, list(pair)))
        else:
            known.extend(place for place in pair if place not in known)
    return merged


def _message(material: Material, subject: str, places: Sequence[int]) -> summary_pb2.Disagreement:
    of_publishers: dict[str, int] = {}
    for place in sorted(places):
        of_publishers.setdefault(material.article_of(place).publisher, place)
    return summary_pb2.Disagreement(
        subject=subject,
        claims=[
            summary_pb2.Citation(
                article_id=material.article_of(place).id,
                revision=material.article_of(place).revision,
                sentence=material.sentences[place].text,
                support=1.0,
            )
            for place in of_publishers.values()
        ],
    )
