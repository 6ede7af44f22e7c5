"""`Mutator`: messages of the contract as no client would send them, whole ones with odd fields and broken bytes."""

import random
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_ODD_TEXTS = (
    "",
    " \t\n",
    "harbour",
    "x" * 1_001,
    "é" * 700,
    "\0harbour\0",
    "\x1b[2J\x07",
    "\u202eruobrah\u2066\u2069\u200b\ufeff",
    "e\u0301" * 300,
    "😀" * 400,
    "港口罢工",
    "\ud7ff\ue000\ufdd0\uffff",
    'source = "Wire" AND (language = "en" OR NOT category:*)',
    "((((((((((((((((((((" * 20,
    'published > "9999-12-31T23:59:60Z"',
    "../../etc/passwd",
    '{"query": {"match_all": {}}}',
    "' OR 1=1; --",
    "AAAA.BBBB.CCCC",
    "_source",
    "a/../b",
    "%00%2e%2e",
)
_ODD_INTEGERS = (
    0,
    1,
    -1,
    2,
    7,
    99,
    100,
    101,
    1_000,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
)
_ODD_FLOATS = (0.0, -0.0, 0.5, 1.0, -1.0, 1e-320, 1e38, 1e308, float("inf"), float("-inf"), float("nan"))
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_MAX_REPEATED = 30
_MAX_DEPTH = 4


class Mutator:
    """Makes messages from good ones, by chance; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def few(self) -> int:
        """Returns how many messages a stream sends."""
        return self._chance.randint(0, 4)

    def mutated(self, messages: Sequence[Message]) -> bytes:
        """Returns a message of the kind of `messages`, all of which are good, or bytes that are none."""
        chance = self._chance.random()
        if chance < 0.05:
            return self._chance.randbytes(self._chance.randint(0, 200))
        message = self._chance.choice(messages)
        changed = type(message).FromString(message.SerializeToString())
        for _ in range(self._chance.randint(1, 3)):
            self._change_field(changed)
        data = changed.SerializeToString()
        return data if chance < 0.7 else self._changed_bytes(data)

    def _change_field(self, message: Message, depth: int = 0) -> None:
        """Gives one field, or one of a message inside it, another value."""
        fields: Sequence[Any] = message.DESCRIPTOR.fields
        if not fields:
            return
        field = self._chance.choice(fields)
        if self._chance.random() < 0.1:
            message.ClearField(field.name)
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)[self._text()] = self._text()
        elif field.is_repeated:
            values = getattr(message, field.name)
            for _ in range(self._chance.choice((1, 2, _MAX_REPEATED))):
                if field.message_type is None:
                    values.append(self._scalar(field))
                else:
                    self._change_field(values.add(), depth + 1)
        elif field.message_type is None:
            setattr(message, field.name, self._scalar(field))
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            if depth < _MAX_DEPTH:
                self._change_field(inner, depth + 1)

    def _scalar(self, field: FieldDescriptor) -> object:
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return self._text()
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return self._chance.random() < 0.5
        if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return self._chance.choice(_ODD_FLOATS)
        low, high = _BITS[kind]
        return min(max(self._chance.choice(_ODD_INTEGERS), low), high)

    def _text(self) -> str:
        if self._chance.random() < 0.5:
            return self._chance.choice(_ODD_TEXTS)
        first, second = self._chance.choices(_ODD_TEXTS, k=2)
        return first[: self._chance.randint(0, 40)] + second[: self._chance.randint(0, 40)]

    def _changed_bytes(self, data: bytes) -> bytes:
        """Flips, removes, repeats and inserts bytes."""
        changed = bytearray(data)
        for _ in range(self._chance.randint(1, 4)):
            place = self._chance.randint(0, len(changed))
            match self._chance.randrange(4):
                case 0 if changed:
                    changed[place % len(changed)] ^= 1 << self._chance.randrange(8)
                case 1:
                    del changed[place : place + self._chance.randint(1, 8)]
                case 2:
                    changed[place:place] = changed[place : place + 16]
                case _:
                    changed[place:place] = self._chance.randbytes(self._chance.randint(1, 8))
        return bytes(changed)
