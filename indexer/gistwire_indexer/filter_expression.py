"""Reads filter expressions by a grammar: `read_expression`, which `filter.parse_filter` calls."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from gistwire_indexer.errors import FilterError
from gistwire_indexer.filter import And, Comparison, Field, Filter, Not, Operator, Or, Presence

# The value and the field are told apart by place: the lexer asks the parser what may come next. A bare value
# may hold ":" (as times do) and "-", but begins with no operator and is none of the keywords.
_GRAMMAR = r"""
    ?expression: factor | factor (_AND? factor)+   -> conjunction
    ?factor: term | term (_OR term)+               -> disjunction
    ?term: simple | (_NOT | _MINUS) simple         -> negation
    ?simple: restriction | "(" expression ")"
    restriction: FIELD OPERATOR (VALUE | STRING)   -> comparison
               | FIELD HAS (VALUE | STRING)        -> comparison
               | FIELD HAS STAR                    -> presence

    _AND.2: /AND(?![^\s()"'=<>!:*])/
    _OR.2: /OR(?![^\s()"'=<>!:*])/
    _NOT.2: /NOT(?![^\s()"'=<>!:*])/
    _MINUS: "-"
    FIELD: /(?!(?:AND|OR|NOT)(?![^\s()"'=<>!:*]))[^\s()"'=<>!:*-][^\s()"'=<>!:*]*/
    OPERATOR: "!=" | "<=" | ">=" | "=" | "<" | ">"
    HAS: ":"
    STAR: "*"
    VALUE: /(?!(?:AND|OR|NOT)(?![^\s()"']))[^\s()"'=<>!:*][^\s()"'=<>!*]*/
    STRING: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s

    %ignore /\s+/
"""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = r"[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
_TIME = re.compile(_DATE.pattern + _CLOCK)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def read_expression(expression: str) -> Filter:
    """Reads an expression that is not blank.

    Raises:
        FilterError: it cannot be read.
    """
    try:
        # The parser builds filters in place of the tree that its signature names.
        return cast(Filter, _parser().parse(expression))
    except UnexpectedInput as error:
        raise _explained(error, expression) from None


@v_args(inline=True)
class _FilterBuilder(Transformer[Token, Filter]):
    """Builds the filter while the parser reads, so no tree is walked afterwards."""

    def conjunction(self, *operands: Filter) -> Filter:
        return And(operands)

    def disjunction(self, *operands: Filter) -> Filter:
        return Or(operands)

    def negation(self, operand: Filter) -> Filter:
        return Not(operand)

    def presence(self, name: Token, *_: Token) -> Filter:
        return Presence(_field(name))

    def comparison(self, name: Token, sign: Token, written: Token) -> Filter:
        field = _field(name)
        operator = Operator.EQUAL if sign.type == "HAS" else Operator(str(sign))
        value = _ESCAPE.sub(r"\1", written[1:-1]) if written.type == "STRING" else str(written)
        try:
            if field is Field.PUBLISHED:
                return _published_comparison(operator, value)
            return Comparison(field, operator, value)
        except FilterError as error:
            raise FilterError(str(error), column=_column(written)) from None


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, start="expression", parser="lalr", lexer="contextual", transformer=_FilterBuilder())


def _field(name: Token) -> Field:
    try:
        return Field(str(name))
    except ValueError:
        known = ", ".join(Field)
        raise FilterError(f'there is no field "{name}"; known are {known}', column=_column(name)) from None


def _published_comparison(operator: Operator, value: str) -> Filter:
    is_day = _DATE.fullmatch(value) is not None
    if not is_day and not _TIME.fullmatch(value):
        raise FilterError("published is compared with a date (2026-10-01) or a time (2026-10-01T12:00:00Z)")
    written = f"{value}T00:00:00Z" if is_day else value.upper()
    try:
        instant = datetime.fromisoformat(written).astimezone(UTC)
        if is_day and operator is Operator.EQUAL:
            return _within_day(instant)
        if is_day and operator is Operator.NOT_EQUAL:
            return Not(_within_day(instant))
    except (ValueError, OverflowError):
        raise FilterError(f'"{value}" is no date or time, or out of range') from None
    return Comparison(Field.PUBLISHED, operator, instant)


def _within_day(midnight: datetime) -> Filter:
    next_midnight = midnight + timedelta(days=1)
    return And(
        (
            Comparison(Field.PUBLISHED, Operator.GREATER_OR_EQUAL, midnight),
            Comparison(Field.PUBLISHED, Operator.LESS, next_midnight),
        )
    )


def _explained(error: UnexpectedInput, expression: str) -> FilterError:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return FilterError("the filter ends too early", column=len(expression) + 1)
    position = error.pos_in_stream or 0
    if isinstance(error, UnexpectedCharacters) and expression[position] in "\"'":
        return FilterError("this quotation is misplaced or not closed", column=position + 1)
    found = error.token if isinstance(error, UnexpectedToken) else expression[position]
    return FilterError(f'"{found}" cannot stand here', column=position + 1)


def _column(token: Token) -> int | None:
    return None if token.start_pos is None else token.start_pos + 1
