"""Searches that differ by a hair, so that each is made and none is told again: `make_distinct`."""

from gistwire.v1 import specs_pb2

_HALF_LIFE_US = 7 * 24 * 3_600 * 1_000_000
"""The server's default."""

_MOST_LONGER_US = 600 * 1_000_000
"""A thousandth of that, and far longer than any answer is kept."""


def make_distinct(rank: specs_pb2.RankSpec, number: int) -> None:
    """Gives a search a half-life of recency of its own, which is longer than the default by so many microseconds.

    Args:
        rank: of the search.
        number: one that no search of the last ten minutes had.
    """
    rank.recency_half_life.FromMicroseconds(_HALF_LIFE_US + number % _MOST_LONGER_US)
