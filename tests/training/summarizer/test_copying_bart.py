import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest
import torch
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.pairs import Pair
from gistwire_training.summarizer.copying_bart import CopyingBart, read_copying_bart
from gistwire_training.summarizer.examples import Example, Task
from gistwire_training.summarizer.function_words import function_words
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.warm_start import END, PAD, START
from torch import Tensor

MakeSummarizer = Callable[[], CopyingBart]

EXAMPLE = Example(Task.SUMMARY, "Ferry strike", "The harbour union says the ferry will stop.", "ferry strike")
OTHER = Example(Task.SUMMARY, "", "A mayor of the council.", "the mayor")


def test_loss_leaves_out_target_tokens_that_may_not_be_written(make_summarizer: MakeSummarizer) -> None:
    summarizer = make_summarizer()
    summarizer.module.eval()
    # "museum" stands neither in the source nor among the function words, so that of the target the end mark alone
    # counts: its probability after "museum", among the allowed tokens.
    source = torch.tensor([summarizer.source_tokens(EXAMPLE)])
    inputs = torch.tensor([[START, summarizer.tokenizer.token_to_id("museum")]])
    allowed = sorted({*source[0].tolist(), *summarizer.always_allowed} - {PAD, START})
    with torch.no_grad():
        loss = summarizer.loss([_with_target(EXAMPLE, "museum")])
        logits = summarizer.model(input_ids=source, decoder_input_ids=inputs).logits[0, 1]
    assert float(loss) == pytest.approx(float(logits[allowed].logsumexp(0) - logits[END]), rel=1e-4)


def test_loss_is_over_the_allowed_tokens_alone(make_summarizer: MakeSummarizer) -> None:
    summarizer = make_summarizer()
    summarizer.module.eval()
    with torch.no_grad():
        before = summarizer.loss([EXAMPLE])
        # A token that is in no source: whatever it scores cannot matter.
        embeddings = cast("Tensor", summarizer.model.model.shared.weight)
        embeddings[summarizer.tokenizer.token_to_id("museum")] *= 50
        after = summarizer.loss([EXAMPLE])
    assert float(after) == pytest.approx(float(before))
    assert math.isfinite(float(before))


def test_writes_nothing_but_source_and_function_words(
    make_summarizer: MakeSummarizer, pairs: Sequence[Pair]
) -> None:
    summarizer = make_summarizer()
    summarizer.module.eval()
    # Random weights write what they may: over many sources all that is allowed has its chance.
    free = set(function_words())
    written: set[str] = set()
    for pair in pairs:
        example = Example(Task.SUMMARY, pair.headline, pair.body, "")
        source = {summarizer.tokenizer.id_to_token(each) for each in summarizer.source_tokens(example)}
        for token in summarizer.write_tokens([example])[0]:
            word = str(summarizer.tokenizer.id_to_token(token))
            assert word in source | free
            written.add(word)
    assert written


def test_writing_does_not_look_at_the_target(make_summarizer: MakeSummarizer) -> None:
    summarizer = make_summarizer()
    summarizer.module.eval()
    assert summarizer.write([EXAMPLE]) == summarizer.write([_with_target(EXAMPLE, "museum festival")])


def test_freezes_embeddings_and_lower_layers(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe
) -> None:
    summarizer = make_summarizer()
    groups = summarizer.parameter_groups(recipe)
    learning = {name for name, each in summarizer.module.named_parameters() if each.requires_grad}

    assert not any("shared" in name or "embed_tokens" in name or "lm_head" in name for name in learning)
    assert not any("encoder.layers.0." in name and "decoder" not in name for name in learning)
    assert any(name.startswith("model.encoder.layers.1.") for name in learning)
    assert any(name.startswith("model.decoder.layers.0.") for name in learning)
    assert sum(len(group["params"]) for group in groups) == len(learning)
    for group in groups:
        assert all((each.ndim > 1) == bool(group["weight_decay"]) for each in group["params"])
    assert [group["lr"] for group in groups] == [5e-3, 5e-3, 1e-2, 1e-2]


def test_survives_save_and_read(make_summarizer: MakeSummarizer, tmp_path: Path) -> None:
    summarizer = make_summarizer()
    summarizer.module.eval()
    summarizer.save(tmp_path / "model")
    again = read_copying_bart(tmp_path / "model", max_source_tokens=48, max_target_tokens=12)
    again.module.eval()
    with torch.no_grad():
        losses = [float(each.loss([EXAMPLE, OTHER])) for each in (again, summarizer)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert again.write([EXAMPLE, OTHER]) == summarizer.write([EXAMPLE, OTHER])


def test_refuses_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no summarizer"):
        read_copying_bart(tmp_path, max_source_tokens=48, max_target_tokens=12)


def test_perturbs_the_embedded_source_with_frozen_embeddings(
    make_summarizer: MakeSummarizer, recipe: SummarizerRecipe
) -> None:
    summarizer = make_summarizer()
    summarizer.parameter_groups(msgspec.structs.replace(recipe, adversarial_epsilon=0.5))
    weights = {name: each.clone() for name, each in summarizer.module.state_dict().items()}
    summarizer.module.train()
    batch = [EXAMPLE, OTHER]
    loss = summarizer.loss(batch)
    torch.autograd.backward(loss)
    with summarizer.perturbed(0.01):
        adversarial = summarizer.loss(batch)
        torch.autograd.backward(adversarial)
    # Along its gradient the loss rises.
    assert float(adversarial.detach()) > float(loss.detach())
    # Afterwards all is as it was.
    assert torch.equal(summarizer.loss(batch), loss)
    assert all(torch.equal(each, weights[name]) for name, each in summarizer.module.state_dict().items())


def test_each_source_moves_by_epsilon(make_summarizer: MakeSummarizer, recipe: SummarizerRecipe) -> None:
    summarizer = make_summarizer()
    summarizer.parameter_groups(msgspec.structs.replace(recipe, adversarial_epsilon=0.5))
    summarizer.module.train()
    embedded: list[torch.Tensor] = []

    def record(module: torch.nn.Module, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        embedded.append(kwargs["inputs_embeds"].detach().clone())

    summarizer.model.model.encoder.register_forward_pre_hook(record, with_kwargs=True)
    batch = [EXAMPLE, OTHER]
    torch.autograd.backward(summarizer.loss(batch))
    with summarizer.perturbed(0.25):
        torch.autograd.backward(summarizer.loss(batch))
    moved = (embedded[1] - embedded[0]).flatten(1).norm(dim=1)
    assert moved.tolist() == pytest.approx([0.25, 0.25], rel=1e-4)
    # What fills up the shorter source stays in place.
    assert torch.equal(embedded[1][1, -1], embedded[0][1, -1])


def test_perturbing_needs_a_gradient(make_summarizer: MakeSummarizer, recipe: SummarizerRecipe) -> None:
    summarizer = make_summarizer()
    with pytest.raises(RecipeError, match="adversarial_epsilon"):
        summarizer.perturbed(0.1)
    summarizer.parameter_groups(msgspec.structs.replace(recipe, adversarial_epsilon=0.5))
    with pytest.raises(RecipeError, match="backward"), summarizer.perturbed(0.1):
        pass


def _with_target(example: Example, target: str) -> Example:
    return Example(example.task, example.headline, example.body, target)
