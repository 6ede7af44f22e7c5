"""Tests of gistwire_training.scalar_log."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gistwire_training.scalar_log import ScalarLog
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


class FakeWandb:
    """Stands in for Weights & Biases, which tests do not install."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.logged: list[tuple[dict[str, float], int]] = []
        self.finished = False

    def init(self, **settings: Any) -> SimpleNamespace:
        self.settings = settings

        def finish() -> None:
            self.finished = True

        return SimpleNamespace(
            log=lambda values, step: self.logged.append((values, step)),
            finish=finish,
        )


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return fake


def test_tensorboard_reads_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    log = ScalarLog(tmp_path)
    log.add({"loss/training": 2.5}, 10)
    log.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss/training")] == [(10, 2.5)]


def test_weights_and_biases_records_beside_it_without_sending(wandb: FakeWandb, tmp_path: Path) -> None:
    log = ScalarLog(tmp_path / "run")
    log.add({"rouge": 0.4}, 3)
    log.close()
    assert wandb.settings["mode"] == "offline"
    assert wandb.settings["dir"] == str(tmp_path / "run")
    assert wandb.logged == [({"rouge": 0.4}, 3)]
    assert wandb.finished


def test_it_sends_where_the_environment_says_so(
    wandb: FakeWandb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    ScalarLog(tmp_path).close()
    assert wandb.settings["mode"] == "online"


def test_a_folder_named_like_the_package_is_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace())
    ScalarLog(tmp_path).close()
