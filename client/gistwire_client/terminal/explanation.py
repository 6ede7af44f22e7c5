"""Explanations in words, a line each and safe to show: `why_here` of a ranked hit, `supported_by` of a summary."""

from collections.abc import Iterable
from typing import Final

from gistwire.v1 import events_pb2

from gistwire_client.terminal.safe_text import folded

_SIGNALS: Final = {
    "query_similarity": "closeness of the summary to the query",
    "fusion": "retrieval",
    "recency": "freshness",
    "interest": "closeness to interests",
    "source_quality": "trust in the source",
    "popularity": "popularity",
    "collaborative": "ratings of readers alike",
    "redundancy": "resemblance to a hit above",
}
_STAND_INS: Final = {"dense": "closeness of the article to the query"}
_LISTS: Final = {
    events_pb2.RetrievalContribution.LEXICAL: "by words",
    events_pb2.RetrievalContribution.DENSE: "by meaning",
}

_MAX_SENTENCE_CHARACTERS: Final = 100


def why_here(ranked: events_pb2.RankedHit) -> tuple[str, ...]:
    """What the score of a hit is made of, and how it was found; nothing if the hit is not explained."""
    if not ranked.HasField("explanation"):
        return ()
    explanation = ranked.explanation
    parts = [_contribution(each) for each in explanation.contributions]
    lines = [f"score {ranked.score:.2f}: {_joined(parts)}" if parts else f"score {ranked.score:.2f}"]
    found = [
        f"{_LISTS.get(each.ranked_list, 'otherwise')}, rank {each.rank} ({each.contribution:.2f})"
        for each in explanation.retrieval
    ]
    if found:
        words = ", ".join(filter(None, map(folded, explanation.matched_words)))
        lines.append(f"found {' and '.join(found)}{f'; has {words}' if words else ''}")
    return tuple(lines)


def supported_by(summary: events_pb2.Summary) -> tuple[str, ...]:
    """For each sentence of a summary what supports it; nothing if the summary is not explained."""
    numbered = len(summary.support) > 1
    return tuple(
        f"sentence {number}: {_support(each)}" if numbered else _support(each)
        for number, each in enumerate(summary.support, start=1)
    )


def _contribution(each: events_pb2.Contribution) -> str:
    name = _STAND_INS.get(each.stand_in) or _SIGNALS.get(each.signal) or folded(each.signal)
    return f"{each.contribution:+.2f} {name} ({each.value:.2f} × {abs(each.weight):g})"


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _support(support: events_pb2.SentenceSupport) -> str:
    if not support.supported_by:
        return "nothing in the article supports it"
    first = support.supported_by[0]
    quoted = " and ".join(_quoted(each) for each in support.supported_by)
    if first.kind == events_pb2.SupportingSentence.VERBATIM:
        return f"word for word in the article: {quoted}"
    return f"{support.support:.0%} of its words in {quoted}"


def _quoted(sentence: events_pb2.SupportingSentence) -> str:
    text = folded(sentence.text)
    if not text:
        return "a sentence that is not shown"
    if len(text) > _MAX_SENTENCE_CHARACTERS:
        text = f"{text[: _MAX_SENTENCE_CHARACTERS - 1].rstrip()}…"
    where = "the headline " if sentence.field == events_pb2.SupportingSentence.HEADLINE else ""
    return f"{where}“{text}”"
