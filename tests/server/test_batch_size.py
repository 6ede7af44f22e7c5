"""Tests of gistwire_server.batch_size."""

import pytest
from gistwire_server.batch_size import BatchSizeController


class Pipeline:
    """Carries out full batches at a throughput that the test sets, by a clock of its own."""

    def __init__(self, *, minimum: int = 8, maximum: int = 256) -> None:
        self.now_s = 0.0
        self.controller = BatchSizeController(
            minimum=minimum, maximum=maximum, slow_write_s=4, clock=lambda: self.now_s
        )

    def run(self, throughput: float, *, write_s: float = 0.1, seconds: float = 3.5) -> int:
        """Returns the size after so many seconds, and eight batches at least."""
        end_s, batches = self.now_s + seconds, 0
        while self.now_s < end_s or batches < 9:
            operations = self.controller.size
            self.now_s += operations / throughput
            batches += 1
            self.controller.record(operations, write_s=write_s)
        return self.controller.size


def test_it_grows_while_throughput_grows_and_stays_when_it_does_not() -> None:
    pipeline = Pipeline()
    sizes = [pipeline.run(throughput) for throughput in (100, 150, 200, 205, 205, 205)]
    assert sizes == [64, 128, 256, 256, 256, 256]
    pipeline = Pipeline()
    assert [pipeline.run(100) for _ in range(4)] == [64, 64, 64, 64]


def test_it_shrinks_when_throughput_falls() -> None:
    pipeline = Pipeline()
    sizes = [pipeline.run(throughput) for throughput in (100, 150, 150, 100)]
    assert sizes == [64, 128, 128, 64]


def test_slow_writes_halve_it_down_to_the_minimum() -> None:
    pipeline = Pipeline()
    for expected in (16, 8, 8):
        pipeline.controller.record(pipeline.controller.size, write_s=4.1)
        assert pipeline.controller.size == expected


def test_batches_that_were_begun_before_are_not_held_against_it() -> None:
    pipeline = Pipeline()
    for _ in range(8):
        pipeline.controller.record(32, write_s=9)
    assert pipeline.controller.size == 16


def test_it_grows_again_once_writes_are_fast() -> None:
    pipeline = Pipeline()
    pipeline.controller.record(32, write_s=9)
    assert pipeline.run(100) == 32


def test_a_slow_sender_says_nothing_of_the_size() -> None:
    pipeline = Pipeline()
    for _ in range(100):
        pipeline.now_s += 1
        pipeline.controller.record(3, write_s=0.1)
    assert pipeline.controller.size == 32


@pytest.mark.parametrize(("minimum", "maximum", "first"), [(1, 3, 3), (8, 3, 3), (64, 256, 64), (8, 256, 32)])
def test_it_stays_between_its_limits(minimum: int, maximum: int, first: int) -> None:
    pipeline = Pipeline(minimum=minimum, maximum=maximum)
    assert pipeline.controller.size == first
    for throughput in (10, 100, 1_000, 10_000):
        assert pipeline.run(throughput) <= maximum
    for _ in range(9):
        pipeline.controller.record(pipeline.controller.size, write_s=9)
    assert pipeline.controller.size == min(minimum, maximum)
