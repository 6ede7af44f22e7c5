"""Where the time of searches goes: `ProfileFigures`, as they are kept in JSON, and `profile_text` in Markdown."""

import statistics
from collections.abc import Sequence

import msgspec


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """What something took, in milliseconds.

    Attributes:
        wall_ms: on the clock.
        cpu_ms: of a core, in all threads of the process.
        event_loop_ms: of it what the thread of the event loop took.
    """

    wall_ms: float
    cpu_ms: float
    event_loop_ms: float

    def __sub__(self, other: "Times") -> "Times":
        return Times(
            wall_ms=self.wall_ms - other.wall_ms,
            cpu_ms=self.cpu_ms - other.cpu_ms,
            event_loop_ms=self.event_loop_ms - other.event_loop_ms,
        )


class SearchFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Medians of searches of a kind.

    Attributes:
        name: of the kind.
        count: how many there were.
        first_hit: from the beginning to the hits.
        first_token: from the hits to the first text of a summary; None if there is none.
        whole: from the beginning to the end.
    """

    name: str
    count: int
    first_hit: Times
    first_token: Times | None
    whole: Times


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a search.

    Attributes:
        name: what is done.
        times: what it took, measured alone.
    """

    name: str
    times: Times


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """What something consists of.

    Attributes:
        name: what it is.
        whole: what all of it took.
        parts: of which it is known what they take alone.
        overlaps: whether parts run at the same time, so that their times on the clock do not add up.
    """

    name: str
    whole: Times
    parts: list[Part]
    overlaps: bool = False

    @property
    def rest(self) -> Times:
        """What is none of the parts."""
        rest = self.whole
        for part in self.parts:
            rest -= part.times
        return rest


class ProfileFigures(msgspec.Struct, kw_only=True):
    """All figures of a profile.

    Attributes:
        machine: what it was taken on.
        setting: articles, hits and summaries.
        searches: each kind as a whole.
        breakdowns: what they consist of.
    """

    machine: str
    setting: str
    searches: list[SearchFigures] = []
    breakdowns: list[Breakdown] = []


def median_times(times: Sequence[Times]) -> Times:
    """The median of each time; of at least one."""
    return Times(
        wall_ms=statistics.median(each.wall_ms for each in times),
        cpu_ms=statistics.median(each.cpu_ms for each in times),
        event_loop_ms=statistics.median(each.event_loop_ms for each in times),
    )


def profile_text(figures: ProfileFigures) -> str:
    """All figures, in Markdown."""
    lines = [f"Machine: {figures.machine}; in one process, without gRPC.", ""]
    lines += [f"Corpus: {figures.setting}.", ""]
    lines += [
        "Medians in ms, wall / CPU / event loop: on the clock, of a core in all threads, and of it in the loop's.",
        "",
        "| search | | first hit | from there to the first token | end |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {each.count} | {_times(each.first_hit)} | {_times(each.first_token)} "
        f"| {_times(each.whole)} |"
        for each in figures.searches
    ]
    for breakdown in figures.breakdowns:
        lines += _breakdown(breakdown)
    return "\n".join(lines) + "\n"


def _breakdown(breakdown: Breakdown) -> list[str]:
    cpu_ms = breakdown.whole.cpu_ms
    lines = ["", f"| {breakdown.name} | wall | CPU | event loop | of the CPU |", "|---|---|---|---|---|"]
    rows = [(each.name, each.times) for each in breakdown.parts]
    for name, times in [*rows, ("the rest", breakdown.rest), ("all of it", breakdown.whole)]:
        is_unknown = breakdown.overlaps and name == "the rest"
        wall = "–" if is_unknown else f"{times.wall_ms:.1f}"
        share = f"{times.cpu_ms / cpu_ms:.0%}" if cpu_ms else "–"
        lines.append(f"| {name} | {wall} | {times.cpu_ms:.1f} | {times.event_loop_ms:.1f} | {share} |")
    return lines


def _times(times: Times | None) -> str:
    if times is None:
        return "–"
    return f"{times.wall_ms:.1f} / {times.cpu_ms:.1f} / {times.event_loop_ms:.1f}"
