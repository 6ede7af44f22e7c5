"""Hypothesis strategies for articles and for filters that tell them apart."""

from datetime import UTC, datetime, timedelta, timezone

from gistwire_indexer.article import Article
from gistwire_indexer.filter import And, Comparison, Field, Filter, Not, Operator, Or, Presence
from hypothesis import strategies as st

# Few values, so that articles and filters often meet; in several cases and scripts.
NAMES = st.sampled_from(["Wire", "wire", "GAZETTE", "sci-tech", "Straße", "STRASSE", "数字", 'a "b" \\c'])
INSTANTS = st.builds(
    lambda minutes, microseconds, hours: (
        datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=minutes, microseconds=microseconds)
    ).astimezone(timezone(timedelta(hours=hours))),
    st.integers(-2, 2),
    st.integers(-1, 1),
    st.integers(-12, 12),
)

ARTICLES = st.builds(
    Article,
    id=st.just("a"),
    headline=st.just("Headline"),
    source=st.just("") | NAMES,
    category=st.just("") | NAMES,
    language=st.sampled_from(["en", "de", "und"]),
    published=st.none() | INSTANTS,
)

_NAME_COMPARISONS = st.builds(
    Comparison,
    st.sampled_from([Field.SOURCE, Field.CATEGORY]),
    st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]),
    NAMES | st.text(min_size=1, max_size=5),
)
_LANGUAGE_COMPARISONS = st.builds(
    Comparison,
    st.just(Field.LANGUAGE),
    st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]),
    st.sampled_from(["en", "EN", "de", "fr"]),
)
_TIME_COMPARISONS = st.builds(Comparison, st.just(Field.PUBLISHED), st.sampled_from(Operator), INSTANTS)
_PRESENCES = st.builds(Presence, st.sampled_from(Field))


def _composites(operands: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(operands, min_size=2, max_size=3).map(tuple)
    return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, operands)


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    _NAME_COMPARISONS | _LANGUAGE_COMPARISONS | _TIME_COMPARISONS | _PRESENCES, _composites, max_leaves=8
)
