r"""Filters over source, language, category and published: an AIP-160 subset, reached by `parse_filter`.

Grammar and precedence follow https://google.aip.dev/160: OR binds tighter than AND, restrictions side
by side are joined by AND, and NOT (or ``-``) binds tightest::

    source = agnews language:en (category = sport OR category = "sci-tech") -published < 2026-10-01

Meaning:
    - source, language and category are compared by ``=``, ``!=`` and ``:`` (here the same as ``=``), without
      regard to case. A value is a bare word, or is quoted by ``"`` or ``'`` with a backslash before a quote
      or a backslash.
    - published is compared by all operators, with a date or an RFC 3339 time. A date is midnight UTC, except
      that ``published = 2026-10-01`` means the whole of that UTC day (and ``!=`` all but that day).
    - ``field:*`` holds for articles that have the field. An article without the field satisfies no comparison
      with it other than ``!=`` and what NOT makes of the others.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from gistwire_indexer.article import Article
from gistwire_indexer.errors import FilterError

MAX_EXPRESSION_CHARACTERS = 2_000
MAX_NESTING_DEPTH = 32


class Field(StrEnum):
    """A field that can be filtered by."""

    SOURCE = "source"
    LANGUAGE = "language"
    CATEGORY = "category"
    PUBLISHED = "published"


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


_COMPARE_INSTANTS: dict[Operator, Callable[[datetime, datetime], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a value.

    Attributes:
        field: the field.
        operator: one of EQUAL and NOT_EQUAL unless `field` is PUBLISHED.
        value: an instant with a time zone for PUBLISHED, else a text that is not empty, in any case.

    Raises:
        FilterError: the operator or the value does not suit the field.
    """

    field: Field
    operator: Operator
    value: str | datetime

    def __post_init__(self) -> None:
        if self.field is Field.PUBLISHED:
            if not isinstance(self.value, datetime) or self.value.tzinfo is None:
                raise FilterError("published is compared with an instant that has a time zone")
            return
        if not isinstance(self.value, str) or not self.value:
            raise FilterError(
                f"{self.field} is compared with a text that is not empty; "
                f'"NOT {self.field}:*" finds articles without it'
            )
        if self.operator not in (Operator.EQUAL, Operator.NOT_EQUAL):
            raise FilterError(f'"{self.operator}" compares only published; {self.field} takes =, != or :')

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, str) else _canonical_time(self.value)
        return f"{self.field} {self.operator} {_quoted(value)}"

    def matches(self, article: Article) -> bool:
        """Whether the filter lets the article through."""
        present = _value_of(article, self.field)
        if not present:
            return self.operator is Operator.NOT_EQUAL
        if isinstance(present, datetime) and isinstance(self.value, datetime):
            return _COMPARE_INSTANTS[self.operator](present, self.value)
        equal = str(present).casefold() == str(self.value).casefold()
        return equal is (self.operator is Operator.EQUAL)


@dataclass(frozen=True, slots=True)
class Presence:
    """Holds for articles that have the field: ``field:*``."""

    field: Field

    def __str__(self) -> str:
        return f"{self.field}:*"

    def matches(self, article: Article) -> bool:
        """Whether the filter lets the article through."""
        return bool(_value_of(article, self.field))


@dataclass(frozen=True, slots=True)
class And:
    """Holds where all operands do; two operands at least."""

    operands: "tuple[Filter, ...]"

    def __str__(self) -> str:
        return " AND ".join(_operand(operand) for operand in self.operands)

    def matches(self, article: Article) -> bool:
        """Whether the filter lets the article through."""
        return all(operand.matches(article) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Or:
    """Holds where any operand does; two operands at least."""

    operands: "tuple[Filter, ...]"

    def __str__(self) -> str:
        return " OR ".join(_operand(operand) for operand in self.operands)

    def matches(self, article: Article) -> bool:
        """Whether the filter lets the article through."""
        return any(operand.matches(article) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where the operand does not."""

    operand: "Filter"

    def __str__(self) -> str:
        return f"NOT ({self.operand})" if isinstance(self.operand, And | Or | Not) else f"NOT {self.operand}"

    def matches(self, article: Article) -> bool:
        """Whether the filter lets the article through."""
        return not self.operand.matches(article)


Filter: TypeAlias = Comparison | Presence | And | Or | Not
"""A filter. `str()` of it is its canonical expression, which `parse_filter` reads back as an equal filter
(unless quotes and spaces make it longer than the maximum)."""


def parse_filter(expression: str) -> Filter | None:
    """Reads a filter expression; a blank one is None.

    A comparison of published with a whole day is read as the two comparisons that bound the day.

    Raises:
        FilterError: the expression cannot be read, is longer than `MAX_EXPRESSION_CHARACTERS`, or is nested
            deeper than `MAX_NESTING_DEPTH`.
    """
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        raise FilterError(
            f"the filter has {len(expression)} characters; the maximum is {MAX_EXPRESSION_CHARACTERS}"
        )
    if not expression.strip():
        return None
    # Most queries have no filter, and do without the parser's imports.
    from gistwire_indexer.filter_expression import read_expression  # noqa: PLC0415

    parsed = read_expression(expression)
    if _depth(parsed) > MAX_NESTING_DEPTH:
        raise FilterError(f"the filter is nested more than {MAX_NESTING_DEPTH} levels deep")
    return parsed


def _depth(root: Filter) -> int:
    # Level by level: an expression within the limit of characters can be too deep for recursion.
    depth = 0
    level = _operands(root)
    while level:
        depth += 1
        level = tuple(operand for node in level for operand in _operands(node))
    return depth


def _operands(node: Filter) -> "tuple[Filter, ...]":
    match node:
        case And(operands) | Or(operands):
            return operands
        case Not(operand):
            return (operand,)
        case _:
            return ()


def _operand(node: Filter) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _canonical_time(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _value_of(article: Article, field: Field) -> str | datetime | None:
    match field:
        case Field.SOURCE:
            return article.source
        case Field.LANGUAGE:
            return article.language
        case Field.CATEGORY:
            return article.category
        case Field.PUBLISHED:
            return article.published
