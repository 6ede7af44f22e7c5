"""Several models as one: their next-token probabilities averaged at decode, or their weights averaged by file."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from gistwire_training.errors import CheckpointError
from gistwire_training.summarizer.layers import cache_argument, empty_cache


@torch.no_grad()
def write_together(
    models: Sequence[PreTrainedModel],
    sources: Tensor,
    *,
    padding: int,
    start: int,
    end: int,
    max_tokens: int,
    allowed: Tensor | None = None,
) -> list[list[int]]:
    """Writes greedily what several encoder–decoders over one vocabulary find best together.

    At each step the token is taken whose probability, averaged over the models (Sutskever et al. 2014 average so at
    decode), is highest. The models' dropout must be off.

    Args:
        models: at least one, all with the same vocabulary.
        sources: ``int64 [batch, length]``, token ids.
        padding: id of the mark that fills sources up, and texts after their end.
        start: id of the mark before a text.
        end: id of the mark after it.
        max_tokens: longest text, in tokens.
        allowed: ids that may be written, ``int64 [count]``; `end` must be among them. None for all.

    Returns:
        For each source the tokens without the marks.

    Raises:
        ValueError: there is no model, or their vocabularies differ in size.
    """
    if len({int(model.config.vocab_size) for model in models}) != 1:
        raise ValueError("an ensemble needs at least one model, and all with the same vocabulary")
    readings = [_Reading(model, sources, padding) for model in models]
    penalty = torch.zeros(int(models[0].config.vocab_size))
    if allowed is not None:
        penalty.fill_(-math.inf)
        penalty[allowed] = 0.0
    tokens = torch.full((len(sources), 1), start)
    written: list[Tensor] = []
    finished = torch.zeros(len(sources), dtype=torch.bool)
    for _ in range(max_tokens):
        scores = averaged_log_probabilities([reading.next_logits(tokens) for reading in readings])
        chosen = (scores + penalty).argmax(-1)
        chosen = torch.where(finished, padding, chosen)
        finished |= chosen == end
        written.append(chosen)
        tokens = chosen[:, None]
        if bool(finished.all()):
            break
    rows = torch.stack(written, dim=1).tolist() if written else [[] for _ in sources]
    return [[token for token in row if token not in {padding, start, end}] for row in rows]


def averaged_log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Returns the logarithm of the mean of the models' probabilities.

    Args:
        logits: of each model, ``float [..., vocabulary]``.

    Returns:
        ``float32 [..., vocabulary]``, normalised.
    """
    stacked = torch.stack([each.float().log_softmax(-1) for each in logits])
    return stacked.logsumexp(0) - math.log(len(logits))


def average_checkpoints(folders: Sequence[Path], target: Path) -> None:
    """Writes the mean of the weights in several folders of one network (Vaswani et al. 2017 average so).

    Every tensor is read, averaged in float32 and let go before the next, so memory holds one model alone. Whole
    numbers must be equal in all. The file appears whole or not at all; configuration and tokenizer are the caller's
    to copy.

    Args:
        folders: each with ``model.safetensors``; at least one.
        target: file to be written, ``model.safetensors`` of the result.

    Raises:
        CheckpointError: there is no folder, a file is missing or unreadable, or their tensors differ in name or
            shape.
    """
    if not folders:
        raise CheckpointError("there is no checkpoint to average")
    paths = [folder / "model.safetensors" for folder in folders]
    try:
        averaged = _averaged(paths)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"the checkpoints cannot be averaged: {error}") from error
    partial = target.with_name(target.name + ".partial")
    save_file(averaged, partial, metadata={"format": "pt"})
    partial.replace(target)


class _Reading:
    """One model's way through its text: what it read, and its cache.

    Args:
        model: an encoder–decoder.
        sources: ``int64 [batch, length]``.
        padding: id of the mark that fills sources up.
    """

    def __init__(self, model: PreTrainedModel, sources: Tensor, padding: int) -> None:
        self._model = model
        self._mask = (sources != padding).long().to(model.device)
        self._states = model.get_encoder()(input_ids=sources.to(model.device), attention_mask=self._mask)
        self._cache = {cache_argument(model): empty_cache(model.config)}

    def next_logits(self, tokens: Tensor) -> Tensor:
        """Returns the logits after one more token of each text: ``float [batch, vocabulary]``, on the CPU.

        Args:
            tokens: ``int64 [batch, 1]``, what was written last.
        """
        output: Any = self._model(
            encoder_outputs=self._states,
            attention_mask=self._mask,
            decoder_input_ids=tokens.to(self._model.device),
            use_cache=True,
            **self._cache,
        )
        logits: Tensor = output.logits[:, -1].float().cpu()
        return logits


def _averaged(paths: Sequence[Path]) -> dict[str, Tensor]:
    averaged: dict[str, Tensor] = {}
    files: list[Any] = [safe_open(path, "pt") for path in paths]
    names = set(files[0].keys())
    for path, file in zip(paths, files, strict=True):
        if set(file.keys()) != names:
            raise CheckpointError(f"{path} holds other tensors than {paths[0]}")
    for name in sorted(names):
        tensors = [file.get_tensor(name) for file in files]
        if len({each.shape for each in tensors}) != 1:
            raise CheckpointError(f"{name} has another shape in some checkpoint")
        averaged[name] = _mean(name, tensors)
    return averaged


def _mean(name: str, tensors: Sequence[Tensor]) -> Tensor:
    first = tensors[0]
    if not first.is_floating_point():
        if not all(torch.equal(first, each) for each in tensors[1:]):
            raise CheckpointError(f"{name} holds whole numbers that differ")
        return first
    total = torch.zeros(first.shape)
    for each in tensors:
        total += each.float()
    return (total / len(tensors)).to(first.dtype)
