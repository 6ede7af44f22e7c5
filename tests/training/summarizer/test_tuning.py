from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
import torch
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.pairs import Pair
from gistwire_training.summarizer.copying_bart import CopyingBart, read_copying_bart
from gistwire_training.summarizer.examples import ExampleStream
from gistwire_training.summarizer.recipe import SummarizerRecipe, Tuning
from gistwire_training.summarizer.tuning import ADAPTER_FOLDER
from gistwire_training.summarizer.warm_start import PAD, START
from safetensors.torch import load_file

MakeSummarizer = Callable[[], CopyingBart]

NEW_PARAMETERS: list[tuple[Tuning, str]] = [
    ("lora", "lora_"),
    ("adalora", "lora_"),
    ("prefix", "added."),
    ("adapter", "added."),
]
NOT_FULL: list[Tuning] = [tuning for tuning, _ in NEW_PARAMETERS]


def _trained(
    summarizer: CopyingBart, recipe: SummarizerRecipe, pairs: Sequence[Pair], steps: int = 3
) -> CopyingBart:
    _train(summarizer, torch.optim.AdamW(summarizer.parameter_groups(recipe)), recipe, pairs, steps)
    return summarizer


def _train(
    summarizer: CopyingBart,
    optimizer: torch.optim.Optimizer,
    recipe: SummarizerRecipe,
    pairs: Sequence[Pair],
    steps: int,
) -> None:
    batches = ExampleStream(pairs, recipe).batches(0)
    summarizer.module.train()
    for step in range(steps):
        torch.autograd.backward(summarizer.loss(next(batches)))
        optimizer.step()
        summarizer.tuning.after_step(step)
        optimizer.zero_grad()
    summarizer.module.eval()


@pytest.mark.parametrize(("tuning", "mark"), NEW_PARAMETERS)
def test_only_its_own_parameters_move(
    tuning: Tuning,
    mark: str,
    make_summarizer: MakeSummarizer,
    recipe: SummarizerRecipe,
    pairs: Sequence[Pair],
) -> None:
    recipe = msgspec.structs.replace(recipe, tuning=tuning)
    summarizer = make_summarizer()
    optimizer = torch.optim.AdamW(summarizer.parameter_groups(recipe))
    before = {name: each.clone() for name, each in summarizer.module.named_parameters()}
    _train(summarizer, optimizer, recipe, pairs, steps=3)

    moved = {
        name for name, each in summarizer.module.named_parameters() if not torch.equal(each, before[name])
    }
    assert moved
    assert all(mark in name for name in moved)
    learning = {name for name, each in summarizer.module.named_parameters() if each.requires_grad}
    assert moved == learning
    assert not any("encoder.layers.0" in name for name in learning)


@pytest.mark.parametrize("tuning", NOT_FULL)
def test_survives_save_and_read(
    tuning: Tuning,
    make_summarizer: MakeSummarizer,
    recipe: SummarizerRecipe,
    pairs: Sequence[Pair],
    tmp_path: Path,
) -> None:
    recipe = msgspec.structs.replace(recipe, tuning=tuning)
    untrained = make_summarizer()
    untrained.module.eval()
    summarizer = _trained(make_summarizer(), recipe, pairs)
    batch = next(ExampleStream(pairs, recipe).batches(7))
    summarizer.save(tmp_path / "model")
    again = read_copying_bart(tmp_path / "model", max_source_tokens=48, max_target_tokens=12)
    again.module.eval()

    with torch.no_grad():
        learned, read = float(summarizer.loss(batch)), float(again.loss(batch))
        assert read == pytest.approx(learned, rel=1e-5)
        assert learned != pytest.approx(float(untrained.loss(batch)), rel=2e-4)
    assert again.write(batch) == summarizer.write(batch)
    # Saving leaves what is trained as it was.
    with torch.no_grad():
        assert float(summarizer.loss(batch)) == learned


@pytest.mark.parametrize("tuning", ["lora", "adalora"])
def test_merges_into_plain_weights(
    tuning: Tuning,
    make_summarizer: MakeSummarizer,
    recipe: SummarizerRecipe,
    pairs: Sequence[Pair],
    tmp_path: Path,
) -> None:
    plain = make_summarizer()
    plain.save(tmp_path / "plain")
    _trained(make_summarizer(), msgspec.structs.replace(recipe, tuning=tuning), pairs).save(
        tmp_path / "merged"
    )

    names = [set(_tensors(tmp_path / folder)) for folder in ("plain", "merged")]
    assert names[0] == names[1]
    assert not (tmp_path / "merged" / ADAPTER_FOLDER).exists()


@pytest.mark.parametrize("tuning", ["prefix", "adapter"])
def test_saves_the_base_unchanged_beside_what_was_added(
    tuning: Tuning,
    make_summarizer: MakeSummarizer,
    recipe: SummarizerRecipe,
    pairs: Sequence[Pair],
    tmp_path: Path,
) -> None:
    make_summarizer().save(tmp_path / "plain")
    _trained(make_summarizer(), msgspec.structs.replace(recipe, tuning=tuning), pairs).save(
        tmp_path / "tuned"
    )

    plain, base = _tensors(tmp_path / "plain"), _tensors(tmp_path / "tuned")
    assert plain.keys() == base.keys()
    assert all(torch.equal(base[name], each) for name, each in plain.items())
    assert (tmp_path / "tuned" / ADAPTER_FOLDER).is_dir()


@pytest.mark.parametrize("tuning", ["lora", "adalora", "adapter"])
def test_begins_as_the_network_was(
    tuning: Tuning, make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, pairs: Sequence[Pair]
) -> None:
    plain, tuned = make_summarizer(), make_summarizer()
    tuned.parameter_groups(msgspec.structs.replace(recipe, tuning=tuning))
    batch = next(ExampleStream(pairs, recipe).batches(0))
    for each in (plain, tuned):
        each.module.eval()
    with torch.no_grad():
        assert float(tuned.loss(batch)) == pytest.approx(float(plain.loss(batch)), rel=1e-5)


def test_writes_with_the_prefix_that_it_learned(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, pairs: Sequence[Pair]
) -> None:
    """What is written token by token is what the loss finds most likely, prefix included."""
    summarizer = make_summarizer()
    summarizer.parameter_groups(msgspec.structs.replace(recipe, tuning="prefix"))
    summarizer.module.eval()
    batch = next(ExampleStream(pairs, recipe).batches(0))[:1]
    before = summarizer.write_tokens(batch)
    with torch.no_grad():
        for each in summarizer.module.parameters():
            if each.requires_grad:
                each.normal_(std=6.0, generator=torch.Generator().manual_seed(1))
    written = summarizer.write_tokens(batch)[0]
    assert [written] != before

    source = torch.tensor([summarizer.source_tokens(batch[0])])
    inputs = torch.tensor([[START, *written[:1]]])
    with torch.no_grad():
        logits = summarizer.model(input_ids=source, decoder_input_ids=inputs).logits[0]
    allowed = sorted({*source[0].tolist(), *summarizer.always_allowed} - {PAD, START})
    assert [allowed[int(row[allowed].argmax())] for row in logits] == written[:2]


def test_adalora_drops_ranks_to_its_budget(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, pairs: Sequence[Pair]
) -> None:
    recipe = msgspec.structs.replace(recipe, tuning="adalora", steps=12, warmup_steps=1, tuning_rank=4)
    summarizer = _trained(make_summarizer(), recipe, pairs, steps=12)
    singular = [each for name, each in summarizer.module.named_parameters() if "lora_E" in name]
    kept = sum(int((each != 0).sum()) for each in singular)
    assert sum(map(len, singular)) == 6 * len(singular)
    assert 0 < kept <= 4 * len(singular)


def test_a_prefix_is_trained_on_but_not_another_way(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe
) -> None:
    summarizer = make_summarizer()
    first = summarizer.parameter_groups(msgspec.structs.replace(recipe, tuning="prefix"))
    again = summarizer.parameter_groups(msgspec.structs.replace(recipe, tuning="prefix"))
    assert again[0]["params"][0] is first[0]["params"][0]
    with pytest.raises(RecipeError, match="tuned already"):
        summarizer.parameter_groups(msgspec.structs.replace(recipe, tuning="lora"))


def test_refuses_to_freeze_more_layers_than_there_are(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe
) -> None:
    with pytest.raises(RecipeError, match="at most 2, not 3"):
        make_summarizer().parameter_groups(
            msgspec.structs.replace(recipe, tuning="lora", frozen_encoder_layers=3)
        )


def test_refuses_a_broken_adapter(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe, tmp_path: Path
) -> None:
    summarizer = make_summarizer()
    summarizer.parameter_groups(msgspec.structs.replace(recipe, tuning="adapter"))
    summarizer.save(tmp_path / "model")
    (tmp_path / "model" / ADAPTER_FOLDER / "adapter.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="adapter cannot be read"):
        read_copying_bart(tmp_path / "model", max_source_tokens=48, max_target_tokens=12)


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")
