"""Shortens a sentence by whole phrases, as an editor would; makes training targets from articles without a summary.

Every shortening keeps the sentence's own words in their order (Jing 2000: what people delete when they summarize are
attributions, asides, relative clauses, adverbials of time). Which phrases go is decided by what the headline,
written by a person, took from the sentence (the supervision of Filippova & Altun 2013).
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_DAYS = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_WHEN = (
    rf"(?: (?:on |late |early |late on |earlier on )?(?:{_DAYS}|today|yesterday)"
    r"(?: (?:night|morning|afternoon|evening))?)"
)
_SAYING = r"(?:said|says|reported|announced|told reporters|told Reuters|added|noted)"
_TELLING = (
    r"(?:will|has (?:been )?[a-z]+ed|plans|expects|agreed|completed|sold|acquired|reached|signed|bought|received|"
    r"is [a-z]+ing|filed|raised|cut|began|started|intends|hopes|won)"
)

_DELETIONS: tuple[re.Pattern[str], ...] = (
    # "Acme said it will buy …": the company itself announces what it does.
    re.compile(rf"(?<=\w) (?:said|says|announced)(?:{_WHEN})? (?:that )?(?:it|they) (?={_TELLING}\b)"),
    # "…, the company said in a statement." – unless it is a quotation, whose speaker matters.
    re.compile(
        rf"(?<![\"”'’]),(?: (?!and\b)[^\s,]+){{1,8}} {_SAYING}"
        rf"(?:{_WHEN}| in a (?:statement|report|news release|filing))*"
        r"(?=[.!?]?$)"
    ),
    re.compile(r",? according to [^,]+?(?=[.!?]?$)"),
    re.compile(r" \([^()]{1,120}\)"),
    re.compile(r" (?:--|–|—) [^–—-]{4,120} (?:--|–|—)(?= )"),
    # A relative clause or an apposition between commas.
    re.compile(r", (?:who|which|whose|where) [^,;]{4,110},(?= (?!and\b|or\b))"),
    re.compile(
        r"(?<=[a-z]), (?:a|an|the|one of) [^,;]{4,90},"
        r"(?= (?:[a-z]+ed|is|are|was|were|has|have|had|will|would|said|says)\b)"
    ),
    # What follows the main clause.
    re.compile(
        r",? (?:which|who|whose|where|as|while|although|though|amid|citing|saying|adding|despite|because|making|"
        r"giving|bringing|including|followed by|compared with|even as|just|one of) [^.;]{8,}(?=[.!?]?$)"
    ),
    re.compile(
        r", (?:after|with|when|since|but|and|or|before|in|on|at|by|the|a|an|to|part of) [^.;,]{8,}(?=[.!?]?$)"
    ),
    re.compile(rf"{_WHEN}(?=[ ,.;]|$)"),
    re.compile(
        rf"^(?:In|On|At|After|With|Despite|As|For|During|Following|Amid|{_DAYS}) [^,]{{3,70}}, (?=\w)"
    ),
    re.compile(r"^(?:Meanwhile|However|But|And|Also|Still|Separately|In addition|Earlier),? "),
)

_MIN_WORDS = 6
_MAX_DELETIONS = 7


@dataclass(frozen=True, slots=True)
class Compression:
    """A sentence without some of its phrases.

    Attributes:
        text: what is left.
        deletions: how many phrases were left out.
    """

    text: str
    deletions: int


def compressions(sentence: str) -> Iterator[Compression]:
    """Yields the sentence itself, then every shortening of it that is left with a main clause.

    At most 2^7 of them; phrases that overlap are left out one at a time.
    """
    yield Compression(sentence, 0)
    spans = _deletable(sentence)
    seen = {sentence}
    for size in range(1, len(spans) + 1):
        for chosen in itertools.combinations(spans, size):
            if any(second[0] < first[1] for first, second in itertools.pairwise(chosen)):
                continue
            text = _without(sentence, chosen)
            if text not in seen and len(text.split()) >= _MIN_WORDS:
                seen.add(text)
                yield Compression(text, size)


def _deletable(sentence: str) -> list[tuple[int, int]]:
    """Returns the spans of phrases that may go, in the order of their starts."""
    spans = {match.span() for pattern in _DELETIONS for match in pattern.finditer(sentence)}
    return sorted(spans)[:_MAX_DELETIONS]


def _without(sentence: str, spans: tuple[tuple[int, int], ...]) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in spans:
        pieces.append(sentence[end:start])
        end = stop
    text = " ".join(" ".join((*pieces, sentence[end:])).split())
    text = re.sub(r"\s+([,.;!?])", r"\1", text)
    text = re.sub(r"[,;]([.!?])$", r"\1", text)
    return text[:1].upper() + text[1:]
