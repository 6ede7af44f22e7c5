"""The fields that filters read, as arrays by slot; used by `WorkingSet`."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from gistwire_indexer.encoding import to_microseconds
from gistwire_indexer.filter import And, Comparison, Field, Filter, Not, Operator, Or, Presence

Mask = NDArray[np.bool_]
"""Which slots a filter lets through: ``bool [slots]``."""

_NO_TIME = np.iinfo(np.int64).min


class FilterColumns:
    """Source, language, category and published of the articles, by slot."""

    def __init__(self) -> None:
        self._names = {field: _NameColumn() for field in (Field.SOURCE, Field.LANGUAGE, Field.CATEGORY)}
        self._published = np.full(0, _NO_TIME, np.int64)

    def reserve(self, capacity: int) -> None:
        """Makes room for slots below `capacity`, at least doubling what there is."""
        present = len(self._published)
        if capacity <= present:
            return
        added = max(capacity, 2 * present) - present
        self._published = np.pad(self._published, (0, added), constant_values=_NO_TIME)
        for column in self._names.values():
            column.extend(added)

    def put(
        self,
        slots: NDArray[np.intp],
        *,
        sources: Sequence[str],
        languages: Sequence[str],
        categories: Sequence[str],
        published: Sequence[int | None],
    ) -> None:
        """Sets the fields of slots that there is room for; `published` in microseconds since the epoch."""
        self._names[Field.SOURCE].put(slots, sources)
        self._names[Field.LANGUAGE].put(slots, languages)
        self._names[Field.CATEGORY].put(slots, categories)
        self._published[slots] = [_NO_TIME if instant is None else instant for instant in published]

    def clear(self, slot: int) -> None:
        """Frees a slot."""
        empty = [""]
        self.put(
            np.array([slot], np.intp), sources=empty, languages=empty, categories=empty, published=[None]
        )

    def counts(self, field: Field) -> dict[str, int]:
        """Number of slots by name in a field other than published, most frequent first."""
        return self._names[field].counts()

    def mask(self, node: Filter, count: int) -> Mask:
        """Which of the first `count` slots the filter lets through, as `Filter.matches` would say."""
        match node:
            case And(operands):
                return reduce(np.logical_and, (self.mask(operand, count) for operand in operands))
            case Or(operands):
                return reduce(np.logical_or, (self.mask(operand, count) for operand in operands))
            case Not(operand):
                return ~self.mask(operand, count)
            case Presence(field):
                return self._present(field)[:count]
            case Comparison(Field.PUBLISHED, operator, datetime() as instant):
                return _compare(self._published[:count], operator, to_microseconds(instant))
            case Comparison(field, operator, value):
                equal = self._names[field].equal_to(str(value))[:count]
                return equal if operator is Operator.EQUAL else ~equal

    def _present(self, field: Field) -> Mask:
        return (
            np.not_equal(self._published, _NO_TIME)
            if field is Field.PUBLISHED
            else self._names[field].present()
        )


class _NameColumn:
    """Names by slot, as codes; code 0 stands for no name."""

    def __init__(self) -> None:
        self._codes = np.zeros(0, np.int32)
        self._code_of: dict[str, int] = {"": 0}
        self._codes_of_folded: dict[str, list[int]] = {}

    def extend(self, added: int) -> None:
        self._codes = np.pad(self._codes, (0, added))

    def put(self, slots: NDArray[np.intp], names: Sequence[str]) -> None:
        for name in dict.fromkeys(names):
            if name not in self._code_of:
                code = self._code_of[name] = len(self._code_of)
                self._codes_of_folded.setdefault(name.casefold(), []).append(code)
        self._codes[slots] = [self._code_of[name] for name in names]

    def equal_to(self, name: str) -> Mask:
        codes = self._codes_of_folded.get(name.casefold(), [])
        return np.equal(self._codes, codes[0]) if len(codes) == 1 else np.isin(self._codes, codes)

    def present(self) -> Mask:
        return np.not_equal(self._codes, 0)

    def counts(self) -> dict[str, int]:
        by_code = np.bincount(self._codes, minlength=len(self._code_of)).tolist()
        counts = Counter(
            {name: by_code[code] for name, code in self._code_of.items() if name and by_code[code]}
        )
        return dict(counts.most_common())


def _compare(published: NDArray[np.int64], operator: Operator, instant: int) -> Mask:
    # Having no time is the least number, so it is only below an instant that it must be left out.
    match operator:
        case Operator.EQUAL:
            return np.equal(published, instant)
        case Operator.NOT_EQUAL:
            return np.not_equal(published, instant)
        case Operator.LESS:
            return np.less(published, instant) & np.not_equal(published, _NO_TIME)
        case Operator.LESS_OR_EQUAL:
            return np.less_equal(published, instant) & np.not_equal(published, _NO_TIME)
        case Operator.GREATER:
            return np.greater(published, instant)
        case Operator.GREATER_OR_EQUAL:
            return np.greater_equal(published, instant)
