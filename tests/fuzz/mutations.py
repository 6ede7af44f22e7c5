"""Inputs for the fuzz tests: `mutated` changes good ones, `fuzz` says how many examples a test gets.

``GISTWIRE_LONG_FUZZ=1`` runs a hundred times as many, another set each time.
"""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

_Test = TypeVar("_Test", bound=Callable[..., object])

_LONG = os.environ.get("GISTWIRE_LONG_FUZZ") == "1"
_EXAMPLES = 150
_LONG_FACTOR = 100
_FRAGMENTS = st.sampled_from(
    [
        b"\0",
        b"\r\n",
        b'"',
        b"'",
        b"<",
        b"&#0;",
        b"&lol;",
        b"]]>",
        b"<![CDATA[",
        b"<!DOCTYPE x [<!ENTITY lol 'lol'>]>",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
        b"\x1b[2J",
        b"9" * 400,
        b"-1",
        b"1e999",
        b"NaN",
        b"0x",
        b"[" * 200,
        b"{" * 200,
        b"9999-99-99T99:99:99Z",
        b"0001-01-01T00:00:00+23:59",
    ]
)


def fuzz(test: _Test) -> _Test:
    """Gives a property so many examples as fuzzing takes; goes under `given`."""
    count = _EXAMPLES * _LONG_FACTOR if _LONG else _EXAMPLES
    return settings(max_examples=count, derandomize=not _LONG)(test)


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Draws one of these with a few places changed, or bytes of any kind."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[place:place] = draw(_FRAGMENTS)
            case 1:
                data[place:place] = draw(st.binary(min_size=1, max_size=8))
            case 2:
                del data[place : place + draw(st.integers(1, 40))]
            case 3:
                data[place:place] = data[place : place + draw(st.integers(1, 60))]
            case _ if place < len(data):
                data[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)
