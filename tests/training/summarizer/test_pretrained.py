from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import torch
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.pairs import Pair, Split
from gistwire_training.summarizer.examples import Example, Task
from gistwire_training.summarizer.pretrained import PretrainedTrainee, read_pretrained
from gistwire_training.summarizer.recipe import SummarizerRecipe, Tuning
from gistwire_training.summarizer.training import train_summarizer
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

ARCHITECTURES = ["bart", "t5", "gpt2", "llama"]
CAUSAL = ["gpt2", "llama"]
TUNINGS: list[Tuning] = ["full", "lora", "adalora", "prefix", "adapter"]
START, END = 101, 102
EXAMPLES = [
    Example(
        Task.SUMMARY, "Ferry strike", "The union of the harbour said the ferry will stop.", "the ferry strike"
    ),
    Example(Task.HEADLINE, "", "A storm in winter.", "storm"),
]

Read = Callable[[str], PretrainedTrainee]


_SIZES: dict[str, dict[str, Any]] = {
    "bart": {
        "d_model": 32,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "max_position_embeddings": 128,
        "decoder_start_token_id": END,
        "forced_eos_token_id": None,
    },
    "t5": {
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 2,
        "decoder_start_token_id": 0,
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128},
    "llama": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 128,
    },
}


def _model(architecture: str, words: int) -> PreTrainedModel:
    marks = {"vocab_size": words, "pad_token_id": 0, "bos_token_id": START, "eos_token_id": END}
    config: Any = AutoConfig.for_model(architecture, **marks, **_SIZES[architecture])
    kind: Any = AutoModelForCausalLM if architecture in CAUSAL else AutoModelForSeq2SeqLM
    return cast("PreTrainedModel", kind.from_config(config))


@pytest.fixture
def folder_of(tmp_path: Path, tokenizer: Tokenizer) -> Callable[[str], Path]:
    def make(architecture: str) -> Path:
        torch.manual_seed(4)
        folder = tmp_path / architecture
        _model(architecture, tokenizer.get_vocab_size()).save_pretrained(folder)
        if architecture not in CAUSAL:
            tokenizer.post_processor = TemplateProcessing(
                single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
            )
        marks = {"unk_token": "[UNK]", "bos_token": "[CLS]", "eos_token": "[SEP]", "pad_token": "[PAD]"}
        fast: Any = PreTrainedTokenizerFast
        fast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def read(folder_of: Callable[[str], Path]) -> Read:
    def make(architecture: str) -> PretrainedTrainee:
        return read_pretrained(folder_of(architecture), max_source_tokens=40, max_target_tokens=10)

    return make


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_source_is_headline_newline_body_and_a_cue(architecture: str, read: Read) -> None:
    trainee = read(architecture)
    marks = architecture not in CAUSAL
    words = "ferry strike the union of the harbour said the ferry will [UNK] . summary [UNK]"
    expected = f"[CLS] {words} [SEP]" if marks else words
    tokens = trainee.tokenizer.convert_ids_to_tokens(trainee.source_tokens(EXAMPLES[0]))
    assert " ".join(tokens) == expected
    headline = trainee.tokenizer.convert_ids_to_tokens(trainee.source_tokens(EXAMPLES[1]))
    assert [word for word in headline if word not in {"[CLS]", "[SEP]"}][-2:] == ["headline", "[UNK]"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_long_source_keeps_its_cue(architecture: str, read: Read) -> None:
    trainee = read(architecture)
    long = Example(Task.SUMMARY, "ferry " * 50, "storm " * 500, "ferry")
    tokens = trainee.tokenizer.convert_ids_to_tokens(trainee.source_tokens(long))
    assert len(tokens) == 40
    assert "summary" in tokens
    assert 0 < tokens.count("ferry") <= 13
    assert tokens.count("storm") > 20


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_causal_model_learns_on_the_target_alone(architecture: str, read: Read) -> None:
    trainee = read(architecture)
    trainee.module.eval()
    example = EXAMPLES[0]
    source = trainee.source_tokens(example)
    target = [trainee.tokenizer.convert_tokens_to_ids(word) for word in ("the", "ferry", "strike")]
    with torch.no_grad():
        logits = trainee.model(input_ids=torch.tensor([[*source, *target]])).logits[0]
        expected = torch.nn.functional.cross_entropy(logits[len(source) - 1 :], torch.tensor([*target, END]))
        assert float(trainee.loss([example])) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_fills_up_a_batch_changes_nothing(architecture: str, read: Read) -> None:
    trainee = read(architecture)
    trainee.module.eval()
    # Three words and the end mark against one and the end mark, with a mark before each where the tokenizer has one.
    weights = (4, 2) if architecture in CAUSAL else (5, 3)
    with torch.no_grad():
        alone = [float(trainee.loss([example])) for example in EXAMPLES]
        together = float(trainee.loss(EXAMPLES))
    expected = sum(loss * weight for loss, weight in zip(alone, weights, strict=True)) / sum(weights)
    assert together == pytest.approx(expected, rel=1e-4)
    assert trainee.write(EXAMPLES) == [trainee.write([example])[0] for example in EXAMPLES]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tuning", TUNINGS)
def test_trains_and_survives_save_and_read(
    architecture: str,
    tuning: Tuning,
    read: Read,
    recipe: SummarizerRecipe,
    tmp_path: Path,
) -> None:
    trainee = read(architecture)
    optimizer = torch.optim.AdamW(trainee.parameter_groups(msgspec.structs.replace(recipe, tuning=tuning)))
    before = {name: each.clone() for name, each in trainee.module.named_parameters()}
    trainee.module.train()
    for step in range(3):
        torch.autograd.backward(trainee.loss(EXAMPLES))
        optimizer.step()
        trainee.tuning.after_step(step)
        optimizer.zero_grad()
    moved = {name for name, each in trainee.module.named_parameters() if not torch.equal(each, before[name])}
    learning = {name for name, each in trainee.module.named_parameters() if each.requires_grad}
    # AdaLoRA sets ranks that do not matter back to zero, where they began.
    assert moved <= learning if tuning == "adalora" else moved == learning
    mark = {"full": "", "lora": "lora_", "adalora": "lora_", "prefix": "added.", "adapter": "added."}[tuning]
    assert moved
    assert all(mark in name for name in moved)

    trainee.module.eval()
    trainee.save(tmp_path / "saved")
    again = read_pretrained(tmp_path / "saved", max_source_tokens=40, max_target_tokens=10)
    again.module.eval()
    with torch.no_grad():
        assert float(again.loss(EXAMPLES)) == pytest.approx(float(trainee.loss(EXAMPLES)), rel=1e-5)
    assert again.write(EXAMPLES) == trainee.write(EXAMPLES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_writes_with_the_prefix_that_it_learned(
    architecture: str, read: Read, recipe: SummarizerRecipe
) -> None:
    trainee = read(architecture)
    trainee.parameter_groups(msgspec.structs.replace(recipe, tuning="prefix"))
    trainee.module.eval()
    with torch.no_grad():
        for each in trainee.module.parameters():
            if each.requires_grad:
                each.normal_(std=3.0, generator=torch.Generator().manual_seed(1))
    # What fills up the left of a batch must not shift the positions either.
    assert trainee.write(EXAMPLES) == [trainee.write([example])[0] for example in EXAMPLES]
    source = trainee.source_tokens(EXAMPLES[0])
    inputs = {"input_ids": torch.tensor([source]), "attention_mask": torch.ones(1, len(source))}
    causal = architecture in CAUSAL
    with torch.no_grad():
        network: Any = trainee.model
        written = network.generate(**inputs, max_new_tokens=4, do_sample=False, num_beams=1)
        read_again = (
            {"input_ids": written[:, :-1]} if causal else inputs | {"decoder_input_ids": written[:, :-1]}
        )
        logits = network(**read_again).logits
    new = written[0, len(source) :] if causal else written[0, 1:]
    assert logits[0].argmax(-1)[-len(new) :].tolist() == new.tolist()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_freezes_the_lower_layers_and_the_embeddings(
    architecture: str, read: Read, recipe: SummarizerRecipe
) -> None:
    trainee = read(architecture)
    groups = trainee.parameter_groups(recipe)
    frozen = {name for name, each in trainee.module.named_parameters() if not each.requires_grad}
    layer = {
        "bart": "encoder.layers.0.",
        "t5": "encoder.block.0.",
        "gpt2": ".h.0.",
        "llama": "model.layers.0.",
    }
    assert any(layer[architecture] in name for name in frozen)
    assert not any(".1." in name and "block.1" in name for name in frozen)
    assert not trainee.model.get_input_embeddings().weight.requires_grad
    assert sum(len(group["params"]) for group in groups) == sum(
        each.requires_grad for each in trainee.module.parameters()
    )
    # The rates of the encoder, and of all else.
    rates = {group["lr"] for group in groups if group["params"]}
    assert rates == ({1e-2} if architecture in CAUSAL else {5e-3, 1e-2})


def test_nothing_is_frozen_with_no_frozen_layers(read: Read, recipe: SummarizerRecipe) -> None:
    trainee = read("bart")
    trainee.parameter_groups(msgspec.structs.replace(recipe, frozen_encoder_layers=0))
    assert all(each.requires_grad for each in trainee.module.parameters())
    with pytest.raises(RecipeError, match="at most 2, not 3"):
        trainee.parameter_groups(msgspec.structs.replace(recipe, frozen_encoder_layers=3))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_perturbs_what_is_read(architecture: str, read: Read, recipe: SummarizerRecipe) -> None:
    trainee = read(architecture)
    trainee.parameter_groups(msgspec.structs.replace(recipe, adversarial_epsilon=0.1))
    # Dropout is off in evaluation alone, where nothing is perturbed.
    trainee.module.train()
    for module in trainee.module.modules():
        for name in ("p", "dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    loss = trainee.loss(EXAMPLES)
    torch.autograd.backward(loss)
    with trainee.perturbed(0.01):
        adversarial = trainee.loss(EXAMPLES)
        torch.autograd.backward(adversarial)
    assert float(adversarial.detach()) > float(loss.detach())
    torch.testing.assert_close(trainee.loss(EXAMPLES), loss)


def test_perturbing_needs_the_recipe(read: Read) -> None:
    with pytest.raises(RecipeError, match="adversarial_epsilon"):
        read("bart").perturbed(0.1)


def test_a_whole_run(
    read: Read, recipe: SummarizerRecipe, splits: dict[Split, Sequence[Pair]], tmp_path: Path
) -> None:
    recipe = msgspec.structs.replace(recipe, tuning="lora", steps=2)
    result = train_summarizer(read("llama"), splits, tmp_path / "run", recipe)
    trained = read_pretrained(result.model, max_source_tokens=40, max_target_tokens=10)
    assert len(trained.write(EXAMPLES)) == 2


def test_reads_no_weights_but_safetensors(folder_of: Callable[[str], Path]) -> None:
    folder = folder_of("gpt2")
    weights = folder / "model.safetensors"
    torch.save({}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(CheckpointError, match="no checkpoint that can be read"):
        read_pretrained(folder, max_source_tokens=40, max_target_tokens=10)


def test_runs_no_code_from_the_folder(folder_of: Callable[[str], Path]) -> None:
    folder = folder_of("gpt2")
    config = msgspec.json.decode((folder / "config.json").read_bytes())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.Config"}}
    (folder / "config.json").write_bytes(msgspec.json.encode(config))
    (folder / "code.py").write_text("from pathlib import Path\n(Path(__file__).parent / 'ran').touch()\n")
    with pytest.raises(CheckpointError, match="no checkpoint that can be read"):
        read_pretrained(folder, max_source_tokens=40, max_target_tokens=10)
    assert not (folder / "ran").exists()


def test_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no folder"):
        read_pretrained(tmp_path / "owner" / "name", max_source_tokens=40, max_target_tokens=10)
