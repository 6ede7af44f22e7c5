from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.pairs import Pair, Split
from gistwire_training.summarizer import training
from gistwire_training.summarizer.alignment import warm_started
from gistwire_training.summarizer.copying_bart import CopyingBart
from gistwire_training.summarizer.recipe import SummarizerRecipe, Tuning
from gistwire_training.summarizer.training import StepMetrics, train_summarizer
from safetensors.torch import load_file

MakeSummarizer = Callable[[], CopyingBart]
Splits = Mapping[Split, Sequence[Pair]]
TUNINGS: list[Tuning] = ["full", "lora", "adalora", "prefix", "adapter"]


class _KilledError(Exception):
    """Stands for a kill."""


def _kill_at(step: int) -> Callable[[StepMetrics], None]:
    def on_progress(metrics: StepMetrics) -> None:
        if metrics.step == step:
            raise _KilledError

    return on_progress


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.parent.name}/{name}": values
        for path in sorted(folder.rglob("*.safetensors"))
        for name, values in load_file(path).items()
    }


def _scripted_rouge(monkeypatch: pytest.MonkeyPatch, scores: Sequence[float]) -> None:
    given: Iterator[float] = iter(scores)
    monkeypatch.setattr(training, "mean_rouge", lambda written, targets: next(given))


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_killed_run_goes_on_exactly(
    tuning: Tuning, make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    recipe = msgspec.structs.replace(recipe, tuning=tuning, label_smoothing=0.1, adversarial_epsilon=0.1)
    through = train_summarizer(make_summarizer(), splits, tmp_path / "through", recipe)
    with pytest.raises(_KilledError):
        train_summarizer(make_summarizer(), splits, tmp_path / "killed", recipe, on_progress=_kill_at(4))
    # Between, other work draws random numbers.
    torch.manual_seed(77)
    resumed = train_summarizer(make_summarizer(), splits, tmp_path / "killed", recipe, resume=True)

    assert (resumed.step, resumed.rouge, resumed.averaged) == (through.step, through.rouge, through.averaged)
    for part in ("checkpoint", "model"):
        expected, found = _weights(tmp_path / "through" / part), _weights(tmp_path / "killed" / part)
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[name], values) for name, values in expected.items())


def test_dropout_goes_on_exactly_too(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    def make() -> CopyingBart:
        summarizer = make_summarizer()
        network: Any = summarizer.model.model
        for layer in (*network.encoder.layers, *network.decoder.layers):
            layer.dropout = 0.3
        return summarizer

    train_summarizer(make(), splits, tmp_path / "through", recipe)
    with pytest.raises(_KilledError):
        train_summarizer(make(), splits, tmp_path / "killed", recipe, on_progress=_kill_at(2))
    train_summarizer(make(), splits, tmp_path / "killed", recipe, resume=True)
    expected, found = (_weights(tmp_path / each / "checkpoint") for each in ("through", "killed"))
    assert all(torch.equal(found[name], values) for name, values in expected.items())


def test_records_the_run(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    seen: list[StepMetrics] = []
    result = train_summarizer(make_summarizer(), splits, tmp_path / "run", recipe, on_progress=seen.append)
    assert [(metrics.step, metrics.rouge is not None) for metrics in seen] == [
        (2, True),
        (4, True),
        (6, True),
    ]
    lines = (tmp_path / "run" / "metrics.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=StepMetrics) for line in lines] == seen
    assert (
        msgspec.json.decode((tmp_path / "run" / "recipe.json").read_bytes(), type=SummarizerRecipe) == recipe
    )
    assert (tmp_path / "run" / "environment.json").exists()
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    assert (result.model / "model.safetensors").exists()


def test_learns(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    recipe = msgspec.structs.replace(recipe, steps=40, evaluate_every=40, learning_rate=5e-3)
    seen: list[StepMetrics] = []
    train_summarizer(make_summarizer(), splits, tmp_path / "run", recipe, on_progress=seen.append)
    assert seen[-1].training_loss < 0.9 * seen[0].training_loss


def test_stops_early_and_keeps_the_best(
    make_summarizer: MakeSummarizer,
    recipe: SummarizerRecipe,
    splits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = msgspec.structs.replace(recipe, steps=100, patience=2, averaged_checkpoints=1)
    _scripted_rouge(monkeypatch, [0.3, 0.4, 0.4, 0.1])
    seen: list[int] = []
    result = train_summarizer(
        make_summarizer(),
        splits,
        tmp_path / "run",
        recipe,
        on_progress=lambda metrics: seen.append(metrics.step),
    )
    assert seen == [2, 4, 6, 8]
    assert (result.step, result.rouge) == (4, 0.4)
    best = load_file(tmp_path / "run" / "checkpoint" / "best.safetensors")
    last = load_file(tmp_path / "run" / "checkpoint" / "trained.safetensors")
    saved = load_file(result.model / "model.safetensors")
    assert all(torch.equal(saved[name], values) for name, values in best.items())
    assert not all(torch.equal(saved[name], values) for name, values in last.items())


@pytest.mark.parametrize(("average_rouge", "averaged"), [(0.5, True), (0.4, False)])
def test_averages_only_if_that_is_better(
    average_rouge: float,
    averaged: bool,
    make_summarizer: MakeSummarizer,
    recipe: SummarizerRecipe,
    splits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _scripted_rouge(monkeypatch, [0.1, 0.4, 0.3, average_rouge])
    recipe = msgspec.structs.replace(recipe, averaged_checkpoints=2)
    result = train_summarizer(make_summarizer(), splits, tmp_path / "run", recipe)
    assert (result.averaged, result.rouge) == (averaged, average_rouge if averaged else 0.4)

    checkpoint = tmp_path / "run" / "checkpoint"
    recent = [load_file(checkpoint / f"recent-{place}.safetensors") for place in range(2)]
    best = load_file(checkpoint / "best.safetensors")
    saved = load_file(result.model / "model.safetensors")
    for name in best:
        expected = (recent[0][name] + recent[1][name]) / 2 if averaged else best[name]
        torch.testing.assert_close(saved[name], expected)


def test_accumulated_batches_count_as_one(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    steps: list[int] = []
    trained = make_summarizer()
    loss = trained.loss

    def counted(batch: object, *, label_smoothing: float = 0.0) -> torch.Tensor:
        steps.append(1)
        return loss(batch, label_smoothing=label_smoothing)  # type: ignore[arg-type]

    trained.loss = counted  # type: ignore[method-assign]
    recipe = msgspec.structs.replace(recipe, accumulation=3, steps=2, averaged_checkpoints=0)
    train_summarizer(trained, splits, tmp_path / "run", recipe)
    # Two steps of three batches, and one batch of validation.
    assert len(steps) == 7


def test_refuses_a_folder_of_another_run(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("not a run")
    with pytest.raises(CheckpointError, match="another run"):
        train_summarizer(make_summarizer(), splits, tmp_path, recipe)


def test_refuses_to_resume_with_another_recipe(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    with pytest.raises(_KilledError):
        train_summarizer(make_summarizer(), splits, tmp_path / "run", recipe, on_progress=_kill_at(2))
    other = msgspec.structs.replace(recipe, learning_rate=1e-3)
    with pytest.raises(CheckpointError, match="another recipe"):
        train_summarizer(make_summarizer(), splits, tmp_path / "run", other, resume=True)


def test_refuses_an_empty_validation_split(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, splits: Splits, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="validation"):
        train_summarizer(make_summarizer(), {**splits, "validation": []}, tmp_path / "run", recipe)


def test_a_warm_start_is_the_same_every_time(
    bert_folder: Path, recipe: SummarizerRecipe, splits: Splits
) -> None:
    first, second = (warm_started(bert_folder, splits["train"], recipe) for _ in range(2))
    weights = second.model.state_dict()
    assert all(torch.equal(weights[name], each) for name, each in first.model.state_dict().items())
