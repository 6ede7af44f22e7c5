from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gistwire_training.errors import CheckpointError
from gistwire_training.summarizer.copying_bart import CopyingBart, read_copying_bart
from gistwire_training.summarizer.ensembling import (
    average_checkpoints,
    averaged_log_probabilities,
    write_together,
)
from gistwire_training.summarizer.examples import Example, Task
from gistwire_training.summarizer.warm_start import END, PAD, START
from safetensors.torch import load_file, save_file
from transformers import BartConfig, BartForConditionalGeneration

EXAMPLES = [
    Example(Task.SUMMARY, "Ferry strike", "The union of the harbour said the ferry will stop.", ""),
    Example(Task.SUMMARY, "", "A storm in winter.", ""),
]


@pytest.fixture
def two(make_summarizer: Callable[[], CopyingBart]) -> tuple[CopyingBart, CopyingBart]:
    first, second = make_summarizer(), make_summarizer()
    with torch.no_grad():
        for each in second.model.model.decoder.layers.parameters():
            each.add_(torch.randn(each.shape, generator=torch.Generator().manual_seed(2)), alpha=0.3)
    first.module.eval()
    second.module.eval()
    return first, second


def _write(models: list[CopyingBart], sources: torch.Tensor, **others: object) -> list[list[int]]:
    networks = [model.model for model in models]
    marks = {"padding": PAD, "start": START, "end": END}
    return write_together(networks, sources, **marks, max_tokens=8, **others)  # type: ignore[arg-type]


def test_averages_probabilities() -> None:
    first, second = torch.tensor([0.9, 0.1]), torch.tensor([0.2, 0.8])
    # Logits may be off by any constant.
    averaged = averaged_log_probabilities([first.log() + 3.0, second.log() - 1.0])
    assert averaged.exp().tolist() == pytest.approx([0.55, 0.45])


def test_models_that_are_the_same_write_what_one_writes(two: tuple[CopyingBart, CopyingBart]) -> None:
    sources = two[0].sources(EXAMPLES)
    assert _write([two[0]], sources) == _write([two[0], two[0]], sources)
    network: Any = two[0].model
    alone = network.generate(
        input_ids=sources,
        attention_mask=(sources != PAD).long(),
        max_new_tokens=8,
        do_sample=False,
        num_beams=1,
    )
    expected = [[token for token in row if token not in {PAD, START, END}] for row in alone.tolist()]
    assert _write([two[0]], sources) == expected


def test_each_token_is_the_best_of_both(two: tuple[CopyingBart, CopyingBart]) -> None:
    sources = two[0].sources(EXAMPLES[:1])
    written = _write([*two], sources)[0]
    assert written not in (_write([two[0]], sources)[0], _write([two[1]], sources)[0])
    inputs = torch.tensor([[START, *written[:-1]]])
    with torch.no_grad():
        probabilities = [
            each.model(input_ids=sources, decoder_input_ids=inputs).logits[0].softmax(-1) for each in two
        ]
    assert (probabilities[0] + probabilities[1]).argmax(-1).tolist() == written


def test_writes_nothing_that_is_not_allowed(two: tuple[CopyingBart, CopyingBart]) -> None:
    sources = two[0].sources(EXAMPLES)
    allowed = torch.tensor([END, *sources[0, 2:6].tolist()])
    written = _write([*two], sources, allowed=allowed)
    assert {token for row in written for token in row} <= set(allowed.tolist())
    assert any(written)


def test_refuses_other_vocabularies_and_no_model(two: tuple[CopyingBart, CopyingBart]) -> None:
    sources = two[0].sources(EXAMPLES)
    other = BartForConditionalGeneration(
        BartConfig(vocab_size=110, d_model=8, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=8,
                   decoder_ffn_dim=8, encoder_attention_heads=1, decoder_attention_heads=1)
    )  # fmt: skip
    with pytest.raises(ValueError, match="same vocabulary"):
        write_together([two[0].model, other], sources, padding=PAD, start=START, end=END, max_tokens=2)
    with pytest.raises(ValueError, match="at least one"):
        write_together([], sources, padding=PAD, start=START, end=END, max_tokens=2)


def test_averages_checkpoints_by_file(two: tuple[CopyingBart, CopyingBart], tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for summarizer, folder in zip(two, folders, strict=True):
        summarizer.save(folder)
    two[0].save(tmp_path / "mean")
    average_checkpoints(folders, tmp_path / "mean" / "model.safetensors")

    mean, first, second = (
        load_file(tmp_path / each / "model.safetensors") for each in ("mean", "first", "second")
    )
    assert mean.keys() == first.keys()
    for name, values in mean.items():
        torch.testing.assert_close(values, (first[name] + second[name]) / 2)
    read_copying_bart(tmp_path / "mean", max_source_tokens=48, max_target_tokens=12)
    assert not list((tmp_path / "mean").glob("*.partial"))


def test_keeps_the_type_of_the_weights(tmp_path: Path) -> None:
    _save(tmp_path / "a", {"x": torch.tensor([1.0, 2.0], dtype=torch.float16), "n": torch.tensor([3])})
    _save(tmp_path / "b", {"x": torch.tensor([2.0, 4.0], dtype=torch.float16), "n": torch.tensor([3])})
    average_checkpoints([tmp_path / "a", tmp_path / "b"], tmp_path / "mean.safetensors")
    mean = load_file(tmp_path / "mean.safetensors")
    assert (mean["x"].dtype, mean["x"].tolist(), mean["n"].tolist()) == (torch.float16, [1.5, 3.0], [3])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"y": torch.ones(2), "n": torch.tensor([3])}, "other tensors"),
        ({"x": torch.ones(3), "n": torch.tensor([3])}, "another shape"),
        ({"x": torch.ones(2), "n": torch.tensor([4])}, "whole numbers"),
        (None, "cannot be averaged"),
    ],
)
def test_refuses_checkpoints_of_different_networks(
    other: dict[str, torch.Tensor] | None, message: str, tmp_path: Path
) -> None:
    _save(tmp_path / "a", {"x": torch.ones(2), "n": torch.tensor([3])})
    if other is not None:
        _save(tmp_path / "b", other)
    with pytest.raises(CheckpointError, match=message):
        average_checkpoints([tmp_path / "a", tmp_path / "b"], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()


def test_refuses_to_average_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to average"):
        average_checkpoints([], tmp_path / "mean.safetensors")


def _save(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
