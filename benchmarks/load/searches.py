"""What is asked of a server, and what became of it: `Load` for the generator, `LoadReport` from it."""

import bisect
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

FULL = "full"
"""Outcome of a search that was completed with nothing given up."""

STEPPED_DOWN = "stepped down"
"""Outcome of one that was completed with less, as too much was under way."""

DEGRADED = "degraded"
"""Outcome of one that was completed with less for another reason."""

REFUSED = "refused: "
"""What the outcome of a refused one begins with; the reason follows."""

FAILED = "failed: "
"""What the outcome of any other begins with; the status follows."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a server.

    Attributes:
        target: where it is.
        queries: what is searched for.
        are_distinct: whether no two searches are the same, in this load and those before it, as each has a half-life
            of recency of its own, longer by up to a thousandth: then no whole answer that was kept is told again.
        order: "in turn", each as often as all others, or "zipf", the first most often.
        summaries: whether hits are summarized, in mode BEST.
        warm_up: queries that are searched for first, one after the other, outside the figures.
        top_k: hits of each search.
        collapse: whether near-duplicates among them are shown as one.
        candidates: for each summary; None for the server's default.
        streams: searches that are under way at any time (closed loop); None for an open loop.
        rate_per_s: how many begin in a second on average (open loop); None for a closed loop.
        spacing: whether those of an open loop begin "at random" or "evenly".
        retry_share: in an open loop, searches that may be made again because they were refused, as a share of all:
            each once, when the server says. In a closed loop who is refused always comes back.
        connections: that the searches are spread over; None for one for every 32 that may be under way.
        seconds: for how long searches begin.
        searches: most searches; None for as many as begin in that time.
        timeout_s: deadline of each, in seconds; None to leave it to the server.
        seed: of what is random.
        bare: whether a server of bare streams is asked (`bare_streams.py`).
    """

    target: str
    queries: list[str]
    are_distinct: bool = False
    order: Literal["in turn", "zipf"] = "in turn"
    summaries: bool = True
    warm_up: list[str] = []
    top_k: int = 10
    collapse: bool = True
    candidates: int | None = None
    streams: int | None = None
    rate_per_s: float | None = None
    spacing: Literal["at random", "evenly"] = "at random"
    retry_share: float = 0.0
    connections: int | None = None
    seconds: float = 10.0
    searches: int | None = None
    timeout_s: float | None = None
    seed: int = 1
    bare: bool = False


class SearchRecord(msgspec.Struct, kw_only=True):
    """What became of one search; times are in seconds since it began.

    Attributes:
        query: what was searched for.
        outcome: one of the constants above.
        is_repetition: whether it was made again, as it had been refused.
        retry_after_s: when it was to be made again, if it was refused and that was said.
        first_hit_s: when its hits came; None if they did not.
        first_token_s: when the first text of a summary came.
        final_s: when the final ranking came.
        ended_s: when the stream ended.
        generated: summaries with a candidate that a model wrote, now or earlier.
        messages: of the stream.
        sent_bytes: size of all of them.
    """

    query: str = ""
    outcome: str = FULL
    is_repetition: bool = False
    retry_after_s: float | None = None
    first_hit_s: float | None = None
    first_token_s: float | None = None
    final_s: float | None = None
    ended_s: float = 0.0
    generated: int = 0
    messages: int = 0
    sent_bytes: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether the server would not have it, as things were."""
        return self.outcome.startswith(REFUSED)


class LoadReport(msgspec.Struct, kw_only=True):
    """What became of a load.

    Attributes:
        searches: each of them.
        took_s: from the first beginning to the last end.
        lateness_s: by how much a search of an open loop began later than it was to, at worst.
        cpu_s: time that the generator itself took of a core.
    """

    searches: list[SearchRecord] = []
    took_s: float = 0.0
    lateness_s: float = 0.0
    cpu_s: float = 0.0


def zipf(items: Sequence[str], *, seed: int, exponent: float = 1.0) -> Iterator[str]:
    """Yields items without end, at random, the n-th with a probability in proportion to n ** -exponent.

    Queries of search engines come with exponents of 0.6 to 1.0 (Baeza-Yates et al., The Impact of Caching on Search
    Engines, SIGIR 2007).
    """
    chance = random.Random(seed)
    weights = list(itertools.accumulate((place + 1) ** -exponent for place in range(len(items))))
    while True:
        place = bisect.bisect_left(weights, chance.random() * weights[-1])
        yield items[min(place, len(items) - 1)]


def even_arrivals(rate_per_s: float, seconds: float) -> Iterator[float]:
    """Yields the times, in seconds, at which searches begin that come evenly."""
    return (number / rate_per_s for number in range(round(rate_per_s * seconds)))


def arrivals(rate_per_s: float, seconds: float, *, seed: int) -> Iterator[float]:
    """Yields the times, in seconds, at which searches of a Poisson process begin."""
    chance = random.Random(seed)
    at_s = chance.expovariate(rate_per_s)
    while at_s < seconds:
        yield at_s
        at_s += chance.expovariate(rate_per_s)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the values does not exceed (nearest rank).

    Args:
        values: at least one, in any order.
        share: in (0, 1].
    """
    ordered = sorted(values)
    # Rounded, as 0.95 × 20 is a little more than 19.
    place = -int(-round(share * len(ordered), 9) // 1)
    return ordered[min(max(place, 1), len(ordered)) - 1]
