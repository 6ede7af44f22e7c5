"""Tests of what a profile says of parts and of the whole."""

import msgspec
import pytest

from benchmarks.profile.figures import (
    Breakdown,
    Part,
    ProfileFigures,
    SearchFigures,
    Times,
    median_times,
    profile_text,
)


def _times(wall_ms: float, cpu_ms: float, event_loop_ms: float) -> Times:
    return Times(wall_ms=wall_ms, cpu_ms=cpu_ms, event_loop_ms=event_loop_ms)


def _breakdown(*, overlaps: bool = False) -> Breakdown:
    parts = [
        Part(name="embedding", times=_times(4.0, 4.0, 0.5)),
        Part(name="retrieval", times=_times(3.0, 2.0, 0.5)),
    ]
    return Breakdown(name="hits", whole=_times(10.0, 8.0, 3.0), parts=parts, overlaps=overlaps)


def _figures(*breakdowns: Breakdown) -> ProfileFigures:
    searches = [
        SearchFigures(
            name="hits",
            count=7,
            first_hit=_times(1.0, 2.0, 3.0),
            first_token=None,
            whole=_times(4.0, 5.0, 6.0),
        )
    ]
    return ProfileFigures(
        machine="a machine", setting="a corpus", searches=searches, breakdowns=list(breakdowns)
    )


def _row(text: str, name: str) -> list[str]:
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_the_rest_is_what_no_part_is() -> None:
    assert _breakdown().rest == _times(3.0, 2.0, 2.0)


def test_parts_the_rest_and_the_whole_are_told_with_their_share_of_the_cpu() -> None:
    text = profile_text(_figures(_breakdown()))
    assert _row(text, "embedding") == ["4.0", "4.0", "0.5", "50%"]
    assert _row(text, "retrieval") == ["3.0", "2.0", "0.5", "25%"]
    assert _row(text, "the rest") == ["3.0", "2.0", "2.0", "25%"]
    assert _row(text, "all of it") == ["10.0", "8.0", "3.0", "100%"]


def test_no_time_on_the_clock_is_told_of_the_rest_where_parts_overlap() -> None:
    text = profile_text(_figures(_breakdown(overlaps=True)))
    assert _row(text, "the rest") == ["–", "2.0", "2.0", "25%"]
    assert _row(text, "embedding")[0] == "4.0"


def test_machine_corpus_and_searches_are_told() -> None:
    text = profile_text(_figures())
    assert "a machine" in text
    assert "a corpus" in text
    assert "| hits | 7 | 1.0 / 2.0 / 3.0 | – | 4.0 / 5.0 / 6.0 |" in text


def test_each_time_has_its_own_median() -> None:
    times = [_times(1.0, 30.0, 200.0), _times(2.0, 10.0, 300.0), _times(3.0, 20.0, 100.0)]
    assert median_times(times) == _times(2.0, 20.0, 200.0)


@pytest.mark.parametrize("overlaps", [True, False])
def test_figures_survive_json(overlaps: bool) -> None:
    figures = _figures(_breakdown(overlaps=overlaps))
    assert msgspec.json.decode(msgspec.json.encode(figures), type=ProfileFigures) == figures
