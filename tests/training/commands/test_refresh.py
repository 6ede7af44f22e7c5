"""Tests of `refresh` from a trained model to one that is served, on a network of a few kilobytes."""

from pathlib import Path

import pytest
from gistwire_training.main import run
from gistwire_training.registry import read_refresh, served_version

from tests.training.commands.conftest import write_prepared

TINY = ("steps=2", "batch_size=2", "evaluate_every=1", "evaluation_size=2", "warmup_steps=1")
FIRST = ("decoder_layers=1", "frozen_encoder_layers=1", "align_steps=1")
LENIENT = ("min_rouge_over_baseline=-1", "min_faithfulness=0")


def options(name: str, values: tuple[str, ...]) -> list[str]:
    return [part for value in values for part in (name, value)]


@pytest.fixture
def trained(bert_folder: Path, prepared: Path, tmp_path: Path) -> Path:
    run_folder = tmp_path / "first"
    command = ["summarizer", str(prepared), "--start", str(bert_folder), "--run", str(run_folder)]
    assert run([*command, *options("--set", TINY + FIRST)]) == 0
    return run_folder / "model"


def test_a_refresh_trains_on_and_promotes_what_passes(
    trained: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, repository = write_prepared(tmp_path / "new", "new"), tmp_path / "models"
    command = ["refresh", str(new), "--old", str(prepared), "--start", str(trained)]
    command += ["--repository", str(repository), *options("--set", TINY)]
    refused, accepted = tmp_path / "refused", tmp_path / "accepted"

    assert run([*command, "--record", str(refused)]) == 1
    assert "ROUGE over the best baseline" in capsys.readouterr().err
    assert served_version(repository, "summarizer") is None
    assert read_refresh(refused).promoted_version is None

    assert run([*command, "--record", str(accepted), *options("--gate", LENIENT)]) == 0
    record = read_refresh(accepted)
    assert record.promoted_version == served_version(repository, "summarizer") == 1
    assert (record.pairs["train"].new, record.pairs["train"].old) == (6, 6)
    assert record.candidate.size_bytes > 0


def test_the_recipe_of_a_refresh_differs_only_where_nothing_is_said(
    trained: Path, prepared: Path, tmp_path: Path
) -> None:
    new, record = write_prepared(tmp_path / "new", "new"), tmp_path / "record"
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("learning_rate = 3e-4\n")
    command = ["refresh", str(new), "--old", str(prepared), "--start", str(trained), "--recipe", str(recipe)]
    run(
        [*command, "--record", str(record), "--repository", str(tmp_path / "models"), *options("--set", TINY)]
    )
    written = (record / "run" / "recipe.json").read_text()
    assert '"learning_rate": 0.0003' in written
    assert '"encoder_learning_rate": 0.00003' in written or '"encoder_learning_rate": 3e-05' in written
    assert '"steps": 2' in written
