"""Tests of whole runs: what they write, that they learn, go on exactly, and let no worse encoder through."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from gistwire_training.encoder import (
    EncoderProgress,
    EncoderRecipe,
    EncoderRun,
    RetrievalSet,
    train_encoder,
)
from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.encoder.run_log import read_metrics
from gistwire_training.encoder.training import RunResult
from gistwire_training.errors import CheckpointError, RecipeError, TrainingDataError
from gistwire_training.pairs import Pair, write_pairs
from safetensors.torch import load_file

from tests.training.encoder.conftest import NOISE, RECIPE, TOPICS, FinishedRun, write_tiny_encoder


class _Killed(BaseException):
    """Stands for a signal that ends the process."""


def run_until(step: int, pairs_folder: Path, run_folder: Path, base: Path) -> None:
    def kill(progress: EncoderProgress) -> None:
        if progress.stage == "training" and progress.done == step:
            raise _Killed

    with pytest.raises(_Killed):
        train_encoder(pairs_folder, run_folder, RECIPE, base=base, on_progress=kill)


def model_weights(run: EncoderRun) -> dict[str, torch.Tensor]:
    return load_file(run.model / "model.safetensors")


def without_speed(folder: Path) -> list[EncoderProgress]:
    return [msgspec.structs.replace(line, pairs_per_s=None) for line in read_metrics(folder)]


def test_a_run_learns_and_passes_the_gate(finished: FinishedRun) -> None:
    losses = [progress.loss for progress in finished.told if progress.loss is not None]
    assert losses[-1] < losses[0] * 0.8
    choice = finished.run.result.interpolation
    assert choice.alpha > 0
    assert max(score.ndcg.value for score in choice.scores) > choice.base_ndcg.value + 0.1
    assert finished.run.result.steps == 30


def test_a_run_records_everything(finished: FinishedRun) -> None:
    folder = finished.run.folder
    assert msgspec.json.decode((folder / "recipe.json").read_bytes(), type=EncoderRecipe) == RECIPE
    assert msgspec.json.decode((folder / "result.json").read_bytes(), type=RunResult) == finished.run.result
    assert read_metrics(folder) == [progress for progress in finished.told if progress.stage == "training"]
    assert [line.done for line in read_metrics(folder)] == [0, 5, 10, 15, 20, 25, 30]
    assert list(folder.glob("events.out.tfevents.*"))
    for name in ("best", "model"):
        assert {path.name for path in (folder / name).iterdir()} == {
            "config.json",
            "model.safetensors",
            "tokenizer.json",
        }


def test_frozen_parameters_stay_as_they_are(finished: FinishedRun, base: Path) -> None:
    before = load_file(base / "model.safetensors")
    for name, value in load_file(finished.run.folder / "best" / "model.safetensors").items():
        is_frozen = name.startswith(("embeddings.", "encoder.layer.0."))
        assert torch.equal(value, before[name]) == is_frozen, name


# At each of these a checkpoint is due after the report, so the run goes on from the one before.
@pytest.mark.parametrize("step", [15, 30])
def test_a_killed_run_goes_on_exactly(
    step: int, finished: FinishedRun, pairs_folder: Path, base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    run_until(step, pairs_folder, folder, base)
    torch.manual_seed(999)
    resumed = train_encoder(pairs_folder, folder, RECIPE, base=base, resume=True)
    assert resumed.result == finished.run.result
    assert without_speed(folder) == without_speed(finished.run.folder)
    expected = model_weights(finished.run)
    for name, value in model_weights(resumed).items():
        assert torch.equal(value, expected[name]), name


def test_a_finished_run_that_is_resumed_gives_the_same(
    finished: FinishedRun, pairs_folder: Path, base: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(finished.run.folder, tmp_path / "copy")
    again = train_encoder(pairs_folder, copy, RECIPE, base=base, resume=True)
    assert again.result == finished.run.result


def test_the_seed_decides_the_run(
    finished: FinishedRun, pairs_folder: Path, base: Path, tmp_path: Path
) -> None:
    recipe = msgspec.structs.replace(RECIPE, seed=2, max_steps=5)
    other = train_encoder(pairs_folder, tmp_path / "run", recipe, base=base)
    assert read_metrics(other.folder)[1].loss != read_metrics(finished.run.folder)[1].loss


def test_a_run_leaves_the_callers_random_state_alone(pairs_folder: Path, base: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    short = msgspec.structs.replace(RECIPE, max_steps=2)
    train_encoder(pairs_folder, tmp_path / "run", short, base=base)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_that_learns_nothing_gives_the_base(pairs_folder: Path, base: Path, tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(RECIPE, learning_rate=1e-12)
    run = train_encoder(pairs_folder, tmp_path / "run", recipe, base=base)
    assert run.result.interpolation.alpha == 0
    before = load_file(base / "model.safetensors")
    for name, value in model_weights(run).items():
        assert torch.equal(value, before[name]), name


def test_a_run_stops_early_where_validation_gets_no_better(
    pairs_folder: Path, base: Path, tmp_path: Path
) -> None:
    recipe = msgspec.structs.replace(RECIPE, learning_rate=1e-12, patience=1)
    run = train_encoder(pairs_folder, tmp_path / "run", recipe, base=base)
    assert run.result.steps == 20
    assert run.result.best_step == 10


def drift(run: EncoderRun, base: Path) -> float:
    """How far the best weights have moved texts from where the base puts them: the mean of 1 − cosine."""
    texts = [f"{first} {second}" for first in TOPICS for second in TOPICS]
    before, after = (
        SentenceEncoder.load(folder).embed(texts, max_tokens=8) for folder in (base, run.folder / "best")
    )
    return float(1 - (before * after).sum(axis=1).mean())


def test_an_anchor_holds_texts_where_the_base_puts_them(
    finished: FinishedRun, pairs_folder: Path, base: Path, tmp_path: Path
) -> None:
    recipe = msgspec.structs.replace(RECIPE, anchor_weight=100.0)
    held = train_encoder(pairs_folder, tmp_path / "held", recipe, base=base)
    assert 0 < drift(held, base) < drift(finished.run, base) / 3


def test_what_answers_the_guard_worse_is_not_kept(
    finished: FinishedRun, pairs_folder: Path, base: Path, tmp_path: Path
) -> None:
    documents = [*TOPICS, *NOISE]
    queries = [f"{first} {second}" for first in NOISE for second in TOPICS]
    encoder = SentenceEncoder.load(base)
    embedded = (encoder.embed(texts, max_tokens=8) for texts in (queries, documents))
    # What the base finds first is called right, so that no other encoder can be better.
    nearest = np.argmax(np.matmul(next(embedded), next(embedded).T), axis=1)
    guard = RetrievalSet("guard", queries, documents, [{int(place): 1} for place in nearest])
    copy = shutil.copytree(finished.run.folder, tmp_path / "copy")
    guarded = train_encoder(pairs_folder, copy, RECIPE, base=base, guard=guard, resume=True)
    assert finished.run.result.interpolation.alpha > 0
    assert guarded.result.interpolation.alpha == 0
    assert not any(score.admitted for score in guarded.result.interpolation.scores)


def test_a_limit_of_steps_ends_a_run(pairs_folder: Path, base: Path, tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(RECIPE, max_steps=7)
    assert train_encoder(pairs_folder, tmp_path / "run", recipe, base=base).result.steps == 7


def test_only_an_own_checkpoint_is_resumed(pairs_folder: Path, base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(CheckpointError, match="no checkpoint"):
        train_encoder(pairs_folder, folder, RECIPE, base=base, resume=True)
    run_until(20, pairs_folder, folder, base)
    with pytest.raises(CheckpointError, match="another run"):
        train_encoder(pairs_folder, folder, RECIPE, base=base)
    other_recipe = msgspec.structs.replace(RECIPE, learning_rate=1e-4)
    with pytest.raises(CheckpointError, match="another recipe"):
        train_encoder(pairs_folder, folder, other_recipe, base=base, resume=True)
    other_base = write_tiny_encoder(tmp_path / "other", seed=2)
    with pytest.raises(CheckpointError, match="another base"):
        train_encoder(pairs_folder, folder, RECIPE, base=other_base, resume=True)
    (folder / "checkpoint" / "trained.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="cannot be read"):
        train_encoder(pairs_folder, folder, RECIPE, base=base, resume=True)


def test_pairs_without_a_body_teach_nothing(base: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "train.jsonl", [Pair(id=str(number), headline="topic1") for number in range(9)])
    with pytest.raises(TrainingDataError, match=r"train\.jsonl has 0 pairs"):
        train_encoder(tmp_path, tmp_path / "run", RECIPE, base=base)


def test_a_base_that_cannot_be_used_is_refused(pairs_folder: Path, tmp_path: Path) -> None:
    base, folder = write_tiny_encoder(tmp_path / "base"), tmp_path / "run"
    with pytest.raises(RecipeError, match="only 2 layers"):
        train_encoder(pairs_folder, folder, msgspec.structs.replace(RECIPE, frozen_layers=2), base=base)
    (base / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="no encoder"):
        train_encoder(pairs_folder, folder, RECIPE, base=base)
    (base / "config.json").unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        train_encoder(pairs_folder, folder, RECIPE, base=base)


def test_a_diverging_run_says_so(pairs_folder: Path, base: Path, tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(RECIPE, learning_rate=1e30)
    with pytest.raises(RecipeError, match="diverged at step"):
        train_encoder(pairs_folder, tmp_path / "run", recipe, base=base)
