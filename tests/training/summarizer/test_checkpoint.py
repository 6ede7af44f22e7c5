import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from gistwire_training.errors import CheckpointError
from gistwire_training.summarizer.checkpoint import Checkpoint, Progress, read_checkpoint, write_checkpoint
from gistwire_training.summarizer.recipe import SummarizerRecipe

RECIPE = SummarizerRecipe(steps=5)


def _write(folder: Path, step: int, **others: Any) -> None:
    weights = {"layer.weight": torch.full((2, 3), float(step))}
    optimizer = torch.optim.AdamW([torch.nn.Parameter(weights["layer.weight"].clone())])
    arguments: dict[str, Any] = {
        "recipe": RECIPE,
        "progress": Progress(step=step, best_rouge=0.25, best_step=1, evaluations_without_gain=2),
        "trained": weights,
        "best": {"layer.weight": torch.full((2, 3), -1.0)},
        "recent": [{"layer.weight": torch.full((2, 3), each)} for each in (0.5, 0.75)],
        "optimizer": optimizer.state_dict(),
        "tuning": {},
    }
    write_checkpoint(folder, **(arguments | others))


def _step(checkpoint: Checkpoint) -> int:
    assert float(checkpoint.trained["layer.weight"][0, 0]) == checkpoint.progress.step
    return checkpoint.progress.step


def test_reads_what_was_written(tmp_path: Path) -> None:
    torch.manual_seed(9)
    _write(tmp_path / "checkpoint", 3, tuning={"ipt/x": torch.ones(2)})
    checkpoint = read_checkpoint(tmp_path / "checkpoint", recipe=RECIPE)
    assert _step(checkpoint) == 3
    assert checkpoint.progress == Progress(step=3, best_rouge=0.25, best_step=1, evaluations_without_gain=2)
    assert float(checkpoint.best["layer.weight"].mean()) == -1.0
    assert [float(each["layer.weight"].mean()) for each in checkpoint.recent] == [0.5, 0.75]
    assert checkpoint.tuning["ipt/x"].tolist() == [1.0, 1.0]
    assert checkpoint.optimizer["param_groups"]
    assert torch.equal(checkpoint.random_state, torch.get_rng_state())


def test_a_newer_one_takes_the_place_of_the_older(tmp_path: Path) -> None:
    _write(tmp_path / "checkpoint", 1)
    _write(tmp_path / "checkpoint", 2, recent=[])
    checkpoint = read_checkpoint(tmp_path / "checkpoint", recipe=RECIPE)
    assert (_step(checkpoint), checkpoint.recent) == (2, [])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("survived_renames", [0, 1, 2])
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(
    survived_renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoint"
    _write(folder, 1)
    rename = os.rename
    done: list[Path] = []

    def killed_rename(source: Path, target: Path) -> None:
        if len(done) == survived_renames:
            raise KeyboardInterrupt
        done.append(target)
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed_rename)
        if survived_renames < 2:
            with pytest.raises(KeyboardInterrupt):
                _write(folder, 2)
        else:
            _write(folder, 2)
    assert _step(read_checkpoint(folder, recipe=RECIPE)) == (2 if survived_renames == 2 else 1)


def test_a_kill_while_weights_are_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoint"
    _write(folder, 1)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            _write(folder, 2)
    assert _step(read_checkpoint(folder, recipe=RECIPE)) == 1
    _write(folder, 3)
    assert _step(read_checkpoint(folder, recipe=RECIPE)) == 3


def test_refuses_another_recipe(tmp_path: Path) -> None:
    _write(tmp_path / "checkpoint", 1)
    with pytest.raises(CheckpointError, match="another recipe"):
        read_checkpoint(tmp_path / "checkpoint", recipe=msgspec.structs.replace(RECIPE, seed=2))


def test_refuses_a_folder_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to resume"):
        read_checkpoint(tmp_path / "checkpoint", recipe=RECIPE)


@pytest.mark.parametrize("name", ["trained.safetensors", "optimizer.pt", "progress.json"])
def test_refuses_a_broken_file(name: str, tmp_path: Path) -> None:
    _write(tmp_path / "checkpoint", 1)
    (tmp_path / "checkpoint" / name).write_bytes(b"\x00broken")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path / "checkpoint", recipe=RECIPE)


def test_an_old_one_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    _write(tmp_path / "checkpoint", 1)
    shutil.copytree(tmp_path / "checkpoint", tmp_path / "checkpoint.old")
    _write(tmp_path / "checkpoint", 2)
    assert _step(read_checkpoint(tmp_path / "checkpoint", recipe=RECIPE)) == 2
