"""Warm-starts our summarizer: BART out of BERT, then the path that copies; reached by `gistwire-train summarizer`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from gistwire_models.model_folder import TOKENIZER_FILE
from tokenizers import Tokenizer

from gistwire_training.pairs import Pair
from gistwire_training.summarizer.copying import CopyProbes, probe_loss, start_with_copying
from gistwire_training.summarizer.copying_bart import CopyingBart
from gistwire_training.summarizer.examples import ExampleStream
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.warm_start import PAD, bart_from_bert

OnProgress = Callable[[int, int, float], None]
"""Called with steps done, steps, and the share of previous tokens told right."""

_PROBE_RATE = 2e-3
_ENCODER_RATE = 3e-4


def warm_started(
    base: Path,
    train: Sequence[Pair],
    recipe: SummarizerRecipe,
    *,
    on_progress: OnProgress | None = None,
) -> CopyingBart:
    """Returns a summarizer that copies, made from the BERT encoder in `base`.

    Args:
        base: Hugging Face folder of a BERT encoder.
        train: pairs of the training split.
        recipe: the settings.
        on_progress: called every 20 steps of the alignment.

    Raises:
        CheckpointError: `base` holds no BERT encoder.
        RecipeError: the settings do not fit the model.
        TrainingDataError: there is nothing to align on.
    """
    recipe.check()
    torch.manual_seed(recipe.seed)
    model = bart_from_bert(base, decoder_layers=recipe.decoder_layers, dropout=recipe.dropout)
    summarizer = CopyingBart(
        model,
        Tokenizer.from_file(str(base / TOKENIZER_FILE)),
        max_source_tokens=recipe.max_source_tokens,
        max_target_tokens=recipe.max_target_tokens,
    )
    probes = CopyProbes(int(model.config.hidden_size))
    if recipe.align_steps:
        _align(summarizer, probes, ExampleStream(train, recipe), recipe, on_progress)
    start_with_copying(model, probes)
    model.requires_grad_(True)
    return summarizer


def _align(
    summarizer: CopyingBart,
    probes: CopyProbes,
    stream: ExampleStream,
    recipe: SummarizerRecipe,
    on_progress: OnProgress | None,
) -> None:
    """Teaches the upper encoder layers, and the probes, to tell each token and the one before it."""
    model = summarizer.model
    model.requires_grad_(False)
    upper = [
        parameter
        for layer in model.model.encoder.layers[recipe.frozen_encoder_layers :]
        for parameter in layer.parameters()
    ]
    for parameter in upper:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        [{"params": upper, "lr": _ENCODER_RATE}, {"params": list(probes.parameters()), "lr": _PROBE_RATE}]
    )
    rates = (_ENCODER_RATE, _PROBE_RATE)
    batches = stream.batches(0)
    model.train()
    for step in range(recipe.align_steps):
        factor = min(1.0, (step + 1) / 30) * max(0.1, 1 - step / recipe.align_steps)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        tokens = summarizer.sources(next(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision != "float32"):
            loss, right = probe_loss(model, probes, tokens, tokens.ne(PAD).long())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if on_progress is not None and step % 20 == 19:
            on_progress(step + 1, recipe.align_steps, right)
