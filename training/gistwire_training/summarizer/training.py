"""Trains a summarizer and records everything in the run's folder; reached by `gistwire-train summarizer`.

A run's folder holds ``recipe.json``, ``environment.json``, ``metrics.jsonl`` (one line an evaluation), TensorBoard's
event files, ``checkpoint/`` (from which a killed run goes on exactly) and, at the end, ``model/``, the best weights.
"""

import platform
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import Tensor, nn

from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.machine import processor_name
from gistwire_training.pairs import Pair, Split
from gistwire_training.scalar_log import ScalarLog
from gistwire_training.summarizer.checkpoint import Progress, read_checkpoint, write_checkpoint
from gistwire_training.summarizer.examples import Example, ExampleStream, validation_examples
from gistwire_training.summarizer.quality import mean_rouge
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.schedule import learning_rate_factor
from gistwire_training.summarizer.trainee import Trainee
from gistwire_training.whole_folder import recover

CHECKPOINT_FOLDER = "checkpoint"
MODEL_FOLDER = "model"
RECIPE_FILE = "recipe.json"
_WRITE_BATCH = 16

_Weights = dict[str, Tensor]


class StepMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after some steps.

    Attributes:
        step: optimizer steps done.
        steps: optimizer steps at most.
        training_loss: mean since the last report.
        samples_per_s: examples trained on, a second, since this process began.
        validation_loss: of the validation examples; None between evaluations.
        rouge: mean F of ROUGE-1, ROUGE-2 and ROUGE-L on validation, in [0, 1]; None between evaluations.
        seconds: since this process began.
    """

    step: int
    steps: int
    training_loss: float
    samples_per_s: float
    seconds: float
    validation_loss: float | None = None
    rouge: float | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    Attributes:
        model: folder of the best weights.
        step: the step they are of.
        rouge: their validation ROUGE, in [0, 1].
        averaged: whether they are an average of the last evaluated ones.
    """

    model: Path
    step: int
    rouge: float
    averaged: bool


OnProgress = Callable[[StepMetrics], None]


class _Loss(nn.Module):
    """The loss as a module's forward pass, which is what several devices need to add up gradients."""

    def __init__(self, trainee: Trainee, label_smoothing: float) -> None:
        super().__init__()
        self.network = trainee.module
        self._trainee = trainee
        self._label_smoothing = label_smoothing

    def forward(self, batch: Sequence[Example]) -> Tensor:
        return self._trainee.loss(batch, label_smoothing=self._label_smoothing)


def train_summarizer(
    trainee: Trainee,
    splits: Mapping[Split, Sequence[Pair]],
    run_folder: Path,
    recipe: SummarizerRecipe,
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> RunResult:
    """Trains until the steps are done or validation gets no better.

    Args:
        trainee: the model; changed in place.
        splits: pairs of "train" and "validation".
        run_folder: where everything goes; must be empty or missing, except to resume.
        recipe: the settings.
        resume: go on from the folder's checkpoint.
        on_progress: called after every tenth step and every evaluation.

    Raises:
        RecipeError: the settings contradict each other.
        TrainingDataError: there is nothing to learn from.
        CheckpointError: there is nothing to resume, it is of another recipe, or the folder holds another run.
    """
    recipe.check()
    return _Run(trainee, splits, run_folder, recipe, resume, on_progress).train()


def read_run_recipe(run_folder: Path) -> SummarizerRecipe:
    """Returns the recipe that a run began with.

    Raises:
        CheckpointError: the folder holds no run.
    """
    try:
        return msgspec.json.decode((run_folder / RECIPE_FILE).read_bytes(), type=SummarizerRecipe)
    except (OSError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{run_folder} holds no run: {error}") from error


def is_resumable(run_folder: Path) -> bool:
    """Tells whether a run has come so far that it can be resumed."""
    checkpoint = run_folder / CHECKPOINT_FOLDER
    recover(checkpoint)
    return checkpoint.exists()


def finish_early(trainee: Trainee, run_folder: Path, recipe: SummarizerRecipe) -> RunResult:
    """Makes the best weights of a run's checkpoint its result, without training on.

    Args:
        trainee: the model that the run began with; changed in place.
        run_folder: the run's folder.
        recipe: the recipe that the run began with.

    Raises:
        CheckpointError: there is no checkpoint, or it is of another recipe.
    """
    saved = read_checkpoint(run_folder / CHECKPOINT_FOLDER, recipe=recipe)
    trainee.parameter_groups(recipe)  # adds what the recipe's tuning trains
    parameters = dict(trainee.module.named_parameters())
    with torch.no_grad():
        for name, weights in saved.best.items():
            parameters[name].copy_(weights)
    result = RunResult(
        run_folder / MODEL_FOLDER, saved.progress.best_step, saved.progress.best_rouge, averaged=False
    )
    trainee.save(result.model)
    _write_result(run_folder, result)
    return result


class _Run:
    """One run of training, with what it remembers."""

    def __init__(  # noqa: PLR0917 (called in one place)
        self,
        trainee: Trainee,
        splits: Mapping[Split, Sequence[Pair]],
        folder: Path,
        recipe: SummarizerRecipe,
        resume: bool,
        on_progress: OnProgress | None,
    ) -> None:
        set_seed(recipe.seed)
        self._trainee = trainee
        self._recipe = recipe
        self._folder = folder
        self._on_progress = on_progress
        # accelerate keeps the precision of a process's first run, and refuses another one.
        AcceleratorState._reset_state()
        self._accelerator = Accelerator(
            mixed_precision=_mixed_precision(recipe), gradient_accumulation_steps=recipe.accumulation
        )
        self._stream = ExampleStream(splits["train"], recipe)
        self._validation = validation_examples(splits["validation"], recipe.evaluation_size)
        if not self._validation:
            raise RecipeError("the validation split gives no example")
        self._optimizer = torch.optim.AdamW(trainee.parameter_groups(recipe), lr=recipe.learning_rate)
        self._base_rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._loss, self._optimizer = self._accelerator.prepare(
            _Loss(trainee, recipe.label_smoothing), self._optimizer
        )
        self._trained = {
            name: parameter
            for name, parameter in trainee.module.named_parameters()
            if parameter.requires_grad
        }
        self._progress = Progress()
        self._recent: deque[_Weights] = deque(maxlen=recipe.averaged_checkpoints)
        self._best: _Weights = self._weights()
        self._prepare_folder(resume)
        purge_step = self._progress.step + 1 if resume else None
        self._log = ScalarLog(folder, purge_step=purge_step) if self._accelerator.is_main_process else None

    def train(self) -> RunResult:
        """Runs what is left of the steps, and returns the best weights."""
        recipe = self._recipe
        accelerator = self._accelerator
        first = (
            self._progress.step * recipe.accumulation * accelerator.num_processes + accelerator.process_index
        )
        batches = self._stream.batches(first)
        started, started_step = time.monotonic(), self._progress.step
        losses: list[float] = []
        self._trainee.module.train()
        while (
            self._progress.step < recipe.steps and self._progress.evaluations_without_gain < recipe.patience
        ):
            self._set_rates()
            total = 0.0
            for _ in range(recipe.accumulation):
                batch = next(batches)
                for _ in range(accelerator.num_processes - 1):
                    next(batches)
                total += self._backward(batch)
            accelerator.clip_grad_norm_(self._trained.values(), recipe.clip_norm)
            self._optimizer.step()
            self._trainee.tuning.after_step(self._progress.step)
            self._optimizer.zero_grad()
            self._progress.step += 1
            losses.append(total / recipe.accumulation)
            step = self._progress.step
            if step % recipe.evaluate_every == 0 or step == recipe.steps or step % 10 == 0:
                seconds = time.monotonic() - started
                metrics = StepMetrics(
                    step=step,
                    steps=recipe.steps,
                    training_loss=sum(losses) / len(losses),
                    samples_per_s=(step - started_step) * self._samples_per_step / seconds,
                    seconds=seconds,
                )
                losses.clear()
                if step % recipe.evaluate_every == 0 or step == recipe.steps:
                    metrics = self._evaluate(metrics)
                if self._on_progress is not None:
                    self._on_progress(metrics)
        return self._finish()

    @property
    def _samples_per_step(self) -> int:
        return self._recipe.batch_size * self._recipe.accumulation * int(self._accelerator.num_processes)

    def _backward(self, batch: Sequence[Example]) -> float:
        with self._accelerator.autocast():
            loss = self._loss(batch)
        self._accelerator.backward(loss / self._recipe.accumulation)
        if self._recipe.adversarial_epsilon:
            with self._trainee.perturbed(self._recipe.adversarial_epsilon), self._accelerator.autocast():
                adversarial = self._loss(batch)
                self._accelerator.backward(adversarial / self._recipe.accumulation)
        return float(loss.detach())

    def _set_rates(self) -> None:
        factor = learning_rate_factor(self._progress.step, self._recipe)
        for group, rate in zip(self._optimizer.param_groups, self._base_rates, strict=True):
            group["lr"] = rate * factor

    def _evaluate(self, metrics: StepMetrics) -> StepMetrics:
        loss, rouge = self._validate()
        metrics = msgspec.structs.replace(metrics, validation_loss=loss, rouge=rouge)
        self._recent.append(self._weights())
        progress = self._progress
        if rouge > progress.best_rouge:
            progress.best_rouge, progress.best_step = rouge, progress.step
            progress.evaluations_without_gain = 0
            self._best = self._weights()
        else:
            progress.evaluations_without_gain += 1
        if self._accelerator.is_main_process:
            with (self._folder / "metrics.jsonl").open("ab") as lines:
                lines.write(msgspec.json.encode(metrics) + b"\n")
            assert self._log is not None  # noqa: S101 (the main process has one)
            figures = {
                "loss/training": metrics.training_loss,
                "loss/validation": loss,
                "rouge/validation": rouge,
            }
            self._log.add(figures, progress.step)
            write_checkpoint(
                self._folder / CHECKPOINT_FOLDER,
                recipe=self._recipe,
                progress=progress,
                trained=self._weights(),
                best=self._best,
                recent=list(self._recent),
                optimizer=self._optimizer.state_dict(),
                tuning=self._trainee.tuning.state(),
            )
        return metrics

    def _validate(self) -> tuple[float, float]:
        """Returns loss and ROUGE on the validation examples."""
        module = self._trainee.module
        module.eval()
        batches = [
            self._validation[start : start + _WRITE_BATCH]
            for start in range(0, len(self._validation), _WRITE_BATCH)
        ]
        with torch.no_grad(), self._accelerator.autocast():
            losses = [float(self._trainee.loss(batch)) for batch in batches]
            written = [text for batch in batches for text in self._trainee.write(batch)]
        module.train()
        return sum(losses) / len(losses), mean_rouge(
            written, [example.target for example in self._validation]
        )

    def _finish(self) -> RunResult:
        """Writes the best weights, or the average of the last ones if that is better."""
        averaged = False
        step, rouge = self._progress.best_step, self._progress.best_rouge
        if len(self._recent) > 1:
            self._restore(_mean(self._recent))
            _, average_rouge = self._validate()
            if average_rouge > rouge:
                averaged, step, rouge = True, self._progress.step, average_rouge
        if not averaged:
            self._restore(self._best)
        model = self._folder / MODEL_FOLDER
        if self._accelerator.is_main_process:
            self._trainee.save(model)
            _write_result(self._folder, RunResult(model, step, rouge, averaged))
            assert self._log is not None  # noqa: S101
            self._log.close()
        return RunResult(model, step, rouge, averaged)

    def _weights(self) -> _Weights:
        return {name: parameter.detach().cpu().clone() for name, parameter in self._trained.items()}

    def _restore(self, weights: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(weights[name])

    def _prepare_folder(self, resume: bool) -> None:
        checkpoint = self._folder / CHECKPOINT_FOLDER
        if resume:
            saved = read_checkpoint(checkpoint, recipe=self._recipe)
            self._progress = saved.progress
            self._restore(saved.trained)
            self._best = saved.best
            self._recent.extend(saved.recent)
            self._optimizer.load_state_dict(saved.optimizer)
            self._trainee.tuning.restore(saved.tuning)
            torch.set_rng_state(saved.random_state)
            return
        if self._folder.exists() and any(self._folder.iterdir()):
            raise CheckpointError(f"{self._folder} holds another run; resume it, or name another folder")
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / RECIPE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(self._recipe)))
        (self._folder / "environment.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(_environment()))
        )


def _write_result(folder: Path, result: RunResult) -> None:
    figures = {"step": result.step, "rouge": result.rouge, "averaged": result.averaged}
    (folder / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


def _mean(weights: Sequence[_Weights]) -> _Weights:
    return {name: torch.stack([each[name] for each in weights]).mean(0) for name in weights[0]}


def _mixed_precision(recipe: SummarizerRecipe) -> str:
    """Returns accelerate's name of the type of matrix products."""
    if recipe.precision == "auto":
        # Without instructions for it, bfloat16 on a CPU is slower than float32.
        fast = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
        return "bf16" if fast else "no"
    return "bf16" if recipe.precision == "bfloat16" else "no"


def _environment() -> dict[str, str | int]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "processor": processor_name(),
        "threads": torch.get_num_threads(),
    }
