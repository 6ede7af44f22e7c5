"""Tests of loads by processes of their own, on a server of bare streams."""

import sys
from pathlib import Path

import pytest

from benchmarks.load.processes import free_address, make_load, running_server_process
from benchmarks.load.searches import FULL, Load


def test_a_load_is_made_and_the_server_is_seen_to_work(tmp_path: Path) -> None:
    address = free_address()
    command = [sys.executable, "-m", "benchmarks.load.bare_streams", address, *["100"] * 11]
    with running_server_process(command, address, log=tmp_path / "log") as server:
        closed = Load(
            target=address, queries=[""], warm_up=[""], streams=4, searches=300, seconds=60, bare=True
        )
        report, used = make_load(closed, server)
        assert len(report.searches) == 300
        assert all(each.outcome == FULL for each in report.searches)
        assert all(each.messages == 11 and each.sent_bytes == 1_100 for each in report.searches)
        assert all(0 < (each.first_hit_s or 0) <= (each.final_s or 0) for each in report.searches)
        assert 0 < used.event_loop_s <= used.cpu_s
        assert used.memory_mb > 10
        paced = Load(target=address, queries=[""], rate_per_s=100.0, searches=20, seconds=60, bare=True)
        report, _ = make_load(paced, server)
        assert len(report.searches) == 20


def test_a_server_that_ends_is_told_of_with_what_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no more room')"]
    with (
        pytest.raises(RuntimeError, match="no more room"),
        running_server_process(command, free_address(), log=tmp_path / "log"),
    ):
        pass
