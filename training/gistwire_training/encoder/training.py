"""Fine-tunes a text encoder and records everything in the run's folder; reached by `gistwire-train encoder`.

A run's folder holds ``recipe.json``, ``metrics.jsonl``, TensorBoard's event files, ``checkpoint/`` (from which
a killed run goes on exactly), ``best/`` (the weights with the highest validation nDCG@10) and, at the end,
``model/`` (what the gate let through, between base and best) and ``result.json``.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from gistwire_models.encoder import Embedding
from torch import Tensor

from gistwire_training.encoder.batches import Batch, TrainingBatches, total_steps
from gistwire_training.encoder.checkpoint import Checkpoint, RunState, read_checkpoint, write_checkpoint
from gistwire_training.encoder.contrastive import (
    anchor_loss,
    contrastive_loss,
    learning_rate_factor,
    parameter_groups,
)
from gistwire_training.encoder.export import write_encoder
from gistwire_training.encoder.inputs import RunInputs, read_inputs
from gistwire_training.encoder.interpolation import (
    BASE,
    GateMeasurement,
    Interpolation,
    choose_interpolation,
    interpolate,
)
from gistwire_training.encoder.network import SentenceEncoder, Weights, autocast
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.encoder.retrieval_evaluation import (
    RetrievalSet,
    Values,
    known_items,
    measure_retrieval,
)
from gistwire_training.encoder.run_log import EncoderProgress, OnProgress, RunLog, Stage
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.whole_folder import recover

CHECKPOINT_FOLDER = "checkpoint"
BEST_FOLDER = "best"
MODEL_FOLDER = "model"
RECIPE_FILE = "recipe.json"
RESULT_FILE = "result.json"

_REPORT_EVERY = 10
_SERVED_TOKENS = 256
"""Longest text that the guard's figures are taken with: as encoders are served, which cut texts there."""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to, as ``result.json`` says it.

    Attributes:
        steps: optimizer steps done.
        best_step: the step that the fine-tuned weights are of.
        interpolation: how much of the fine-tuning the model keeps, and why.
    """

    steps: int
    best_step: int
    interpolation: Interpolation


@dataclass(frozen=True, slots=True)
class EncoderRun:
    """A finished run.

    Attributes:
        folder: the run's folder.
        model: folder of the encoder that the gate let through; the base's weights if it let none through.
        result: what the run came to.
    """

    folder: Path
    model: Path
    result: RunResult


def train_encoder(
    pairs_folder: Path,
    run_folder: Path,
    recipe: EncoderRecipe,
    *,
    base: Path,
    guard: RetrievalSet | None = None,
    resume: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> EncoderRun:
    """Fine-tunes an encoder on (headline → body) until the steps are done or validation gets no better.

    Args:
        pairs_folder: holds ``train.jsonl`` and ``validation.jsonl``, as `prepare` writes them; pairs without a
            headline or a body are passed over.
        run_folder: where everything goes; must be empty or missing, except to resume.
        recipe: the settings.
        base: folder of the encoder to start from, with ``model.safetensors``, ``config.json``, ``tokenizer.json``.
        guard: what the model must not answer worse than the base does; asked only at the end, so that a finished run
            may be resumed with another one.
        resume: go on from the folder's checkpoint.
        on_progress: called at each tenth step, evaluation and checkpoint, and now and then in the other stages.

    Raises:
        RecipeError: the settings make no sense or do not fit the base, or the training diverged.
        TrainingDataError: pairs are missing or malformed, or there are too few.
        CheckpointError: the base cannot be used; there is nothing to resume, it is of another run, or the folder
            holds another run.
    """
    recipe.check()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    inputs = read_inputs(pairs_folder, base, recipe, guard=guard)
    run = _Run(run_folder, recipe, inputs, base=base, on_progress=on_progress)
    run.open(resume)
    # Neither the seeds of this run nor what it draws concern the caller.
    with torch.random.fork_rng():
        run.train()
    return run.finish()


class _Run:
    """One run, with what it remembers."""

    def __init__(
        self, folder: Path, recipe: EncoderRecipe, inputs: RunInputs, *, base: Path, on_progress: OnProgress
    ) -> None:
        self._folder = folder
        self._recipe = recipe
        self._inputs = inputs
        self._validation = known_items("validation", inputs.validation)
        self._on_progress = on_progress
        self._encoder = SentenceEncoder.load(base, dropout=recipe.dropout)
        self._encoder.freeze(recipe.frozen_layers)
        self._encoder.to("cuda" if torch.cuda.is_available() else "cpu")
        self._base = SentenceEncoder.load(base).to(self._encoder.device)
        self._base_weights = self._encoder.trained_weights()
        self._optimizer = torch.optim.AdamW(parameter_groups(self._encoder, recipe))
        self._highest_rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._steps = total_steps(len(inputs.train), recipe)
        self._state = RunState()

    def open(self, resume: bool) -> None:
        """Begins a run, or goes on with a saved one."""
        if resume:
            saved = read_checkpoint(
                self._folder / CHECKPOINT_FOLDER, recipe=self._recipe, inputs=self._inputs.fingerprint
            )
            self._state = saved.state
            self._encoder.set_weights(saved.trained)
            self._optimizer.load_state_dict(saved.optimizer)
            return
        if self._folder.exists() and any(self._folder.iterdir()):
            raise CheckpointError(f"{self._folder} holds another run; resume it, or name another folder")
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / RECIPE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(self._recipe)))

    def train(self) -> None:
        """Trains until the steps are done or validation gets no better."""
        if self._is_done:
            return
        pairs = self._inputs.train
        batches = TrainingBatches(
            pairs, self._encoder, self._recipe, on_mined=lambda done: self._tell("mining", done, len(pairs))
        )
        with RunLog(
            self._folder, done=self._state.step, total=self._steps, on_progress=self._on_progress
        ) as log:
            if self._state.step == 0:
                log.report(0, learning_rate=0.0, validation_ndcg=float(self._measure().mean()))
            while not self._is_done:
                self._advance(batches, log)

    def finish(self) -> EncoderRun:
        """Chooses between the base and the best weights, and writes the choice."""
        recover(self._folder / BEST_FOLDER)
        tuned = SentenceEncoder.load(self._folder / BEST_FOLDER).weights()
        tuned = {name: tuned[name] for name in self._base_weights}
        interpolation = self._choose(tuned)
        self._encoder.set_weights(interpolate(self._base_weights, tuned, interpolation.alpha))
        write_encoder(self._encoder, self._folder / MODEL_FOLDER)
        result = RunResult(
            steps=self._state.step, best_step=self._state.best_step, interpolation=interpolation
        )
        (self._folder / RESULT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(result)))
        return EncoderRun(self._folder, self._folder / MODEL_FOLDER, result)

    @property
    def _is_done(self) -> bool:
        return (
            self._state.step >= self._steps or self._state.evaluations_without_gain >= self._recipe.patience
        )

    def _advance(self, batches: TrainingBatches, log: RunLog) -> None:
        """Does one step, with the evaluation, the report and the checkpoint that are due after it."""
        recipe, started = self._recipe, time.monotonic()
        batch = batches.at(self._state.step)
        rate = self._set_rates()
        loss = self._learn(batch)
        self._state.step += 1
        step = self._state.step
        log.add(loss, pairs=len(batch.headlines), started=started)
        is_evaluated = step % recipe.evaluate_every == 0 or step == self._steps
        ndcg = self._evaluate() if is_evaluated else None
        is_saved = is_evaluated or step % recipe.checkpoint_every == 0
        # What is saved must be reported before, or the losses since the last report would be lost with a kill.
        if is_saved or step % _REPORT_EVERY == 0:
            log.report(step, learning_rate=rate, validation_ndcg=ndcg)
        if is_saved:
            saved = Checkpoint(self._state, self._encoder.trained_weights(), self._optimizer.state_dict())
            write_checkpoint(
                self._folder / CHECKPOINT_FOLDER, saved, recipe=recipe, inputs=self._inputs.fingerprint
            )

    def _learn(self, batch: Batch) -> float:
        """Moves the parameters by one batch, and returns its loss."""
        # Seeded by the step, dropout needs no state to be resumed with.
        torch.manual_seed(int(np.random.default_rng((self._recipe.seed, self._state.step)).integers(2**63)))
        self._encoder.train()
        with autocast(self._recipe.mixed_precision, self._encoder.device):
            loss = self._loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise RecipeError(f"the loss diverged at step {self._state.step}; lower learning_rate")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._encoder.parameters(), self._recipe.clip_norm)
        self._optimizer.step()
        return value

    def _loss(self, batch: Batch) -> Tensor:
        headlines, bodies = self._encoder(batch.headlines), self._encoder(batch.bodies)
        loss = contrastive_loss(
            headlines,
            bodies,
            same_story=batch.same_story,
            temperature=self._recipe.temperature,
            false_negative_margin=self._recipe.false_negative_margin,
        )
        if not self._recipe.anchor_weight:
            return loss
        with torch.no_grad():
            anchors = self._base([*batch.headlines, *batch.bodies])
        return loss + self._recipe.anchor_weight * anchor_loss(torch.cat((headlines, bodies)), anchors)

    def _set_rates(self) -> float:
        """Sets the rates of the step that comes, and returns the topmost layer's."""
        factor = learning_rate_factor(self._state.step, self._steps, self._recipe)
        for group, highest in zip(self._optimizer.param_groups, self._highest_rates, strict=True):
            group["lr"] = highest * factor
        return self._recipe.learning_rate * factor

    def _evaluate(self) -> float:
        """Measures the weights, and keeps them if none were better."""
        ndcg = float(self._measure().mean())
        state = self._state
        if ndcg > state.best_ndcg:
            state.best_ndcg, state.best_step, state.evaluations_without_gain = ndcg, state.step, 0
            write_encoder(self._encoder, self._folder / BEST_FOLDER)
        else:
            state.evaluations_without_gain += 1
        return ndcg

    def _measure(self) -> Values:
        """Returns nDCG@10 of each validation headline, ``float64 [queries]``."""
        recipe = self._recipe
        with autocast(recipe.mixed_precision, self._encoder.device):
            return measure_retrieval(
                self._validation,
                lambda texts: self._encoder.embed(texts, max_tokens=recipe.max_headline_tokens),
                lambda texts: self._encoder.embed(texts, max_tokens=recipe.max_body_tokens),
            ).ndcg

    def _measure_guard(self) -> Values | None:
        """Returns nDCG@10 of each query of the guard, ``float64 [queries]``; None without a guard."""
        if self._inputs.guard is None:
            return None

        def embed(texts: Sequence[str]) -> Embedding:
            return self._encoder.embed(texts, max_tokens=_SERVED_TOKENS)

        return measure_retrieval(self._inputs.guard, embed, embed).ndcg

    def _choose(self, tuned: Weights) -> Interpolation:
        alphas = sorted({BASE, *self._recipe.interpolation_weights})
        measured: dict[float, GateMeasurement] = {}
        for alpha in alphas:
            self._encoder.set_weights(interpolate(self._base_weights, tuned, alpha))
            measured[alpha] = GateMeasurement(self._measure(), self._measure_guard())
            self._tell("interpolating", len(measured), len(alphas))
        return choose_interpolation(measured, [pair.source for pair in self._inputs.validation])

    def _tell(self, stage: Stage, done: int, total: int) -> None:
        self._on_progress(EncoderProgress(stage=stage, done=done, total=total))
