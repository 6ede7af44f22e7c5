"""Fuzzing of filter expressions: whatever is asked for is read, or refused as a FilterError."""

from gistwire_indexer.article import Article
from gistwire_indexer.errors import FilterError
from gistwire_indexer.filter import parse_filter
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.mutations import fuzz
from tests.indexer.filter_strategies import ARTICLES

_TOKENS = st.sampled_from(
    [
        "AND", "OR", "NOT", "-", "(", ")", "=", "!=", "<", "<=", ">", ">=", ":", "*", ",", ".", "source", "language",
        "category", "published", '"Wire"', "Wire", '"a \\"b\\""', '"', "'x'", "2026-10-01", "2026-10-01T00:00:00Z",
        "9999-12-31T23:59:60Z", "0001-01-01T00:00:00+23:59", "en", "\u202e", "\0", "數字", "1e999",
    ]
)  # fmt: skip
_EXPRESSIONS = st.lists(_TOKENS, max_size=30).map(" ".join) | st.lists(_TOKENS, max_size=30).map("".join)


@fuzz
@given(_EXPRESSIONS | st.text(max_size=200), ARTICLES)
@example("(" * 1_000, None).via("deep nesting")
@example("NOT " * 500 + "source:*", None).via("deep negation")
def test_it_is_read_or_refused(expression: str, article: Article | None) -> None:
    try:
        read = parse_filter(expression)
    except FilterError:
        return
    if read is None:
        assert not expression.strip()
    elif article is not None:
        assert read.matches(article) in (True, False)
