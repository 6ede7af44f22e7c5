"""Tests of `python -m benchmarks guard`: what its statuses mean, what is measured again, and what is recorded."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.guard import command
from benchmarks.guard.command import RecordedRatios, guard
from benchmarks.guard.rounds import ROUNDS, Round
from benchmarks.machine import cpu_identity, describe_machine


class _Rounds:
    """Rounds of two ratios: "hit" as scripted, "warm" as recorded. Keeps the numbers of the rounds of each."""

    def __init__(self, *, hit: float, hit_again: float | None = None, scatter: float = 0.0) -> None:
        self._hit = hit
        self._hit_again = hit if hit_again is None else hit_again
        self._scatter = scatter
        self.measured: dict[str, list[int]] = {"hit": [], "warm": []}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Mapping[str, Round]]:
        yield {"hit": self._measure_hit, "warm": self._measure_warm}

    async def _measure_hit(self, number: int) -> dict[str, float]:
        self.measured["hit"].append(number)
        ratio = self._hit if number < ROUNDS else self._hit_again
        return {"hit": ratio * (1 + self._scatter * (1 if number % 2 else -1))}

    async def _measure_warm(self, number: int) -> dict[str, float]:
        self.measured["warm"].append(number)
        return {"warm": 10.0}


def _run(
    rounds: _Rounds,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
    cpu: str | None = None,
    ratios: Mapping[str, float] | None = None,
) -> tuple[int, str]:
    """Runs the command with 2.0 recorded for "hit" and 10.0 for "warm"; returns its status and what it printed."""
    path = folder / "recorded_ratios.json"
    recorded = RecordedRatios(
        "AMD EPYC, 2 cores", cpu or cpu_identity(), "2026-01-01", dict(ratios or {"hit": 2.0, "warm": 10.0})
    )
    path.write_bytes(msgspec.json.encode(recorded))
    monkeypatch.setattr(command, "RECORDED", path)
    monkeypatch.setattr(command, "open_rounds", rounds.open)
    result = CliRunner().invoke(guard, options)
    return result.exit_code, result.output


def test_what_holds_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = _Rounds(hit=2.2)
    status, _ = _run(rounds, tmp_path, monkeypatch)
    assert status == 0
    assert rounds.measured == {"hit": list(range(ROUNDS)), "warm": list(range(ROUNDS))}


def test_a_loss_that_is_said_twice_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = _Rounds(hit=3.0)
    status, printed = _run(rounds, tmp_path, monkeypatch)
    assert (status, printed.splitlines()[-1]) == (1, "lost, twice: hit")
    assert rounds.measured == {"hit": list(range(2 * ROUNDS)), "warm": list(range(ROUNDS))}


def test_a_loss_that_is_not_said_again_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed = _run(_Rounds(hit=3.0, hit_again=2.0), tmp_path, monkeypatch)
    assert status == 0
    assert "again:" in printed


def test_scatter_is_told_by_a_status_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed = _run(_Rounds(hit=2.6, scatter=0.4), tmp_path, monkeypatch)
    assert (status, printed.splitlines()[-1]) == (3, "the machine is too noisy to tell: hit")


def test_more_is_tolerated_on_another_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(_Rounds(hit=3.0), tmp_path, monkeypatch, cpu="another")[0] == 0
    assert _run(_Rounds(hit=3.3), tmp_path, monkeypatch, cpu="another")[0] == 1


def test_a_ratio_that_was_not_recorded_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed = _run(_Rounds(hit=2.0), tmp_path, monkeypatch, ratios={"hit": 2.0})
    assert status == 1
    assert "record again: warm" in printed


def test_medians_are_recorded_with_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _ = _run(_Rounds(hit=1.5), tmp_path, monkeypatch, "--record")
    recorded = msgspec.json.decode((tmp_path / "recorded_ratios.json").read_bytes(), type=RecordedRatios)
    assert status == 0
    assert recorded.ratios == {"hit": 1.5, "warm": 10.0}
    assert (recorded.machine, recorded.cpu) == (describe_machine(), cpu_identity())
