"""Tests of the filter language."""

from datetime import UTC, datetime

import pytest
from gistwire_indexer.article import Article
from gistwire_indexer.errors import FilterError
from gistwire_indexer.filter import (
    MAX_EXPRESSION_CHARACTERS,
    MAX_NESTING_DEPTH,
    And,
    Comparison,
    Field,
    Filter,
    Not,
    Operator,
    Or,
    Presence,
    parse_filter,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.indexer.filter_strategies import ARTICLES, FILTERS


def equal(field: Field, value: str) -> Filter:
    return Comparison(field, Operator.EQUAL, value)


SOURCE_A, SOURCE_B, LANGUAGE_EN = (
    equal(Field.SOURCE, "a"),
    equal(Field.SOURCE, "b"),
    equal(Field.LANGUAGE, "en"),
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("source = a", SOURCE_A),
        ("source:a", SOURCE_A),
        ("source\n=\t'a'", SOURCE_A),
        ("(((source = a)))", SOURCE_A),
        ("source != a", Comparison(Field.SOURCE, Operator.NOT_EQUAL, "a")),
        ("source:*", Presence(Field.SOURCE)),
        ('source = "*"', equal(Field.SOURCE, "*")),
        (r'source = "a \"b\" \\"', equal(Field.SOURCE, 'a "b" \\')),
        (r"source = 'it\'s'", equal(Field.SOURCE, "it's")),
        ("category = sci-tech", equal(Field.CATEGORY, "sci-tech")),
        ("category = ANDROID", equal(Field.CATEGORY, "ANDROID")),
        ("category = 'AND'", equal(Field.CATEGORY, "AND")),
        ("category = a:b", equal(Field.CATEGORY, "a:b")),
        ("-source = a", Not(SOURCE_A)),
        ("NOT source = a", Not(SOURCE_A)),
        ("NOT(source = a)", Not(SOURCE_A)),
        ("source=a AND source=b", And((SOURCE_A, SOURCE_B))),
        ("source=a source=b", And((SOURCE_A, SOURCE_B))),
        ("source=a OR source=b", Or((SOURCE_A, SOURCE_B))),
        ("language=en AND source=a OR source=b", And((LANGUAGE_EN, Or((SOURCE_A, SOURCE_B))))),
        ("language=en source=a OR source=b", And((LANGUAGE_EN, Or((SOURCE_A, SOURCE_B))))),
        ("(language=en source=a) OR source=b", Or((And((LANGUAGE_EN, SOURCE_A)), SOURCE_B))),
        ("source=a OR NOT source=b", Or((SOURCE_A, Not(SOURCE_B)))),
        (
            "published > 2026-10-01",
            Comparison(Field.PUBLISHED, Operator.GREATER, datetime(2026, 10, 1, tzinfo=UTC)),
        ),
        (
            "published<=2026-10-01T12:00:00.5+02:00",
            Comparison(
                Field.PUBLISHED, Operator.LESS_OR_EQUAL, datetime(2026, 10, 1, 10, 0, 0, 500_000, tzinfo=UTC)
            ),
        ),
        (
            "published = '2026-10-01t12:00:00z'",
            Comparison(Field.PUBLISHED, Operator.EQUAL, datetime(2026, 10, 1, 12, tzinfo=UTC)),
        ),
        (
            "published > 9999-12-31",
            Comparison(Field.PUBLISHED, Operator.GREATER, datetime(9999, 12, 31, tzinfo=UTC)),
        ),
    ],
)
def test_expressions(expression: str, expected: Filter) -> None:
    assert parse_filter(expression) == expected


@pytest.mark.parametrize("expression", ["", " ", "\t\n "])
def test_blank_is_no_filter(expression: str) -> None:
    assert parse_filter(expression) is None


@pytest.mark.parametrize(
    ("expression", "message", "column"),
    [
        ("author = x", 'no field "author"; known are source, language, category, published', 1),
        ("source = a author = x", "no field", 12),
        ("Source = x", "no field", 1),
        ("source", "too early", 7),
        ("source =", "too early", 9),
        ("(source = a", "too early", 12),
        ("source = a OR", "too early", 14),
        ("source = a)", '")" cannot stand here', 11),
        ("climate change", '"change" cannot stand here', 9),
        ("source = AND language = en", '"AND" cannot stand here', 10),
        ("source = a AND OR source = b", '"OR" cannot stand here', 16),
        ("source = *", '"*" cannot stand here', 10),
        ("source = ag*", '"*" cannot stand here', 12),
        ("source\n= 'a", "not closed", 10),
        ("source = ''", "not empty", 10),
        ("source < a", "compares only published", 10),
        ("published = yesterday", "a date (2026-10-01)", 13),
        ("published = 2026-W01", "a date (2026-10-01)", 13),
        ("published = 2026-02-30", "no date or time", 13),
        ("published = 9999-12-31", "out of range", 13),
        ("published = 0001-01-01T00:00:00+01:00", "out of range", 13),
        ("published = 2026-10-01T12:00:00", "a time", 13),
    ],
)
def test_faults_are_named_with_their_place(expression: str, message: str, column: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(expression)
    assert message in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("opening", "depth", "accepted"),
    [
        ("NOT(", MAX_NESTING_DEPTH, True),
        ("NOT(", MAX_NESTING_DEPTH + 1, False),
        ("NOT(", 390, False),
        ("(", 900, True),
    ],
)
def test_nesting_is_limited(opening: str, depth: int, accepted: bool) -> None:
    expression = opening * depth + "source=a" + ")" * depth
    if accepted:
        assert parse_filter(expression) is not None
    else:
        with pytest.raises(FilterError, match="nested more than"):
            parse_filter(expression)


def test_length_is_limited() -> None:
    longest = "source = " + "a" * (MAX_EXPRESSION_CHARACTERS - 9)
    assert parse_filter(longest) is not None
    with pytest.raises(FilterError, match="2001 characters"):
        parse_filter(longest + "a")


def test_field_may_be_compared_only_with_its_kind() -> None:
    with pytest.raises(FilterError, match="instant"):
        Comparison(Field.PUBLISHED, Operator.EQUAL, "2026-10-01")
    with pytest.raises(FilterError, match="instant"):
        Comparison(Field.PUBLISHED, Operator.EQUAL, datetime(2026, 10, 1))
    with pytest.raises(FilterError, match="text"):
        Comparison(Field.SOURCE, Operator.EQUAL, datetime(2026, 10, 1, tzinfo=UTC))


@given(FILTERS)
def test_canonical_expression_reads_back_as_the_same_filter(node: Filter) -> None:
    canonical = str(node)
    if len(canonical) <= MAX_EXPRESSION_CHARACTERS:
        assert parse_filter(canonical) == node


@given(
    st.text(st.sampled_from("source=language:*()'\"\\ ANDORNOT-<>!2026-10-01T:Z"), max_size=60)
    | st.text(max_size=60)
)
def test_any_text_is_a_filter_or_a_fault_within_it(text: str) -> None:
    column = None
    try:
        parse_filter(text)
    except FilterError as error:
        column = error.column
    assert column is None or 1 <= column <= len(text) + 1


@given(FILTERS, ARTICLES)
def test_composites_follow_logic(node: Filter, article: Article) -> None:
    assert Not(node).matches(article) is not node.matches(article)
    assert And((node, Not(node))).matches(article) is False
    assert Or((node, Not(node))).matches(article) is True


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("source = WIRE", True),
        ("source = strasse", False),
        ("category = world", False),
        ("category != world", True),
        ("NOT category = world", True),
        ("category:*", False),
        ("language = EN", True),
        ("published = 2026-10-01", True),
        ("published = 2026-10-02", False),
        ("published != 2026-10-01", False),
        ("published > 2026-10-01", True),
        ("published = 2026-10-01T23:59:59Z", True),
        ("published >= 2026-10-02T01:59:59+02:00", True),
        ("published < 2026-10-02T01:59:59+02:00", False),
    ],
)
def test_matching(expression: str, expected: bool) -> None:
    article = Article(
        id="a",
        headline="Headline",
        source="Wire",
        language="en",
        published=datetime(2026, 10, 1, 23, 59, 59, tzinfo=UTC),
    )
    node = parse_filter(expression)
    assert node is not None
    assert node.matches(article) is expected


@pytest.mark.parametrize("operator", Operator)
def test_article_without_a_time_satisfies_only_unequal(operator: Operator) -> None:
    node = Comparison(Field.PUBLISHED, operator, datetime(2026, 10, 1, tzinfo=UTC))
    assert node.matches(Article(id="a", headline="Headline")) is (operator is Operator.NOT_EQUAL)
